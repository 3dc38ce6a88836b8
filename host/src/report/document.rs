//! The document of `--output json` and `--output yaml`.

use std::fmt::Write as _;
use std::io::{self, Write};

use serde::{Serialize, Serializer};

use super::Report;
use super::escape::needs_escape;
use super::row::{End, Ending, Row};
use crate::oci::Digest;
use crate::plan::Status;

/// What a machine reads of a run. Fields are only ever added.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    entries: Rows<'a>,
    copied: u32,
    skipped: u32,
    failed: u32,
    bytes: u64,
    seconds: f64,
}

struct Rows<'a>(&'a [Row]);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    line: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<u32>,
    source: End<'a>,
    destination: End<'a>,
    status: Status,
    source_digest: Option<&'a Digest>,
    destination_digest: Option<&'a Digest>,
    bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(Entry::of))
    }
}

impl<'a> Entry<'a> {
    fn of(row: &'a Row) -> Self {
        let ending = row.ending.as_ref();
        Self {
            line: row.entry.line(),
            column: row.entry.column(),
            source: row.entry.source(),
            destination: row.entry.destination(),
            status: row.status(),
            source_digest: ending.and_then(Ending::source_digest),
            destination_digest: ending.and_then(Ending::destination_digest),
            bytes: ending.map_or(0, |ending| ending.bytes),
            reason: ending.and_then(|ending| ending.reason.as_deref()),
            error: row.error(),
        }
    }
}

impl<'a> Document<'a> {
    fn of(report: &'a Report) -> Self {
        let totals = &report.totals;
        Self {
            entries: Rows(&report.rows),
            copied: totals.copied,
            skipped: totals.skipped,
            failed: totals.failed,
            bytes: totals.bytes,
            seconds: (report.elapsed.as_secs_f64() * 1000.0).round() / 1000.0,
        }
    }
}

/// Writes the document as JSON.
pub(super) fn write_json(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let mut out = Escaping(out);
    serde_json::to_writer_pretty(&mut out, &Document::of(report))?;
    out.write_all(b"\n")
}

/// Writes the document as YAML.
pub(super) fn write_yaml(report: &Report, mut out: &mut dyn Write) -> io::Result<()> {
    // A folded block would have to be unfolded by the reader exactly as it was folded.
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    serde_saphyr::to_io_writer_with_options(&mut out, &Document::of(report), options).map_err(
        |error| match error {
            serde_saphyr::SerializeError::IO { error } => error,
            other => io::Error::other(other.to_string()),
        },
    )
}

/// Writes the characters that steer a terminal as JSON's escapes, which mean the same to a reader.
/// (The serializer does it for ASCII only; beyond ASCII there is nothing but strings.)
struct Escaping<W>(W);

impl<W: Write> Write for Escaping<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match std::str::from_utf8(bytes) {
            Ok(text) if !text.is_ascii() && text.contains(needs_escape) => {
                let mut escaped = String::with_capacity(text.len() + 16);
                for character in text.chars() {
                    if !character.is_ascii() && needs_escape(character) {
                        // Writing into a string cannot fail.
                        let _ok = write!(escaped, "\\u{:04x}", u32::from(character));
                    } else {
                        escaped.push(character);
                    }
                }
                self.0.write_all(escaped.as_bytes())
            }
            _ => self.0.write_all(bytes),
        }?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::{write_json, write_yaml};
    use crate::report::Report;
    use crate::report::tests::report_of_all_kinds;

    fn text(
        report: &Report,
        write: fn(&Report, &mut dyn std::io::Write) -> std::io::Result<()>,
    ) -> String {
        let mut bytes = Vec::new();
        write(report, &mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn the_document_has_the_promised_fields() {
        insta::assert_snapshot!(text(&report_of_all_kinds(), write_json));
    }

    #[test]
    fn yaml_says_the_same_to_a_reader() {
        let report = report_of_all_kinds();
        let json: Value = serde_json::from_str(&text(&report, write_json)).unwrap();
        let yaml: Value = serde_saphyr::from_str(&text(&report, write_yaml)).unwrap();
        assert_eq!(json, yaml);
    }
}
