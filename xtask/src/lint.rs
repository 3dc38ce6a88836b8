//! `cargo xtask lint`: runs all checks other than tests.
//!
//! Every check runs, even if others fail. The last line names the failed checks.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};

use crate::command::{cargo, command, installed, output, run as run_command, succeeds};
use crate::renderer;
use crate::workspace::{WASM, Workspace};

/// The version of cargo-deny that `deny.toml` is written for.
const CARGO_DENY: &str = "0.20.2";

/// Maximum length of ARCHITECTURE.md in lines, so that it can be read in one sitting.
const ARCHITECTURE: usize = 260;

/// Denies warnings and limits the length of functions as in clippy.toml.
const STRICT: &[&str] = &["-W", "clippy::too_many_lines", "-D", "warnings"];

type Check = fn(&Workspace) -> Result<bool>;

/// The checks, quick ones first.
const CHECKS: &[(&str, Check)] = &[
    ("format", format),
    ("architecture", architecture),
    ("dependencies", dependencies),
    ("clippy", clippy),
    ("clippy of the components", clippy_of_components),
    ("documentation", documentation),
    ("Go", go),
];

/// Runs all checks.
pub(crate) fn run() -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    workspace.ensure_wasm_target()?;
    let mut failed = Vec::new();
    for (name, check) in CHECKS {
        println!("== lint: {name}");
        if !check(&workspace)? {
            println!("== lint: {name} FAILED");
            failed.push(*name);
        }
    }
    if failed.is_empty() {
        println!("== lint: all checks passed");
        return Ok(ExitCode::SUCCESS);
    }
    println!("== lint: FAILED: {}", failed.join(", "));
    Ok(ExitCode::FAILURE)
}

fn format(workspace: &Workspace) -> Result<bool> {
    succeeds(cargo(&workspace.root).args(["fmt", "--all", "--check"]))
}

fn architecture(workspace: &Workspace) -> Result<bool> {
    let path = workspace.root.join("ARCHITECTURE.md");
    if !path.exists() {
        println!("there is no ARCHITECTURE.md");
        return Ok(true);
    }
    let text = fs::read_to_string(&path).context("failed to read ARCHITECTURE.md")?;
    let lines = text.lines().count();
    println!("ARCHITECTURE.md has {lines} lines of at most {ARCHITECTURE}");
    Ok(lines <= ARCHITECTURE)
}

fn dependencies(workspace: &Workspace) -> Result<bool> {
    if !installed("cargo-deny") {
        println!("cargo-deny is missing: installing it takes a few minutes");
        let install = ["install", "cargo-deny", "--locked", "--version", CARGO_DENY];
        // A separate folder: cargo-deny shares no dependencies with the workspace.
        let folder = workspace.folder("cargo-deny")?;
        run_command(cargo(&workspace.root).args(install).arg("--target-dir").arg(folder))?;
    }
    let deny = |what: &[&str]| {
        succeeds(cargo(&workspace.root).args(["deny", "--workspace", "check"]).args(what))
    };
    let mut passed = deny(&["bans", "licenses", "sources"])?;
    if advisories().is_some_and(|folder| folder.is_dir()) {
        passed &= deny(&["--disable-fetch", "advisories"])?;
    } else {
        println!("advisories are not checked: the database is not on this machine");
    }
    Ok(passed)
}

/// Returns the folder of cargo-deny's advisory databases.
fn advisories() -> Option<PathBuf> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(std::env::home_dir()?.join(".cargo")))?;
    Some(home.join("advisory-dbs"))
}

fn clippy(workspace: &Workspace) -> Result<bool> {
    let mut clippy = cargo(&workspace.root);
    succeeds(clippy.args(["clippy", "--workspace", "--all-targets", "--"]).args(STRICT))
}

/// Runs clippy for WebAssembly on the code that is only compiled for WebAssembly.
fn clippy_of_components(workspace: &Workspace) -> Result<bool> {
    if workspace.components.is_empty() {
        println!("there are no components");
        return Ok(true);
    }
    let mut clippy = cargo(&workspace.root);
    clippy.args(["clippy", "--lib", "--target", WASM]);
    for component in &workspace.components {
        clippy.args(["--package", component]);
    }
    succeeds(clippy.arg("--").args(STRICT))
}

/// Checks and tests the chart renderer, and that its stand-ins know the same API versions as Kubernetes' modules.
fn go(workspace: &Workspace) -> Result<bool> {
    let Some(go) = renderer::go() else {
        println!("Go is missing: the chart renderer is not checked");
        return Ok(true);
    };
    let mut clippy = cargo(&workspace.root);
    clippy.args(["clippy", "--locked", "--manifest-path", renderer::MANIFEST, "--target-dir"]);
    clippy.arg(workspace.folder("renderer-build")?).arg("--").args(STRICT);
    let mut passed = succeeds(&mut clippy)?;
    let mut format = cargo(&workspace.root);
    passed &= succeeds(format.args(["fmt", "--check", "--manifest-path", renderer::MANIFEST]))?;
    let folder = workspace.root.join("plugins/helm-render");
    let gofmt = go.with_file_name("gofmt");
    if gofmt.is_file() {
        let unformatted = output(command(gofmt, &folder).args(["-l", "."]))?;
        print!("{unformatted}");
        passed &= unformatted.is_empty();
    }
    passed &= succeeds(command(&go, &folder).args(["vet", "./..."]))?;
    // The same flag as in the build.
    let tests = ["test", "-ldflags=-checklinkname=0", "./render/..."];
    passed &= succeeds(command(&go, &folder).args(tests))?;
    passed &= succeeds(command(&go, &folder.join("check")).args(["vet", "./..."]))?;
    passed &= succeeds(command(&go, &folder.join("check")).args(["test", "./..."]))?;
    Ok(passed)
}

fn documentation(workspace: &Workspace) -> Result<bool> {
    let arguments = ["doc", "--workspace", "--no-deps", "--document-private-items"];
    succeeds(cargo(&workspace.root).args(arguments).env("RUSTDOCFLAGS", "-D warnings"))
}
