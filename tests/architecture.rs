//! Checks that the modules of the host import each other only as ARCHITECTURE.md allows.
//!
//! Unit tests are not checked: they may import more than the module that they test.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use Arrows::{Never, Only};

/// The siblings that a room may import.
enum Arrows {
    /// Only these.
    Only(&'static [&'static str]),
    /// All except these.
    Never(&'static [&'static str]),
}

/// The rooms: the top-level modules. A new room needs a line here, so that its imports are a decision.
const ROOMS: &[(&str, Arrows)] = &[
    ("cache", Only(&[])),
    ("cli", Never(&[])),
    ("error", Never(&["cli"])),
    ("settings", Never(&["cache", "cli", "plugin", "registry", "serve", "validate"])),
    ("oci", Only(&[])),
    ("registry", Only(&["oci"])),
    (
        "plugin",
        Never(&["cli", "list", "plan", "prepare", "report", "serve", "transfer", "validate"]),
    ),
    ("list", Never(&["cli", "plan", "prepare", "report", "serve", "transfer", "validate"])),
    (
        "convert",
        Never(&["cli", "list", "prepare", "registry", "report", "serve", "transfer", "validate"]),
    ),
    ("plan", Never(&["cli", "prepare", "report", "serve", "transfer", "validate"])),
    ("prepare", Never(&["cli", "report", "serve", "validate"])),
    ("transfer", Never(&["cli", "list", "plugin", "report", "serve", "validate"])),
    ("validate", Never(&["cli", "list", "plugin", "report", "serve"])),
    (
        "serve",
        Never(&["cli", "list", "plan", "plugin", "prepare", "registry", "transfer", "validate"]),
    ),
    ("report", Never(&["cli", "plugin", "registry", "serve"])),
];

/// Crates that only one room may use.
const KEEPERS: &[(&str, &str)] =
    &[("reqwest", "registry"), ("wasmtime", "plugin"), ("wasmtime_wasi", "plugin")];

/// File name words that do not tell what is in a file.
const EMPTY_WORDS: &[&str] = &["common", "helper", "helpers", "manager", "util", "utils"];

#[test]
fn rooms_import_only_what_they_may() {
    let mut wrong = BTreeSet::new();
    let rooms: BTreeMap<&str, &Arrows> =
        ROOMS.iter().map(|(room, arrows)| (*room, arrows)).collect();
    for (file, code) in shipped_code() {
        let Some(room) = room_of(&file) else { continue };
        let Some(arrows) = rooms.get(room.as_str()) else {
            wrong.insert(format!("{}: `{room}` is not in the table", file.display()));
            continue;
        };
        for sibling in siblings(&code) {
            // A name that is not a room is an item of lib.rs.
            let may = match arrows {
                _ if sibling == room || !rooms.contains_key(sibling.as_str()) => true,
                Only(known) => known.contains(&sibling.as_str()),
                Never(unknown) => !unknown.contains(&sibling.as_str()),
            };
            if !may {
                wrong.insert(format!("{}: `{room}` must not import `{sibling}`", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn wasmtime_and_reqwest_stay_in_their_rooms() {
    let mut wrong = BTreeSet::new();
    for (file, code) in shipped_code() {
        for (name, keeper) in KEEPERS {
            let mentioned = code.contains(&format!("{name}::"))
                || code.contains(&format!("use {name};"))
                || code.contains(&format!("use {name} as"));
            if mentioned && room_of(&file).as_deref() != Some(keeper) {
                wrong.insert(format!("{}: only `{keeper}` knows {name}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn main_is_short() {
    let main = fs::read_to_string(source().join("main.rs")).expect("the binary has a main.rs");
    assert!(main.lines().count() <= 30, "main.rs has {} lines", main.lines().count());
}

#[test]
fn file_names_say_what_is_inside() {
    let root = source().join("../..");
    let folders = ["host/src", "plugins", "tests", "xtask/src"];
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
fn the_arrows_are_read_from_every_form_of_import() {
    let code = "use crate::oci::Digest;\nuse crate::{\n    plan::{Job, Plan},\n    registry,\n};\n\
                fn f() { crate::report::print(); }\n// use crate::cli;\n";
    let found: Vec<String> = siblings(&shipped(code)).into_iter().collect();
    assert_eq!(found, ["oci", "plan", "registry", "report"]);
    let tested = "fn f() {}\n\n#[cfg(test)]\nmod tests {\n    use crate::cli;\n}\n";
    assert!(siblings(&shipped(tested)).is_empty());
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Returns every source file of the host, relative to `src`, without tests and comments.
fn shipped_code() -> Vec<(PathBuf, String)> {
    let source = source();
    let files = rust_files(&source);
    assert!(files.len() > ROOMS.len(), "the source is not where this test looks");
    let relative = |file: PathBuf| {
        let text = fs::read_to_string(&file).expect("source files are readable");
        let name = file.strip_prefix(&source).expect("the file is below the source").to_owned();
        let test = name
            .components()
            .any(|part| matches!(part.as_os_str().to_str(), Some("tests" | "tests.rs")));
        (!test).then(|| (name, shipped(&text)))
    };
    files.into_iter().filter_map(relative).collect()
}

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

/// Returns the code without line comments, up to the unit tests, which come last.
fn shipped(text: &str) -> String {
    let mut code = String::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let inline = |next: &&str| next.starts_with("mod ") && next.ends_with('{');
        if line == "#[cfg(test)]" && lines.peek().is_some_and(inline) {
            break;
        }
        code.push_str(line.split("//").next().unwrap_or_default());
        code.push('\n');
    }
    code
}

/// Returns `plan` for `plan.rs` and `plan/job.rs`, and `None` for `lib.rs` and `main.rs`.
fn room_of(file: &Path) -> Option<String> {
    let first = file.components().next()?.as_os_str().to_str()?;
    let room = first.strip_suffix(".rs").unwrap_or(first);
    (room != "lib" && room != "main").then(|| room.to_owned())
}

/// Returns the names right after `crate::`, also in braces.
fn siblings(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (start, _) in code.match_indices("crate::") {
        let rest = &code[start + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            found.extend(first_names(group));
        } else {
            found.insert(leading_name(rest));
        }
    }
    found
}

/// Returns the first name of each item in a group of imports, up to its closing brace.
fn first_names(group: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut depth = 0;
    let mut item = String::new();
    for character in group.chars() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(leading_name(std::mem::take(&mut item).trim())),
            _ if depth == 0 => item.push(character),
            _ => {}
        }
    }
    names.push(leading_name(item.trim()));
    names.retain(|name| !name.is_empty());
    names
}

fn leading_name(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}
