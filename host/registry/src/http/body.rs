//! Bodies of responses, which are read up to a bound in bytes and at a minimum speed.

use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use reqwest::Response;
use reqwest::header::CONTENT_ENCODING;
use tokio::sync::Semaphore;

use crate::Cause;
use crate::auth::challenge::Challenge;
use crate::error_response::{ErrorResponse, retry_after};
use crate::http::address::host_of;
use crate::http::failure::cause_of;

/// A body must bring [`FLOOR`] bytes in each time of this length that is spent waiting for it.
///
/// reqwest's read timeout does not fit: it starts again with every byte, and it also counts the time
/// that a request body takes.
pub(crate) const WINDOW: Duration = Duration::from_secs(60);
/// The fewest bytes per [`WINDOW`].
pub(crate) const FLOOR: u64 = 64 * 1024;
/// A body above this size, in bytes, is large.
const LARGE: usize = 256 * 1024;
/// The large manifests that a run reads at once.
pub(crate) const LARGE_AT_ONCE: usize = 4;
/// The most bytes read of an error's body.
const ERROR_BODY_LIMIT: usize = 64 * 1024;

/// Checks the speed of one body.
#[derive(Debug)]
struct Pace {
    window: Duration,
    /// Time left in this window.
    left: Duration,
    /// Bytes in this window.
    received: u64,
}

impl Pace {
    const fn new(window: Duration) -> Self {
        Self { window, left: window, received: 0 }
    }

    /// Counts `bytes` that arrived after a wait, and returns whether the body is fast enough.
    fn keeps(&mut self, waited: Duration, bytes: usize) -> bool {
        self.left = self.left.saturating_sub(waited);
        self.received = self.received.saturating_add(bytes as u64);
        let keeps = !self.left.is_zero();
        if keeps && self.received >= FLOOR {
            (self.left, self.received) = (self.window, 0);
        }
        keeps
    }
}

/// The body of a response.
#[derive(Debug)]
pub(crate) struct ResponseBody {
    response: Response,
    pace: Pace,
}

impl ResponseBody {
    pub(crate) const fn of(response: Response) -> Self {
        Self { response, pace: Pace::new(WINDOW) }
    }

    /// Returns the next piece, or `None` at the end. Only time that is spent here counts.
    ///
    /// # Errors
    /// A broken connection, silence, or less than [`FLOOR`] bytes in a [`WINDOW`].
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Cause> {
        let began = Instant::now();
        let next = tokio::time::timeout(self.pace.left, self.response.chunk()).await;
        let piece = match next {
            Ok(Ok(Some(piece))) => piece,
            Ok(Ok(None)) => return Ok(None),
            Ok(Err(error)) => {
                return Err(cause_of(&error, self.response.url(), self.pace.window.as_secs()));
            }
            Err(_) => return Err(self.slow()),
        };
        match self.pace.keeps(began.elapsed(), piece.len()) {
            true => Ok(Some(piece)),
            false => Err(self.slow()),
        }
    }

    fn slow(&self) -> Cause {
        let (host, seconds) = (host_of(self.response.url()), self.pace.window.as_secs());
        match self.pace.received {
            0 => Cause::TimedOut { host, seconds },
            _ => Cause::Slow { host, floor: FLOOR, seconds },
        }
    }
}

/// Reads a whole body of at most `limit` bytes.
///
/// # Errors
/// Those of [`ResponseBody::next`], and a larger body.
pub(crate) async fn read_bounded(response: Response, limit: u64) -> Result<Bytes, Cause> {
    read_in_turn(response, limit, None).await
}

/// Reads a whole body of at most `limit` bytes. The part above [`LARGE`] waits for one of `turns`.
async fn read_in_turn(
    response: Response,
    limit: u64,
    turns: Option<&Semaphore>,
) -> Result<Bytes, Cause> {
    if response.content_length().is_some_and(|length| length > limit) {
        return Err(Cause::TooLarge { limit });
    }
    let mut response = ResponseBody::of(response);
    let (mut body, mut turn) = (Vec::<u8>::new(), None);
    while let Some(piece) = response.next().await? {
        if (body.len() + piece.len()) as u64 > limit {
            return Err(Cause::TooLarge { limit });
        }
        if let (Some(turns), None) = (turns, &turn)
            && body.len() + piece.len() > LARGE
        {
            turn = turns.acquire().await.ok();
        }
        body.extend_from_slice(&piece);
    }
    Ok(Bytes::from(body))
}

