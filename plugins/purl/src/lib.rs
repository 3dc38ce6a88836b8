//! Package URLs that name images: the types `oci` and `docker` of the purl specification.
//!
//! Other types name no image and are passed over. A purl of these types that does not say where its
//! image is, or says it in two ways, is an error; one that leaves room for doubt is read with a
//! warning.

use longshore_plugin_sdk::diagnostic::Place;
use longshore_plugin_sdk::list::Parsed;

mod docker;
mod image;
mod oci;
mod repository;

pub use image::Image;

/// The purls of a document, on their way into its list.
#[derive(Clone, Debug, Default)]
pub struct Purls {
    /// Where the first one names an architecture, and how many do.
    architectures: Option<(Place, usize)>,
}

impl Purls {
    /// Makes an entry of a purl that names an image; `false` where its type has none.
    pub fn take(&mut self, parsed: &mut Parsed, place: Place, purl: &str) -> bool {
        let image = match Image::of(purl) {
            None => return false,
            Some(Ok(image)) => image,
            Some(Err(message)) => {
                parsed.error(place, message);
                return true;
            }
        };
        for doubt in image.doubts {
            parsed.warn(place, doubt);
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

    /// Says once what was not heeded.
    pub fn finish(self, parsed: &mut Parsed) {
        if let Some((first, count)) = self.architectures {
            let of = if count == 1 { "of 1 purl".to_owned() } else { format!("of {count} purls") };
            let message = format!(
                "`arch` {of} is not heeded: what a digest or tag names is copied as a whole"
            );
            parsed.warn(first, message);
        }
    }
}

/// Says that a container is left out, as nothing says where it is.
pub fn left_out(parsed: &mut Parsed, place: Place, container: Option<&str>) {
    let name = container.unwrap_or_default();
    parsed
        .warn(place, format!("the container `{name}` has no purl of an image, so it is not taken"));
}

#[cfg(test)]
mod tests;
