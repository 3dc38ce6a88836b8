//! The document of `--output json` and `--output yaml`.

use std::io::{self, Write};

use serde::{Serialize, Serializer};

use super::comparison::Compared;
use super::figures::{RunFigures, seconds};
use super::quoted::{Quoted, escaping};
use crate::report::finished::Report;
use crate::report::options::Verb;
use crate::report::row::{End, Row, Rows};
use crate::report::totals::Verdicts;
use longshore_oci::Digest;

/// The report for machines. New versions only add fields.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    /// The part of the list, as in `--shard`.
    #[serde(skip_serializing_if = "Option::is_none")]
    shard: Option<String>,
    entries: Entries<'a>,
    #[serde(flatten)]
    done: Done,
    skipped: u32,
    /// The skipped entries of which the destination has nothing.
    #[serde(skip_serializing_if = "is_zero")]
    left_out: u32,
    /// The skipped entries that are the same as earlier lines.
    #[serde(skip_serializing_if = "is_zero")]
    duplicates: u32,
    failed: u32,
    bytes: u64,
    seconds: f64,
    #[serde(flatten)]
    figures: RunFigures<'a>,
    /// The command that mends all that a validation found.
    #[serde(skip_serializing_if = "Option::is_none")]
    mend: Option<Quoted<&'a str>>,
    /// The failed list and the command that repeats the run with it.
    #[serde(flatten)]
    repeat: Option<Repeat<'a>>,
}

/// How to repeat a run.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Repeat<'a> {
    pub(super) failed_list: Quoted<&'a str>,
    /// None if the failed list holds nothing that can be repeated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) repeat: Option<Quoted<&'a str>>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// The entries that are done, in the words of the command.
#[derive(Serialize)]
#[serde(untagged)]
enum Done {
    Mirror {
        copied: u32,
    },
    /// What a dry run found. It copies nothing.
    #[serde(rename_all = "camelCase")]
    DryRun {
        copied: u32,
        to_copy: u32,
        unknown: u32,
        bytes_at_most: u64,
        /// The entries to copy whose bytes are not known.
        unsized_entries: u32,
    },
    /// The entries with a verdict count as failed too.
    #[serde(rename_all = "camelCase")]
    Validate {
        valid: u32,
        missing: u32,
        moved_on: u32,
        altered: u32,
        broken: u32,
    },
}

impl Done {
    const fn of(report: &Report) -> Self {
        let totals = &report.totals;
        match report.options.verb {
            Verb::Mirror if report.options.dry_run => Self::DryRun {
                copied: totals.copied,
                to_copy: totals.dry_run,
                unknown: totals.unknown,
                bytes_at_most: totals.at_most,
                unsized_entries: totals.unsized_entries,
            },
            Verb::Mirror => Self::Mirror { copied: totals.copied },
            Verb::Validate => {
                let Verdicts { missing, moved_on, altered, broken, wrong_bytes: _ } =
                    totals.verdicts;
                Self::Validate { valid: totals.valid, missing, moved_on, altered, broken }
            }
        }
    }
}

struct Entries<'a> {
    rows: &'a Rows,
    mend: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    line: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<u32>,
    source: Quoted<End<'a>>,
    destination: Quoted<End<'a>>,
    status: &'static str,
    source_digest: Option<Digest>,
    destination_digest: Option<Digest>,
    bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Quoted<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Quoted<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<Quoted<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest_change: Option<Quoted<&'a str>>,
    seconds: f64,
    mounted_bytes: u64,
    present_bytes: u64,
    shared_bytes: u64,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    comparison: Option<Compared<'a>>,
}

impl Serialize for Entries<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.rows.iter().map(|row| Entry::of(row, self.mend)))
    }
}

impl<'a> Entry<'a> {
    fn of(row: Row<'a>, mend: Option<&'a str>) -> Self {
        let (entry, saved) = (row.entry(), row.saved());
        Self {
            line: entry.line,
            column: entry.column,
            source: Quoted(entry.source),
            destination: Quoted(entry.destination),
            status: row.status_word(),
            source_digest: row.source_digest(),
            destination_digest: row.destination_digest(),
            bytes: row.bytes(),
            reason: row.reason().map(Quoted),
            error: row.error().map(Quoted),
            hint: row.hint().map(Quoted),
            digest_change: row.digest_change().map(Quoted),
            seconds: seconds(row.took()),
            mounted_bytes: saved.mounted,
            present_bytes: saved.present,
            shared_bytes: saved.shared,
            comparison: row.comparison().map(|found| Compared::of(found, mend)),
        }
    }
}

