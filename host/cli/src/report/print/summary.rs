//! The report for people: the entries of a dry run, the findings and the totals.

use std::io::{self, Write};
use std::path::Path;

use indicatif::HumanBytes;

use super::comparison::write_findings;
use crate::report::escape::escape;
use crate::report::finished::Report;
use crate::report::options::Verb;
use crate::report::totals::Totals;
use longshore_engine::job::Status;

/// Writes the summary.
pub(super) fn write_text(
    report: &Report,
    failed_list: Option<&Path>,
    next_step: &str,
    out: &mut dyn Write,
) -> io::Result<()> {
    if report.options.dry_run {
        write_rows(report, out)?;
    }
    write_findings(&report.rows, out)?;
    write_counts(report, out)?;
    let has_copied = report.totals.copied > 0 && !report.options.dry_run;
    if report.options.verb == Verb::Mirror && has_copied && !report.options.referrers {
        writeln!(
            out,
            "signatures and other referrers were not looked for; --referrers copies them too"
        )?;
    }
    if let Some(path) = failed_list {
        writeln!(out, "failed list: {}", escape(&path.to_string_lossy()))?;
        writeln!(out, "{}", escape(next_step))?;
    }
    if let Some(mend) = report.mend() {
        writeln!(out, "mend with: {}", escape(mend))?;
    }
    if let Some(warning) = report.warning() {
        writeln!(out, "warning: {}", escape(&warning))?;
    }
    Ok(())
}

fn write_rows(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    for row in report.rows.iter() {
        let entry = row.entry();
        match (row.status(), row.error(), row.reason()) {
            (Status::Failed, error, _) => {
                writeln!(out, "{entry}: failed: {}", escape(error.unwrap_or_default()))?;
            }
            (Status::Skipped, _, Some(reason)) => {
                writeln!(out, "{entry}: skipped: {}", escape(reason))?;
            }
            (Status::Skipped, _, None) => writeln!(out, "{entry}: skipped")?,
            (_, _, Some(reason)) => writeln!(out, "{entry}: {}", escape(reason))?,
            (_, _, None) => writeln!(out, "{entry}")?,
        }
    }
    Ok(())
}

fn write_counts(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let (totals, figures) = (&report.totals, &report.figures);
    let (done, word) = match (report.options.dry_run, report.options.verb) {
        (true, _) => (totals.dry_run, "to copy"),
        (false, Verb::Mirror) => (totals.copied, "copied"),
        (false, Verb::Validate) => (totals.valid, "valid"),
    };
    if let Some(shard) = report.options.shard {
        write!(out, "{}: ", shard.described())?;
    }
    write!(out, "{done} {word}, {} skipped, {} failed", totals.skipped, totals.failed)?;
    if totals.unfinished > 0 {
        write!(out, " ({} of them not finished)", totals.unfinished)?;
    }
    writeln!(out, ", {:.1} s", report.elapsed.as_secs_f64())?;
    write_left_out(report, out)?;
    write_verdicts(totals, out)?;
    if totals.unknown > 0 {
        let unknown = totals.unknown;
        writeln!(out, "not looked at: {unknown}; only a push can tell whether it is allowed")?;
    }
    let saved = [
        (figures.saved.mounted, "mounted"),
        (figures.saved.present, "there already"),
        (figures.saved.shared, "shared by images"),
    ];
    let ways: Vec<String> = saved
        .iter()
        .filter(|(bytes, _)| *bytes > 0)
        .map(|&(bytes, way)| format!("{} {way}", HumanBytes(bytes)))
        .collect();
    if totals.bytes > 0 || !ways.is_empty() {
        write!(out, "{} moved", HumanBytes(totals.bytes))?;
        if !ways.is_empty() {
            let sum = HumanBytes(figures.saved.sum());
            write!(out, ", {sum} saved ({})", ways.join(", "))?;
        }
        writeln!(out)?;
    }
    let (retries, pauses) = (figures.retries(), figures.pauses());
    if retries > 0 || pauses > 0 {
        write!(out, "{} made again", count(retries, "request"))?;
        if pauses > 0 {
            let seconds = figures.paused().as_secs();
            write!(out, ", {} of {seconds} s in all", count(pauses, "pause"))?;
        }
        writeln!(out)?;
    }
    Ok(())
}