/// Reads a whole body of JSON, of at most `limit` bytes.
///
/// # Errors
/// Also if it is compressed: longshore asks for no encoding, but some proxies compress anyway. Others
/// answer with a page to log in.
pub(crate) async fn read_json(response: Response, limit: u64) -> Result<Bytes, Cause> {
    let encoding = Encoding::of(&response);
    let body = read_bounded(response, limit).await?;
    encoding.check(&body)?;
    Ok(body)
}

/// Reads JSON as [`read_json`] does. The part above [`LARGE`] waits for one of `turns`.
///
/// # Errors
/// Those of [`read_json`].
pub(crate) async fn read_json_in_turn(
    response: Response,
    limit: u64,
    turns: &Semaphore,
) -> Result<Bytes, Cause> {
    let encoding = Encoding::of(&response);
    let body = read_in_turn(response, limit, Some(turns)).await?;
    encoding.check(&body)?;
    Ok(body)
}

/// How a body says that it is encoded.
#[derive(Debug)]
pub(crate) struct Encoding {
    host: String,
    header: Option<String>,
}

impl Encoding {
    pub(crate) fn of(response: &Response) -> Self {
        let header = response.headers().get(CONTENT_ENCODING);
        let header = header.and_then(|value| value.to_str().ok()).map(str::to_owned);
        Self { host: host_of(response.url()), header }
    }

    /// The cause of content that is not as expected, if its header says that it is compressed.
    ///
    /// The header alone does not count: storage services send it with layers that are compressed themselves.
    pub(crate) fn cause(&self) -> Option<Cause> {
        Some(Cause::Encoded { host: self.host.clone(), encoding: self.name()? })
    }

    /// The encoding of a body that should be text and is not.
    fn of_binary(&self, body: &[u8]) -> Option<String> {
        // A text may be cut within a character.
        let is_text =
            std::str::from_utf8(body).map_or_else(|error| error.error_len().is_none(), |_| true);
        if is_text { None } else { encoding_of(self.header.as_deref(), body) }
    }

    /// The encoding that the header names, unless it is none.
    pub(crate) fn name(&self) -> Option<String> {
        named(self.header.as_deref()).map(|name| name.chars().take(20).collect())
    }

    /// Fails if `body` should be JSON and is compressed, or is a web page.
    pub(crate) fn check(self, body: &[u8]) -> Result<(), Cause> {
        match encoding_of(self.header.as_deref(), body) {
            Some(encoding) => Err(Cause::Encoded { host: self.host, encoding }),
            None if body.trim_ascii_start().first() == Some(&b'<') => {
                let start = &body[..body.len().min(ERROR_BODY_LIMIT)];
                let title = ErrorResponse::of(200, start, None).detail;
                let title = if title.is_empty() { title } else { format!(" ({title})") };
                Err(Cause::WebPage { host: self.host, title })
            }
            None => Ok(()),
        }
    }
}

/// The encoding of a body that should be JSON. The header alone does not count: some servers send it
/// with plain text.
fn encoding_of(header: Option<&str>, body: &[u8]) -> Option<String> {
    let is_json = body.trim_ascii_start().first().is_none_or(|first| b"{[\"n".contains(first));
    if is_json {
        return None;
    }
    let named = named(header);
    let seen = match body {
        [0x1f, 0x8b, ..] => Some("gzip"),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some("zstd"),
        _ => None,
    };
    seen.or(named).map(|name| name.chars().take(20).collect())
}

/// The encoding that a header names, unless it is none.
fn named(header: Option<&str>) -> Option<&str> {
    header.map(str::trim).filter(|name| !name.is_empty() && !name.contains("identity"))
}

