//! The sources of credentials, resolved from the environment once.

use std::path::{Path, PathBuf};

use crate::secret::Secret;
use longshore_oci::Registry;

use super::auth_file::{AuthFile, AuthFilePath};
use super::error::{CredentialError, WHOLE_FILE};
use super::kind::Credential;
use super::listed::ListedCredential;
use super::variable::Variables;

/// The user name for the destination's registry.
const USERNAME: &str = "DOCKER_USERNAME";
/// The matching password.
const PASSWORD: &str = "DOCKER_PASSWORD";

/// The credential that the environment provides for one registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvironmentCredential {
    /// `DOCKER_USERNAME`.
    pub username: String,
    /// `DOCKER_PASSWORD`.
    pub password: Secret,
    /// The registry it is for. Without one (`None`), it is never sent.
    pub registry: Option<Registry>,
}

impl EnvironmentCredential {
    /// Reads the two variables; an empty value counts as unset.
    fn read(get: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, CredentialError> {
        let value = |name| get(name).filter(|value| !value.is_empty());
        let incomplete = |set, unset| Err(CredentialError::Incomplete { set, unset });
        match (value(USERNAME), value(PASSWORD)) {
            (None, None) => Ok(None),
            (Some(_), None) => incomplete(USERNAME, PASSWORD),
            (None, Some(_)) => incomplete(PASSWORD, USERNAME),
            (Some(username), Some(password)) => {
                Ok(Some(Self { username, password: Secret::new(password), registry: None }))
            }
        }
    }
}

/// All sources of credentials in their order: the environment, the list, then the files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CredentialSources {
    /// `DOCKER_USERNAME` and `DOCKER_PASSWORD`.
    pub environment: Option<EnvironmentCredential>,
    /// The variables `LONGSHORE_AUTH_…`.
    pub(super) variables: Variables,
    /// The credentials of the image list, for `--list-credentials`.
    pub listed: Vec<ListedCredential>,
    /// `DOCKER_AUTH_CONFIG`: the text of an authentication file.
    pub(super) whole_file: Option<Secret>,
    /// The files of containers and Docker, in order. Their format is the same.
    pub auth_files: Vec<AuthFilePath>,
    /// The directories of `PATH`, to search for credential helpers.
    ///
    /// Relative ones are skipped, so that no program of the working directory is started.
    pub program_path: Vec<PathBuf>,
}

impl CredentialSources {
    /// Resolves the sources from environment variables and the home directory. Empty values count
    /// as unset.
    ///
    /// The files are, in this order: `REGISTRY_AUTH_FILE`; `$XDG_RUNTIME_DIR/containers/auth.json`
    /// (on Linux, without the variable, `/run/containers/UID/auth.json`, as containers' tools do);
    /// `$XDG_CONFIG_HOME/containers/auth.json` (without the variable: under `~/.config`);
    /// `$DOCKER_CONFIG/config.json` (without the variable: under `~/.docker`). See
    /// containers-auth.json(5) and `docker login`.
    ///
    /// # Errors
    /// If only one of `DOCKER_USERNAME` and `DOCKER_PASSWORD` is set, or `DOCKER_AUTH_CONFIG` is malformed.
    pub fn of_environment(
        get: impl Fn(&str) -> Option<String>,
        home: Option<&Path>,
    ) -> Result<Self, CredentialError> {
        let directory = |name, in_home: &str| {
            let named = get(name).filter(|value| !value.is_empty());
            named.map(PathBuf::from).or_else(|| home.map(|home| home.join(in_home)))
        };
        let named = get("REGISTRY_AUTH_FILE").filter(|value| !value.is_empty());
        let runtime = get("XDG_RUNTIME_DIR")
            .filter(|value| !value.is_empty())
            .map(|directory| Path::new(&directory).join("containers"))
            .or_else(system_runtime);
        let usual = [
            runtime.map(|directory| directory.join("auth.json")),
            directory("XDG_CONFIG_HOME", ".config")
                .map(|directory| directory.join("containers/auth.json")),
            directory("DOCKER_CONFIG", ".docker").map(|directory| directory.join("config.json")),
        ];
        let named = named.map(|path| AuthFilePath { path: PathBuf::from(path), named: true });
        let program_path = get("PATH").unwrap_or_default();
        let whole_file = get(WHOLE_FILE).filter(|value| !value.is_empty());
        if let Some(text) = &whole_file {
            AuthFile::parse(&Self::path_of_variable(), text.as_bytes())?;
        }
        Ok(Self {
            environment: EnvironmentCredential::read(&get)?,
            variables: Variables::default(),
            listed: Vec::new(),
            whole_file: whole_file.map(Secret::new),
            auth_files: named
                .into_iter()
                .chain(usual.into_iter().flatten().map(AuthFilePath::usual))
                .collect(),
            program_path: std::env::split_paths(&program_path).collect(),
        })
    }

