//! A project that is missing is a 401 at a Harbor.

use super::{PASSWORD, Registries, USER};
use crate::support::Longshore;
use crate::support::harbor::{Behaviour, Harbor};

const LIST: &str = "team/a team/a 1\n";

fn validate(registries: &Registries, harbor: &Harbor) -> Longshore {
    let run = Longshore::new().validate().list(LIST).source(registries.source.address());
    let pair = format!("{USER}:{PASSWORD}");
    let pair = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, pair);
    let known = format!(r#"{{"auths":{{"{}":{{"auth":"{pair}"}}}}}}"#, harbor.address());
    run.destination(harbor.address()).file("../home/.docker/config.json", known)
}

#[test]
fn a_push_into_a_missing_project_names_the_repository_type() {
    let registries = Registries::with(&["team/a"]);
    let harbor = registries.harbor(Behaviour::default());
    let run = Longshore::new().mirror().list(LIST).source(registries.source.address());
    let run = run.destination(harbor.address()).env("DOCKER_USERNAME", USER);
    let run = run.env("DOCKER_PASSWORD", PASSWORD).run().exits(1);
    run.complains("project team not found")
        .complains("hint: create the project first; --repo-type harbor creates missing projects");
}

#[test]
fn a_validation_calls_it_missing() {
    let registries = Registries::with(&["team/a"]);
    let harbor = registries.harbor(Behaviour::default());
    let run = validate(&registries, &harbor).run().exits(1);
    assert!(run.stdout.contains("team/a:1: missing"), "{}", run.stdout);
    assert!(!run.stderr.contains("unauthorized"), "{}", run.stderr);
}

#[test]
fn a_validation_takes_the_repository_type_and_names_it_in_its_mend_command() {
    let registries = Registries::with(&["team/a"]);
    let harbor = registries.harbor(Behaviour::default());
    let flags = ["--repo-type", "harbor", "--harbor-https=false"];
    let run = validate(&registries, &harbor).args(flags).run().exits(1);
    assert!(run.stdout.contains("team/a:1: missing"), "{}", run.stdout);
    let mend = run.mend_command();
    for flag in ["--repo-type=harbor", "--harbor-https=false"] {
        assert!(mend.contains(flag), "{mend}");
    }
    assert_eq!(harbor.created(), [], "a validation creates nothing");
    assert_eq!(harbor.count("POST", "/api/v2.0/projects"), 0);

    run.repaired().exits(0);
    assert_eq!(harbor.created(), [("team".to_owned(), "false".to_owned())]);
    validate(&registries, &harbor).args(flags).run().exits(0);
    validate(&registries, &harbor).run().exits(0);
}

#[test]
fn an_inspection_says_that_the_image_is_not_there() {
    let registries = Registries::with(&["team/a"]);
    let harbor = registries.harbor(Behaviour::default());
    let image = format!("{}/team/a:1", registries.source.address());
    let inspect = |password: &str| {
        let run = Longshore::new().args(["inspect", &image, "-d", harbor.address()]);
        run.env("DOCKER_USERNAME", USER).env("DOCKER_PASSWORD", password).run()
    };
    let run = inspect(PASSWORD).exits(0);
    assert!(run.stdout.contains("/team/a:1: missing"), "{}", run.stdout);
    assert!(!run.stderr.contains("unauthorized"), "{}", run.stderr);
    // A wrong password is still a refusal.
    let run = inspect("not-it").exits(1);
    assert!(run.stdout.contains("it could not be read"), "{}", run.stdout);
}

#[test]
fn without_a_credential_none_is_said_to_be_wrong() {
    let registries = Registries::with(&["team/a"]);
    let harbor = registries.harbor(Behaviour::default()).with_project("team");
    let run = Longshore::new().mirror().list(LIST).source(registries.source.address());
    let run = run.destination(harbor.address());
    let run = run.args(["--repo-type", "harbor", "--harbor-https=false"]).run().exits(1);
    let run = run.complains("no credential is known for ");
    for untrue in ["refused the credential", "was refused", "create the project"] {
        assert!(!run.stderr.contains(untrue), "`{untrue}` in {}", run.stderr);
    }
    let hint =
        format!("hint: at the destination, no credential was found for {}", harbor.address());
    let run = run.complains(&hint);
    let failed = run.stderr.lines().find(|line| line.contains("] failed ")).unwrap_or_default();
    assert!(!failed.contains("preparing its repository"), "the warning has told it: {failed}");
}
