//! Writes the packages that translate between Go and the contract, for the templates of plugins in Go.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use wit_bindgen_core::Files;
use wit_bindgen_core::wit_parser::Resolve;
use wit_bindgen_go::{Format, Opts};

/// The kinds of plugins. The world of each has its name and `-plugin`.
const KINDS: [&str; 4] = ["list-format", "rewrite", "repo-type", "chart-render"];

/// The module of a new plugin, which `longshore plugin new` replaces by the plugin's name.
const MODULE: &str = "longshore.plugin/{{name}}";

/// The module that the bindings use, as its path and as its copy in the new plugin.
const SUPPORT: (&str, &str) = ("go.bytecodealliance.org/pkg/wit", "longshore.plugin/{{name}}/bindings/wit");

/// The first line of the copy.
const COPIED: &str =
    "copied from go.bytecodealliance.org/pkg v0.2.3 (Apache-2.0 WITH LLVM-exception)";

/// The part of that module that synchronous functions without resources need. It is in the sources of the
/// generator.
const SUPPORTED: [&str; 5] =
    ["runtime/runtime.go", "types/option.go", "types/result.go", "types/tuple.go", "types/unit.go"];

/// The packages that all worlds share.
const SHARED: [&str; 3] =
    ["longshore_plugin_config/", "longshore_plugin_log/", "longshore_plugin_types/"];

/// Writes the bindings below `templates`: packages that worlds share beside what all plugins share, and the
/// others beside the files of their kind. `stamp` goes into the first line of each file.
pub(crate) fn write(contract: &Path, stamp: &str, templates: &Path) -> Result<()> {
    let shared = templates.join("shared/bindings");
    for kind in KINDS {
        let mut resolve = Resolve::default();
        let package = resolve.push_file(contract)?;
        let world = resolve.select_world(&[package], Some(&format!("{kind}-plugin")))?;
        let options = Opts {
            format: Format::False,
            pkg_name: Some(format!("{MODULE}/bindings")),
            export_pkg_name: Some(MODULE.to_owned()),
            ..Opts::default()
        };
        let mut files = Files::default();
        options.build().generate(&mut resolve, world, &mut files)?;
        let own = templates.join(kind).join("bindings");
        for (name, content) in files.iter() {
            // Assembly files allow functions without a body where there is no WebAssembly.
            if name.ends_with("/empty.s") {
                continue;
            }
            let is_shared = SHARED.iter().any(|package| name.starts_with(package));
            let folder = if is_shared { &shared } else { &own };
            put(&folder.join(name), stamp, std::str::from_utf8(content)?)?;
        }
    }
    let sources = support()?;
    for name in SUPPORTED {
        let text = fs::read_to_string(sources.join(name))
            .with_context(|| format!("cannot read {name} of the generator"))?;
        put(&shared.join("wit").join(name), COPIED, &text)?;
    }
    Ok(())
}

/// Writes a file of Go.
fn put(path: &Path, head: &str, text: &str) -> Result<()> {
    // Only wasip1 has functions without a body. So `go test ./...` leaves the bindings out.
    let text = text.replace(SUPPORT.0, SUPPORT.1);
    let text = format!("// {head}\n\n//go:build wasip1\n\n{text}");
    fs::create_dir_all(path.parent().context("no folder")?)?;
    fs::write(path, text)?;
    let status = Command::new("gofmt").arg("-w").arg(path).status().context("cannot run gofmt")?;
    ensure!(status.success(), "gofmt failed");
    Ok(())
}

/// Returns the folder with the sources of the module that the bindings use.
fn support() -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .output()
        .context("cannot run cargo metadata")?;
    ensure!(output.status.success(), "cargo metadata failed");
    let text = String::from_utf8(output.stdout)?;
    let end = "/Cargo.toml\"";
    let manifests = text.split("\"manifest_path\":\"").skip(1);
    let paths = manifests.filter_map(|rest| rest.split_once(end).map(|(path, _)| path));
    let found = paths.into_iter().find(|path| path.contains("/wit-bindgen-go-"));
    Ok(Path::new(found.context("cargo did not name wit-bindgen-go")?).join("src/pkg/wit"))
}
