//! What the tests of list formats share: texts that are nearly right, and answers in short.

use std::path::{Path, PathBuf};

use crate::diagnostic::{Diagnostic, Severity};
use crate::list::{Confidence, Entry, Filter, Parsed, Selection};

/// How often each fixture is changed.
const ROUNDS: usize = 400;
/// What is put into a text: what the grammars of lists are made of, and what they stumble over.
const PIECES: &[&str] = &[
    ":", "::", ": ", "-", "- ", "\n", "\n\n", "\r\n", "\t", " ", "  ", "#", "@", "/", "//", ",",
    "|", "'", "\"", "{", "}", "[", "]", "&a ", "*a", "<<: ", "!!str ", "---\n", "...", "~", "null",
    "0", "-1", "1.0", "sha256:", "regex:", "\u{0}", "\u{feff}", "ä", "\u{202e}", "😀", "^", "$",
    "(", "*", "{{ x }}", "latest",
];

/// A small generator of numbers: the same in every run (xorshift64*).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(number).unwrap_or(0) % bound.max(1)
    }

    /// A place between two characters.
    fn boundary(&mut self, text: &str) -> usize {
        text.floor_char_boundary(self.below(text.len() + 1))
    }
}

/// Changes `fixtures` in many ways, the same in every run, and gives every text to a format: it must
/// not panic, must answer all of a text that it takes for its own with entries or remarks, and every
/// line that it names must be there.
///
/// # Panics
/// Where it does otherwise.
pub fn survives_mutations(
    fixtures: &[&str],
    probe: impl Fn(&str, &str) -> Confidence,
    parse: impl Fn(&str, &str) -> Parsed,
) {
    let mut numbers = Numbers(0x9E37_79B9_7F4A_7C15);
    for fixture in fixtures {
        for _ in 0..ROUNDS {
            let mut text = (*fixture).to_owned();
            for _ in 0..=numbers.below(4) {
                mutate(&mut text, fixtures, &mut numbers);
            }
            let _ = probe("list", &text);
            check(&text, &parse("list", &text));
        }
    }
}

/// Checks that all places are in the text, and that everything that is there says something.
///
/// # Panics
/// Where that is not so.
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

fn mutate(text: &mut String, fixtures: &[&str], numbers: &mut Numbers) {
    let (a, b) = (numbers.boundary(text), numbers.boundary(text));
    let (start, end) = (a.min(b), a.max(b));
    // Most changes are small, or little would be left of the fixture.
    let near = text.floor_char_boundary(end.min(start + numbers.below(12)));
    let near = near.max(start);
    match numbers.below(7) {
        0 => text.replace_range(start..near, ""),
        1 => text.replace_range(start..near, PIECES[numbers.below(PIECES.len())]),
        2 => text.insert_str(start, PIECES[numbers.below(PIECES.len())]),
        3 => {
            let piece = text[start..end].to_owned();
            text.insert_str(end, &piece);
        }
        4 => text.truncate(end),
        5 => swap_lines(text, numbers),
        _ => {
            let other = fixtures[numbers.below(fixtures.len())];
            let from = numbers.boundary(other);
            text.insert_str(start, &other[from..]);
        }
    }
}

fn swap_lines(text: &mut String, numbers: &mut Numbers) {
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    if lines.len() > 1 {
        let (a, b) = (numbers.below(lines.len()), numbers.below(lines.len()));
        lines.swap(a, b);
        *text = lines.concat();
    }
}

/// Gives every format's fixtures to the probe of `format`: it must know its own, and be certain of no
/// other one's.
///
/// # Panics
/// Where it is not so, or there are no fixtures.
pub fn knows_its_own(format: &str, probe: impl Fn(&str, &str) -> Confidence) {
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut own = 0;
    for plugin in entries_of(&plugins) {
        let is_own = plugin.file_name().is_some_and(|name| name == format);
        for fixture in entries_of(&plugin.join("fixtures")) {
            let text = std::fs::read_to_string(&fixture).expect("a fixture is a text");
            let name = fixture.file_name().and_then(|name| name.to_str()).unwrap_or("list");
            let found = probe(name, &text);
            let fits = if is_own { found > Confidence::No } else { found < Confidence::Certain };
            assert!(fits, "{format} says {found:?} of {}", fixture.display());
            own += usize::from(is_own);
        }
    }
    assert!(own > 0, "{format} has no fixtures");
}

/// What is in a folder; nothing if there is none.
fn entries_of(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    entries.filter_map(|entry| Some(entry.ok()?.path())).collect()
}

/// Each entry as `LINE SOURCE VERSION PLATFORM…`, to be compared at a glance.
///
/// # Panics
/// Where an entry selects more than one tag or digest.
#[must_use]
pub fn entries(parsed: &Parsed) -> Vec<String> {
    let entry = |entry: &Entry| {
        let version = match &entry.selection {
            Selection::Tag(tag) => tag.clone(),
            Selection::Digest { digest, tag: None } => format!("@{digest}"),
            Selection::Digest { digest, tag: Some(tag) } => format!("{tag}@{digest}"),
            other => panic!("{other:?} at line {}", entry.line),
        };
        let platforms: String =
            entry.platforms.iter().map(|platform| format!(" {platform}")).collect();
        format!("{} {} {version}{platforms}", entry.line, entry.source)
    };
    parsed.entries.iter().map(entry).collect()
}

/// Each remark as `LINE:COLUMN MESSAGE`, an error with `!` behind its place.
#[must_use]
pub fn remarks(parsed: &Parsed) -> Vec<String> {
    let remark = |found: &Diagnostic| {
        let mark = if found.severity == Severity::Error { "!" } else { "" };
        format!("{}:{}{mark} {}", found.line, found.column, found.message)
    };
    parsed.diagnostics.iter().map(remark).collect()
}

/// What one tag selects.
#[must_use]
pub fn tag(tag: &str) -> Selection {
    Selection::Tag(tag.to_owned())
}

/// What a digest selects, with the tag that it was written with.
#[must_use]
pub fn digest(digest: &str, tag: Option<&str>) -> Selection {
    Selection::Digest { digest: digest.to_owned(), tag: tag.map(str::to_owned) }
}

/// A filter of tags or repositories without a bound on their number.
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
