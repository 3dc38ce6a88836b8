//! Builds the chart renderer: `longshore-helm-render-build GO COMPONENT`.
//!
//! `GO` is the program go, and `COMPONENT` the file to write. Beside it, the program writes what the host's
//! build embeds: the compressed component (`.wasm.gz`), and its metadata, digest and size (`.json`).
//!
//! The sources, the generated bindings and the
//! Go module that the bindings need are put together in a folder beside the component. Go makes a core module
//! of them, which becomes a component with its metadata. The same sources and the same Go give the same
//! bytes everywhere. `cargo xtask renderer` runs this program.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use flate2::Compression;
use flate2::write::GzEncoder;
use longshore_plugin_pack::Metadata;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wit_bindgen_core::Files;
use wit_bindgen_core::wit_parser::{Resolve, WorldId};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};

/// The world of the component.
const WORLD: &str = "chart-render-plugin";

/// The Go module that the generated bindings import. It is in the sources of their generator.
const SUPPORT: &str = "go.bytecodealliance.org/pkg";

/// What the guest consists of, in the folder of this crate.
const SOURCES: [&str; 5] = ["go.mod", "go.sum", "component", "render", "standin"];

fn main() -> ExitCode {
    match build() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&error);
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stderr, reason = "a developer command prints to the terminal")]
fn report(error: &anyhow::Error) {
    eprintln!("error: failed to build the chart renderer: {error:#}");
}

fn build() -> Result<()> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(go), Some(component), None) = (arguments.next(), arguments.next(), arguments.next())
    else {
        bail!("the arguments are the program go and the file to write");
    };
    let sources = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = component.parent().context("the file to write has no folder")?;
    let work = folder.join("module");
    if work.exists() {
        fs::remove_dir_all(&work).with_context(|| format!("cannot clear {}", work.display()))?;
    }
    for source in SOURCES {
        copy(&sources.join(source), &work.join(source))?;
    }

    let mut resolve = Resolve::default();
    let wit = sources.join("../../wit/plugin.wit");
    let package = resolve.push_file(&wit).context("cannot read the contract")?;
    let world = resolve.select_world(&[package], Some(WORLD))?;
    write_bindings(&mut resolve.clone(), world, &work.join("bindings"))?;
    add_support(sources, &work)?;

    let core = compile(&go, &work, &helm_version(&work)?)?;
    let json = fs::read(sources.join("plugin.json")).context("cannot read plugin.json")?;
    let metadata: Metadata = serde_json::from_slice(&json).context("cannot read plugin.json")?;
    let bytes = longshore_plugin_pack::append(&encode(core, &resolve, world)?, &metadata)?;
    write(&component, &bytes)?;
    write(&component.with_extension("wasm.gz"), &compressed(&bytes)?)?;
    let facts = serde_json::json!({
        "sha256": hexadecimal(&Sha256::digest(&bytes)),
        "size": bytes.len(),
        "metadata": metadata,
    });
    write(&component.with_extension("json"), facts.to_string().as_bytes())?;
    fs::remove_dir_all(&work).with_context(|| format!("cannot remove {}", work.display()))
}

/// Replaces a file.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let failed = || format!("cannot write {}", path.display());
    let partial = path.with_extension("partial");
    fs::write(&partial, bytes).with_context(failed)?;
    fs::rename(&partial, path).with_context(failed)
}

