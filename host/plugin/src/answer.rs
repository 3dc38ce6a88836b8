//! What an answer must be before the rest of the host sees it.
//!
//! Strings that become part of references are refused if they hold control characters, and never
//! changed: what is mirrored would be something else. Strings that are only shown are escaped.

use super::contract::{
    Capabilities, Diagnostic, Entry, Filter, Parsed, Prepared, Scope, Selection, Severity, Verdict,
};
use super::error::Failure;
use super::escape::{MAX_SHOWN, shown};

/// A parsed list of at most `most` entries and as many diagnostics. An entry that cannot be used
/// because of something that stands so in `text` becomes a diagnostic: the rest of the list is as good
/// as before. What the plugin made up is its own fault.
pub(super) fn parsed(mut parsed: Parsed, text: &str, most: usize) -> Result<Parsed, Failure> {
    for (what, count) in
        [("entries", parsed.entries.len()), ("diagnostics", parsed.diagnostics.len())]
    {
        if count > most {
            return Err(Failure::AnsweredTooMuch {
                reason: format!("{count} {what}, at most {most} are allowed"),
            });
        }
    }
    let mut unusable = Vec::new();
    parsed.entries.retain(|entry| {
        let found = check(entry);
        let good = found.is_ok();
        unusable.extend(found.err());
        good
    });
    parsed.diagnostics.extend(placed(unusable, text)?);
    for diagnostic in &mut parsed.diagnostics {
        diagnostic.message = shown(&diagnostic.message);
    }
    Ok(parsed)
}

/// What of an entry cannot be used, and why.
struct Unusable {
    line: u32,
    what: &'static str,
    text: String,
    problem: String,
}

fn check(entry: &Entry) -> Result<(), Unusable> {
    let check = |what: &'static str, text: &str| {
        plain(text).map_err(|problem| Unusable {
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

/// Remarks on the input for what is unusable in it, with the column where it stands in its line.
fn placed(unusable: Vec<Unusable>, text: &str) -> Result<Vec<Diagnostic>, Failure> {
    if unusable.is_empty() {
        return Ok(Vec::new());
    }
    let lines: Vec<&str> = text.lines().collect();
    let placed = |found: Unusable| {
        let Unusable { line, what, text: bad_text, problem } = found;
        if !text.contains(&bad_text) {
            return Err(bad(format!("the {what} of the entry at line {line} {problem}")));
        }
        let in_line = (line as usize).checked_sub(1).and_then(|at| lines.get(at));
        let before = in_line.and_then(|line| Some(line[..line.find(&bad_text)?].chars().count()));
        let column = before.and_then(|before| u32::try_from(before + 1).ok()).unwrap_or(0);
        let message = format!("the {what} {problem}");
        Ok(Diagnostic { severity: Severity::Error, line, column, message })
    };
    unusable.into_iter().map(placed).collect()
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
    // Long lists are all printable ASCII, which is told without decoding.
    let is_odd = |byte: u8| !(b' '..=b'~').contains(&byte);
    if text.bytes().any(is_odd) && text.contains(char::is_control) {
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
