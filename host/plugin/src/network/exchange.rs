//! The exchange of a plugin: the request that fetches the registry's credential, and its answer.
//!
//! The host performs it. The plugin sees neither the request nor the credential.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use longshore_plugin_pack::{Encoding, Exchange};
use serde_json::Value;

use super::grant::Wanted;
use super::transport::Method;
use crate::error::PluginError;
use crate::escape::shown;

/// The credential that an exchange returned.
#[derive(Clone, PartialEq, Eq)]
pub struct Exchanged {
    /// The user name; `None` for a token that the registry takes as it is.
    pub username: Option<String>,
    /// The password or token.
    pub secret: String,
    /// When it ends.
    pub ends: Option<Ends>,
}

impl fmt::Debug for Exchanged {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Exchanged").field("ends", &self.ends).finish_non_exhaustive()
    }
}

/// The end of a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// Seconds since 1970.
    At(u64),
    /// Seconds from now.
    In(u64),
}

/// Why an exchange brought no credential.
#[derive(Debug)]
pub struct ExchangeError {
    /// The failure.
    pub error: PluginError,
    /// Whether a retry may succeed: the server was throttling, or failed itself.
    pub is_transient: bool,
    /// The wait that the server names.
    pub retry_after: Option<Duration>,
}

impl From<PluginError> for ExchangeError {
    fn from(error: PluginError) -> Self {
        Self { error, is_transient: false, retry_after: None }
    }
}

/// Returns the wait that an answer names in seconds (RFC 9110, section 10.2.3).
pub(crate) fn retry_after(headers: &[(String, String)]) -> Option<Duration> {
    let (_, value) = headers.iter().find(|(name, _)| name == "retry-after")?;
    value.trim().parse().ok().map(Duration::from_secs)
}

/// Returns whether a guest's request is the exchange, whose answer a guest must not get.
pub(crate) fn is_exchange(exchange: &Exchange, wanted: &Wanted<'_>) -> bool {
    let path = segments(exchange);
    let has = |name: &str, value: &str| {
        wanted.headers.iter().any(|(key, known)| key == name && known == value)
    };
    exchange.endpoint == wanted.endpoint
        && Method::parse(&exchange.method) == Some(wanted.method)
        && path == wanted.path
        && exchange
            .headers
            .iter()
            .filter(|(name, _)| name.to_ascii_lowercase().starts_with("x-"))
            .all(|(name, value)| has(&name.to_ascii_lowercase(), value))
}

/// Returns the unescaped segments of the exchange's path.
pub(crate) fn segments(exchange: &Exchange) -> Vec<String> {
    exchange.path.trim_start_matches('/').split('/').map(str::to_owned).collect()
}

/// Reads the credential in the answer of an exchange. Errors hold no part of the answer.
pub(crate) fn read(exchange: &Exchange, body: &[u8]) -> Result<Exchanged, String> {
    let document: Value =
        serde_json::from_slice(body).map_err(|_| "the answer is not JSON".to_owned())?;
    let text = document
        .pointer(&exchange.pointer)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
        .ok_or_else(|| format!("the answer has no text at `{}`", shown(&exchange.pointer)))?;
    let pair = |text: &str| {
        let (username, secret) =
            text.split_once(':').ok_or("the credential is not `USER:PASSWORD`".to_owned())?;
        Ok::<_, String>((Some(username.to_owned()), secret.to_owned()))
    };
    let (username, secret) = match exchange.encoding {
        Encoding::Basic => pair(text)?,
        Encoding::Base64Basic => {
            let bytes = STANDARD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            pair(&bytes.ok_or("the credential is not base64 of a text".to_owned())?)?
        }
        Encoding::Password => {
            (Some(exchange.username.clone().unwrap_or_default()), text.to_owned())
        }
        Encoding::Bearer => (None, text.to_owned()),
    };
    let at = exchange.expires_at.as_ref().and_then(|at| number(&document, at)).map(Ends::At);
    let lifetime = exchange.expires_in.as_ref().and_then(|at| number(&document, at));
    Ok(Exchanged { username, secret, ends: at.or(lifetime.map(Ends::In)) })
}

