//! `cargo xtask bindings`: writes the bindings of `plugins/sdk` and of new plugins in Go from `wit/plugin.wit`.

use std::process::ExitCode;

use anyhow::Result;

use crate::command::{cargo, succeeds};
use crate::workspace::Workspace;

/// The program that writes them. It is in a workspace of its own.
const MANIFEST: &str = "plugins/sdk/generate/Cargo.toml";

/// Runs the generator.
pub(crate) fn run() -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let mut generate = cargo(&workspace.root);
    generate.args(["run", "--quiet", "--locked", "--manifest-path"]).arg(MANIFEST);
    generate.arg("--target-dir").arg(workspace.folder("bindings-build")?);
    Ok(if succeeds(&mut generate)? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
