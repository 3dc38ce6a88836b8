//! What a component says about itself, read without compiling or running it.

use std::sync::Arc;

use longshore_plugin_pack::{Kind, Metadata};
use sha2::{Digest as _, Sha256};
use wasmparser::{Parser, Payload};

use crate::error::LoadProblem;
use crate::escape::shown;

/// The most imports, and the most exports, of a component. Real ones have at most some dozens.
const MOST_NAMES: usize = 1_000;

/// The metadata, imports and exports of a component, and what identifies its bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct ComponentInfo {
    /// The metadata, if the component has any. It is untrusted text.
    pub metadata: Option<Metadata>,
    /// The names of the imports, in their order. They are untrusted text.
    pub imports: Vec<String>,
    /// The names of the exports, in their order. They are untrusted text.
    pub exports: Vec<String>,
    /// The size in bytes.
    pub size: usize,
    /// The SHA-256 of the bytes in lower-case hexadecimal digits.
    pub sha256: String,
}

impl ComponentInfo {
    /// Reads a component.
    ///
    /// # Errors
    ///
    /// Fails if the bytes are not a component, or if its metadata is invalid.
    pub fn read(component: &[u8]) -> Result<Self, LoadProblem> {
        Self::with_digest(component, digest(component))
    }

    /// Reads a component like [`ComponentInfo::read`]. `sha256` is its digest.
    pub(crate) fn with_digest(component: &[u8], sha256: String) -> Result<Self, LoadProblem> {
        let metadata = longshore_plugin_pack::read(component)
            .map_err(|error| LoadProblem::Metadata(Arc::new(error)))?;
        let (imports, exports) = names(component)?;
        Ok(Self { metadata, imports, exports, size: component.len(), sha256 })
    }

    /// Returns the kinds of plugins whose interfaces the component exports, in any version.
    #[must_use]
    pub fn kinds(&self) -> Vec<Kind> {
        let exports = |kind: &Kind| {
            let wanted = kind.as_str();
            self.exports.iter().any(|export| interface(export) == Some(wanted))
        };
        let kinds = [Kind::ListFormat, Kind::Rewrite, Kind::RepoType, Kind::ChartRender];
        kinds.into_iter().filter(exports).collect()
    }
}

/// Returns the interface of longshore that a name stands for, without its version.
fn interface(name: &str) -> Option<&str> {
    let rest = name.strip_prefix("longshore:plugin/")?;
    Some(rest.split_once('@').map_or(rest, |(interface, _)| interface))
}

/// Returns the names of the imports and the exports of the component itself, not those of what is inside.
fn names(component: &[u8]) -> Result<(Vec<String>, Vec<String>), LoadProblem> {
    let broken = |error: wasmparser::BinaryReaderError| {
        LoadProblem::Component(shown(&format!("it is damaged: {error}")))
    };
    let (mut imports, mut exports) = (Vec::new(), Vec::new());
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(component) {
        match payload.map_err(broken)? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    push(&mut imports, import.map_err(broken)?.name.name)?;
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    push(&mut exports, export.map_err(broken)?.name.name)?;
                }
            }
            _ => {}
        }
    }
    Ok((imports, exports))
}

fn push(names: &mut Vec<String>, name: &str) -> Result<(), LoadProblem> {
    if names.len() == MOST_NAMES {
        let problem = format!("it has more than {MOST_NAMES} imports or exports");
        return Err(LoadProblem::Component(problem));
    }
    names.push(name.to_owned());
    Ok(())
}

/// Returns the SHA-256 of a component in lower-case hexadecimal digits.
pub(crate) fn digest(component: &[u8]) -> String {
    hex(&Sha256::digest(component))
}

/// Returns the bytes as lower-case hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use longshore_plugin_pack::Kind;

    use super::{ComponentInfo, MOST_NAMES};

    fn read(text: &str) -> Result<ComponentInfo, String> {
        let component = wat::parse_str(text).expect("a component");
        ComponentInfo::read(&component).map_err(|error| error.to_string())
    }

    #[test]
    fn names_of_the_component_itself_are_read() {
        let info = read(
            r#"(component
                (import "wasi:cli/environment@0.2.3" (instance))
                (component $inside (import "inner" (func)) (export "out" (func 0)))
                (core module (import "env" "f" (func)) (func (export "g")))
                (instance $made)
                (export "longshore:plugin/rewrite@0.9.0" (instance $made))
                (export "longshore:plugin/rewriter@0.1.0" (instance $made))
                (export "run" (instance $made)))"#,
        )
        .expect("it is read");
        assert_eq!(info.imports, ["wasi:cli/environment@0.2.3"]);
        assert_eq!(info.exports.len(), 3);
        assert_eq!(info.kinds(), [Kind::Rewrite]);
        assert_eq!(info.metadata, None);
        assert_eq!(info.sha256.len(), 64);
    }

    #[test]
    fn what_is_not_a_component_is_an_error() {
        for bytes in [&b""[..], b"(component)", b"\0asm\x01\0\0\0", b"\0asm\x0d\0\x01\0\x0a\x05"] {
            assert!(ComponentInfo::read(bytes).is_err(), "{bytes:?}");
        }
        let mut cut = wat::parse_str("(component (core module (func)))").expect("a component");
        cut.pop();
        assert!(ComponentInfo::read(&cut).is_err(), "a cut component was read");
    }

    #[test]
    fn names_are_counted() {
        let imports = |count: usize| -> String {
            (0..count).map(|number| format!("(import \"i{number}\" (instance))")).collect()
        };
        assert!(read(&format!("(component {})", imports(MOST_NAMES))).is_ok());
        let error = read(&format!("(component {})", imports(MOST_NAMES + 1))).expect_err("refused");
        assert!(error.contains("more than 1000 imports"), "{error}");
    }
}
