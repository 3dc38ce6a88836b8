//! The names of built-in plugins are reserved, and a name never leads to another kind.

use serde_json::json;

use super::{certain, installed, mirror, pair, plugin};
use crate::plugin::{edited, with_metadata};
use crate::support::Longshore;

#[test]
fn no_plugin_takes_the_name_of_a_built_in_one() {
    for name in ["harbor", "mirror", "prefix", "registry"] {
        let metadata = json!({"name": name, "version": "1", "kind": "list-format"});
        let taken = with_metadata(&certain(), &metadata);
        let longshore = || Longshore::new().file("mine.wasm", &taken);
        let why = format!("its name `{name}` is the name of a built-in plugin");
        plugin(longshore(), &["add", "mine.wasm", "--yes"]).run().exits(2).complains(&why);
        let by_path = mirror(longshore(), &pair()).args(["--list-format", "./mine.wasm"]);
        by_path.run().exits(2).complains(&why);
        // A file without metadata is named after itself.
        let bare = Longshore::new().file(&format!("{name}.wasm"), certain());
        let path = format!("./{name}.wasm");
        let bare = mirror(bare, &pair()).args(["--list-format", &path]);
        bare.run().exits(2).complains(&why);
    }
    for name in ["auto", "builtin", "helm"] {
        let metadata = json!({"name": name, "version": "1", "kind": "list-format"});
        let longshore = Longshore::new().file("m.wasm", with_metadata(&certain(), &metadata));
        let added = plugin(longshore, &["add", "m.wasm", "--yes"]).run().exits(2);
        added.complains(&format!("install {name}: the name is reserved"));
    }
}

#[test]
fn an_installed_plugin_has_one_kind() {
    let run = installed();
    for (flag, kind) in [("--rewrite", "rewrite"), ("--repo-type", "repo-type")] {
        let other = mirror(run.again(), &pair()).args([flag, "zarf"]).run().exits(2);
        other.complains(&format!("is a list-format plugin, not a {kind} plugin"));
    }
}

#[test]
fn metadata_that_lies_is_refused_before_anything_is_compiled() {
    let lies = json!({"name": "liar", "version": "1", "kind": "rewrite"});
    let longshore = Longshore::new().file("m.wasm", with_metadata(&certain(), &lies));
    let added = plugin(longshore, &["add", "m.wasm", "--yes"]).run().exits(2);
    added.complains("the kind in its metadata is rewrite, but it exports");
    let escapes = json!({"name": "x\u{1b}[2J", "version": "1", "kind": "list-format"});
    let longshore =
        Longshore::new().file("c.wasm", certain()).file("plugin.json", escapes.to_string());
    let packed = plugin(longshore, &["pack", "c.wasm", "plugin.json"]).run().exits(2);
    assert!(!packed.stderr.contains('\u{1b}'), "{:?}", packed.stderr);
    let secret = json!({
        "name": "asks", "version": "1", "kind": "list-format",
        "config-schema": {"type": "object", "properties": {"key": {"format": "password"}}},
    });
    let longshore = Longshore::new().file("m.wasm", with_metadata(&certain(), &secret));
    let added = plugin(longshore, &["add", "m.wasm", "--yes"]).run().exits(2);
    added.complains("its config schema has a secret in `key`");
    let newer = json!({
        "name": "newer", "version": "1", "kind": "list-format", "least-host-version": "99.0",
    });
    let longshore = Longshore::new().file("m.wasm", with_metadata(&certain(), &newer));
    let added = plugin(longshore, &["add", "m.wasm", "--yes"]).run().exits(2);
    added.complains("it needs longshore 99.0");
}

#[test]
fn an_installed_format_that_fails_to_probe_is_a_warning() {
    let metadata = json!({"name": "trapper", "version": "1", "kind": "list-format"});
    let traps = edited("newline", |text| {
        text.replace("(result i32)\n      (i32.const 1))", "(result i32)\n      unreachable)")
    });
    let longshore = Longshore::new().file("t.wasm", with_metadata(&traps, &metadata));
    let run = plugin(longshore, &["add", "t.wasm", "--yes"]).run().exits(0);
    let pair = pair();
    pair.source.push("team/app", "1", &super::image());
    let copied = run.again().mirror().list("team/app team/app 1\n").source(pair.source.address());
    let copied = copied.destination(pair.destination.address()).run().exits(0);
    copied.complains("[WARN] recognise the list with plugin `trapper`: the plugin trapped");
    pair.assert_arrived("team/app", "1", &super::image());
    // Most of all if no other format knows the list.
    let unknown = run.again().mirror().list("what: is\n this [A\n").source("127.0.0.1:9");
    let unknown = unknown.destination("127.0.0.1:9").run().exits(2);
    let unknown = unknown.complains("no known format");
    unknown.complains("[WARN] recognise the list with plugin `trapper`: the plugin trapped");
}
