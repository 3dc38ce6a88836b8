//! Tokens that a registry refuses because its clock and that of the token service differ.

use std::fmt;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::header::{DATE, HeaderMap};
use serde::Deserialize;

use crate::auth::token::Token;

/// A token that is not valid yet by the clock of the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EarlyToken {
    /// When the token becomes valid.
    from: SystemTime,
    /// The clock of the registry.
    now: SystemTime,
}

/// The claims of a JSON web token (RFC 7519, sections 4.1.5 and 4.1.6), in seconds since 1970.
#[derive(Deserialize)]
struct Claims {
    #[serde(default)]
    nbf: Option<f64>,
    #[serde(default)]
    iat: Option<f64>,
}

impl EarlyToken {
    /// Compares a refused token with the time of the answer that refused it.
    ///
    /// Returns `None` if the token is valid by that time, or does not say from when on.
    pub(crate) fn of(token: &Token, headers: &HeaderMap) -> Option<Self> {
        Self::compare(token.value.expose(), headers)
    }

    fn compare(token: &str, headers: &HeaderMap) -> Option<Self> {
        let now = httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()?;
        let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
        let claims: Claims = serde_json::from_slice(&payload).ok()?;
        let seconds = claims.nbf.or(claims.iat).filter(|seconds| (0.0..1e11).contains(seconds))?;
        let from = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs_f64(seconds))?;
        // The date in the header has whole seconds.
        (from > now + Duration::from_secs(1)).then_some(Self { from, now })
    }
}

impl fmt::Display for EarlyToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [from, now] = [self.from, self.now].map(httpdate::fmt_http_date);
        write!(f, "the token is valid from {from} on, and its clock shows {now}")
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use reqwest::header::{DATE, HeaderMap, HeaderValue};

    use super::EarlyToken;

    #[test]
    fn the_clocks_of_registry_and_token_service_are_compared() {
        let early = |claims: &str, date: &'static str| {
            let token = format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims));
            let mut headers = HeaderMap::new();
            headers.insert(DATE, HeaderValue::from_static(date));
            EarlyToken::compare(&token, &headers).map(|early| early.to_string())
        };
        // 2001-09-09 01:46:40
        let date = "Sun, 09 Sep 2001 01:46:30 GMT";
        let said = "the token is valid from Sun, 09 Sep 2001 01:46:40 GMT on, and its clock shows Sun, 09 Sep 2001 01:46:30 GMT";
        assert_eq!(early(r#"{"nbf":1000000000}"#, date).as_deref(), Some(said));
        assert_eq!(early(r#"{"iat":1000000000.0}"#, date).as_deref(), Some(said));
        for claims in [
            r#"{"nbf":999999990}"#,
            r#"{"nbf":999999991,"iat":1000000000}"#,
            r#"{"nbf":-1}"#,
            r#"{"nbf":1e300}"#,
            r#"{"nbf":"soon"}"#,
            "{}",
            "no JSON",
        ] {
            assert_eq!(early(claims, date), None, "{claims}");
        }
        assert_eq!(early(r#"{"nbf":1000000000}"#, "yesterday"), None);
        assert_eq!(EarlyToken::compare("opaque", &HeaderMap::new()), None);
    }
}