/// Says which of the skipped entries the destination has not, if it has others. A warning says so of all.
fn write_left_out(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let Totals { skipped, left_out, .. } = report.totals;
    if left_out == 0 || usize::try_from(left_out).ok() == Some(report.rows.len()) {
        return Ok(());
    }
    write!(out, "of the skipped: ")?;
    if skipped > left_out {
        write!(out, "{} at the destination already, ", skipped - left_out)?;
    }
    let reason = report.rows.iter().find(|row| row.is_left_out()).and_then(|row| row.reason());
    let reason = reason.map_or_else(String::new, |reason| match left_out {
        1 => format!(": {}", escape(reason)),
        _ => format!("; the first: {}", escape(reason)),
    });
    writeln!(out, "{left_out} not mirrored{reason}")
}

/// Writes how many entries have each verdict, if one has any.
fn write_verdicts(totals: &Totals, out: &mut dyn Write) -> io::Result<()> {
    let verdicts = totals.verdicts;
    if verdicts.sum() == 0 {
        return Ok(());
    }
    let others = totals.failed.saturating_sub(verdicts.sum() + totals.unfinished);
    let counts = verdicts.each().into_iter().map(|(verdict, number)| (number, verdict.word()));
    let counts = counts.chain([(others, "not compared")]).filter(|(number, _)| *number > 0);
    let counts: Vec<String> = counts.map(|(number, word)| format!("{number} {word}")).collect();
    writeln!(out, "of the failed: {}", counts.join(", "))
}

fn count(number: u64, what: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {what}{ending}")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::write_text;
    use crate::report::tests::report_of_all_kinds;
    use crate::report::{MendCommands, Report, Verb, Verdicts};

    fn text(report: &Report, failed_list: Option<&str>) -> String {
        let mut bytes = Vec::new();
        let next = "repeat with: longshore mirror -f mirror-failed.txt";
        write_text(report, failed_list.map(Path::new), next, &mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn the_summary_says_what_to_do_next() {
        insta::assert_snapshot!(text(&report_of_all_kinds(), Some("mirror-failed.txt")), @r"
        1 copied, 1 skipped, 4 failed (1 of them not finished), 1.2 s
        1.46 KiB moved, 3.00 KiB saved (2.00 KiB mounted, 512 B there already, 512 B shared by images)
        3 requests made again, 1 pause of 1 s in all
        signatures and other referrers were not looked for; --referrers copies them too
        failed list: mirror-failed.txt
        repeat with: longshore mirror -f mirror-failed.txt
        ");
    }

    #[test]
    fn referrers_that_were_looked_for_are_not_said_to_be_left_out() {
        let mut report = report_of_all_kinds();
        report.options.referrers = true;
        assert!(!text(&report, None).contains("not looked for"));
    }

    #[test]
    fn a_dry_run_says_what_would_happen() {
        let mut report = report_of_all_kinds();
        report.options.dry_run = true;
        insta::assert_snapshot!(text(&report, None), @r#"
        docker.io/library/copied:1 → r.example.com/library/copied:1: the digest changed: 1 of 2 children were selected
        docker.io/library/skipped:1 → r.example.com/library/skipped:1: skipped: the destination has it
        docker.io/library/failed:1 → r.example.com/library/failed:1: failed: fetch the manifest: 401 Unauthorized
        yes\t\u{202e}1.0: failed: parse the entry: expected 3 fields, found 2
        a.io/Redis → 1.0: failed: repository "Redis" is invalid:\n  it has an upper-case letter
        docker.io/library/late:1 → r.example.com/library/late:1: failed: the run ended before this entry was done
        0 to copy, 1 skipped, 4 failed (1 of them not finished), 1.2 s
        1.46 KiB moved, 3.00 KiB saved (2.00 KiB mounted, 512 B there already, 512 B shared by images)
        3 requests made again, 1 pause of 1 s in all
        "#);
    }

    #[test]
    fn validation_has_words_of_its_own() {
        let mut report = report_of_all_kinds();
        report.options.verb = Verb::Validate;
        report.totals.bytes = 0;
        report.totals.valid = 1;
        let verdicts = Verdicts { missing: 1, broken: 1, ..Verdicts::default() };
        report.totals.verdicts = verdicts;
        let [again, thoroughly, deeply] = ["a", "t", "d"].map(str::to_owned);
        report.options.mend = Some(MendCommands { again, thoroughly, deeply });
        let text = text(&report, Some("f"));
        let counts = "1 valid, 1 skipped, 4 failed (1 of them not finished), 1.2 s\n\
                      of the failed: 1 missing, 1 broken, 1 not compared\n";
        assert!(text.starts_with(counts), "{text}");
        assert!(text.ends_with("\nmend with: t\n"), "{text}");
    }
}
