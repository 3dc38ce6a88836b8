//! Credentials that a list gives for its registries.
//!
//! They are taken from what a plugin has read before anything else sees it. So no log, report, failed list,
//! rewrite or written list can have one.

use std::path::Path;

use longshore_files::read_any;
use longshore_oci::Registry;
use longshore_plugin_host::contract;
use longshore_registry::{Credential, ListedCredential, ListedLogin, Secret};
use serde_json::Value;

/// The attribute that makes an entry a credential for its source.
const ATTRIBUTE: &str = "credential";
/// The largest file with a password, in bytes.
const FILE_LIMIT: u64 = 64 * 1024;

/// A credential as a plugin has read it.
#[derive(Debug)]
pub(crate) struct GivenCredential {
    /// The registry, or a path below it, as the list spells it.
    registry: String,
    /// The line, from 1.
    line: u32,
    /// The login in JSON. Any text in it may be a secret.
    login: Secret,
}

impl GivenCredential {
    /// Says whether an entry is a credential.
    pub(super) fn is_one(entry: &contract::Entry) -> bool {
        entry.attributes.iter().any(|attribute| attribute.key == ATTRIBUTE)
    }

    /// Returns the credential that an entry is.
    pub(super) fn of(entry: contract::Entry) -> Option<Self> {
        let login = entry.attributes.into_iter().find(|attribute| attribute.key == ATTRIBUTE)?;
        let login = Secret::new(login.value);
        Some(Self { registry: entry.source, line: entry.line, login })
    }

    /// Makes the credential usable. `list` is the list's name, and `get` reads an environment variable. Variables
    /// and files that the list names are read now; one that is missing is an error for its registry only.
    /// Returns `None` if the list names no registry.
    pub(crate) fn resolved(
        &self,
        list: &str,
        get: impl Fn(&str) -> Option<String>,
    ) -> Option<ListedCredential> {
        let login = serde_json::from_str(self.login.expose());
        let login = login.map_err(|_| UNREADABLE.to_owned());
        let login = login.and_then(|login: Value| login_of(&login, &get));
        ListedCredential::new(&self.registry, self.place(list), login)
    }

    /// Returns the list and the line.
    pub(crate) fn place(&self, list: &str) -> String {
        format!("{list}:{}", self.line)
    }

    /// Returns the registry as the list spells it.
    pub(crate) fn registry(&self) -> &str {
        &self.registry
    }
}

/// The plugin does not keep to the contract.
const UNREADABLE: &str = "its plugin gave a login that cannot be read";

fn login_of(login: &Value, get: &impl Fn(&str) -> Option<String>) -> Result<ListedLogin, String> {
    let text = |key: &str| match login.get(key) {
        Some(parts) => joined(parts, get),
        None => Err(UNREADABLE.to_owned()),
    };
    if let Some(name) = login.get("helper") {
        let name = name.as_str().ok_or(UNREADABLE)?.to_owned();
        let host = login.get("host").and_then(Value::as_str).map(str::parse::<Registry>);
        let host = host.transpose().map_err(|error| format!("the host of its helper: {error}"))?;
        return Ok(ListedLogin::Program { name, host });
    }
    if login.get("token").is_some() {
        return Ok(ListedLogin::Credential(Credential::IdentityToken(Secret::new(text("token")?))));
    }
    let (username, password) = (text("username")?, text("password")?);
    if username.is_empty() && password.is_empty() {
        return Err("it has neither a user name nor a password".to_owned());
    }
    let password = Secret::new(password);
    Ok(ListedLogin::Credential(Credential::Basic { username, password }))
}

