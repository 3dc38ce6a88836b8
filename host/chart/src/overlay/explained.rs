//! Tells whether two outputs differ by the names of images only.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use longshore_oci::Reference;

use super::edits::Edit;
use crate::Rendered;
use crate::images::Image;

/// The shortest checksum in an annotation.
const CHECKSUM: usize = 32;

/// The output of a chart without edits, rendered twice: words that differ are random or times, and say
/// nothing about edits.
#[derive(Debug)]
pub(super) struct Base {
    pub(super) first: Vec<Rendered>,
    pub(super) second: Vec<Rendered>,
}

impl Base {
    /// Reports whether an output is the same, apart from random words.
    pub(super) fn is_same(&self, after: &[Rendered]) -> bool {
        self.compare(after, |_, _| false)
    }

    /// Compares word by word. `is_renamed` is asked about words that differ.
    fn compare(&self, after: &[Rendered], is_renamed: impl Fn(&str, &str) -> bool) -> bool {
        let (first, second) = (&self.first, &self.second);
        if first.len() != after.len() || first.len() != second.len() {
            return false;
        }
        let texts = first.iter().zip(second).zip(after);
        texts.into_iter().all(|((first, second), after)| {
            first.template == after.template
                && compare_texts(&first.text, &second.text, &after.text, &is_renamed)
        })
    }
}

fn compare_texts(
    first: &str,
    second: &str,
    after: &str,
    is_renamed: &impl Fn(&str, &str) -> bool,
) -> bool {
    let count = first.lines().count();
    if first == after || count != second.lines().count() {
        return true;
    }
    let lines = first.lines().zip(second.lines()).zip(after.lines());
    count == after.lines().count()
        && lines.into_iter().all(|((first, second), after)| {
            if first == after {
                return true;
            }
            let parts = [first, second, after].map(|line| words(line).collect::<Vec<_>>());
            let [first, second, after] = &parts;
            if first.len() != second.len() {
                return true;
            }
            first.len() == after.len()
                && (0..first.len()).all(|at| {
                    first[at] == after[at]
                        || first[at] != second[at]
                        || is_renamed(first[at], after[at])
                })
        })
}

/// The texts that may replace others.
#[derive(Debug)]
pub(super) struct Renames {
    pairs: HashSet<(String, String)>,
}

impl Renames {
    pub(super) fn new(moves: &[(&Image, Reference)], edits: &[Edit]) -> Self {
        let mut pairs = HashSet::new();
        for (image, to) in moves {
            let names = [image.written.clone(), image.reference.to_string()];
            for name in names {
                pairs.insert((without_version(&name).to_owned(), to.name().to_string()));
            }
        }
        for edit in edits {
            let (from, to) = (without_version(&edit.from), without_version(&edit.to));
            pairs.insert((from.to_owned(), to.to_owned()));
            // What looks like a tag may be the port of a registry.
            let (from, to) = (edit.from.trim_end_matches('/'), edit.to.trim_end_matches('/'));
            pairs.insert((from.to_owned(), to.to_owned()));
        }
        Self { pairs }
    }

    /// Reports whether each difference is a rename, or a checksum of what was renamed.
    pub(super) fn explain(&self, base: &Base, after: &[Rendered]) -> bool {
        base.compare(after, |before, after| self.word(before, after))
    }

    fn word(&self, before: &str, after: &str) -> bool {
        if before == after {
            return true;
        }
        let (name, other) = (without_version(before), without_version(after));
        let is_rename = before[name.len()..] == after[other.len()..]
            && (self.pairs.contains(&(name.to_owned(), other.to_owned()))
                || self.joined(name, other));
        is_rename || is_checksum(before) && is_checksum(after) || self.encoded(before, after)
    }

    /// Reports whether a name begins with a renamed text: charts join registries and repositories.
    fn joined(&self, before: &str, after: &str) -> bool {
        before.match_indices('/').any(|(slash, _)| {
            after.strip_suffix(&before[slash..]).is_some_and(|after| {
                self.pairs.contains(&(before[..slash].to_owned(), after.to_owned()))
            })
        })
    }

    /// Compares what is encoded in base64.
    fn encoded(&self, before: &str, after: &str) -> bool {
        let decoded = |text: &str| String::from_utf8(STANDARD.decode(text).ok()?).ok();
        match (decoded(before), decoded(after)) {
            (Some(before), Some(after)) => {
                compare_texts(&before, &before, &after, &|before, after| self.word(before, after))
            }
            _ => false,
        }
    }
}

/// Splits a line at the characters that stand around names.
fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|letter: char| {
        letter.is_whitespace()
            || matches!(
                letter,
                '"' | '\'' | '`' | ',' | ';' | '(' | ')' | '[' | ']' | '{' | '}' | '|' | '<' | '>'
            )
    })
    .flat_map(|word| {
        // The padding of base64 belongs to the word.
        let end = word.trim_end_matches('=').len();
        let (text, padding) = word.split_at(end);
        match text.rsplit_once('=') {
            Some((before, last)) if padding.is_empty() => vec![before, last],
            _ => vec![word],
        }
    })
}

fn without_version(text: &str) -> &str {
    let text = text.split('@').next().unwrap_or(text);
    let last = text.rfind('/').map_or(0, |slash| slash + 1);
    text[last..].find(':').map_or(text, |colon| &text[..last + colon])
}

fn is_checksum(text: &str) -> bool {
    text.len() >= CHECKSUM && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
