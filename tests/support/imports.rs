//! Which files of a crate import which, read from their `use` lines and paths.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// A module by its path below the crate's root.
type Module = Vec<String>;

/// What a module hands on under a name of its own: where the item is, from that module.
type Reexports = BTreeMap<String, Vec<String>>;

/// The files of one crate, and what each imports.
pub(crate) struct Imports {
    code: BTreeMap<Module, String>,
    reexports: BTreeMap<Module, Reexports>,
}

impl Imports {
    /// Reads the crate whose sources are in `folder`.
    pub(crate) fn of(folder: &Path) -> Self {
        let mut code = BTreeMap::new();
        read(folder, &mut Vec::new(), &mut code);
        assert!(!code.is_empty(), "there are no sources in {}", folder.display());
        let mut imports = Self { code, reexports: BTreeMap::new() };
        for (module, text) in &imports.code {
            let mut handed_on = Reexports::new();
            for path in uses(text) {
                let path = path.strip_prefix("self::").unwrap_or(&path).to_owned();
                let segments: Vec<String> = path.split("::").map(str::to_owned).collect();
                let child = [module.as_slice(), &segments[..1]].concat();
                if imports.code.contains_key(&child)
                    && let Some(name) = segments.last()
                {
                    handed_on.insert(name.clone(), segments.clone());
                }
            }
            imports.reexports.insert(module.clone(), handed_on);
        }
        imports
    }

    /// Groups of files that import each other, directly or through others of the group.
    pub(crate) fn circles(&self) -> Vec<Vec<String>> {
        let edges: BTreeMap<&Module, BTreeSet<Module>> =
            self.code.keys().map(|module| (module, self.imported_by(module))).collect();
        let reach = |from: &Module| {
            let mut seen = BTreeSet::new();
            let mut ahead: Vec<Module> = edges[from].iter().cloned().collect();
            while let Some(next) = ahead.pop() {
                if seen.insert(next.clone()) {
                    ahead.extend(edges[&next].iter().cloned());
                }
            }
            seen
        };
        let reached: BTreeMap<&Module, BTreeSet<Module>> =
            self.code.keys().map(|module| (module, reach(module))).collect();
        let mut circles = BTreeSet::new();
        for (module, ahead) in &reached {
            let circle: Vec<String> = ahead
                .iter()
                .filter(|other| reached[other].contains(*module))
                .map(|other| other.join("/"))
                .collect();
            if circle.len() > 1 {
                circles.insert(circle);
            }
        }
        circles.into_iter().collect()
    }

    /// The files that `module` names, in imports and in paths.
    fn imported_by(&self, module: &Module) -> BTreeSet<Module> {
        let text = &self.code[module];
        let mut found = BTreeSet::new();
        for path in paths(text) {
            let segments: Vec<&str> = path.split("::").collect();
            let supers = segments.iter().take_while(|segment| **segment == "super").count();
            let (base, rest) = match segments[0] {
                "crate" => (Vec::new(), &segments[1..]),
                _ if supers > 0 && supers <= module.len() => {
                    (module[..module.len() - supers].to_vec(), &segments[supers..])
                }
                _ => continue,
            };
            let rest: Vec<String> = rest.iter().map(|&segment| segment.to_owned()).collect();
            found.insert(self.resolved(base, &rest, 0));
        }
        found.remove(module);
        found
    }

    /// The file where the item is that `segments` lead to from `base`.
    fn resolved(&self, base: Module, segments: &[String], depth: usize) -> Module {
        let mut module = base;
        let mut segments = segments.iter();
        for segment in segments.by_ref() {
            let child = [module.as_slice(), std::slice::from_ref(segment)].concat();
            if self.code.contains_key(&child) {
                module = child;
                continue;
            }
            let handed_on = self.reexports.get(&module).and_then(|names| names.get(segment));
            return match handed_on.filter(|_| depth < 8) {
                Some(path) => self.resolved(module.clone(), path, depth + 1),
                None => module,
            };
        }
        module
    }
}

