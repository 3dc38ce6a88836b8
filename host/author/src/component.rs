//! Makes components of core modules, which is what Go's own compiler writes.
//!
//! `build.rs` encodes a component around a placeholder for each world of the contract, with the adapter for
//! WASI's first preview. A module takes the place of the placeholder: it has the same exports, and some of
//! the same imports.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Read as _;

use flate2::read::GzDecoder;
use wasmparser::{ExternalKind, Parser, Payload, Validator};

use crate::error::CoreModuleError;

/// The first bytes of a core module.
const CORE_MODULE: &[u8] = b"\0asm\x01\0\0\0";
/// The section of a component that holds a core module.
const MODULE_SECTION: u8 = 1;
/// The module that a core module imports WASI's first preview from.
const WASI: &str = "wasi_snapshot_preview1";
/// What the names of longshore's functions start with.
const CONTRACT: &str = "longshore:plugin/";

/// The component of a world, without its core module.
struct Frame {
    /// The interfaces that the module must export.
    interfaces: &'static str,
    /// The functions that it may import, as `(module, function)`.
    imports: &'static [(&'static str, &'static str)],
    /// The functions that it must export. A memory is needed too.
    exports: &'static [&'static str],
    /// The size of the part before the module.
    before: usize,
    /// Both parts, compressed.
    bytes: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/frames.rs"));

/// Returns the component of a core module that exports a world of the contract. Other bytes are returned as
/// they are. The same module gives the same bytes.
///
/// # Errors
/// Fails if the module does not export all functions of a world, if it imports others than those of
/// longshore and of WASI's first preview, or if their types are wrong.
pub fn component_of(bytes: &[u8]) -> Result<Cow<'_, [u8]>, CoreModuleError> {
    if !bytes.starts_with(CORE_MODULE) {
        return Ok(Cow::Borrowed(bytes));
    }
    let module = with_unique_imports(bytes)?;
    let names = Names::of(&module)?;
    let frame = names.frame()?;
    names.check_imports(frame)?;
    let mut component = Vec::new();
    GzDecoder::new(frame.bytes)
        .read_to_end(&mut component)
        .map_err(|error| CoreModuleError::Broken(error.to_string()))?;
    let after = component.split_off(frame.before);
    component.push(MODULE_SECTION);
    push_size(&mut component, module.len());
    component.extend_from_slice(&module);
    component.extend_from_slice(&after);
    Validator::new()
        .validate_all(&component)
        .map_err(|error| CoreModuleError::Invalid(error.message().to_owned()))?;
    Ok(Cow::Owned(component))
}

/// Gives each import a name of its own, which a component wants and Go's linker does not care about. The
/// second import of `NAME` becomes `NAME [v2]`, as the encoder of the frames names it.
fn with_unique_imports(module: &[u8]) -> Result<Cow<'_, [u8]>, CoreModuleError> {
    let mut section_start = CORE_MODULE.len();
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload.map_err(|error| broken(&error))?;
        if let Payload::ImportSection(section) = &payload {
            let range = section.range();
            let (mut renamed, mut copied) = (Vec::new(), range.start);
            let mut counts: HashMap<(&str, &str), usize> = HashMap::new();
            for import in section.clone().into_imports() {
                let import = import.map_err(|error| broken(&error))?;
                let count = counts.entry((import.module, import.name)).or_default();
                *count += 1;
                if *count == 1 {
                    continue;
                }
                // The name is a part of the module's bytes. Its size comes before it.
                let start = import.name.as_ptr() as usize - module.as_ptr() as usize;
                let mut size = Vec::new();
                push_size(&mut size, import.name.len());
                renamed.extend_from_slice(&module[copied..start - size.len()]);
                let name = format!("{} [v{count}]", import.name);
                push_size(&mut renamed, name.len());
                renamed.extend_from_slice(name.as_bytes());
                copied = start + import.name.len();
            }
            if renamed.is_empty() {
                break;
            }
            renamed.extend_from_slice(&module[copied..range.end]);
            let mut unique = module[..=section_start].to_vec();
            push_size(&mut unique, renamed.len());
            unique.extend_from_slice(&renamed);
            unique.extend_from_slice(&module[range.end..]);
            return Ok(Cow::Owned(unique));
        }
        if let Some((_, range)) = payload.as_section() {
            section_start = range.end;
        }
    }
    Ok(Cow::Borrowed(module))
}

/// Appends a size as unsigned LEB128.
fn push_size(bytes: &mut Vec<u8>, mut size: usize) {
    while size >= 0x80 {
        bytes.push((size & 0x7f) as u8 | 0x80);
        size >>= 7;
    }
    bytes.push(size as u8);
}

