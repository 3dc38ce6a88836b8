//! Servers that repeat the credential, and passwords that stand where they do not belong.

use super::{Ends, PASSWORD, USER, assert_silent, auth_file, pair, wants_tokens};
use crate::support::{Answer, FaultProxy, Longshore, Registry, Rule, Seen};

/// What a request showed to log in, in the ways in which servers repeat it.
fn shown(seen: &Seen) -> Option<String> {
    let shown = seen.authorization()?;
    let (_, value) = shown.split_once(' ').unwrap_or_default();
    Some(format!("{shown} {value} {USER}:{PASSWORD} <{PASSWORD}>"))
}

type Repeats = fn(String) -> Answer;

/// Answers that repeat a text.
const WAYS: [Repeats; 5] = [
    |text| {
        Answer::status(403)
            .body(format!(r#"{{"errors":[{{"code":"DENIED","message":"{text}"}}]}}"#))
    },
    |text| {
        Answer::status(500).body(format!(r#"{{"errors":[{{"code":"{text}","detail":"{text}"}}]}}"#))
    },
    |text| Answer::status(400).body(text),
    |text| Answer::status(404).body(format!(r#"{{"details":"{text}"}}"#)),
    |text| Answer::redirect(&format!("/v2/{}/x?token={}", text.replace(' ', "/"), text.len())),
];

#[test]
fn a_registry_that_repeats_the_credential_brings_it_nowhere() {
    for way in WAYS {
        for at_source in [true, false] {
            let ends = Ends::with(&["team/app:1"]);
            let bad = if at_source { &ends.source } else { &ends.destination };
            bad.rule(Rule::on("*", "/v2/*").answers_by(move |seen| {
                let refused =
                    || Answer::status(401).header("www-authenticate", "Basic realm=\"r\"");
                Some(shown(seen).map_or_else(refused, way))
            }));
            let known = auth_file(&[bad.address()]);
            let run = ends.mirror().args(["--output", "json", "--max-wait", "1s"]);
            let run = run.file("../home/.docker/config.json", known).run().exits(1);
            assert!(bad.requests().iter().any(|seen| seen.authorization().is_some()));
            assert_silent(&run);
        }
    }
}

#[test]
fn a_token_that_is_repeated_is_not_shown() {
    for way in WAYS {
        let ends = Ends::with(&["team/app:1"]);
        let repeats = Rule::on("*", "/v2/*/manifests/*");
        ends.source.rule(repeats.answers_by(move |seen| Some(way(shown(seen)?))));
        wants_tokens(&ends.source, true);
        let known = auth_file(&[ends.source.address()]);
        let run = ends.mirror().args(["--max-wait", "1s"]);
        let run = run.file("../home/.docker/config.json", known).run().exits(1);
        assert!(ends.source.count("GET", "/token") > 0);
        assert_silent(&run);
    }
}

#[test]
fn a_token_service_that_repeats_the_password_brings_it_nowhere() {
    for way in WAYS {
        let ends = Ends::with(&["team/app:1"]);
        ends.source.rule(Rule::on("*", "/token").answers_by(move |seen| Some(way(shown(seen)?))));
        wants_tokens(&ends.source, true);
        let known = auth_file(&[ends.source.address()]);
        let run = ends.mirror().args(["--max-wait", "1s"]);
        let run = run.file("../home/.docker/config.json", known).run().exits(1);
        assert_silent(&run);
    }
}

#[test]
fn a_plugin_does_not_get_the_password_that_a_server_repeats() {
    for way in WAYS {
        let (source, behind) = (Registry::embedded(), Registry::embedded());
        let image = longshore_content::Image::new("linux/amd64").layer(1, 1000).build();
        source.push("team/app", "1", &image);
        let harbor = FaultProxy::before(&behind);
        harbor.rule(Rule::on("*", "/api/*").answers_by(move |seen| {
            Some(match shown(seen) {
                Some(text) => way(text.clone()).header("x-request", &text),
                None if seen.path.ends_with("/ping") => Answer::status(200).body("Pong"),
                None => Answer::status(401),
            })
        }));
        let run = Longshore::new()
            .mirror()
            .args(["--debug", "--repo-type", "harbor", "--harbor-https=false"])
            .list("team/app team/app 1\n")
            .source(source.address())
            .destination(harbor.address())
            .env("DOCKER_USERNAME", USER)
            .env("DOCKER_PASSWORD", PASSWORD)
            .run();
        let asked = harbor.matching("*", "/api/*");
        assert!(asked.iter().any(|seen| seen.authorization().is_some()), "{}", run.stderr);
        assert_silent(&run);
    }
}

#[test]
fn a_password_before_a_host_is_not_shown() {
    let ends = Ends::with(&["team/app:1"]);
    for value in [
        format!("{USER}:{PASSWORD}@{}", ends.source.address()),
        format!("https://{USER}:{PASSWORD}@{}", ends.source.address()),
        format!("{PASSWORD}@{}/path", ends.source.address()),
    ] {
        let run = || Longshore::new().mirror().arg("--debug").list(&ends.list);
        for run in [
            run().source(&value).destination(ends.destination.address()),
            run().source(ends.source.address()).destination(&value),
            run().env("DOCKER_REGISTRY", &value),
            run().arg(format!("--source={value}")),
            run().arg(&value),
            run().args(["--jobs", &value]),
        ] {
            let run = run.run().exits(2);
            assert_silent(&run);
            run.complains("***@");
        }
        for output in ["text", "json", "yaml"] {
            // The failed list repeats the line as it is.
            let list = format!(
                "{value}/team/app team/app 1\nteam/app {value}/team/app 1\nteam/app team/app 1\n"
            );
            let run = Longshore::new().mirror().args(["--debug", "--output", output]).list(&list);
            let run = run.source(ends.source.address());
            let run = run.destination(ends.destination.address()).run().exits(1);
            for text in [&run.stdout, &run.stderr] {
                assert!(!text.contains(PASSWORD) && !text.contains(&pair()), "{text}");
            }
            // The report names the lines. The log of malformed lines gives only their place.
            assert_eq!(output != "text", run.stdout.contains("***@"), "{}", run.stdout);
        }
    }
}
