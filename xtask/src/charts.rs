//! `cargo xtask charts`: looks for the images of a folder of charts. The program is a separate crate,
//! so that other tasks need not compile what it depends on.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::command::{cargo, succeeds};
use crate::workspace::Workspace;

/// The folder of charts beside the checkout.
const FOLDER: &str = "../shared/data/charts";

/// Arguments of the measurement. `cargo xtask charts --help` shows its help.
#[derive(Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Options {
    /// Pass these arguments to the measurement; without a folder, it reads ../shared/data/charts
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Runs the measurement.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let mut charts = cargo(&workspace.root);
    charts.args([
        "run",
        "--quiet",
        "-p",
        "longshore-xtask-charts",
        "--",
        "--default-folder",
        FOLDER,
    ]);
    charts.args(&options.arguments);
    Ok(if succeeds(&mut charts)? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
