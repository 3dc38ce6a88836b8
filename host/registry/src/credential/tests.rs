//! The order of the sources, and caching within a run.

use std::path::Path;

use tempfile::TempDir;

use super::fixture::write_program;
use super::{
    AuthFilePath, Credential, CredentialError, CredentialSources, Credentials,
    EnvironmentCredential,
};
use crate::secret::Secret;
use longshore_oci::Registry;

/// Sources from files in a directory, each written now, and from the helpers there.
fn sources(directory: &TempDir, files: &[(&str, &str)]) -> CredentialSources {
    let auth_files = files.iter().map(|(name, text)| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        AuthFilePath { path, named: false }
    });
    CredentialSources {
        auth_files: auth_files.collect(),
        program_path: vec![directory.path().to_owned()],
        ..CredentialSources::default()
    }
}

fn registry(text: &str) -> Registry {
    text.parse().unwrap()
}

fn user_of(credential: Option<Credential>) -> Option<String> {
    credential.map(|credential| match credential {
        Credential::Basic { username, .. } => username,
        other => panic!("no user name: {other:?}"),
    })
}

fn lines_of(file: &Path) -> usize {
    std::fs::read_to_string(file).unwrap_or_default().lines().count()
}

#[tokio::test]
async fn the_first_source_wins() {
    let directory = TempDir::new().unwrap();
    let first =
        r#"{"auths": {"a.example": {"username": "first", "password": "1"}, "c.example": {}}}"#;
    let second = r#"{"auths": {
        "a.example": {"username": "second", "password": "2"},
        "b.example": {"username": "second", "password": "2"},
        "c.example": {"username": "second", "password": "2"},
        "env.example": {"username": "second", "password": "2"}}}"#;
    let mut sources = sources(&directory, &[("auth.json", first), ("config.json", second)]);
    sources.environment = Some(EnvironmentCredential {
        username: "environment".to_owned(),
        password: Secret::new("3"),
        registry: Some(registry("env.example")),
    });
    let credentials = Credentials::new(sources);
    for (host, user) in [
        ("env.example", Some("environment")),
        ("a.example", Some("first")),
        ("b.example", Some("second")),
        // An empty entry holds no credential, so the next file is read.
        ("c.example", Some("second")),
        ("d.example", None),
    ] {
        let found = credentials.of(&registry(host), None).await.unwrap();
        assert_eq!(user_of(found).as_deref(), user, "{host}");
    }
}

#[tokio::test]
async fn the_environment_s_credential_goes_to_its_registry_only() {
    let environment = |registry| CredentialSources {
        environment: Some(EnvironmentCredential {
            username: "me".to_owned(),
            password: Secret::new("hunter2"),
            registry,
        }),
        ..CredentialSources::default()
    };
    let hub = Credentials::new(environment(Some(registry("index.docker.io"))));
    for alias in ["docker.io", "registry-1.docker.io"] {
        assert!(hub.of(&registry(alias), None).await.unwrap().is_some(), "{alias}");
    }
    let other = registry("docker.io.example");
    assert_eq!(hub.of(&other, None).await.unwrap(), None);
    let unbound = Credentials::new(environment(None));
    assert_eq!(unbound.of(&other, None).await.unwrap(), None);
}

#[tokio::test]
async fn a_helper_runs_once_per_registry_however_many_ask() {
    let directory = TempDir::new().unwrap();
    let log = directory.path().join("log");
    let script = format!(
        r#"read -r server; echo "$server" >>{}; sleep 0.1; echo '{{"Username":"u","Secret":"s"}}'"#,
        log.display()
    );
    write_program(directory.path(), "slow", &script);
    let credentials =
        Credentials::new(sources(&directory, &[("config.json", r#"{"credsStore": "slow"}"#)]));
    let (one, two) = (registry("one.example"), registry("two.example"));
    // Tasks that may move between threads must be able to ask.
    fn movable<T: Send>(task: T) -> T {
        task
    }
    let asked =
        (0..40).map(|at| movable(credentials.of(if at % 2 == 0 { &one } else { &two }, None)));
    for answer in futures_util::future::join_all(asked).await {
        assert_eq!(user_of(answer.unwrap()).as_deref(), Some("u"));
    }
    assert_eq!(lines_of(&log), 2, "the helper ran again for a registry it had answered for");
}

#[tokio::test]
async fn a_failing_helper_is_not_run_again_and_hides_nothing_behind_it() {
    let directory = TempDir::new().unwrap();
    let log = directory.path().join("log");
    write_program(
        directory.path(),
        "broken",
        &format!("echo run >>{}; echo hunter2; exit 3", log.display()),
    );
    let credentials = Credentials::new(sources(
        &directory,
        &[
            ("auth.json", r#"{"credHelpers": {"r.example": "broken"}}"#),
            ("config.json", r#"{"auths": {"r.example": {"username": "u", "password": "p"}}}"#),
        ],
    ));
    for _ in 0..2 {
        let error = credentials.of(&registry("r.example"), None).await.unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("ask credential helper \"broken\" for r.example: "), "{text}");
        assert!(!format!("{error:?} {text}").contains("hunter2"), "{error:?}");
    }
    assert_eq!(lines_of(&log), 1);
    // Another registry's helper runs on its own.
    assert_eq!(credentials.of(&registry("o.example"), None).await.unwrap(), None);
}

#[tokio::test]
async fn a_helper_without_a_credential_leaves_it_to_the_next_file() {
    let directory = TempDir::new().unwrap();
    write_program(
        directory.path(),
        "empty",
        "echo 'credentials not found in native keychain'; exit 1",
    );
    let credentials = Credentials::new(sources(
        &directory,
        &[
            ("auth.json", r#"{"credHelpers": {"r.example": "empty"}}"#),
            ("config.json", r#"{"auths": {"r.example": {"username": "u", "password": "p"}}}"#),
        ],
    ));
    let found = credentials.of(&registry("r.example"), None).await.unwrap();
    assert_eq!(user_of(found).as_deref(), Some("u"));
}

#[tokio::test]
async fn a_file_is_read_once_and_its_fault_is_told_each_time() {
    let directory = TempDir::new().unwrap();
    let credentials = Credentials::new(sources(&directory, &[("config.json", "{\n  oops")]));
    for _ in 0..2 {
        let error = credentials.of(&registry("r.example"), None).await.unwrap_err();
        assert!(matches!(error, CredentialError::Malformed { line: 2, column: 3, .. }), "{error}");
        // The file was repaired meanwhile, but the run keeps the cached error.
        std::fs::write(directory.path().join("config.json"), "{}").unwrap();
    }
}

#[tokio::test]
async fn nothing_shows_a_secret() {
    let directory = TempDir::new().unwrap();
    let text = r#"{"auths": {
        "a.example": {"username": "u", "password": "hunter2"},
        "b.example": {"identitytoken": "hunter2"},
        "c.example": {"registrytoken": "hunter2"}}}"#;
    let credentials = Credentials::new(sources(&directory, &[("config.json", text)]));
    for host in ["a.example", "b.example", "c.example"] {
        let found = credentials.of(&registry(host), None).await.unwrap();
        assert!(found.is_some(), "{host}");
        assert!(!format!("{found:?} {found:#?}").contains("hunter2"), "{found:?}");
    }
    assert!(!format!("{credentials:?}").contains("hunter2"), "{credentials:?}");
}
