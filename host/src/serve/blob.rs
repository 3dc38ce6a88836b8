//! Endpoints of blobs that are there: reading and deleting.

use std::fs::File;
use std::io::{self, Read as _};
use std::ops::Range;

use axum::body::Body;
use axum::http::header::{
    ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, IF_RANGE, RANGE,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::Response;
use futures_util::stream;
use tokio::task::JoinHandle;

use crate::oci::{Digest, Repository};

use super::answer::{CONTENT_DIGEST, Code, Refusal, answer, text};
use super::exchange::Server;
use super::layout::blocking;

/// What is read from disk at once; while it is sent, the next is read.
const CHUNK: u64 = 512 * 1024;

impl Server {
    /// `GET` and `HEAD` of a blob.
    pub(super) async fn get_blob(
        &self,
        repository: &Repository,
        digest: &Digest,
        request: &Parts,
    ) -> Result<Response, Refusal> {
        let (disk, at, wanted) = (self.store.disk.clone(), repository.clone(), digest.clone());
        let is_head = request.method == Method::HEAD;
        let asked = (!is_head).then(|| request.headers.clone());
        let opened = blocking(move || {
            let Some((file, size)) = disk.open_blob(&at, &wanted)? else {
                return Ok(None);
            };
            let part = match &asked {
                Some(headers) => part_of(headers, size),
                None => Ok(None),
            };
            let whole = 0..size;
            let first = match (&part, is_head) {
                (Ok(part), false) => Some(read(file, part.clone().unwrap_or(whole))?),
                _ => None,
            };
            Ok(Some((size, part, first)))
        });
        let opened = opened.await.map_err(|error| Refusal::fault("read the blob", &error))?;
        let (size, part, first) = opened.ok_or_else(|| Refusal::no_blob(digest))?;
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
        Ok(answer(status, headers, first.map_or_else(Body::empty, sent)))
    }

    /// `DELETE` of a blob.
    pub(super) async fn delete_blob(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<Response, Refusal> {
        let layout = self.store.layout(repository);
        let is_manifest = layout
            .read(|contents| contents.known(digest).is_some())
            .await
            .map_err(|error| Refusal::fault("read the repository", &error))?;
        if is_manifest == Some(true) {
            let message = format!("{digest} is a manifest: delete it as one");
            let status = StatusCode::METHOD_NOT_ALLOWED;
            return Err(Refusal::new(status, Code::Unsupported, message));
        }
        let path = self.store.disk.blob_path(repository, digest);
        match blocking(move || std::fs::remove_file(path)).await {
            Ok(()) => Ok(answer(StatusCode::ACCEPTED, [], Body::empty())),
            Err(error) if super::disk::is_absent(&error) => Err(Refusal::no_blob(digest)),
            Err(error) => Err(Refusal::fault("delete the blob", &error)),
        }
    }
}

/// The range starts behind the end.
#[derive(Debug, PartialEq, Eq)]
struct Unsatisfiable;

/// The part that a `Range` header asks for (RFC 9110, section 14.2); none is the whole. Several
/// ranges, other units and nonsense are ignored, as that section says.
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
    let part = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => first..last.saturating_add(1).min(size),
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

/// A piece of a file, and the file with what is still to be read.
type Piece = (Vec<u8>, File, u64);

/// Reads the first piece of a part.
fn read(mut file: File, part: Range<u64>) -> io::Result<Piece> {
    if part.start > 0 {
        io::Seek::seek(&mut file, io::SeekFrom::Start(part.start))?;
    }
    read_on(file, part.end - part.start)
}

fn read_on(file: File, left: u64) -> io::Result<Piece> {
    let length = left.min(CHUNK);
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
    let mut limited = file.take(length);
    limited.read_to_end(&mut bytes)?;
    if (bytes.len() as u64) < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok((bytes, limited.into_inner(), left - length))
}

/// A body of the first piece and what follows it.
fn sent((first, file, left): Piece) -> Body {
    if left == 0 {
        return Body::from(first);
    }
    let next = |file, left: u64| -> Option<JoinHandle<io::Result<Piece>>> {
        (left > 0).then(|| tokio::task::spawn_blocking(move || read_on(file, left)))
    };
    let begun = (Some(first), next(file, left));
    Body::from_stream(stream::try_unfold(begun, move |(ready, ahead)| async move {
        if let Some(bytes) = ready {
            return Ok::<_, io::Error>(Some((bytes, (None, ahead))));
        }
        let Some(ahead) = ahead else { return Ok(None) };
        let (bytes, file, left) = ahead.await.map_err(io::Error::other)??;
        Ok(Some((bytes, (None, next(file, left)))))
    }))
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
        for ignored in ["bytes=3-1", "bytes=0-1,3-4", "lines=0-1", "bytes=a-b", "bytes=-"] {
            assert_eq!(part(ignored), Ok(None), "{ignored}");
        }
        let mut headers = HeaderMap::new();
        headers.insert(RANGE, "bytes=0-3".parse().unwrap());
        headers.insert(IF_RANGE, "\"x\"".parse().unwrap());
        assert_eq!(part_of(&headers, 10), Ok(None));
    }
}
