//! `--rewrite` with the built-in plugins that change paths: flattening, patterns and tables.

use longshore_content::{Content, Image};

use crate::support::{Longshore, Pair};

fn image(seed: u64) -> Content {
    Image::new("linux/amd64").layer(seed, 1000).build()
}

/// Prepares `mirror --dry-run` of a list whose sources need not exist.
fn planned(pair: &Pair, list: &str, arguments: &[&str]) -> Longshore {
    pair.mirror(list).args(["--dry-run", "--output", "json"]).args(arguments)
}

/// Returns the destinations of the entries in order, without their registry.
#[track_caller]
fn destinations(pair: &Pair, list: &str, arguments: &[&str]) -> Vec<String> {
    let document = planned(pair, list, arguments).run().json();
    let entries = document["entries"].as_array().expect("a list of entries");
    let host = format!("{}/", pair.destination.address());
    let path = |entry: &serde_json::Value| {
        let destination = entry["destination"].as_str().unwrap_or_default();
        destination.strip_prefix(&host).unwrap_or(destination).to_owned()
    };
    entries.iter().map(path).collect()
}

#[test]
fn flattened_images_arrive_under_one_component() {
    let pair = Pair::embedded();
    pair.source.push("deep/er/app", "1", &image(1));
    pair.source.push("app", "2", &image(2));
    let list = "deep/er/app deep/er/app 1\napp app 2\n";
    pair.mirror(list).args(["--rewrite", "flatten"]).run().exits(0);
    pair.assert_arrived("deep-er-app", "1", &image(1));
    // The default project is added before any rewrite.
    pair.assert_arrived("library-app", "2", &image(2));
    let keep = ["--rewrite", "flatten", "--plugin-config", "flatten.keep=1"];
    let separator = ["--plugin-config", "flatten.separator=__"];
    pair.mirror(list).args(keep).args(separator).run().exits(0);
    pair.assert_arrived("deep/er__app", "1", &image(1));
    pair.assert_arrived("library/app", "2", &image(2));
}

#[test]
fn two_sources_that_are_flattened_into_one_are_refused_before_anything_is_copied() {
    let pair = Pair::embedded();
    pair.source.push("a/b-c", "1", &image(1));
    pair.source.push("a-b/c", "1", &image(2));
    let list = "a/b-c a/b-c 1\n# another one\na-b/c a-b/c 1\n";
    let run = pair.mirror(list).args(["--rewrite", "flatten"]).run().exits(2);
    let run = run.complains("lines 1 and 3");
    assert_eq!(run.file("mirror-failed.txt"), None, "nothing was started");
    pair.assert_absent("a-b-c", "1");
}

#[test]
fn patterns_move_groups_and_bad_ones_stop_the_run() {
    let pair = Pair::embedded();
    let list = "x bitnami/redis 7\nx team/app 1-alpine\n";
    let rule = r"regex.rules=^([^/]+)/bitnami/(.*)$ => $1/hub/$2";
    let regex = ["--rewrite", "regex", "--plugin-config"];
    let rules = |setting| [&regex[..], &[setting]].concat();
    assert_eq!(destinations(&pair, list, &rules(rule)), ["hub/redis:7", "team/app:1-alpine"]);

    let file = "# Two rules, of which both match.\n/team/ => /tools/\n-alpine$ =>\n";
    let all = |arguments: &[&str]| {
        let run = planned(&pair, list, &rules("regex.rules=@rules.txt")).args(arguments);
        let document = run.file("rules.txt", file).run().json();
        document["entries"][1]["destination"].as_str().unwrap_or_default().to_owned()
    };
    let host = pair.destination.address();
    assert_eq!(all(&[]), format!("{host}/tools/app:1-alpine"));
    assert_eq!(all(&["--plugin-config", "regex.apply=all"]), format!("{host}/tools/app:1"));

    let bad = pair.mirror(list).args(rules("regex.rules=( => x")).run().exits(2);
    bad.complains("`regex`").complains("line 1 of rules: pattern `(`: ");
    pair.mirror(list).args(["--rewrite", "regex"]).run().exits(2).complains("`rules`");
}

#[test]
fn rules_come_from_the_settings_file_too() {
    let pair = Pair::embedded();
    let settings = "[plugins.regex]\napply = \"all\"\n\
                    rules = [\"a => b\", { pattern = '(b+)/x$', replacement = '${1}c/x' }]\n";
    let arguments = ["--rewrite", "regex", "--settings", "longshore.toml"];
    let run = planned(&pair, "s/x aa/x 1\n", &arguments).file("longshore.toml", settings);
    let document = run.run().json();
    let destination = document["entries"][0]["destination"].as_str().unwrap_or_default();
    // The tag keeps the second rule from matching at the end, so only the first rule changes
    // something.
    assert_eq!(destination, format!("{}/bb/x:1", pair.destination.address()));
}

#[test]
fn a_table_moves_keeps_skips_and_refuses() {
    let pair = Pair::embedded();
    for repository in ["team/app", "team/web", "other/tool"] {
        pair.source.push(repository, "1", &image(1));
    }
    let host = pair.source.address();
    let table = format!("# FROM TO\n{host}/team/app apps/main:stable\n{host}/team/ sites/\n");
    let list = "team/app team/app 1\nteam/web team/web 1\nother/tool other/tool 1\n";
    let run = |unmatched: &str| {
        let table = pair.mirror(list).file("table.txt", &table).args(["--rewrite", "map"]);
        let table = table.args(["--plugin-config", "map.table=@table.txt"]);
        table.args(["--plugin-config", &format!("map.unmatched={unmatched}")]).run()
    };
    run("refuse").exits(1).sums_up("2 copied, 0 skipped, 1 failed").complains("the table has no");
    pair.assert_arrived("apps/main", "stable", &image(1));
    pair.assert_arrived("sites/web", "1", &image(1));
    run("skip").exits(0).sums_up("0 copied, 3 skipped, 0 failed");
    pair.assert_absent("other/tool", "1");
    run("keep").exits(0).sums_up("1 copied, 2 skipped, 0 failed");
    pair.assert_arrived("other/tool", "1", &image(1));
}

