//! Adds metadata to a component, which it makes of a core module first.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use longshore_author::{AuthorError, component_of};
use longshore_engine::event::Level;
use longshore_files::{read_regular, replace_at};
use longshore_plugin_host::{
    FLAG_WORDS, Limits, LoadProblem, Metadata, PluginError, append_metadata, escape, inspect,
};
use serde_json::Value;

use crate::error::{Exit, Fatal};
use crate::flags::PluginPack;
use crate::plugins::InstallError;
use crate::report::Log;

/// The largest file with metadata, in bytes. The metadata itself may be smaller only.
const METADATA_LIMIT: u64 = 1024 * 1024;

/// Packs a component or a core module, checks it, and writes it.
pub(super) fn run(flags: &PluginPack, log: &Log) -> Result<Exit, Fatal> {
    let metadata = metadata(&flags.metadata)?;
    let given = read(&flags.component, Limits::default().component as u64)?;
    let component = component_of(&given)
        .map_err(|error| AuthorError::Core { path: flags.component.clone(), error })?;
    let failed = |problem: LoadProblem| PluginError::Load {
        plugin: escape::shown(&flags.component.display().to_string()),
        problem,
    };
    let packed = append_metadata(&component, &metadata)
        .map_err(|error| failed(LoadProblem::Metadata(Arc::new(error))))?;
    let info = inspect(packed.clone()).map_err(failed)?;
    if FLAG_WORDS.contains(&metadata.name.as_str()) {
        return Err(InstallError::Reserved(metadata.name).into());
    }
    let named = || PathBuf::from(format!("{}.wasm", metadata.name));
    let path = flags.output.clone().unwrap_or_else(named);
    let same = |path: &Path| std::fs::canonicalize(path).ok();
    if same(&path).is_some_and(|path| Some(path) == same(&flags.component)) {
        return Err(InstallError::SameFile(path).into());
    }
    let created = Permissions::from_mode(0o666);
    replace_at(&path, &packed, created, None)
        .map_err(|error| InstallError::Write { path: path.clone(), error })?;
    log.write(Level::Info, &format!("wrote {}, sha256:{}", path.display(), info.sha256));
    Ok(Exit::Done)
}

fn read(path: &Path, limit: u64) -> Result<Vec<u8>, InstallError> {
    read_regular(path, limit).map_err(|error| InstallError::Read { path: path.to_owned(), error })
}

/// Reads the metadata, all of whose keys must be known: a misspelt one would be left out.
fn metadata(path: &Path) -> Result<Metadata, InstallError> {
    let text = read(path, METADATA_LIMIT)?;
    let refused = |why: String| InstallError::Metadata { path: path.to_owned(), why };
    let value: Value = serde_json::from_slice(&text).map_err(|error| refused(error.to_string()))?;
    let metadata: Metadata =
        serde_json::from_slice(&text).map_err(|error| refused(error.to_string()))?;
    let kept = serde_json::to_value(&metadata).map_err(|error| refused(error.to_string()))?;
    match lost(&value, &kept) {
        Some(key) => Err(refused(format!("unknown key {key:?}"))),
        None => Ok(metadata),
    }
}

/// Returns the path of the first key of `value` that `kept` does not have. Keys with an empty value may be
/// left out.
fn lost(value: &Value, kept: &Value) -> Option<String> {
    match (value, kept) {
        (Value::Object(value), Value::Object(kept)) => {
            value.iter().find_map(|(key, value)| match kept.get(key) {
                Some(kept) => lost(value, kept).map(|inner| format!("{key}.{inner}")),
                None if is_empty(value) => None,
                None => Some(key.clone()),
            })
        }
        (Value::Array(value), Value::Array(kept)) => {
            value.iter().zip(kept).find_map(|(value, kept)| lost(value, kept))
        }
        _ => None,
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(items) => items.is_empty(),
        Value::Bool(true) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::metadata;

    #[test]
    fn a_key_that_would_be_left_out_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plugin.json");
        let read = |more: &str| {
            let text = format!(r#"{{"name":"x","version":"1","kind":"list-format"{more}}}"#);
            std::fs::write(&path, text).unwrap();
            metadata(&path).map_err(|error| error.to_string())
        };
        for known in [
            "",
            r#","grants":[],"probe-words":["a"],"list":{"lines":true,"directives":false}"#,
            r#","config-schema":{"type":"object","properties":{"anything":{"x":1}}}"#,
            r#","endpoints":[{"name":"a","origin":"registry","auth":"none"}]"#,
        ] {
            read(known).unwrap();
        }
        for (unknown, key) in [
            (r#","probe_words":["a"]"#, "probe_words"),
            (r#","grant":["GET registry /a"]"#, "grant"),
            (r#","list":{"line":true}"#, "list.line"),
            (r#","list":{"lines":true,"hint":"x"}"#, "list.hint"),
            (
                r#","endpoints":[{"name":"a","origin":"registry","auth":"none","tls":true}]"#,
                "endpoints.tls",
            ),
        ] {
            let error = read(unknown).unwrap_err();
            assert!(error.ends_with(&format!("unknown key {key:?}")), "{error}");
        }
        let error = read(r#","kind":"other""#).unwrap_err();
        assert!(error.contains("plugin.json: ") && error.contains("kind"), "{error}");
    }
}