impl<'a> Document<'a> {
    fn of(report: &'a Report, repeat: Option<Repeat<'a>>) -> Self {
        let totals = &report.totals;
        Self {
            repeat,
            left_out: totals.left_out,
            duplicates: totals.duplicates,
            shard: report.options.shard.map(|shard| shard.to_string()),
            entries: Entries { rows: &report.rows, mend: report.mend() },
            done: Done::of(report),
            skipped: totals.skipped,
            failed: totals.failed,
            bytes: totals.bytes,
            seconds: seconds(report.elapsed),
            figures: RunFigures::of(&report.figures),
            mend: report.mend().map(Quoted),
        }
    }
}

/// Writes the document as JSON.
pub(super) fn write_json(
    report: &Report,
    repeat: Option<Repeat<'_>>,
    out: &mut dyn Write,
) -> io::Result<()> {
    write_document_as_json(&Document::of(report, repeat), out)
}

/// Writes any document as JSON, without characters that steer a terminal.
pub(in crate::report) fn write_document_as_json(
    document: &impl Serialize,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut out = escaping(out);
    serde_json::to_writer_pretty(&mut out, document)?;
    out.write_all(b"\n")?;
    out.flush()
}

/// Writes the document as YAML.
pub(super) fn write_yaml(
    report: &Report,
    repeat: Option<Repeat<'_>>,
    out: &mut dyn Write,
) -> io::Result<()> {
    write_document_as_yaml(&Document::of(report, repeat), out)
}

