//! Finds image references in parsed YAML: in manifests, in custom resources and in values of charts.
//!
//! The crate says what is a reference for sure and what only looks like one. Its rules were measured
//! on public charts. A rule needs two signs: the place says that it holds an image, or the text names
//! a registry, and in both cases the text has a tag or a digest. The images of a pod's containers
//! need no sign.

mod cluster;
mod embedded;
mod finding;
mod flags;
mod likeness;
mod name;
mod object;
mod pair;
mod parts;
mod rule;
mod schema;
mod setting;
mod text;
mod walk;

use std::collections::HashSet;

use longshore_plugin_sdk::list::Parsed;
use longshore_plugin_sdk::yaml::Node;

pub use finding::{Finding, Origin, What};
pub use object::{KUSTOMIZE_IS_NOT_RUN, is_kustomization, is_object};
pub use rule::Rule;

/// Finds the images of a document.
#[must_use]
pub fn find(root: &Node) -> Vec<Finding> {
    walk::document(root)
}

/// Adds the findings of a document to a list: the references as entries, and a warning for all else.
/// A suspect that is an entry too needs no warning, and each text needs one only once.
pub fn add(findings: Vec<Finding>, parsed: &mut Parsed) {
    let mut known: HashSet<String> = findings
        .iter()
        .filter_map(|finding| match &finding.what {
            What::Image(reference) => Some(reference.clone()),
            _ => None,
        })
        .collect();
    for Finding { place, what, .. } in findings {
        match what {
            What::Image(reference) => {
                parsed.image(place, &reference);
            }
            What::Likely { reference, why } | What::Doubtful { reference, why } => {
                if known.insert(reference.clone()) {
                    let message =
                        format!("`{reference}` may be an image, but {why}, so it is skipped");
                    parsed.warn(place, message);
                }
            }
            What::Unnamed { why, .. } => parsed.warn(place, format!("{why}, so it is skipped")),
            What::Remark(message) => parsed.warn(place, message),
        }
    }
}

#[cfg(test)]
mod tests;
