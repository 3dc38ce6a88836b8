//! The crates of ARCHITECTURE.md and the arrows between them, and the files inside each crate.
//!
//! Cargo refuses circles between crates; this test reads which arrows there are. Between the files of a
//! crate it finds circles itself. Unit tests are not looked at: they may reach further than the file
//! that they test.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::imports::Imports;

/// The crates of the host, and which of each other they may depend on. A new crate needs a line here:
/// its place is decided, not found out.
const CRATES: &[(&str, &[&str])] = &[
    ("oci", &[]),
    ("files", &[]),
    ("store", &["oci"]),
    ("registry", &["oci", "files", "store"]),
    ("layout", &["oci", "store"]),
    ("engine", &["oci", "files", "store"]),
    ("fleet", &["oci", "store", "engine"]),
    ("plugin", &["files"]),
    ("chart", &["oci", "files", "store", "registry"]),
    ("renderer", &["plugin", "chart"]),
    ("author", &["files", "plugin"]),
    (
        "cli",
        &[
            "oci", "files", "store", "registry", "layout", "engine", "fleet", "plugin", "chart",
            "renderer", "author",
        ],
    ),
];

/// Dependencies that one crate keeps to itself.
const KEEPERS: &[(&str, &str)] = &[
    ("async-nats", "fleet"),
    ("axum", "layout"),
    ("clap", "cli"),
    ("reqwest", "registry"),
    ("wasmtime", "plugin"),
    ("wasmtime-wasi", "plugin"),
];

/// A folder with more files has a room in it that nobody has named yet.
const FILES_IN_A_FOLDER: usize = 15;

/// Words that do not say what a file contains.
const EMPTY_WORDS: &[&str] = &["common", "helper", "helpers", "manager", "util", "utils"];

#[test]
fn crates_depend_only_on_those_that_they_may() {
    let names: BTreeMap<String, &str> =
        CRATES.iter().map(|(folder, _)| (package(folder), *folder)).collect();
    let mut wrong = BTreeSet::new();
    for (folder, may) in CRATES {
        for dependency in dependencies(folder) {
            let Some(other) = names.get(&dependency) else { continue };
            if !may.contains(other) {
                wrong.insert(format!("`{folder}` must not depend on `{other}`"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let folders: BTreeSet<String> = fs::read_dir(host())
        .expect("the crates are readable")
        .map(|entry| entry.expect("the crates are readable").file_name())
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    let listed: BTreeSet<String> = CRATES.iter().map(|(folder, _)| (*folder).to_owned()).collect();
    assert_eq!(folders, listed, "each crate has a line in the table");
}

#[test]
fn some_dependencies_stay_in_their_crates() {
    for (dependency, keeper) in KEEPERS {
        for (folder, _) in CRATES {
            let has = dependencies(folder).iter().any(|found| found == dependency);
            assert_eq!(has, folder == keeper, "`{folder}` and {dependency}");
        }
    }
}

#[test]
fn no_file_imports_itself_through_others() {
    let circles: Vec<String> = CRATES
        .iter()
        .flat_map(|(folder, _)| Imports::of(&host().join(folder).join("src")).circles())
        .map(|circle| circle.join(" → "))
        .collect();
    assert!(circles.is_empty(), "{circles:#?}");
}

#[test]
fn main_is_short() {
    let main = fs::read_to_string(host().join("cli/src/main.rs")).expect("there is a main.rs");
    assert!(main.lines().count() <= 30, "main.rs has {} lines", main.lines().count());
}

#[test]
fn file_names_say_what_is_inside() {
    let root = host().join("..");
    let folders = ["host", "plugins", "tests", "xtask/src"];
    let files = folders.iter().flat_map(|folder| rust_files(&root.join(folder)));
    let empty: Vec<PathBuf> = files
        .filter(|file| {
            let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            stem.split('_').any(|word| EMPTY_WORDS.contains(&word))
        })
        .collect();
    assert!(empty.is_empty(), "{empty:#?}");
}

#[test]
fn folders_have_few_files() {
    let mut count: BTreeMap<PathBuf, usize> = BTreeMap::new();
    for file in rust_files(&host()) {
        *count.entry(file.parent().expect("files lie in folders").to_owned()).or_default() += 1;
    }
    count.retain(|_, files| *files > FILES_IN_A_FOLDER + 5);
    assert!(count.is_empty(), "{count:#?}");
}

/// The workspace of `fuzz/` is not built with this one, so nothing else notices when it is out of date.
#[test]
fn each_list_format_is_fuzzed_with_its_lock_file() {
    let root = host().join("..");
    let read = |path: &str| fs::read_to_string(root.join(path)).expect("fuzz/ has its files");
    let (targets, lock) = (read("fuzz/Cargo.toml"), read("fuzz/Cargo.lock"));
    for entry in fs::read_dir(root.join("plugins")).expect("the plugins are readable") {
        let folder = entry.expect("the plugins are readable").path();
        let metadata = fs::read_to_string(folder.join("plugin.json")).unwrap_or_default();
        if !metadata.contains("\"kind\": \"list-format\"") {
            continue;
        }
        let name = folder.file_name().expect("a folder has a name").to_string_lossy();
        assert!(targets.contains(&format!("name = \"{name}\"")), "{name} has no fuzz target");
        let package = format!("name = \"longshore-plugin-{name}\"");
        assert!(lock.contains(&package), "fuzz/Cargo.lock lacks {name}; run cargo update -w there");
    }
}

fn host() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn manifest(folder: &str) -> String {
    let path = host().join(folder).join("Cargo.toml");
    fs::read_to_string(path).expect("each crate has a Cargo.toml")
}

/// The name of the package in a folder.
fn package(folder: &str) -> String {
    let text = manifest(folder);
    let line = text.lines().find_map(|line| line.strip_prefix("name = "));
    line.expect("a package has a name").trim_matches('"').to_owned()
}

/// The dependencies that a package ships with.
fn dependencies(folder: &str) -> Vec<String> {
    let text = manifest(folder);
    let lines = text.lines().skip_while(|line| *line != "[dependencies]").skip(1);
    lines
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split(['.', ' ', '=']).next())
        .filter(|name| !name.is_empty() && !name.starts_with('#'))
        .map(str::to_owned)
        .collect()
}

/// Returns every source file below `folder`.
fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("source folders are readable") {
        let path = entry.expect("source folders are readable").path();
        if path.is_dir() {
            // A plugin built by hand has a target folder.
            if path.file_name().is_some_and(|name| name != "target") {
                files.extend(rust_files(&path));
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}
