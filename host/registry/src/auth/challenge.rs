//! Authentication challenges of registries.

use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};
use url::Url;

/// The scheme that a 401 asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// User name and password with each request.
    Basic,
    /// A token from a realm (distribution's token authentication specification).
    Bearer {
        /// The URL of the token service.
        realm: Url,
        /// The service that the token is for.
        service: Option<String>,
    },
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
    /// Returns the first usable challenge of a 401's headers, `Bearer` before `Basic`.
    ///
    /// Harbor sends an empty header for a missing project; that is not a challenge.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut basic = None;
        for value in headers.get_all(WWW_AUTHENTICATE) {
            let challenges =
                value.to_str().ok().and_then(|text| http_auth::parse_challenges(text).ok());
            for challenge in challenges.unwrap_or_default() {
                if challenge.scheme.eq_ignore_ascii_case("basic") {
                    basic = Some(Self::Basic);
                } else if challenge.scheme.eq_ignore_ascii_case("bearer") {
                    let parameter = |name: &str| {
                        let found =
                            challenge.params.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
                        found.map(|(_, value)| value.to_unescaped())
                    };
                    if let Some(realm) =
                        parameter("realm").and_then(|realm| Url::parse(&realm).ok())
                    {
                        return Some(Self::Bearer { realm, service: parameter("service") });
                    }
                }
            }
        }
        basic
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderMap, HeaderValue, WWW_AUTHENTICATE};

    use super::Challenge;

    fn of(value: &'static str) -> Option<Challenge> {
        let mut headers = HeaderMap::new();
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(value));
        Challenge::of(&headers)
    }

    #[test]
    fn schemes_are_told_apart() {
        assert_eq!(of(r#"Basic realm="harbor""#), Some(Challenge::Basic));
        let bearer = of(r#"Bearer realm="https://auth.example/token",service="a, b",scope="x""#);
        let Some(Challenge::Bearer { realm, service }) = bearer else { panic!("{bearer:?}") };
        assert_eq!(realm.as_str(), "https://auth.example/token");
        assert_eq!(service.as_deref(), Some("a, b"));
        assert_eq!(of(""), None);
        assert_eq!(of(r#"Bearer realm="no url""#), None);
    }
}
