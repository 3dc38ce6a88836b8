//! Writes `src/bindings/*/generated.rs` of longshore-plugin-sdk from `wit/plugin.wit`, and the bindings of new
//! plugins in Go.
//!
//! The crate could call wit-bindgen's macro instead. But then every build of longshore would compile the
//! macro, with other features of the crates that wasmtime shares. `cargo xtask bindings` runs this program;
//! a test of the crate fails if the contract has changed since.

mod go;

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use wit_bindgen_core::wit_parser::Resolve;
use wit_bindgen_core::{Files, WorldGenerator as _};
use wit_bindgen_rust::{Opts, WithOption};

/// The interfaces that plugins import. All worlds share their types.
const SHARED: [&str; 4] = ["types", "log", "config", "endpoints"];

/// The files to write: their module, and the world that they export.
const WORLDS: [(&str, &str); 6] = [
    ("imports", "longshore:sdk/imports"),
    ("list_format", "longshore:plugin/list-format-plugin"),
    ("list_render", "longshore:sdk/list-render-plugin"),
    ("rewrite", "longshore:plugin/rewrite-plugin"),
    ("repo_type", "longshore:plugin/repo-type-plugin"),
    ("chart_render", "longshore:plugin/chart-render-plugin"),
];

fn main() -> Result<()> {
    let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("no folder above")?;
    let contract = sdk.join("../../wit/plugin.wit");
    let text = fs::read_to_string(&contract).context("cannot read the contract")?;
    let version = text
        .lines()
        .find_map(|line| line.strip_prefix("package longshore:plugin@")?.strip_suffix(';'))
        .context("the contract has no version")?;
    for (module, world) in WORLDS {
        let mut resolve = Resolve::default();
        let package = resolve.push_file(&contract)?;
        let added = resolve.push_str("sdk.wit", &added_worlds(version))?;
        let world = resolve.select_world(&[package, added], Some(world))?;
        let mut files = Files::default();
        options(module, version).build().generate(&mut resolve, world, &mut files)?;
        let (_, code) = files.iter().next().context("nothing was generated")?;
        let code = std::str::from_utf8(code)?;
        let path = sdk.join("src/bindings").join(module).join("generated.rs");
        fs::create_dir_all(path.parent().context("no folder")?)?;
        fs::write(&path, format!("// {}\n{code}", stamp(&text)))?;
        // `cargo fmt` must change nothing later.
        let status = Command::new("rustfmt").args(["--edition", "2024"]).arg(&path).status()?;
        ensure!(status.success(), "rustfmt failed");
    }
    go::write(&contract, &stamp(&text), &sdk.join("../../host/author/templates/go"))
}

/// The worlds that only the crate needs. A list format that also writes is the union of two worlds.
fn added_worlds(version: &str) -> String {
    let imports: String =
        SHARED.iter().map(|name| format!("import longshore:plugin/{name}@{version}; ")).collect();
    format!(
        "package longshore:sdk; world imports {{ {imports} }} \
         world list-render-plugin {{ export longshore:plugin/list-render@{version}; }}"
    )
}

fn options(module: &str, version: &str) -> Opts {
    let derives = ["PartialEq", "Eq", "Hash"].map(str::to_owned).to_vec();
    let shared = Opts { format: true, additional_derive_attributes: derives, ..Opts::default() };
    if module == "imports" {
        return Opts { generate_all: true, generate_unused_types: true, ..shared };
    }
    let used = match module {
        "list_render" => &SHARED[..1],
        "repo_type" => &SHARED[..],
        _ => &SHARED[..3],
    };
    let with = used.iter().map(|name| {
        let path = format!("crate::bindings::imports::{name}");
        (format!("longshore:plugin/{name}@{version}"), WithOption::Path(path))
    });
    Opts {
        with: with.collect(),
        pub_export_macro: true,
        export_macro_name: Some(format!("export_{module}_world")),
        ..shared
    }
}

/// Identifies the text of the contract: FNV-1a in 64 bits.
fn stamp(text: &str) -> String {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("made from wit/plugin.wit {hash:016x}")
}
