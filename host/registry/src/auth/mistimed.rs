//! Tokens that a registry refuses because its clock and that of the token service differ.

use std::fmt;
use std::time::{Duration, SystemTime};

use reqwest::header::{DATE, HeaderMap};
use serde::Deserialize;

use crate::Secret;
use crate::auth::claims;
use crate::auth::token::Token;

/// How far distribution lets the clocks differ (`auth/token`, `Leeway`).
const LEEWAY: Duration = Duration::from_secs(60);

/// A new token that is not valid by the clock of the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mistimed {
    /// When the token becomes valid, or when it ended.
    limit: SystemTime,
    /// Whether the token has ended.
    is_past: bool,
    /// The clock of the registry.
    now: SystemTime,
}

/// The claims of a JSON web token (RFC 7519, sections 4.1.4 to 4.1.6), in seconds since 1970.
#[derive(Deserialize)]
struct Claims {
    #[serde(default)]
    exp: Option<f64>,
    #[serde(default)]
    nbf: Option<f64>,
    #[serde(default)]
    iat: Option<f64>,
}

impl Mistimed {
    /// Compares a refused token with the time of the answer that refused it.
    ///
    /// Returns `None` if the token is valid by that time, does not say when it is, or is old enough to have
    /// ended in this run.
    pub(crate) fn of(token: &Token, headers: &HeaderMap) -> Option<Self> {
        let found = Self::compare(&token.value, headers)?;
        (!found.is_past || token.is_fresh()).then_some(found)
    }

    /// Whether the clocks differ so much that a registry that tolerates a difference refuses the token too.
    pub(crate) fn is_beyond_leeway(&self) -> bool {
        let (earlier, later) =
            if self.is_past { (self.limit, self.now) } else { (self.now, self.limit) };
        later > earlier + LEEWAY
    }

    fn compare(token: &Secret, headers: &HeaderMap) -> Option<Self> {
        let now = httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()?;
        let claims: Claims = claims::read(token)?;
        let time = |claim: Option<f64>| {
            let seconds = claim.filter(|seconds| (0.0..1e11).contains(seconds))?;
            SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs_f64(seconds))
        };
        // The date in the header has whole seconds.
        let second = Duration::from_secs(1);
        let early = time(claims.nbf.or(claims.iat)).filter(|from| *from > now + second);
        let late = || time(claims.exp).filter(|until| *until + second < now);
        let (limit, is_past) =
            early.map(|from| (from, false)).or_else(|| late().map(|until| (until, true)))?;
        Some(Self { limit, is_past, now })
    }
}

impl fmt::Display for Mistimed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [limit, now] = [self.limit, self.now].map(httpdate::fmt_http_date);
        match self.is_past {
            false => write!(f, "the token is valid from {limit} on, and its clock shows {now}"),
            true => write!(f, "the token was valid until {limit}, and its clock shows {now}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use reqwest::header::{DATE, HeaderMap, HeaderValue};

    use super::Mistimed;
    use crate::Secret;

    #[test]
    fn the_clocks_of_registry_and_token_service_are_compared() {
        let early = |claims: &str, date: &'static str| {
            let token = format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims));
            let mut headers = HeaderMap::new();
            headers.insert(DATE, HeaderValue::from_static(date));
            Mistimed::compare(&Secret::new(token), &headers).map(|early| early.to_string())
        };
        // 2001-09-09 01:46:40
        let date = "Sun, 09 Sep 2001 01:46:30 GMT";
        let said = "the token is valid from Sun, 09 Sep 2001 01:46:40 GMT on, and its clock shows Sun, 09 Sep 2001 01:46:30 GMT";
        assert_eq!(early(r#"{"nbf":1000000000}"#, date).as_deref(), Some(said));
        assert_eq!(early(r#"{"iat":1000000000.0}"#, date).as_deref(), Some(said));
        for claims in [
            r#"{"nbf":999999990}"#,
            r#"{"exp":1000000000}"#,
            r#"{"exp":999999989,"iat":0}"#,
            r#"{"exp":"soon"}"#,
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
        assert_eq!(Mistimed::compare(&Secret::new("opaque"), &HeaderMap::new()), None);
    }

    #[test]
    fn a_token_that_has_ended_is_told_from_one_that_is_early() {
        let compared = |claims: &str| {
            let token = format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims));
            let mut headers = HeaderMap::new();
            headers.insert(DATE, HeaderValue::from_static("Sun, 09 Sep 2001 01:46:40 GMT"));
            Mistimed::compare(&Secret::new(token), &headers)
        };
        let said = "the token was valid until Sun, 09 Sep 2001 01:46:30 GMT, and its clock shows Sun, 09 Sep 2001 01:46:40 GMT";
        let late = compared(r#"{"iat":999999900,"exp":999999990}"#).unwrap();
        assert_eq!(late.to_string(), said);
        for (claims, is_beyond) in [
            (r#"{"exp":999999990}"#, false),
            (r#"{"exp":999999939}"#, true),
            (r#"{"nbf":1000000060}"#, false),
            (r#"{"nbf":1000000061,"exp":1000000300}"#, true),
        ] {
            assert_eq!(compared(claims).unwrap().is_beyond_leeway(), is_beyond, "{claims}");
        }
    }
}
