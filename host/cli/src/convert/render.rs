//! Writes entries with a list format, and finds those that the format cannot express.

use std::collections::HashSet;
use std::ops::Range;

use longshore_oci::Tag;
use longshore_plugin_host::contract::{Entry, Selection};
use longshore_plugin_host::{Failure, Plugin, PluginError};

/// An entry that the format cannot express.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Inexpressible {
    /// Its position among the entries, from 0.
    pub(crate) position: usize,
    /// The reason that the plugin gives.
    pub(crate) why: String,
}

/// The result of writing a list.
#[derive(Debug)]
pub(crate) enum Rendered {
    /// The format expresses every entry.
    Whole(String),
    /// The format cannot express some entries.
    Part(Vec<Inexpressible>),
}

/// Writes the entries with the plugin `to`. If it refuses them, finds each entry that it refuses.
///
/// # Errors
/// Fails if the plugin fails, or if it refuses entries together that it writes alone.
pub(crate) async fn render(to: &Plugin, entries: &[Entry]) -> Result<Rendered, PluginError> {
    let refusal = match to.render(entries).await {
        Ok(text) => return Ok(Rendered::Whole(text)),
        Err(error) => error,
    };
    if message(&refusal).is_none() {
        return Err(refusal);
    }
    // A plugin names one entry only, so it is asked again with smaller and smaller parts of the list.
    let mut refused = Vec::new();
    let mut parts = halves(0..entries.len());
    while let Some(part) = parts.pop() {
        match to.render(&entries[part.clone()]).await {
            Ok(_) => {}
            Err(error) => match message(&error) {
                None => return Err(error),
                Some(message) if part.len() == 1 => {
                    let why = without_place(message, &entries[part.start]).to_owned();
                    refused.push(Inexpressible { position: part.start, why });
                }
                Some(_) => parts.extend(halves(part)),
            },
        }
    }
    if refused.is_empty() { Err(refusal) } else { Ok(Rendered::Part(refused)) }
}

/// Returns the entries without the inexpressible ones.
pub(crate) fn without(entries: Vec<Entry>, refused: &[Inexpressible]) -> Vec<Entry> {
    let refused: HashSet<usize> = refused.iter().map(|entry| entry.position).collect();
    let kept = (0..).zip(entries).filter(|(position, _)| !refused.contains(position));
    kept.map(|(_, entry)| entry).collect()
}

/// Counts the entries that `to` could write if they named one tag instead of a pattern.
pub(crate) async fn resolvable(to: &Plugin, entries: impl Iterator<Item = &Entry>) -> usize {
    let mut count = 0;
    for entry in entries {
        let select = Selection::ByTag(Tag::latest().to_string());
        let resolved = Entry { select, repositories: None, ..entry.clone() };
        count += usize::from(to.render(&[resolved]).await.is_ok());
    }
    count
}

/// Returns the message of a plugin that refuses an entry; `None` for any other failure.
fn message(error: &PluginError) -> Option<&str> {
    match error {
        PluginError::Call { failure: Failure::Coded { message, .. }, .. } => Some(message),
        _ => None,
    }
}

/// Splits a range into the parts to ask for, the first one last. A range of one entry stays.
fn halves(range: Range<usize>) -> Vec<Range<usize>> {
    if range.len() < 2 {
        return vec![range];
    }
    let middle = range.start + range.len() / 2;
    vec![middle..range.end, range.start..middle]
}

/// Returns a message without line and source of its entry, which built-in plugins put before it.
fn without_place<'a>(message: &'a str, entry: &Entry) -> &'a str {
    message.strip_prefix(&format!("line {}: {}: ", entry.line, entry.source)).unwrap_or(message)
}

#[cfg(test)]
mod tests {
    use super::halves;

    #[test]
    fn a_range_is_split_in_order() {
        assert_eq!(halves(0..5), [2..5, 0..2]);
        assert_eq!(halves(3..5), [4..5, 3..4]);
        assert_eq!(halves(3..4), vec![3..4]);
    }
}