/// Reads a refusal's status, body and `Retry-After`. What arrived of a body that breaks off or is too
/// slow or too large is enough.
pub(crate) async fn read_error(response: Response) -> ErrorResponse {
    let status = response.status().as_u16();
    let retry_after = retry_after(status, response.headers(), SystemTime::now());
    let offers: Box<[String]> = match status {
        401 => Challenge::schemes(response.headers()).into(),
        _ => Box::default(),
    };
    let encoding = Encoding::of(&response);
    let mut response = ResponseBody::of(response);
    let mut body = Vec::new();
    while let Ok(Some(piece)) = response.next().await {
        body.extend_from_slice(&piece);
        if body.len() >= ERROR_BODY_LIMIT {
            body.truncate(ERROR_BODY_LIMIT);
            break;
        }
    }
    let mut error = match encoding.of_binary(&body) {
        // What is compressed says nothing to a reader.
        Some(encoding) => {
            let detail = format!("its text is compressed ({encoding})");
            ErrorResponse { detail, ..ErrorResponse::of(status, &[], retry_after) }
        }
        None => ErrorResponse::of(status, &body, retry_after),
    };
    error.offers = offers;
    error
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::time::Duration;

    use bytes::Bytes;
    use futures_util::stream;
    use reqwest::Response;

    use super::{
        ERROR_BODY_LIMIT, FLOOR, Pace, ResponseBody, encoding_of, read_bounded, read_error,
    };
    use crate::Cause;

    const MINUTE: Duration = Duration::from_secs(60);

    /// Whether a body whose pieces of `size` bytes come every `every` is read for a day.
    fn lasts(size: u64, every: Duration) -> bool {
        let mut pace = Pace::new(MINUTE);
        let day = 24 * 60 * MINUTE.as_millis();
        let pieces = day / every.as_millis();
        (0..pieces).all(|_| pace.keeps(every, usize::try_from(size).unwrap()))
    }

    #[test]
    fn a_body_must_keep_its_pace() {
        let second = Duration::from_secs(1);
        for (size, every) in [
            (1, second),
            (0, second / 10),
            (FLOOR / 61, second),
            (10, second / 100),
            (FLOOR - 1, MINUTE),
            (FLOOR, 2 * MINUTE),
        ] {
            assert!(!lasts(size, every), "{size} bytes every {every:?} are read for ever");
        }
        for (size, every) in [(FLOOR / 50, second), (FLOOR, MINUTE / 2), (16, second / 1000)] {
            assert!(lasts(size, every), "{size} bytes every {every:?} are too slow");
        }
    }

    #[test]
    fn a_short_body_may_take_its_minute_and_no_more() {
        let mut pace = Pace::new(MINUTE);
        assert!((0..59).all(|_| pace.keeps(Duration::from_secs(1), 1)), "it is short");
        assert!(!pace.keeps(Duration::from_secs(1), 1));
        let mut pace = Pace::new(MINUTE);
        assert!(pace.keeps(MINUTE / 2, 1 << 20), "the surplus is not saved up");
        assert!(!pace.keeps(MINUTE, 1));
    }

    /// A response whose body is `pieces`, and then does not end.
    fn endless(status: u16, pieces: &'static [&'static [u8]]) -> Response {
        let sent =
            stream::iter(pieces.iter().map(|piece| Ok::<_, Infallible>(Bytes::from(*piece))));
        let body = futures_util::StreamExt::chain(sent, stream::pending());
        let response = http::Response::builder().status(status);
        response.body(reqwest::Body::wrap_stream(body)).unwrap().into()
    }

    async fn ends_with(pieces: &'static [&'static [u8]]) -> Cause {
        let mut body = ResponseBody::of(endless(200, pieces));
        body.pace = Pace::new(Duration::from_millis(30));
        loop {
            match body.next().await {
                Ok(piece) => assert!(piece.is_some(), "the body ended"),
                Err(cause) => return cause,
            }
        }
    }

    #[tokio::test]
    async fn silence_and_slowness_are_told_apart() {
        assert!(matches!(ends_with(&[]).await, Cause::TimedOut { .. }));
        assert!(matches!(ends_with(&[b"a", b"b"]).await, Cause::Slow { .. }));
        assert!(matches!(ends_with(&[&[0; 2 * FLOOR as usize]]).await, Cause::TimedOut { .. }));
    }

    #[tokio::test]
    async fn no_more_is_read_than_the_limit() {
        let too_large = read_bounded(endless(200, &[b"12", b"34"]), 3).await;
        assert!(matches!(too_large, Err(Cause::TooLarge { limit: 3 })));
        let pieces: &[&[u8]] = &[&[b'x'; ERROR_BODY_LIMIT]];
        assert_eq!(read_error(endless(500, pieces)).await.status, 500, "the rest is not awaited");
    }

    #[tokio::test]
    async fn a_refusal_that_is_compressed_is_not_shown() {
        let plain = br#"{"errors":[{"code":"DENIED"}]}"#;
        let gzip: &[u8] = &[0x1f, 0x8b, 8, 0, 0];
        for (header, body, detail) in [
            (Some("gzip"), gzip, "its text is compressed (gzip)"),
            (None, gzip, "its text is compressed (gzip)"),
            (Some("deflate"), &[0x78, 0x9c, 0xcb], "its text is compressed (deflate)"),
            (Some("gzip"), plain, "DENIED"),
            (Some("gzip"), b"try later", "try later"),
            (None, b"caf\xe9", "caf\u{fffd}"),
            (Some("gzip"), b"caf\xc3", "caf\u{fffd}"),
            (None, b"", ""),
        ] {
            let mut response = http::Response::builder().status(403);
            if let Some(header) = header {
                response = response.header("content-encoding", header);
            }
            let response = response.body(reqwest::Body::from(body)).unwrap();
            assert_eq!(read_error(response.into()).await.detail, detail, "{header:?} {body:?}");
        }
    }

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
