//! The values that may be names of images, or beginnings of them.

use longshore_oci::{Reference, Registry};
use serde_json::Value;

use super::edits::{Edit, Step, Switch};
use crate::effective::Effective;
use crate::images::Image;

/// An image: its name as the chart writes it, and its name in the mirror.
struct Move<'a> {
    from: &'a str,
    to: String,
    /// Its tag and digest with their marks.
    version: &'a str,
}

/// The most images of a chart for which each empty image is tried with each of them.
const MOST_GUESSES: usize = 12;

/// Name of the value without which some charts refuse registries that they do not know.
const ALLOWED: &str = "allowinsecureimages";

/// Returns the edits that may move images, those of whole names first, and the switches without which
/// the chart refuses them.
pub(super) fn candidates(
    values: &[Effective],
    moves: &[(&Image, Reference)],
) -> (Vec<Edit>, Vec<Switch>) {
    let moves: Vec<Move<'_>> = moves
        .iter()
        .map(|(image, to)| {
            let (from, version) = split(&image.written);
            Move { from, to: to.name().to_string(), version }
        })
        .collect();
    let mut found = Found {
        moves: &moves,
        whole: Vec::new(),
        parts: Vec::new(),
        guesses: Vec::new(),
        switches: Vec::new(),
    };
    for values in values {
        let mut path: Vec<Step> = values.prefix.iter().cloned().map(Step::Key).collect();
        found.walk(&values.values, "", &mut path);
    }
    let mut all = found.whole;
    for edit in found.parts {
        if !all.iter().any(|other| other.path == edit.path) {
            all.push(edit);
        }
    }
    all.extend(found.guesses);
    (all, without_inherited(found.switches))
}

/// Leaves out the switches below `global` of a subchart that a chart above has too: subcharts inherit
/// `global`.
fn without_inherited(mut switches: Vec<Switch>) -> Vec<Switch> {
    let mut known: Vec<Vec<Step>> = Vec::new();
    switches.sort_by_key(|Switch(path)| path.len());
    switches.retain(|Switch(path)| {
        let global = path.iter().position(|step| *step == Step::Key("global".to_owned()));
        let Some(tail) = global.map(|at| path[at..].to_vec()) else { return true };
        let is_new = !known.contains(&tail);
        known.push(tail);
        is_new
    });
    switches
}

struct Found<'m> {
    moves: &'m [Move<'m>],
    whole: Vec<Edit>,
    parts: Vec<Edit>,
    /// References for empty values.
    guesses: Vec<Edit>,
    switches: Vec<Switch>,
}

impl Found<'_> {
    fn walk(&mut self, value: &Value, key: &str, path: &mut Vec<Step>) {
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    path.push(Step::Key(key.clone()));
                    self.walk(value, key, path);
                    path.pop();
                }
            }
            Value::Array(items) => {
                for (at, value) in items.iter().enumerate() {
                    path.push(Step::Item(at));
                    self.walk(value, key, path);
                    path.pop();
                }
            }
            Value::String(text) => self.text(text, key, path),
            Value::Null => self.text("", key, path),
            Value::Bool(false) if key.to_ascii_lowercase() == ALLOWED => {
                self.switches.push(Switch(path.clone()));
            }
            Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn text(&mut self, text: &str, key: &str, path: &[Step]) {
        let edit = |to: String| Edit { path: path.to_vec(), from: text.to_owned(), to };
        if text.is_empty() {
            if is_image_key(key) && self.moves.len() <= MOST_GUESSES {
                // Only a rendering shows which image it stands for.
                let all =
                    self.moves.iter().map(|image| edit(format!("{}{}", image.to, image.version)));
                self.guesses.extend(all);
            }
            if is_registry_key(key)
                && let Some(to) = self.registry_of_names_without_one()
            {
                self.parts.push(edit(to));
            }
            return;
        }
        let (name, version) = split(text);
        // Without a slash, what looks like a tag may be the port of a registry.
        let is_whole_name = version.is_empty() || !text.contains('/');
        if let Some(found) = self.moves.iter().find(|image| image.from == name) {
            self.whole.push(edit(format!("{}{version}", found.to)));
        } else if is_whole_name && let Some(to) = self.beginning(text) {
            let slash = if text.ends_with('/') { "/" } else { "" };
            self.parts.push(edit(format!("{to}{slash}")));
        }
    }

    /// Returns what replaces the beginning of names, if it is the same for all images.
    fn beginning(&self, name: &str) -> Option<String> {
        let name = name.trim_end_matches('/');
        if !Registry::looks_like_one(name.split('/').next()?) {
            return None;
        }
        let mut begins = self.moves.iter().filter_map(|image| {
            let rest = image.from.strip_prefix(name)?;
            // Templates add paths, and endings such as `-debug`.
            let is_part = rest.starts_with('/') || rest.starts_with('-') && name.contains('/');
            is_part.then(|| image.to.strip_suffix(rest))
        });
        let first = begins.next()??;
        begins.all(|other| other == Some(first)).then(|| first.to_owned())
    }

    /// Returns the registry that images without one have in the mirror.
    fn registry_of_names_without_one(&self) -> Option<String> {
        let mut registries = self.moves.iter().map(|image| {
            let rest = match image.from.split_once('/') {
                Some((first, rest)) if Registry::looks_like_one(first) => rest,
                _ => image.from,
            };
            image.to.strip_suffix(rest).and_then(|to| to.strip_suffix('/'))
        });
        let first = registries.next()??;
        registries.all(|other| other == Some(first)).then(|| first.to_owned())
    }
}

/// Splits a reference into its name, and its tag and digest with their marks.
fn split(text: &str) -> (&str, &str) {
    let end = text.find('@').unwrap_or(text.len());
    let last = text[..end].rfind('/').map_or(0, |slash| slash + 1);
    let end = text[last..end].find(':').map_or(end, |colon| last + colon);
    text.split_at(end)
}

fn is_image_key(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["image", "imagename", "imageref", "override"].iter().any(|end| key.ends_with(end))
}

fn is_registry_key(key: &str) -> bool {
    key.to_ascii_lowercase().ends_with("registry")
}
