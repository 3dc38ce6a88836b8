//! Lists the templates of new plugins, see `src/template.rs`, and makes the frames that turn core modules into
//! components, see `src/component.rs`.
//!
//! A frame is the component of a placeholder, without the placeholder. It holds WASI's adapter and all that
//! the contract prescribes. So longshore itself needs no encoder of components, which would add a megabyte.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use flate2::Compression;
use flate2::write::GzEncoder;
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wasm_encoder::{
    CodeSection, EntityType, ExportKind, ExportSection, Function, FunctionSection, ImportSection,
    MemorySection, MemoryType, Module, TypeSection, ValType,
};
use wasmparser::{ExternalKind, Parser, Payload, TypeRef};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::abi::{AbiVariant, WasmType};
use wit_parser::{Resolve, WorldId, WorldItem};

const CONTRACT: &str = "../../wit/plugin.wit";
const TEMPLATES: &str = "templates";
const SDK: &str = "../../plugins/sdk/src";

/// The worlds of plugins, and the interfaces that they export.
const WORLDS: [(&str, &str); 5] = [
    ("list-format-plugin", "list-format"),
    ("list-format-render-plugin", "list-format and list-render"),
    ("rewrite-plugin", "rewrite"),
    ("repo-type-plugin", "repo-type"),
    ("chart-render-plugin", "chart-render"),
];

/// How often a core module may import the same function. Packages of Go's runtime import some of WASI's twice.
const COPIES: usize = 4;

/// The first byte of a core module's section in a component.
const MODULE_SECTION: u8 = 1;
/// The size of the preamble of a component.
const PREAMBLE: usize = 8;

fn main() -> Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={CONTRACT}");
    println!("cargo::rerun-if-changed={TEMPLATES}");
    println!("cargo::rerun-if-changed={SDK}");
    let folder = |name| env::var_os(name).map(PathBuf::from).context("cargo sets no folders");
    let out = folder("OUT_DIR")?;
    let mut templates = Vec::new();
    let author = folder("CARGO_MANIFEST_DIR")?;
    collect(&author.join(TEMPLATES), "", &mut templates)?;
    // Each plugin in Rust has a copy of the SDK of this longshore.
    collect(&author.join(SDK), "rust/shared/sdk/src/", &mut templates)?;
    templates.sort();
    write_templates(&templates, &out.join("templates.rs"))?;
    write_frames(&out)
}

/// Adds all files below a folder, by their paths and what they are called below `templates`.
fn collect(folder: &Path, prefix: &str, found: &mut Vec<(String, PathBuf)>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &format!("{name}/"), found)?;
        } else {
            found.push((name, entry.path()));
        }
    }
    Ok(())
}

/// Writes the table of the templates. Some files have other names than in the plugin, so that nothing here
/// takes their folders for packages, or ignores files.
fn write_templates(templates: &[(String, PathBuf)], table: &Path) -> Result<()> {
    let mut text = "/// All files of all templates.\nconst TEMPLATES: &[File] = &[\n".to_owned();
    for (name, path) in templates {
        let mut parts = name.splitn(3, '/');
        let (Some(language), Some(part), Some(rest)) = (parts.next(), parts.next(), parts.next())
        else {
            bail!("{name} is not below templates/LANGUAGE/PART");
        };
        let rest = rest.strip_suffix(".in").unwrap_or(rest);
        let inside = if rest == "gitignore" { ".gitignore" } else { rest };
        writeln!(
            text,
            "File {{ language: {language:?}, part: {part:?}, path: {inside:?}, text: include_str!({path:?}) }},"
        )?;
    }
    text.push_str("];\n");
    fs::write(table, text).context("cannot write the table of templates")
}

