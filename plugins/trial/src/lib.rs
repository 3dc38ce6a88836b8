//! What the tests of list formats share: answers in short, and a bounded trial with changed texts.
//!
//! Whatever the text, a format must answer without a panic, and each of its places must be in the
//! text. The trial changes fixtures at random places by a fixed seed, so it is the same each time;
//! `fuzz/` looks further.

use longshore_plugin_sdk::diagnostic::{Diagnostic, Severity};
use longshore_plugin_sdk::list::{Confidence, Entry, Parsed, Selection};

/// How many texts are tried for each fixture.
const ROUNDS: usize = 200;

/// What is put into a text: what YAML, JSON, references and package URLs are made of.
const PIECES: [&str; 30] = [
    "\n", " ", "  ", "\t", ":", ": ", "- ", "-", "\"", "'", "{", "}", "[", "]", ",", "#", "&a",
    "*a", "<<: *a", "|", ">", "---\n", "${", "$", "@", "/", "%", "null", "ä", "\u{0}",
];

/// Tries the format with changed fixtures.
///
/// # Panics
/// Where the format does, or answers with a place that is not in the text.
pub fn hold(
    fixtures: &[&str],
    probe: fn(&str, &str) -> Confidence,
    parse: fn(&str, &str) -> Parsed,
) {
    let mut seed = Seed(0x5eed_0f10_6e57_0121);
    for fixture in fixtures {
        check(fixture, parse);
        for _ in 0..ROUNDS {
            let text = seed.changed(fixture);
            let _any = probe("list", &text);
            check(&text, parse);
        }
    }
}

/// Checks what the format says of one text.
///
/// # Panics
/// Where a place is not in the text, or a second answer differs.
pub fn check(text: &str, parse: fn(&str, &str) -> Parsed) {
    let parsed = parse("list", text);
    let lines: Vec<&str> = text.split('\n').collect();
    for found in &parsed.diagnostics {
        let line = (found.line as usize).checked_sub(1).and_then(|index| lines.get(index));
        let Some(line) = line else { panic!("no line {} in {text:?}", found.line) };
        let columns = line.chars().count() + 1;
        assert!((found.column as usize) <= columns, "no column of {found:?} in {text:?}");
        assert!(!found.message.is_empty(), "a remark says nothing about {text:?}");
    }
    for entry in &parsed.entries {
        assert!((1..=lines.len()).contains(&(entry.line as usize)), "no line of {entry:?}");
        assert!(!entry.source.is_empty(), "an entry without a source in {text:?}");
    }
    assert_eq!(parse("list", text), parsed, "another answer the second time");
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
        let platforms = entry.platforms.iter().map(|platform| format!(" {platform}"));
        format!("{} {} {version}{}", entry.line, entry.source, platforms.collect::<String>())
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

/// A small generator of numbers (xorshift).
struct Seed(u64);

impl Seed {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap_or(0) % bound.max(1)
    }

    /// The text with one to four changes.
    fn changed(&mut self, text: &str) -> String {
        let mut text = text.to_owned();
        for _ in 0..=self.below(4) {
            let at = text.floor_char_boundary(self.below(text.len() + 1));
            let end = text.floor_char_boundary((at + self.below(12)).min(text.len()));
            match self.below(4) {
                0 => text.replace_range(at..end, ""),
                1 => text.insert_str(at, PIECES[self.below(PIECES.len())]),
                2 => text.replace_range(at..end, PIECES[self.below(PIECES.len())]),
                _ => text.truncate(at),
            }
        }
        text
    }
}
