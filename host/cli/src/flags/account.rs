//! Registries and repositories as arguments of a command.

use longshore_oci::{Name, ReferenceError, Registry};

/// A registry, or one of its repositories.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Account {
    /// The registry as a whole.
    Registry(Registry),
    /// A repository, with its registry.
    Repository(Name),
}

/// Parses a registry. As for `docker login`, it may be written as a URL without a path.
pub(super) fn registry(text: &str) -> Result<Registry, String> {
    let bare = ["https://", "http://"].iter().find_map(|scheme| text.strip_prefix(scheme));
    let bare = bare.unwrap_or(text);
    let bare = bare.strip_suffix('/').unwrap_or(bare);
    if bare.contains('/') {
        return Err(
            "it must be a registry without a path, such as ghcr.io or localhost:5000".to_owned()
        );
    }
    bare.parse().map_err(|error: ReferenceError| error.to_string())
}

/// Parses a registry, or a repository with its registry.
pub(super) fn account(text: &str) -> Result<Account, String> {
    match registry(text) {
        Ok(registry) => Ok(Account::Registry(registry)),
        Err(_) if text.contains('/') && !text.contains("://") => {
            let name: Name = text.parse().map_err(|error: ReferenceError| error.to_string())?;
            match name.store {
                Some(_) => Ok(Account::Repository(name)),
                None => {
                    Err("it must begin with its registry, such as docker.io/library/nginx"
                        .to_owned())
                }
            }
        }
        Err(why) => Err(why),
    }
}

#[cfg(test)]
mod tests {
    use super::{Account, account, registry};

    #[test]
    fn a_registry_may_be_written_as_docker_login_takes_it() {
        for (text, expected) in [
            ("ghcr.io", "ghcr.io"),
            ("https://ghcr.io/", "ghcr.io"),
            ("http://localhost:5000", "localhost:5000"),
            ("[::1]:5000", "[::1]:5000"),
            ("index.docker.io", "docker.io"),
        ] {
            assert_eq!(registry(text).map(|found| found.to_string()).as_deref(), Ok(expected));
        }
        for wrong in ["", "ghcr.io/team", "https://", "a b", "me@ghcr.io"] {
            assert!(registry(wrong).is_err(), "{wrong}");
        }
        assert!(matches!(account("ghcr.io"), Ok(Account::Registry(_))));
        assert!(matches!(account("ghcr.io/team/app"), Ok(Account::Repository(_))));
        for wrong in ["team/app", "https://ghcr.io/team", "ghcr.io/UPPER", "oci:dir/x"] {
            assert!(account(wrong).is_err(), "{wrong}");
        }
    }
}
