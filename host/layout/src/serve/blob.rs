//! Endpoints of existing blobs: reading and deleting.

use std::ops::Range;

use axum::body::Body;
use axum::http::header::{
    ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, IF_RANGE, RANGE,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::Response;

use longshore_oci::{Digest, Repository};

use super::response::{CONTENT_DIGEST, Code, Refusal, response, text};
use super::server::Server;
use crate::folder::{BlobPieces, DeletedBlob};

impl Server {
    /// `GET` and `HEAD` of a blob.
    pub(super) async fn get_blob(
        &self,
        repository: &Repository,
        digest: &Digest,
        request: &Parts,
    ) -> Result<Response, Refusal> {
        let asked = (request.method != Method::HEAD).then(|| request.headers.clone());
        let choose = move |size| match part_of(asked.as_ref()?, size) {
            Ok(None) => Some(0..size),
            Ok(part) => part,
            Err(Unsatisfiable) => None,
        };
        let opened = self.folder.open_whole_blob(repository, digest, choose).await;
        let opened = opened.map_err(|error| Refusal::fault("read the blob", &error))?;
        let (size, pieces) = opened.ok_or_else(|| Refusal::no_blob(digest))?;
        let part = match request.method {
            Method::HEAD => Ok(None),
            _ => part_of(&request.headers, size),
        };
        let mut headers = vec![
            (ACCEPT_RANGES, HeaderValue::from_static("bytes")),
            (CONTENT_DIGEST, text(digest)),
            (CONTENT_TYPE, HeaderValue::from_static("application/octet-stream")),
        ];
        let (status, length) = match part {
            Ok(None) => (StatusCode::OK, size),
            Ok(Some(part)) => {
                let range = format!("bytes {}-{}/{size}", part.start, part.end - 1);
                headers.push((CONTENT_RANGE, text(range)));
                (StatusCode::PARTIAL_CONTENT, part.end - part.start)
            }
            Err(Unsatisfiable) => {
                let refusal = Refusal::new(
                    StatusCode::RANGE_NOT_SATISFIABLE,
                    Code::SizeInvalid,
                    format!("the range lies outside of the {size} bytes"),
                );
                return Err(refusal.with(CONTENT_RANGE, text(format!("bytes */{size}"))));
            }
        };
        headers.push((CONTENT_LENGTH, HeaderValue::from(length)));
        Ok(response(status, headers, pieces.map_or_else(Body::empty, body)))
    }

    /// `DELETE` of a blob.
    pub(super) async fn delete_blob(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<Response, Refusal> {
        let deleted = self.folder.delete_blob(repository, digest).await;
        match deleted.map_err(|error| Refusal::fault("delete the blob", &error))? {
            DeletedBlob::Deleted => Ok(response(StatusCode::ACCEPTED, [], Body::empty())),
            DeletedBlob::NotFound => Err(Refusal::no_blob(digest)),
            DeletedBlob::InUse => {
                let message = format!("a manifest names {digest}: delete that first");
                Err(Refusal::in_use(message))
            }
            DeletedBlob::IsManifest => {
                let message = format!("{digest} is a manifest: delete it as one");
                let status = StatusCode::METHOD_NOT_ALLOWED;
                Err(Refusal::new(status, Code::Unsupported, message))
            }
        }
    }
}

/// The range starts after the end.
#[derive(Debug, PartialEq, Eq)]
struct Unsatisfiable;

/// The part that a `Range` header asks for (RFC 9110, section 14.2); none is the whole. Several
/// ranges, other units and nonsense are ignored, as that section says. A range that ends before it
/// starts cannot be satisfied, as the conformance suite expects.
fn part_of(headers: &HeaderMap, size: u64) -> Result<Option<Range<u64>>, Unsatisfiable> {
    // Without an ETag of ours, no condition can hold.
    if headers.contains_key(IF_RANGE) {
        return Ok(None);
    }
    let asked = headers.get(RANGE).and_then(|range| range.to_str().ok());
    let Some((first, last)) = asked
        .and_then(|asked| asked.strip_prefix("bytes="))
        .and_then(|asked| asked.trim().split_once('-'))
    else {
        return Ok(None);
    };
    // `parse` takes a plus, which is no digit.
    if asked.is_some_and(|asked| asked.contains('+')) {
        return Ok(None);
    }
    let part = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) if first > last => return Err(Unsatisfiable),
        (Ok(first), Ok(last)) => first..last.saturating_add(1).min(size),
        (Ok(first), Err(_)) if last.is_empty() => first..size,
        (Err(_), Ok(count)) if first.is_empty() => {
            if count == 0 {
                return Err(Unsatisfiable);
            }
            size.saturating_sub(count)..size
        }
        _ => return Ok(None),
    };
    if part.start < part.end { Ok(Some(part)) } else { Err(Unsatisfiable) }
}

/// A response's body of these pieces.
pub(super) fn body(pieces: BlobPieces) -> Body {
    match pieces.whole() {
        Ok(bytes) => Body::from(bytes),
        Err(pieces) => Body::from_stream(pieces.into_stream()),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;
    use axum::http::header::{IF_RANGE, RANGE};

    use super::{Unsatisfiable, part_of};

    fn part(range: &str) -> Result<Option<std::ops::Range<u64>>, Unsatisfiable> {
        let mut headers = HeaderMap::new();
        headers.insert(RANGE, range.parse().unwrap());
        part_of(&headers, 10)
    }

    #[test]
    fn ranges_are_read_as_http_says() {
        assert_eq!(part("bytes=0-3"), Ok(Some(0..4)));
        assert_eq!(part("bytes=4-"), Ok(Some(4..10)));
        assert_eq!(part("bytes=4-99"), Ok(Some(4..10)));
        assert_eq!(part("bytes=-3"), Ok(Some(7..10)));
        assert_eq!(part("bytes=-30"), Ok(Some(0..10)));
        assert_eq!(part("bytes=10-"), Err(Unsatisfiable));
        assert_eq!(part("bytes=-0"), Err(Unsatisfiable));
        for backwards in ["bytes=3-1", "bytes=9-0", "bytes=500-0"] {
            assert_eq!(part(backwards), Err(Unsatisfiable), "{backwards}");
        }
        for ignored in [
            "bytes=0-1,3-4",
            "lines=0-1",
            "bytes=a-b",
            "bytes=-",
            "bytes=+1-3",
            "bytes=1-+3",
            "bytes=-+3",
        ] {
            assert_eq!(part(ignored), Ok(None), "{ignored}");
        }
        let mut headers = HeaderMap::new();
        headers.insert(RANGE, "bytes=0-3".parse().unwrap());
        headers.insert(IF_RANGE, "\"x\"".parse().unwrap());
        assert_eq!(part_of(&headers, 10), Ok(None));
    }
}
