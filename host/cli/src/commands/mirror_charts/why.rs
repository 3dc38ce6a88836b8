//! `--why IMAGE`: which charts need an image, and where it was found.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use longshore_oci::{Reference, mistyped};

use super::versions::FoundChart;
use crate::error::{Exit, Fatal};
use crate::report::{Log, Place, escape, print};
use crate::settings::SettingsError;

/// The most images to name that may be meant.
const MOST_NEAR: usize = 5;

/// Prints where `image` was found. Without a tag or digest it stands for all of them.
/// What could not be looked at is named in the log.
pub(super) fn answer(image: &str, charts: &[FoundChart], log: &Log) -> Result<Exit, Fatal> {
    let asked = Reference::of_image(image)
        .map_err(|error| SettingsError::Why { image: image.to_owned(), error })?;
    let named = image.rsplit('/').next().is_some_and(|last| last.contains([':', '@']));
    let mut text = String::new();
    let mut near = BTreeSet::new();
    let mut has_failures = false;
    for chart in charts {
        for version in &chart.versions {
            let of = format!("{} {}", escape(&chart.key), escape(&version.version));
            for failure in version.failure.iter().chain(&version.images_failure) {
                has_failures = true;
                let error = format!("{of}: failed to {}", failure.error);
                log.failure(None, &error, failure.hint.as_deref());
            }
            let images = version.images.iter().map(|found| &found.reference);
            near.extend(images.filter(|found| is_near(&asked, found)).map(ToString::to_string));
            let found = version.images.iter().filter(|found| is(&asked, named, &found.reference));
            for found in found {
                lines(&mut text, &found.reference.to_string(), &of, "", &found.places);
            }
            for unused in &version.unused {
                let Ok(reference) = Reference::of_image(&unused.source) else { continue };
                if is_near(&asked, &reference) {
                    near.insert(reference.to_string());
                }
                if !is(&asked, named, &reference) {
                    continue;
                }
                let note = format!(", not mirrored: {}", unused.reason);
                lines(&mut text, &unused.source, &of, &note, &unused.provenance);
            }
        }
    }
    let found = !text.is_empty();
    if !found {
        let which = if has_failures { "none of the other charts needs" } else { "no chart needs" };
        let _infallible = writeln!(text, "{which} {}{}", escape(image), near_names(&near));
    }
    print(&text)?;
    Ok(if found { Exit::Done } else { Exit::SomeFailed })
}

/// Says whether an image may be meant: its repository ends as the one that was asked for, or has a mistyped name.
fn is_near(asked: &Reference, found: &Reference) -> bool {
    let last = |reference: &Reference| {
        reference.repository.as_str().rsplit('/').next().unwrap_or_default().to_owned()
    };
    mistyped(&last(asked), [last(found).as_str()]).is_some()
}

/// Names the images that may be meant.
fn near_names(near: &BTreeSet<String>) -> String {
    let shown: Vec<_> = near.iter().take(MOST_NEAR).map(|name| escape(name)).collect();
    match near.len() {
        0 => String::new(),
        1 => format!("; the nearest image is {}", shown[0]),
        many if many > MOST_NEAR => {
            format!("; the nearest images are {} and {} more", shown.join(", "), many - MOST_NEAR)
        }
        _ => format!("; the nearest images are {}", shown.join(", ")),
    }
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use longshore_oci::Reference;

    use super::{is_near, near_names};

    #[test]
    fn an_image_with_the_same_last_name_may_be_meant() {
        for (asked, found, expected) in [
            ("team/app", "127.0.0.1:5000/team/app:1", true),
            ("quay.io/other/app:2", "r.io/team/app:1", true),
            ("r.io/team/serevr", "r.io/team/server:1", true),
            ("r.io/team/app:2", "r.io/team/app:1", true),
            ("r.io/team/app", "r.io/team/database:1", false),
            ("r.io/team/app", "r.io/app/team:1", false),
        ] {
            let [asked, found] = [asked, found].map(|text| Reference::of_image(text).unwrap());
            assert_eq!(is_near(&asked, &found), expected, "{asked} {found}");
        }
    }

    #[test]
    fn few_names_are_listed() {
        let names = |count: usize| -> BTreeSet<String> {
            (0..count).map(|number| format!("r.io/app:{number}")).collect()
        };
        assert_eq!(near_names(&names(0)), "");
        assert_eq!(near_names(&names(1)), "; the nearest image is r.io/app:0");
        assert_eq!(near_names(&names(2)), "; the nearest images are r.io/app:0, r.io/app:1");
        assert!(
            near_names(&names(7)).ends_with("r.io/app:4 and 2 more"),
            "{}",
            near_names(&names(7))
        );
    }
}
