//! Authentication challenges of registries.

use http_auth::ChallengeRef;
use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};
use url::Url;

use crate::http::address::without_account;
use crate::http::zone::Zone;

/// The most schemes that an error names, and the most characters of each.
const MAX_SCHEMES: usize = 5;
const MAX_SCHEME: usize = 40;

/// What an error calls a challenge for a token that does not say where tokens are.
pub(crate) const BEARER_WITHOUT_REALM: &str = "Bearer without a valid realm";

/// The scheme that a 401 asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// User name and password with each request.
    Basic,
    /// A token from a realm (distribution's token authentication specification).
    Bearer(Realm),
}

/// A token service, as a challenge names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Realm {
    /// The URL of the token service.
    pub(crate) url: Url,
    /// The service that the token is for.
    pub(crate) service: Option<String>,
    /// The scope that the refused request needs.
    pub(crate) scope: Option<String>,
    /// The zone of the registry that named it; `None` if the registry is its own token service.
    pub(crate) from: Option<Zone>,
}

impl Realm {
    /// The realm of an answer of `registry`, which is in `zone`.
    pub(crate) fn named_by(self, registry: &Url, zone: Zone) -> Self {
        let from = (self.url.origin() != registry.origin()).then_some(zone);
        Self { from, ..self }
    }
}

/// The challenges of a registry, as far as known.
#[derive(Debug, Default)]
pub(crate) struct Challenges {
    /// The challenge of the first 401; `Some(None)` after an answer without any challenge.
    pub(crate) registry: Option<Option<Challenge>>,
    /// The challenge of the list of all repositories, where that is another one.
    pub(crate) catalog: Option<Challenge>,
}

impl Challenge {
    /// Returns the first usable challenge of a 401 from `registry`, which is in `zone`. `Bearer` goes
    /// before `Basic`.
    pub(crate) fn of(headers: &HeaderMap, registry: &Url, zone: Zone) -> Option<Self> {
        Some(match Self::parse(headers)? {
            Self::Bearer(realm) => Self::Bearer(realm.named_by(registry, zone)),
            Self::Basic => Self::Basic,
        })
    }

    /// The names of the schemes that a 401's headers offer.
    pub(crate) fn schemes(headers: &HeaderMap) -> Vec<String> {
        let mut schemes: Vec<String> = Vec::new();
        for value in headers.get_all(WWW_AUTHENTICATE) {
            let Ok(text) = value.to_str() else { continue };
            let known = http_auth::parse_challenges(text).unwrap_or_default();
            let mut found: Vec<&str> = known.iter().map(offered).collect();
            if found.is_empty() {
                // `Negotiate` with its data is not a list of challenges.
                found.extend(text.split_whitespace().next());
            }
            for scheme in found {
                if !schemes.iter().any(|known| known.eq_ignore_ascii_case(scheme)) {
                    schemes.push(scheme.chars().take(MAX_SCHEME).collect());
                }
            }
        }
        schemes.truncate(MAX_SCHEMES);
        schemes
    }

    /// Returns the first usable challenge of a 401's headers.
    ///
    /// Harbor sends an empty header for a missing project; that is not a challenge.
    fn parse(headers: &HeaderMap) -> Option<Self> {
        let mut basic = None;
        for value in headers.get_all(WWW_AUTHENTICATE) {
            let challenges =
                value.to_str().ok().and_then(|text| http_auth::parse_challenges(text).ok());
            for challenge in challenges.unwrap_or_default() {
                if challenge.scheme.eq_ignore_ascii_case("basic") {
                    basic = Some(Self::Basic);
                } else if challenge.scheme.eq_ignore_ascii_case("bearer")
                    && let Some(url) = realm_of(&challenge)
                {
                    return Some(Self::Bearer(Realm {
                        url,
                        service: parameter(&challenge, "service"),
                        scope: parameter(&challenge, "scope"),
                        from: None,
                    }));
                }
            }
        }
        basic
    }
}

/// What an error calls the scheme of a challenge.
fn offered<'a>(challenge: &ChallengeRef<'a>) -> &'a str {
    let lacks_realm =
        challenge.scheme.eq_ignore_ascii_case("bearer") && realm_of(challenge).is_none();
    if lacks_realm { BEARER_WITHOUT_REALM } else { challenge.scheme }
}

/// A parameter of a challenge.
fn parameter(challenge: &ChallengeRef<'_>, name: &str) -> Option<String> {
    let found = challenge.params.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.to_unescaped())
}

/// The URL of the token service that a challenge names.
fn realm_of(challenge: &ChallengeRef<'_>) -> Option<Url> {
    realm_url(&parameter(challenge, "realm")?)
}

/// The URL of a realm. A user name in it is not ours to send.
fn realm_url(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    without_account(url)
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderMap, HeaderValue, WWW_AUTHENTICATE};

    use url::Url;

    use super::{Challenge, Zone};

    fn headers(values: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_static(value));
        }
        headers
    }

    fn of(value: &'static str) -> Option<Challenge> {
        let registry = Url::parse("https://r.example/").unwrap();
        Challenge::of(&headers(&[value]), &registry, Zone::Public)
    }

    #[test]
    fn schemes_are_told_apart() {
        assert_eq!(of(r#"Basic realm="harbor""#), Some(Challenge::Basic));
        let bearer =
            of(r#"Bearer realm="https://u:p@auth.example/token",service="a, b",scope="x""#);
        let Some(Challenge::Bearer(realm)) = bearer else { panic!("{bearer:?}") };
        assert_eq!(realm.url.as_str(), "https://auth.example/token");
        assert_eq!(realm.service.as_deref(), Some("a, b"));
        assert_eq!(realm.scope.as_deref(), Some("x"));
        assert_eq!(realm.from, Some(Zone::Public));
        assert_eq!(of(""), None);
        assert_eq!(of(r#"Bearer realm="no url""#), None);
        assert_eq!(of(r#"Bearer realm="file:///etc/passwd""#), None);
    }

    #[test]
    fn a_registry_may_be_its_own_token_service() {
        let bearer = of(r#"Bearer realm="https://r.example:443/token""#);
        let Some(Challenge::Bearer(realm)) = bearer else { panic!("{bearer:?}") };
        assert_eq!(realm.from, None);
    }

    #[test]
    fn the_schemes_that_are_offered_are_named() {
        for (values, expected) in [
            (&["Negotiate"][..], &["Negotiate"][..]),
            (&["Negotiate YIIB=="], &["Negotiate"]),
            (&["Negotiate", "NTLM"], &["Negotiate", "NTLM"]),
            (&["Digest realm=\"x\", nonce=\"y\""], &["Digest"]),
            (&["Negotiate, Basic realm=\"x\", basic realm=\"y\""], &["Negotiate", "Basic"]),
            (&["Bearer realm=\"no url\""], &["Bearer without a valid realm"]),
            (
                &["Bearer error=\"x\"", "Basic realm=\"x\""],
                &["Bearer without a valid realm", "Basic"],
            ),
            (&["bearer realm=\"https://auth.example/token\""], &["bearer"]),
            (&[""], &[]),
            (&[], &[]),
        ] {
            assert_eq!(Challenge::schemes(&headers(values)), expected, "{values:?}");
        }
    }
}
