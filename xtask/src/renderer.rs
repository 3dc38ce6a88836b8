//! `cargo xtask renderer`: builds the chart renderer, the component in Go.
//!
//! The host's build embeds what it finds in `target/renderer`. A stamp there has the hash of all inputs, so
//! that an unchanged renderer is not built again. Nothing else needs Go: without it, longshore has no
//! renderer of its own and says so when a chart is to be rendered.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};

use crate::command::{cargo, command, found, output, succeeds};
use crate::workspace::Workspace;

/// The sources of the component.
const SOURCES: &str = "plugins/helm-render";
/// The program that builds the component. It is in a workspace of its own.
pub(crate) const MANIFEST: &str = "plugins/helm-render/Cargo.toml";
/// The contract, from which the bindings are generated.
const CONTRACT: &str = "wit/plugin.wit";

/// Builds the renderer. Fails without Go.
pub(crate) fn run() -> Result<ExitCode> {
    let built = ensure(&Workspace::find()?)?;
    Ok(if built { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Builds the renderer if Go is there and something changed. Returns whether the current one is there now,
/// and otherwise prints why not.
pub(crate) fn ensure(workspace: &Workspace) -> Result<bool> {
    let folder = workspace.folder("renderer")?;
    let component = folder.join("helm-render.wasm");
    let stamp = folder.join("inputs");
    let Some(go) = go() else {
        let is_built = component.is_file();
        println!("{}", without_go(is_built));
        println!("install Go 1.26 or newer, on PATH or in /usr/local/go");
        return Ok(is_built);
    };
    let inputs = inputs(&workspace.root, &output(command(&go, &workspace.root).arg("version"))?)?;
    let known = fs::read_to_string(&stamp).unwrap_or_default();
    if component.is_file() && known == inputs {
        return Ok(true);
    }
    let mut build = cargo(&workspace.root);
    build.args(["run", "--quiet", "--locked", "--manifest-path"]).arg(MANIFEST);
    // Not in the folder of the component, which the host's build watches.
    build.arg("--target-dir").arg(workspace.folder("renderer-build")?);
    build.arg("--").arg(go).arg(&component);
    if !succeeds(&mut build)? {
        println!("the chart renderer could not be built, see above");
        return Ok(false);
    }
    fs::write(&stamp, inputs).with_context(|| format!("failed to write {}", stamp.display()))?;
    Ok(true)
}

/// What the lack of Go means.
const fn without_go(is_built: bool) -> &'static str {
    if is_built {
        "Go is missing: the chart renderer of an earlier build is used, whatever changed since"
    } else {
        "Go is missing: longshore gets no chart renderer, and the tests that need it are skipped"
    }
}

/// Finds the program go on `PATH` or where its archive is unpacked.
pub(crate) fn go() -> Option<PathBuf> {
    let unpacked = Path::new("/usr/local/go/bin/go");
    found("go").or_else(|| unpacked.is_file().then(|| unpacked.to_owned()))
}

/// Returns a hash of everything that the component depends on.
fn inputs(root: &Path, go_version: &str) -> Result<String> {
    let mut files = Vec::new();
    collect(&root.join(SOURCES), &mut files)?;
    files.push(root.join(CONTRACT));
    files.sort();
    let mut hash = Sha256::new();
    for path in files {
        let bytes =
            fs::read(&path).with_context(|| format!("failed to read {}", path.display()))?;
        let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy();
        hash.update(format!("{name} {}\n", bytes.len()));
        hash.update(bytes);
    }
    hash.update(go_version);
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Adds all files below a folder.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let entries = fs::read_dir(folder)
        .with_context(|| format!("failed to read the folder {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{inputs, without_go};

    #[test]
    fn an_earlier_renderer_is_not_denied() {
        assert!(without_go(true).contains("earlier build is used"));
        assert!(without_go(false).contains("gets no chart renderer"));
    }

    #[test]
    fn another_go_is_another_input() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
        let hash = |go| inputs(root, go).expect("the sources are there");
        assert_eq!(hash("go version go1.26.8"), hash("go version go1.26.8"));
        assert_ne!(hash("go version go1.26.8"), hash("go version go1.27.0"));
    }
}
