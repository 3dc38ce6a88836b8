//! Refusals: status, error codes and `Retry-After`.

use std::fmt;
use std::time::{Duration, SystemTime};

use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde::Deserialize;

use crate::auth::mistimed::Mistimed;
use crate::auth::tried::LoginTried;
use crate::secret::known::{Origin, masked_bytes};

/// The most characters shown of a message that is not JSON.
const SHOWN: usize = 200;
/// The most codes kept of a refusal.
const CODES: usize = 16;

/// A registry's refusal (distribution-spec, "Error Codes").
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErrorResponse {
    /// The HTTP status.
    pub status: u16,
    /// The error codes of the body, such as `DENIED`.
    pub codes: Box<[String]>,
    /// Codes and messages, as one line.
    pub detail: String,
    /// The wait that `Retry-After` or a similar header asks for.
    pub retry_after: Option<Duration>,
    /// The host that answered, if the registry had redirected to another one.
    pub redirected: Option<String>,
    /// The schemes to log in with that a 401 offers, such as `Basic`.
    pub offers: Box<[String]>,
    /// The token that was refused is not valid by the clock of the registry.
    pub mistimed: Option<Box<Mistimed>>,
    /// How the refused request was logged in, if the registry itself refused it.
    pub login: Option<Box<LoginTried>>,
    /// Whether it repeats a refusal of another registry, which it had asked itself.
    pub relays: bool,
}

#[derive(Deserialize)]
struct ErrorBody {
    #[serde(default)]
    errors: Vec<ErrorEntry>,
    /// The fields that token services use instead: Docker Hub's, and OAuth's (RFC 6749, section
    /// 5.2).
    #[serde(alias = "error_description")]
    details: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct ErrorEntry {
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    detail: Option<serde_json::Value>,
}

impl ErrorResponse {
    /// The login of a 403, if a credential may be known but the registry has never asked for it.
    pub(crate) fn unasked_login(&self) -> Option<&LoginTried> {
        let has_other_reason = self.is_of_cache()
            || self.is_out_of_room()
            || self.is_read_only()
            || self.lacks_namespace();
        let login = self.login.as_deref().filter(|login| !login.is_asked);
        login.filter(|_| self.status == 403 && !has_other_reason && !self.wants_certificate())
    }

    /// Whether the registry refused the token because of its clock. Many registries tolerate a small
    /// difference, so a 403 then has another reason.
    pub(crate) fn is_mistimed(&self) -> bool {
        self.mistimed.as_deref().is_some_and(|token| {
            self.status == 401 || self.status == 403 && token.is_beyond_leeway()
        })
    }

    /// Parses a response of `status` with this body.
    pub(crate) fn of(status: u16, body: &[u8], retry_after: Option<Duration>) -> Self {
        // Some servers repeat the request, with its credential.
        let masked = masked_bytes(body, Origin::Answer);
        let body = masked.as_deref().unwrap_or(body);
        let Ok(parsed) = serde_json::from_slice::<ErrorBody>(body) else {
            let text = String::from_utf8_lossy(body);
            let is_page = text.trim_start().starts_with('<');
            let text = if is_page { title(status, &text) } else { text.trim() };
            let detail = one_line(text, SHOWN);
            return Self { status, detail, retry_after, ..Self::default() };
        };
        let mut lines: Vec<String> = parsed.errors.iter().map(ErrorEntry::line).collect();
        if let Some(serde_json::Value::String(details)) = parsed.details {
            lines.push(one_line(&details, SHOWN));
        }
        let relays = parsed.errors.iter().any(|error| !error.relayed().is_empty());
        let codes = parsed.errors.into_iter().filter_map(|error| error.code).take(CODES).collect();
        let detail = one_line(&lines.join("; "), 5 * SHOWN);
        Self { status, codes, detail, retry_after, relays, ..Self::default() }
    }

