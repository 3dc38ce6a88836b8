//! Names in the lists of registries that are no tags: they are left out with a warning.

use longshore_content::Image;
use serde_json::{Value, json};

use crate::support::{Answer, FaultProxy, Longshore, Registry, Rule, Run};

/// Mirrors all tags of a repository whose tag list the source answers with `tags`.
fn mirror(tags: &Value) -> (Registry, Run) {
    let (source, destination) = (Registry::embedded(), Registry::embedded());
    let image = Image::new("linux/amd64").layer(1, 100).build();
    for tag in ["1.0", "2.0"] {
        source.push("team/app", tag, &image);
    }
    let proxy = FaultProxy::before(&source);
    let body = json!({ "name": "team/app", "tags": tags }).to_string();
    proxy.rule(Rule::on("GET", "*/tags/list*").answers(Answer::status(200).body(body)));
    let run = Longshore::new()
        .mirror()
        .file("list.yaml", format!("{}:\n  images:\n    team/app: []\n", proxy.address()))
        .args(["-f", "list.yaml"])
        .destination(destination.address())
        .run();
    (destination, run)
}

#[test]
fn what_is_no_tag_is_left_out_with_a_warning() {
    let digest = format!("sha256:{}", "0".repeat(64));
    for odd in [
        Value::Null,
        json!(""),
        json!(digest),
        json!(7),
        json!("a/b"),
        json!("-x"),
        json!({ "name": "3.0" }),
        json!("x".repeat(129)),
    ] {
        let (destination, run) = mirror(&json!(["1.0", odd, "2.0"]));
        let run = run.exits(0).sums_up("2 copied, 0 skipped, 0 failed");
        run.complains("left out");
        let tags = destination.endpoint().tags("team/app").expect("it answers");
        assert_eq!(tags, ["1.0", "2.0"], "with {odd}");
    }
}

#[test]
fn a_list_without_a_tag_is_skipped_with_a_warning() {
    for tags in [json!([null]), json!(["", "a b"])] {
        let (_destination, run) = mirror(&tags);
        run.exits(0).sums_up("0 copied, 1 skipped, 0 failed").complains("no tags");
    }
}

/// Half a character or a wrong byte in one name does not hide the others. `longshore tags` lists tags only.
#[test]
fn one_name_that_is_no_text_does_not_hide_the_others() {
    for odd in
        [&b"\"\\ud800x\""[..], b"\"b\xff\"", b"\"\xc3\x28\"", b"\"\\udc00\\ud800\"", b"1e999"]
    {
        let (source, destination) = (Registry::embedded(), Registry::embedded());
        source.push("team/app", "1.0", &Image::new("linux/amd64").layer(1, 100).build());
        let proxy = FaultProxy::before(&source);
        let body = [br#"{"name":"team/app","tags":["#, odd, br#","1.0","sha256:x",""]}"#].concat();
        proxy.rule(Rule::on("GET", "*/tags/list*").answers(Answer::status(200).body(body)));
        let run = Longshore::new().mirror().list("team/app team/app *\n");
        let run = run.source(proxy.address()).destination(destination.address()).run().exits(0);
        run.sums_up("1 copied, 0 skipped, 0 failed").complains("left out");
        let run = Longshore::new().args(["tags", &format!("{}/team/app", proxy.address())]).run();
        assert_eq!(run.stdout, "1.0\n", "{}", run.stderr);
        run.exits(0).complains("lists names that are not tags");
    }
}
