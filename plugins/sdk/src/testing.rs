//! Test support for list formats: mutated inputs, and compact forms of results.

use std::path::{Path, PathBuf};

use crate::diagnostic::{Diagnostic, Severity};
use crate::list::{Confidence, Entry, Filter, Parsed, Pinned, Selection};

/// Number of mutations per fixture.
const ROUNDS: usize = 400;
/// Text fragments to insert: tokens of list grammars and common troublemakers.
const PIECES: &[&str] = &[
    ":", "::", ": ", "-", "- ", "\n", "\n\n", "\r\n", "\t", " ", "  ", "#", "@", "/", "//", ",",
    "|", "'", "\"", "{", "}", "[", "]", "&a ", "*a", "<<: ", "!!str ", "---\n", "...", "~", "null",
    "0", "-1", "1.0", "sha256:", "regex:", "\u{0}", "\u{feff}", "ä", "\u{202e}", "😀", "^", "$",
    "(", "*", "{{ x }}", "latest",
];

/// A small random number generator (xorshift64*) with a fixed seed.
struct Rng(u64);

impl Rng {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(number).unwrap_or(0) % bound.max(1)
    }

    /// Returns a random position between two characters.
    fn boundary(&mut self, text: &str) -> usize {
        text.floor_char_boundary(self.below(text.len() + 1))
    }
}

/// Mutates `fixtures` and passes every result to a format. The mutations are the same in every run.
/// The format must not panic. If it accepts a text, it must return entries or diagnostics, and all
/// their lines must exist.
///
/// # Panics
/// Panics if the format breaks one of these rules.
pub fn survives_mutations(
    fixtures: &[&str],
    probe: impl Fn(&str, &str) -> Confidence,
    parse: impl Fn(&str, &str) -> Parsed,
) {
    let mut rng = Rng(0x9E37_79B9_7F4A_7C15);
    for fixture in fixtures {
        for _ in 0..ROUNDS {
            let mut text = (*fixture).to_owned();
            for _ in 0..=rng.below(4) {
                mutate(&mut text, fixtures, &mut rng);
            }
            let _ = probe("list", &text);
            check(&text, &parse("list", &text));
        }
    }
}

/// Checks that all positions are inside the text and that no field is empty.
///
/// # Panics
/// Panics if a check fails.
pub fn check(text: &str, parsed: &Parsed) {
    let lines = u32::try_from(text.lines().count()).unwrap_or(u32::MAX).max(1);
    for entry in &parsed.entries {
        assert!((1..=lines).contains(&entry.line), "{entry:?} of {text:?}");
        assert!(!entry.source.is_empty(), "{entry:?} of {text:?}");
    }
    for diagnostic in &parsed.diagnostics {
        assert!(diagnostic.line <= lines, "{diagnostic:?} of {text:?}");
        assert!(!diagnostic.message.contains('\n'), "{diagnostic:?} of {text:?}");
        assert!(!diagnostic.message.is_empty(), "{diagnostic:?} of {text:?}");
    }
}

fn mutate(text: &mut String, fixtures: &[&str], rng: &mut Rng) {
    let (a, b) = (rng.boundary(text), rng.boundary(text));
    let (start, end) = (a.min(b), a.max(b));
    // Keep most mutations small, so that most of the fixture survives.
    let near = text.floor_char_boundary(end.min(start + rng.below(12)));
    let near = near.max(start);
    match rng.below(7) {
        0 => text.replace_range(start..near, ""),
        1 => text.replace_range(start..near, PIECES[rng.below(PIECES.len())]),
        2 => text.insert_str(start, PIECES[rng.below(PIECES.len())]),
        3 => {
            let piece = text[start..end].to_owned();
            text.insert_str(end, &piece);
        }
        4 => text.truncate(end),
        5 => swap_lines(text, rng),
        _ => {
            let other = fixtures[rng.below(fixtures.len())];
            let from = rng.boundary(other);
            text.insert_str(start, &other[from..]);
        }
    }
}