    /// Whether the registry says that the project or namespace of a repository does not exist.
    ///
    /// Harbor answers 401 then, and others 403, which looks like a wrong credential.
    pub fn lacks_namespace(&self) -> bool {
        let said = self.detail.to_ascii_lowercase();
        let is_certain = |place: &usize| {
            let rest = &said[*place..];
            let missing = ["not found", "does not exist", "doesn't exist", "not exist"];
            let unsure = [" or ", "may not", "might not", "permission", "denied"];
            missing.iter().any(|word| rest.contains(word))
                && !unsure.iter().any(|word| rest.contains(word))
        };
        let kinds = ["project ", "namespace ", "organization ", "organisation "];
        matches!(self.status, 401 | 403 | 404)
            && self.redirected.is_none()
            && kinds.iter().filter_map(|kind| said.find(kind)).any(|place| is_certain(&place))
    }

    /// Whether the registry refuses an upload because it is a pull-through cache.
    ///
    /// Distribution says that this is not supported, and Harbor names its proxy project. A registry
    /// that is read-only answers otherwise.
    pub(crate) fn is_of_cache(&self) -> bool {
        let is_unsupported = self.status == 405 && self.has_code("UNSUPPORTED");
        let is_of_harbor =
            matches!(self.status, 403 | 405) && self.detail.contains("to a proxy project");
        is_unsupported || is_of_harbor
    }

    /// Whether the registry has no room for more, whoever asks.
    pub(crate) fn is_out_of_room(&self) -> bool {
        self.status == 507
            || self.says(&["no space left on device"])
            || (matches!(self.status, 400 | 403 | 413)
                && self.says(&["quota", "configured upper limit"]))
    }

    /// Whether the registry takes no changes now, whoever asks.
    pub(crate) fn is_read_only(&self) -> bool {
        matches!(self.status, 403 | 405 | 503) && self.says(&["read only", "read-only", "readonly"])
    }

    /// Whether the message has one of these words, in any case.
    fn says(&self, words: &[&str]) -> bool {
        let said = self.detail.to_ascii_lowercase();
        words.iter().any(|word| said.contains(word))
    }

    /// Whether the registry says that a repository does not exist, whatever the status.
    pub(crate) fn lacks_repository(&self) -> bool {
        matches!(self.status, 400 | 401 | 403)
            && self.redirected.is_none()
            && ["NAME_UNKNOWN", "MANIFEST_UNKNOWN", "REPOSITORY_NOT_FOUND"]
                .iter()
                .any(|code| self.has_code(code))
    }

    /// Whether a server in front of the registry, such as nginx, wants another client certificate.
    pub(crate) fn wants_certificate(&self) -> bool {
        matches!(self.status, 400 | 401 | 403 | 495 | 496)
            && self.codes.is_empty()
            && self.says(&["ssl certificate", "client certificate"])
    }

    /// Whether longshore knows a scheme that is offered. True if none is named.
    pub fn offers_a_known_scheme(&self) -> bool {
        let is_known = |scheme: &String| {
            ["basic", "bearer"].iter().any(|known| scheme.eq_ignore_ascii_case(known))
        };
        self.offers.is_empty() || self.offers.iter().any(is_known)
    }

    /// Whether `code` is among the codes.
    pub fn has_code(&self, code: &str) -> bool {
        self.codes.iter().any(|found| found == code)
    }
}

/// The title of a web page, if it says more than the status.
fn title(status: u16, page: &str) -> &str {
    let between = page.split_once("<title>").and_then(|(_, rest)| rest.split_once("</title>"));
    let title = between.map_or("", |(title, _)| title).trim();
    let title = title.strip_prefix(status.to_string().as_str()).unwrap_or(title).trim();
    let reason = reqwest::StatusCode::from_u16(status).ok();
    let reason = reason.and_then(|status| status.canonical_reason()).unwrap_or_default();
    if title.eq_ignore_ascii_case(reason) || title.contains(['<', '>']) { "" } else { title }
}

/// A message without its second half if that repeats the first, as in Harbor's `denied: x: denied: x`.
fn once(message: &str) -> &str {
    message
        .match_indices(": ")
        .map(|(at, between)| (&message[..at], &message[at + between.len()..]))
        .find_map(|(first, second)| (first == second).then_some(first))
        .unwrap_or(message)
}

/// The first characters of a text, as one line.
fn one_line(text: &str, characters: usize) -> String {
    text.chars().take(characters).collect::<String>().replace(['\n', '\r'], " ")
}

impl ErrorEntry {
    fn line(&self) -> String {
        let mut parts = Vec::new();
        parts.extend(Some(self.brief()).filter(|text| !text.is_empty()));
        if let Some(serde_json::Value::String(detail)) = &self.detail
            && !detail.is_empty()
        {
            parts.push(detail.clone());
        }
        let relayed = self.relayed();
        let relayed = relayed.iter().filter_map(|error| Self::deserialize(error).ok());
        parts
            .extend(relayed.take(CODES).map(|error| error.brief()).filter(|text| !text.is_empty()));
        one_line(&parts.join(": "), 4 * SHOWN)
    }

