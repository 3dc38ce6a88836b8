//! The answer of a token service (distribution's token specification; RFC 6749, section 5.1).

use std::collections::HashMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;

/// The longest token that is used, in bytes. Registries take no longer headers, and a run keeps many tokens.
const TOKEN_LIMIT: usize = 32 * 1024;
/// The most bytes read of a token service's answer.
pub(crate) const TOKEN_BODY_LIMIT: u64 = 1024 * 1024;

/// The answer of a token service; OAuth 2 names the token `access_token`.
#[derive(Debug)]
pub(crate) struct TokenAnswer {
    pub(crate) token: Option<String>,
    pub(crate) access_token: Option<String>,
    /// The lifetime in seconds; `None` if the answer names none that can be.
    pub(crate) expires_in: Option<u64>,
}

impl TokenAnswer {
    /// Parses an answer. A field that cannot be read counts as absent, and of two fields with one name the
    /// last counts: other clients take such answers.
    ///
    /// # Errors
    /// Says what is wrong with an answer that is not a JSON object, or has too long a token.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, String> {
        let fields: HashMap<String, &RawValue> = match serde_json::from_slice(body) {
            Ok(fields) => fields,
            Err(error) if error.is_data() => return Err("its answer contains no token".to_owned()),
            Err(_) => return Err("its answer contains no JSON".to_owned()),
        };
        let answer = Self {
            token: field(&fields, "token"),
            access_token: field(&fields, "access_token"),
            expires_in: field(&fields, "expires_in").and_then(seconds),
        };
        let lengths = [&answer.token, &answer.access_token].into_iter().flatten().map(String::len);
        match lengths.max() {
            Some(length) if length > TOKEN_LIMIT => {
                Err(format!("its token has {length} bytes, at most {TOKEN_LIMIT} are used"))
            }
            _ => Ok(answer),
        }
    }
}

fn field<'a, T: Deserialize<'a>>(fields: &HashMap<String, &'a RawValue>, name: &str) -> Option<T> {
    serde_json::from_str(fields.get(name)?.get()).ok()
}

/// Reads a number of seconds that services write as an integer, a fraction or a string. What is not a
/// positive number counts as not said.
fn seconds(written: serde_json::Value) -> Option<u64> {
    let seconds = match written {
        serde_json::Value::Number(number) => number.as_f64(),
        serde_json::Value::String(text) => text.trim().parse::<f64>().ok(),
        _ => None,
    };
    let seconds = seconds.filter(|seconds| seconds.is_finite() && *seconds >= 1.0)?;
    // A lifetime that is too large for the type is valid: the token is renewed after a day anyway.
    Some(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX).as_secs())
}

#[cfg(test)]
mod tests {
    use super::{TOKEN_LIMIT, TokenAnswer};

    #[test]
    fn a_token_is_bounded_under_both_of_its_names() {
        let (long, longer) = ("t".repeat(TOKEN_LIMIT), "t".repeat(TOKEN_LIMIT + 1));
        for (text, is_used) in [
            (format!(r#"{{"token":"{long}"}}"#), true),
            (format!(r#"{{"access_token":"{long}","token":"t"}}"#), true),
            (format!(r#"{{"token":"{longer}"}}"#), false),
            (format!(r#"{{"access_token":"{longer}"}}"#), false),
            (format!(r#"{{"token":"t","access_token":"{longer}"}}"#), false),
            (format!(r#"{{"token":"t","x":"{longer}"}}"#), true),
            ("{}".to_owned(), true),
            ("[".to_owned(), false),
        ] {
            let start = &text[..text.len().min(30)];
            assert_eq!(TokenAnswer::parse(text.as_bytes()).is_ok(), is_used, "{start}");
        }
    }

    #[test]
    fn a_field_that_cannot_be_read_does_not_hide_the_token() {
        for text in [
            r#"{"token":"t","expires_in":1e999}"#,
            r#"{"token":"t","access_token":5,"expires_in":{"a":[]}}"#,
            r#"{"token":"old","token":"t"}"#,
            r#"{"token":"t","issued_at":"\ud800","expires_in":60,"expires_in":"x"}"#,
            r#"{"access_token":["t"],"token":"t","refresh_token":1E+400}"#,
        ] {
            let answer = TokenAnswer::parse(text.as_bytes()).unwrap();
            assert_eq!((answer.token.as_deref(), answer.expires_in), (Some("t"), None), "{text}");
            assert_eq!(answer.access_token, None, "{text}");
        }
    }

    #[test]
    fn an_answer_without_a_token_is_not_called_broken() {
        for (text, why) in [
            (r#""t""#, "its answer contains no token"),
            ("[]", "its answer contains no token"),
            ("null", "its answer contains no token"),
            ("t", "its answer contains no JSON"),
            ("<html>", "its answer contains no JSON"),
            ("", "its answer contains no JSON"),
            (r#"{"token":"t""#, "its answer contains no JSON"),
            (r#"{"token":"t"}x"#, "its answer contains no JSON"),
        ] {
            assert_eq!(TokenAnswer::parse(text.as_bytes()).unwrap_err(), why, "{text}");
        }
        assert_eq!(TokenAnswer::parse(br#"{"token":5}"#).unwrap().token, None);
    }
}
