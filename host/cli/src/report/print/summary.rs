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
    write_findings(&report.rows, report.options.verb, out)?;
    write_counts(report, out)?;
    if let Some(text) = cut(report) {
        writeln!(out, "{text}")?;
    }
    if let Some(text) = report.figures.shortfall() {
        writeln!(out, "{}", escape(&text))?;
    }
    if report.speaks_of_referrers() {
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
    if let Some(text) = at_most(report) {
        writeln!(out, "{text}")?;
    }
    let saved = [
        (figures.saved.mounted, "mounted"),
        (figures.saved.present, "there already"),
        (figures.saved.shared, "needed again"),
    ];
    let ways: Vec<String> = saved
        .iter()
        .filter(|(bytes, _)| *bytes > 0)
        .map(|&(bytes, way)| format!("{} {way}", HumanBytes(bytes)))
        .collect();
    // An image that fails or is interrupted has blobs that went over the network and did not arrive.
    let lost = figures.moved.saturating_sub(totals.bytes);
    let lost = if totals.failed > 0 { lost } else { 0 };
    if totals.bytes > 0 || lost > 0 || !ways.is_empty() {
        match (totals.bytes, lost) {
            (_, 0) => write!(out, "{} moved", HumanBytes(totals.bytes))?,
            (0, _) => write!(out, "{} of blobs moved and did not arrive", HumanBytes(lost))?,
            (moved, _) => write!(
                out,
                "{} moved, and {} of blobs that did not arrive",
                HumanBytes(moved),
                HumanBytes(lost)
            )?,
        }
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

/// Says how many of the skipped entries the destination lacks, and how many are duplicates. If every entry was
/// left out, a warning says so instead.
fn write_left_out(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let Totals { left_out, duplicates, .. } = report.totals;
    if left_out + duplicates == 0 || report.totals.is_nothing() {
        return Ok(());
    }
    let mut parts = Vec::new();
    if report.totals.present() > 0 {
        parts.push(format!("{} at the destination already", report.totals.present()));
    }
    match duplicates {
        0 => {}
        1 => parts.push("1 the same as an earlier line".to_owned()),
        many => parts.push(format!("{many} the same as earlier lines")),
    }
    if left_out > 0 {
        parts.push(not_mirrored(report));
    }
    writeln!(out, "of the skipped: {}", parts.join(", "))
}

/// Says how many entries were left out, and why the first.
fn not_mirrored(report: &Report) -> String {
    let left_out = report.totals.left_out;
    let reason = report.rows.iter().find(|row| row.is_left_out()).and_then(|row| row.reason());
    let reason = reason.map_or_else(String::new, |reason| match left_out {
        1 => format!(": {}", escape(reason)),
        _ => format!("; the first: {}", escape(reason)),
    });
    format!("{left_out} not mirrored{reason}")
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

/// Says how many bytes the run of a dry run would move at most.
fn at_most(report: &Report) -> Option<String> {
    let Totals { at_most, unsized_entries, .. } = report.totals;
    if !report.options.dry_run || (at_most == 0 && unsized_entries == 0) {
        return None;
    }
    let size = HumanBytes(at_most);
    let referrers = if report.options.referrers { ", without referrers" } else { "" };
    let all = format!("at most {size} would move{referrers}");
    Some(match (at_most, unsized_entries) {
        (_, 0) => all,
        (0, 1) => "the size of 1 entry is not known: its manifests were not read".to_owned(),
        (0, many) => {
            format!("the sizes of {many} entries are not known: their manifests were not read")
        }
        (_, 1) => format!("{all}, without 1 entry whose manifests were not read"),
        (_, many) => format!("{all}, without {many} entries whose manifests were not read"),
    })
}

/// Says how many indexes the platform filter cut, and how to keep them whole.
fn cut(report: &Report) -> Option<String> {
    let Totals { cut, cut_before, cut_by_list, .. } = report.totals;
    if cut == 0 || report.options.verb != Verb::Mirror {
        return None;
    }
    let of_run = cut - cut_before;
    let (counted, earlier) = match (of_run, cut_before) {
        (0, _) => (cut, String::new()),
        (_, 0) => (of_run, String::new()),
        (_, before) => (of_run, format!(" (an earlier run has cut {before} more)")),
    };
    let indexes = if counted == 1 { "1 index" } else { &format!("{counted} indexes") };
    let its = if counted == 1 { "its digest" } else { "their digests" };
    let (did, change) = match (report.options.dry_run, of_run) {
        (_, 0) => ("has cut", "changed"),
        (true, _) => ("would cut", "would change"),
        (false, _) => ("cut", "changed"),
    };
    let way_out = match (cut, cut - cut_by_list) {
        (_, 0) => "the list names these platforms",
        (1, _) => "--arch all --os all keeps it",
        (all, kept) if all == kept => "--arch all --os all keeps them",
        (_, kept) => {
            &format!("--arch all --os all keeps {kept}, the list names the platforms of the others")
        }
    };
    Some(format!("the platform filter {did} {indexes}{earlier}, and {its} {change}; {way_out}"))
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
    use crate::report::{MendCommands, OutputFormat, Report, Verb, Verdicts};

    fn text(report: &Report, failed_list: Option<&str>) -> String {
        let mut bytes = Vec::new();
        let next = "repeat with: longshore mirror -f mirror-failed.txt";
        write_text(report, failed_list.map(Path::new), next, &mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn the_summary_says_what_to_do_next() {
        let mut report = report_of_all_kinds();
        report.options.output = OutputFormat::Text;
        insta::assert_snapshot!(text(&report, Some("mirror-failed.txt")), @r"
        1 copied, 1 skipped, 4 failed (1 of them not finished), 1.2 s
        1.46 KiB moved, 3.00 KiB saved (2.00 KiB mounted, 512 B there already, 512 B needed again)
        3 requests made again, 1 pause of 1 s in all
        signatures and other referrers were not looked for; --referrers copies them too
        failed list: mirror-failed.txt
        repeat with: longshore mirror -f mirror-failed.txt
        ");
    }

    #[test]
    fn referrers_that_were_looked_for_are_not_said_to_be_left_out() {
        let mut report = report_of_all_kinds();
        report.options.output = OutputFormat::Text;
        assert!(text(&report, None).contains("not looked for"));
        report.options.referrers = true;
        assert!(!text(&report, None).contains("not looked for"));
    }

    #[test]
    fn duplicates_are_not_counted_as_left_out() {
        let mut report = report_of_all_kinds();
        report.totals.skipped = 4;
        report.totals.duplicates = 1;
        let counts =
            "\nof the skipped: 3 at the destination already, 1 the same as an earlier line\n";
        assert!(text(&report, None).contains(counts), "{}", text(&report, None));
        report.totals.duplicates = 2;
        report.totals.left_out = 2;
        let counts = "\nof the skipped: 2 the same as earlier lines, 2 not mirrored\n";
        assert!(text(&report, None).contains(counts), "{}", text(&report, None));
    }

    #[test]
    fn indexes_that_were_cut_are_counted() {
        let mut report = report_of_all_kinds();
        assert!(!text(&report, None).contains("the platform filter"));
        report.totals.cut = 1;
        let cut = "\nthe platform filter cut 1 index, and its digest changed; --arch all --os all keeps it\n";
        assert!(text(&report, None).contains(cut), "{}", text(&report, None));
        report.totals.cut_by_list = 1;
        assert!(
            text(&report, None).contains("its digest changed; the list names these platforms\n")
        );
        report.totals.cut_by_list = 0;
        report.totals.cut_before = 1;
        let kept = "\nthe platform filter has cut 1 index, and its digest changed; --arch all";
        assert!(text(&report, None).contains(kept), "{}", text(&report, None));
        report.totals.cut = 3;
        let more = "\nthe platform filter cut 2 indexes (an earlier run has cut 1 more), and their";
        assert!(text(&report, None).contains(more), "{}", text(&report, None));
        (report.totals.cut, report.totals.cut_before) = (12, 12);
        report.options.dry_run = true;
        // The destination has all of them, so a run would cut none.
        let kept =
            "\nthe platform filter has cut 12 indexes, and their digests changed; --arch all";
        assert!(text(&report, None).contains(kept), "{}", text(&report, None));
        report.totals.cut_before = 11;
        let would = "\nthe platform filter would cut 1 index (an earlier run has cut 11 more), \
                     and its digest would change; --arch all --os all keeps them\n";
        assert!(text(&report, None).contains(would), "{}", text(&report, None));
        report.totals.cut_before = 0;
        for (by_list, way_out) in [
            (0, "--arch all --os all keeps them"),
            (1, "--arch all --os all keeps 11, the list names the platforms of the others"),
            (11, "--arch all --os all keeps 1, the list names the platforms of the others"),
            (12, "the list names these platforms"),
        ] {
            report.totals.cut_by_list = by_list;
            let cut = format!("would cut 12 indexes, and their digests would change; {way_out}\n");
            assert!(text(&report, None).contains(&cut), "{}", text(&report, None));
        }
    }

    #[test]
    fn a_dry_run_says_what_would_move_at_most() {
        let mut report = report_of_all_kinds();
        report.totals.at_most = 3 << 20;
        assert!(!text(&report, None).contains("would move"), "it is no dry run");
        report.options.dry_run = true;
        assert!(text(&report, None).contains("\nat most 3.00 MiB would move\n"));
        report.totals.unsized_entries = 2;
        assert!(
            text(&report, None).contains("3.00 MiB would move, without 2 entries whose manifests")
        );
        report.totals.at_most = 0;
        assert!(text(&report, None).contains("\nthe sizes of 2 entries are not known: "));
    }

    #[test]
    fn what_did_not_arrive_is_not_moved() {
        let mut report = report_of_all_kinds();
        report.figures.moved = 1500 + (4 << 20);
        assert!(
            text(&report, None)
                .contains("1.46 KiB moved, and 4.00 MiB of blobs that did not arrive, ")
        );
        report.totals.bytes = 0;
        report.figures.moved = 4 << 20;
        let nothing = "\n4.00 MiB of blobs moved and did not arrive, 3.00 KiB saved";
        assert!(text(&report, None).contains(nothing), "{}", text(&report, None));
        report.totals.failed = 0;
        assert!(!text(&report, None).contains("did not arrive"), "a retry is no loss");
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
        1.46 KiB moved, 3.00 KiB saved (2.00 KiB mounted, 512 B there already, 512 B needed again)
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
        let first = text.lines().next().unwrap_or_default();
        assert!(first.ends_with("/failed:1: not compared"), "{text}");
        assert!(!text.contains("late:1: not compared"), "it did not finish: {text}");
        assert!(text.contains(counts), "{text}");
        assert!(text.ends_with("\nmend with: t\n"), "{text}");
    }
}