    /// Code and message. Harbor's message may begin with the code again, as in `unauthorized: unauthorized`.
    fn brief(&self) -> String {
        let code = self.code.as_deref().unwrap_or_default();
        let mut message = self.message.as_deref().unwrap_or_default();
        while !code.is_empty()
            && message.split(':').next().is_some_and(|first| first.eq_ignore_ascii_case(code))
        {
            message = message[code.len()..].trim_start_matches([':', ' ']);
        }
        let parts = [code, once(message)].into_iter().filter(|text| !text.is_empty());
        parts.collect::<Vec<_>>().join(": ")
    }

    /// The errors of another registry that the details repeat. Distribution's caches do that.
    fn relayed(&self) -> &[serde_json::Value] {
        let detail = self.detail.as_ref();
        let errors = detail.and_then(|detail| detail.get("errors")?.as_array());
        errors.map_or(&[], Vec::as_slice)
    }
}

impl fmt::Display for ErrorResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = reqwest::StatusCode::from_u16(self.status).ok();
        let words = match self.status {
            401 => "unauthorized",
            403 => "denied",
            404 => "not found",
            429 => "too many requests",
            _ => status.and_then(|status| status.canonical_reason()).unwrap_or("unexpected answer"),
        };
        write!(f, "{words} ({})", self.status)?;
        if let Some(host) = &self.redirected {
            write!(f, " at {host}, which it redirects to")?;
        }
        if !self.detail.is_empty() {
            write!(f, ": {}", self.detail)?;
        }
        if !self.offers_a_known_scheme() {
            write!(f, " (it offers only {})", self.offers.join(", "))?;
        }
        let is_asked = self.login.as_ref().is_none_or(|login| login.is_asked);
        if self.status == 401 && self.offers.is_empty() && !is_asked {
            f.write_str(" (without WWW-Authenticate)")?;
        }
        if let Some(mistimed) = &self.mistimed {
            write!(f, " ({mistimed})")?;
        }
        Ok(())
    }
}

/// The longest wait that is believed; larger numbers have another meaning.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The wait of the first header that names a wait above zero.
///
/// Some registries send the quota's reset time in every answer, so it only counts in a 429.
pub(crate) fn retry_after(status: u16, headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let names: &[&str] = match status {
        429 => &[RETRY_AFTER.as_str(), "x-ratelimit-reset", "ratelimit-reset"],
        _ => &[RETRY_AFTER.as_str()],
    };
    let read = |name: &&str| wait(headers.get(*name)?.to_str().ok()?.trim(), now);
    names.iter().filter_map(read).find(|wait| !wait.is_zero())
}

