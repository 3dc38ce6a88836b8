//! Logins that are stored, replaced and erased.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::super::fixture::write_program;
use super::{CredentialPlace, CredentialStore};
use crate::credential::{Credential, CredentialSources, Credentials};
use crate::{AuthFilePath, Secret};

struct Home(TempDir);

impl Home {
    fn new(content: &str) -> Self {
        let home = Self(TempDir::new().unwrap());
        if !content.is_empty() {
            std::fs::write(home.path(), content).unwrap();
        }
        home
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("config.json")
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.path()).unwrap()
    }

    fn store(&self) -> CredentialStore {
        CredentialStore::new(self.path(), vec![self.0.path().to_owned()])
    }

    async fn log_in(&self, registry: &str, password: &str) -> CredentialPlace {
        let registry = registry.parse().unwrap();
        self.store().store(&registry, "me", &Secret::new(password)).await.unwrap()
    }

    /// The error of a login.
    async fn refusal(&self) -> String {
        let (registry, password) = ("r.example".parse().unwrap(), Secret::new("hunter2"));
        let stored = self.store().store(&registry, "me", &password).await;
        stored.unwrap_err().to_string()
    }

    async fn erase(&self, registry: &str) -> Option<CredentialPlace> {
        self.store().erase(&registry.parse().unwrap()).await.unwrap()
    }

    /// The password that a run finds.
    async fn found(&self, registry: &str) -> Option<String> {
        let sources = CredentialSources {
            auth_files: vec![AuthFilePath { path: self.path(), named: true }],
            program_path: vec![self.0.path().to_owned()],
            ..CredentialSources::default()
        };
        match Credentials::new(sources).of(&registry.parse().unwrap(), None).await.unwrap()? {
            Credential::Basic { password, .. } => Some(password.expose().to_owned()),
            _ => None,
        }
    }
}

#[tokio::test]
async fn a_login_is_found_again_and_the_file_is_private() {
    let home = Home::new("");
    for (registry, password) in
        [("r.example:5000", "one"), ("docker.io", "two"), ("[::1]:5000", "th:ree"), ("q.io", "ü")]
    {
        assert_eq!(home.log_in(registry, password).await, CredentialPlace::File);
        assert_eq!(home.found(registry).await.as_deref(), Some(password), "{registry}");
    }
    assert_eq!(home.found("r.example:5000").await.as_deref(), Some("one"), "others stay");
    let mode = std::fs::metadata(home.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn a_login_replaces_every_spelling_and_keeps_the_rest() {
    let others = r#"{"HttpHeaders":{"A":"b"},"auths":{"z.io":{"auth":"bWU6eg=="},"https://r.example/v1/":{"auth":"bWU6b2xk"},
        "r.example/team":{"auth":"bWU6dGVhbQ=="},"docker.io":{"auth":"bWU6b2xk"}},"detachKeys":"ctrl-q"}"#;
    let home = Home::new(others);
    home.log_in("r.example", "new").await;
    home.log_in("docker.io", "new").await;
    assert_eq!(home.found("r.example").await.as_deref(), Some("new"));
    assert_eq!(home.found("docker.io").await.as_deref(), Some("new"));
    assert_eq!(home.found("z.io").await.as_deref(), Some("z"));
    let text = home.text();
    assert!(!text.contains("bWU6b2xk"), "the old password is gone: {text}");
    for kept in ["HttpHeaders", "r.example/team", "detachKeys", "https://index.docker.io/v1/"] {
        assert!(text.contains(kept), "{kept}: {text}");
    }
    assert_eq!(home.erase("r.example").await, Some(CredentialPlace::File));
    assert_eq!(home.erase("r.example").await, None, "there is none any more");
    assert_eq!(home.found("r.example").await, None);
    assert_eq!(home.found("z.io").await.as_deref(), Some("z"));
}

#[tokio::test]
async fn helpers_keep_what_they_are_configured_for() {
    let config = r#"{"credsStore":"all","credHelpers":{"own.io":"own","none.io":""}}"#;
    let home = Home::new(config);
    for name in ["all", "own"] {
        // Stores the document as the answer to `get`.
        let kept = home.0.path().join(name);
        let kept = kept.display();
        let script = format!(
            "case $1 in store) cat >{kept};; get) cat >/dev/null; cat {kept} 2>/dev/null || \
             {{ echo 'credentials not found in native keychain'; exit 1; }};; erase) cat >/dev/null; rm {kept};; esac"
        );
        write_program(home.0.path(), name, &script);
    }
    for (registry, program) in [("own.io", "own"), ("r.example", "all")] {
        let place = Some(CredentialPlace::Program(program.to_owned()));
        assert_eq!(home.erase(registry).await, None, "nothing is stored yet");
        assert_eq!(Some(home.log_in(registry, "pass\"word").await), place);
        assert_eq!(home.found(registry).await.as_deref(), Some("pass\"word"));
        assert!(!home.text().contains("auth\":"), "no password is in the file: {}", home.text());
        assert_eq!(home.erase(registry).await, place);
        assert_eq!(home.found(registry).await, None);
    }
    assert_eq!(home.log_in("none.io", "x").await, CredentialPlace::File, "helpers are off for it");
}

#[tokio::test]
async fn a_file_that_is_not_understood_stays_as_it_is() {
    for wrong in ["{", "[]", r#"{"auths":[]}"#, r#"{"auths":{"a":{"auth":7}}}"#] {
        let home = Home::new(wrong);
        let error = home.refusal().await;
        assert!(error.contains("read authentication file"), "{error}");
        assert_eq!(home.text(), wrong);
    }
}

#[tokio::test]
async fn a_helper_that_refuses_is_an_error_and_the_file_stays() {
    let home = Home::new(r#"{"credsStore":"sad"}"#);
    write_program(home.0.path(), "sad", "echo \"locked: $(cat)\" >&2; exit 3");
    let error = home.refusal().await;
    assert!(error.contains("ended with exit status: 3"), "{error}");
    // It repeats the password that it was given.
    assert!(!error.contains("hunter2") && !error.contains("locked"), "{error}");
    assert!(!home.text().contains("auths"));
}

#[tokio::test]
async fn a_link_stays_a_link() {
    let home = Home::new("");
    let real = home.0.path().join("dotfiles.json");
    std::fs::write(&real, "{}").unwrap();
    std::os::unix::fs::symlink(&real, home.path()).unwrap();
    home.log_in("r.example", "x").await;
    assert!(std::fs::symlink_metadata(home.path()).unwrap().is_symlink());
    assert!(std::fs::read_to_string(&real).unwrap().contains("r.example"));
}

#[tokio::test]
async fn only_a_regular_file_is_changed_and_nothing_waits_for_a_pipe() {
    let home = Home::new("");
    let pipe = home.0.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let targets = [pipe.as_path(), home.0.path(), Path::new("/dev/null"), Path::new("/dev/zero")];
    for target in targets {
        std::os::unix::fs::symlink(target, home.path()).unwrap();
        let refused = home.refusal().await;
        assert!(refused.ends_with(": it is not a regular file"), "{refused}");
        let erased = home.store().erase(&"r.example".parse().unwrap()).await;
        assert_eq!(erased.unwrap_err().to_string(), refused);
        assert_eq!(std::fs::read_link(home.path()).unwrap(), target, "the link stays");
        std::fs::remove_file(home.path()).unwrap();
    }
}
