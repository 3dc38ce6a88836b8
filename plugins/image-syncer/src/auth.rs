//! The logins of the older configuration under `auth`, or of the authentication file.
//!
//! ```yaml
//! quay.io:
//!   username: me
//!   password: ${QUAY_PASSWORD}
//! quay.io/coreos:
//!   username: other
//!   password: secret
//! ```

use longshore_plugin_sdk::credential::{Login, Part, text};
use longshore_plugin_sdk::list::Parsed;
use longshore_plugin_sdk::yaml::{Mapping, Node};

const KEYS: [&str; 3] = ["username", "password", "insecure"];

/// Reports whether a mapping has nothing but logins.
pub(crate) fn is_file(root: &Mapping) -> bool {
    let is_login = |node: &Node| {
        node.as_mapping().is_some_and(|login| {
            login.iter().all(|(key, _)| KEYS.contains(&&*key.text))
                && KEYS[..2].iter().all(|key| login.get(key).is_some())
        })
    };
    !root.is_empty() && root.iter().all(|(_, node)| is_login(node))
}

/// Reads the logins.
pub(crate) fn read(logins: &Mapping, parsed: &mut Parsed) {
    for (registry, node) in logins.iter() {
        let of = |key: &str| node.as_mapping()?.get(key)?.as_text();
        if let Some((key, insecure)) = node.as_mapping().and_then(|login| login.entry("insecure"))
            && insecure.as_bool() == Some(true)
        {
            let message = "`insecure` is ignored: give --insecure-registry with this registry";
            parsed.warn(key.place, message);
        }
        match (of("username"), of("password")) {
            (Some(username), Some(password)) => {
                let (username, password) = (value(username), value(password));
                let login = Login::Password { username, password };
                parsed.credential(registry.place, &registry.text, &login);
            }
            _ => parsed.warn(
                registry.place,
                "a credential needs a `username` and a `password`: it is not used",
            ),
        }
    }
}

/// Returns a value, which is a variable if all of it is `$NAME` or `${NAME}`.
fn value(written: &str) -> Vec<Part> {
    let braced = written.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    let is_name = |name: &&str| {
        !name.is_empty()
            && !name.starts_with(|first: char| first.is_ascii_digit())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    match braced.or_else(|| written.strip_prefix('$')).filter(is_name) {
        Some(name) => vec![Part::Variable { name: name.to_owned(), default: None }],
        None => text(written),
    }
}
