//! Uploads: sessions of several requests, and their endpoints.

mod sessions;
mod spool;

use axum::body::Body;
use axum::http::header::{CONTENT_LENGTH, CONTENT_RANGE, LOCATION, RANGE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;

use longshore_oci::{Digest, Repository};

use super::net::RequestBody;
use super::response::{Code, Refusal, created, response, text};
use super::route::{digest, parameter};
use super::server::Server;
use spool::{finish, pause, receive};

pub(super) use sessions::Uploads;

impl Server {
    /// `POST`: mounts a blob, takes one in a single request, or opens a session.
    pub(super) async fn begin_upload(
        &self,
        repository: &Repository,
        request: &Parts,
        body: &mut RequestBody,
    ) -> Result<Response, Refusal> {
        let query = request.uri.query();
        if let Some(wanted) = parameter(query, "digest") {
            let wanted = digest(&wanted)?;
            let mut spool = self.uploads.alone().await;
            spool.expect(&wanted);
            let (spool, rest) = receive(spool, body).await?;
            finish(spool, rest, repository, &wanted).await?;
            return Ok(created(location(repository, &wanted), &wanted));
        }
        let wanted = parameter(query, "mount").and_then(|wanted| wanted.parse::<Digest>().ok());
        // What cannot be mounted is uploaded: the session is the answer to every other case.
        if let Some(wanted) = wanted {
            let from = parameter(query, "from").map(|from| from.parse::<Repository>());
            let mounted = match from {
                Some(Ok(from)) => self.folder.mount(&wanted, None, &from, repository).await,
                Some(Err(_)) => Ok(false),
                // A client with access may read every repository.
                None => self.folder.mount_from_any(&wanted, repository).await,
            };
            if mounted.map_err(|error| Refusal::fault("mount the blob", &error))? {
                return Ok(created(location(repository, &wanted), &wanted));
            }
        }
        let id = self.uploads.open(repository);
        Ok(progress(StatusCode::ACCEPTED, repository, &id, 0))
    }

    /// `GET` of a session: how many bytes have arrived.
    pub(super) async fn upload_status(
        &self,
        repository: &Repository,
        id: &str,
    ) -> Result<Response, Refusal> {
        let received = self.uploads.lock_spool(repository, id).await?.received();
        Ok(progress(StatusCode::NO_CONTENT, repository, id, received))
    }

    /// `PATCH`: one more chunk.
    pub(super) async fn continue_upload(
        &self,
        repository: &Repository,
        id: &str,
        request: &Parts,
        body: &mut RequestBody,
    ) -> Result<Response, Refusal> {
        let spool = self.uploads.lock_spool(repository, id).await?;
        check_place(&request.headers, repository, id, spool.received())?;
        let (spool, rest) = receive(spool, body).await?;
        let received = pause(spool, rest).await?;
        Ok(progress(StatusCode::ACCEPTED, repository, id, received))
    }

    /// `PUT`: the last chunk, or nothing more, and the digest of the whole.
    pub(super) async fn complete_upload(
        &self,
        repository: &Repository,
        id: &str,
        request: &Parts,
        body: &mut RequestBody,
    ) -> Result<Response, Refusal> {
        let wanted = parameter(request.uri.query(), "digest");
        let wanted = digest(&wanted.ok_or_else(|| {
            Refusal::bad(Code::DigestInvalid, "the parameter \"digest\" is missing")
        })?)?;
        let mut spool = self.uploads.lock_spool(repository, id).await?;
        check_place(&request.headers, repository, id, spool.received())?;
        spool.expect(&wanted);
        let (spool, rest) = receive(spool, body).await?;
        let finished = finish(spool, rest, repository, &wanted).await;
        self.uploads.close(id);
        finished?;
        Ok(created(location(repository, &wanted), &wanted))
    }

    /// `DELETE` of a session.
    pub(super) async fn cancel_upload(
        &self,
        repository: &Repository,
        id: &str,
    ) -> Result<Response, Refusal> {
        drop(self.uploads.lock_spool(repository, id).await?);
        self.uploads.close(id);
        Ok(response(StatusCode::NO_CONTENT, [], Body::empty()))
    }
}

fn location(repository: &Repository, digest: &Digest) -> String {
    format!("/v2/{repository}/blobs/{digest}")
}

/// Where a session is, and how far it has come.
fn session_headers(
    repository: &Repository,
    id: &str,
    received: u64,
) -> [(HeaderName, HeaderValue); 3] {
    // An empty session reads like one of a single byte: that is what docker-registry answers.
    let range = format!("0-{}", received.saturating_sub(1));
    [
        (LOCATION, text(format!("/v2/{repository}/blobs/uploads/{id}"))),
        (RANGE, text(range)),
        (HeaderName::from_static("docker-upload-uuid"), text(id)),
    ]
}

fn progress(status: StatusCode, repository: &Repository, id: &str, received: u64) -> Response {
    let headers = session_headers(repository, id, received);
    let mut response = response(status, headers, Body::empty());
    if status != StatusCode::NO_CONTENT {
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(0));
    }
    response
}

/// Chunks must come in order: a `Content-Range` starts where the last one ended.
fn check_place(
    headers: &HeaderMap,
    repository: &Repository,
    id: &str,
    received: u64,
) -> Result<(), Refusal> {
    let Some(stated) = headers.get(CONTENT_RANGE) else {
        return Ok(());
    };
    let numbers = stated.to_str().ok().and_then(|stated| {
        let range = stated.strip_prefix("bytes ").unwrap_or(stated);
        let range = range.split('/').next().unwrap_or_default();
        let (first, last) = range.trim().split_once('-')?;
        Some((first.parse::<u64>().ok()?, last.parse::<u64>().ok()?))
    });
    let Some((first, last)) = numbers else {
        let message = "the Content-Range is not of the form FIRST-LAST";
        return Err(Refusal::bad(Code::BlobUploadInvalid, message));
    };
    if first != received {
        let message = format!("the chunk starts at {first}, but {received} bytes are here");
        let status = StatusCode::RANGE_NOT_SATISFIABLE;
        let mut refusal = Refusal::new(status, Code::BlobUploadInvalid, message);
        for (name, value) in session_headers(repository, id, received) {
            refusal = refusal.with(name, value);
        }
        return Err(refusal);
    }
    let length =
        headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    let stated = last.checked_sub(first).map(|more| more.saturating_add(1));
    if length.is_some_and(|length| Some(length) != stated && length > 0) {
        let message = "the Content-Range has another length than the body";
        return Err(Refusal::bad(Code::SizeInvalid, message));
    }
    Ok(())
}