fn broken(error: &wasmparser::BinaryReaderError) -> CoreModuleError {
    CoreModuleError::Broken(error.to_string())
}

/// The names that a core module imports and exports.
struct Names<'a> {
    imports: Vec<(&'a str, &'a str)>,
    functions: Vec<&'a str>,
}

impl<'a> Names<'a> {
    fn of(module: &'a [u8]) -> Result<Self, CoreModuleError> {
        let (mut imports, mut functions) = (Vec::new(), Vec::new());
        for payload in Parser::new(0).parse_all(module) {
            match payload.map_err(|error| broken(&error))? {
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let import = import.map_err(|error| broken(&error))?;
                        imports.push((import.module, import.name));
                    }
                }
                Payload::ExportSection(section) => {
                    for export in section {
                        let export = export.map_err(|error| broken(&error))?;
                        if export.kind == ExternalKind::Func {
                            functions.push(export.name);
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(Self { imports, functions })
    }

    /// Finds the world that the module exports: the largest one, because a list format may also write.
    fn frame(&self) -> Result<&'static Frame, CoreModuleError> {
        let missing = |frame: &Frame| {
            let absent = |name: &&&str| !self.functions.contains(*name);
            frame.exports.iter().filter(absent).copied().collect::<Vec<_>>()
        };
        let own = |frame: &Frame| {
            let is_there =
                |name: &&&str| name.starts_with(CONTRACT) && self.functions.contains(*name);
            frame.exports.iter().filter(is_there).count()
        };
        let whole = FRAMES.iter().filter(|frame| missing(frame).is_empty());
        if let Some(frame) = whole.max_by_key(|frame| frame.exports.len()) {
            let others =
                |name: &&&str| name.starts_with(CONTRACT) && !frame.exports.contains(*name);
            return match self.functions.iter().find(others) {
                None => Ok(frame),
                Some(other) => Err(CoreModuleError::Export {
                    interfaces: frame.interfaces,
                    name: other.escape_debug().to_string(),
                }),
            };
        }
        let nearest = FRAMES.iter().filter(|frame| own(frame) > 0);
        match nearest.min_by_key(|frame| missing(frame).len()) {
            Some(frame) => Err(CoreModuleError::Missing {
                interfaces: frame.interfaces,
                names: missing(frame)
                    .iter()
                    .map(|name| format!("`{name}`"))
                    .collect::<Vec<_>>()
                    .join(", "),
            }),
            None => Err(CoreModuleError::NoWorld),
        }
    }

    fn check_imports(&self, frame: &Frame) -> Result<(), CoreModuleError> {
        let known = |(module, name): &(&str, &str)| {
            let name = original(name);
            frame.imports.contains(&(*module, name))
                || (*module == WASI && PREVIEW1.contains(&name))
        };
        match self.imports.iter().find(|import| !known(import)) {
            None => Ok(()),
            Some((module, name)) => Err(CoreModuleError::Import {
                module: module.escape_debug().to_string(),
                name: name.escape_debug().to_string(),
            }),
        }
    }
}

/// Returns the name of an import without the number that [`with_unique_imports`] gives it.
fn original(name: &str) -> &str {
    let numbered = name.strip_suffix(']').and_then(|name| name.rsplit_once(" [v"));
    let is_copy = |number: &str| number.parse().is_ok_and(|number: usize| number <= COPIES);
    match numbered {
        Some((name, number)) if is_copy(number) => name,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use longshore_plugin_host::{ComponentInfo, Kind};

    use super::{COPIES, FRAMES, component_of};
    use crate::error::CoreModuleError;

    const APPLY: &str = "longshore:plugin/rewrite@0.1.0#apply";

    /// A core module with what every plugin exports, and `more`.
    fn module(imports: &str, more: &str) -> Vec<u8> {
        let text = format!(
            r#"(module {imports}
                (memory (export "memory") 1)
                (func (export "_initialize"))
                (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
                {more})"#
        );
        wat::parse_str(text).expect("a module")
    }

    /// The exports of a rewrite.
    fn rewrite() -> String {
        format!(
            r#"(func (export "{APPLY}") (param i32 i32) (result i32) unreachable)
               (func (export "cabi_post_{APPLY}") (param i32))"#
        )
    }

    #[test]
    fn a_module_becomes_a_component_of_its_world() {
        let imports = r#"
            (import "wasi_snapshot_preview1" "random_get" (func (param i32 i32) (result i32)))
            (import "longshore:plugin/config@0.1.0" "get" (func (param i32)))"#;
        for imports in ["", imports] {
            let module = module(imports, &rewrite());
            let component = component_of(&module).expect("a component");
            let info = ComponentInfo::read(&component).expect("a component");
            assert_eq!(info.kinds(), [Kind::Rewrite]);
            assert_eq!(component_of(&module).expect("again"), component);
            // A component stays as it is.
            assert!(matches!(component_of(&component), Ok(Cow::Borrowed(_))));
        }
    }

    #[test]
    fn a_function_may_be_imported_several_times() {
        let random =
            r#"(import "wasi_snapshot_preview1" "random_get" (func (param i32 i32) (result i32)))"#;
        let get = r#"(import "longshore:plugin/config@0.1.0" "get" (func (param i32)))"#;
        for copies in 2..=COPIES {
            let imports = [random, get].concat().repeat(copies);
            let module = module(&imports, &rewrite());
            let component = component_of(&module).expect("a component");
            assert!(ComponentInfo::read(&component).is_ok());
        }
        let module = module(&get.repeat(COPIES + 1), &rewrite());
        let error = component_of(&module).expect_err("too many").to_string();
        assert!(error.contains("`get [v5]` of `longshore:plugin/config@0.1.0`"), "{error}");
    }

    #[test]
    fn each_world_has_a_frame() {
        let worlds: Vec<&str> = FRAMES.iter().map(|frame| frame.interfaces).collect();
        assert_eq!(
            worlds,
            ["list-format", "list-format and list-render", "rewrite", "repo-type", "chart-render"]
        );
        for frame in FRAMES {
            let sends = frame.imports.contains(&("longshore:plugin/endpoints@0.1.0", "send"));
            assert_eq!(sends, frame.interfaces == "repo-type", "{}", frame.interfaces);
        }
    }

    #[test]
    fn what_is_no_plugin_is_named() {
        let error = |bytes: &[u8]| component_of(bytes).expect_err("it is no plugin");
        let said = |bytes: &[u8]| error(bytes).to_string();
        assert_eq!(error(&module("", "")), CoreModuleError::NoWorld);
        let apply =
            format!(r#"(func (export "{APPLY}") (param i32 i32) (result i32) unreachable)"#);
        let text = said(&module("", &apply));
        assert!(
            text.ends_with(&format!("a part of rewrite, and not `cabi_post_{APPLY}`")),
            "{text}"
        );
        let bare = wat::parse_str(format!("(module {})", rewrite())).expect("a module");
        let text = said(&bare);
        assert!(text.contains("not `_initialize`, `cabi_realloc`"), "{text}");
        let probe = r#"(func (export "longshore:plugin/list-format@0.1.0#probe"))"#;
        let text = said(&module("", &format!("{}{probe}", rewrite())));
        assert!(text.contains("exports rewrite, and also `longshore:plugin/list-format"), "{text}");
        for import in [
            r#"(import "env" "now" (func))"#,
            r#"(import "wasi_snapshot_preview1" "sock_open" (func))"#,
            r#"(import "wasi:http/types@0.2.0" "x" (func))"#,
            r#"(import "longshore:plugin/endpoints@0.1.0" "send" (func))"#,
            r#"(import "longshore:plugin/config@0.1.0" "set" (func))"#,
            r#"(import "env" "memory" (memory 1))"#,
        ] {
            let module = wat::parse_str(format!("(module {import} {})", rewrite_with_memory()));
            let error = error(&module.expect("a module"));
            assert!(matches!(error, CoreModuleError::Import { .. }), "{import}: {error}");
        }
    }

    /// The exports of a rewrite, in a module whose imports are memories too.
    fn rewrite_with_memory() -> String {
        format!(
            r#"(func (export "_initialize"))
               (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable) {}"#,
            rewrite()
        )
    }

    #[test]
    fn wrong_types_and_damage_are_errors() {
        let other = rewrite().replace("(param i32 i32) (result i32)", "(param i64) (result i32)");
        let config = r#"(import "longshore:plugin/config@0.1.0" "get" (func (result i32)))"#;
        let wasi = r#"(import "wasi_snapshot_preview1" "random_get" (func))"#;
        for module in [
            module("", &other),
            module(config, &rewrite()),
            module(wasi, &rewrite()),
            wat::parse_str(format!("(module {})", rewrite_with_memory())).expect("a module"),
        ] {
            let error = component_of(&module).expect_err("it does not fit");
            assert!(matches!(error, CoreModuleError::Invalid(_)), "{error}");
        }
        let whole = module("", &rewrite());
        for end in [8, 20, whole.len() / 2, whole.len() - 1] {
            assert!(component_of(&whole[..end]).is_err(), "{end} bytes became a component");
        }
    }
}
