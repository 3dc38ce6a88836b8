//! The requests that a plugin may send: `METHODS ENDPOINT /path [HEADER=VALUE …] [dry-run]`.

use std::fmt;
use std::str::FromStr;

use super::transport::Method;

/// What the message of a request that no grant covers starts with.
pub const NO_GRANT: &str = "no grant covers";

/// Headers that a plugin may send with any grant.
pub(super) const REQUEST_HEADERS: [&str; 4] =
    ["accept", "content-type", "if-match", "if-none-match"];

/// Parts of the names of headers that no grant allows.
const RESERVED_HEADERS: [&str; 9] =
    ["auth", "token", "key", "cookie", "forwarded", "date", "override", "host", "rewrite"];

/// The word after a grant for requests that change nothing.
const IN_DRY_RUN: &str = "dry-run";

/// A permission to send requests, such as `GET,HEAD registry /api/v2.0/projects/*`.
///
/// Path segments match exactly. `*` matches one segment. `**` at the end matches any number. The host
/// does not match the query. A request must have each header that the grant names, with this value: some
/// APIs name their operation in a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    methods: Vec<Method>,
    endpoint: String,
    path: Vec<Segment>,
    /// Names in lower case, and values.
    headers: Vec<(String, String)>,
    /// Whether the request changes nothing whatever its method, so that a dry run sends it too.
    in_dry_run: bool,
}

/// What a grant is asked about.
pub(crate) struct Wanted<'a> {
    pub(crate) method: Method,
    pub(crate) endpoint: &'a str,
    /// The unescaped segments of the path.
    pub(crate) path: &'a [String],
    /// Headers with lower-case names.
    pub(crate) headers: &'a [(String, String)],
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
    Header,
}

impl fmt::Display for GrantProblem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Shape => "it must read `METHODS ENDPOINT /path [HEADER=VALUE …] [dry-run]`",
            Self::Method => {
                "its methods are GET, HEAD, POST, PUT, PATCH and DELETE, comma-separated"
            }
            Self::Path => "its path must be absolute, without `.`, `..` and empty segments",
            Self::Rest => "`**` may only end a path, and `*` must be a whole segment",
            Self::Registry => "a plugin may not use the registry API under /v2/",
            Self::Endpoint => "the plugin has no endpoint with this name",
            Self::Header => {
                "a header is `x-NAME=VALUE`, and none that authenticates, dates or redirects a request"
            }
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

    /// Returns whether the grant covers a request.
    ///
    /// The host sends a slash inside a segment as `%2F`, which some servers treat as a slash. The grant
    /// must cover such a path in both readings, and neither may be below `/v2/`.
    pub(crate) fn covers(&self, wanted: &Wanted<'_>) -> bool {
        let as_sent: Vec<&str> = wanted.path.iter().map(String::as_str).collect();
        let split_at_slashes: Vec<&str> =
            as_sent.iter().flat_map(|segment| segment.split(['/', '\\'])).collect();
        self.endpoint == wanted.endpoint
            && self.methods.contains(&wanted.method)
            && !is_registry_api(&split_at_slashes)
            && self.matches(&as_sent)
            && self.matches(&split_at_slashes)
            && self.headers.iter().all(|header| wanted.headers.contains(header))
            && wanted.headers.iter().all(|(name, _)| self.allows(name))
    }

    /// Returns whether a request may have the header `name`, which is in lower case.
    fn allows(&self, name: &str) -> bool {
        REQUEST_HEADERS.contains(&name) || self.headers.iter().any(|(known, _)| known == name)
    }

    /// Returns whether a dry run sends the request that the grant covers.
    pub(crate) const fn holds_in_dry_run(&self) -> bool {
        self.in_dry_run
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

impl Grant {
    /// Returns whether this grant covers each request that the other one covers.
    fn includes(&self, other: &Self) -> bool {
        self.endpoint == other.endpoint
            && other.methods.iter().all(|method| self.methods.contains(method))
            && includes(&self.path, &other.path)
            && self.headers == other.headers
            && (self.in_dry_run || !other.in_dry_run)
    }
}

fn includes(path: &[Segment], other: &[Segment]) -> bool {
    match (path.split_first(), other.split_first()) {
        (Some((Segment::Rest, _)), _) | (None, None) => true,
        (Some((first, path)), Some((wanted, other))) => {
            let same = match (first, wanted) {
                // `*` matches no empty segment.
                (Segment::One, Segment::Exactly(text)) => !text.is_empty(),
                (first, wanted) => first == wanted,
            };
            same && includes(path, other)
        }
        _ => false,
    }
}

/// Checks the form of a grant. Its endpoint may be any.
///
/// # Errors
///
/// Fails if it is not `METHODS ENDPOINT /path`.
pub fn check_grant(grant: &str) -> Result<(), GrantError> {
    grant.parse::<Grant>().map(drop)
}

/// Returns those of `wanted` that no single one of `granted` covers.
///
/// # Errors
///
/// Fails if one of them is not a grant.
pub fn ungranted(wanted: &[String], granted: &[String]) -> Result<Vec<String>, GrantError> {
    let granted: Vec<Grant> =
        granted.iter().map(|grant| grant.parse()).collect::<Result<_, _>>()?;
    let mut missing = Vec::new();
    for text in wanted {
        let grant: Grant = text.parse()?;
        if !granted.iter().any(|known| known.includes(&grant)) {
            missing.push(text.clone());
        }
    }
    Ok(missing)
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
        let (Some(methods), Some(endpoint), Some(path)) =
            (words.next(), words.next(), words.next())
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
        let mut grant = Self {
            methods,
            endpoint: endpoint.to_owned(),
            path,
            headers: Vec::new(),
            in_dry_run: false,
        };
        for word in words {
            match word.split_once('=') {
                _ if grant.in_dry_run => return Err(refused(text, GrantProblem::Shape)),
                Some((name, value)) => {
                    let header = header(name, value).map_err(|problem| refused(text, problem))?;
                    grant.headers.push(header);
                }
                None if word == IN_DRY_RUN => grant.in_dry_run = true,
                None => return Err(refused(text, GrantProblem::Shape)),
            }
        }
        Ok(grant)
    }
}

