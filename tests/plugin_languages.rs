//! Every world of the contract in every language: `longshore plugin new`, build, test, as the README of the new
//! plugin says. Rust is in `plugin_authors.rs`.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::plugin_store::published::travels;
use crate::support::skip::{found, skip};
use crate::support::{Longshore, Run};

/// The kinds of plugins, and what `plugin test` prints for the fixtures of each.
const KINDS: [(&str, &str); 4] = [
    ("list-format", "ok      list\n"),
    ("rewrite", "ok      items\n"),
    ("repo-type", "ok      created\nok      scopes\n"),
    ("chart-render", "ok      chart\n"),
];

/// The command that an author runs. The variables of the build of longshore do not reach it.
pub(crate) fn tool(program: impl Into<OsString>, folder: &Path) -> Command {
    let mut command = Command::new(program.into());
    command.current_dir(folder).env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// Runs a command, which must succeed.
pub(crate) fn succeed(command: &mut Command) {
    let output = command.output().expect("the tool runs");
    let log = [output.stdout, output.stderr].concat();
    let log = String::from_utf8_lossy(&log);
    assert!(output.status.success(), "{command:?} failed:\n{log}");
}

/// Finds the program go, as `cargo xtask` does.
pub(crate) fn go() -> Option<PathBuf> {
    let unpacked = Path::new("/usr/local/go/bin/go");
    let go = found("go").or_else(|| unpacked.is_file().then(|| unpacked.to_owned()));
    if go.is_none() {
        skip("Go is missing");
    }
    go
}

/// The folder with the tools of a language, which `.ci/run` sets.
pub(crate) fn tools(variable: &str) -> Option<PathBuf> {
    let tools = std::env::var_os(variable).map(PathBuf::from);
    if tools.is_none() {
        skip(&format!("{variable} names no folder with the tools"));
    }
    tools
}

/// Runs the tests of a plugin in Go, and builds its core module.
pub(crate) fn build_go(go: &Path, folder: &Path, module: &Path) {
    succeed(tool(go, folder).args(["test", "./..."]));
    let mut build = tool(go, folder);
    build.args([
        "build",
        "-trimpath",
        "-buildmode=c-shared",
        "-ldflags=-s -w -checklinkname=0",
        "-o",
    ]);
    succeed(build.arg(module).arg(".").env("GOOS", "wasip1").env("GOARCH", "wasm"));
}

/// Runs the tests of a plugin in JavaScript, and builds it. The packages are copied, because the builder follows no
/// links.
pub(crate) fn build_js(tools: &Path, folder: &Path) {
    let packages = tools.join("node_modules");
    fs::create_dir_all(folder.join("node_modules")).expect("a folder");
    let mut copy = tool("cp", folder);
    succeed(copy.arg("-r").arg(packages.join("js-yaml")).arg("node_modules"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let programs = packages.join(".bin");
    let path = std::env::join_paths([programs].into_iter().chain(std::env::split_paths(&path)));
    let path = path.expect("a path");
    succeed(tool("npm", folder).arg("test").env("PATH", &path));
    succeed(tool("npm", folder).args(["run", "build"]).env("PATH", &path));
}

/// Runs the tests of a plugin in Python, and builds it.
fn build_python(tools: &Path, folder: &Path, kind: &str) {
    succeed(tool(tools.join("bin/python"), folder).args(["-m", "unittest"]));
    let mut build = tool(tools.join("bin/componentize-py"), folder);
    build.args(["-d", "wit", "-w"]).arg(format!("{kind}-plugin"));
    succeed(build.args(["componentize", "--stub-wasi", "app", "-o", "plugin.wasm"]));
}

/// Makes a plugin of each kind, builds it, and runs it on its fixtures.
fn every_kind(language: &str, build: impl Fn(&Path, &str)) -> Vec<Run> {
    let runs = KINDS.map(|(kind, result)| {
        let new = ["plugin", "new", "--kind", kind, "--lang", language, "my-plugin"];
        let run = Longshore::new().args(new).run().exits(0);
        build(&run.directory().join("my-plugin"), kind);
        let tested = run.again().args(["plugin", "test", "my-plugin"]).run().exits(0);
        assert_eq!(tested.stdout, result, "{kind} in {language}");
        if kind == "repo-type" {
            says_why_nothing_was_sent(&run, language);
        }
        run
    });
    runs.into()
}

/// A call of a new repository type that gets no answer.
const NO_ANSWER: &str = r#"{
    "prepare": {"kind": "team", "name": "web"},
    "exchanges": [{"request": "GET api /api/teams/web"}],
    "expected": {"error": "the registry is not ready"}
}"#;

/// Errors of the host reach the user with their words, and are no traps.
fn says_why_nothing_was_sent(run: &Run, language: &str) {
    fs::write(run.directory().join("my-plugin/fixtures/down.json"), NO_ANSWER).expect("is written");
    let tested = run.again().args(["plugin", "test", "my-plugin"]).run().exits(0);
    assert!(tested.stdout.contains("ok      down\n"), "{language}: {}", tested.stdout);
    let record = ["--record", "127.0.0.1:1", "--grant", "GET api /other"];
    run.again().args(["plugin", "test", "my-plugin"]).args(record).run().exits(0);
    let fixture = run.file("my-plugin/fixtures/created.json").expect("the fixture");
    assert!(fixture.contains("no grant covers `GET api /api/teams/web`"), "{language}: {fixture}");
}

/// Packs a list format and reads a list with it. The second call packs the same bytes.
fn packs_and_reads(run: &Run) {
    let pack = ["plugin", "pack", "my-plugin/plugin.wasm", "my-plugin/plugin.json", "-o"];
    for name in ["one.wasm", "two.wasm"] {
        run.again().args(pack).arg(name).run().exits(0);
    }
    let bytes = |name| fs::read(run.directory().join(name)).expect("it was packed");
    assert!(bytes("one.wasm") == bytes("two.wasm"), "the same module gave other bytes");
    let list = ["-i", "my-plugin/fixtures/list.yaml", "-o", "-", "--list-format", "./one.wasm"];
    let converted = run.again().arg("convert-list").args(list).run().exits(1);
    assert!(
        converted.stdout.contains("quay.io/app/server app/server 1.4\n"),
        "{}",
        converted.stdout
    );
    assert!(converted.stderr.contains("5:5"), "{}", converted.stderr);
    assert!(converted.stderr.contains("there is no `image`"), "{}", converted.stderr);
}

#[test]
fn every_kind_builds_in_go_and_passes() {
    let Some(go) = go() else { return };
    let runs = every_kind("go", |folder, _| build_go(&go, folder, Path::new("plugin.wasm")));
    packs_and_reads(&runs[0]);
    travels(&runs[0], "my-plugin", "plugin.wasm");
    // Packages of Go have names too.
    for name in ["fmt", "go"] {
        let new = ["plugin", "new", "--kind", "rewrite", "--lang", "go", name];
        let run = Longshore::new().args(new).run().exits(0);
        succeed(tool(&go, &run.directory().join(name)).args(["test", "./..."]));
    }
    // A core module is no plugin before it is packed.
    let list = ["-i", "my-plugin/fixtures/list.yaml", "-o", "-"];
    let module = ["--list-format", "my-plugin/plugin.wasm"];
    let refused = runs[0].again().arg("convert-list").args(list).args(module).run().exits(2);
    assert!(refused.stderr.contains("longshore plugin pack"), "{}", refused.stderr);
}

#[test]
fn every_kind_builds_in_javascript_and_passes() {
    let Some(tools) = tools("LONGSHORE_PLUGIN_JS") else { return };
    let runs = every_kind("js", |folder, _| build_js(&tools, folder));
    packs_and_reads(&runs[0]);
    travels(&runs[0], "my-plugin", "plugin.wasm");
}

#[test]
fn every_kind_builds_in_python_and_passes() {
    let Some(tools) = tools("LONGSHORE_PLUGIN_PYTHON") else { return };
    let runs = every_kind("python", |folder, kind| build_python(&tools, folder, kind));
    packs_and_reads(&runs[0]);
    travels(&runs[0], "my-plugin", "plugin.wasm");
}