fn swap_lines(text: &mut String, rng: &mut Rng) {
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    if lines.len() > 1 {
        let (a, b) = (rng.below(lines.len()), rng.below(lines.len()));
        lines.swap(a, b);
        *text = lines.concat();
    }
}

/// Passes the fixtures of every format to the probe of `format`. The probe must recognize its own
/// fixtures and must not be certain about others.
///
/// # Panics
/// Panics if the probe is wrong or if there are no fixtures.
pub fn knows_its_own(format: &str, probe: impl Fn(&str, &str) -> Confidence) {
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut own = 0;
    for plugin in entries_of(&plugins) {
        let is_own = plugin.file_name().is_some_and(|name| name == format);
        for fixture in entries_of(&plugin.join("fixtures")) {
            let text = std::fs::read_to_string(&fixture).expect("a fixture is a string");
            let name = fixture.file_name().and_then(|name| name.to_str()).unwrap_or("list");
            let found = probe(name, &text);
            let fits = if is_own { found > Confidence::No } else { found < Confidence::Certain };
            assert!(fits, "{format} says {found:?} of {}", fixture.display());
            own += usize::from(is_own);
        }
    }
    assert!(own > 0, "{format} has no fixtures");
}

/// Lists the paths in a folder; empty if the folder does not exist.
fn entries_of(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    entries.filter_map(|entry| Some(entry.ok()?.path())).collect()
}

/// Takes the credentials out of a list, each as `LINE REGISTRY JSON`.
pub fn take_credentials(parsed: &mut Parsed) -> Vec<String> {
    let mut taken = Vec::new();
    parsed.entries.retain(|entry| match &entry.attributes[..] {
        [attribute] if attribute.key == "credential" => {
            taken.push(format!("{} {} {}", entry.line, entry.source, attribute.value));
            false
        }
        _ => true,
    });
    taken
}

/// Formats each entry as `LINE SOURCE VERSION PLATFORM…`.
///
/// # Panics
/// Panics if an entry selects more than one tag or digest.
#[must_use]
pub fn entries(parsed: &Parsed) -> Vec<String> {
    let entry = |entry: &Entry| {
        let version = match &entry.select {
            Selection::ByTag(tag) => tag.clone(),
            Selection::ByDigest(Pinned { digest, tag: None }) => format!("@{digest}"),
            Selection::ByDigest(Pinned { digest, tag: Some(tag) }) => format!("{tag}@{digest}"),
            other => panic!("{other:?} at line {}", entry.line),
        };
        let platforms: String =
            entry.platforms.iter().map(|platform| format!(" {platform}")).collect();
        format!("{} {} {version}{platforms}", entry.line, entry.source)
    };
    parsed.entries.iter().map(entry).collect()
}

/// Formats each diagnostic as `LINE:COLUMN MESSAGE`. Errors have a `!` after the position.
#[must_use]
pub fn remarks(parsed: &Parsed) -> Vec<String> {
    let remark = |found: &Diagnostic| {
        let mark = if found.severity == Severity::Error { "!" } else { "" };
        format!("{}:{}{mark} {}", found.line, found.column, found.message)
    };
    parsed.diagnostics.iter().map(remark).collect()
}

/// Creates a selection of one tag.
#[must_use]
pub fn tag(tag: &str) -> Selection {
    Selection::ByTag(tag.to_owned())
}

/// Creates a selection of a digest, with an optional tag.
#[must_use]
pub fn digest(digest: &str, tag: Option<&str>) -> Selection {
    Selection::pinned(digest, tag.map(str::to_owned))
}

/// Creates a filter of tags or repositories without `versions` and `latest`.
#[must_use]
pub fn filter(allow: &[&str], deny: &[&str], versions: Option<&str>) -> Filter {
    let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
    Filter {
        allow: owned(allow),
        deny: owned(deny),
        versions: versions.map(str::to_owned),
        latest: None,
    }
}
