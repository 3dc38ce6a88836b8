//! Credential helpers that work, and broken ones.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::super::fixture::write_program;
use super::{Credential, PATIENCE, ProgramFailure, Secret, ask, is_plain};

/// Asks a helper with this script.
async fn answer_of(
    script: &str,
    registry: &str,
    patience: Duration,
) -> Result<Option<Credential>, ProgramFailure> {
    let directory = TempDir::new().unwrap();
    write_program(directory.path(), "test", script);
    let directories = [directory.path().to_owned()];
    ask("test", &registry.parse().unwrap(), &directories, patience).await
}

#[tokio::test]
async fn a_helper_is_asked_as_docker_does() {
    // The script echoes its argument and standard input.
    let script = r#"printf '{"ServerURL":"x","Username":"%s","Secret":"%s"}' "$*" "$(cat)""#;
    for (registry, server) in [
        ("docker.io", "https://index.docker.io/v1/"),
        ("registry-1.docker.io", "https://index.docker.io/v1/"),
        ("r.example:5000", "r.example:5000"),
    ] {
        let found = answer_of(script, registry, PATIENCE).await.unwrap();
        let expected =
            Credential::Basic { username: "get".to_owned(), password: Secret::new(server) };
        assert_eq!(found, Some(expected), "{registry}");
    }
}

#[tokio::test]
async fn answers_mean_what_docker_says() {
    let token = Credential::IdentityToken(Secret::new("t"));
    for (script, expected) in [
        (r#"echo '{"Username":"<token>","Secret":"t"}'"#, Some(token)),
        (r#"echo '{"Username":"","Secret":""}'"#, None),
        ("echo 'credentials not found in native keychain'; exit 1", None),
        ("echo 'error: credentials not found in native keychain' >&2; exit 1", None),
    ] {
        let found = answer_of(script, "r.example", PATIENCE).await;
        assert_eq!(found.unwrap(), expected, "{script}");
    }
}

#[tokio::test]
async fn a_failing_helper_shows_no_secret_and_how_to_ask_it() {
    let script = "cat >/dev/null\n\
        echo '{\"Username\":\"u\",\"Secret\":\"hunter2\"}'\n\
        echo 'no session for u:hunter2' >&2; exit 7";
    let error = answer_of(script, "docker.io", PATIENCE).await.unwrap_err();
    let text = error.to_string();
    assert!(!format!("{text} {error:?}").contains("hunter2"), "{error:?}");
    assert_eq!(
        text,
        "it ended with exit status: 7; `echo https://index.docker.io/v1/ | docker-credential-test get` shows why"
    );
}

#[tokio::test]
async fn a_malformed_answer_is_an_error_without_its_text() {
    for script in [
        "echo hunter2",
        "true",
        r#"echo '{"Username":"u"}'"#,
        r#"echo '{"Username":"u","Secret":["hunter2"]}'"#,
    ] {
        let error = answer_of(script, "r.example", PATIENCE).await.unwrap_err();
        assert!(matches!(error, ProgramFailure::Answer), "{script}: {error}");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }
}

#[tokio::test]
async fn a_helper_that_does_not_end_is_killed() {
    let directory = TempDir::new().unwrap();
    let mark = directory.path().join("mark");
    let script = format!("exec 2>/dev/null; sleep 1; echo late >{}", mark.display());
    let before = Instant::now();
    let error = answer_of(&script, "r.example", Duration::from_millis(100)).await.unwrap_err();
    assert!(matches!(error, ProgramFailure::Timeout { .. }), "{error}");
    assert_eq!(error.to_string(), "it did not answer within 0.1 s");
    assert!(before.elapsed() < Duration::from_millis(900), "{:?}", before.elapsed());
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert!(!mark.exists(), "the helper lives on");
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off() {
    let error = answer_of("exec yes 1>&1", "r.example", PATIENCE).await.unwrap_err();
    assert!(matches!(error, ProgramFailure::TooMuch { .. }), "{error}");
}

#[tokio::test]
async fn a_chatty_helper_does_not_block() {
    let script = "head -c 300000 /dev/zero >&2; echo '{\"Username\":\"u\",\"Secret\":\"s\"}'";
    let found = answer_of(script, "r.example", PATIENCE).await.unwrap();
    assert!(found.is_some());
}

#[tokio::test]
async fn a_name_is_not_a_path() {
    for name in ["", "../x", "a/b", "/bin/sh", "a b", "a\0", "a;b", "ä", "$x"] {
        assert!(!is_plain(name), "{name:?}");
    }
    for name in ["desktop", "ecr-login", "gcloud", "a.b_c-1"] {
        assert!(is_plain(name), "{name:?}");
    }
    let error = ask("../test", &"r.example".parse().unwrap(), &[], PATIENCE).await;
    assert!(matches!(error, Err(ProgramFailure::Name)), "{error:?}");
}

#[tokio::test]
async fn a_missing_helper_is_named() {
    let directory = TempDir::new().unwrap();
    let registry = "r.example".parse().unwrap();
    // Plain files and directories are not programs, and relative directories are skipped.
    std::fs::write(directory.path().join("docker-credential-plain"), "").unwrap();
    std::fs::create_dir(directory.path().join("docker-credential-folder")).unwrap();
    for (name, place) in [
        ("absent", directory.path().to_owned()),
        ("plain", directory.path().to_owned()),
        ("folder", directory.path().to_owned()),
        ("absent", PathBuf::from(".")),
    ] {
        let error = ask(name, &registry, &[place], PATIENCE).await.unwrap_err();
        let expected = format!("program docker-credential-{name} is not on PATH");
        assert_eq!(error.to_string(), expected);
    }
}
