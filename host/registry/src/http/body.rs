//! Bodies of answers, within bounds of time and size.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use reqwest::Response;
use reqwest::header::CONTENT_ENCODING;

use crate::Cause;
use crate::auth::challenge::Challenge;
use crate::error_response::{ErrorResponse, retry_after};
use crate::http::address::host_of;
use crate::http::failure::cause_of;

/// Timeout for silence in the middle of a body.
///
/// reqwest's read timeout does not fit: it also counts the time that a request body takes.
pub(crate) const SILENCE: Duration = Duration::from_secs(60);

/// Returns the next piece of a body, or `None` at its end.
///
/// # Errors
/// A broken connection, or silence for a minute.
pub(crate) async fn next_chunk(response: &mut Response) -> Result<Option<Bytes>, Cause> {
    let seconds = SILENCE.as_secs();
    match tokio::time::timeout(SILENCE, response.chunk()).await {
        Ok(chunk) => chunk.map_err(|error| cause_of(&error, response.url(), seconds)),
        Err(_) => Err(Cause::TimedOut { host: host_of(response.url()), seconds }),
    }
}

/// Reads a whole body of at most `limit` bytes.
pub(crate) async fn read_bounded(mut response: Response, limit: u64) -> Result<Bytes, Cause> {
    if response.content_length().is_some_and(|length| length > limit) {
        return Err(Cause::TooLarge { limit });
    }
    let mut body: Vec<u8> = Vec::new();
    loop {
        match next_chunk(&mut response).await? {
            Some(chunk) if (body.len() + chunk.len()) as u64 > limit => {
                return Err(Cause::TooLarge { limit });
            }
            Some(chunk) => body.extend_from_slice(&chunk),
            None => return Ok(Bytes::from(body)),
        }
    }
}

/// Reads a whole body of JSON, of at most `limit` bytes.
///
/// # Errors
/// Also if it is compressed: longshore asks for no encoding, but some proxies compress all the same.
pub(crate) async fn read_json(response: Response, limit: u64) -> Result<Bytes, Cause> {
    let encoding = response.headers().get(CONTENT_ENCODING);
    let encoding = encoding.and_then(|value| value.to_str().ok()).map(str::to_owned);
    let host = host_of(response.url());
    let body = read_bounded(response, limit).await?;
    match encoding_of(encoding.as_deref(), &body) {
        Some(encoding) => Err(Cause::Encoded { host, encoding }),
        None => Ok(body),
    }
}

/// The encoding of a body that should be JSON. The header alone does not count: some servers send it
/// with plain text.
fn encoding_of(header: Option<&str>, body: &[u8]) -> Option<String> {
    let is_json = body.trim_ascii_start().first().is_none_or(|first| b"{[\"n".contains(first));
    if is_json {
        return None;
    }
    let named = header.filter(|name| !name.trim().is_empty() && !name.contains("identity"));
    let seen = match body {
        [0x1f, 0x8b, ..] => Some("gzip"),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some("zstd"),
        _ => None,
    };
    seen.or(named).map(|name| name.trim().chars().take(20).collect())
}

/// The most bytes read of an error's body.
const ERROR_BODY_LIMIT: usize = 64 * 1024;

/// Reads a refusal's status, body and `Retry-After`.
pub(crate) async fn read_error(mut response: Response) -> ErrorResponse {
    let status = response.status().as_u16();
    let retry_after = retry_after(status, response.headers(), SystemTime::now());
    let offers = if status == 401 { Challenge::schemes(response.headers()) } else { Vec::new() };
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = next_chunk(&mut response).await {
        body.extend_from_slice(&chunk);
        if body.len() >= ERROR_BODY_LIMIT {
            body.truncate(ERROR_BODY_LIMIT);
            break;
        }
    }
    ErrorResponse { offers, ..ErrorResponse::of(status, &body, retry_after) }
}

#[cfg(test)]
mod tests {
    use super::encoding_of;

    #[test]
    fn a_compressed_body_is_told_from_json() {
        let gzip: &[u8] = &[0x1f, 0x8b, 8, 0];
        let brotli: &[u8] = &[0x0b, 2, 0x80];
        let zstd: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd, 0];
        for (header, body, expected) in [
            (None, gzip, Some("gzip")),
            (Some("gzip"), gzip, Some("gzip")),
            (Some("br"), brotli, Some("br")),
            (None, zstd, Some("zstd")),
            (Some("deflate"), &b"\x78\x9c"[..], Some("deflate")),
            (Some("gzip"), b" {}", None),
            (Some("gzip"), b"", None),
            (Some("identity"), b"<html>", None),
            (None, b"<html>", None),
        ] {
            assert_eq!(encoding_of(header, body).as_deref(), expected, "{header:?} {body:?}");
        }
    }
}
