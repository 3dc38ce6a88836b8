//! The folders of new plugins.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use longshore_plugin_host::{Kind, PluginHost};

use crate::error::AuthorError;
use crate::project::write;

/// The language of a new plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Go, with its own compiler.
    Go,
    /// JavaScript, with componentize-qjs.
    JavaScript,
    /// Python, with componentize-py.
    Python,
    /// Rust, with the SDK.
    Rust,
}

/// A file of a template. `build.rs` lists all files of `templates/LANGUAGE/PART`.
struct File {
    /// The language, or `fixtures`, which the plugins of all languages share: they do the same.
    language: &'static str,
    /// A kind, or `shared`.
    part: &'static str,
    /// The path below the folder of the plugin.
    path: &'static str,
    text: &'static str,
}

include!(concat!(env!("OUT_DIR"), "/templates.rs"));

/// The contract, of which each plugin has a copy.
const CONTRACT: &str = include_str!("../../../wit/plugin.wit");

impl Language {
    /// Returns the name of the folder with the templates.
    const fn folder(self) -> &'static str {
        match self {
            Self::Go => "go",
            Self::JavaScript => "js",
            Self::Python => "python",
            Self::Rust => "rust",
        }
    }
}

/// Returns the files of a plugin, by their paths. A file of the kind replaces one that all kinds share.
fn files(kind: Kind, language: Language) -> BTreeMap<&'static str, &'static str> {
    let mut files = BTreeMap::from([("wit/plugin.wit", CONTRACT)]);
    for part in ["shared", kind.as_str()] {
        let is_used = |file: &&File| {
            file.part == part && ["fixtures", language.folder()].contains(&file.language)
        };
        files.extend(TEMPLATES.iter().filter(is_used).map(|file| (file.path, file.text)));
    }
    files
}

/// Says how a plugin is used, for the README.
fn usage(kind: Kind, name: &str) -> String {
    match kind {
        Kind::ListFormat => format!("`--list-format ./{name}.wasm`"),
        Kind::Rewrite => format!("`--rewrite ./{name}.wasm`"),
        Kind::RepoType => format!("`--repo-type ./{name}.wasm --grant 'METHODS ENDPOINT /path'`"),
        Kind::ChartRender => format!("`--renderer ./{name}.wasm`"),
    }
}

/// Writes the folder of a new plugin. It builds, and passes its tests, as it is.
///
/// # Errors
/// Fails if the name is not valid or taken, if the folder exists, or if it cannot be written.
pub fn create(
    folder: &Path,
    kind: Kind,
    language: Language,
    name: &str,
) -> Result<(), AuthorError> {
    if !longshore_plugin_pack::is_name(name) {
        return Err(AuthorError::Name { name: name.escape_debug().to_string() });
    }
    let kinds = [Kind::ListFormat, Kind::Rewrite, Kind::RepoType, Kind::ChartRender];
    if kinds.iter().any(|kind| PluginHost::built_in(*kind).contains(&name)) {
        return Err(AuthorError::Reserved { name: name.to_owned() });
    }
    if folder.symlink_metadata().is_ok() {
        return Err(AuthorError::Exists { path: folder.to_owned() });
    }
    for (path, text) in files(kind, language) {
        let path = folder.join(path);
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent)
            .map_err(|error| AuthorError::Write { path: parent.to_owned(), error })?;
        let text = text
            .replace("{{name}}", name)
            .replace("{{kind}}", kind.as_str())
            .replace("{{kind_}}", &kind.as_str().replace('-', "_"))
            .replace("{{use}}", &usage(kind, name));
        write(&path, text.as_bytes())?;
    }
    Ok(())
}
