//! What an answer must be before the rest of the host sees it.
//!
//! Strings that become part of references are refused if they hold control characters, and never
//! changed: what is mirrored would be something else. Strings that are only shown are escaped.

use super::contract::{Capabilities, Entry, Filter, Parsed, Prepared, Scope, Selection, Verdict};
use super::error::Failure;
use super::escape::{MAX_SHOWN, shown};

/// A parsed list of at most `most` entries and as many diagnostics.
pub(super) fn parsed(mut parsed: Parsed, most: usize) -> Result<Parsed, Failure> {
    for (what, count) in
        [("entries", parsed.entries.len()), ("diagnostics", parsed.diagnostics.len())]
    {
        if count > most {
            return Err(Failure::AnsweredTooMuch {
                reason: format!("{count} {what}, at most {most} are allowed"),
            });
        }
    }
    parsed.entries.iter().try_for_each(entry)?;
    for diagnostic in &mut parsed.diagnostics {
        diagnostic.message = shown(&diagnostic.message);
    }
    Ok(parsed)
}

fn entry(entry: &Entry) -> Result<(), Failure> {
    let check = |what: &str, text: &str| {
        plain(text)
            .map_err(|problem| bad(format!("{what} of the entry at line {} {problem}", entry.line)))
    };
    check("the source", &entry.source)?;
    if let Some(destination) = &entry.destination {
        check("the destination", destination)?;
    }
    if let Some(tag) = &entry.destination_tag {
        check("the destination's tag", tag)?;
    }
    for platform in &entry.platforms {
        check("a platform", platform)?;
    }
    for attribute in &entry.attributes {
        check("an attribute's key", &attribute.key)?;
    }
    match &entry.select {
        Selection::ByTag(tag) => check("the tag", tag)?,
        Selection::ByDigest(pinned) => {
            check("the digest", &pinned.digest)?;
            if let Some(tag) = &pinned.tag {
                check("the tag", tag)?;
            }
        }
        Selection::All => {}
        Selection::Matching(filter) => {
            texts_of(filter).try_for_each(|text| check("a filter", text))?
        }
    }
    entry.repositories.iter().flat_map(texts_of).try_for_each(|text| check("a filter", text))
}

fn texts_of(filter: &Filter) -> impl Iterator<Item = &str> {
    let lists = filter.allow.iter().chain(&filter.deny);
    lists.chain(&filter.versions).map(String::as_str)
}

/// One verdict for each of `asked` items.
pub(super) fn verdicts(mut verdicts: Vec<Verdict>, asked: usize) -> Result<Vec<Verdict>, Failure> {
    check_length("verdicts", verdicts.len(), "items", asked)?;
    for (index, verdict) in verdicts.iter_mut().enumerate() {
        match verdict {
            Verdict::Destination(destination) => plain(destination)
                .map_err(|problem| bad(format!("destination {} {problem}", index + 1)))?,
            Verdict::Skip(reason) | Verdict::Refuse(reason) => *reason = shown(reason),
        }
    }
    Ok(verdicts)
}

/// The scopes of each of `asked` repositories.
pub(super) fn scopes(scopes: Vec<Vec<Scope>>, asked: usize) -> Result<Vec<Vec<Scope>>, Failure> {
    check_length("lists of scopes", scopes.len(), "repositories", asked)?;
    for scope in scopes.iter().flatten() {
        for (what, text) in [("kind", &scope.kind), ("name", &scope.name)] {
            plain(text).map_err(|problem| bad(format!("the {what} of a scope {problem}")))?;
        }
    }
    Ok(scopes)
}

/// What a registry can do.
pub(super) fn capabilities(capabilities: Capabilities) -> Result<Capabilities, Failure> {
    for attribute in &capabilities.attributes {
        for text in [&attribute.key, &attribute.value] {
            plain(text).map_err(|problem| bad(format!("an attribute {problem}")))?;
        }
    }
    Ok(capabilities)
}

/// What became of a scope.
pub(super) fn prepared(mut prepared: Prepared) -> Result<Prepared, Failure> {
    prepared.message = prepared.message.as_deref().map(shown);
    for attribute in &mut prepared.attributes {
        attribute.key = shown(&attribute.key);
        attribute.value = shown(&attribute.value);
    }
    Ok(prepared)
}

fn check_length(what: &str, got: usize, of: &str, asked: usize) -> Result<(), Failure> {
    if got == asked { Ok(()) } else { Err(bad(format!("{got} {what} for {asked} {of}"))) }
}

/// Whether a text may become part of a reference; if not, why, and the text as it can be shown.
fn plain(text: &str) -> Result<(), String> {
    /// So much of a bad text is shown.
    const SAMPLE: usize = 200;
    if text.contains(char::is_control) {
        let sample = super::escape::cut_and_escape(text, SAMPLE);
        return Err(format!("holds a control character: `{sample}`"));
    }
    if text.len() > MAX_SHOWN {
        return Err(format!("has {} bytes, at most {MAX_SHOWN} are allowed", text.len()));
    }
    Ok(())
}

fn bad(reason: String) -> Failure {
    Failure::BadAnswer { reason }
}

#[cfg(test)]
#[path = "tests/answer.rs"]
mod tests;
