//! From a request to its response: authentication, the endpoint, the access log.
//!
//! Names have slashes, which the routes of a web framework cannot have in their middle.

use std::sync::Arc;
use std::time::Duration;

use axum::http::header::{ALLOW, EXPECT};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use tokio::time::timeout;

use super::net::{Request, RequestBody};
use super::response::{Refusal, json};
use super::route::Route;
use super::server::Server;

/// Says that this is a registry; clients older than the OCI specification look for it.
const API_VERSION: HeaderName = HeaderName::from_static("docker-distribution-api-version");

/// How much of a refused body is read, and for how long.
const DRAIN_BYTES: usize = 16 * 1024 * 1024;
const DRAIN_TIME: Duration = Duration::from_secs(5);

/// The target of the access log: one debug line `METHOD PATH STATUS` per request, or one with the client's address
/// before it if the log is asked for.
pub const ACCESS_LOG: &str = "longshore::serve::access";

impl Server {
    async fn handle(&self, request: &mut Request) -> Result<Response, Refusal> {
        self.check(&request.parts, request.peer).await?;
        let (request, body) = (&request.parts, &mut request.body);
        let route = Route::parse(request.uri.path(), &request.method)?;
        let (method, query) = (&request.method, request.uri.query());
        let reads = *method == Method::GET || *method == Method::HEAD;
        if self.read_only && !reads {
            return Err(Refusal::read_only());
        }
        match (method, route) {
            (_, Route::Web) if reads => self.show(query).await,
            (_, Route::Root) if reads => Ok(json(StatusCode::OK, [], "{}".to_owned())),
            (_, Route::Catalog) if reads => self.list_repositories(query).await,
            (_, Route::Tags(name)) if reads => self.list_tags(&name, query).await,
            (_, Route::Referrers(name, subject)) if reads => {
                self.list_referrers(&name, &subject, query).await
            }
            (_, Route::Manifest(name, reference)) if reads => {
                self.get_manifest(&name, &reference, method).await
            }
            (&Method::PUT, Route::Manifest(name, reference)) => {
                self.put_manifest(&name, reference, request, body).await
            }
            (&Method::DELETE, Route::Manifest(name, reference)) => {
                self.delete_manifest(&name, &reference).await
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

/// What can be done everywhere.
const READS: &str = "GET, HEAD";
/// What can be done with manifests.
const OF_MANIFESTS: &str = "GET, HEAD, PUT, DELETE";

/// What can be done at a path.
const fn allowed(route: &Route) -> &'static str {
    match route {
        Route::Web | Route::Root | Route::Catalog | Route::Tags(_) | Route::Referrers(..) => READS,
        Route::Manifest(..) => OF_MANIFESTS,
        Route::Blob(..) => "GET, HEAD, DELETE",
        Route::Uploads(_) => "POST",
        Route::Upload(..) => "GET, PATCH, PUT, DELETE",
    }
}

/// Answers a request.
pub(super) async fn respond(server: Arc<Server>, mut request: Request) -> Response {
    let handled = server.handle(&mut request).await;
    let Request { parts: request, mut body, peer, .. } = request;
    let mut response = match handled {
        Ok(response) => response,
        Err(refusal) => {
            // Reading the body would ask a client that waits for `100 Continue` to send it.
            if !request.headers.contains_key(EXPECT) {
                let _ = timeout(DRAIN_TIME, drain(&mut body)).await;
            }
            refusal.into_response()
        }
    };
    let version = HeaderValue::from_static("registry/2.0");
    response.headers_mut().insert(API_VERSION, version);
    if let Ok(Route::Manifest(..)) = Route::parse(request.uri.path(), &request.method) {
        // A client learns whether it may push, without trying it (RFC 9110, section 10.2.1).
        let allowed = if server.read_only { READS } else { OF_MANIFESTS };
        response.headers_mut().entry(ALLOW).or_insert(HeaderValue::from_static(allowed));
    }
    // One line per request, which tests count.
    let status = response.status().as_u16();
    if server.access_log {
        tracing::info!(target: ACCESS_LOG, "{peer} {} {} {status}", request.method, request.uri);
    } else {
        tracing::debug!(target: ACCESS_LOG, "{} {} {status}", request.method, request.uri);
    }
    response
}

/// Reads what is left of a body. A connection closed with bytes unread is reset, and with it goes
/// the response that the client should see.
async fn drain(body: &mut RequestBody) {
    let mut left = DRAIN_BYTES;
    while let Some(Ok(frame)) = body.next().await {
        match left.checked_sub(frame.len()) {
            Some(less) => left = less,
            None => break,
        }
    }
}
