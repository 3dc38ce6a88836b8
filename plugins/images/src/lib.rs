//! Finds image references in parsed YAML: in manifests, in custom resources and in values of charts.
//!
//! The crate says what is a reference for sure and what only looks like one. Its rules were measured
//! on public charts. A rule needs two signs: the place says that it holds an image, or the text names
//! a registry, and in both cases the text has a tag or a digest. The images of a pod's containers
//! need no sign.

mod flags;
mod likeness;
mod name;
mod object;
mod parts;
mod text;
mod walk;

use std::collections::HashSet;

use longshore_plugin_sdk::diagnostic::Place;
use longshore_plugin_sdk::list::Parsed;
use longshore_plugin_sdk::yaml::Node;

/// Something that a walk found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// A reference. The host validates it.
    Image {
        /// Its position.
        place: Place,
        /// `[registry/]repository[:tag][@digest]`.
        reference: String,
    },
    /// A text that looks like a reference, and why it is not one for sure.
    Suspect {
        /// Its position.
        place: Place,
        /// The text.
        reference: String,
        /// A lower-case fragment that names the place.
        why: String,
    },
    /// A part of the document that is not read.
    Remark {
        /// Its position.
        place: Place,
        /// A lower-case fragment.
        message: String,
    },
}

/// Finds the images of a document.
#[must_use]
pub fn find(root: &Node) -> Vec<Finding> {
    walk::Walk::default().run(root)
}

/// Adds the findings of a document to a list: the references as entries, and a warning for all else.
/// A suspect that is an entry too needs no warning, and each text needs one only once.
pub fn add(findings: Vec<Finding>, parsed: &mut Parsed) {
    let mut known: HashSet<String> = findings
        .iter()
        .filter_map(|finding| match finding {
            Finding::Image { reference, .. } => Some(reference.clone()),
            _ => None,
        })
        .collect();
    for finding in findings {
        match finding {
            Finding::Image { place, reference } => {
                parsed.image(place, &reference);
            }
            Finding::Suspect { place, reference, why } => {
                if known.insert(reference.clone()) {
                    let message =
                        format!("`{reference}` may be an image, but {why}, so it is skipped");
                    parsed.warn(place, message);
                }
            }
            Finding::Remark { place, message } => parsed.warn(place, message),
        }
    }
}

#[cfg(test)]
mod tests;
