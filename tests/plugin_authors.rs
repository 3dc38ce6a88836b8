//! `longshore plugin new`, `test` and `bench`: what authors do before anybody uses a plugin.

use std::path::Path;
use std::process::Command;

use crate::plugin::{component, of_contract, one_entry};
use crate::plugin_store::published::travels;
use crate::support::{Longshore, Pair, Run};

/// Runs cargo in the folder of a plugin, as its README says.
fn cargo(folder: &Path, arguments: &[&str]) {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(folder).args(arguments).arg("--locked");
    for hidden in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_TARGET_DIR"] {
        cargo.env_remove(hidden);
    }
    let output = cargo.output().expect("cargo runs");
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo {arguments:?} failed:\n{log}");
}

/// Makes a plugin, and builds its component.
fn built(kind: &str, name: &str) -> Run {
    let run = Longshore::new().args(["plugin", "new", "--kind", kind, name]).run().exits(0);
    assert!(run.stdout.contains(&format!("made {name}")), "{}", run.stdout);
    cargo(&run.directory().join(name), &["build", "--target", "wasm32-wasip2"]);
    run
}

fn tested(run: &Run, name: &str, arguments: &[&str]) -> Run {
    run.again().args(["plugin", "test", name]).args(arguments).run()
}

#[test]
fn a_new_list_format_builds_passes_and_reads_a_list() {
    let run = built("list-format", "my-list");
    cargo(&run.directory().join("my-list"), &["test", "--lib"]);
    let passed = tested(&run, "my-list", &[]).exits(0);
    assert_eq!(passed.stdout, "ok      list\n");
    // Another list has other results.
    let fixtures = run.directory().join("my-list/fixtures");
    let list = std::fs::read_to_string(fixtures.join("list.yaml")).expect("the list");
    std::fs::write(fixtures.join("list.yaml"), list.replace(":7.2", ":7.4")).expect("is written");
    let failed = tested(&run, "my-list", &[]).exits(1);
    assert!(failed.stdout.starts_with("FAILED  list\n"), "{}", failed.stdout);
    assert!(failed.stdout.contains("-       \"tag\": \"7.2\""), "{}", failed.stdout);
    assert!(failed.stdout.contains("+       \"tag\": \"7.4\""), "{}", failed.stdout);
    assert_eq!(tested(&run, "my-list", &["--update"]).exits(0).stdout, "written list\n");
    tested(&run, "my-list", &[]).exits(0);
    let figures = run.again().args(["plugin", "bench", "my-list", "--calls", "3"]).run().exits(0);
    let line = figures.stdout.lines().nth(1).expect("a line for the fixture");
    let fields: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(fields[..2], ["list", "3"], "{line}");
    let memory: usize = fields[5].parse().expect("a number");
    assert!(memory > 64, "a call uses more than {memory} KiB");
    let wasm = "my-list/target/wasm32-wasip2/debug/plugin.wasm";
    let list = ["-i", "my-list/fixtures/list.yaml", "--list-format", wasm, "-o", "-"];
    let converted = run.again().arg("convert-list").args(list).run();
    assert!(converted.stdout.contains("docker.io/library/redis"), "{}", converted.stdout);
    travels(&run, "my-list", "target/wasm32-wasip2/debug/plugin.wasm");
}

#[test]
fn a_new_repository_type_is_tested_without_a_server() {
    let run = built("repo-type", "in-house");
    let passed = tested(&run, "in-house", &[]).exits(0);
    assert_eq!(passed.stdout, "ok      created\nok      scopes\n");
    let fixture = run.directory().join("in-house/fixtures/created.json");
    let json = std::fs::read_to_string(&fixture).expect("the fixture");
    for (from, to, said) in [
        (
            "PUT api /api/teams/web",
            "POST api /api/teams/web",
            "sent PUT api /api/teams/web, but the record has POST",
        ),
        ("\"public\": true", "\"public\": false", "has the body {\"public\":false}"),
        ("\"status\": 201", "\"status\": 403", "not authorized"),
        ("\"state\": \"created\"", "\"state\": \"ready\"", "+   \"state\": \"created\""),
    ] {
        std::fs::write(&fixture, json.replacen(from, to, 1)).expect("is written");
        let failed = tested(&run, "in-house", &[]).exits(1);
        assert!(failed.stdout.contains(said), "{from}: {}", failed.stdout);
    }
}

