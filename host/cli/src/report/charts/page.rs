//! The page of a run of `mirror-charts`.

use longshore_engine::counted;

use super::finished::{ChartReport, ChartStatus, Counts, JobFigures};
use crate::report::ReportError;
use crate::report::page::{Asked, Head, Item, Kind, PageFile, counts, kind, others, write};

impl ChartReport {
    /// Writes the page.
    ///
    /// # Errors
    /// Returns an error if the page cannot be written.
    pub(crate) fn write_page(&self, page: PageFile, asked: &Asked) -> Result<(), ReportError> {
        let head = Head {
            command: "mirror-charts",
            noun: ["chart or image", "charts and images"],
            headline: self.headline(),
            counts: counts(self.items().map(|item| item.status)),
            asked,
            elapsed: self.elapsed,
            bytes: self.bytes,
            figures: &self.figures,
        };
        page.finish(|out| write(&head, || self.items(), out))
    }

    fn headline(&self) -> String {
        let (charts, images) = (self.charts, self.images);
        let all = |counts: Counts, one, more| {
            let all = counts.done + counts.skipped + counts.failed + counts.dry_run;
            format!("{} of {}", counts.done + counts.dry_run, counted(all as usize, one, more))
        };
        let verb = if charts.dry_run + images.dry_run > 0 { "would arrive" } else { "arrived" };
        let others = others(&[
            (charts.skipped + images.skipped, "skipped"),
            (charts.failed + images.failed, "failed"),
        ]);
        let (charts, images) = (all(charts, "chart", "charts"), all(images, "image", "images"));
        format!("{charts} and {images} {verb}{others}")
    }

    /// Returns the charts, each followed by its images. They are numbered in this order.
    fn items(&self) -> impl Iterator<Item = Item<'_>> {
        let versions = self.plan.groups.iter().zip(&self.results).flat_map(|(group, results)| {
            group.versions.iter().zip(results).map(move |found| (group, found))
        });
        let items = versions.flat_map(|(group, (version, result))| {
            let failure = result.chart_failure.as_ref();
            let chart = Item {
                kind: match result.chart {
                    ChartStatus::Pushed | ChartStatus::Replaced => Kind::Copied,
                    ChartStatus::Skipped => Kind::Skipped,
                    ChartStatus::Failed => Kind::Failed,
                    ChartStatus::DryRun => Kind::Planned,
                },
                status: result.chart.name(),
                source: format!("chart {} {}", group.key, version.version),
                destination: version.target.clone(),
                reason: result.chart_reason.as_deref(),
                error: failure.map(|failure| failure.error.as_str()),
                hint: failure.and_then(|failure| failure.hint.as_deref()),
                ..of_job(&result.chart_figures)
            };
            let unknown = version.images_failure.as_ref().map(|failure| Item {
                kind: Kind::Failed,
                status: "failed",
                source: format!("images of {} {}", group.key, version.version),
                error: Some(failure.error.as_str()),
                hint: failure.hint.as_deref(),
                ..Item::default()
            });
            let images = result.images.iter().map(|image| Item {
                kind: kind(image.status),
                status: image.status.word(),
                source: image.source.clone(),
                destination: image.target.clone(),
                reason: image.reason.as_deref(),
                error: image.error.as_deref(),
                hint: image.hint.as_deref(),
                ..of_job(&image.figures)
            });
            std::iter::once(chart).chain(unknown).chain(images)
        });
        (1..).zip(items).map(|(number, item)| Item { number, ..item })
    }
}

/// Returns a row with the figures of a job.
fn of_job(figures: &JobFigures) -> Item<'_> {
    Item {
        took: figures.took,
        bytes: figures.bytes,
        saved: figures.saved,
        destination_digest: figures.digest.clone(),
        source_digest: figures.source_digest.clone(),
        digest_change: figures.digest_change.as_deref(),
        ..Item::default()
    }
}