    /// Adds the credentials of the variables `LONGSHORE_AUTH_…` among `variables`.
    ///
    /// # Errors
    /// If one of them is not a credential.
    pub fn with_variables(
        self,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, CredentialError> {
        Ok(Self { variables: Variables::read(variables)?, ..self })
    }

    /// The name of `DOCKER_AUTH_CONFIG`, in the place of a file's path.
    pub(super) fn path_of_variable() -> AuthFilePath {
        AuthFilePath { path: PathBuf::from(WHOLE_FILE), named: true }
    }

    /// Sets the registry of the environment's credential. Without it, the credential is never sent.
    pub fn bind_environment(&mut self, registry: Registry) {
        if let Some(credential) = &mut self.environment {
            credential.registry = Some(registry);
        }
    }

    /// The environment's credential, if it is for `registry`.
    pub(super) fn environment_for(&self, registry: &Registry) -> Option<Credential> {
        let credential = self.environment.as_ref()?;
        (credential.registry.as_ref() == Some(registry)).then(|| Credential::Basic {
            username: credential.username.clone(),
            password: credential.password.clone(),
        })
    }
}

/// The default directory of containers' tools for a user without a runtime directory.
#[cfg(target_os = "linux")]
fn system_runtime() -> Option<PathBuf> {
    use std::os::unix::fs::MetadataExt;
    // The owner of `/proc/self` is the user, which avoids a call into libc.
    let user = std::fs::metadata("/proc/self").ok()?.uid();
    Some(PathBuf::from(format!("/run/containers/{user}")))
}

/// The default directory of containers' tools for a user without a runtime directory. Outside of
/// Linux it is the configuration directory, which is searched anyway.
#[cfg(not(target_os = "linux"))]
fn system_runtime() -> Option<PathBuf> {
    None
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{CredentialError, CredentialSources};

    fn sources(variables: &[(&str, &str)]) -> Result<CredentialSources, CredentialError> {
        let get = |name: &str| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        CredentialSources::of_environment(get, Some(Path::new("/home/me")))
    }

    fn files(variables: &[(&str, &str)]) -> Vec<String> {
        let files = sources(variables).unwrap().auth_files;
        files.iter().map(|file| file.path.display().to_string()).collect()
    }

    #[test]
    fn files_are_asked_in_the_documented_order() {
        assert_eq!(
            files(&[
                ("REGISTRY_AUTH_FILE", "/etc/auth.json"),
                ("XDG_RUNTIME_DIR", "/run/user/7"),
                ("XDG_CONFIG_HOME", "/cfg"),
                ("DOCKER_CONFIG", "/dkr"),
            ]),
            [
                "/etc/auth.json",
                "/run/user/7/containers/auth.json",
                "/cfg/containers/auth.json",
                "/dkr/config.json",
            ]
        );
    }

    #[test]
    fn the_home_directory_stands_in_and_empty_is_unset() {
        let runtime = ("XDG_RUNTIME_DIR", "/run/user/7");
        let expected = [
            "/run/user/7/containers/auth.json",
            "/home/me/.config/containers/auth.json",
            "/home/me/.docker/config.json",
        ];
        assert_eq!(files(&[runtime]), expected);
        assert_eq!(
            files(&[
                runtime,
                ("REGISTRY_AUTH_FILE", ""),
                ("XDG_CONFIG_HOME", ""),
                ("DOCKER_CONFIG", ""),
            ]),
            expected
        );
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn without_a_runtime_directory_the_system_s_is_looked_into() {
        let first = files(&[]).remove(0);
        let user = first
            .strip_prefix("/run/containers/")
            .and_then(|rest| rest.strip_suffix("/auth.json"))
            .unwrap_or_else(|| panic!("{first}"));
        assert!(user.parse::<u32>().is_ok(), "{first}");
    }

    #[test]
    fn only_the_file_that_was_named_must_exist() {
        let files = sources(&[("REGISTRY_AUTH_FILE", "/a"), ("DOCKER_CONFIG", "/b")]).unwrap();
        let named: Vec<bool> = files.auth_files.iter().map(|file| file.named).collect();
        assert_eq!(named.iter().filter(|named| **named).count(), 1, "{files:?}");
        assert!(named[0], "{files:?}");
    }

    #[test]
    fn one_variable_without_the_other_is_an_error_that_names_both() {
        for (variables, text) in [
            (
                [("DOCKER_USERNAME", "me"), ("DOCKER_PASSWORD", "")],
                "DOCKER_USERNAME is set and DOCKER_PASSWORD is not",
            ),
            (
                [("DOCKER_USERNAME", ""), ("DOCKER_PASSWORD", "hunter2")],
                "DOCKER_PASSWORD is set and DOCKER_USERNAME is not",
            ),
        ] {
            let error = sources(&variables).unwrap_err();
            assert!(error.to_string().ends_with(text), "{error}");
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        }
    }

    #[test]
    fn an_unbound_credential_is_never_sent() {
        let both = [("DOCKER_USERNAME", "me"), ("DOCKER_PASSWORD", "hunter2")];
        let mut sources = sources(&both).unwrap();
        let (ours, other) = ("r.example:5000".parse().unwrap(), "r.example".parse().unwrap());
        assert_eq!(sources.environment_for(&ours), None);
        sources.bind_environment("R.example:5000".parse().unwrap());
        assert!(sources.environment_for(&ours).is_some());
        assert_eq!(sources.environment_for(&other), None);
        assert!(!format!("{sources:?}").contains("hunter2"), "{sources:?}");
    }
}