/// Reads the modules below `folder`; unit tests are not among them.
fn read(folder: &Path, module: &mut Module, code: &mut BTreeMap<Module, String>) {
    for entry in fs::read_dir(folder).expect("source folders are readable") {
        let path = entry.expect("source folders are readable").path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if name == "tests" || (module.is_empty() && name == "main") {
            continue;
        }
        let is_root = module.is_empty() && name == "lib";
        module.extend((!is_root).then_some(name));
        if path.is_dir() {
            read(&path, module, code);
        } else {
            let text = fs::read_to_string(&path).expect("source files are readable");
            code.insert(module.clone(), shipped(&text));
        }
        if !is_root {
            module.pop();
        }
    }
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

/// The paths of all `use` items at the top of a file, with groups written out.
fn uses(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for statement in text.split(';') {
        let words = statement.trim_start();
        let words = words.lines().last().map_or(words, |_| words);
        let Some(at) = words.find("use ") else { continue };
        let before = words[..at].trim();
        if before.is_empty() || before.ends_with(')') || before.ends_with("pub") {
            found.extend(written_out(words[at + "use ".len()..].trim()));
        }
    }
    found
}

/// The paths that start with `crate` or `super`, in imports and in code, with groups written out.
fn paths(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for start in ["crate::", "super::"] {
        for (at, _) in text.match_indices(start) {
            let before = text[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
                continue;
            }
            found.extend(written_out(&text[at..at + path_length(&text[at..])]));
        }
    }
    found
}

/// How long the path is that `text` begins with, groups included.
fn path_length(text: &str) -> usize {
    let mut depth = 0_usize;
    for (at, character) in text.char_indices() {
        match character {
            '{' if text[..at].ends_with("::") || depth > 0 => depth += 1,
            '}' if depth > 0 => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            _ if depth > 0 || character.is_alphanumeric() || "_:".contains(character) => {}
            _ => return at,
        }
    }
    text.len()
}

/// The paths of `a::{b, c::{d, e}}`, one by one, without `as` and `self`.
fn written_out(path: &str) -> Vec<String> {
    let Some(open) = path.find('{') else {
        let path = path.split(" as ").next().unwrap_or_default().trim();
        let path = path.strip_suffix("::self").unwrap_or(path);
        return if path.is_empty() { Vec::new() } else { vec![path.to_owned()] };
    };
    let (start, group) = (&path[..open], path[open + 1..].trim_end());
    let group = group.strip_suffix('}').unwrap_or(group);
    let (mut depth, mut item, mut items) = (0_usize, String::new(), Vec::new());
    for character in group.chars() {
        match character {
            ',' if depth == 0 => items.push(std::mem::take(&mut item)),
            _ => {
                depth += usize::from(character == '{');
                depth -= usize::from(character == '}');
                item.push(character);
            }
        }
    }
    items.push(item);
    let items = items.iter().map(|item| item.trim()).filter(|item| !item.is_empty());
    items.flat_map(|item| written_out(&format!("{start}{item}"))).collect()
}

#[test]
fn circles_are_found_through_every_form_of_import() {
    let folder = tempfile();
    let write = |name: &str, text: &str| fs::write(folder.join(name), text).unwrap();
    write("lib.rs", "mod a;\nmod b;\nmod c;\npub use b::{Inner, Other as Another};\n");
    write("a.rs", "use crate::{Inner, c::Third};\n");
    write("b.rs", "pub struct Inner;\npub struct Other;\n// use crate::a;\n");
    write("c.rs", "fn f() { super::b::g(); }\n#[cfg(test)]\nmod tests {\n use crate::a::X;\n}\n");
    assert!(Imports::of(&folder).circles().is_empty());
    write("b.rs", "use super::a::{self};\npub struct Inner;\n");
    assert_eq!(Imports::of(&folder).circles(), [["a", "b", "c"]]);
    fs::remove_dir_all(&folder).unwrap();
}

/// A new folder for the test's files.
#[cfg(test)]
fn tempfile() -> std::path::PathBuf {
    let folder = std::env::temp_dir().join(format!("longshore-imports-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder can be made");
    folder
}