/// Writes any document as YAML, without characters that steer a terminal.
pub(in crate::report) fn write_document_as_yaml(
    document: &impl Serialize,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut out = escaping(out);
    // Readers differ in how they unfold block scalars.
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    serde_saphyr::to_io_writer_with_options(&mut out, document, options).map_err(|error| {
        match error {
            serde_saphyr::SerializeError::IO { error } => error,
            other => io::Error::other(other.to_string()),
        }
    })?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::{Repeat, write_json, write_yaml};
    use crate::report::escape::is_unsafe;
    use crate::report::finished::Report;
    use crate::report::row::tests::{ended, rows};
    use crate::report::tests::report_of_all_kinds;

    type Writer = fn(&Report, Option<Repeat<'_>>, &mut dyn std::io::Write) -> std::io::Result<()>;

    fn text(report: &Report, write: Writer) -> String {
        let mut bytes = Vec::new();
        write(report, None, &mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "the document is long")]
    fn the_document_has_the_promised_fields() {
        insta::assert_snapshot!(text(&report_of_all_kinds(), write_json), @r#"
        {
          "entries": [
            {
              "line": 2,
              "source": "docker.io/library/copied:1",
              "destination": "r.example.com/library/copied:1",
              "status": "copied",
              "sourceDigest": "sha256:ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb",
              "destinationDigest": "sha256:3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d",
              "bytes": 1500,
              "reason": "the digest changed: 1 of 2 children were selected",
              "digestChange": "1 of 2 children were selected",
              "seconds": 1.1,
              "mountedBytes": 2048,
              "presentBytes": 512,
              "sharedBytes": 512
            },
            {
              "line": 3,
              "source": "docker.io/library/skipped:1",
              "destination": "r.example.com/library/skipped:1",
              "status": "skipped",
              "sourceDigest": "sha256:ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb",
              "destinationDigest": "sha256:ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb",
              "bytes": 0,
              "reason": "the destination has it",
              "seconds": 0.0,
              "mountedBytes": 0,
              "presentBytes": 0,
              "sharedBytes": 0
            },
            {
              "line": 4,
              "source": "docker.io/library/failed:1",
              "destination": "r.example.com/library/failed:1",
              "status": "failed",
              "sourceDigest": null,
              "destinationDigest": null,
              "bytes": 0,
              "error": "fetch the manifest: 401 Unauthorized",
              "hint": "log in with docker login",
              "seconds": 0.0,
              "mountedBytes": 0,
              "presentBytes": 0,
              "sharedBytes": 0
            },
            {
              "line": 5,
              "column": 4,
              "source": "yes\t\u202e1.0",
              "destination": "",
              "status": "failed",
              "sourceDigest": null,
              "destinationDigest": null,
              "bytes": 0,
              "error": "parse the entry: expected 3 fields, found 2",
              "seconds": 0.0,
              "mountedBytes": 0,
              "presentBytes": 0,
              "sharedBytes": 0
            },
            {
              "line": 6,
              "source": "a.io/Redis",
              "destination": "1.0",
              "status": "failed",
              "sourceDigest": null,
              "destinationDigest": null,
              "bytes": 0,
              "error": "repository \"Redis\" is invalid:\n  it has an upper-case letter",
              "seconds": 0.0,
              "mountedBytes": 0,
              "presentBytes": 0,
              "sharedBytes": 0
            },
            {
              "line": 7,
              "source": "docker.io/library/late:1",
              "destination": "r.example.com/library/late:1",
              "status": "failed",
              "sourceDigest": null,
              "destinationDigest": null,
              "bytes": 0,
              "error": "the run ended before this entry was done",
              "seconds": 0.0,
              "mountedBytes": 0,
              "presentBytes": 0,
              "sharedBytes": 0
            }
          ],
          "copied": 1,
          "skipped": 1,
          "failed": 4,
          "bytes": 1500,
          "seconds": 1.234,
          "mountedBytes": 2048,
          "presentBytes": 512,
          "sharedBytes": 512,
          "retries": 3,
          "pauses": 1,
          "pausedSeconds": 1.0,
          "registries": [
            {
              "name": "r.example.com",
              "retries": 3,
              "pauses": 1,
              "pausedSeconds": 1.0
            }
          ],
          "timeline": {
            "startedAt": "1970-01-01T00:00:00Z",
            "intervalSeconds": 0.25,
            "bytes": [
              1024
            ],
            "savedBytes": [
              3072
            ],
            "ended": [
              5
            ],
            "pauses": [
              {
                "registry": "r.example.com",
                "startSeconds": 0.2,
                "seconds": 0.0
              }
            ]
          }
        }
        "#);
    }

    #[test]
    fn a_dry_run_has_numbers_of_its_own() {
        let mut report = report_of_all_kinds();
        let json =
            |report: &Report| -> Value { serde_json::from_str(&text(report, write_json)).unwrap() };
        assert_eq!(json(&report)["toCopy"], Value::Null, "it copied");
        report.options.dry_run = true;
        report.totals.dry_run = 7;
        report.totals.unknown = 2;
        report.totals.at_most = 4096;
        report.totals.unsized_entries = 3;
        report.totals.duplicates = 1;
        let found = json(&report);
        let keys = ["toCopy", "unknown", "bytesAtMost", "unsizedEntries", "duplicates"];
        assert_eq!(keys.map(|key| found[key].as_u64()), [7, 2, 4096, 3, 1].map(Some));
    }

    #[test]
    fn yaml_says_the_same_to_a_reader() {
        let report = report_of_all_kinds();
        let json: Value = serde_json::from_str(&text(&report, write_json)).unwrap();
        let yaml: Value = serde_saphyr::from_str(&text(&report, write_yaml)).unwrap();
        assert_eq!(json, yaml);
    }

    #[test]
    fn yaml_keeps_text_text() {
        let texts = [
            "yes",
            "No",
            "on",
            "~",
            "null",
            "true",
            "1.0",
            "1e3",
            "0x1f",
            "0o7",
            "12:30:45",
            "2026-11-21",
            ".inf",
            "- a",
            "? a",
            "a: b",
            "a #b",
            "#",
            "&a",
            "*a",
            "!a",
            "|",
            ">",
            "%a",
            "@a",
            "`a",
            "[a",
            "{a",
            "'",
            "\"",
            "\\",
            "",
            " a",
            "a ",
            "a\n",
            "\na",
            "a\n\n b\n",
            "a\tb",
            "a\rb",
            "\u{1b}[0m",
            "\u{7f}",
            "\u{7f}: a",
            "\u{85}",
            "\u{2028}",
            "\u{202e}",
            "\u{feff}a",
            "---",
            "...",
            "<<",
            "=",
            "1_000",
            "denied: \"no\": 'x'",
        ];
        let mut report = report_of_all_kinds();
        report.rows = rows(
            &[],
            (1..).zip(texts).map(|(number, text)| ended(number, text, text, "")).collect(),
        );
        let yaml = text(&report, write_yaml);
        let is_raw = |character| character != '\n' && is_unsafe(character);
        assert!(!yaml.contains(is_raw), "the terminal is steered: {yaml:?}");
        let json = text(&report, write_json);
        assert!(!json.contains(is_raw), "the terminal is steered: {json:?}");
        let value: Value = serde_saphyr::from_str(&yaml).unwrap();
        for (entry, text) in value["entries"].as_array().unwrap().iter().zip(texts) {
            assert_eq!(entry["source"], *text, "{yaml}");
            assert_eq!(entry["destination"], *text, "{yaml}");
        }
    }
}
