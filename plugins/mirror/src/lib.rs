//! The list format `mirror`: three columns per line, source, destination and tag.
//!
//! ```text
//! # <SOURCE> <DEST> <TAG>
//! docker.io/hello-world private.io/library/hello-world latest
//! # longshore: platforms=linux/amd64,linux/arm64
//! mysql library/mysql 8@sha256:…
//! # longshore: destination-tag=stable
//! redis library/redis 7.2  # a remark
//! # longshore: tags=^8\. latest=3
//! mysql library/mysql *
//! ```
//!
//! The host validates the references. A line fails here only if its columns, or the options above it, are
//! malformed: without the options, it could select far more.

use std::net::Ipv6Addr;

use longshore_plugin_sdk::diagnostic::Diagnostic;
use longshore_plugin_sdk::line::{Field, Line, lines};
use longshore_plugin_sdk::list::{Confidence, Entry, Parsed, Selection};
use longshore_plugin_sdk::reference::{Parts, has_digest_algorithm};
use longshore_plugin_sdk::shape::{
    confidence, fields_before_remark, is_word_of_entry, pull_command,
};

mod near;
mod render;
mod terms;

pub use render::render;
use terms::Terms;

/// Column 3 of a line that selects tags by pattern: those of the comment above, or all.
pub(crate) const PATTERN: &str = "*";

longshore_plugin_sdk::export_list_format!(probe, parse);
longshore_plugin_sdk::export_list_render!(render);

/// Reports whether the text is a list in this format.
#[must_use]
pub fn probe(_file_name: &str, head: &str) -> Confidence {
    confidence(head, |line| {
        columns(line).is_ok_and(|[source, destination, tag]| {
            let is_word = |column: &Field<'_>| is_word_of_entry(column.text);
            let names = check_names(line, [source, destination]).is_ok()
                || (tag.text == PATTERN && selects_registry(source, destination));
            pull_command(&[source, destination, tag]) == 0
                && names
                && [source, destination].iter().all(is_word)
                && (tag.text == PATTERN || is_word(&tag))
                && selection(line, tag).is_ok()
        })
    })
}

/// Parses the list.
#[must_use]
pub fn parse(_file_name: &str, text: &str) -> Parsed {
    let mut parsed = Parsed::default();
    let mut terms = Terms::default();
    for line in lines(text) {
        if line.is_comment() {
            terms.read(&line, &mut parsed.diagnostics);
            continue;
        }
        parsed.diagnostics.extend(terms::late(&line));
        // A malformed line consumes the comment, or it would apply to the wrong line.
        let terms = std::mem::take(&mut terms);
        let read = entry(&line, terms.selects_repositories());
        match read.and_then(|read| terms.checked(&line).map(|()| read)) {
            Ok((mut entry, warning)) => {
                parsed.diagnostics.extend(terms.give_to(&mut entry, &line));
                parsed.entries.push(entry);
                parsed.diagnostics.extend(warning);
            }
            Err(error) => parsed.diagnostics.push(error),
        }
    }
    parsed.diagnostics.extend(terms.unused());
    parsed
}

/// Parses a line. If it `selects_repositories`, its first two columns may be registries alone.
fn entry(
    line: &Line<'_>,
    selects_repositories: bool,
) -> Result<(Entry, Option<Diagnostic>), Diagnostic> {
    let [source, destination, tag] = columns(line)?;
    if !selects_repositories {
        check_names(line, [source, destination])?;
    }
    let selection = selection(line, tag)?;
    let warning =
        matches!(&selection, Selection::ByDigest(pinned) if pinned.tag.is_none()).then(|| {
            line.warning(tag.start, "the destination gets no tag, as only a digest is given".into())
        });
    let entry = Entry::new(source.text, selection, line.number).to(destination.text);
    Ok((entry, warning))
}

/// Splits a line into exactly three fields.
fn columns<'a>(line: &Line<'a>) -> Result<[Field<'a>; 3], Diagnostic> {
    let fields = fields_before_remark(line);
    let &[source, destination, tag] = fields.as_slice() else {
        let at = match (fields.get(3), fields.last()) {
            (Some(fourth), _) => fourth.start,
            (None, Some(last)) => last.start + last.text.len(),
            (None, None) => 0,
        };
        return Err(line.error(at, wrong_number(fields.len())));
    };
    Ok([source, destination, tag])
}

/// Reports whether a registry with a port, which looks like a name with a tag, is in one of the columns and
/// nothing with a tag is in the other. Such a line selects repositories by the comment above it.
fn selects_registry(source: Field<'_>, destination: Field<'_>) -> bool {
    let is_registry = |column: &Field<'_>| {
        // The last colon, as an IPv6 address has others.
        column.text.rsplit_once(':').is_some_and(|(host, port)| {
            let is_name = !host.contains(':') && (host == "localhost" || host.contains('.'));
            (is_name || is_ipv6(host))
                && !port.is_empty()
                && port.bytes().all(|byte| byte.is_ascii_digit())
        })
    };
    let is_name = |column: &Field<'_>| {
        let parts = Parts::of(column.text);
        parts.tag.is_none() && parts.digest.is_none()
    };
    [source, destination].iter().all(|column| is_registry(column) || is_name(column))
}

/// Reports whether the text is an IPv6 address in brackets.
fn is_ipv6(text: &str) -> bool {
    let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    inner.is_some_and(|address| address.parse::<Ipv6Addr>().is_ok())
}

/// Checks that the first two columns are names without tag and digest.
fn check_names(line: &Line<'_>, names: [Field<'_>; 2]) -> Result<(), Diagnostic> {
    for (number, field) in (1..).zip(names) {
        let parts = Parts::of(field.text);
        let what = match (parts.tag, parts.digest) {
            (None, None) => continue,
            (Some(_), _) => "tag",
            (None, Some(_)) => "digest",
        };
        return Err(line.error(
            field.start + parts.name.len(),
            format!("{what} in column {number}, it belongs in column 3"),
        ));
    }
    Ok(())
}

fn wrong_number(found: usize) -> String {
    format!("expected 3 columns (source, destination, tag), found {found}")
}

/// Parses `TAG`, `sha256:…`, `TAG@sha256:…` or `*`.
fn selection(line: &Line<'_>, column: Field<'_>) -> Result<Selection, Diagnostic> {
    if column.text == PATTERN {
        return Ok(Selection::All);
    }
    let (tag, digest) = match column.text.split_once('@') {
        Some((tag, digest)) => (Some(tag), digest),
        None if column.text.contains(':') => (None, column.text),
        None => return Ok(Selection::ByTag(column.text.to_owned())),
    };
    let tag_is_tag = tag.is_none_or(|tag| !tag.is_empty() && !tag.contains([':', '/']));
    if tag_is_tag && has_digest_algorithm(digest) {
        return Ok(Selection::pinned(digest, tag.map(str::to_owned)));
    }
    Err(line
        .error(column.start, "column 3 must be a tag, sha256:DIGEST or TAG@sha256:DIGEST".into()))
}

#[cfg(test)]
mod tests;
