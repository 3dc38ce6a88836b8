//! The list format `default`: one reference per line, as in `rancher-images.txt`.
//!
//! ```text
//! rancher/rancher:v2.9.1
//! registry.example.io:5000/library/mysql@sha256:…
//! --platform=linux/arm64 nginx:1.27   # a remark
//! docker pull busybox
//! - alpine
//! ```
//!
//! The format has no destinations: the host keeps the source's path. The host also validates the
//! references.

use std::collections::HashMap;

use longshore_plugin_sdk::line::lines;
use longshore_plugin_sdk::list::{Confidence, Entry, Parsed, Selection};
use longshore_plugin_sdk::shape::{confidence, is_word_of_entry};

mod entry;
mod render;

pub use render::render;

longshore_plugin_sdk::export_list_format!(probe, parse);
longshore_plugin_sdk::export_list_render!(render);

/// Reports whether the text is a list in this format.
#[must_use]
pub fn probe(_file_name: &str, head: &str) -> Confidence {
    confidence(head, |line| entry::read(line).is_ok_and(|(entry, _)| looks_like_entry(&entry)))
}

/// Reports whether the line looks like a reference. `a/b:1:` and `a@sha256:0:` are YAML keys.
fn looks_like_entry(entry: &Entry) -> bool {
    let is_version = match &entry.select {
        Selection::ByTag(tag) => !tag.contains(':'),
        Selection::ByDigest(pinned) => !pinned.digest.ends_with(':'),
        _ => true,
    };
    is_version && is_word_of_entry(&entry.source)
}

/// Parses the list.
#[must_use]
pub fn parse(_file_name: &str, text: &str) -> Parsed {
    let mut parsed = Parsed::default();
    for line in lines(text).filter(|line| !line.is_comment()) {
        match entry::read(&line) {
            Ok((entry, warning)) => {
                parsed.entries.push(entry);
                parsed.diagnostics.extend(warning);
            }
            Err(error) => parsed.diagnostics.push(error),
        }
    }
    unite_platforms(&mut parsed.entries);
    parsed
}

/// Gives each entry the platforms of all lines with its reference. Such lists have a line for each
/// platform, and a destination has one index for all of them.
fn unite_platforms(entries: &mut [Entry]) {
    let mut platforms: HashMap<String, Vec<String>> = HashMap::new();
    for entry in entries.iter().filter(|entry| !entry.platforms.is_empty()) {
        let named = platforms.entry(key(entry)).or_default();
        let new = entry.platforms.iter().filter(|platform| !named.contains(platform));
        let new: Vec<String> = new.cloned().collect();
        named.extend(new);
    }
    for entry in entries.iter_mut().filter(|entry| !entry.platforms.is_empty()) {
        if let Some(named) = platforms.get(&key(entry)) {
            entry.platforms.clone_from(named);
        }
    }
}

/// Returns a text that entries with the same reference share.
fn key(entry: &Entry) -> String {
    format!("{} {:?}", entry.source, entry.select)
}

#[cfg(test)]
mod tests;
