//! The repositories that `helm repo add` wrote, and the logins of the settings file.

use std::path::{Path, PathBuf};

use longshore_files::{ReadError, read_regular};
use longshore_registry::{FileCredential, FileTls, Secret};
use serde::{Deserialize, Deserializer};
use url::Url;

/// The largest accepted file, in bytes.
const SIZE_LIMIT: u64 = 1024 * 1024;

/// A login for a chart repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepoLogin {
    /// The repository's URL; it holds for all URLs below.
    pub url: Url,
    /// The user name.
    pub username: String,
    /// The password.
    pub password: Secret,
}

/// The repositories of Helm's `repositories.yaml`, and logins that come before them.
#[derive(Clone, Debug, Default)]
pub struct HelmRepositories {
    logins: Vec<RepoLogin>,
    known: Vec<Known>,
}

/// Helm's file cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("read Helm's repositories in {}: {message}", path.display())]
pub struct HelmFileError {
    path: PathBuf,
    message: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Written {
    #[serde(deserialize_with = "or_default")]
    repositories: Vec<Known>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Known {
    #[serde(deserialize_with = "or_default")]
    name: String,
    #[serde(deserialize_with = "or_default")]
    url: String,
    #[serde(deserialize_with = "or_default")]
    username: String,
    password: Option<Secret>,
    #[serde(rename = "caFile", deserialize_with = "or_default")]
    roots: String,
    #[serde(rename = "certFile", deserialize_with = "or_default")]
    certificate: String,
    #[serde(rename = "keyFile", deserialize_with = "or_default")]
    key: String,
    #[serde(rename = "insecure_skip_tls_verify", deserialize_with = "or_default")]
    unverified: bool,
    #[serde(rename = "pass_credentials_all", deserialize_with = "or_default")]
    everywhere: bool,
}

fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

impl HelmRepositories {
    /// Reads the file that `helm repo add` writes: `HELM_REPOSITORY_CONFIG`, or `repositories.yaml` in
    /// `HELM_CONFIG_HOME` or in `helm` of the user's configuration directory. It may be missing.
    ///
    /// # Errors
    /// If it exists and cannot be read.
    pub fn of_environment(
        get: impl Fn(&str) -> Option<String>,
        home: Option<&Path>,
        logins: Vec<RepoLogin>,
    ) -> Result<Self, HelmFileError> {
        let value = |name| get(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let default =
            if cfg!(target_os = "macos") { "Library/Preferences/helm" } else { ".config/helm" };
        let folder = value("HELM_CONFIG_HOME")
            .or_else(|| value("XDG_CONFIG_HOME").map(|folder| folder.join("helm")))
            .or_else(|| home.map(|home| home.join(default)));
        let path = value("HELM_REPOSITORY_CONFIG")
            .or_else(|| folder.map(|folder| folder.join("repositories.yaml")));
        let known = path.map(|path| read(&path)).transpose()?.unwrap_or_default();
        Ok(Self { logins, known })
    }

    /// The repository with a name that `helm repo add` gave it.
    pub(super) fn named(&self, name: &str) -> Option<Url> {
        let known = self.known.iter().find(|known| known.name == name)?;
        Url::parse(&known.url).ok()
    }

    /// The login of the settings for the repository at `url`.
    pub(super) fn login(&self, url: &Url) -> Option<FileCredential> {
        let login = self.logins.iter().filter(|login| is_below(url, &login.url));
        let longest = login.max_by_key(|login| login.url.as_str().len());
        let RepoLogin { url, username, password } = longest?;
        let (url, username, password) = (url.clone(), username.clone(), password.clone());
        Some(FileCredential { username, password, url, everywhere: false })
    }

    /// The credential of Helm's file for the repository at `url`.
    pub(super) fn credential(&self, url: &Url) -> Option<FileCredential> {
        let known = self.of(url)?;
        let password = known.password.clone().unwrap_or_else(|| Secret::new(""));
        let is_empty = known.username.is_empty() && password.is_empty();
        (!is_empty).then(|| FileCredential {
            username: known.username.clone(),
            password,
            url: url.clone(),
            everywhere: known.everywhere,
        })
    }

    /// The TLS options for the repository at `url`.
    pub(super) fn tls(&self, url: &Url) -> FileTls {
        let Some(known) = self.of(url) else { return FileTls::default() };
        let file = |path: &String| (!path.is_empty()).then(|| PathBuf::from(path));
        FileTls {
            roots: file(&known.roots),
            identity: file(&known.certificate).zip(file(&known.key)),
            unverified: known.unverified,
        }
    }

    fn of(&self, url: &Url) -> Option<&Known> {
        let same =
            |known: &&Known| known.url.trim_end_matches('/') == url.as_str().trim_end_matches('/');
        self.known.iter().find(same)
    }
}

/// Whether `url` is `above` or below it.
fn is_below(url: &Url, above: &Url) -> bool {
    let above_path = above.path().trim_end_matches('/');
    let rest = url.path().strip_prefix(above_path);
    url.origin() == above.origin()
        && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn read(path: &Path) -> Result<Vec<Known>, HelmFileError> {
    let failed = |message: String| HelmFileError { path: path.to_owned(), message };
    let text = match read_regular(path, SIZE_LIMIT) {
        Ok(text) => text,
        Err(ReadError::System(error)) if error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(failed(error.to_string())),
    };
    let text = String::from_utf8(text).map_err(|_| failed(ReadError::NotText.to_string()))?;
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    // Messages of the parser may quote a password.
    let options = serde_saphyr::options! { with_snippet: false };
    let written: Written = serde_saphyr::from_str_with_options(&text, options)
        .map_err(|_| failed("it is not a file of helm repo add".to_owned()))?;
    Ok(written.repositories)
}

#[cfg(test)]
mod tests {
    use longshore_registry::Secret;
    use url::Url;

    use super::{HelmRepositories, RepoLogin};

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn of_file(text: &str, logins: Vec<RepoLogin>) -> Result<HelmRepositories, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("repositories.yaml");
        std::fs::write(&path, text).unwrap();
        let folder = folder.path().display().to_string();
        let get = |name: &str| (name == "HELM_CONFIG_HOME").then(|| folder.clone());
        HelmRepositories::of_environment(get, None, logins).map_err(|error| error.to_string())
    }

    const FILE: &str = "apiVersion: ''\ngenerated: '0001-01-01T00:00:00Z'\nrepositories:\n- caFile: /ca.pem\n  \
        certFile: /c.pem\n  insecure_skip_tls_verify: true\n  keyFile: /k.pem\n  name: mine\n  \
        pass_credentials_all: true\n  password: hunter2\n  url: https://charts.example/stable\n  username: me\n\
        - name: open\n  url: https://open.example/\n  password: ''\n";

    #[test]
    fn helm_s_file_is_understood() {
        let helm = of_file(FILE, Vec::new()).unwrap();
        assert!(!format!("{helm:?}").contains("hunter2"));
        let mine = helm.credential(&url("https://charts.example/stable/")).unwrap();
        assert_eq!((mine.username.as_str(), mine.password.expose()), ("me", "hunter2"));
        assert!(mine.everywhere);
        let tls = helm.tls(&url("https://charts.example/stable"));
        assert!(tls.unverified && tls.roots.is_some() && tls.identity.is_some());
        assert!(helm.credential(&url("https://charts.example/other")).is_none());
        assert!(helm.credential(&url("https://open.example")).is_none());
        assert_eq!(helm.named("open"), Some(url("https://open.example/")));
        assert_eq!(helm.named("gone"), None);
    }

    #[test]
    fn the_longest_login_of_the_settings_holds_for_what_is_below() {
        let login = |address: &str, name: &str| RepoLogin {
            url: url(address),
            username: name.to_owned(),
            password: Secret::new("x"),
        };
        let logins = vec![
            login("https://charts.example", "all"),
            login("https://charts.example/stable", "own"),
        ];
        let helm = of_file(FILE, logins).unwrap();
        let name = |address: &str| helm.login(&url(address)).map(|found| found.username);
        assert_eq!(name("https://charts.example/stable").as_deref(), Some("own"));
        assert_eq!(name("https://charts.example/stablex").as_deref(), Some("all"));
        assert_eq!(name("http://charts.example/stable"), None);
        assert_eq!(name("https://charts.example.org/stable"), None);
    }

    #[test]
    fn a_missing_file_is_fine_and_a_broken_one_hides_its_text() {
        assert!(HelmRepositories::of_environment(|_| None, None, Vec::new()).is_ok());
        assert!(of_file("", Vec::new()).is_ok());
        let error = of_file("repositories: [{password: {hunter2: 1}}]", Vec::new()).unwrap_err();
        assert!(error.contains("repositories.yaml") && !error.contains("hunter2"), "{error}");
    }
}
