//! The folders of new plugins.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use longshore_plugin_host::{FLAG_WORDS, Kind, PluginHost};

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
    if PluginHost::is_built_in(name) {
        return Err(AuthorError::Reserved { name: name.to_owned() });
    }
    if FLAG_WORDS.contains(&name) {
        return Err(AuthorError::FlagWord { name: name.to_owned() });
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

#[cfg(test)]
mod tests {
    use longshore_plugin_host::Kind;

    use super::{CONTRACT, Language, TEMPLATES, create, files};

    const KINDS: [Kind; 4] = [Kind::ListFormat, Kind::Rewrite, Kind::RepoType, Kind::ChartRender];
    const LANGUAGES: [Language; 4] =
        [Language::Go, Language::JavaScript, Language::Python, Language::Rust];

    #[test]
    fn each_kind_has_a_template_in_each_language() {
        for kind in KINDS {
            for language in LANGUAGES {
                let folder = tempfile::tempdir().expect("a folder");
                let folder = folder.path().join("my-plugin");
                create(&folder, kind, language, "my-plugin").expect("it is made");
                for path in ["README.md", ".gitignore", "plugin.json", "wit/plugin.wit", "fixtures"]
                {
                    assert!(folder.join(path).exists(), "{kind} in {language:?} lacks {path}");
                }
                for path in files(kind, language).keys() {
                    let text = std::fs::read_to_string(folder.join(path)).expect("it is written");
                    for left in ["{{name}}", "{{kind", "{{use}}"] {
                        assert!(!text.contains(left), "{path} of {kind} in {language:?}: {left}");
                    }
                }
                assert!(create(&folder, kind, language, "my-plugin").is_err(), "it was replaced");
            }
        }
    }

    #[test]
    fn all_files_of_templates_are_used() {
        let parts = KINDS.map(Kind::as_str);
        for file in TEMPLATES {
            let known = LANGUAGES.iter().any(|language| language.folder() == file.language);
            assert!(known || file.language == "fixtures", "{}", file.language);
            assert!(file.part == "shared" || parts.contains(&file.part), "{}", file.part);
        }
    }

    #[test]
    fn the_bindings_of_go_are_those_of_the_contract() {
        // FNV-1a, as in `plugins/sdk/generate/src/main.rs`.
        let hash = CONTRACT.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let stamp = format!("// made from wit/plugin.wit {hash:016x}\n");
        let is_made =
            |path: &str| path.ends_with("/wit_bindings.go") || path.ends_with("/wit_exports.go");
        let made = TEMPLATES.iter().filter(|file| file.language == "go" && is_made(file.path));
        let mut count = 0;
        for file in made {
            assert!(file.text.starts_with(&stamp), "{}: run `cargo xtask bindings`", file.path);
            count += 1;
        }
        // Three shared packages, the exports of four worlds, their interfaces with types, and the endpoints.
        assert_eq!(count, 12);
    }
}
