//! Reads package URLs that name images: the types `oci` and `docker` of the purl specification.
//!
//! Purls of other types do not name images and are skipped. A purl without an image location, or
//! with two different ones, is an error. An ambiguous purl is read with a warning.

use longshore_plugin_sdk::diagnostic::Place;
use longshore_plugin_sdk::list::Parsed;
use longshore_plugin_sdk::yaml::Node;

mod docker;
mod image;
mod oci;
mod repository;

pub use image::Image;

/// Fields in which others wrap a bill of materials: GitHub's export, and statements of in-toto, which BuildKit
/// attaches to images.
const WRAPPERS: [&str; 2] = ["sbom", "predicate"];

/// Returns the bill of materials that a document wraps, or the document itself.
#[must_use]
pub fn unwrapped(root: &Node) -> &Node {
    let inner = WRAPPERS.iter().find_map(|name| root.get(name));
    inner.filter(|inner| inner.as_mapping().is_some()).unwrap_or(root)
}

/// Collects the purls of a document.
#[derive(Clone, Debug, Default)]
pub struct Purls {
    /// Place of the first purl with an architecture, and the number of such purls.
    architectures: Option<(Place, usize)>,
}

impl Purls {
    /// Adds an entry for a purl that names an image. Returns `false` if its type has no images.
    pub fn take(&mut self, parsed: &mut Parsed, place: Place, purl: &str) -> bool {
        let image = match Image::of(purl) {
            None => return false,
            Some(Ok(image)) => image,
            Some(Err(message)) => {
                parsed.error(place, message);
                return true;
            }
        };
        for warning in image.warnings {
            parsed.warn(place, warning);
        }
        if image.has_architecture {
            let (first, count) = self.architectures.unwrap_or((place, 0));
            self.architectures = Some((first, count + 1));
        }
        if let Some(entry) = parsed.image(place, &image.reference) {
            entry.platforms.extend(image.platform);
        }
        true
    }

    /// Adds one warning about the qualifiers that were ignored.
    pub fn finish(self, parsed: &mut Parsed) {
        if let Some((first, count)) = self.architectures {
            let of = if count == 1 { "of 1 purl".to_owned() } else { format!("of {count} purls") };
            let message = format!("`arch` {of} is ignored: a digest or tag is copied as a whole");
            parsed.warn(first, message);
        }
    }
}

/// Warns that a container is left out because it has no purl with its location.
pub fn left_out(parsed: &mut Parsed, place: Place, container: Option<&str>) {
    let name = container.unwrap_or_default();
    parsed.warn(place, format!("the container `{name}` has no image purl, so it is skipped"));
}

/// Adds a warning if a document gave neither an entry nor a diagnostic. `what` is what it consists of.
pub fn nothing_found(parsed: &mut Parsed, place: Place, what: &str) {
    if parsed.entries.is_empty() && parsed.diagnostics.is_empty() {
        parsed.warn(place, format!("no {what} has a purl of the type `oci` or `docker`"));
    }
}

#[cfg(test)]
mod tests;
