//! Which row matches, and the destination that it gives.

use longshore_plugin_sdk::rewrite::{Artifact, Item, Rewrite as _, Verdict};
use serde_json::json;

use super::Mapping;

fn mapped(config: &serde_json::Value, source: &str, destination: &str) -> Verdict {
    let mapping = Mapping::from_config(&config.to_string()).expect("a valid configuration");
    mapping.apply(Item {
        artifact: Artifact::Image,
        source: source.into(),
        destination: destination.into(),
        attributes: Vec::new(),
    })
}

fn to(destination: &str) -> Verdict {
    Verdict::Destination(destination.into())
}

#[test]
fn the_longest_matching_row_wins() {
    let config = json!({"table": "# FROM TO\n\n\
        docker.io/library/mysql:8 db/mysql:8-lts\n\
        mysql db/mysql\n\
        docker.io/library/ hub/\n\
        docker.io/* all\n\
        bitnami/charts/ other.io:5000/*\n\
        [::1]/team/ v6/\n\
        [::1]:5000/x [2001:db8::1]:5000/y\n\
        quay.io/a@sha256:00 pinned/a:fixed\n"});
    for (source, destination, after) in [
        ("docker.io/library/mysql:8", "d.io/library/mysql:8", "d.io/db/mysql:8-lts"),
        ("docker.io/library/mysql:9", "d.io/library/mysql:9", "d.io/db/mysql:9"),
        ("docker.io/library/mysql@sha256:1", "d.io/x:2@sha256:1", "d.io/db/mysql:2@sha256:1"),
        ("docker.io/library/mysql8:1", "d.io/library/mysql8:1", "d.io/hub/mysql8:1"),
        ("docker.io/team/a/b:1", "d.io/team/a/b:1", "d.io/all/team/a/b:1"),
        ("docker.io/bitnami/charts/x:1", "d.io/x:1", "other.io:5000/x:1"),
        ("quay.io/a:1@sha256:00", "d.io/a:1@sha256:00", "d.io/pinned/a:fixed"),
        ("[::1]/team/x:1", "d.io/team/x:1", "d.io/v6/x:1"),
        ("[::1]:5000/x:1", "d.io/x:1", "[2001:db8::1]:5000/y:1"),
        ("quay.io/b:1", "d.io/b:1", "d.io/b:1"),
    ] {
        assert_eq!(mapped(&config, source, destination), to(after), "{source}");
    }
}

#[test]
fn destinations_are_compared_with_and_without_their_registry() {
    let config = json!({"by": "destination", "table": {
        "library/mysql": "db/mysql",
        "d.io/team/": "e.io/",
        "mysql": "never/mysql",
    }});
    assert_eq!(mapped(&config, "s.io/x:1", "d.io/library/mysql:1"), to("d.io/db/mysql:1"));
    assert_eq!(mapped(&config, "s.io/x:1", "d.io/team/a/b:1"), to("e.io/a/b:1"));
    assert_eq!(mapped(&config, "s.io/x:1", "f.io/team/a/b:1"), to("f.io/team/a/b:1"));
}

#[test]
fn what_the_table_does_not_name_is_kept_left_out_or_refused() {
    let config = |unmatched: &str| json!({"table": "a b", "unmatched": unmatched});
    let verdict = |unmatched| mapped(&config(unmatched), "q.io/x:1", "d.io/x:1");
    let message = "the table has no `q.io/x:1`";
    assert_eq!(verdict("keep"), to("d.io/x:1"));
    assert_eq!(verdict("skip"), Verdict::Skip(message.into()));
    assert_eq!(verdict("refuse"), Verdict::Refuse(message.into()));
}

#[test]
fn tables_that_cannot_work_are_refused() {
    for (config, part) in [
        (json!({}), "table"),
        (json!({"table": "# nothing\n"}), "the table is empty"),
        (
            json!({"table": "a b\na b c"}),
            "line 2 of the table: expected 2 columns (FROM, TO), found 3",
        ),
        (json!({"table": "a"}), "found 1"),
        (
            json!({"table": "a b\nlibrary/a c"}),
            "line 2 of the table: `docker.io/library/a` has two",
        ),
        (json!({"table": "a/ b/c:1"}), "can have no tag"),
        (json!({"table": "a b:"}), "ends before"),
        (json!({"table": "/ b"}), "names nothing"),
        (json!({"table": "a d.io/"}), "names no repository"),
        (json!({"table": {"a": 1}}), "`a` must have a string"),
        (json!({"table": 1}), "lines `FROM TO`"),
        (json!({"table": "a b", "by": "name"}), "name"),
        (json!({"table": "a b", "unmatched": "drop"}), "drop"),
        (json!({"table": "a b", "file": "x"}), "file"),
    ] {
        let message = Mapping::from_config(&config.to_string()).expect_err("refused");
        assert!(message.contains(part), "{config}: {message}");
    }
}