/// Reads a header of a grant. A plugin gets no header that changes who asks, where, when or for what
/// method.
fn header(name: &str, value: &str) -> Result<(String, String), GrantProblem> {
    let name = name.to_ascii_lowercase();
    let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let is_reserved = RESERVED_HEADERS.iter().any(|reserved| name.contains(reserved));
    if !name.starts_with("x-") || !is_plain || is_reserved || value.is_empty() {
        return Err(GrantProblem::Header);
    }
    Ok((name, value.to_owned()))
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
    use super::{Grant, Method, Wanted, ungranted};

    fn covers(grant: &str, method: Method, path: &[&str]) -> bool {
        covers_with(grant, method, path, &[])
    }

    fn covers_with(grant: &str, method: Method, path: &[&str], headers: &[(&str, &str)]) -> bool {
        let grant: Grant = grant.parse().expect("a grant");
        let path: Vec<String> = path.iter().map(|&segment| segment.to_owned()).collect();
        let headers: Vec<(String, String)> =
            headers.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        grant.covers(&Wanted { method, endpoint: "registry", path: &path, headers: &headers })
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
    fn a_header_of_a_grant_must_be_there_with_its_value() {
        let grant = "POST registry / x-amz-target=Service.Look dry-run";
        let target = |value: &'static str| [("x-amz-target", value)];
        let with = |headers: &[(&str, &str)]| covers_with(grant, Method::Post, &[""], headers);
        assert!(with(&target("Service.Look")));
        assert!(with(&[("x-amz-target", "Service.Look"), ("content-type", "a/b")]));
        assert!(!with(&target("Service.Delete")));
        assert!(!with(&target("service.look")), "values are exact");
        assert!(!with(&[]), "the header is missing");
        assert!(!with(&[("x-amz-target", "Service.Look"), ("x-other", "1")]), "it was not granted");
        assert!(!covers_with("POST registry /", Method::Post, &[""], &target("Service.Look")));
        let grant: Grant = grant.parse().expect("a grant");
        assert!(grant.holds_in_dry_run());
        assert!(!"POST registry /".parse::<Grant>().expect("a grant").holds_in_dry_run());
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
    fn a_grant_that_another_one_covers_is_granted() {
        let missing = |wanted: &str, granted: &[&str]| {
            let granted: Vec<String> = granted.iter().map(|&text| text.to_owned()).collect();
            !ungranted(&[wanted.to_owned()], &granted).expect("grants").is_empty()
        };
        for granted in ["GET api /a/b", "GET,POST api /a/*", "GET api /a/**", "GET api /**"] {
            assert!(!missing("GET api /a/b", &[granted]), "{granted} did not cover it");
        }
        for granted in ["POST api /a/b", "GET other /a/b", "GET api /a", "GET api /a/b/c"] {
            assert!(missing("GET api /a/b", &[granted]), "{granted} covered it");
        }
        assert!(missing("GET api /a/*", &["GET api /a/b"]), "a wider grant was covered");
        assert!(missing("GET api /a/**", &["GET api /a/*"]), "a wider grant was covered");
        assert!(missing("GET,POST api /a", &["GET api /a", "POST api /a"]), "two covered one");
        assert!(missing("GET api /a/", &["GET api /a/*"]), "an empty segment was covered");
        assert!(!missing("GET api /a/*", &["GET api /*/*"]));
        assert!(ungranted(&["GET".to_owned()], &[]).is_err());
    }

    #[test]
    fn broken_grants_are_refused() {
        for text in [
            "",
            "GET registry",
            "GET registry /a b",
            "GET registry /a dry-run b",
            "GET registry /a dry-run x-a=b",
            "GET registry /a DRY-RUN",
            "GET registry /a x-a",
            "GET registry /a x-a=",
            "GET registry /a accept=b",
            "GET registry /a authorization=b",
            "GET registry /a x-auth-token=b",
            "GET registry /a x-api-key=b",
            "GET registry /a x-amz-date=b",
            "GET registry /a x-forwarded-host=b",
            "GET registry /a x-http-method-override=DELETE",
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
