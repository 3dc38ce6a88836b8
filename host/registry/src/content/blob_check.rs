//! Checks whether a blob exists and is intact; needs the right to pull only.

use reqwest::Method;
use reqwest::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, HeaderMap, HeaderName, HeaderValue, RANGE,
};

use crate::error::Failed as _;
use crate::http::body::{Encoding, ResponseBody};
use crate::limits::window::Class;
use crate::{Cause, Client, RegistryError};
use longshore_oci::{Descriptor, Hasher, Repository};
use longshore_store::BlobPresence;

impl Client {
    /// Checks for `blob` with a HEAD.
    ///
    /// If that is refused, the first byte is requested: pull-through caches and public ECR do not
    /// support HEAD of a blob.
    ///
    /// # Errors
    /// If both are refused for another reason than absence, or the registry keeps failing.
    pub(crate) async fn look_up_blob(
        &self,
        repository: &Repository,
        blob: &Descriptor,
    ) -> Result<BlobPresence, RegistryError> {
        let digest = &blob.digest;
        let head =
            self.blob_call("look up blob", Method::HEAD, repository, digest, Class::Lookup).await?;
        match self.send(&head).await {
            Ok(response) => {
                self.pull_through.saw_blob(repository, digest, response.headers());
                return Ok(announced(blob, response.headers()));
            }
            Err(error) if matches!(error.cause.status(), Some(400..=428)) => {}
            Err(error) => return Err(error),
        }
        let first_byte =
            self.blob_call("look up blob", Method::GET, repository, digest, Class::Small).await?;
        let first_byte = first_byte.header(RANGE, HeaderValue::from_static("bytes=0-0"));
        match self.send(&first_byte).await {
            // Dropping the response closes the connection if more than the byte arrives.
            Ok(response) if response.status() == 206 => {
                Ok(compared(blob, total(response.headers())))
            }
            Ok(response) => Ok(announced(blob, response.headers())),
            Err(error) if error.is_not_found() => Ok(BlobPresence::Absent),
            // An empty blob has no first byte.
            Err(error) if error.cause.status() == Some(416) => Ok(compared(blob, Some(0))),
            Err(error) => Err(error),
        }
    }

    /// Downloads `blob` and hashes it without keeping it.
    ///
    /// Wrong content is fetched once more at once, as a proxy on the way may be at fault.
    ///
    /// # Errors
    /// If the blob exists but cannot be read.
    pub(crate) async fn hash_blob(
        &self,
        repository: &Repository,
        blob: &Descriptor,
    ) -> Result<BlobPresence, RegistryError> {
        let call = self
            .blob_call(
                "fetch blob",
                Method::GET,
                repository,
                &blob.digest,
                Class::of_blob(blob.size),
            )
            .await?;
        let mut backoff = self.backoff();
        let mut seen = None;
        loop {
            let read = match self.send_once(&call).await {
                Ok(response) => hashed(response, blob).await,
                Err(cause) => Err(cause),
            };
            match read {
                Ok(BlobPresence::Present) => return Ok(BlobPresence::Present),
                Ok(wrong) if seen.as_ref() == Some(&wrong) => return Ok(wrong),
                Ok(wrong) => seen = Some(wrong),
                Err(cause) => {
                    let error = call.operation.clone().failed(cause);
                    if error.is_not_found() {
                        return Ok(BlobPresence::Absent);
                    }
                    backoff.wait_or_fail(error).await?;
                }
            }
        }
    }
}

async fn hashed(response: reqwest::Response, blob: &Descriptor) -> Result<BlobPresence, Cause> {
    let encoding = Encoding::of(&response);
    match hashed_as_sent(response, blob).await? {
        BlobPresence::Present => Ok(BlobPresence::Present),
        // The registry may well have the right content.
        wrong => encoding.cause().map_or(Ok(wrong), Err),
    }
}

async fn hashed_as_sent(
    response: reqwest::Response,
    blob: &Descriptor,
) -> Result<BlobPresence, Cause> {
    let mut hasher = Hasher::new(blob.digest.algorithm());
    let mut size = 0;
    let mut body = ResponseBody::of(response);
    while let Some(chunk) = body.next().await? {
        size += chunk.len() as u64;
        if size > blob.size {
            break;
        }
        hasher.update(&chunk);
    }
    if size != blob.size {
        // A longer blob is not read to its end.
        return Ok(BlobPresence::OtherSize(size));
    }
    let found = hasher.finish();
    Ok(if found == blob.digest { BlobPresence::Present } else { BlobPresence::OtherContent(found) })
}

/// The presence of a blob whose announced size is `size`, if the registry announces it.
fn compared(blob: &Descriptor, size: Option<u64>) -> BlobPresence {
    match size {
        Some(size) if size != blob.size => BlobPresence::OtherSize(size),
        _ => BlobPresence::Present,
    }
}

/// The presence of a blob by the `Content-Length` of its response. A proxy that compresses the blob announces
/// another length, which says nothing about the blob.
pub(super) fn announced(blob: &Descriptor, headers: &HeaderMap) -> BlobPresence {
    let is_plain = !headers.contains_key(CONTENT_ENCODING);
    compared(blob, number(headers, CONTENT_LENGTH).filter(|_| is_plain))
}

fn number(headers: &HeaderMap, name: HeaderName) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

/// The total size in `Content-Range: bytes 0-0/SIZE`.
fn total(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_RANGE)?.to_str().ok()?.rsplit_once('/')?.1.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use longshore_oci::{Descriptor, Digest};
    use longshore_store::BlobPresence;
    use reqwest::header::{
        CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, HeaderMap, HeaderValue,
    };

    use super::{announced, total};

    #[test]
    fn the_length_of_a_compressed_answer_is_not_the_blob_s() {
        let text = format!(r#"{{"digest":"{}","size":3}}"#, Digest::of(b"abc"));
        let blob: Descriptor = serde_json::from_str(&text).unwrap();
        for (length, encoding, expected) in [
            (Some("3"), None, BlobPresence::Present),
            (Some("4"), None, BlobPresence::OtherSize(4)),
            (None, None, BlobPresence::Present),
            (Some("4"), Some("gzip"), BlobPresence::Present),
            (Some("2"), Some("br"), BlobPresence::Present),
        ] {
            let mut headers = HeaderMap::new();
            headers.extend(length.map(|text| (CONTENT_LENGTH, HeaderValue::from_static(text))));
            headers.extend(encoding.map(|text| (CONTENT_ENCODING, HeaderValue::from_static(text))));
            assert_eq!(announced(&blob, &headers), expected, "{length:?} {encoding:?}");
        }
    }

    #[test]
    fn the_total_size_follows_the_slash() {
        let of = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_RANGE, HeaderValue::from_static(text));
            total(&headers)
        };
        assert_eq!(of("bytes 0-0/1234"), Some(1234));
        assert_eq!(of("bytes 0-0/*"), None);
        assert_eq!(total(&HeaderMap::new()), None);
    }
}
