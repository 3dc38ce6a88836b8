//! Finding, checking, compiling and configuring plugins.

use std::os::unix::fs::DirEntryExt as _;
use std::time::SystemTime;

use super::{host, load, setup};
use crate::{HostOptions, Kind, Limits, LoadProblem, Plugin, PluginError, PluginHost, PluginSetup};

#[tokio::test]
async fn a_plugin_of_another_kind_is_refused() {
    let error = load(&host(Limits::default()), Kind::Rewrite, fixture!("traps"), setup())
        .await
        .expect_err("a list format was taken for a rewrite");
    assert_eq!(
        error.to_string().rsplit_once(": ").map(|(_, problem)| problem),
        Some("it exports `longshore:plugin/list-format@0.1.0`"),
        "{error}"
    );
}

#[tokio::test]
async fn names_that_are_none_are_refused_without_looking_further() {
    let host = host(Limits::default());
    for name in ["no-such-plugin", "oci://registry.example.com/plugin:1", "./no-such.wasm"] {
        let error =
            host.load(Kind::ListFormat, name, setup()).await.expect_err("something was loaded");
        assert!(error.to_string().contains(name), "{error} does not name {name}");
    }
}

#[tokio::test]
async fn unknown_imports_are_refused_by_name() {
    let fixture = ("http", r#"(component (import "wasi:http/outgoing-handler@0.2.0" (instance)))"#);
    let error = load(&host(Limits::default()), Kind::RepoType, fixture, setup())
        .await
        .expect_err("it was linked");
    assert!(error.to_string().contains("wasi:http/outgoing-handler"), "{error}");
    assert!(error.hint().is_some(), "no hint");
}

#[tokio::test]
async fn a_component_that_is_too_large_or_none_is_refused() {
    let limits = Limits { component: 100, ..Limits::default() };
    let error = load(&host(limits), Kind::ListFormat, fixture!("traps"), setup())
        .await
        .expect_err("it was loaded");
    assert!(error.to_string().ends_with("it has more than 100 bytes"), "{error}");
    let module = ("module", "(module)");
    let error = load(&host(Limits::default()), Kind::ListFormat, module, setup())
        .await
        .expect_err("a module was loaded");
    assert!(error.hint().is_some_and(|hint| hint.contains("longshore plugin pack")), "{error}");
}

#[tokio::test]
async fn compiled_code_is_kept_and_used() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut kept = Vec::new();
    for _ in ["cold", "warm"] {
        let options = HostOptions {
            cache_dir: Some(folder.path().to_owned()),
            ..HostOptions::new(SystemTime::UNIX_EPOCH)
        };
        let host = PluginHost::new(options).expect("a host");
        let plugin =
            load(&host, Kind::ListFormat, fixture!("newline"), setup()).await.expect("loads");
        assert_eq!(plugin.name(), "newline");
        let mut files: Vec<_> = std::fs::read_dir(folder.path().join("compiled"))
            .expect("a cache")
            .map(|file| file.expect("a file").ino())
            .collect();
        files.sort_unstable();
        kept.push(files);
    }
    assert_eq!(kept[0].len(), 2, "not code and hash");
    assert_eq!(kept[0], kept[1], "the warm run compiled again");
}

async fn built_in(kind: Kind, name: &str, setup: PluginSetup) -> Plugin {
    host(Limits::default())
        .load(kind, name, setup)
        .await
        .unwrap_or_else(|error| panic!("{name} does not load: {error}"))
}

#[tokio::test]
async fn a_long_list_fits_into_the_limits() {
    let plugin = built_in(Kind::ListFormat, "mirror", setup()).await;
    let line = "docker.io/some-organisation/some-image registry.example.com/project/image v1.2.3\n";
    let parsed =
        plugin.parse("list.txt", &line.repeat(100_000)).await.expect("100,000 lines are too much");
    assert_eq!(parsed.entries.len(), 100_000);
    assert_eq!(parsed.entries[99_999].line, 100_000);
}

#[tokio::test]
async fn calls_of_one_plugin_overlap() {
    let plugin = built_in(Kind::ListFormat, "mirror", setup()).await;
    let calls: Vec<_> = (0..8)
        .map(|index| {
            let plugin = plugin.clone();
            tokio::spawn(async move { plugin.parse("list.txt", &format!("a b {index}\n")).await })
        })
        .collect();
    for call in calls {
        let parsed = call.await.expect("no panic").expect("returns");
        assert_eq!(parsed.entries.len(), 1);
    }
}

#[tokio::test]
async fn a_configuration_that_does_not_fit_names_plugin_and_key() {
    let mut setup = setup();
    setup.config.insert("public".to_owned(), "perhaps".into());
    let error = host(Limits::default())
        .load(Kind::RepoType, "harbor", setup)
        .await
        .expect_err("it was accepted");
    assert_eq!(
        error.to_string(),
        "configure plugin `harbor`: `public` must be true or false, not `perhaps`"
    );
}

#[tokio::test]
async fn another_component_cannot_take_a_built_ins_name() {
    let mut component = wat::parse_str(fixture!("traps").1).expect("a component");
    let metadata = r#"{"name":"mirror","version":"1.0.0","kind":"list-format"}"#;
    let metadata = serde_json::from_str(metadata).expect("metadata");
    component = longshore_plugin_pack::append(&component, &metadata).expect("packs");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("mine.wasm");
    std::fs::write(&path, component).expect("is written");
    let error = host(Limits::default())
        .load(Kind::ListFormat, path.to_str().expect("a path"), setup())
        .await
        .expect_err("it was loaded");
    assert!(
        matches!(&error, PluginError::Load { problem: LoadProblem::Reserved { .. }, .. }),
        "{error}"
    );
}
