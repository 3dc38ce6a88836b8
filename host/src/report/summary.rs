//! The end of a run in text: what a dry run would do, and the figures.

use std::io::{self, Write};
use std::path::Path;

use indicatif::HumanBytes;

use super::{Report, Verb};
use crate::plan::Status;

/// Writes the text part of a report.
pub(super) fn write_text(
    report: &Report,
    failed_list: Option<&Path>,
    command: &str,
    out: &mut dyn Write,
) -> io::Result<()> {
    if report.options.dry_run {
        write_rows(report, out)?;
    }
    write_counts(report, out)?;
    if let Some(path) = failed_list {
        writeln!(out, "failed list: {}", super::escape(&path.to_string_lossy()))?;
        writeln!(out, "repeat with: {}", super::escape(command))?;
    }
    Ok(())
}

fn write_rows(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    for row in &report.rows {
        let entry = &row.entry;
        let reason = row.ending.as_ref().and_then(|ending| ending.reason.as_deref());
        match (row.status(), row.error(), reason) {
            (Status::Failed, error, _) => {
                writeln!(out, "{entry}: failed: {}", super::escape(error.unwrap_or_default()))?;
            }
            (Status::Skipped, _, Some(reason)) => {
                writeln!(out, "{entry}: skipped: {}", super::escape(reason))?;
            }
            (Status::Skipped, _, None) => writeln!(out, "{entry}: skipped")?,
            (_, _, Some(reason)) => writeln!(out, "{entry}: {}", super::escape(reason))?,
            (_, _, None) => writeln!(out, "{entry}")?,
        }
    }
    Ok(())
}

fn write_counts(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let totals = &report.totals;
    let (done, word) = match (report.options.dry_run, report.options.verb) {
        (true, _) => (totals.dry_run, "to copy"),
        (false, Verb::Mirror) => (totals.copied, "copied"),
        (false, Verb::Validate) => (totals.copied, "valid"),
    };
    write!(out, "{done} {word}, {} skipped, {} failed", totals.skipped, totals.failed)?;
    if totals.unfinished > 0 {
        write!(out, " ({} of them not finished)", totals.unfinished)?;
    }
    writeln!(out, ", {:.1} s", report.elapsed.as_secs_f64())?;
    let saved = [
        (totals.mounted, "mounted"),
        (totals.present, "there already"),
        (totals.shared, "shared by images"),
    ];
    let ways: Vec<String> = saved
        .iter()
        .filter(|(bytes, _)| *bytes > 0)
        .map(|&(bytes, way)| format!("{} {way}", HumanBytes(bytes)))
        .collect();
    if totals.bytes > 0 || !ways.is_empty() {
        write!(out, "{} moved", HumanBytes(totals.bytes))?;
        if !ways.is_empty() {
            let sum = HumanBytes(totals.mounted + totals.present + totals.shared);
            write!(out, ", {sum} saved ({})", ways.join(", "))?;
        }
        writeln!(out)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::write_text;
    use crate::report::tests::report_of_all_kinds;
    use crate::report::{Report, Verb};

    fn text(report: &Report, failed_list: Option<&str>) -> String {
        let mut bytes = Vec::new();
        let command = "longshore mirror -f mirror-failed.txt";
        write_text(report, failed_list.map(Path::new), command, &mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn the_summary_says_what_to_do_next() {
        insta::assert_snapshot!(text(&report_of_all_kinds(), Some("mirror-failed.txt")));
    }

    #[test]
    fn a_dry_run_says_what_would_happen() {
        let mut report = report_of_all_kinds();
        report.options.dry_run = true;
        insta::assert_snapshot!(text(&report, None));
    }

    #[test]
    fn validation_has_words_of_its_own() {
        let mut report = report_of_all_kinds();
        report.options.verb = Verb::Validate;
        report.totals.bytes = 0;
        assert!(text(&report, None).starts_with("1 valid, 1 skipped, 4 failed"));
    }
}