/// Parses a wait in seconds, as a date, or as an epoch time, which some registries send.
fn wait(text: &str, now: SystemTime) -> Option<Duration> {
    let since_epoch = now.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    if let Ok(number) = text.parse::<u64>() {
        // Some registries count milliseconds since the epoch.
        let millis = number > 1_000_000_000_000;
        let asked =
            if millis { Duration::from_millis(number) } else { Duration::from_secs(number) };
        let is_epoch = number > 1_000_000_000;
        let wait = if is_epoch { asked.saturating_sub(since_epoch) } else { asked };
        return Some(wait.min(LONGEST));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default().min(LONGEST))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};

    use super::{ErrorResponse, retry_after};

    #[test]
    fn errors_of_the_specification_become_one_line() {
        let body =
            br#"{"errors":[{"code":"DENIED","message":"no\npush","detail":{"a":1}},{"code":"X"}]}"#;
        let answer = ErrorResponse::of(403, body, None);
        assert!(answer.has_code("DENIED"));
        assert_eq!(answer.to_string(), "denied (403): DENIED: no push; X");
    }

    #[test]
    fn a_message_does_not_repeat_its_code() {
        for (message, said) in [
            ("unauthorized: unauthorized", "UNAUTHORIZED"),
            (
                "unauthorized: unauthorized to access repository: a",
                "UNAUTHORIZED: unauthorized to access repository: a",
            ),
            ("Unauthorized", "UNAUTHORIZED"),
            (
                "unauthorized to access a: b, push: unauthorized to access a: b, push",
                "UNAUTHORIZED: unauthorized to access a: b, push",
            ),
            ("project x not found: project x not found", "UNAUTHORIZED: project x not found"),
            ("a: b: a", "UNAUTHORIZED: a: b: a"),
            ("authentication required", "UNAUTHORIZED: authentication required"),
            ("", "UNAUTHORIZED"),
        ] {
            let body = format!(r#"{{"errors":[{{"code":"UNAUTHORIZED","message":"{message}"}}]}}"#);
            let answer = ErrorResponse::of(401, body.as_bytes(), None);
            assert_eq!(answer.to_string(), format!("unauthorized (401): {said}"));
        }
    }

    #[test]
    fn a_missing_project_is_told_from_a_refused_credential() {
        let lacks = |status, message: &str| {
            let body = format!(r#"{{"errors":[{{"code":"UNAUTHORIZED","message":"{message}"}}]}}"#);
            ErrorResponse::of(status, body.as_bytes(), None).lacks_namespace()
        };
        assert!(lacks(401, "project team not found"));
        assert!(lacks(403, "Project my-team does not exist"));
        assert!(lacks(404, "namespace acme not found"));
        assert!(lacks(401, "the organization acme doesn't exist"));
        for other in [
            "unauthorized to access repository: team/app, action: push",
            "artifact team/app:1 not found",
            "project team not found or access denied",
            "project team does not exist or may require a login",
            "the project has exceeded its quota",
            "",
        ] {
            assert!(!lacks(401, other), "{other}");
        }
        assert!(!lacks(500, "project team not found"));
    }

    #[test]
    fn a_missing_repository_has_a_code() {
        let lacks = |status, code: &str| {
            let body = format!(r#"{{"errors":[{{"code":"{code}","message":"no"}}]}}"#);
            ErrorResponse::of(status, body.as_bytes(), None).lacks_repository()
        };
        assert!(lacks(401, "NAME_UNKNOWN") && lacks(403, "NAME_UNKNOWN"));
        assert!(lacks(400, "REPOSITORY_NOT_FOUND") && lacks(401, "MANIFEST_UNKNOWN"));
        assert!(
            !lacks(401, "UNAUTHORIZED") && !lacks(403, "DENIED") && !lacks(429, "NAME_UNKNOWN")
        );
    }

    #[test]
    fn only_the_refusals_of_caches_count() {
        let of = |status, code: &str, message: &str| {
            let body = format!(r#"{{"errors":[{{"code":"{code}","message":"{message}"}}]}}"#);
            ErrorResponse::of(status, body.as_bytes(), None).is_of_cache()
        };
        assert!(of(405, "UNSUPPORTED", "The operation is unsupported."));
        assert!(of(403, "DENIED", "can not push artifact to a proxy project: hub"));
        assert!(of(405, "METHOD_NOT_ALLOWED", "can not push artifact to a proxy project: hub"));
        assert!(!of(403, "DENIED", "The system is in read only mode."));
        assert!(!of(403, "DENIED", "adding 1 MiB exceeds the quota of project proxy"));
        assert!(!of(401, "UNAUTHORIZED", "unauthorized"));
        let read_only = ErrorResponse::of(405, b"Method Not Allowed\n", None);
        assert!(!read_only.is_of_cache());
    }

    #[test]
    fn refusals_that_no_credential_changes_are_told() {
        let of = |status, message: &str| {
            let body = format!(r#"{{"errors":[{{"code":"DENIED","message":"{message}"}}]}}"#);
            ErrorResponse::of(status, body.as_bytes(), None)
        };
        let exceeds = "adding 1.0 MiB of storage resource, which when updated to current usage of 9.0 \
                       MiB will exceed the configured upper limit of 10.0 MiB.";
        for (status, message, is_full, is_read_only) in [
            (403, exceeds, true, false),
            (403, "Quota exceeded for the organization", true, false),
            (413, "the storage quota of team is used up", true, false),
            (507, "", true, false),
            (500, "write /data/x: no space left on device", true, false),
            (500, "the service of quotas failed", false, false),
            (403, "The system is in read only mode.", false, true),
            (405, "registry is READ-ONLY", false, true),
            (403, "requested access to the resource is denied", false, false),
            (401, "quota of the account", false, false),
            (404, "read only", false, false),
        ] {
            let answer = of(status, message);
            assert_eq!(
                (answer.is_out_of_room(), answer.is_read_only()),
                (is_full, is_read_only),
                "{message}"
            );
        }
    }

    #[test]
    fn token_services_say_it_in_their_own_ways() {
        for body in [r#"{"details":"wrong password"}"#, r#"{"error_description":"wrong password"}"#]
        {
            let answer = ErrorResponse::of(401, body.as_bytes(), None);
            assert_eq!(answer.to_string(), "unauthorized (401): wrong password");
        }
    }

    #[test]
    fn other_bodies_are_cut_and_html_is_left_out() {
        for (status, page, said) in [
            (502, "<html>..", "Bad Gateway (502)"),
            (502, "<html><head><title>502 Bad Gateway</title>", "Bad Gateway (502)"),
            (404, "<title>404 Not Found</title>", "not found (404)"),
            (502, "<!doctype html><title> Our <b>proxy</b> </title>", "Bad Gateway (502)"),
            (
                400,
                "<html>\r\n<head><title>400 No required SSL certificate was sent</title></head>",
                "Bad Request (400): No required SSL certificate was sent",
            ),
            (503, "<title>Maintenance</title>", "Service Unavailable (503): Maintenance"),
        ] {
            let answer = ErrorResponse::of(status, page.as_bytes(), None);
            assert_eq!(answer.to_string(), said);
        }
        assert_eq!(
            ErrorResponse::of(500, b"oops\n", None).to_string(),
            "Internal Server Error (500): oops"
        );
    }

    #[test]
    fn retry_after_has_three_forms() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let read = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_str(value).unwrap());
            retry_after(503, &headers, now).map(|wait| wait.as_secs())
        };
        assert_eq!(read("7"), Some(7));
        assert_eq!(read("1800000009"), Some(9));
        assert_eq!(read(&httpdate::fmt_http_date(now + Duration::from_secs(30))), Some(30));
        assert_eq!(read("1800000009000"), Some(9), "milliseconds");
        assert_eq!(read(&u64::MAX.to_string()), Some(30 * 24 * 60 * 60));
        assert_eq!((read("soon"), read("0")), (None, None));
    }

    #[test]
    fn unreadable_headers_do_not_hide_others() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let read = |status, values: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in values {
                headers.insert(*name, HeaderValue::from_static(value));
            }
            retry_after(status, &headers, now).map(|wait| wait.as_secs())
        };
        let reset = [("retry-after", "0"), ("x-ratelimit-reset", "1800000004")];
        assert_eq!((read(429, &reset), read(503, &reset)), (Some(4), None));
        assert_eq!(read(429, &[("retry-after", "soon"), ("ratelimit-reset", "5")]), Some(5));
        assert_eq!(read(429, &[("retry-after", "3"), ("x-ratelimit-reset", "9")]), Some(3));
        assert_eq!(read(429, &[]), None);
    }
}