fn write_frames(out: &Path) -> Result<()> {
    let mut resolve = Resolve::default();
    let package = resolve.push_file(CONTRACT).context("cannot read the contract")?;
    let preview1 = preview1()?;
    let mut table = format!(
        "/// How often a module may import the same function.\nconst COPIES: usize = {COPIES};\n\n\
         /// The functions of WASI's first preview.\nconst PREVIEW1: &[&str] = &{:?};\n\n\
         /// The worlds of plugins.\nconst FRAMES: &[Frame] = &[\n",
        preview1.iter().map(|function| &function.field).collect::<Vec<_>>()
    );
    for (name, interfaces) in WORLDS {
        let world = resolve.select_world(&[package], Some(name))?;
        let placeholder = Placeholder::of(&resolve, world, &preview1);
        let frame = frame(&placeholder, &resolve, world).with_context(|| name.to_owned())?;
        let exports: Vec<&String> = placeholder.exports.iter().map(|(name, _)| name).collect();
        let imports: Vec<(&String, &String)> =
            placeholder.imports.iter().map(|import| (&import.module, &import.field)).collect();
        fs::write(out.join(format!("{name}.gz")), compressed(&frame)?)?;
        writeln!(
            table,
            "Frame {{ interfaces: {interfaces:?}, imports: &{imports:?}, exports: &{exports:?}, \
             before: {}, bytes: include_bytes!({:?}) }},",
            frame.before.len(),
            out.join(format!("{name}.gz")),
        )?;
    }
    table.push_str("];\n");
    fs::write(out.join("frames.rs"), table).context("cannot write the table of frames")
}

/// The bytes of a component before and after the core module.
struct Frame {
    before: Vec<u8>,
    after: Vec<u8>,
}

/// Puts the placeholder into a component, and cuts it out again.
fn frame(placeholder: &Placeholder, resolve: &Resolve, world: WorldId) -> Result<Frame> {
    let mut core = placeholder.module();
    embed_component_metadata(&mut core, resolve, world, StringEncoding::UTF8)?;
    let component = ComponentEncoder::default()
        .validate(true)
        .module(&core)?
        .adapter(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER)?
        .encode()?;
    let mut at = PREAMBLE;
    while let Some(id) = component.get(at) {
        let (size, length) = size(&component[at + 1..])?;
        let end = at + 1 + length + size;
        if *id == MODULE_SECTION {
            // The encoder writes the module of the plugin first, and the adapter after it.
            let module = &component[end - size..end];
            ensure!(is_placeholder(module), "the first module is not the placeholder");
            return Ok(Frame {
                before: component[..at].to_vec(),
                after: component[end..].to_vec(),
            });
        }
        at = end;
    }
    bail!("the component has no module")
}

/// Reads an unsigned LEB128 number. Returns it and its length.
fn size(bytes: &[u8]) -> Result<(usize, usize)> {
    let mut value = 0;
    for (position, byte) in bytes.iter().enumerate().take(5) {
        value |= usize::from(byte & 0x7f) << (7 * position);
        if byte & 0x80 == 0 {
            return Ok((value, position + 1));
        }
    }
    bail!("a size is broken")
}

fn is_placeholder(module: &[u8]) -> bool {
    let imports = Parser::new(0).parse_all(module).filter_map(|payload| match payload {
        Ok(Payload::ImportSection(section)) => Some(section),
        _ => None,
    });
    let names = imports.flat_map(|section| section.into_imports().filter_map(Result::ok));
    names.into_iter().any(|import| import.module == "longshore:plugin/config@0.1.0")
}

fn compressed(frame: &Frame) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&frame.before)?;
    encoder.write_all(&frame.after)?;
    Ok(encoder.finish()?)
}

/// A function's parameters and results.
type Signature = (Vec<ValType>, Vec<ValType>);

/// A function that a core module imports.
#[derive(Clone)]
struct Import {
    module: String,
    field: String,
    signature: Signature,
}

/// A core module that imports and exports all that a plugin of a world may.
struct Placeholder {
    imports: Vec<Import>,
    preview1: Vec<Import>,
    exports: Vec<(String, Signature)>,
}

