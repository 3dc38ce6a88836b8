//! The cargo workspace and the toolchain that it needs.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::command::{cargo, command, installed, output, run};

/// The compile target of plugins.
pub(crate) const WASM: &str = "wasm32-wasip2";

/// Folders and packages of the workspace.
pub(crate) struct Workspace {
    /// Folder of the workspace's `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// Cargo's target directory.
    pub(crate) target: PathBuf,
    /// Names of the packages that are built as components.
    pub(crate) components: Vec<String>,
}

impl Workspace {
    /// Reads the metadata from cargo.
    pub(crate) fn find() -> Result<Self> {
        // The compile-time folder is right, because `cargo xtask` runs what it has just compiled.
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = folder.parent().context("xtask is not in a workspace")?.to_owned();
        let text = output(cargo(&root).args(["metadata", "--no-deps", "--format-version", "1"]))?;
        let metadata: Value =
            serde_json::from_str(&text).context("cargo's metadata is not JSON")?;
        let target = metadata["target_directory"].as_str().context("no target directory")?;
        let packages = metadata["packages"].as_array().context("no packages")?;
        let components = packages.iter().filter(|package| is_component(package));
        let names = components.filter_map(|package| package["name"].as_str().map(str::to_owned));
        Ok(Self { root, target: target.into(), components: names.collect() })
    }

    /// Creates a folder below cargo's target directory for the output of a task.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.target.join(name);
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("failed to create {}", folder.display()))?;
        Ok(folder)
    }

    /// Adds the compile target of plugins if the toolchain lacks it.
    pub(crate) fn ensure_wasm_target(&self) -> Result<()> {
        self.ensure_target(WASM)
    }

    /// Adds a compile target if the toolchain lacks it.
    pub(crate) fn ensure_target(&self, target: &str) -> Result<()> {
        if self.has_target(target)? {
            return Ok(());
        }
        if !installed("rustup") {
            bail!("this Rust toolchain lacks the target {target}, and rustup is not installed");
        }
        run(command("rustup", &self.root).args(["target", "add", target]))?;
        if !self.has_target(target)? {
            bail!("rustup added {target}, but not to the toolchain that cargo uses");
        }
        Ok(())
    }

    /// Says whether the toolchain has a compile target.
    pub(crate) fn has_target(&self, target: &str) -> Result<bool> {
        let mut rustc = command("rustc", &self.root);
        rustc.args(["--print", "target-libdir", "--target", target]);
        Ok(Path::new(output(&mut rustc)?.trim()).is_dir())
    }

    /// Builds the binary of the daily builds, whose build script builds the components. Returns its path.
    pub(crate) fn build_host(&self) -> Result<PathBuf> {
        self.build(&Build { release: false, target: None })
    }

    /// Builds the binary. Returns its path.
    pub(crate) fn build(&self, options: &Build<'_>) -> Result<PathBuf> {
        let mut build: Command = cargo(&self.root);
        build.args(["build", "--locked", "-p", "longshore"]);
        if options.release {
            build.arg("--release");
        }
        if let Some(target) = options.target {
            build.args(["--target", target]);
        }
        run(&mut build)?;
        // The second run compiles nothing and only prints the path of the binary.
        build.args(["--message-format", "json", "--quiet"]).stderr(Stdio::inherit());
        let messages = output(&mut build)?;
        let executable = messages.lines().find_map(|line| {
            let message: Value = serde_json::from_str(line).ok()?;
            message["executable"].as_str().map(PathBuf::from)
        });
        executable.context("cargo built no binary")
    }
}

/// How to build the binary.
pub(crate) struct Build<'a> {
    /// With optimisation, as it is shipped.
    pub(crate) release: bool,
    /// The target, if it is not the host.
    pub(crate) target: Option<&'a str>,
}

fn is_component(package: &Value) -> bool {
    let targets = package["targets"].as_array().into_iter().flatten();
    let mut kinds = targets.flat_map(|target| target["kind"].as_array().into_iter().flatten());
    kinds.any(|kind| kind == "cdylib")
}
