//! Plugins of every kind: installed, used by their names, refused once their bytes or their lock file are others.

use serde_json::json;

use super::{lock, plugin};
use crate::plugin::{of_contract, with_metadata};
use crate::support::{Longshore, Run};

/// A registry that refuses connections: nothing listens on the port.
const NOBODY: &str = "127.0.0.1:9";

const KINDS: [&str; 4] = ["list-format", "rewrite", "repo-type", "chart-render"];

/// Returns the plugin `my-KIND` in a version: the component of the contract 0.1.0 of this kind.
fn of_kind(kind: &str, version: &str) -> Vec<u8> {
    let metadata = json!({"name": format!("my-{kind}"), "version": version, "kind": kind});
    with_metadata(&of_contract(kind), &metadata)
}

/// Prepares a run that uses the plugin of a kind. Its exit code is 0 or 1, because no registry answers.
fn using(run: &Run, kind: &str) -> Longshore {
    let name = format!("my-{kind}");
    let run = run.again();
    match kind {
        "list-format" => {
            let run = run.file("list", "team/app").args(["convert-list", "-i", "list", "-o", "-"]);
            run.args(["--list-format", &name])
        }
        "chart-render" => {
            let config = format!(
                "target: {{url: {NOBODY}/ns}}\nupstreams:\n  a: {{type: local, path: ., chart: a, versions: ['1']}}\n"
            );
            let run = run.file("mirror.yaml", config).file("a/Chart.yaml", CHART);
            run.args(["mirror-charts", "--all", "--renderer", &name, "--dry-run"])
        }
        _ => {
            let run = run.mirror().list("team/app team/app 1\n").source(NOBODY).destination(NOBODY);
            run.arg(format!("--{kind}")).arg(&name)
        }
    }
}

const CHART: &str = "apiVersion: v2\nname: a\nversion: '1'\n";

fn installed(kind: &str) -> Run {
    let run = Longshore::new().file("my.wasm", of_kind(kind, "1.0.0"));
    plugin(run, &["add", "my.wasm", "--yes"]).run().exits(0)
}

#[test]
fn every_kind_is_installed_used_updated_and_removed() {
    for kind in KINDS {
        let name = format!("my-{kind}");
        let run = installed(kind);
        let listed = plugin(run.again(), &["list"]).run().exits(0).stdout;
        let line = listed.lines().find(|line| line.starts_with(&name)).expect("it is listed");
        assert!(line.contains(kind) && line.contains("my.wasm"), "{line}");
        let used = using(&run, kind).arg("--locked").run();
        assert!(used.exit < 2, "{kind} was not used: {}", used.stderr);
        let newer = run.again().file("my.wasm", of_kind(kind, "2.0.0"));
        let updated = plugin(newer, &["update", &name]).run().exits(0);
        let updated = updated.complains(&format!("{name} 1.0.0 → 2.0.0"));
        let used = using(&updated, kind).arg("--locked").run();
        assert!(used.exit < 2, "{kind} was not used: {}", used.stderr);
        plugin(run.again(), &["prefetch"]).run().exits(0).complains("is on this machine");
        plugin(run.again(), &["remove", &name]).run().exits(0);
        using(&run, kind).run().exits(2).complains(&name);
    }
}

#[test]
fn a_component_of_any_kind_that_was_exchanged_is_not_run() {
    for kind in KINDS {
        let run = installed(kind);
        let kept = super::refusals::component(&run);
        let locked = lock(&run);
        drop(run.again().file(&kept, of_kind(kind, "6.6.6")));
        for more in [None, Some("--locked")] {
            let refused = using(&run, kind).args(more).run().exits(2);
            let refused = refused.complains("its component has the digest sha256:");
            assert_eq!(refused.stdout, "", "{kind}: something was done");
        }
        assert_eq!(lock(&run), locked, "{kind}: the lock file was changed");
        plugin(run.again(), &["prefetch"]).run().exits(0).complains("was fetched");
        assert!(using(&run, kind).arg("--locked").run().exit < 2, "{kind} was not fetched");
    }
}

#[test]
fn a_lock_file_that_gives_a_component_another_kind_is_refused() {
    for (kind, other) in [
        ("list-format", "repo-type"),
        ("rewrite", "list-format"),
        ("repo-type", "rewrite"),
        ("chart-render", "rewrite"),
    ] {
        let run = installed(kind);
        let lying =
            lock(&run).replace(&format!("kind = \"{kind}\""), &format!("kind = \"{other}\""));
        drop(run.again().file("../home/.config/longshore.lock", lying));
        let flag = format!("--{other}");
        let used = run.again().mirror().list("a b 1\n").source(NOBODY).destination(NOBODY);
        let used = used.args([flag, format!("my-{kind}")]).run().exits(2);
        used.complains(&format!(
            "the lock file gives it the kind `{other}`, and its metadata says `{kind}`"
        ));
    }
}