impl Placeholder {
    fn of(resolve: &Resolve, world: WorldId, preview1: &[Import]) -> Self {
        let world = &resolve.worlds[world];
        let functions = |item: &WorldItem| match item {
            WorldItem::Interface { id, .. } => {
                resolve.interfaces[*id].functions.values().cloned().collect()
            }
            WorldItem::Function(_) | WorldItem::Type { .. } => Vec::new(),
        };
        let mut imports = Vec::new();
        for (key, item) in &world.imports {
            for function in functions(item) {
                let signature = resolve.wasm_signature(AbiVariant::GuestImport, &function);
                imports.push(Import {
                    module: resolve.name_world_key(key),
                    field: function.name.clone(),
                    signature: (types(&signature.params), types(&signature.results)),
                });
            }
        }
        let mut exports = vec![
            ("_initialize".to_owned(), (Vec::new(), Vec::new())),
            ("cabi_realloc".to_owned(), (vec![ValType::I32; 4], vec![ValType::I32])),
        ];
        for (key, item) in &world.exports {
            for function in functions(item) {
                let signature = resolve.wasm_signature(AbiVariant::GuestExport, &function);
                let name = format!("{}#{}", resolve.name_world_key(key), function.name);
                let results = types(&signature.results);
                // All results in memory hold text, at least that of an error, which has to be freed.
                if signature.retptr {
                    exports.push((format!("cabi_post_{name}"), (results.clone(), Vec::new())));
                }
                exports.push((name, (types(&signature.params), results)));
            }
        }
        Self { imports, preview1: preview1.to_vec(), exports }
    }

    fn module(&self) -> Vec<u8> {
        let (mut types, mut imports) = (TypeSection::new(), ImportSection::new());
        let mut add_type = |(params, results): &Signature| {
            let index = types.len();
            types.ty().function(params.iter().copied(), results.iter().copied());
            index
        };
        // The encoder gives the second import of a function another name, see `src/component.rs`.
        let imported = self.imports.iter().chain(&self.preview1);
        for import in std::iter::repeat_n(imported, COPIES).flatten() {
            let index = add_type(&import.signature);
            imports.import(&import.module, &import.field, EntityType::Function(index));
        }
        let (mut functions, mut code) = (FunctionSection::new(), CodeSection::new());
        let mut exports = ExportSection::new();
        for (name, signature) in &self.exports {
            exports.export(name, ExportKind::Func, imports.len() + functions.len());
            functions.function(add_type(signature));
            let mut body = Function::new([]);
            body.instructions().unreachable().end();
            code.function(&body);
        }
        exports.export("memory", ExportKind::Memory, 0);
        let mut memories = MemorySection::new();
        let memory = MemoryType {
            minimum: 0,
            maximum: None,
            memory64: false,
            shared: false,
            page_size_log2: None,
        };
        memories.memory(memory);
        let mut module = Module::new();
        module.section(&types).section(&imports).section(&functions).section(&memories);
        module.section(&exports).section(&code);
        module.finish()
    }
}

fn types(types: &[WasmType]) -> Vec<ValType> {
    let value = |of: &WasmType| match of {
        WasmType::I32 | WasmType::Pointer | WasmType::Length => ValType::I32,
        WasmType::I64 | WasmType::PointerOrI64 => ValType::I64,
        WasmType::F32 => ValType::F32,
        WasmType::F64 => ValType::F64,
    };
    types.iter().map(value).collect()
}

/// Returns the functions that the adapter offers to core modules.
fn preview1() -> Result<Vec<Import>> {
    let (mut types, mut functions, mut found) = (Vec::new(), Vec::new(), Vec::new());
    for payload in Parser::new(0).parse_all(WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER) {
        match payload? {
            Payload::TypeSection(section) => {
                for function in section.into_iter_err_on_gc_types() {
                    types.push(function?);
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    if let TypeRef::Func(index) = import?.ty {
                        functions.push(index);
                    }
                }
            }
            Payload::FunctionSection(section) => {
                for index in section {
                    functions.push(index?);
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export?;
                    if export.kind != ExternalKind::Func || export.name.starts_with("cabi_") {
                        continue;
                    }
                    let index = functions[export.index as usize];
                    let of = &types[index as usize];
                    let values = |values: &[wasmparser::ValType]| {
                        values.iter().map(value).collect::<Result<Vec<_>>>()
                    };
                    found.push(Import {
                        module: WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME.to_owned(),
                        field: export.name.to_owned(),
                        signature: (values(of.params())?, values(of.results())?),
                    });
                }
            }
            _ => {}
        }
    }
    ensure!(!found.is_empty(), "the adapter offers nothing");
    Ok(found)
}

fn value(of: &wasmparser::ValType) -> Result<ValType> {
    Ok(match of {
        wasmparser::ValType::I32 => ValType::I32,
        wasmparser::ValType::I64 => ValType::I64,
        wasmparser::ValType::F32 => ValType::F32,
        wasmparser::ValType::F64 => ValType::F64,
        other => bail!("the adapter has a function with {other:?}"),
    })
}
