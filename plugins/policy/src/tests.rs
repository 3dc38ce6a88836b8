//! Policies against references.

use longshore_plugin_sdk::Attribute;
use longshore_plugin_sdk::rewrite::{Artifact, Item, Rewrite as _, Verdict};
use serde_json::{Value, json};

use super::Policy;

fn item(source: &str, attributes: &[(&str, &str)]) -> Item {
    Item {
        artifact: Artifact::Image,
        source: source.to_owned(),
        destination: "r.io/to:1".to_owned(),
        attributes: attributes.iter().map(|&(key, value)| Attribute::new(key, value)).collect(),
    }
}

fn policy(config: &Value) -> Policy {
    Policy::from_config(&config.to_string()).expect("a valid policy")
}

/// The reason why a policy refuses a source.
fn refusal(config: &Value, source: &str) -> Option<String> {
    match policy(config).apply(item(source, &[])) {
        Verdict::Destination(destination) => {
            assert_eq!(destination, "r.io/to:1", "the policy changed the destination");
            None
        }
        Verdict::Refuse(why) => Some(why),
        Verdict::Skip(why) => panic!("skipped: {why}"),
    }
}

#[test]
fn patterns_match_registry_repository_tag_and_digest() {
    let sha = "sha256:00";
    for (pattern, source) in [
        ("docker.io", "docker.io/library/mysql:8"),
        ("docker.io/library/*", "docker.io/library/mysql:8"),
        ("*.example.com/**", "eu.example.com/a/b:1"),
        ("localhost:5000", "localhost:5000/a/b:1"),
        ("localhost:5000/a", "localhost:5000/a:1"),
        ("**/mysql:8*", "quay.io/x/y/mysql:8.4"),
        ("*:*-rc*", "quay.io/a:1.0-rc.1"),
        ("*:latest", "quay.io/a"),
        ("**@sha256:0*", &format!("quay.io/a:1@{sha}")),
        ("quay.io/?", "quay.io/a:1"),
        ("[::1]:5000/**", "[::1]:5000/a:1"),
    ] {
        let why = refusal(&json!({"deny": [pattern]}), source).unwrap_or_else(|| {
            panic!("{pattern} does not match {source}");
        });
        assert_eq!(why, format!("the policy denies `{pattern}`: {source}"));
        assert_eq!(refusal(&json!({"allow": [pattern]}), source), None, "{pattern} {source}");
    }
    for (pattern, source) in [
        ("docker.io/library/*", "docker.io/library/a/b:1"),
        ("docker.io", "docker.io.evil.example/a:1"),
        ("localhost:5000", "localhost:5001/a:1"),
        ("**/mysql:8", "quay.io/mysql:8.4"),
        ("*:latest", "quay.io/a@sha256:00"),
        ("**@sha256:*", "quay.io/a:1"),
        ("quay.io/a/**", "quay.io/ab/c:1"),
    ] {
        assert_eq!(refusal(&json!({"deny": [pattern]}), source), None, "{pattern} {source}");
        let why = refusal(&json!({"allow": [pattern]}), source);
        assert_eq!(why, Some(format!("the policy does not allow {source}")), "{pattern}");
    }
}

#[test]
fn what_is_denied_is_not_allowed() {
    let config =
        json!({"allow": "docker.io, quay.io\n# a remark\nghcr.io/a/**", "deny": "*:*-rc*"});
    assert_eq!(refusal(&config, "quay.io/a:1"), None);
    assert_eq!(refusal(&config, "ghcr.io/a/b:1"), None);
    assert!(refusal(&config, "ghcr.io/b:1").is_some());
    let why = refusal(&config, "quay.io/a:1-rc1").expect("denied");
    assert!(why.contains("denies `*:*-rc*`"), "{why}");
}

#[test]
fn latest_and_missing_digests_are_refused() {
    let latest = json!({"refuse-latest": true});
    let digest = json!({"require-digest": true});
    for (source, is_latest, has_no_digest) in [
        ("a.io/b:latest", true, true),
        ("a.io/b", true, true),
        ("a.io/b:latest-dev", false, true),
        ("a.io/b:1", false, true),
        ("a.io/b:latest@sha256:00", false, false),
        ("a.io/b@sha256:00", false, false),
    ] {
        assert_eq!(refusal(&latest, source).is_some(), is_latest, "{source}");
        assert_eq!(refusal(&digest, source).is_some(), has_no_digest, "{source}");
    }
}

#[test]
fn labels_of_the_list_choose_rules() {
    let policy = policy(&json!({"allow": ["** team=pay*", "quay.io/** tier=1 team=web"]}));
    let is_allowed = |source: &str, attributes: &[(&str, &str)]| {
        matches!(policy.apply(item(source, attributes)), Verdict::Destination(_))
    };
    assert!(is_allowed("a.io/b:1", &[("team", "payments")]));
    assert!(is_allowed("quay.io/b:1", &[("team", "web"), ("tier", "1")]));
    assert!(is_allowed("a.io/b:1", &[("team", "web"), ("team", "pay")]), "one of several values");
    assert!(!is_allowed("a.io/b:1", &[]));
    assert!(!is_allowed("quay.io/b:1", &[("team", "web")]));
    assert!(!is_allowed("a.io/b:1", &[("Team", "payments")]));
}

#[test]
fn violations_may_be_skipped_and_destinations_checked() {
    let config = json!({"deny": "r.io/to", "by": "destination", "action": "skip"});
    let verdict = policy(&config).apply(item("a.io/b:1", &[]));
    assert_eq!(verdict, Verdict::Skip("the policy denies `r.io/to`: r.io/to:1".into()));
}

#[test]
fn policies_that_cannot_be_meant_are_refused() {
    for (config, part) in [
        (json!({}), "the policy has no rule"),
        (json!({"allow": ""}), "the policy has no rule"),
        (json!({"allow": ["mysql"]}), "allow: `mysql` names no registry"),
        (json!({"deny": ["library/mysql:8"]}), "write `docker.io/library/mysql:8`"),
        (json!({"deny": ["a.io//b"]}), "deny: `a.io//b` has an empty part"),
        (json!({"deny": ["a.io/b:"]}), "has an empty part"),
        (json!({"deny": ["a.io/b team"]}), "`team` in `a.io/b team` is not KEY=VALUE"),
        (json!({"deny": 1}), "patterns must be lines"),
        (json!({"denied": []}), "denied"),
        (json!({"deny": ["a.io"], "action": "warn"}), "warn"),
    ] {
        let message = Policy::from_config(&config.to_string()).expect_err("refused");
        assert!(message.contains(part), "{config}: {message}");
    }
}
