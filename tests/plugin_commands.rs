//! `longshore plugin`: which plugins there are, and what they say about themselves.

use crate::plugin::{component, packed};
use crate::support::Longshore;

#[test]
fn the_built_in_plugins_are_listed_in_each_format() {
    let list = || Longshore::new().args(["plugin", "list"]);
    let text = list().run().exits(0).stdout;
    let mut lines = text.lines();
    let head: Vec<&str> = lines.next().expect("a head").split_whitespace().collect();
    assert_eq!(head, ["NAME", "KIND", "VERSION", "SHA256", "SOURCE"]);
    let harbor = lines.find(|line| line.starts_with("harbor ")).expect("harbor is listed");
    assert!(harbor.contains(" repo-type ") && harbor.ends_with("built in"), "{harbor}");
    assert!(lines.next().is_some_and(|line| line.starts_with("  may send ")), "{text}");
    assert!(!text.contains("\nregistry "), "nobody names the rewrite of -d:\n{text}");
    for format in ["json", "yaml"] {
        let run = list().args(["--output", format]).run().exits(0);
        assert!(run.stdout.contains("harbor") && run.stdout.contains("sha256"), "{}", run.stdout);
    }
}

#[test]
fn a_plugin_is_shown_without_being_compiled() {
    let shown = Longshore::new().args(["plugin", "info", "harbor"]).run().exits(0).stdout;
    for line in [
        "name         harbor",
        "kind         repo-type",
        "source       built in",
        "endpoint     api at https://{registry}, authentication registry, plain HTTP with https=false",
        "wants        HEAD,POST api /api/v2.0/projects",
        "imports      longshore:plugin/endpoints@",
    ] {
        assert!(shown.contains(line), "no `{line}` in\n{shown}");
    }
    let metadata = serde_json::json!({
        "name": "mine", "version": "1.2\u{1b}[2J", "kind": "list-format", "description": "Reads it",
    });
    let mine = packed("loops", &metadata);
    let size = mine.len();
    let info = Longshore::new().file("mine.wasm", mine).args(["plugin", "info", "./mine.wasm"]);
    let shown = info.run().exits(0);
    assert!(shown.stdout.contains("version      1.2\\u{1b}[2J\n"), "{}", shown.stdout);
    let document = shown.again().args(["plugin", "info", "mine.wasm", "--output", "json"]).run();
    let document: serde_json::Value =
        serde_json::from_str(&document.exits(0).stdout).expect("it is JSON");
    assert_eq!(document["bytes"], size);
    assert_eq!(document["kinds"], serde_json::json!(["list-format"]));
}

#[test]
fn what_is_no_plugin_is_named() {
    let info = |name: &str| Longshore::new().args(["plugin", "info", name]);
    info("./none.wasm").run().exits(2).complains("load plugin `./none.wasm`: No such file");
    info("x.wasm").file("x.wasm", "text").run().exits(2).complains("not a WebAssembly binary");
    info("m.wasm")
        .file("m.wasm", b"\0asm\x01\0\0\0")
        .run()
        .exits(2)
        .complains("core WebAssembly module");
    let mut cut = component("loops");
    cut.truncate(cut.len() / 2);
    info("c.wasm").file("c.wasm", cut).run().exits(2).complains("load plugin `c.wasm`: ");
    info(".").run().exits(2).complains("it is not a regular file");
}
