//! The requests that a plugin may send: `METHODS ENDPOINT /path`.

use std::fmt;
use std::str::FromStr;

use super::transport::Method;

/// A permission to send requests, such as `GET,HEAD registry /api/v2.0/projects/*`.
///
/// Path segments match exactly. `*` matches one segment. `**` at the end matches any number. The host
/// does not match the query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    methods: Vec<Method>,
    endpoint: String,
    path: Vec<Segment>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Exactly(String),
    One,
    Rest,
}

/// Explains why a grant is invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the grant `{grant}` is invalid: {problem}")]
pub struct GrantError {
    grant: String,
    problem: GrantProblem,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum GrantProblem {
    Shape,
    Method,
    Path,
    Rest,
    Registry,
    Endpoint,
}

impl fmt::Display for GrantProblem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Shape => "it must read `METHODS ENDPOINT /path`",
            Self::Method => {
                "its methods are GET, HEAD, POST, PUT, PATCH and DELETE, comma-separated"
            }
            Self::Path => "its path must be absolute, without `.`, `..` and empty segments",
            Self::Rest => "`**` may only end a path, and `*` must be a whole segment",
            Self::Registry => "a plugin may not use the registry API under /v2/",
            Self::Endpoint => "the plugin has no endpoint with this name",
        })
    }
}

impl Grant {
    /// Parses a grant. Its endpoint must be one of `endpoints`.
    pub(crate) fn for_endpoints<'a>(
        text: &str,
        endpoints: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, GrantError> {
        let grant: Self = text.parse()?;
        if endpoints.into_iter().any(|name| name == grant.endpoint) {
            Ok(grant)
        } else {
            Err(refused(text, GrantProblem::Endpoint))
        }
    }

    /// Returns whether the grant covers a request. `path` holds unescaped segments.
    ///
    /// The host sends a slash inside a segment as `%2F`, which some servers treat as a slash. The grant
    /// must cover such a path in both readings, and neither may be below `/v2/`.
    pub(crate) fn covers(&self, method: Method, endpoint: &str, path: &[String]) -> bool {
        let as_sent: Vec<&str> = path.iter().map(String::as_str).collect();
        let split_at_slashes: Vec<&str> =
            as_sent.iter().flat_map(|segment| segment.split(['/', '\\'])).collect();
        self.endpoint == endpoint
            && self.methods.contains(&method)
            && !is_registry_api(&split_at_slashes)
            && self.matches(&as_sent)
            && self.matches(&split_at_slashes)
    }

    fn matches(&self, path: &[&str]) -> bool {
        let mut rest = path;
        for segment in &self.path {
            match (segment, rest.split_first()) {
                (Segment::Rest, _) => return true,
                (Segment::Exactly(text), Some((first, after))) if text == first => rest = after,
                (Segment::One, Some((first, after))) if !first.is_empty() => rest = after,
                (Segment::Exactly(_) | Segment::One, _) => return false,
            }
        }
        rest.is_empty()
    }
}

/// Returns whether a path belongs to the distribution API, with which a plugin could push and pull.
fn is_registry_api(path: &[&str]) -> bool {
    path.first().is_some_and(|first| first.eq_ignore_ascii_case("v2"))
}

fn refused(grant: &str, problem: GrantProblem) -> GrantError {
    GrantError { grant: crate::escape::shown(grant), problem }
}

impl FromStr for Grant {
    type Err = GrantError;

    fn from_str(text: &str) -> Result<Self, GrantError> {
        let mut words = text.split_ascii_whitespace();
        let (Some(methods), Some(endpoint), Some(path), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(refused(text, GrantProblem::Shape));
        };
        let methods = methods
            .split(',')
            .map(Method::parse)
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| refused(text, GrantProblem::Method))?;
        let path = path
            .strip_prefix('/')
            .ok_or(GrantProblem::Path)
            .and_then(segments)
            .map_err(|problem| refused(text, problem))?;
        Ok(Self { methods, endpoint: endpoint.to_owned(), path })
    }
}

fn segments(path: &str) -> Result<Vec<Segment>, GrantProblem> {
    let texts: Vec<&str> = path.split('/').collect();
    if is_registry_api(&texts) {
        return Err(GrantProblem::Registry);
    }
    let last = texts.len() - 1;
    texts
        .iter()
        .enumerate()
        .map(|(index, &text)| match text {
            "*" => Ok(Segment::One),
            "**" if index == last => Ok(Segment::Rest),
            "" if index == last => Ok(Segment::Exactly(String::new())),
            "" | "." | ".." => Err(GrantProblem::Path),
            _ if text.contains('*') => Err(GrantProblem::Rest),
            _ => Ok(Segment::Exactly(text.to_owned())),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Grant, Method};

    fn covers(grant: &str, method: Method, path: &[&str]) -> bool {
        let grant: Grant = grant.parse().expect("a grant");
        let path: Vec<String> = path.iter().map(|&segment| segment.to_owned()).collect();
        grant.covers(method, "registry", &path)
    }

    #[test]
    fn segments_match_exactly_or_by_star() {
        let grant = "GET,HEAD registry /api/*/projects";
        assert!(covers(grant, Method::Get, &["api", "v2.0", "projects"]));
        assert!(covers(grant, Method::Head, &["api", "v2.0", "projects"]));
        assert!(!covers(grant, Method::Post, &["api", "v2.0", "projects"]));
        assert!(!covers(grant, Method::Get, &["api", "projects"]));
        assert!(!covers(grant, Method::Get, &["api", "v2.0", "projects", "x"]));
        assert!(!covers(grant, Method::Get, &["api", "v2.0", "projects", ""]));
        assert!(covers("GET registry /api/**", Method::Get, &["api", "a", "b"]));
        assert!(covers("GET registry /api/**", Method::Get, &["api"]));
        assert!(!covers("GET registry /api/**", Method::Get, &["apis"]));
        assert!(
            !covers("GET api /api/**", Method::Get, &["api", "a"]),
            "another endpoint's grant held"
        );
    }

    #[test]
    fn a_slash_in_a_segment_must_match_in_both_readings() {
        assert!(!covers("GET registry /a/*", Method::Get, &["a", "b/c"]));
        assert!(covers("GET registry /a/**", Method::Get, &["a", "b/c"]));
    }

    #[test]
    fn nothing_covers_the_registry_itself() {
        for path in [&["v2", "a", "tags"][..], &["V2", "x"], &["v2/a", "x"], &["v2\\a"]] {
            assert!(!covers("GET registry /**", Method::Get, path), "{path:?} was covered");
            assert!(!covers("GET registry /*/**", Method::Get, path), "{path:?} was covered");
        }
        for text in ["GET registry /v2/**", "GET registry /v2", "GET registry /V2/"] {
            assert!(text.parse::<Grant>().is_err(), "{text} was granted");
        }
    }

    #[test]
    fn broken_grants_are_refused() {
        for text in [
            "",
            "GET registry",
            "GET registry /a b",
            "get registry /a",
            "GET, registry /a",
            "TRACE registry /a",
            "GET registry a",
            "GET registry /a//b",
            "GET registry /a/../b",
            "GET registry /**/b",
            "GET registry /a*",
        ] {
            assert!(text.parse::<Grant>().is_err(), "{text:?} passed");
        }
        assert!(Grant::for_endpoints("GET api /a", ["registry"]).is_err());
        assert!(Grant::for_endpoints("GET registry /a", ["registry"]).is_ok());
    }
}