#[test]
fn a_table_that_cannot_be_read_stops_the_run() {
    let pair = Pair::embedded();
    let run = |setting: &str| {
        let map = ["--rewrite", "map", "--plugin-config", setting];
        pair.mirror("team/app team/app 1\n").file("table.txt", "a b\nc\n").args(map).run().exits(2)
    };
    run("map.table=@table.txt").complains("line 2 of the table: expected 2 columns");
    run("map.unmatched=drop").complains("keep, skip, refuse");
    run("map.table=@missing.txt").complains("missing.txt");
}

/// Runs a policy on a list, and returns status and reason of each entry.
fn judged(pair: &Pair, list: &str, policy: &[&str]) -> Vec<(String, String)> {
    let keys = policy.iter().flat_map(|key| ["--plugin-config", key]);
    let run = planned(pair, list, &["--rewrite", "policy"]).args(keys).run();
    let document = run.json();
    let entries = document["entries"].as_array().expect("a list of entries");
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let reason = |entry: &serde_json::Value| {
        let error = text(&entry["error"]);
        if error.is_empty() { text(&entry["reason"]) } else { error }
    };
    entries.iter().map(|entry| (text(&entry["status"]), reason(entry))).collect()
}

#[test]
fn a_policy_refuses_entries_with_its_reason() {
    let pair = Pair::embedded();
    for (repository, tag, seed) in [("a/app", "1", 1), ("a/app", "latest", 2), ("b/web", "1", 3)] {
        pair.source.push(repository, tag, &image(seed));
    }
    let list = "a/app a/app 1\na/app a/app latest\nb/web b/web 1\n";
    let deny = "policy.deny=**/b/*";
    let found = judged(&pair, list, &[deny, "policy.refuse-latest=true"]);
    assert_eq!(found[0].0, "dry-run", "{found:?}");
    assert!(found[1].0 == "failed" && found[1].1.contains("refuses the tag `latest`"), "{found:?}");
    assert!(found[2].0 == "failed" && found[2].1.contains("denies `**/b/*`"), "{found:?}");
    let skipped = judged(&pair, list, &[deny, "policy.action=skip"]);
    assert_eq!(skipped[2].0, "skipped", "{skipped:?}");
    assert!(skipped[2].1.contains("denies `**/b/*`"), "{skipped:?}");
}

#[test]
fn labels_of_a_list_reach_the_policy() {
    let pair = Pair::embedded();
    pair.source.push("a/app", "1", &image(1));
    let list = "# longshore: attribute=team=pay\na/app a/app 1\na/app a/app2 1\n";
    let found = judged(&pair, list, &["policy.allow=** team=pay"]);
    assert_eq!(found[0].0, "dry-run", "{found:?}");
    assert!(found[1].0 == "failed" && found[1].1.contains("does not allow"), "{found:?}");
}

#[test]
fn a_policy_without_rules_stops_the_run() {
    let pair = Pair::embedded();
    let run = planned(&pair, "a a 1\n", &["--rewrite", "policy"]).run().exits(2);
    run.complains("the policy has no rule");
    let key = ["--rewrite", "policy", "--plugin-config", "policy.deny=mysql"];
    planned(&pair, "a a 1\n", &key).run().exits(2).complains("`mysql` names no registry");
}

#[test]
fn a_rewrite_that_changes_nothing_is_a_warning_with_what_it_saw() {
    let pair = Pair::embedded();
    pair.source.push("team/app", "1", &image(1));
    let list = "team/app team/app 1\nteam/app other/app 1\n";
    let (from, to) = (pair.source.address(), pair.destination.address());
    let first = format!("{from}/team/app:1 → {to}/team/app:1");
    let typo = format!("map.table={from}/teem/app x/app");
    for (name, config) in [
        ("regex", "regex.rules=nomatch => hub"),
        ("map", &typo),
        // Compared with the source after `-s`.
        ("map", "map.table=docker.io/team/app x/app"),
        ("flatten", "flatten.keep=2"),
    ] {
        let run = |list| pair.mirror(list).args(["--rewrite", name, "--plugin-config", config]);
        let warning =
            format!("[WARN] the rewrite {name} changed none of 2 entries; the first is {first}");
        for run in [run(list).arg("--dry-run").run(), run(list).run()] {
            let run = run.exits(0);
            assert_eq!(run.stderr.matches(&warning).count(), 1, "{config}:\n{}", run.stderr);
        }
        let one = run("team/app team/app 1\n").run().exits(0);
        one.complains(&format!("the rewrite {name} did not change the entry {first}"));
    }
    for (name, config) in [
        ("regex", "regex.rules=nomatch => hub\nother => one"),
        ("map", "map.unmatched=refuse"),
        ("policy", "policy.allow=**"),
        ("prefix", "prefix.prefix=a"),
    ] {
        let table = ["--plugin-config", "map.table=docker.io/team/app x/app"];
        let table = if name == "map" { &table[..] } else { &[] };
        let run = pair.mirror(list).args(["--rewrite", name, "--plugin-config", config]);
        let run = run.args(table).arg("--dry-run").run();
        assert!(!run.stderr.contains("the rewrite"), "{config}:\n{}", run.stderr);
    }
}
