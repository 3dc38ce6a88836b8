//! SPDX 2 documents in the tag-value format: lines `Tag: value`.
//!
//! ```text
//! SPDXVersion: SPDX-2.3
//! PackageName: app
//! PrimaryPackagePurpose: CONTAINER
//! ExternalRef: PACKAGE-MANAGER purl pkg:oci/app@sha256:…?repository_url=quay.io/team/app
//! ```

use longshore_plugin_purl::{Purls, left_out};
use longshore_plugin_sdk::diagnostic::Place;
use longshore_plugin_sdk::line::{Line, lines};
use longshore_plugin_sdk::list::Parsed;

/// The version's line comes first in a document, after its comments.
const MOST_LINES_BEFORE: usize = 20;

/// Value of the version's tag in all minor versions.
const VERSION: &str = "SPDX-2.";

/// Reports whether the text is an SPDX document in this format.
pub(crate) fn is_document(text: &str) -> bool {
    version(text).is_some()
}

fn version(text: &str) -> Option<&str> {
    let mut counting = lines(text).filter(|line| !line.is_comment()).take(MOST_LINES_BEFORE);
    counting.find_map(|line| match tag(&line) {
        Some(("SPDXVersion", value)) => Some(value),
        _ => None,
    })
}

/// A package whose lines are being read.
struct Package<'a> {
    place: Place,
    name: &'a str,
    is_container: bool,
    is_image: bool,
}

/// Parses the packages.
pub(crate) fn read(parsed: &mut Parsed, text: &str) {
    if !version(text).is_some_and(|version| version.starts_with(VERSION)) {
        let place = Place { line: 1, column: 1 };
        return parsed.error(place, "the document is neither SPDX 2 nor SPDX 3");
    }
    let mut purls = Purls::default();
    let mut package: Option<Package<'_>> = None;
    let mut open: Option<u32> = None;
    for line in lines(text) {
        // A `<text>` may span lines, and its lines may look like tags.
        if open.is_some() {
            open = open.filter(|_| !line.text.contains("</text>"));
            continue;
        }
        let Some((name, value)) = tag(&line).filter(|_| !line.is_comment()) else { continue };
        if value.starts_with("<text>") && !value.contains("</text>") {
            open = Some(line.number);
        }
        match (name, &mut package) {
            ("PackageName", _) => {
                finish(parsed, package.take());
                let place = Place { line: line.number, column: 1 };
                package =
                    Some(Package { place, name: value, is_container: false, is_image: false });
            }
            ("PrimaryPackagePurpose", Some(package)) => package.is_container = value == "CONTAINER",
            ("ExternalRef", Some(package)) => {
                package.is_image |= reference(parsed, &mut purls, &line, value);
            }
            _ => {}
        }
    }
    finish(parsed, package);
    if let Some(line) = open {
        parsed
            .error(Place { line, column: 0 }, "a `<text>` has no `</text>`, the rest is not read");
    }
    purls.finish(parsed);
}

/// Parses `CATEGORY TYPE LOCATOR`. Returns `true` if it is the purl of an image.
fn reference(parsed: &mut Parsed, purls: &mut Purls, line: &Line<'_>, value: &str) -> bool {
    let mut words = value.split_whitespace();
    let (_, kind, locator) = (words.next(), words.next().unwrap_or_default(), words.next());
    if kind != "purl" && !kind.ends_with("/references/purl") {
        return false;
    }
    let Some(locator) = locator else {
        parsed.error(Place { line: line.number, column: 1 }, "a purl has no locator");
        return false;
    };
    let offset = line.text.rfind(locator).unwrap_or_default();
    let column = line.text[..offset].chars().count() + 1;
    let column = u32::try_from(column).unwrap_or(u32::MAX);
    purls.take(parsed, Place { line: line.number, column }, locator)
}

fn finish(parsed: &mut Parsed, package: Option<Package<'_>>) {
    if let Some(package) = package.filter(|package| package.is_container && !package.is_image) {
        left_out(parsed, package.place, Some(package.name));
    }
}

/// Returns the tag and the value of a line.
fn tag<'a>(line: &Line<'a>) -> Option<(&'a str, &'a str)> {
    let (name, value) = line.trimmed().split_once(':')?;
    name.bytes().all(|byte| byte.is_ascii_alphanumeric()).then(|| (name, value.trim()))
}