/// Returns the number at `pointer`. Some servers write a fraction of a second, or a text.
fn number(document: &Value, pointer: &str) -> Option<u64> {
    let value = document.pointer(pointer)?;
    if let Some(number) = value.as_u64() {
        return Some(number);
    }
    let number = value.as_f64().or_else(|| value.as_str()?.parse().ok())?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is bounded")]
    (0.0..1e12).contains(&number).then_some(number as u64)
}

#[cfg(test)]
mod tests {
    use longshore_plugin_pack::Exchange;

    use super::{Ends, is_exchange, read};
    use crate::network::grant::Wanted;
    use crate::network::transport::Method;

    fn exchange(encoding: &str) -> Exchange {
        serde_json::from_value(serde_json::json!({
            "endpoint": "api", "method": "POST", "path": "/", "headers": {"X-Amz-Target": "S.Get"},
            "pointer": "/data/0/token", "encoding": encoding, "username": "robot",
            "expires-at": "/data/0/end", "expires-in": "/in",
        }))
        .expect("an exchange")
    }

    #[test]
    fn each_encoding_gives_a_credential() {
        // `AWS:pa:ss`
        let of = |encoding: &str, token: &str| {
            let body = format!(r#"{{"data":[{{"token":"{token}","end":1700000000.25}}]}}"#);
            let read = read(&exchange(encoding), body.as_bytes()).expect("it is read");
            assert_eq!(read.ends, Some(Ends::At(1_700_000_000)));
            assert!(!format!("{read:?}").contains("pa"), "{read:?}");
            (read.username, read.secret)
        };
        let pair = |username: &str, secret: &str| (Some(username.to_owned()), secret.to_owned());
        assert_eq!(of("base64-basic", "QVdTOnBhOnNz"), pair("AWS", "pa:ss"));
        assert_eq!(of("basic", "me:pass"), pair("me", "pass"));
        assert_eq!(of("password", "pa:ss"), pair("robot", "pa:ss"));
        assert_eq!(of("bearer", "pass"), (None, "pass".to_owned()));
        let lifetime = br#"{"data":[{"token":"a:b"}],"in":"3600"}"#;
        assert_eq!(read(&exchange("basic"), lifetime).expect("read").ends, Some(Ends::In(3600)));
        let forever = br#"{"data":[{"token":"a:b"}],"in":-1}"#;
        assert_eq!(read(&exchange("basic"), forever).expect("read").ends, None);
    }

    #[test]
    fn other_answers_are_errors_that_hold_no_secret() {
        for (encoding, body) in [
            ("basic", "secret"),
            ("basic", r#"{"data":[]}"#),
            ("basic", r#"{"data":[{"token":7}]}"#),
            ("basic", r#"{"data":[{"token":""}]}"#),
            ("basic", r#"{"data":[{"token":"secret"}]}"#),
            ("base64-basic", r#"{"data":[{"token":"secret:secret"}]}"#),
            ("base64-basic", r#"{"data":[{"token":"c2VjcmV0"}]}"#),
        ] {
            let error = read(&exchange(encoding), body.as_bytes()).expect_err(body);
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_guest_cannot_send_the_exchange_itself() {
        let is = |endpoint: &str, path: &str, target: &str| {
            let headers = [
                ("x-amz-target".to_owned(), target.to_owned()),
                ("accept".to_owned(), "a/b".to_owned()),
            ];
            let path = [path.to_owned()];
            let method = Method::Post;
            let wanted = Wanted { method, endpoint, path: &path, headers: &headers };
            is_exchange(&exchange("basic"), &wanted)
        };
        assert!(is("api", "", "S.Get"));
        assert!(!is("api", "", "S.Put") && !is("api", "a", "S.Get") && !is("b", "", "S.Get"));
    }
}
