//! `cargo xtask bench`: builds the release binary and runs the benchmark. The benchmark is a
//! separate crate, so that other tasks need not compile its proxy and certificates.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::command::{cargo, run as run_command, succeeds};
use crate::workspace::Workspace;

/// Arguments of the benchmark. `cargo xtask bench --help` shows its help.
#[derive(Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Options {
    /// Pass these arguments to the benchmark; without --binary, build the release and measure it
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

impl Options {
    fn has(&self, name: &str) -> bool {
        let named = |word: &String| word.split('=').next() == Some(name);
        self.arguments.iter().any(named)
    }
}

/// Runs the benchmark.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let mut bench = cargo(&workspace.root);
    bench.args(["run", "--quiet", "-p", "longshore-bench", "--"]);
    let asks = ["--help", "-h", "--plot"].iter().any(|flag| options.has(flag));
    if !asks && !options.has("--binary") {
        workspace.ensure_wasm_target()?;
        run_command(cargo(&workspace.root).args(["build", "--release", "-p", "longshore"]))?;
        bench.arg("--binary").arg(workspace.target.join("release/longshore"));
    }
    if !options.has("--folder") {
        bench.arg("--folder").arg(workspace.folder("bench")?);
    }
    bench.args(&options.arguments);
    Ok(if succeeds(&mut bench)? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