/// Returns the text of a user name, a password or a token.
fn joined(parts: &Value, get: &impl Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut text = String::new();
    for part in parts.as_array().ok_or(UNREADABLE)? {
        let of = |key: &str| part.get(key).and_then(Value::as_str);
        if let Some(literal) = part.as_str() {
            text.push_str(literal);
        } else if let Some(name) = of("variable") {
            let value = get(name).filter(|value| !value.is_empty());
            let value = value.or_else(|| of("default").map(str::to_owned));
            text.push_str(&value.ok_or_else(|| format!("the variable {name} is not set"))?);
        } else if let Some(path) = of("file") {
            let bytes = read_any(Path::new(path), FILE_LIMIT)
                .map_err(|error| format!("read {path}: {error}"))?;
            let content = String::from_utf8(bytes).map_err(|_| format!("{path} is not UTF-8"))?;
            text.push_str(content.trim());
        } else {
            return Err(UNREADABLE.to_owned());
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use longshore_plugin_host::contract::{Attribute, Entry, Selection};
    use longshore_registry::{Credential, ListedLogin, Secret};

    use super::{GivenCredential, login_of};

    fn entry(attributes: &[(&str, &str)]) -> Entry {
        let attribute = |(key, value): &(&str, &str)| Attribute {
            key: (*key).to_owned(),
            value: (*value).to_owned(),
        };
        Entry {
            source: "a.io".to_owned(),
            repositories: None,
            select: Selection::All,
            destination: None,
            destination_tag: None,
            platforms: Vec::new(),
            line: 3,
            attributes: attributes.iter().map(attribute).collect(),
        }
    }

    #[test]
    fn only_the_attribute_makes_an_entry_a_credential() {
        assert!(GivenCredential::is_one(&entry(&[("team", "a"), ("credential", "{}")])));
        for other in [&[][..], &[("credentials", "{}")], &[("x/credential", "{}")]] {
            assert!(!GivenCredential::is_one(&entry(other)), "{other:?}");
        }
        let given = GivenCredential::of(entry(&[("credential", "{\"token\":[\"s3cret\"]}")]));
        let shown = format!("{given:?}");
        assert!(shown.contains("a.io") && !shown.contains("s3cret"), "{shown}");
    }

    fn login(json: &str) -> Result<ListedLogin, String> {
        let get = |name: &str| match name {
            "SET" => Some("v".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        login_of(&serde_json::from_str(json).unwrap(), &get)
    }

    #[test]
    fn variables_and_files_of_this_machine_are_filled_in() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, " t0ken\n").unwrap();
        let path = path.display();
        for (password, expected) in [
            ("[\"p\"]".to_owned(), "p"),
            ("[\"a\", {\"variable\": \"SET\"}, \"b\"]".to_owned(), "avb"),
            ("[{\"variable\": \"EMPTY\", \"default\": \"d\"}]".to_owned(), "d"),
            ("[{\"variable\": \"NO\", \"default\": \"\"}]".to_owned(), ""),
            (format!("[{{\"file\": \"{path}\"}}]"), "t0ken"),
        ] {
            let found = login(&format!("{{\"username\": [\"me\"], \"password\": {password}}}"));
            let (username, password) = ("me".to_owned(), Secret::new(expected));
            let expected = Credential::Basic { username, password };
            assert_eq!(found, Ok(ListedLogin::Credential(expected)));
        }
        let found = login(r#"{"helper": "x", "host": "H.io"}"#);
        let host = Some("h.io".parse().unwrap());
        assert_eq!(found, Ok(ListedLogin::Program { name: "x".to_owned(), host }));
    }

    #[test]
    fn what_is_missing_is_named() {
        for (json, why) in [
            (r#"{"token": [{"variable": "NO"}]}"#, "the variable NO is not set"),
            (r#"{"token": [{"variable": "EMPTY"}]}"#, "the variable EMPTY is not set"),
            (r#"{"token": [{"file": "/no/such"}]}"#, "read /no/such: "),
            (r#"{"token": [{"file": "/dev/zero"}]}"#, "read /dev/zero: "),
            (r#"{"username": [""], "password": [""]}"#, "neither a user name nor a password"),
            (r#"{"helper": "x", "host": "a b"}"#, "the host of its helper: "),
            (r#"{"username": ["s3cret"]}"#, "cannot be read"),
            (r#"{"token": "s3cret"}"#, "cannot be read"),
            (r#"{"token": [{"other": "s3cret"}]}"#, "cannot be read"),
            (r#"["s3cret"]"#, "cannot be read"),
        ] {
            let error = login(json).unwrap_err();
            assert!(error.contains(why) && !error.contains("s3cret"), "{json}: {error}");
        }
    }
}
