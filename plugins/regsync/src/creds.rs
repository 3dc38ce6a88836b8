//! One item of `creds`: how to log in to a registry.
//!
//! ```yaml
//! - registry: registry.example.org
//!   user: "{{ env \"SYNC_USER\" }}"
//!   pass: "{{ file \"/run/secrets/token\" }}"
//! - registry: 123.dkr.ecr.eu-west-1.amazonaws.com
//!   credHelper: docker-credential-ecr-login
//! ```

use longshore_plugin_sdk::credential::{Login, Part, text};
use longshore_plugin_sdk::list::Parsed;
use longshore_plugin_sdk::variables::Variables;
use longshore_plugin_sdk::yaml::{Mapping, Node};

use crate::template::{self, Context, expanded};

/// The start of the program of each credential helper.
const HELPER: &str = "docker-credential-";

/// Reads the login of an item. An item without one configures its registry in other ways.
pub(crate) fn read(variables: &Variables, node: &Node, parsed: &mut Parsed) {
    let Some(mapping) = node.as_mapping() else { return };
    let Some(login) = login(variables, mapping, parsed) else { return };
    let Some((key, registry)) = mapping.entry("registry").filter(|(_, node)| !node.is_empty())
    else {
        return parsed.warn(node.place, "the credential has no `registry`: it is not used");
    };
    let context = Context { variables, sync: &[] };
    match expanded(registry.as_text().unwrap_or_default(), &context) {
        Ok(registry) => parsed.credential(node.place, &registry.text, &login),
        Err(message) => {
            parsed.warn(key.place, format!("the credential is not used: `registry`: {message}"));
        }
    }
}

fn login(variables: &Variables, mapping: &Mapping, parsed: &mut Parsed) -> Option<Login> {
    let given = |key: &str| mapping.entry(key).filter(|(_, node)| !node.is_empty());
    if let Some((key, node)) = given("credHelper") {
        let helper = node.as_text().unwrap_or_default();
        // Docker's helpers have this start. Another program could be anything.
        let Some(name) = helper.strip_prefix(HELPER).filter(|name| !name.is_empty()) else {
            let message = format!("the credential is not used: `credHelper` must be {HELPER}NAME");
            parsed.warn(key.place, message);
            return None;
        };
        let host = given("credHost").and_then(|(_, node)| node.as_text()).map(str::to_owned);
        return Some(Login::Helper { name: name.to_owned(), host });
    }
    let (user, pass, token) = (given("user"), given("pass"), given("token"));
    if user.is_none() && pass.is_none() && token.is_none() {
        return None;
    }
    let mut part = |name: &str| -> Option<Vec<Part>> {
        let Some((key, node)) = given(name) else { return Some(text("")) };
        // regsync expands no templates in a token.
        let parts = match (node.as_text(), name) {
            (Some(token), "token") => Ok(text(token)),
            (Some(template), _) => template::parts(template, variables),
            (None, _) => Err("it is not a text"),
        };
        // The message must not quote the value, which may be a secret.
        parts
            .map_err(|why| {
                let message = format!("the credential is not used: `{name}`: {why}");
                parsed.warn(key.place, message);
            })
            .ok()
    };
    if token.is_some() {
        return part("token").map(Login::Token);
    }
    let (username, password) = (part("user"), part("pass"));
    Some(Login::Password { username: username?, password: password? })
}
