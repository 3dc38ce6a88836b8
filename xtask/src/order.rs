//! `cargo xtask order`: records which functions a mirror run calls. The linker puts these next to each other, so
//! that less of the program is mapped while it runs (`host/cli/build.rs`). The list stays useful while the code
//! changes: a name that is gone has no effect, and a new function is placed as if there were no list.

mod link_map;
mod trace;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result};
use longshore_content::{Endpoint, Image, Index};

use crate::command::{cargo, command, run as run_command, shown};
use crate::quickstart::{start, start_with, step, without_settings};
use crate::workspace::Workspace;
use link_map::Function;

/// The list, below the workspace.
const FUNCTIONS: &str = "host/cli/run-functions.txt";

/// How many images the recorded runs mirror: enough that all requests of a run overlap.
const IMAGES: u64 = 60;

/// Builds, mirrors with breakpoints, and writes the list.
pub(crate) fn run() -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let folder = workspace.folder("order")?;
    step("Build a release with symbols");
    workspace.ensure_wasm_target()?;
    let (program, map) = build(&workspace, &folder)?;
    let functions = link_map::functions(&map);

    step("Start registries");
    let root = &workspace.root;
    let serve = |name: &str| start(root, &program, &folder.join(name));
    let (source, first, plain) = (serve("source")?, serve("first")?, serve("plain")?);
    let list = seed(&Endpoint::new(source.address()), &folder)?;
    let certificate = certificate(root, &folder)?;
    let tls = start_with(root, &program, &folder.join("tls"), |serve| {
        serve.arg("--tls-cert").arg(&certificate).arg("--tls-key").arg(folder.join("key.pem"));
    })?;
    let mirror = |destination: &str| {
        let mut mirror = without_settings(command(&program, root));
        mirror.args(["mirror", "-s", source.address(), "-d", destination, "-f"]).arg(&list);
        mirror.arg("-o").arg(folder.join("mirror-failed.txt"));
        mirror.env("SSL_CERT_FILE", &certificate);
        mirror
    };

    step("Compile the plugins, which a run seldom does");
    run_command(&mut mirror(first.address()))?;

    step("Record runs");
    let mut called = BTreeSet::new();
    // The second finds everything at the destination.
    for destination in [plain.address(), plain.address(), tls.address()] {
        let mut run = mirror(destination);
        println!("$ {}", shown(&run));
        called.extend(trace::called(&program, &mut run, functions.keys().copied())?);
    }
    let called: BTreeSet<&Function> =
        called.iter().filter_map(|address| functions.get(address)).collect();
    let path = root.join(FUNCTIONS);
    fs::write(&path, text(&called)).with_context(|| format!("failed to write {FUNCTIONS}"))?;
    println!("{} of {} functions were called: {FUNCTIONS}", called.len(), functions.len());
    Ok(ExitCode::SUCCESS)
}

/// Returns a release binary that has its symbols, and the linker's map of it.
fn build(workspace: &Workspace, folder: &Path) -> Result<(PathBuf, String)> {
    let map = folder.join("map.txt");
    let mut build = cargo(&workspace.root);
    build.args(["rustc", "--release", "--locked", "-p", "longshore", "--bin", "longshore", "--"]);
    build.args(["-C", "strip=none", "-C"]).arg(format!("link-arg=-Wl,-Map={}", map.display()));
    run_command(&mut build)?;
    // The next build writes another binary in its place.
    let program = folder.join("longshore");
    fs::copy(workspace.target.join("release/longshore"), &program)
        .context("failed to copy the binary")?;
    let map = fs::read_to_string(&map)
        .context("failed to read the linker's map; LLD, the default of rustc here, writes it")?;
    Ok((program, map))
}

/// Pushes images of two platforms with a common base, and returns the path of their list.
fn seed(source: &Endpoint, folder: &Path) -> Result<PathBuf> {
    let mut list = String::new();
    for number in 0..IMAGES {
        let large = if number == 0 { 20_000_000 } else { 0 };
        let image = |platform, seed| {
            Image::new(platform).layer(1, 400_000).layer(seed, 20_000 + large).build()
        };
        let amd64 = image("linux/amd64", 10 + 2 * number);
        let arm64 = image("linux/arm64", 11 + 2 * number);
        let index = Index::oci().child(&amd64).child(&arm64).build();
        let (repository, tag) = (format!("team/app{}", number % 12), format!("1.{number}"));
        source.push(&repository, &tag, &index).context("failed to push an image")?;
        // Writing into a string cannot fail.
        let _ = writeln!(list, "{repository} {repository} {tag}");
    }
    let path = folder.join("images.txt");
    fs::write(&path, list).context("failed to write the list")?;
    Ok(path)
}

/// Makes a self-signed certificate for loopback, and returns its path. Its key is beside it.
fn certificate(root: &Path, folder: &Path) -> Result<PathBuf> {
    let path = folder.join("certificate.pem");
    let mut openssl: Command = command("openssl", root);
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]);
    openssl.args(["-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]);
    openssl.args(["-addext", "subjectAltName=IP:127.0.0.1", "-keyout"]);
    openssl.arg(folder.join("key.pem")).arg("-out").arg(&path);
    run_command(&mut openssl)?;
    Ok(path)
}

/// Returns the list as it is stored: a line for each crate, below it its functions.
fn text(called: &BTreeSet<&Function>) -> String {
    let mut crates: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for function in called {
        crates.entry(&function.package).or_default().push(&function.name);
    }
    let mut text = String::from(
        "# Functions that `longshore mirror` calls. Written by `cargo xtask order`.\n",
    );
    for (package, names) in crates {
        let _ = writeln!(text, "{package}");
        for name in names {
            let _ = writeln!(text, " {name}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Function, text};

    #[test]
    fn the_list_is_grouped_by_crate() {
        let function =
            |package: &str, name: &str| Function { package: package.into(), name: name.into() };
        let functions =
            [function("tokio", "_ZN2"), function("engine", "_ZN9"), function("tokio", "_ZN1")];
        let called: BTreeSet<&Function> = functions.iter().collect();
        let text = text(&called);
        let lines: Vec<_> = text.lines().skip(1).collect();
        assert_eq!(lines, ["engine", " _ZN9", "tokio", " _ZN1", " _ZN2"]);
    }
}