/// The binary embeds this form. The same bytes give the same result, because the header has no time.
fn compressed(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Generates the packages that translate between Go and the contract.
fn write_bindings(resolve: &mut Resolve, world: WorldId, folder: &Path) -> Result<()> {
    let options = wit_bindgen_go::Opts {
        // Only people would read it, and gofmt may be missing.
        format: wit_bindgen_go::Format::False,
        pkg_name: Some("longshore/helm-render/bindings".to_owned()),
        export_pkg_name: Some("longshore/helm-render/component".to_owned()),
        ..wit_bindgen_go::Opts::default()
    };
    let mut files = Files::default();
    options.build().generate(resolve, world, &mut files)?;
    for (name, content) in files.iter() {
        // The package of the exports is the guest's own. The generated part is for resources only.
        if name.starts_with("export_") {
            continue;
        }
        let path = folder.join(name);
        fs::create_dir_all(path.parent().context("a file without a folder")?)?;
        fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// Copies the Go module of the bindings, which no Go proxy has, and adds it to `go.mod`.
fn add_support(sources: &Path, work: &Path) -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(sources)
        .args(["metadata", "--format-version", "1", "--locked"])
        .stderr(Stdio::inherit())
        .output()
        .context("cannot run cargo metadata")?;
    ensure!(output.status.success(), "cargo metadata failed");
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"].as_array().context("cargo named no packages")?;
    let generator = packages.iter().find(|package| package["name"] == "wit-bindgen-go");
    let manifest = generator.and_then(|package| package["manifest_path"].as_str());
    let manifest = Path::new(manifest.context("cargo did not name wit-bindgen-go")?);
    copy(&manifest.with_file_name("src").join("pkg/wit"), &work.join("support/wit"))?;
    let module = fs::read_to_string(manifest.with_file_name("src").join("pkg/go.mod"))?;
    fs::write(work.join("support/go.mod"), module)?;

    let path = work.join("go.mod");
    let mut text = fs::read_to_string(&path)?;
    text.push_str(&format!("\nrequire {SUPPORT} v0.0.0\nreplace {SUPPORT} => ./support\n"));
    fs::write(&path, text).context("cannot write go.mod")
}

/// Returns the version of Helm's module, which charts see in `.Capabilities.HelmVersion`.
fn helm_version(work: &Path) -> Result<String> {
    let text = fs::read_to_string(work.join("go.mod"))?;
    let version = text.lines().find_map(|line| line.trim().strip_prefix("helm.sh/helm/v4 "));
    Ok(version.context("go.mod does not name Helm")?.to_owned())
}

/// Compiles the core module.
fn compile(go: &Path, work: &Path, helm: &str) -> Result<Vec<u8>> {
    let core = work.join("core.wasm");
    // wasip1 has no linker checks for the names that Helm's dependencies pull in. Without a build
    // identifier and with trimmed paths, the result does not depend on the machine.
    let linker = format!(
        "-s -w -buildid= -checklinkname=0 -X helm.sh/helm/v4/internal/version.version={helm}"
    );
    let status = Command::new(go)
        .current_dir(work)
        .args(["build", "-trimpath", "-buildvcs=false", "-buildmode=c-shared", "-mod=readonly"])
        .args(["-ldflags", &linker, "-o"])
        .arg(&core)
        .arg("./component")
        .env("GOOS", "wasip1")
        .env("GOARCH", "wasm")
        .env("GOFLAGS", "")
        .env("GOWORK", "off")
        .env("CGO_ENABLED", "0")
        .env_remove("GOWASM")
        .env_remove("GOEXPERIMENT")
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("cannot run {}", go.display()))?;
    ensure!(status.success(), "go build failed ({status}); see what it printed");
    fs::read(&core).context("go build wrote no module")
}

/// Makes a component of a core module.
fn encode(mut core: Vec<u8>, resolve: &Resolve, world: WorldId) -> Result<Vec<u8>> {
    embed_component_metadata(&mut core, resolve, world, StringEncoding::UTF8)?;
    let mut encoder = ComponentEncoder::default();
    encoder
        .validate(true)
        .module(&core)?
        .adapter(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER)?
        .encode()
}

/// Copies a file, or a folder with everything in it.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let failed = || format!("cannot copy {}", from.display());
    if !from.is_dir() {
        fs::create_dir_all(to.parent().context("a file without a folder")?)?;
        fs::copy(from, to).with_context(failed)?;
        return Ok(());
    }
    for entry in fs::read_dir(from).with_context(failed)? {
        let name = entry.with_context(failed)?.file_name();
        copy(&from.join(&name), &to.join(&name))?;
    }
    Ok(())
}
