//! `--repo-type gitea`, against a server that behaves as Gitea's API reference says.

use longshore_content::Image;

use super::{Places, assert_silent};
use crate::support::products::PASSWORD;
use crate::support::products::gitea::Gitea;
use crate::support::{Answer, Rule};

#[test]
fn a_missing_organization_is_created_and_pushed() {
    let places = Places::new();
    let gitea = Gitea::on(&places.destination, &["mirror"]);
    let dry = places.mirror_as_user("team/sub/app", "gitea").arg("--dry-run").run().exits(0);
    dry.complains("owner team on ").complains("would be created");
    assert_eq!(places.destination.count("POST", "/api/*"), 0, "a dry run created it");
    let limited = ["--plugin-config", "gitea.visibility=limited"];
    let run = places.mirror_as_user("team/sub/app", "gitea").args(limited).run().exits(0);
    assert_silent(&run.complains("was created"), PASSWORD);
    places.behind.assert_complete("team/sub/app", "1");
    assert_eq!(gitea.organizations(), [("team".to_owned(), "limited".to_owned())]);
    places.mirror_as_user("team/other", "gitea").run().exits(0);
    assert_eq!(places.destination.count("POST", "/api/*"), 1, "it was created again");
}

#[test]
fn the_namespace_of_a_user_is_ready() {
    let places = Places::new();
    let gitea = Gitea::on(&places.destination, &["mirror"]);
    places.mirror_as_user("mirror/app", "gitea").run().exits(0);
    places.behind.assert_complete("mirror/app", "1");
    assert!(gitea.organizations().is_empty());
    let run =
        places.mirror_as_user("mirror/app", "gitea").args(["--rewrite", "flatten"]).run().exits(1);
    let failed = run.file("mirror-failed.txt").expect("there is a failed list");
    assert!(failed.contains("requires at least 2 path components"), "{failed}");
}

#[test]
fn a_reserved_name_is_refused_with_its_reason() {
    let places = Places::new();
    Gitea::on(&places.destination, &[]);
    let run = places.mirror_as_user("assets/app", "gitea").run().exits(1);
    run.complains("Gitea refuses to create the organization assets")
        .complains("name is reserved")
        .complains("trying the push anyway");
}

#[test]
fn nothing_is_created_if_told_so() {
    let places = Places::new();
    let gitea = Gitea::on(&places.destination, &[]);
    let only = ["--plugin-config", "gitea.create-organizations=false"];
    let run = places.mirror_as_user("team/app", "gitea").args(only).run().exits(1);
    run.complains("there is no user or organization team");
    assert!(gitea.organizations().is_empty());
}

#[test]
fn a_wrong_password_is_named_and_sent_once_to_the_api() {
    let places = Places::new();
    Gitea::on(&places.destination, &[]);
    let wrong = places.mirror_as_user("team/app", "gitea").env("DOCKER_PASSWORD", "wr0ng-passw0rd");
    let run = wrong.run().exits(1).complains("Gitea answered 401 to GET /api/v1/orgs/team");
    assert_silent(&run, "wr0ng-passw0rd");
    assert_eq!(places.destination.count("*", "/api/*"), 1);
}

#[test]
fn a_token_of_its_own_creates_organizations() {
    let places = Places::new();
    // The account of pushes may create nothing, and a token does.
    places.destination.rule(Rule::on("POST", "/api/v1/orgs").answers_by(|seen| {
        let is_token = seen.authorization() == Some("Bearer t0ken-of-an-admin");
        Some(Answer::status(if is_token { 201 } else { 403 }))
    }));
    places.destination.rule(Rule::on("GET", "/api/v1/*").answers(Answer::status(404)));
    let settings = "[plugins.gitea.endpoints.api]\ntoken-env = 'GITEA_TOKEN'\n";
    let run = |token: &str| {
        let run = places.mirror_as_user("team/app", "gitea").args(["--settings", "s.toml"]);
        run.file("s.toml", settings).env("GITEA_TOKEN", token).run().exits(0)
    };
    run("other").complains("the account lacks").complains("the token of endpoint api of gitea");
    run("t0ken-of-an-admin").complains("owner team on ").complains("was created");
}

#[test]
fn referrers_go_to_their_fallback_tag_without_a_question() {
    let places = Places::new();
    Gitea::on(&places.destination, &["mirror"]);
    let image = Image::new("linux/amd64").layer(1, 1000).build();
    let signature = Image::artifact("application/x.sig").layer(7, 10).subject(&image).build();
    places.source.push("team/app", signature.digest(), &signature);
    let run = places.mirror_as_user("mirror/app", "gitea").arg("--referrers").run().exits(0);
    assert_eq!(places.destination.count("GET", "*/referrers/*"), 0, "{}", run.stderr);
    let tag = image.digest().replace(':', "-");
    assert_eq!(places.destination.count("PUT", &format!("*/manifests/{tag}")), 1);
}
