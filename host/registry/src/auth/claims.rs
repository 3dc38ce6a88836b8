//! What a token says of itself, if it is a JSON Web Token (RFC 7519).
//!
//! Its signature is not checked, and only its registry decides. The claims only tell beforehand what
//! the registry would answer (distribution's token specification, "Token Authentication
//! Implementation").

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::Secret;

/// The claims of a token.
#[derive(Debug, Deserialize)]
pub(crate) struct Claims {
    #[serde(default)]
    sub: Value,
    /// What it grants; `Null` if the token does not say.
    #[serde(default)]
    access: Value,
}

/// One entry of what a token grants.
#[derive(Deserialize)]
struct Access {
    #[serde(rename = "type")]
    kind: String,
    name: String,
    actions: Option<Vec<String>>,
}

/// Reads the wanted claims of `token`; `None` if it is opaque.
pub(crate) fn read<C: DeserializeOwned>(token: &Secret) -> Option<C> {
    let mut parts = token.expose().split('.');
    let (_header, payload, _signature) = (parts.next()?, parts.next()?, parts.next()?);
    let json = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&json).ok()
}

impl Claims {
    /// The claims of `token`; `None` if it is opaque.
    pub(crate) fn of(token: &Secret) -> Option<Self> {
        read(token)
    }

    /// Whether the service issued the token to nobody, although it got a credential.
    ///
    /// Harbor does that for a wrong password.
    pub(crate) fn is_of_nobody(&self) -> bool {
        self.sub.as_str() == Some("")
    }

    /// The actions that the token grants on `repository`; `None` if it does not say.
    ///
    /// A service leaves out a repository of which it grants nothing. A token that names a repository other
    /// than those `asked` for uses names of another kind, and says nothing.
    pub(crate) fn actions_on(&self, repository: &str, asked: &[&str]) -> Option<Vec<String>> {
        let listed: Vec<Access> = Vec::deserialize(&self.access).ok()?;
        let is_asked = |access: &Access| {
            let kind = access.kind.split('(').next();
            kind == Some("repository") && asked.contains(&access.name.as_str())
        };
        let is_complete = listed.iter().all(is_asked);
        let mut own = listed.into_iter().filter(|access| access.name == repository).peekable();
        if own.peek().is_none() && !is_complete {
            return None;
        }
        Some(own.filter_map(|access| access.actions).flatten().collect())
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::Claims;
    use crate::Secret;

    fn claims(json: &str) -> Option<Claims> {
        Claims::of(&Secret::new(format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(json))))
    }

    #[test]
    fn a_token_for_nobody_is_recognised() {
        let nobody = |json: &str| claims(json).is_some_and(|claims| claims.is_of_nobody());
        assert!(nobody(r#"{"iss":"harbor-token-issuer","sub":"","access":[]}"#));
        assert!(!nobody(r#"{"sub":"admin"}"#));
        for unknown in [r#"{"access":[]}"#, "{}", "[]", "no JSON", r#"{"sub":null}"#] {
            assert!(!nobody(unknown), "{unknown}");
        }
        for opaque in ["t", "", "a.b", "a.b.c", "..", "ghp_x.y.z"] {
            assert!(Claims::of(&Secret::new(opaque)).is_none(), "{opaque}");
        }
    }

    #[test]
    fn the_granted_actions_are_read_where_the_token_tells_them() {
        let actions = |access: &str| -> Option<String> {
            let claims = claims(&format!(r#"{{"sub":"u","access":{access}}}"#)).unwrap();
            Some(claims.actions_on("a/b", &["a/b", "home"])?.join(","))
        };
        let entry = |name: &str, actions: &str| {
            format!(r#"{{"type":"repository","name":"{name}","actions":{actions}}}"#)
        };
        for (access, expected) in [
            (format!("[{}]", entry("a/b", r#"["pull"]"#)), Some("pull")),
            (format!("[{}]", entry("a/b", r#"["pull","push"]"#)), Some("pull,push")),
            (format!("[{}]", entry("a/b", r#"["*"]"#)), Some("*")),
            (format!("[{}]", entry("a/b", "[]")), Some("")),
            (format!("[{}]", entry("a/b", "null")), Some("")),
            (
                format!("[{},{}]", entry("a/b", r#"["pull"]"#), entry("a/b", r#"["push"]"#)),
                Some("pull,push"),
            ),
            (
                format!("[{},{}]", entry("other", r#"["*"]"#), entry("a/b", r#"["pull"]"#)),
                Some("pull"),
            ),
            // The service left the repository out, and kept a home for mounts, or nothing.
            (format!("[{}]", entry("home", r#"["pull"]"#)), Some("")),
            ("[]".to_owned(), Some("")),
            // Names of another kind.
            (format!("[{}]", entry("prefix/a/b", r#"["pull","push"]"#)), None),
            (r#"[{"type":"registry","name":"catalog","actions":["*"]}]"#.to_owned(), None),
            (r#"[{"resource":"a/b"}]"#.to_owned(), None),
            (r#""a/b:push""#.to_owned(), None),
            (r#"{"a/b":["push"]}"#.to_owned(), None),
            ("null".to_owned(), None),
        ] {
            assert_eq!(actions(&access).as_deref(), expected, "{access}");
        }
        assert_eq!(claims(r#"{"sub":"u"}"#).unwrap().actions_on("a", &["a"]), None);
    }
}
