//! The document of `--output json` and `--output yaml`: lazyoci's fields, and more.

use std::io::{self, Write};

use longshore_engine::job::Status;
use serde::Serialize;

use super::finished::{ChartReport, ChartStatus, JobFigures, count_images};
use super::model::{ChartFailure, Place, UnusedImage, WrittenOverlay};
use crate::report::course::Saved;
use crate::report::print::{RunFigures, seconds};

/// The report for machines. New versions only add fields.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    charts: Vec<Group<'a>>,
    charts_pushed: u32,
    charts_skipped: u32,
    charts_failed: u32,
    images_copied: u32,
    images_skipped: u32,
    images_failed: u32,
    charts_replaced: u32,
    bytes: u64,
    seconds: f64,
    #[serde(flatten)]
    figures: RunFigures<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Group<'a> {
    key: &'a str,
    chart: &'a str,
    versions: Vec<Version<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Version<'a> {
    version: &'a str,
    chart_status: ChartStatus,
    images: Vec<Image<'a>>,
    images_copied: u32,
    images_skipped: u32,
    images_failed: u32,
    #[serde(skip_serializing_if = "str::is_empty")]
    chart_source: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    chart_target: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    chart_digest: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    chart_reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
    #[serde(flatten)]
    chart: Work<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    images_error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    images_hint: Option<&'a str>,
    #[serde(skip_serializing_if = "is_empty")]
    values_overlays: &'a [WrittenOverlay],
    #[serde(skip_serializing_if = "Option::is_none")]
    values_overlay_error: Option<&'a str>,
    #[serde(skip_serializing_if = "is_empty")]
    not_mirrored: &'a [UnusedImage],
    #[serde(skip_serializing_if = "is_empty")]
    remarks: &'a [String],
}

fn is_empty<T>(items: &[T]) -> bool {
    items.is_empty()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Image<'a> {
    source: &'a str,
    target: &'a str,
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<&'a str>,
    #[serde(flatten)]
    work: Work<'a>,
    provenance: &'a [Place],
}

/// The figures of a chart or an image.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Work<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    digest_change: Option<&'a str>,
    seconds: f64,
    bytes: u64,
    mounted_bytes: u64,
    present_bytes: u64,
    shared_bytes: u64,
}

impl<'a> Work<'a> {
    fn of(figures: &'a JobFigures) -> Self {
        let Saved { mounted, present, shared } = figures.saved;
        Self {
            digest_change: figures.digest_change.as_deref(),
            seconds: seconds(figures.took),
            bytes: figures.bytes,
            mounted_bytes: mounted,
            present_bytes: present,
            shared_bytes: shared,
        }
    }
}

impl<'a> Document<'a> {
    fn of(report: &'a ChartReport) -> Self {
        let charts = report.plan.groups.iter().zip(&report.results).map(|(group, results)| {
            let versions = group.versions.iter().zip(results).map(|(version, result)| {
                let counts = count_images(version, result);
                let images = result.images.iter().map(|image| Image {
                    source: &image.source,
                    target: &image.target,
                    status: image.status,
                    reason: image.reason.as_deref(),
                    error: image.error.as_deref(),
                    hint: image.hint.as_deref(),
                    digest: image.figures.digest.as_deref(),
                    work: Work::of(&image.figures),
                    provenance: &image.places,
                });
                Version {
                    version: &version.version,
                    chart_status: result.chart,
                    images: images.collect(),
                    images_copied: counts.done,
                    images_skipped: counts.skipped,
                    images_failed: counts.failed,
                    chart_source: &version.source,
                    chart_target: &version.target,
                    chart_digest: result.chart_digest.as_deref(),
                    chart_reason: result.chart_reason.as_deref(),
                    error: result.chart_failure.as_ref().map(ChartFailure::error),
                    hint: result.chart_failure.as_ref().and_then(ChartFailure::hint),
                    chart: Work::of(&result.chart_figures),
                    images_error: version.images_failure.as_ref().map(ChartFailure::error),
                    images_hint: version.images_failure.as_ref().and_then(ChartFailure::hint),
                    values_overlays: &version.overlays,
                    values_overlay_error: version.overlay_failure.as_ref().map(ChartFailure::error),
                    not_mirrored: &version.unused,
                    remarks: &version.remarks,
                }
            });
            Group { key: &group.key, chart: &group.chart, versions: versions.collect() }
        });
        Self {
            charts: charts.collect(),
            charts_pushed: report.charts.done - report.charts.replaced,
            charts_skipped: report.charts.skipped,
            charts_failed: report.charts.failed,
            images_copied: report.images.done,
            images_skipped: report.images.skipped,
            images_failed: report.images.failed,
            charts_replaced: report.charts.replaced,
            bytes: report.bytes,
            seconds: seconds(report.elapsed),
            figures: RunFigures::of(&report.figures),
        }
    }
}

/// Writes the document as JSON.
pub(super) fn write_json(report: &ChartReport, out: &mut dyn Write) -> io::Result<()> {
    crate::report::print::write_json(&Document::of(report), out)
}

/// Writes the document as YAML.
pub(super) fn write_yaml(report: &ChartReport, out: &mut dyn Write) -> io::Result<()> {
    crate::report::print::write_yaml(&Document::of(report), out)
}
