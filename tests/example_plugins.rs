//! The plugins in `examples/plugins`, as people outside would write them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use longshore_content::{Content, Image};

use crate::plugin_languages::{build_go, build_js, go, succeed, tool, tools};
use crate::support::{Longshore, Pair, Process, Run};

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
    let denied = denied.complains("no grant covers `GET desk /desk/shelves/");
    denied.complains("; --grant allows such requests");
    let dry = depot().args(grant).arg("--dry-run").run().exits(0);
    assert!(dry.stderr.contains("hall/shelf"), "{}", dry.stderr);
    pair.assert_absent("hall/shelf/app", "1");
    let days = ["--plugin-config", "depot.days=7"];
    let done = depot().args(grant).args(days).run().exits(0);
    assert!(done.stderr.contains("as a booking for 7 days"), "{}", done.stderr);
    assert!(!done.stdout.contains("not as configured"), "{}", done.stdout);
    pair.assert_arrived("hall/shelf/app", "1", &image(1));
}

#[test]
fn a_list_format_in_python_reads_zarf_packages() {
    let Some(tools) = tools("LONGSHORE_PLUGIN_PYTHON") else { return };
    let source = example("zarf");
    let scratch = tempfile::tempdir().expect("a folder");
    let component = scratch.path().join("plugin.wasm");
    let run = |program: &str, arguments: &[&str]| {
        succeed(tool(tools.join("bin").join(program), &source).args(arguments));
    };
    run("python", &["-m", "unittest"]);
    let written = component.to_str().expect("a path");
    let world = ["-d", "../../../wit", "-w", "list-format-plugin"];
    let rest = ["componentize", "--stub-wasi", "app", "-o", written];
    run("componentize-py", &[&world[..], &rest[..]].concat());
    let tested = with_component("zarf", &component).args(["plugin", "test", "plugin.wasm"]).run();
    assert_eq!(tested.exits(0).stdout, "ok      package\n");
}

/// Makes a new list format in a language, and puts the files of an example over it, as its README says.
fn over_a_new_plugin(name: &str, language: &str) -> Run {
    let new = ["plugin", "new", "--kind", "list-format", "--lang", language, name];
    let run = Longshore::new().args(new).run().exits(0);
    let folder = run.directory().join(name);
    fs::remove_dir_all(folder.join("fixtures")).expect("the template has fixtures");
    let mut copy = tool("cp", &run.directory());
    succeed(copy.arg("-r").arg(example(name)).arg("."));
    run
}

/// Runs an example on its fixtures, and reads one of them as a user does, by the packed component.
fn passes_and_reads(run: &Run, name: &str, fixture: &str, line: &str) {
    let tested = run.again().args(["plugin", "test", name]).run().exits(0);
    assert_eq!(tested.stdout.lines().count(), 1, "{}", tested.stdout);
    let files = [format!("{name}/plugin.wasm"), format!("{name}/plugin.json")];
    run.again().args(["plugin", "pack"]).args(&files).run().exits(0);
    let component = format!("./{name}.wasm");
    let list = ["-i", fixture, "-o", "-", "--list-format", &component];
    // Each fixture has a part that is no image.
    let converted = run.again().arg("convert-list").args(list).run().exits(1);
    assert!(converted.stdout.contains(line), "{}", converted.stdout);
}

#[test]
fn a_list_format_in_go_reads_the_downloads_of_kubespray() {
    let Some(go) = go() else { return };
    let run = over_a_new_plugin("kubespray", "go");
    build_go(&go, &run.directory().join("kubespray"), Path::new("plugin.wasm"));
    let line = "registry.k8s.io/pause pause 3.10\n";
    passes_and_reads(&run, "kubespray", "kubespray/fixtures/download.yml", line);
}

#[test]
fn a_list_format_in_javascript_reads_images_yaml() {
    let Some(tools) = tools("LONGSHORE_PLUGIN_JS") else { return };
    let run = over_a_new_plugin("images-yaml", "js");
    build_js(&tools, &run.directory().join("images-yaml"));
    let line = "docker.io/library/redis library/redis 7.10\n";
    passes_and_reads(&run, "images-yaml", "images-yaml/fixtures/images.yaml", line);
}
