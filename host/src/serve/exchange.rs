//! A request and its answer: authentication, the endpoint, the access log.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::BodyDataStream;
use axum::extract::{Request, State};
use axum::http::header::EXPECT;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use futures_util::StreamExt as _;
use tokio::time::timeout;

use super::answer::{Refusal, json};
use super::htpasswd::Htpasswd;
use super::route::Route;
use super::store::Store;
use super::upload::Uploads;

/// Says that this is a registry; clients older than the OCI specification look for it.
const API_VERSION: HeaderName = HeaderName::from_static("docker-distribution-api-version");

/// How much of a refused body is read, and for how long.
const DRAIN_BYTES: usize = 16 * 1024 * 1024;
const DRAIN_TIME: Duration = Duration::from_secs(5);

/// What all requests share.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) users: Option<Htpasswd>,
    pub(super) store: Store,
    pub(super) uploads: Uploads,
}

impl Server {
    /// A router that hands every path to this server: names have slashes, which routes of axum
    /// cannot have in their middle.
    pub(super) fn into_router(self) -> Router {
        Router::new().fallback(exchange).with_state(Arc::new(self))
    }

    async fn answer(
        &self,
        request: &Parts,
        body: &mut BodyDataStream,
    ) -> Result<Response, Refusal> {
        if let Some(users) = &self.users {
            users.check(&request.headers).await?;
        }
        let route = Route::parse(request.uri.path())?;
        let (method, query) = (&request.method, request.uri.query());
        let reads = *method == Method::GET || *method == Method::HEAD;
        match (method, route) {
            (_, Route::Root) if reads => Ok(json(StatusCode::OK, [], "{}".to_owned())),
            (_, Route::Catalog) if reads => self.list_repositories(query).await,
            (_, Route::Tags(name)) if reads => self.list_tags(&name, query).await,
            (_, Route::Referrers(name, subject)) if reads => {
                self.list_referrers(&name, &subject, query).await
            }
            (_, Route::Manifest(name, which)) if reads => {
                self.get_manifest(&name, &which, method).await
            }
            (&Method::PUT, Route::Manifest(name, which)) => {
                self.put_manifest(&name, which, request, body).await
            }
            (&Method::DELETE, Route::Manifest(name, which)) => {
                self.delete_manifest(&name, &which).await
            }
            (_, Route::Blob(name, digest)) if reads => self.get_blob(&name, &digest, request).await,
            (&Method::DELETE, Route::Blob(name, digest)) => self.delete_blob(&name, &digest).await,
            (&Method::POST, Route::Uploads(name)) => self.begin_upload(&name, request, body).await,
            (&Method::GET, Route::Upload(name, id)) => self.upload_status(&name, &id).await,
            (&Method::PATCH, Route::Upload(name, id)) => {
                self.continue_upload(&name, &id, request, body).await
            }
            (&Method::PUT, Route::Upload(name, id)) => {
                self.complete_upload(&name, &id, request, body).await
            }
            (&Method::DELETE, Route::Upload(name, id)) => self.cancel_upload(&name, &id).await,
            (_, route) => Err(Refusal::method(allowed(&route))),
        }
    }
}

/// What can be done at a path.
const fn allowed(route: &Route) -> &'static str {
    match route {
        Route::Root | Route::Catalog | Route::Tags(_) | Route::Referrers(..) => "GET, HEAD",
        Route::Manifest(..) => "GET, HEAD, PUT, DELETE",
        Route::Blob(..) => "GET, HEAD, DELETE",
        Route::Uploads(_) => "POST",
        Route::Upload(..) => "GET, PATCH, PUT, DELETE",
    }
}

async fn exchange(State(server): State<Arc<Server>>, request: Request) -> Response {
    let (request, body) = request.into_parts();
    let mut body = body.into_data_stream();
    let mut response = match server.answer(&request, &mut body).await {
        Ok(response) => response,
        Err(refusal) => {
            // A client that waits for leave to send its body must not be asked for it now.
            if !request.headers.contains_key(EXPECT) {
                let _ = timeout(DRAIN_TIME, drain(&mut body)).await;
            }
            refusal.into_response()
        }
    };
    let version = HeaderValue::from_static("registry/2.0");
    response.headers_mut().insert(API_VERSION, version);
    // One line per request, which tests count.
    let status = response.status().as_u16();
    tracing::debug!(target: super::ACCESS_LOG, "{} {} {status}", request.method, request.uri);
    response
}

/// Reads what is left of a body. A connection closed with bytes unread is reset, and with it goes
/// the answer that the client should see.
async fn drain(body: &mut BodyDataStream) {
    let mut left = DRAIN_BYTES;
    while let Some(Ok(frame)) = body.next().await {
        match left.checked_sub(frame.len()) {
            Some(less) => left = less,
            None => break,
        }
    }
}
