//! Credentials that an image list gives, which a run uses with `--list-credentials`.

use longshore_oci::{Registry, Repository};

use super::auth_file::key_of;
use super::kind::Credential;
use crate::secret::known;

/// A credential of an image list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedCredential {
    /// The registry, or a path below it, as `registry[/path]`.
    key: String,
    /// Where the list gives it, such as `regsync.yml:3`.
    place: String,
    login: Result<ListedLogin, String>,
}

/// How a list says to log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListedLogin {
    /// With a credential.
    Credential(Credential),
    /// With what a credential helper answers.
    Program {
        /// Its name, without `docker-credential-`.
        name: String,
        /// The host to ask it for, if that is not the registry.
        host: Option<Registry>,
    },
}

impl ListedCredential {
    /// Makes the credential for the registry, or the path below it, that a list spells like this. `login` is an
    /// error if it cannot be used, which is reported when the registry wants a credential. Returns `None` if the
    /// text names no registry.
    pub fn new(spelling: &str, place: String, login: Result<ListedLogin, String>) -> Option<Self> {
        let secret = match &login {
            Ok(ListedLogin::Credential(credential)) => Some(credential.secret()),
            _ => None,
        };
        // No remark on the list may show it, before it is sent either.
        if let Some(secret) = secret {
            known::remember(secret.expose());
        }
        Some(Self { key: key_of(spelling)?, place, login })
    }

    /// The registry, or the path below it.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Where the list gives it.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Whether it logs in otherwise than `other`, which has the same key.
    pub fn differs_from(&self, other: &Self) -> bool {
        self.login != other.login
    }

    pub(super) const fn login(&self) -> &Result<ListedLogin, String> {
        &self.login
    }
}

/// Returns the credential with the longest path that is for `repository`, or for the registry as a whole. The
/// first one of a key counts.
pub(super) fn find<'a>(
    listed: &'a [ListedCredential],
    registry: &Registry,
    repository: Option<&Repository>,
) -> Option<&'a ListedCredential> {
    let mut key = registry.to_string();
    if let Some(repository) = repository {
        key.push('/');
        key.push_str(repository.as_str());
    }
    loop {
        if let Some(found) = listed.iter().find(|listed| listed.key == key) {
            return Some(found);
        }
        key.truncate(key.rfind('/')?);
    }
}

#[cfg(test)]
mod tests {
    use super::{ListedCredential, ListedLogin, find};
    use crate::{Credential, Secret};

    fn listed(spelling: &str) -> Option<ListedCredential> {
        let credential =
            Credential::Basic { username: "me".to_owned(), password: Secret::new("hunter2") };
        let login = Ok(ListedLogin::Credential(credential));
        ListedCredential::new(spelling, format!("of {spelling}"), login)
    }

    #[test]
    fn the_longest_path_of_the_registry_wins() {
        let all = ["a.io", "a.io/team", "a.io/team/app", "docker.io", "b.io:5000/x"];
        let all: Vec<_> = all.iter().filter_map(|spelling| listed(spelling)).collect();
        for (registry, repository, expected) in [
            ("a.io", None, Some("of a.io")),
            ("a.io", Some("other"), Some("of a.io")),
            ("a.io", Some("team"), Some("of a.io/team")),
            ("a.io", Some("team/other"), Some("of a.io/team")),
            ("a.io", Some("team/app/x"), Some("of a.io/team/app")),
            ("a.io", Some("teams"), Some("of a.io")),
            ("index.docker.io", Some("library/redis"), Some("of docker.io")),
            ("b.io:5000", None, None),
            ("b.io:5000", Some("x/y"), Some("of b.io:5000/x")),
            ("b.io", Some("x/y"), None),
            ("a.io:443", None, None),
        ] {
            let repository = repository.map(|repository| repository.parse().unwrap());
            let found = find(&all, &registry.parse().unwrap(), repository.as_ref());
            assert_eq!(found.map(ListedCredential::place), expected, "{registry} {repository:?}");
        }
    }

    #[test]
    fn a_text_that_names_no_registry_is_none() {
        for spelling in ["", "https://", "a b", "/x"] {
            assert_eq!(listed(spelling), None, "{spelling}");
        }
        assert_eq!(listed("https://A.io/v2/").unwrap().key(), "a.io");
    }
}
