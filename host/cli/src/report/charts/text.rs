//! The text of one chart, as lazyoci writes it.

use std::fmt::Write as _;

use longshore_engine::counted;
use longshore_engine::job::Status;

use super::finished::{ChartStatus, ImageResult, VersionResult};
use super::model::{ChartGroup, ChartVersion, Place};
use crate::report::escape::escape;

/// The lines above the versions of a chart.
pub(super) fn heading(group: &ChartGroup, target: &str) -> String {
    let versions: Vec<&str> =
        group.versions.iter().map(|version| version.version.as_str()).collect();
    let versions = versions.join(", ");
    let text = format!(
        "Mirror: {} ({}) → {target}\nVersions: {versions}\n",
        escape(&group.key),
        escape(&group.chart)
    );
    text
}

/// What the text says of the versions of a run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown {
    /// Where each image was found and would arrive, as a dry run says.
    pub(super) places: bool,
    /// False if nobody looked for images.
    pub(super) images: bool,
}

/// The lines of one version.
pub(super) fn version(
    group: &ChartGroup,
    version: &ChartVersion,
    result: &VersionResult,
    shown: Shown,
) -> String {
    let mut text = format!("\n── {}:{} ──\n", escape(&group.chart), escape(&version.version));
    chart_line(version, result, &mut text);
    let shows_places = shown.places;
    if shows_places {
        destination(&version.target, &mut text);
    }
    if let Some(failure) = &version.images_failure {
        let _infallible = writeln!(text, "  Images: FAILED: {}", escape(&failure.error));
        hint(failure.hint.as_deref(), &mut text);
    } else if !shown.images {
        text.push_str("  Images: not looked for (--charts-only)\n");
    } else if version.failure.is_none() {
        let _infallible = writeln!(text, "  Images: {} found", result.images.len());
    }
    for image in &result.images {
        image_lines(image, shows_places, &mut text);
    }
    overlay_lines(version, &mut text);
    for unused in version.unused.iter().filter(|_| shows_places) {
        let _infallible =
            writeln!(text, "    {} → not mirrored: {}", escape(&unused.source), unused.reason);
        places(&unused.provenance, &mut text);
    }
    text
}

/// The files with values that make the chart pull from the target, and the images that stay.
fn overlay_lines(version: &ChartVersion, text: &mut String) {
    if let Some(failure) = &version.overlay_failure {
        let _infallible = writeln!(text, "  Values: FAILED: {}", escape(&failure.error));
        hint(failure.hint.as_deref(), text);
    }
    for overlay in &version.overlays {
        let (file, moved) = (escape(&overlay.file), overlay.moved);
        let of = match overlay.values.as_str() {
            "" => String::new(),
            values => format!(" over {}", escape(values)),
        };
        let moved = counted(moved, "image is pulled", "images are pulled");
        let _infallible = writeln!(text, "  Values: {file}{of}: {moved} from the target");
        for image in &overlay.not_moved {
            let source = escape(&image.source);
            let _infallible = writeln!(text, "    {source} → no value moves it");
            places(&image.provenance, text);
        }
    }
}

fn hint(hint: Option<&str>, text: &mut String) {
    if let Some(hint) = hint {
        let _infallible = writeln!(text, "    hint: {}", escape(hint));
    }
}

fn chart_line(version: &ChartVersion, result: &VersionResult, text: &mut String) {
    let line = match (result.chart, &result.chart_failure) {
        (ChartStatus::Failed, failure) => {
            let error = failure.as_ref().map_or("", |failure| failure.error.as_str());
            let step = if version.failure.is_some() { "pulling" } else { "pushing" };
            format!("{step}... FAILED: {}", escape(error))
        }
        (ChartStatus::Pushed, _) => "pushing... OK".to_owned(),
        (ChartStatus::Replaced, _) => "pushing... OK, other content was replaced".to_owned(),
        (ChartStatus::Skipped, _) if version.job.is_none() => "skipped".to_owned(),
        (ChartStatus::Skipped, _) => "exists".to_owned(),
        (ChartStatus::DryRun, _) => {
            let reason = result.chart_reason.as_deref().unwrap_or("would be pushed");
            escape(&reason.replace("copied", "pushed")).into_owned()
        }
    };
    let _infallible = writeln!(text, "  Chart: {line}");
    hint(result.chart_failure.as_ref().and_then(|failure| failure.hint.as_deref()), text);
}

fn image_lines(image: &ImageResult, shows_places: bool, text: &mut String) {
    let source = escape(&image.source);
    let mut line = |what: &str| {
        let _infallible = writeln!(text, "    {source} → {what}");
    };
    match image.status {
        Status::Copied | Status::Valid => {
            line("copying...");
            line("OK");
        }
        Status::Skipped if image.reason.as_deref().is_none_or(is_present) => line("exists"),
        Status::Skipped => {
            line(&format!("skipped: {}", escape(image.reason.as_deref().unwrap_or_default())));
        }
        Status::Failed | Status::Unknown => {
            line(&format!("FAILED: {}", escape(image.error.as_deref().unwrap_or_default())));
            hint(image.hint.as_deref(), text);
        }
        Status::DryRun => {
            line(&escape(image.reason.as_deref().unwrap_or("would be copied")));
        }
    }
    if shows_places {
        destination(&image.target, text);
        places(&image.places, text);
    }
}

/// The line with the reference at the target, after the rewrites; none if it is not known.
fn destination(target: &str, text: &mut String) {
    if !target.is_empty() {
        let _infallible = writeln!(text, "      to {}", escape(target));
    }
}

/// Whether the reason of a skip is that the image is at the target.
fn is_present(reason: &str) -> bool {
    reason.starts_with("already at the destination") || reason.starts_with("copied with an earlier")
}

fn places(places: &[Place], text: &mut String) {
    for place in places {
        let _infallible = writeln!(text, "      {}", escape(&place.text()));
    }
}
