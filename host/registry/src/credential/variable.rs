//! Credentials in environment variables: one variable for each registry, and one with a whole
//! authentication file.

use std::collections::BTreeMap;

use longshore_oci::Registry;

use super::error::CredentialError;
use super::kind::Credential;
use crate::secret::Secret;

/// The start of the name of a registry's variable.
const PREFIX: &str = "LONGSHORE_AUTH_";

/// Returns the variable that holds the credential of `registry`.
///
/// Letters become capitals, `.` and `:` become `_`, and `-` becomes `__`. Two registries must not share a
/// variable, because the credential of one would go to the other. So `_`, which no domain has, becomes `___`.
pub fn variable_of(registry: &Registry) -> String {
    let mut name = PREFIX.to_owned();
    for character in registry.as_str().chars() {
        match character {
            '-' => name.push_str("__"),
            '_' => name.push_str("___"),
            character if character.is_ascii_alphanumeric() => {
                name.push(character.to_ascii_uppercase())
            }
            // The brackets of an IPv6 address say nothing.
            '[' | ']' => {}
            _ => name.push('_'),
        }
    }
    name
}

/// The credentials of the variables `LONGSHORE_AUTH_…`, by the name of the variable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Variables(BTreeMap<String, Credential>);

impl Variables {
    /// Reads the credentials among `variables`. Empty values count as unset.
    ///
    /// # Errors
    /// If a value is not a credential.
    pub(super) fn read(
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, CredentialError> {
        let ours = variables.into_iter().filter(|(name, _)| name.starts_with(PREFIX));
        let mut read = BTreeMap::new();
        for (name, value) in ours {
            // Files that CI writes secrets to often end with a line break.
            let value = value.trim_end_matches(['\r', '\n']);
            if value.is_empty() {
                continue;
            }
            match credential(value) {
                Ok(credential) => read.insert(name, credential),
                Err(what) => return Err(CredentialError::Variable { name, what }),
            };
        }
        Ok(Self(read))
    }

    /// Returns the credential for `registry`, and the name of its variable.
    pub(super) fn find(&self, registry: &Registry) -> Option<(Credential, String)> {
        let name = variable_of(registry);
        let credential = self.0.get(&name)?.clone();
        Some((credential, name))
    }
}

/// Reads a value: `USER:PASSWORD`, or a token for the registry itself.
fn credential(value: &str) -> Result<Credential, &'static str> {
    if value.chars().any(char::is_control) {
        return Err("it has a line break or another control character");
    }
    match value.split_once(':') {
        Some((_, "")) => Err("there is no password behind the colon"),
        Some((username, password)) => {
            Ok(Credential::Basic { username: username.to_owned(), password: Secret::new(password) })
        }
        None => Ok(Credential::RegistryToken(Secret::new(value))),
    }
}

#[cfg(test)]
mod tests {
    use super::{Variables, variable_of};
    use crate::{Credential, Secret};

    fn name(registry: &str) -> String {
        variable_of(&registry.parse().unwrap())
    }

    #[test]
    fn the_name_of_a_variable_follows_from_the_registry() {
        for (registry, expected) in [
            ("ghcr.io", "LONGSHORE_AUTH_GHCR_IO"),
            ("localhost:5000", "LONGSHORE_AUTH_LOCALHOST_5000"),
            ("my-registry.Example.com:8443", "LONGSHORE_AUTH_MY__REGISTRY_EXAMPLE_COM_8443"),
            ("index.docker.io", "LONGSHORE_AUTH_DOCKER_IO"),
            ("10.0.0.7:5000", "LONGSHORE_AUTH_10_0_0_7_5000"),
            ("[::1]:5000", "LONGSHORE_AUTH___1_5000"),
            ("my_registry:5000", "LONGSHORE_AUTH_MY___REGISTRY_5000"),
        ] {
            assert_eq!(name(registry), expected, "{registry}");
        }
    }

    #[test]
    fn registries_that_differ_in_a_hyphen_share_no_variable() {
        for (one, other) in
            [("my-registry.io", "my.registry.io"), ("a-b-c.io", "a.b.c.io"), ("a_b.io", "a-b.io")]
        {
            assert_ne!(name(one), name(other), "the credential would go to another host");
        }
    }

    fn read(value: &str) -> Result<Option<Credential>, String> {
        let variables =
            [("LONGSHORE_AUTH_A_IO", value), ("LONGSHORE_AUTHOR", "x"), ("PATH", "/bin")];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let read = Variables::read(variables).map_err(|error| error.to_string())?;
        assert_eq!(read.find(&"b.io".parse().unwrap()), None);
        Ok(read.find(&"a.io".parse().unwrap()).map(|(credential, _)| credential))
    }

    #[test]
    fn a_value_is_a_user_and_a_password_or_a_token() {
        let basic = |username: &str, password: &str| {
            let username = username.to_owned();
            Ok(Some(Credential::Basic { username, password: Secret::new(password) }))
        };
        assert_eq!(read("jo:pa:55"), basic("jo", "pa:55"), "only the first colon counts");
        assert_eq!(read("jo:pa55\n"), basic("jo", "pa55"));
        assert_eq!(read(":pa55"), basic("", "pa55"));
        let token = Credential::RegistryToken(Secret::new("eyJ0eXAi"));
        assert_eq!(read("eyJ0eXAi\r\n"), Ok(Some(token)));
        for unset in ["", "\n"] {
            assert_eq!(read(unset), Ok(None));
        }
    }

    #[test]
    fn a_wrong_value_is_named_and_not_shown() {
        for (value, why) in [
            ("jo:", "there is no password behind the colon"),
            (":", "there is no password behind the colon"),
            ("s3cret:\nx", "a line break"),
            ("s3cret\tx", "another control character"),
        ] {
            let error = read(value).unwrap_err();
            assert!(error.contains("LONGSHORE_AUTH_A_IO") && error.contains(why), "{error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
    }
}
