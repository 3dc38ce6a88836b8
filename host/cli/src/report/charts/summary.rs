//! The summary on standard output.

use std::io::{self, Write};
use std::path::Path;

use super::finished::{ChartReport, Counts, count_images};
use crate::report::escape::escape;

const RULE: &str = "════════════════════════════════════════";

/// Writes the summary.
pub(super) fn write_text(
    report: &ChartReport,
    failed_list: Option<&Path>,
    command: &str,
    out: &mut dyn Write,
) -> io::Result<()> {
    writeln!(out, "{RULE}\nMirror Summary\n{RULE}")?;
    for (group, results) in report.plan.groups.iter().zip(&report.results) {
        writeln!(out, "  {} ({}):", escape(&group.key), escape(&group.chart))?;
        for (version, result) in group.versions.iter().zip(results) {
            let images = counts(count_images(version, result), "copied");
            let (name, chart) = (escape(&version.version), result.chart.name());
            writeln!(out, "    {name}: chart={chart}  images={images}")?;
        }
    }
    writeln!(out)?;
    writeln!(out, "  Charts:  {}", counts(report.charts, "pushed"))?;
    writeln!(out, "  Images:  {}", counts(report.images, "copied"))?;
    if let Some(text) = report.figures.shortfall() {
        writeln!(out, "{}", escape(&text))?;
    }
    if let Some(path) = failed_list {
        writeln!(out, "failed list: {}", escape(&path.to_string_lossy()))?;
        writeln!(out, "repeat with: {}", escape(command))?;
    }
    Ok(())
}

fn counts(counts: Counts, done: &str) -> String {
    let Counts { done: copied, skipped, failed, dry_run, replaced } = counts;
    let mut text = format!("{} {done}, {skipped} skipped, {failed} failed", copied - replaced);
    if replaced > 0 {
        text.push_str(&format!(", {replaced} replaced"));
    }
    if dry_run > 0 {
        text.push_str(&format!(", {dry_run} dry-run"));
    }
    text
}
