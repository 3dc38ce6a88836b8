//! A request and its answer: authentication, the endpoint, the access log.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};

use super::answer::{Refusal, json};
use super::htpasswd::Htpasswd;
use super::route::Route;
use super::store::Store;
use super::upload::Uploads;

/// Says that this is a registry; clients older than the OCI specification look for it.
const API_VERSION: HeaderName = HeaderName::from_static("docker-distribution-api-version");

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

    async fn answer(&self, request: Request) -> Result<Response, Refusal> {
        if let Some(users) = &self.users {
            users.check(request.headers()).await?;
        }
        let (request, body) = request.into_parts();
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
                self.put_manifest(&name, which, &request, body).await
            }
            (&Method::DELETE, Route::Manifest(name, which)) => {
                self.delete_manifest(&name, &which).await
            }
            (_, Route::Blob(name, digest)) if reads => {
                self.get_blob(&name, &digest, &request).await
            }
            (&Method::DELETE, Route::Blob(name, digest)) => self.delete_blob(&name, &digest).await,
            (&Method::POST, Route::Uploads(name)) => self.begin_upload(&name, &request, body).await,
            (&Method::GET, Route::Upload(name, id)) => self.upload_status(&name, &id).await,
            (&Method::PATCH, Route::Upload(name, id)) => {
                self.continue_upload(&name, &id, &request, body).await
            }
            (&Method::PUT, Route::Upload(name, id)) => {
                self.complete_upload(&name, &id, &request, body).await
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
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let answered = server.answer(request).await;
    let mut response = answered.unwrap_or_else(Refusal::into_response);
    let version = HeaderValue::from_static("registry/2.0");
    response.headers_mut().insert(API_VERSION, version);
    // One line per request, which tests count.
    let status = response.status().as_u16();
    tracing::debug!(target: super::ACCESS_LOG, "{method} {uri} {status}");
    response
}
