//! `--why IMAGE`: which charts need an image, and where it was found.

use std::fmt::Write as _;

use longshore_oci::Reference;

use super::versions::FoundChart;
use crate::error::{Exit, Fatal};
use crate::report::{Log, Place, escape, print};
use crate::settings::SettingsError;

/// Prints where `image` was found. Without a tag or digest it stands for all of them.
/// What could not be looked at is named in the log.
pub(super) fn answer(image: &str, charts: &[FoundChart], log: &Log) -> Result<Exit, Fatal> {
    let asked = Reference::of_image(image)
        .map_err(|error| SettingsError::Why { image: image.to_owned(), error })?;
    let named = image.rsplit('/').next().is_some_and(|last| last.contains([':', '@']));
    let mut text = String::new();
    let mut has_failures = false;
    for chart in charts {
        for version in &chart.versions {
            let of = format!("{} {}", escape(&chart.key), escape(&version.version));
            for failure in version.failure.iter().chain(&version.images_failure) {
                has_failures = true;
                let error = format!("{of}: failed to {}", failure.error);
                log.failure(None, &error, failure.hint.as_deref());
            }
            let found = version.images.iter().filter(|found| is(&asked, named, &found.reference));
            for found in found {
                lines(&mut text, &found.reference.to_string(), &of, "", &found.places);
            }
            let unused = version.unused.iter().filter(|unused| {
                Reference::of_image(&unused.source).is_ok_and(|found| is(&asked, named, &found))
            });
            for unused in unused {
                let note = format!(", not mirrored: {}", unused.reason);
                lines(&mut text, &unused.source, &of, &note, &unused.provenance);
            }
        }
    }
    let found = !text.is_empty();
    if !found {
        let which = if has_failures { "none of the other charts needs" } else { "no chart needs" };
        let _infallible = writeln!(text, "{which} {}", escape(image));
    }
    print(&text)?;
    Ok(if found { Exit::Done } else { Exit::SomeFailed })
}

fn is(asked: &Reference, named: bool, found: &Reference) -> bool {
    let same_version = match (asked.version.digest(), found.version.digest()) {
        (Some(asked), found) => Some(asked) == found,
        (None, _) => asked.version.tag() == found.version.tag(),
    };
    asked.name() == found.name() && (!named || same_version)
}

fn lines(text: &mut String, image: &str, of: &str, note: &str, places: &[Place]) {
    let _infallible = writeln!(text, "{} in {of}{note}", escape(image));
    for place in places {
        let _infallible = writeln!(text, "  {}", escape(&place.text()));
    }
}
