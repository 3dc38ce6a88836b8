//! `cargo xtask test`: installs the tests' dependencies and runs all tests.
//!
//! A test that cannot run here counts as skipped, never as passed. With `CI=true` it fails the run.
//! The last line on standard output is `N passed, N failed, N skipped`.

mod system;
mod tally;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{ExitCode, Stdio};

use anyhow::{Context as _, Result};
use clap::Args;

use crate::command::{cargo, shown};
use crate::renderer;
use crate::workspace::Workspace;
use tally::Tally;

/// Environment variable with the path of the file to which skipped tests add a line.
const SKIPS: &str = "LONGSHORE_SKIPS";

/// Selects the tests to run.
#[derive(Args)]
pub(crate) struct Options {
    /// Pass these arguments to `cargo test`, such as a part of a test name, or `-- --nocapture`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Runs the tests.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    workspace.ensure_wasm_target()?;
    system::ensure_servers(&workspace)?;
    system::name_missing_of_go();
    renderer::ensure(&workspace)?;
    let skips = workspace.folder("xtask")?.join("skips.txt");
    fs::write(&skips, "").with_context(|| format!("failed to write {}", skips.display()))?;

    let (mut tally, success) = test(&workspace, options, &skips)?;
    if !success && tally.failed == 0 {
        // The code did not compile, or a test binary ended before its summary.
        tally.failed = 1;
    }
    let text = fs::read_to_string(&skips)
        .with_context(|| format!("failed to read {}", skips.display()))?;
    for line in text.lines() {
        println!("{line}");
        tally.skip_one();
    }
    let strict = std::env::var_os("CI").is_some_and(|value| value == "true");
    if strict && tally.skipped > 0 {
        println!("with CI=true a skipped test is a failure");
    }
    println!("{tally}");
    let failed = !success || tally.failed > 0 || (strict && tally.skipped > 0);
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Runs cargo, shows its output and counts the results.
fn test(workspace: &Workspace, options: &Options, skips: &Path) -> Result<(Tally, bool)> {
    let mut cargo = cargo(&workspace.root);
    cargo.args(["test", "--workspace", "--no-fail-fast"]).args(&options.arguments);
    let line = shown(&cargo);
    println!("$ {line}");
    let started = cargo.env(SKIPS, skips).stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
    let mut child = started.with_context(|| format!("failed to run `{line}`"))?;
    let stdout = child.stdout.take().context("standard output is piped")?;
    let mut tally = Tally::default();
    for line in BufReader::new(stdout).split(b'\n') {
        let line = line.context("failed to read what the tests print")?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        tally.read(&line);
    }
    Ok((tally, child.wait().context("failed to wait for cargo")?.success()))
}