#[test]
fn exchanges_with_a_server_are_recorded_and_replayed() {
    let pair = Pair::embedded();
    let run = built("repo-type", "recorded");
    let address = pair.destination.address();
    let record = ["--record", address, "--grant", "GET api /api/teams/*"];
    let recorded = tested(&run, "recorded", &record).exits(0);
    assert_eq!(recorded.stdout, "written created\nwritten scopes\n");
    let fixture = run.file("recorded/fixtures/created.json").expect("the fixture");
    let fixture: serde_json::Value = serde_json::from_str(&fixture).expect("it is JSON");
    assert_eq!(fixture["registry"], address);
    let exchanges = fixture["exchanges"].as_array().expect("exchanges");
    // The registry has no such path. PUT was not granted, so that it was not sent.
    assert_eq!(exchanges.len(), 1, "{fixture}");
    assert_eq!(exchanges[0]["request"], "GET api /api/teams/web");
    assert_eq!(exchanges[0]["status"], 404);
    let error = fixture["expected"]["error"].as_str().expect("an error");
    assert!(error.contains("(denied)"), "{error}");
}

#[test]
fn the_other_kinds_build_and_pass() {
    for (kind, name, result) in [
        ("rewrite", "my-paths", "ok      items\n"),
        ("chart-render", "my-charts", "ok      chart\n"),
    ] {
        let run = built(kind, name);
        assert_eq!(tested(&run, name, &[]).exits(0).stdout, result, "{kind}");
    }
}

#[test]
fn names_that_cannot_be_used_are_refused() {
    let new = |name: &str| Longshore::new().args(["plugin", "new", "--kind", "rewrite", name]);
    new("My_Plugin").run().exits(2).complains("lower-case words of letters and digits");
    new("../escape").run().exits(2).complains("create plugin `../escape`");
    new("harbor").run().exits(2).complains("a built-in plugin has that name");
    for word in ["auto", "builtin", "helm"] {
        new(word).run().exits(2).complains("flags give this word another meaning");
    }
    new("taken").file("taken", "x").run().exits(2).complains("create taken: it exists already");
}

