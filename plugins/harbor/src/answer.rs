//! Translates Harbor's responses into failures for the user.

use serde::Deserialize;

use crate::Failure;
use crate::api::{Response, SendError};

/// Maximum number of characters of Harbor's message that a failure quotes.
const MAX_QUOTED: usize = 300;

/// Converts a transport error.
pub(crate) fn failed(error: SendError) -> Failure {
    let (code, message) = match error {
        SendError::Denied(why) => ("harbor/denied", why),
        SendError::Exhausted(why) => ("harbor/exhausted", why),
        SendError::Unreachable(why) => {
            ("harbor/unreachable", format!("the API of Harbor did not answer: {why}"))
        }
        SendError::Other(why) => ("harbor/request-failed", why),
    };
    Failure::Other { code, message }
}

/// Converts an error response that has no special meaning for the step.
pub(crate) fn refused(request: &str, response: &Response) -> Failure {
    match response.status {
        401 => {
            Failure::Unauthorized(with_words(format!("Harbor answered 401 to {request}"), response))
        }
        403 => forbidden(request, response),
        408 | 429 | 500..=599 => Failure::Transient(response.retry_after),
        status => Failure::Other {
            code: "harbor/unexpected-answer",
            message: with_words(format!("Harbor answered {status} to {request}"), response),
        },
    }
}

/// Converts a 403. Harbor uses 403 for many errors that differ only in the message text.
fn forbidden(request: &str, response: &Response) -> Failure {
    let said = words(response).unwrap_or_default().to_ascii_lowercase();
    let why = if said.contains("csrf") {
        "it took the request for a browser's, so no credential was sent or a cookie went along"
    } else if said.contains("robot") {
        "a robot account of a project cannot create projects; use a system robot, a user, or create \
         the project by hand"
    } else if said.contains("admin") {
        "projects may be created by administrators only (project creation is `adminonly`); ask one, \
         or use a system robot with the permission project:create"
    } else if said.contains("quota") {
        "a quota is exceeded"
    } else {
        "the account may not do this: project creation may be for administrators only, and robot \
         accounts of a project can never create one"
    };
    Failure::Unauthorized(with_words(format!("Harbor answered 403 to {request}: {why}"), response))
}

/// Reports whether a 403 means that Harbor is in read-only mode.
pub(crate) fn is_read_only(response: &Response) -> bool {
    response.status == 403
        && words(response).is_some_and(|said| {
            let said = said.to_ascii_lowercase();
            said.contains("read only") || said.contains("read-only") || said.contains("readonly")
        })
}

/// Appends Harbor's error message, if there is one.
pub(crate) fn with_words(mut message: String, response: &Response) -> String {
    if let Some(said) = words(response) {
        message.push_str(" (Harbor says: ");
        message.push_str(&said);
        message.push(')');
    }
    message
}

/// Returns the first message of Harbor's error document on one line.
fn words(response: &Response) -> Option<String> {
    #[derive(Deserialize)]
    struct Errors {
        errors: Vec<Error>,
    }
    #[derive(Deserialize)]
    struct Error {
        #[serde(default)]
        message: String,
    }
    let document: Errors = serde_json::from_slice(&response.body).ok()?;
    let said: String = document
        .errors
        .into_iter()
        .map(|error| error.message)
        .find(|message| !message.trim().is_empty())?
        .trim()
        .chars()
        .take(MAX_QUOTED)
        .map(|character| if character.is_control() { ' ' } else { character })
        .collect();
    Some(said)
}

#[cfg(test)]
mod tests {
    use super::{is_read_only, refused, words};
    use crate::Failure;
    use crate::api::Response;
    use crate::fake::{answer, harbor_error};

    fn response(status: u16, body: &str) -> Response {
        answer(status, body).expect("an answer")
    }

    #[test]
    fn the_text_of_a_403_determines_its_cause() {
        for (said, part) in [
            ("Only system admin can create project", "administrators only"),
            ("Only system level robot can create project", "a robot account of a project"),
            ("CSRF token invalid", "cookie"),
            ("CSRF token not found in request", "no credential was sent"),
            ("adding 1 MiB would exceed the quota", "a quota is exceeded"),
            ("forbidden", "robot accounts of a project can never"),
            ("", "robot accounts of a project can never"),
        ] {
            let failure = refused("POST", &response(403, &harbor_error("FORBIDDEN", said)));
            let Failure::Unauthorized(message) = failure else {
                panic!("{said:?}: {failure:?}");
            };
            assert!(message.contains(part), "{said:?}: {message}");
            assert_eq!(message.contains("Harbor says"), !said.is_empty(), "{message}");
        }
    }

    #[test]
    fn read_only_is_its_own_cause() {
        let said = "The system is in read only mode. Any modification is prohibited.";
        assert!(is_read_only(&response(403, &harbor_error("DENIED", said))));
        assert!(!is_read_only(&response(403, &harbor_error("DENIED", "no"))));
        assert!(!is_read_only(&response(400, &harbor_error("DENIED", said))));
    }

    #[test]
    fn unknown_bodies_are_ignored_and_messages_stay_on_one_line() {
        for body in ["", "<html>", "{}", r#"{"errors":[]}"#, r#"{"errors":[{"message":" "}]}"#] {
            assert_eq!(words(&response(403, body)), None, "{body}");
        }
        let said = words(&response(403, r#"{"errors":[{"message":"a\nb"}]}"#));
        assert_eq!(said.as_deref(), Some("a b"));
        let long = harbor_error("X", &"ä".repeat(1000));
        let said = words(&response(403, &long)).expect("words");
        assert_eq!(said.chars().count(), super::MAX_QUOTED);
    }
}
