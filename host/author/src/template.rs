//! The folders of new plugins.

use std::fs;
use std::path::Path;

use longshore_plugin_host::{Kind, PluginHost};

use crate::error::AuthorError;
use crate::project::write;
use crate::sources::RUST;

/// The language of a new plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Rust, with the SDK.
    Rust,
    /// Python, with componentize-py. There are templates for list formats and rewrites.
    Python,
}

/// A text of a template, by its path below `templates/rust`.
macro_rules! text {
    ($path:literal) => {
        include_str!(concat!("../templates/rust/", $path))
    };
}

/// A text of a template, by its path below `templates/python`.
macro_rules! python {
    ($path:literal) => {
        include_str!(concat!("../templates/python/", $path))
    };
}

/// Paths below the folder of a plugin, and their texts.
type Files = &'static [(&'static str, &'static str)];

/// The files of every plugin in Rust. The lock file pins the dependencies.
const RUST_SHARED: Files = &[
    ("Cargo.toml", text!("Cargo.toml.in")),
    ("Cargo.lock", text!("Cargo.lock")),
    ("rust-toolchain.toml", text!("rust-toolchain.toml")),
    (".gitignore", text!("gitignore")),
    ("README.md", text!("README.md")),
];

/// The files of every plugin in Python.
const PYTHON_SHARED: Files = &[
    ("requirements.txt", python!("requirements.txt")),
    (".gitignore", python!("gitignore")),
    ("README.md", python!("README.md")),
    ("wit/plugin.wit", include_str!("../../../wit/plugin.wit")),
];

/// The files of a kind in Python. The fixtures are those of Rust: the plugins do the same.
fn in_python(kind: Kind) -> Option<Files> {
    match kind {
        Kind::ListFormat => Some(&[
            ("app.py", python!("list-format/app.py")),
            ("logic.py", python!("list-format/logic.py")),
            ("test_logic.py", python!("list-format/test_logic.py")),
            ("plugin.json", text!("list-format/plugin.json")),
            ("fixtures/list.yaml", text!("list-format/list.yaml")),
            ("fixtures/list.json", text!("list-format/list.json")),
        ]),
        Kind::Rewrite => Some(&[
            ("app.py", python!("rewrite/app.py")),
            ("logic.py", python!("rewrite/logic.py")),
            ("test_logic.py", python!("rewrite/test_logic.py")),
            ("plugin.json", text!("rewrite/plugin.json")),
            ("fixtures/items.json", text!("rewrite/items.json")),
        ]),
        Kind::RepoType | Kind::ChartRender => None,
    }
}

/// The files of a kind in Rust.
fn in_rust(kind: Kind) -> Files {
    match kind {
        Kind::ListFormat => &[
            ("src/lib.rs", text!("list-format/lib.rs")),
            ("plugin.json", text!("list-format/plugin.json")),
            ("fixtures/list.yaml", text!("list-format/list.yaml")),
            ("fixtures/list.json", text!("list-format/list.json")),
        ],
        Kind::Rewrite => &[
            ("src/lib.rs", text!("rewrite/lib.rs")),
            ("plugin.json", text!("rewrite/plugin.json")),
            ("fixtures/items.json", text!("rewrite/items.json")),
        ],
        Kind::RepoType => &[
            ("src/lib.rs", text!("repo-type/lib.rs")),
            ("plugin.json", text!("repo-type/plugin.json")),
            ("fixtures/created.json", text!("repo-type/created.json")),
            ("fixtures/scopes.json", text!("repo-type/scopes.json")),
        ],
        Kind::ChartRender => &[
            ("src/lib.rs", text!("chart-render/lib.rs")),
            ("plugin.json", text!("chart-render/plugin.json")),
            ("fixtures/chart.json", text!("chart-render/chart.json")),
            ("fixtures/chart/Chart.yaml", text!("chart-render/Chart.yaml")),
            ("fixtures/chart/templates/pod.yaml", text!("chart-render/pod.yaml")),
        ],
    }
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
/// Fails if the name is not valid or taken, if there is no template, if the folder exists, or if it cannot
/// be written.
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
    let parts = match language {
        Language::Rust => [RUST_SHARED, in_rust(kind), RUST],
        Language::Python => {
            let files =
                in_python(kind).ok_or(AuthorError::NoTemplate { kind, language: "Python" })?;
            [PYTHON_SHARED, files, &[]]
        }
    };
    for (path, text) in parts.into_iter().flatten() {
        let path = folder.join(path);
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent)
            .map_err(|error| AuthorError::Write { path: parent.to_owned(), error })?;
        let text = text
            .replace("{{name}}", name)
            .replace("{{kind}}", kind.as_str())
            .replace("{{use}}", &usage(kind, name));
        write(&path, text.as_bytes())?;
    }
    Ok(())
}
