//! Translates the errors of ECR's API. Most have the status 400 and say their type in the body.

use longshore_plugin_sdk::PluginError;
use longshore_plugin_sdk::host::{RequestError, Response};
use serde_json::Value;

/// The most characters of a message that are quoted.
const MAX_QUOTED: usize = 300;

/// Why an operation failed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Trouble {
    /// The account may not do this. AWS names the account and the right.
    Rights(String),
    /// An error with a type that only some operations expect, and what to say of it.
    Named(String, PluginError),
    /// Any other failure.
    Other(PluginError),
}

impl From<Trouble> for PluginError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Rights(message) => Self::Unauthorized(message),
            Trouble::Named(_, error) | Trouble::Other(error) => error,
        }
    }
}

/// Converts a request without an answer.
pub(crate) fn unanswered(operation: &str, error: RequestError) -> Trouble {
    let (code, why) = match error {
        RequestError::Denied(why) => ("ecr/denied", why),
        RequestError::Exhausted(why) => ("ecr/exhausted", why),
        RequestError::Unreachable(why) => {
            ("ecr/unreachable", format!("the API of ECR did not answer to {operation}: {why}"))
        }
        RequestError::Other(coded) => ("ecr/request-failed", coded.message),
    };
    Trouble::Other(PluginError::other(code, why))
}

/// Converts an error answer of `operation`.
pub(crate) fn trouble(operation: &str, answer: &Response) -> Trouble {
    let (kind, said) = parse(&answer.body);
    let kind = kind.unwrap_or_default();
    let said = said.map_or_else(String::new, |said| format!(": {said}"));
    let named = if kind.is_empty() { answer.status.to_string() } else { kind.clone() };
    let message = format!("ECR answered {named} to {operation}{said}");
    match kind.as_str() {
        "AccessDeniedException" | "AccessDenied" | "NotAuthorized" | "UnauthorizedOperation" => {
            Trouble::Rights(format!("{message} (the missing right is ecr:{operation})"))
        }
        "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "IncompleteSignatureException"
        | "MissingAuthenticationTokenException"
        | "MissingAuthenticationToken"
        | "ExpiredTokenException"
        | "ExpiredToken"
        | "RequestExpired" => Trouble::Other(PluginError::Unauthorized(message)),
        "ThrottlingException"
        | "Throttling"
        | "TooManyRequestsException"
        | "RequestLimitExceeded"
        | "ServerException"
        | "InternalFailure"
        | "ServiceUnavailable" => Trouble::Other(PluginError::Transient(answer.retry_after())),
        "" => Trouble::Other(match answer.status {
            401 | 403 => PluginError::Unauthorized(message),
            408 | 429 | 500..=599 => PluginError::Transient(answer.retry_after()),
            _ => PluginError::other("ecr/unexpected-answer", message),
        }),
        _ if matches!(answer.status, 408 | 429 | 500..=599) => {
            Trouble::Other(PluginError::Transient(answer.retry_after()))
        }
        "LimitExceededException" => Trouble::Other(PluginError::other("ecr/limit", message)),
        _ => Trouble::Named(kind, PluginError::other("ecr/refused", message)),
    }
}

/// Returns the type and the message of an error. The type may have a namespace before it and an address
/// behind it.
fn parse(body: &[u8]) -> (Option<String>, Option<String>) {
    let Ok(document) = serde_json::from_slice::<Value>(body) else { return (None, None) };
    let text = |keys: &[&str]| keys.iter().find_map(|key| document[key].as_str());
    let kind = text(&["__type", "code", "Code"]).map(|kind| {
        let kind = kind.split(':').next().unwrap_or(kind);
        kind.rsplit('#').next().unwrap_or(kind).to_owned()
    });
    let said = text(&["message", "Message"]).map(|said| {
        let said = said.trim().chars().take(MAX_QUOTED);
        said.map(|character| if character.is_control() { ' ' } else { character }).collect()
    });
    (kind.filter(|kind| !kind.is_empty()), said)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_type_has_neither_namespace_nor_address() {
        for text in [
            r#"{"__type":"LimitExceededException"}"#,
            r#"{"__type":"com.amazonaws.ecr#LimitExceededException","message":"a\nb"}"#,
            r#"{"__type":"LimitExceededException:http://internal.amazon.com/x/"}"#,
        ] {
            assert_eq!(parse(text.as_bytes()).0.as_deref(), Some("LimitExceededException"));
        }
        let said = parse(r#"{"message":"a\nb"}"#.as_bytes());
        assert_eq!(said, (None, Some("a b".to_owned())));
        assert_eq!(parse(b"<html>"), (None, None));
        assert_eq!(parse(b"[]"), (None, None));
    }
}
