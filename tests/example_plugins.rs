//! The plugins in `examples/plugins`, as people outside would write them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use longshore_content::{Content, Image};

use crate::support::skip::skip;
use crate::support::{Longshore, Pair, Process};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn example(name: &str) -> PathBuf {
    root().join("examples/plugins").join(name)
}

/// A run whose folder has a component with the metadata and the fixtures of an example.
fn with_component(name: &str, component: &Path) -> Longshore {
    let source = example(name);
    let mut run = Longshore::new();
    let metadata = fs::read(source.join("plugin.json")).expect("metadata");
    let metadata = serde_json::from_slice(&metadata).expect("it is metadata");
    let component = fs::read(component).expect("the component is there");
    let packed = longshore_plugin_pack::append(&component, &metadata).expect("it is packed");
    run = run.file("plugin.wasm", packed);
    for fixture in fs::read_dir(source.join("fixtures")).expect("fixtures") {
        let fixture = fixture.expect("a fixture");
        let name = format!("fixtures/{}", fixture.file_name().to_string_lossy());
        run = run.file(&name, fs::read(fixture.path()).expect("the fixture is there"));
    }
    run
}

/// Builds an example in Rust, and returns its component.
fn cargo(name: &str) -> PathBuf {
    let target = root().join("target/example-plugins").join(name);
    let run = |arguments: &[&str]| {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.current_dir(example(name)).args(arguments).args(["--locked", "--target-dir"]);
        cargo.arg(&target).env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
        let output = cargo.output().expect("cargo runs");
        let log = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "cargo {arguments:?} failed:\n{log}");
    };
    run(&["test", "--lib"]);
    run(&["build", "--target", "wasm32-wasip2"]);
    target.join("wasm32-wasip2/debug/plugin.wasm")
}

fn image(seed: u64) -> Content {
    Image::new("linux/amd64").layer(seed, 1000).build()
}

#[test]
fn a_registry_of_ones_own_gets_its_call_before_the_push() {
    let component = cargo("depot");
    let tested = with_component("depot", &component).args(["plugin", "test", "plugin.wasm"]).run();
    assert_eq!(tested.exits(0).stdout, "ok      booked\nok      described\n");

    let pair = Pair::embedded();
    pair.source.push("team/app", "1", &image(1));
    let mut server = Command::new("python3");
    server.arg(example("depot").join("server.py")).arg(pair.destination.address());
    let server = Process::start("depot", &mut server);
    let address = server.line(Duration::from_secs(60), |line| {
        line.starts_with("127.0.0.1:").then(|| line.to_owned())
    });
    let mirror = || {
        let run = with_component("depot", &component).mirror();
        let run = run.list("team/app hall/shelf/app 1\n").source(pair.source.address());
        run.destination(&address)
    };
    let refused = mirror().run().exits(1);
    assert!(refused.stderr.contains("the shelf is not booked"), "{}", refused.stderr);
    let grant = ["--grant", "GET,POST desk /desk/shelves/**"];
    let depot = || mirror().args(["--repo-type", "./plugin.wasm"]);
    let denied = depot().run().exits(1);
    assert!(denied.stderr.contains("no grant covers"), "{}", denied.stderr);
    let dry = depot().args(grant).arg("--dry-run").run().exits(0);
    assert!(dry.stderr.contains("hall/shelf"), "{}", dry.stderr);
    pair.assert_absent("hall/shelf/app", "1");
    let days = ["--plugin-config", "depot.days=7"];
    let done = depot().args(grant).args(days).run().exits(0);
    assert!(done.stderr.contains("for 7 days"), "{}", done.stderr);
    pair.assert_arrived("hall/shelf/app", "1", &image(1));
}

/// The folder with the tools for plugins in Python, which `.ci/run` sets.
const PYTHON: &str = "LONGSHORE_PLUGIN_PYTHON";

#[test]
fn a_list_format_in_python_reads_zarf_packages() {
    let Some(tools) = std::env::var_os(PYTHON).map(PathBuf::from) else {
        skip(&format!("{PYTHON} names no virtual environment with componentize-py"));
        return;
    };
    let source = example("zarf");
    let scratch = tempfile::tempdir().expect("a folder");
    let component = scratch.path().join("plugin.wasm");
    let run = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(tools.join("bin").join(program));
        command.current_dir(&source).args(arguments).env("PYTHONDONTWRITEBYTECODE", "1");
        let output = command.output().expect("the tool runs");
        let log = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {arguments:?} failed:\n{log}");
    };
    run("python", &["-m", "unittest"]);
    let written = component.to_str().expect("a path");
    let world = ["-d", "../../../wit", "-w", "list-format-plugin"];
    let rest = ["componentize", "--stub-wasi", "app", "-o", written];
    run("componentize-py", &[&world[..], &rest[..]].concat());
    let tested = with_component("zarf", &component).args(["plugin", "test", "plugin.wasm"]).run();
    assert_eq!(tested.exits(0).stdout, "ok      package\n");
}