#[test]
fn what_cannot_be_tested_is_named() {
    let test = |arguments: &[&str]| Longshore::new().args(["plugin", "test"]).args(arguments);
    test(&["none"]).run().exits(2).complains("read none: No such file");
    let empty = test(&["dir"]).file("dir/plugin.json", "{}");
    empty.run().exits(2).complains("find the component of dir: none of");
    let bare = test(&["x.wasm"]).file("x.wasm", component("keeps"));
    bare.run().exits(2).complains("it has no metadata, and there is no plugin.json beside it");
    let metadata = r#"{"name":"x","version":"1","kind":"rewrite"}"#;
    let with = |fixture: &str| {
        let run = test(&["x.wasm"]).file("x.wasm", component("keeps"));
        run.file("plugin.json", metadata).file("fixtures/a.json", fixture).run().exits(2)
    };
    with("{}").complains("a.json: it must have one of");
    with(r#"{"itmes":[]}"#).complains("unknown field `itmes`");
    with(r#"{"input":"../secret"}"#).complains("`../secret` is not a path beside it");
    with(r#"{"input":"none.txt"}"#).complains("read fixtures/none.txt: No such file");
    let none = test(&["x.wasm"]).file("x.wasm", component("keeps")).file("plugin.json", metadata);
    none.run().exits(2).complains("there is no file NAME.json");
    // A test that is left out looks like one that passes.
    let odd = test(&["x.wasm"]).file("x.wasm", component("keeps")).file("plugin.json", metadata);
    let odd = odd.file("fixtures/folder.json/x", "").run().exits(2);
    odd.complains("read fixtures/folder.json: it is not a regular file");
    test(&["x.wasm", "--record", "r.io"]).run().exits(2).complains("--grant");
}

#[test]
fn a_call_that_fails_is_not_measured_in_silence() {
    let metadata = r#"{"name":"x","version":"1","kind":"list-format"}"#;
    let bench = |wasm: Vec<u8>, expected: &str| {
        let run = Longshore::new().file("x.wasm", wasm).file("plugin.json", metadata);
        let run = run.file("fixtures/list.txt", "a\n");
        let run = run.file("fixtures/list.json", format!(r#"{{"input":"list.txt"{expected}}}"#));
        run.args(["plugin", "bench", "x.wasm", "--calls", "2"]).run()
    };
    for (wasm, why) in [
        ("traps", "the plugin trapped: wasm `unreachable` instruction executed"),
        ("exits", "the plugin exited with status 1"),
        ("allocates", "the plugin ran out of memory"),
        ("many-entries", "the plugin returned too much"),
    ] {
        let failed = bench(component(wasm), "").exits(1);
        assert!(failed.stdout.contains("\nlist "), "no figures: {}", failed.stdout);
        failed.complains(&format!("failed to measure list: {why}"));
    }
    bench(one_entry(), "").exits(0);
    bench(component("traps"), r#","expected":{"error":"the plugin trapped"}"#).exits(0);
    // Nothing to measure is no measurement.
    let bare = || Longshore::new().file("x.wasm", component("keeps")).file("plugin.json", metadata);
    for (arguments, folder) in
        [(&["x.wasm"][..], "fixtures"), (&["x.wasm", "--fixtures", "none"], "none")]
    {
        for command in ["test", "bench"] {
            let run = bare().args(["plugin", command]).args(arguments).run().exits(2);
            run.complains(&format!("find fixtures in {folder}: there is no file NAME.json"));
        }
    }
}

#[test]
fn a_chart_of_a_fixture_holds_no_links() {
    let run = Longshore::new()
        .file("x.wasm", of_contract("chart-render"))
        .file("plugin.json", r#"{"name":"x","version":"1","kind":"chart-render"}"#)
        .file("fixtures/a.json", r#"{"chart":"chart","values":["a: 1"]}"#)
        .file("fixtures/chart/Chart.yaml", "name: a\n");
    let chart = run.directory().join("fixtures/chart");
    let run = run.args(["plugin", "test", "x.wasm", "--update"]).run().exits(0);
    for (name, to) in [("up", ".."), ("round", "."), ("passwd", "/etc/passwd"), ("gone", "none")] {
        let link = chart.join(name);
        std::os::unix::fs::symlink(to, &link).expect("a link");
        let refused = tested(&run, "x.wasm", &["--update"]).exits(2);
        refused.complains(&format!("read fixtures/chart/{name}: it is a symbolic link"));
        std::fs::remove_file(link).expect("it is there");
    }
    tested(&run, "x.wasm", &[]).exits(0);
}

#[test]
fn a_first_result_is_written_on_demand_only() {
    let items = r#"{"items":[{"source":"a.io/b:1","destination":"c.io/b:1"}]}"#;
    let run = Longshore::new()
        .file("x.wasm", component("keeps"))
        .file("plugin.json", r#"{"name":"x","version":"1","kind":"rewrite"}"#)
        .file("fixtures/a.json", items)
        .args(["plugin", "test", "x.wasm"])
        .run()
        .exits(1);
    assert!(run.stdout.contains("nothing is expected yet"), "{}", run.stdout);
    assert_eq!(run.file("fixtures/a.json").as_deref(), Some(items));
    tested(&run, "x.wasm", &["--update"]).exits(0);
    let written = run.file("fixtures/a.json").expect("the fixture");
    assert!(written.contains("\"destination\": \"c.io/b:1\""), "{written}");
    tested(&run, "x.wasm", &[]).exits(0);
}
