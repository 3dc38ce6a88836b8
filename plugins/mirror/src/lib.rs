//! The list format `mirror`: three columns a line, source, destination and tag.
//!
//! ```text
//! # <SOURCE> <DEST> <TAG>
//! docker.io/hello-world private.io/library/hello-world latest
//! # longshore: platforms=linux/amd64,linux/arm64
//! mysql library/mysql 8@sha256:…
//! ```
//!
//! Whether the columns hold valid references is the host's question; a line fails here only if its
//! columns are not what they should be.

use longshore_plugin_sdk::line::{Confidence, Diagnostic, Field, Line, confidence, lines};
use longshore_plugin_sdk::reference::{Parts, Select, looks_meant, starts_as_digest};

#[cfg(target_arch = "wasm32")]
mod adapter;

/// One line's worth to mirror.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Column 1.
    pub source: &'a str,
    /// Column 2.
    pub destination: &'a str,
    /// Column 3.
    pub select: Select<'a>,
    /// What the comment above asked for; the one word `all` for no filter, empty for no comment.
    pub platforms: Vec<&'a str>,
    /// Which line it is, from 1.
    pub line: u32,
}

/// What a line gave: an entry, a diagnostic, or an entry with a warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read<'a> {
    /// The entry, if the line has one.
    pub entry: Option<Entry<'a>>,
    /// The remark, if there is one; an error exactly if there is no entry.
    pub diagnostic: Option<Diagnostic>,
}

/// Says whether the text is a list in this format.
#[must_use]
pub fn probe(head: &str) -> Confidence {
    confidence(lines(head).filter(|line| !line.is_comment()).map(|line| {
        columns(&line).is_ok_and(|[source, destination, tag]| {
            looks_meant(source.text) && looks_meant(destination.text) && select(&line, tag).is_ok()
        })
    }))
}

/// Reads the lines one after the other, without those that say nothing.
pub fn parse(text: &str) -> impl Iterator<Item = Read<'_>> {
    let mut platforms = Vec::new();
    lines(text).filter_map(move |line| {
        if line.is_comment() {
            if let Some(named) = platforms_of(&line) {
                platforms = named;
            }
            return None;
        }
        // A malformed line uses the comment up, or it would reach a line it was not written for.
        let platforms = std::mem::take(&mut platforms);
        Some(match entry(&line, platforms) {
            Ok((entry, diagnostic)) => Read { entry: Some(entry), diagnostic },
            Err(diagnostic) => Read { entry: None, diagnostic: Some(diagnostic) },
        })
    })
}

/// The platforms of a comment `# longshore: platforms=LIST|all`.
fn platforms_of<'a>(line: &Line<'a>) -> Option<Vec<&'a str>> {
    const BLANKS: [char; 2] = [' ', '\t'];
    let comment = line.trimmed().strip_prefix('#')?;
    let list = comment
        .trim_start_matches(BLANKS)
        .strip_prefix("longshore:")?
        .trim_start_matches(BLANKS)
        .strip_prefix("platforms=")?;
    let named: Vec<&str> = list
        .split(',')
        .map(|platform| platform.trim_matches(BLANKS))
        .filter(|platform| !platform.is_empty())
        .collect();
    if named.contains(&"all") {
        return Some(vec!["all"]);
    }
    Some(named)
}

fn entry<'a>(
    line: &Line<'a>,
    platforms: Vec<&'a str>,
) -> Result<(Entry<'a>, Option<Diagnostic>), Diagnostic> {
    let [source, destination, tag] = columns(line)?;
    let select = select(line, tag)?;
    let warning = matches!(select, Select::Digest { tag: None, .. }).then(|| {
        line.warning(tag.start, "the destination gets no tag, as only a digest is given".into())
    });
    let entry = Entry {
        source: source.text,
        destination: destination.text,
        select,
        platforms,
        line: line.number,
    };
    Ok((entry, warning))
}

/// Exactly three fields, of which the first two are names alone.
fn columns<'a>(line: &Line<'a>) -> Result<[Field<'a>; 3], Diagnostic> {
    let mut fields = line.fields();
    let (Some(source), Some(destination), Some(tag)) =
        (fields.next(), fields.next(), fields.next())
    else {
        let found = line.fields().count();
        let end = line.text.trim_end_matches([' ', '\t']).len();
        return Err(line.error(end, wrong_number(found)));
    };
    if let Some(fourth) = fields.next() {
        let found = line.fields().count();
        return Err(line.error(fourth.start, wrong_number(found)));
    }
    for (number, field) in [(1, source), (2, destination)] {
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
    Ok([source, destination, tag])
}

fn wrong_number(found: usize) -> String {
    format!("expected 3 columns (source, destination, tag), found {found}")
}

/// `TAG`, `sha256:…` or `TAG@sha256:…`.
fn select<'a>(line: &Line<'a>, column: Field<'a>) -> Result<Select<'a>, Diagnostic> {
    let (tag, digest) = match column.text.split_once('@') {
        Some((tag, digest)) => (Some(tag), digest),
        None if column.text.contains(':') => (None, column.text),
        None => return Ok(Select::Tag(column.text)),
    };
    let tag_is_tag = tag.is_none_or(|tag| !tag.is_empty() && !tag.contains([':', '/']));
    if tag_is_tag && starts_as_digest(digest) {
        return Ok(Select::Digest { digest, tag });
    }
    Err(line
        .error(column.start, "column 3 must be a tag, sha256:DIGEST or TAG@sha256:DIGEST".into()))
}

#[cfg(test)]
mod tests;
