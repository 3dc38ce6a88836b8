//! Metadata, imports and calls of plugins that want more than a plugin has, or are not what they should be.

use serde_json::{Value, json};

use super::{certain, plugin};
use crate::plugin::{edited, with_metadata};
use crate::support::{Longshore, Pair, Run};
use longshore_content::Image;

/// Packs a component with this `plugin.json`, which must fail for this reason and write nothing.
#[track_caller]
fn not_packed(text: impl AsRef<[u8]>, why: &str) -> Run {
    let run = Longshore::new().file("c.wasm", certain()).file("in/plugin.json", text);
    let run = plugin(run, &["pack", "c.wasm", "in/plugin.json"]).run().exits(2).complains(why);
    let files = std::fs::read_dir(run.directory()).expect("a folder").count();
    assert_eq!(files, 2, "something was written");
    assert!(!run.stderr.contains(['\u{1b}', '\u{202e}']), "{:?}", run.stderr);
    run
}

/// Returns metadata with one more key.
fn with(key: &str, value: &Value) -> String {
    let mut metadata = json!({"name": "x", "version": "1", "kind": "list-format"});
    metadata[key] = value.clone();
    metadata.to_string()
}

#[test]
fn metadata_of_other_shapes_is_refused() {
    for (text, why) in [
        ("", "plugin.json: EOF while parsing"),
        ("null", "plugin.json: invalid type: null"),
        ("[]", "plugin.json: invalid length 0"),
        ("\"list-format\"", "plugin.json: invalid type: string"),
        ("{}", "plugin.json: missing field `name`"),
        ("{} {}", "plugin.json: trailing characters"),
        (
            r#"{"name":"a","name":"b","version":"1","kind":"rewrite"}"#,
            "plugin.json: duplicate field `name`",
        ),
        (r#"{"name":"a","version":1,"kind":"rewrite"}"#, "plugin.json: invalid type: integer"),
        (r#"{"name":"a","version":"1","kind":"Rewrite"}"#, "unknown variant `Rewrite`"),
        (r#"{"name":"a","version":"1","kind":["rewrite"]}"#, "plugin.json: "),
        (r#"{"name":"a","version":"1","kind":"wizard"}"#, "unknown variant `wizard`"),
    ] {
        not_packed(text, why);
    }
    not_packed(b"{\"name\":\"\xff\"}", "plugin.json: ");
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    not_packed(deep, "plugin.json: recursion limit exceeded");
    not_packed(" ".repeat(1024 * 1024 + 1), "plugin.json: it has more than 1048576 bytes");
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    for name in [
        "",
        "..",
        "../x",
        "a/b",
        "/etc/x",
        "a\\b",
        "a.b",
        "A",
        "a b",
        "-a",
        "a\u{1b}[2J",
        "a\u{202e}b",
        "a\nb",
        "ä",
    ] {
        not_packed(with("name", &json!(name)), "must be lower-case words of letters and digits");
    }
    let long = "a".repeat(65);
    not_packed(with("name", &json!(long)), "at most 64 characters");
    for name in ["harbor", "kubernetes", "prefix"] {
        not_packed(with("name", &json!(name)), "is the name of a built-in plugin");
    }
    for name in ["auto", "builtin", "helm"] {
        not_packed(with("name", &json!(name)), "the name is reserved");
    }
}

#[test]
fn schemas_that_are_huge_or_recursive_are_refused() {
    let schema = |properties: Value| with("config-schema", &json!({"properties": properties}));
    let many: serde_json::Map<String, Value> =
        (0..4_000).map(|number| (format!("key-{number}"), json!({"type": "string"}))).collect();
    not_packed(schema(many.into()), "at most 65536 are allowed");
    not_packed(schema(json!({"a": {"$ref": "#"}})), "`$ref` is not supported here");
    not_packed(
        schema(json!({"a": {"allOf": [{"$ref": "https://example.com/x"}]}})),
        "`allOf` is not",
    );
    not_packed(schema(json!({"a": {"pattern": "(a+)+$"}})), "`pattern` is not supported here");
    not_packed(schema(json!({"a": {"type": "\u{1b}[2J"}})), "unknown type `\\u{1b}[2J`");
    not_packed(with("config-schema", &json!({"$defs": {}})), "`$defs` is not supported here");
    not_packed(with("config-schema", &json!([])), "it must be an object");
    not_packed(schema(json!({"token": {"writeOnly": true}})), "has a secret in `token`");
    let nested = (0..150).fold(json!({}), |inner, _| json!({"items": inner}));
    not_packed(schema(json!({"a": nested})), "recursion limit exceeded");
}

/// Adds a component with these imports, which must fail for this reason.
#[track_caller]
fn not_added(imports: &str, why: &str) {
    let component =
        edited("newline", |text| text.replacen("(component", &format!("(component {imports}"), 1));
    let metadata = json!({"name": "x", "version": "1", "kind": "list-format"});
    let run = Longshore::new().file("x.wasm", with_metadata(&component, &metadata));
    let run = plugin(run, &["add", "x.wasm", "--yes"]).run().exits(2).complains(why);
    assert_eq!(run.file("../home/.config/longshore.lock"), None, "it was locked");
    assert!(!run.directory().join("../home/.local/share/longshore").exists(), "it was kept");
}

#[test]
fn imports_that_no_plugin_has_are_refused_before_anything_is_compiled() {
    for (name, why) in [
        ("wasi:http/outgoing-handler@0.2.0", "but a plugin has no direct access to the network"),
        ("wasi:sockets/tcp@0.3.0", "but plugins get WASI 0.2"),
        ("wasi:filesystem/preopens@0.3.0", "but plugins get WASI 0.2"),
        ("wasi:keyvalue/store@0.2.0", "which no plugin gets"),
        ("wasi:nn/graph@0.2.0", "which no plugin gets"),
        ("docker:engine/api@1.0.0", "which no plugin gets"),
        ("longshore:plugin/secrets@0.1.0", "which is not in the contract"),
        ("longshore:plugin/log@0.1.9", "which needs longshore:plugin 0.1.9"),
    ] {
        let said = format!("it imports `{name}`, {why}");
        not_added(&format!("(import \"{name}\" (instance))"), &said);
    }
}

/// Mirrors an image with the repository type `describes`, edited.
fn prepared(edit: impl Fn(String) -> String) -> (Run, Pair) {
    let component = edited("describes", edit);
    let metadata = json!({"name": "x", "version": "1", "kind": "repo-type"});
    let run = Longshore::new().file("x.wasm", with_metadata(&component, &metadata));
    let run = plugin(run, &["add", "x.wasm", "--yes"]).run().exits(0);
    let pair = Pair::embedded();
    pair.source.push("team/app", "1", &Image::new("linux/amd64").layer(1, 1000).build());
    let run = run.again().mirror().list("team/app team/app 1\n").source(pair.source.address());
    (run.destination(pair.destination.address()).args(["--repo-type", "x"]).run(), pair)
}

#[test]
fn a_description_that_traps_exits_or_lies_is_a_warning() {
    let call = "(result i32)\n      (i32.const 512))";
    for (instead, why) in [
        ("(result i32)\n      unreachable)", "the plugin trapped"),
        // The result lies outside of the memory.
        ("(result i32)\n      (i32.const 0x7ffffff0))", "the plugin "),
        // A case that the variant does not have.
        (
            "(result i32)\n      (i32.store8 (i32.const 512) (i32.const 9)) (i32.const 512))",
            "the plugin ",
        ),
    ] {
        let (run, pair) = prepared(|text| {
            assert!(text.contains(call), "the fixture is another one");
            text.replace(call, instead)
        });
        let run = run.exits(0).complains("[WARN] describe the registry with plugin `x`: ");
        let run = run.complains(why).sums_up("1 copied, 0 skipped, 0 failed");
        assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
        pair.destination.assert_complete("team/app", "1");
    }
}

#[test]
fn scopes_that_trap_or_are_too_few_end_the_run() {
    let call = "(local.get $left))\n      (i32.const 768))";
    for (instead, why) in [
        ("(local.get $left))\n      unreachable)", "the plugin trapped"),
        ("(i32.const 0))\n      (i32.const 768))", "0 "),
        ("(i32.const 0x0fffffff))\n      (i32.const 768))", "the plugin "),
    ] {
        let (run, pair) = prepared(|text| {
            assert!(text.contains(call), "the fixture is another one");
            text.replace(call, instead)
        });
        let run = run.exits(2).complains("work out what the registry needs with plugin `x`: ");
        let run = run.complains(why);
        assert_eq!(run.stdout, "", "something was done");
        pair.assert_absent("team/app", "1");
    }
}
