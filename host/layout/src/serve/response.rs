//! Responses: refusals as the specification's error document, and headers.

use std::fmt::Display;
use std::io;

use axum::body::Body;
use axum::http::header::{
    ALLOW, CONTENT_LENGTH, CONTENT_TYPE, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE,
};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use longshore_oci::{Digest, Repository};

use super::net::BodyError;

/// The digest of what a response is about.
pub(super) const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// An error code (distribution-spec, "Error codes"; the last is docker-registry's).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    BlobUnknown,
    BlobUploadInvalid,
    BlobUploadUnknown,
    Denied,
    DigestInvalid,
    ManifestBlobUnknown,
    ManifestInvalid,
    ManifestUnknown,
    NameInvalid,
    NameUnknown,
    PaginationNumberInvalid,
    SizeInvalid,
    TooManyRequests,
    Unauthorized,
    Unsupported,
    Unknown,
}

impl Code {
    const fn as_str(self) -> &'static str {
        match self {
            Self::BlobUnknown => "BLOB_UNKNOWN",
            Self::BlobUploadInvalid => "BLOB_UPLOAD_INVALID",
            Self::BlobUploadUnknown => "BLOB_UPLOAD_UNKNOWN",
            Self::Denied => "DENIED",
            Self::DigestInvalid => "DIGEST_INVALID",
            Self::ManifestBlobUnknown => "MANIFEST_BLOB_UNKNOWN",
            Self::ManifestInvalid => "MANIFEST_INVALID",
            Self::ManifestUnknown => "MANIFEST_UNKNOWN",
            Self::NameInvalid => "NAME_INVALID",
            Self::NameUnknown => "NAME_UNKNOWN",
            Self::PaginationNumberInvalid => "PAGINATION_NUMBER_INVALID",
            Self::SizeInvalid => "SIZE_INVALID",
            Self::TooManyRequests => "TOOMANYREQUESTS",
            Self::Unauthorized => "UNAUTHORIZED",
            Self::Unsupported => "UNSUPPORTED",
            Self::Unknown => "UNKNOWN",
        }
    }
}

/// A request that is refused.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    code: Code,
    message: String,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, code: Code, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), headers: Vec::new() }
    }

    /// 400 with `code`.
    pub(super) fn bad(code: Code, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// 404 with `code`.
    pub(super) fn absent(code: Code, message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, message)
    }

    /// The repository holds no manifest and never did.
    pub(super) fn no_repository(repository: &Repository) -> Self {
        Self::absent(Code::NameUnknown, format!("repository {repository} is not known here"))
    }

    /// The blob is not in the repository.
    pub(super) fn no_blob(digest: &Digest) -> Self {
        Self::absent(Code::BlobUnknown, format!("blob {digest} is not in this repository"))
    }

    /// The user or the password is missing or wrong.
    pub(super) fn unauthorized(message: &'static str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, Code::Unauthorized, message)
            .with(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"longshore\""))
    }

    /// Too many passwords wait to be checked.
    pub(super) fn too_many_attempts() -> Self {
        let message = "too many passwords are being checked; try again later";
        Self::new(StatusCode::TOO_MANY_REQUESTS, Code::TooManyRequests, message)
            .with(RETRY_AFTER, HeaderValue::from_static("1"))
    }

    /// The body of a request did not arrive.
    pub(super) fn body(code: Code, error: &BodyError) -> Self {
        let status = match error {
            BodyError::Slow => StatusCode::REQUEST_TIMEOUT,
            BodyError::Broken(_) => StatusCode::BAD_REQUEST,
        };
        Self::new(status, code, error.to_string())
    }

    /// Something else needs what was to be deleted.
    pub(super) fn in_use(message: String) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, Code::Denied, message)
    }

    /// Nothing can be written here.
    pub(super) fn read_only() -> Self {
        let status = StatusCode::METHOD_NOT_ALLOWED;
        Self::new(status, Code::Denied, "this registry is read-only")
            .with(ALLOW, HeaderValue::from_static("GET, HEAD"))
    }

    /// The path exists and does not take this method.
    pub(super) fn method(allowed: &'static str) -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            Code::Unsupported,
            format!("allowed here: {allowed}"),
        )
        .with(ALLOW, HeaderValue::from_static(allowed))
    }

    /// Something on this machine failed, most likely the disk.
    pub(super) fn fault(doing: &str, error: &io::Error) -> Self {
        tracing::warn!("failed to {doing}: {error}");
        let full =
            matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
        let status =
            if full { StatusCode::INSUFFICIENT_STORAGE } else { StatusCode::INTERNAL_SERVER_ERROR };
        Self::new(status, Code::Unknown, format!("failed to {doing}: {error}"))
    }

    /// The same with one more header.
    pub(super) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let document = serde_json::json!({
            "errors": [{"code": self.code.as_str(), "message": self.message}]
        });
        json(self.status, self.headers, document.to_string())
    }
}

/// `value` as a header; characters that no header can hold are escaped.
pub(super) fn text(value: impl Display) -> HeaderValue {
    let value = value.to_string();
    HeaderValue::try_from(&value)
        .or_else(|_| HeaderValue::try_from(value.escape_default().to_string()))
        .unwrap_or(HeaderValue::from_static("unprintable"))
}

/// A response with these headers.
pub(super) fn response(
    status: StatusCode,
    headers: impl IntoIterator<Item = (HeaderName, HeaderValue)>,
    body: impl Into<Body>,
) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().extend(headers);
    response
}

/// A JSON document with these headers.
pub(super) fn json(
    status: StatusCode,
    headers: impl IntoIterator<Item = (HeaderName, HeaderValue)>,
    document: String,
) -> Response {
    let mut response = response(status, headers, document);
    response
        .headers_mut()
        .entry(CONTENT_TYPE)
        .or_insert(HeaderValue::from_static("application/json"));
    response
}

/// 201: `digest` is now at `location`.
pub(super) fn created(location: impl Display, digest: &Digest) -> Response {
    let headers = [
        (LOCATION, text(location)),
        (CONTENT_DIGEST, text(digest)),
        (CONTENT_LENGTH, HeaderValue::from(0)),
    ];
    response(StatusCode::CREATED, headers, Body::empty())
}
