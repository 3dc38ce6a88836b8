//! The frozen contract 0.1.0, and how it grows.
//!
//! The components in `tests/contract/0.1.0` are of that version and never change. `tests/contract/0.1.1`
//! is what a next version could be: it adds functions to all imported interfaces, and an optional
//! exported interface.

use std::sync::{Arc, Mutex};

use super::{host, load, setup};
use crate::contract::{Artifact, Confidence, Item, Release, Scope};
use crate::{Kind, Limits, LogLevel, Plugin, PluginLog, PluginSetup};

mod next;

/// Returns the name and the text of a component of 0.1.0.
macro_rules! component {
    ($name:literal) => {
        ($name, include_str!(concat!("../../../../tests/contract/0.1.0/", $name, ".wat")))
    };
}

const COMPONENTS: [(Kind, (&str, &str)); 4] = [
    (Kind::ListFormat, component!("list-format")),
    (Kind::Rewrite, component!("rewrite")),
    (Kind::RepoType, component!("repo-type")),
    (Kind::ChartRender, component!("chart-render")),
];

/// Keeps the lines that plugins log.
#[derive(Default)]
struct Lines(Mutex<Vec<String>>);

impl PluginLog for Lines {
    fn line(&self, plugin: &str, _level: LogLevel, message: &str) {
        self.0.lock().expect("lines").push(format!("{plugin}: {message}"));
    }
}

async fn loaded(kind: Kind, setup: PluginSetup) -> Plugin {
    let (_, fixture) = COMPONENTS.into_iter().find(|(of, _)| *of == kind).expect("a component");
    load(&host(Limits::default()), kind, fixture, setup).await.expect("it loads")
}

#[tokio::test]
async fn a_list_format_of_this_version_works() {
    let lines = Arc::new(Lines::default());
    let log: Arc<dyn PluginLog> = Arc::<Lines>::clone(&lines);
    let plugin = loaded(Kind::ListFormat, PluginSetup { log, ..setup() }).await;
    assert_eq!(plugin.probe("list", "x").await.expect("a result"), Confidence::Certain);
    let parsed = plugin.parse("list", "registry.example.com/a").await.expect("a list");
    let [entry] = &parsed.entries[..] else { panic!("{parsed:?}") };
    assert_eq!((entry.source.as_str(), entry.line), ("registry.example.com/a", 1));
    assert_eq!((&*entry.attributes[0].key, &*entry.attributes[0].value), ("team", "a"));
    assert_eq!(*lines.0.lock().expect("lines"), ["list-format: {}"]);
    assert!(plugin.can_render());
    let text = plugin.render(&parsed.entries).await.expect("a text");
    assert_eq!(text, "registry.example.com/a");
}

#[tokio::test]
async fn a_rewrite_of_this_version_works() {
    let plugin = loaded(Kind::Rewrite, setup()).await;
    let item = Item {
        artifact: Artifact::Image,
        source: "a.io/b:1".to_owned(),
        destination: "c.io/b:1".to_owned(),
        attributes: Vec::new(),
    };
    let verdicts = plugin.rewrite(&[item]).await.expect("verdicts");
    assert!(format!("{verdicts:?}").contains("{} c.io/b:1"), "{verdicts:?}");
}

#[tokio::test]
async fn a_repository_type_of_this_version_works() {
    let plugin = loaded(Kind::RepoType, setup()).await;
    assert!(!plugin.describe("r.io").await.expect("a description").referrers);
    let scopes = plugin.scopes("r.io", &["a/b".to_owned()]).await.expect("scopes");
    assert_eq!(scopes, [[Scope { kind: "project".to_owned(), name: "ab".to_owned() }]]);
}

#[tokio::test]
async fn a_chart_renderer_of_this_version_works() {
    let plugin = loaded(Kind::ChartRender, setup()).await;
    let release = Release {
        name: "x".to_owned(),
        namespace: "default".to_owned(),
        kube_version: None,
        api_versions: Vec::new(),
        skip_tests: false,
    };
    let found = plugin.render_chart(&[], &["a: 1".to_owned()], &release).await.expect("documents");
    assert_eq!((found[0].path.as_str(), found[0].text.as_str()), ("x", "a: 1"));
}

#[tokio::test]
async fn newer_and_older_contracts_are_refused_by_their_version() {
    for version in ["0.1.3", "0.1.1", "0.2.0", "0.1.0-draft"] {
        for (kind, (name, text)) in COMPONENTS {
            let text = text.replace("@0.1.0", &format!("@{version}"));
            let error = load(&host(Limits::default()), kind, (name, &text), setup())
                .await
                .expect_err("it was loaded");
            let expected = format!("needs longshore:plugin {version}, this is 0.1.0");
            assert!(error.to_string().contains(&expected), "{name}: {error}");
            assert!(error.hint().is_some(), "{name}: {error}");
        }
    }
}

#[tokio::test]
async fn an_incomplete_interface_is_an_error_and_not_absent() {
    // `list-render` is optional, so that a wrong one could look like none.
    let (name, text) = component!("list-format");
    let without = text.replace("(export \"render\" (func $render))", "");
    assert_ne!(without, text);
    let error = load(&host(Limits::default()), Kind::ListFormat, (name, &without), setup())
        .await
        .expect_err("it was loaded");
    assert!(error.to_string().contains("its `list-render` is not that of"), "{error}");
}

#[tokio::test]
async fn a_function_with_other_types_is_never_called() {
    let (name, text) = component!("list-format");
    let wrong =
        text.replace("(func $render (param \"entries\" (list $entry))", "(func $render").replace(
            "(param $entries i32) (param i32) (result i32)",
            "(result i32) (local $entries i32)",
        );
    assert_ne!(wrong, text);
    let plugin = load(&host(Limits::default()), Kind::ListFormat, (name, &wrong), setup())
        .await
        .expect("the other functions work");
    let error = plugin.render(&[]).await.expect_err("it was called");
    assert!(error.to_string().contains("invalid result"), "{error}");
}

#[test]
fn every_item_of_the_contract_is_documented() {
    let text = include_str!("../../../../wit/plugin.wit");
    let mut in_host = false;
    let mut above = "";
    for (number, line) in (1..).zip(text.lines()) {
        let code = line.trim();
        in_host |= code.starts_with("world host");
        let is_item = ["interface ", "world ", "record ", "enum ", "variant "]
            .iter()
            .any(|word| code.starts_with(word))
            || code.contains(": func(")
            || (code.ends_with(',') && !code.starts_with("///"));
        if is_item && !in_host {
            assert!(above.starts_with("///"), "line {number} has no documentation: {code}");
        }
        above = code;
    }
}
