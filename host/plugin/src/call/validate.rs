//! Validation of the results of plugins.
//!
//! A string that becomes part of a reference must not hold control characters, or characters that reorder
//! the text around them. The host refuses such a string and never changes it, because it would then mirror
//! something else. It escapes strings that it only shows.

use crate::contract::{
    Capabilities, Diagnostic, Entry, Filter, Manifest, Parsed, Prepared, Scope, Selection,
    Severity, Verdict,
};
use crate::error::Failure;
use crate::escape::{MAX_SHOWN, cut_and_escape, is_unsafe, is_unsafe_text, shown};

/// The longest kind or name of a scope, and key or value of an attribute, in bytes.
const MAX_WORD: usize = 512;
/// The most attributes of a registry.
const MAX_ATTRIBUTES: usize = 64;
/// The longest remark on an item or a scope, in bytes. A run may have very many.
const MAX_REMARK: usize = 512;

/// Cuts and escapes a remark.
fn remark(text: &str) -> String {
    cut_and_escape(text, MAX_REMARK)
}

/// Validates a parsed list, which has at most `most` entries and `most` diagnostics.
///
/// An entry with an invalid string that is in `text`, or may be in it as an escape such as `\u001b`,
/// becomes a diagnostic, and the rest of the list stays valid. Another invalid string is a fault of the
/// plugin.
pub(crate) fn parsed(mut parsed: Parsed, text: &str, most: usize) -> Result<Parsed, Failure> {
    for (what, count) in
        [("entries", parsed.entries.len()), ("diagnostics", parsed.diagnostics.len())]
    {
        if count > most {
            return Err(Failure::ResultTooLarge {
                reason: format!("{count} {what}, at most {most} are allowed"),
            });
        }
    }
    let mut invalid = Vec::new();
    parsed.entries.retain(|entry| {
        let found = check(entry);
        let good = found.is_ok();
        invalid.extend(found.err());
        good
    });
    parsed.diagnostics.extend(diagnostics_of(invalid, text)?);
    for diagnostic in &mut parsed.diagnostics {
        diagnostic.message = shown(&diagnostic.message);
    }
    Ok(parsed)
}

/// An invalid string in an entry.
struct InvalidField {
    line: u32,
    what: &'static str,
    text: String,
    problem: String,
}

fn check(entry: &Entry) -> Result<(), InvalidField> {
    let check = |what: &'static str, text: &str| {
        plain(text).map_err(|problem| InvalidField {
            line: entry.line,
            what,
            text: text.to_owned(),
            problem,
        })
    };
    check("source", &entry.source)?;
    if let Some(destination) = &entry.destination {
        check("destination", destination)?;
    }
    if let Some(tag) = &entry.destination_tag {
        check("destination's tag", tag)?;
    }
    for platform in &entry.platforms {
        check("platform", platform)?;
    }
    for attribute in &entry.attributes {
        check("attribute's key", &attribute.key)?;
    }
    match &entry.select {
        Selection::ByTag(tag) => check("tag", tag)?,
        Selection::ByDigest(pinned) => {
            check("digest", &pinned.digest)?;
            if let Some(tag) = &pinned.tag {
                check("tag", tag)?;
            }
        }
        Selection::All => {}
        Selection::Matching(filter) => {
            texts_of(filter).try_for_each(|text| check("filter", text))?
        }
    }
    entry.repositories.iter().flat_map(texts_of).try_for_each(|text| check("filter", text))
}

/// Returns a diagnostic for each invalid string, with its column in the line.
fn diagnostics_of(invalid: Vec<InvalidField>, text: &str) -> Result<Vec<Diagnostic>, Failure> {
    if invalid.is_empty() {
        return Ok(Vec::new());
    }
    let lines: Vec<&str> = text.lines().collect();
    // JSON, YAML and others write any character with a backslash.
    let may_be_escaped = text.contains('\\');
    let placed = |found: InvalidField| {
        let InvalidField { line, what, text: bad_text, problem } = found;
        if !may_be_escaped && !text.contains(&bad_text) {
            return Err(bad(format!("the {what} of the entry at line {line} {problem}")));
        }
        let in_line = (line as usize).checked_sub(1).and_then(|at| lines.get(at));
        let before = in_line.and_then(|line| Some(line[..line.find(&bad_text)?].chars().count()));
        let column = before.and_then(|before| u32::try_from(before + 1).ok()).unwrap_or(0);
        let message = format!("the {what} {problem}");
        Ok(Diagnostic { severity: Severity::Error, line, column, message })
    };
    invalid.into_iter().map(placed).collect()
}

fn texts_of(filter: &Filter) -> impl Iterator<Item = &str> {
    let lists = filter.allow.iter().chain(&filter.deny);
    lists.chain(&filter.versions).map(String::as_str)
}

