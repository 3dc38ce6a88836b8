//! `cargo xtask lint`: what is checked besides the tests.
//!
//! Every check runs, whatever the others say, and the last line names those that failed.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};

use crate::command::{cargo, installed, run as run_command, succeeds};
use crate::workspace::{WASM, Workspace};

/// The version that `deny.toml` is written for.
const CARGO_DENY: &str = "0.20.2";

/// What ARCHITECTURE.md may be long, in lines: what a person reads in one sitting.
const ARCHITECTURE: usize = 250;

/// Warnings are errors, and functions have at most the lines that clippy.toml says.
const STRICT: &[&str] = &["-W", "clippy::too_many_lines", "-D", "warnings"];

type Check = fn(&Workspace) -> Result<bool>;

/// Quick ones first.
const CHECKS: &[(&str, Check)] = &[
    ("format", format),
    ("architecture", architecture),
    ("dependencies", dependencies),
    ("clippy", clippy),
    ("clippy of the components", clippy_of_components),
    ("documentation", documentation),
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
        println!("== lint: all of it passed");
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
        println!("cargo-deny is missing: compiling it takes some minutes, once");
        let install = ["install", "cargo-deny", "--locked", "--version", CARGO_DENY];
        // A folder of its own: cargo-deny's dependencies are nobody else's.
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
        println!("advisories are not checked: their database is not on this machine");
    }
    Ok(passed)
}

/// Where cargo-deny keeps the databases of advisories.
fn advisories() -> Option<PathBuf> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(std::env::home_dir()?.join(".cargo")))?;
    Some(home.join("advisory-dbs"))
}

fn clippy(workspace: &Workspace) -> Result<bool> {
    let mut clippy = cargo(&workspace.root);
    succeeds(clippy.args(["clippy", "--workspace", "--all-targets", "--"]).args(STRICT))
}

/// The code that is compiled for WebAssembly only is checked for WebAssembly.
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

fn documentation(workspace: &Workspace) -> Result<bool> {
    let arguments = ["doc", "--workspace", "--no-deps", "--document-private-items"];
    succeeds(cargo(&workspace.root).args(arguments).env("RUSTDOCFLAGS", "-D warnings"))
}
