//! Credentials that a list gives for its registries.
//!
//! Each one travels to the host as an entry of its own, which names no image. The host uses it with
//! `--list-credentials` only, and shows it to nobody: no log, report, failed list or other plugin gets it.

use serde_json::{Value, json};

use crate::Attribute;
use crate::diagnostic::Place;
use crate::list::{Entry, Parsed, Selection};

/// The key of the attribute that makes an entry a credential for its source. The value is the login in JSON.
pub const CREDENTIAL: &str = "credential";

/// A part of a user name, a password or a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// The text itself.
    Text(String),
    /// The value of an environment variable of the host.
    Variable {
        /// Its name.
        name: String,
        /// What stands for it if it is unset or empty.
        default: Option<String>,
    },
    /// The content of a file on the host, without blanks and line breaks at its ends.
    File(String),
}

/// How to log in to a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    /// With a user name and a password.
    Password {
        /// The user name.
        username: Vec<Part>,
        /// The password, or an access token.
        password: Vec<Part>,
    },
    /// With an identity token, which the token service exchanges.
    Token(Vec<Part>),
    /// With what a credential helper answers.
    Helper {
        /// Its name, without `docker-credential-`.
        name: String,
        /// The host to ask it for, if that is not the registry.
        host: Option<String>,
    },
}

impl Part {
    fn json(&self) -> Value {
        match self {
            Self::Text(text) => json!(text),
            Self::Variable { name, default: None } => json!({ "variable": name }),
            Self::Variable { name, default: Some(default) } => {
                json!({ "variable": name, "default": default })
            }
            Self::File(path) => json!({ "file": path }),
        }
    }
}

/// Returns a text as its only part.
#[must_use]
pub fn text(text: &str) -> Vec<Part> {
    vec![Part::Text(text.to_owned())]
}

impl Login {
    fn json(&self) -> Value {
        let all = |parts: &[Part]| parts.iter().map(Part::json).collect::<Vec<_>>();
        match self {
            Self::Password { username, password } => {
                json!({ "username": all(username), "password": all(password) })
            }
            Self::Token(token) => json!({ "token": all(token) }),
            Self::Helper { name, host: None } => json!({ "helper": name }),
            Self::Helper { name, host: Some(host) } => json!({ "helper": name, "host": host }),
        }
    }
}

impl Parsed {
    /// Adds the credential for `registry`, or for a path below it. The host checks the registry.
    pub fn credential(&mut self, place: Place, registry: &str, login: &Login) {
        let attributes = vec![Attribute::new(CREDENTIAL, login.json().to_string())];
        let entry = Entry::new(registry, Selection::All, place.line);
        self.entries.push(Entry { attributes, ..entry });
    }
}

#[cfg(test)]
mod tests {
    use super::{CREDENTIAL, Login, Part, text};
    use crate::diagnostic::Place;
    use crate::list::Parsed;

    #[test]
    fn a_credential_is_an_entry_of_its_own() {
        let variable = |default: Option<&str>| Part::Variable {
            name: "X".to_owned(),
            default: default.map(str::to_owned),
        };
        for (login, expected) in [
            (
                Login::Password { username: text("jo"), password: text("a\"b") },
                r#"{"username":["jo"],"password":["a\"b"]}"#,
            ),
            (
                Login::Token(vec![variable(None), variable(Some("d")), Part::File("/f".into())]),
                r#"{"token":[{"variable":"X"},{"variable":"X","default":"d"},{"file":"/f"}]}"#,
            ),
            (Login::Helper { name: "x".into(), host: None }, r#"{"helper":"x"}"#),
            (
                Login::Helper { name: "x".into(), host: Some("h.io".into()) },
                r#"{"helper":"x","host":"h.io"}"#,
            ),
        ] {
            let mut parsed = Parsed::default();
            parsed.credential(Place { line: 3, column: 1 }, "a.io/team", &login);
            let [entry] = &parsed.entries[..] else { panic!("{parsed:?}") };
            assert_eq!((entry.source.as_str(), entry.line), ("a.io/team", 3));
            let [attribute] = &entry.attributes[..] else { panic!("{entry:?}") };
            assert_eq!((attribute.key.as_str(), attribute.value.as_str()), (CREDENTIAL, expected));
        }
    }
}
