//! What cargo says of this workspace, and the toolchain that it needs.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::command::{cargo, command, installed, output, run};

/// Plugins are compiled for this.
pub(crate) const WASM: &str = "wasm32-wasip2";

/// Folders and packages of the workspace.
pub(crate) struct Workspace {
    /// Where the workspace's `Cargo.toml` is.
    pub(crate) root: PathBuf,
    /// Where cargo builds.
    pub(crate) target: PathBuf,
    /// The packages that become components, by name.
    pub(crate) components: Vec<String>,
}

impl Workspace {
    /// Asks cargo.
    pub(crate) fn find() -> Result<Self> {
        // The folder at compile time: `cargo xtask` always runs what it has just compiled.
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = folder.parent().context("xtask lies in no workspace")?.to_owned();
        let text = output(cargo(&root).args(["metadata", "--no-deps", "--format-version", "1"]))?;
        let metadata: Value = serde_json::from_str(&text).context("cargo's metadata is no JSON")?;
        let target = metadata["target_directory"].as_str().context("no target directory")?;
        let packages = metadata["packages"].as_array().context("no packages")?;
        let components = packages.iter().filter(|package| is_component(package));
        let names = components.filter_map(|package| package["name"].as_str().map(str::to_owned));
        Ok(Self { root, target: target.into(), components: names.collect() })
    }

    /// A folder below cargo's for what a task leaves behind.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.target.join(name);
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("failed to create {}", folder.display()))?;
        Ok(folder)
    }

    /// Adds the target of the plugins if the toolchain lacks it.
    pub(crate) fn ensure_wasm_target(&self) -> Result<()> {
        if self.has_wasm_target()? {
            return Ok(());
        }
        if !installed("rustup") {
            bail!("this Rust has no target {WASM}, and there is no rustup to add it");
        }
        run(command("rustup", &self.root).args(["target", "add", WASM]))?;
        if !self.has_wasm_target()? {
            bail!("rustup added {WASM}, but not to the Rust that cargo uses");
        }
        Ok(())
    }

    fn has_wasm_target(&self) -> Result<bool> {
        let mut rustc = command("rustc", &self.root);
        rustc.args(["--print", "target-libdir", "--target", WASM]);
        Ok(Path::new(output(&mut rustc)?.trim()).is_dir())
    }

    /// Builds the binary (and, by its build script, the components in it) and says where it is.
    pub(crate) fn build_host(&self) -> Result<PathBuf> {
        let mut build: Command = cargo(&self.root);
        build.args(["build", "-p", "longshore"]);
        run(&mut build)?;
        // The second run compiles nothing; it only says where cargo put the binary.
        build.args(["--message-format", "json", "--quiet"]).stderr(Stdio::inherit());
        let messages = output(&mut build)?;
        let executable = messages.lines().find_map(|line| {
            let message: Value = serde_json::from_str(line).ok()?;
            message["executable"].as_str().map(PathBuf::from)
        });
        executable.context("cargo built no binary")
    }
}

fn is_component(package: &Value) -> bool {
    let targets = package["targets"].as_array().into_iter().flatten();
    let mut kinds = targets.flat_map(|target| target["kind"].as_array().into_iter().flatten());
    kinds.any(|kind| kind == "cdylib")
}