/// Validates the verdicts of `asked` items.
pub(crate) fn verdicts(mut verdicts: Vec<Verdict>, asked: usize) -> Result<Vec<Verdict>, Failure> {
    check_length("verdicts", verdicts.len(), "items", asked)?;
    for (index, verdict) in verdicts.iter_mut().enumerate() {
        match verdict {
            Verdict::Destination(destination) => plain(destination)
                .map_err(|problem| bad(format!("destination {} {problem}", index + 1)))?,
            Verdict::Skip(reason) | Verdict::Refuse(reason) => *reason = remark(reason),
        }
    }
    Ok(verdicts)
}

/// Validates the scopes of `asked` repositories, at most `most` of each.
pub(crate) fn scopes(
    scopes: Vec<Vec<Scope>>,
    asked: usize,
    most: usize,
) -> Result<Vec<Vec<Scope>>, Failure> {
    check_length("lists of scopes", scopes.len(), "repositories", asked)?;
    if let Some(count) = scopes.iter().map(Vec::len).find(|&count| count > most) {
        let reason = format!("{count} scopes of a repository, at most {most} are allowed");
        return Err(Failure::ResultTooLarge { reason });
    }
    for scope in scopes.iter().flatten() {
        for (what, text) in [("kind", &scope.kind), ("name", &scope.name)] {
            plain_up_to(text, MAX_WORD)
                .map_err(|problem| bad(format!("the {what} of a scope {problem}")))?;
        }
    }
    Ok(scopes)
}

/// Validates the capabilities of a registry.
pub(crate) fn capabilities(capabilities: Capabilities) -> Result<Capabilities, Failure> {
    let count = capabilities.attributes.len();
    if count > MAX_ATTRIBUTES {
        let reason = format!("{count} attributes, at most {MAX_ATTRIBUTES} are allowed");
        return Err(Failure::ResultTooLarge { reason });
    }
    for attribute in &capabilities.attributes {
        for text in [&attribute.key, &attribute.value] {
            plain_up_to(text, MAX_WORD)
                .map_err(|problem| bad(format!("an attribute {problem}")))?;
        }
    }
    Ok(capabilities)
}

/// Escapes the result of preparing a scope, which is only shown.
pub(crate) fn prepared(mut prepared: Prepared) -> Result<Prepared, Failure> {
    prepared.message = prepared.message.as_deref().map(remark);
    for attribute in &mut prepared.attributes {
        attribute.key = shown(&attribute.key);
        attribute.value = shown(&attribute.value);
    }
    Ok(prepared)
}

/// Validates the paths of rendered documents. Their texts are parsed and never shown as they are.
pub(crate) fn manifests(manifests: Vec<Manifest>) -> Result<Vec<Manifest>, Failure> {
    for manifest in &manifests {
        plain(&manifest.path)
            .map_err(|problem| bad(format!("the path of a document {problem}")))?;
    }
    Ok(manifests)
}

fn check_length(what: &str, got: usize, of: &str, asked: usize) -> Result<(), Failure> {
    if got == asked { Ok(()) } else { Err(bad(format!("{got} {what} for {asked} {of}"))) }
}

/// Checks that a rendered list has no character that steers a terminal. Its lines may have tabs, and the
/// line endings of another system.
pub(crate) fn rendered(text: String) -> Result<String, Failure> {
    let is_bad = |(at, character): &(usize, char)| match character {
        '\n' | '\t' => false,
        '\r' => !text[at + 1..].starts_with('\n'),
        other => is_unsafe(*other),
    };
    let found = text.char_indices().find(is_bad);
    match found {
        Some((at, character)) => {
            let line = text[..at].matches('\n').count() + 1;
            let character = character.escape_default();
            Err(bad(format!("line {line} holds the control character `{character}`")))
        }
        None => Ok(text),
    }
}

/// Checks that a text may become part of a reference. The error says why not, and shows the text.
fn plain(text: &str) -> Result<(), String> {
    plain_up_to(text, MAX_SHOWN)
}

/// Like [`plain`], with a limit in bytes.
fn plain_up_to(text: &str, limit: usize) -> Result<(), String> {
    /// The size of the shown part of an invalid text, in bytes.
    const SAMPLE: usize = 200;
    if is_unsafe_text(text) {
        let sample = cut_and_escape(text, SAMPLE);
        return Err(format!("holds a control character: `{sample}`"));
    }
    if text.len() > limit {
        return Err(format!("has {} bytes, at most {limit} are allowed", text.len()));
    }
    Ok(())
}

fn bad(reason: String) -> Failure {
    Failure::InvalidResult { reason }
}

#[cfg(test)]
mod tests;
