//! The findings of `mirror-validate`, in the document and in the summary.

use std::io::{self, Write};

use serde::{Serialize, Serializer};

use super::quoted::Quoted;
use crate::report::Verb;
use crate::report::escape::escape;
use crate::report::row::Rows;
use longshore_engine::job::{Comparison, Finding, Spec, Verdict};

/// A comparison in the document, beside the other fields of its entry.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Compared<'a> {
    verdict: Verdict,
    findings: Vec<Found<'a>>,
    #[serde(skip_serializing_if = "Specs::is_empty")]
    src_spec: Specs<'a>,
    #[serde(skip_serializing_if = "Specs::is_empty")]
    dst_spec: Specs<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mend: Option<Quoted<&'a str>>,
}

/// A finding in the document. Registries choose its text.
#[derive(Serialize)]
struct Found<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<Quoted<&'a str>>,
    field: Quoted<&'a str>,
    source: Option<Quoted<&'a str>>,
    destination: Option<Quoted<&'a str>>,
    text: Quoted<&'a str>,
}

impl<'a> Compared<'a> {
    /// `mend` is the command that mends all entries.
    pub(super) fn of(comparison: &'a Comparison, mend: Option<&'a str>) -> Self {
        Self {
            verdict: comparison.verdict,
            findings: comparison.findings.iter().map(Found::of).collect(),
            src_spec: Specs(&comparison.src_spec),
            dst_spec: Specs(&comparison.dst_spec),
            mend: mend.map(Quoted),
        }
    }
}

/// Children in the document. Registries choose the texts of their platforms.
struct Specs<'a>(&'a [Spec]);

impl Specs<'_> {
    const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Specs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let value = serde_json::to_value(self.0).map_err(serde::ser::Error::custom)?;
        Quoted(&value).serialize(serializer)
    }
}

impl<'a> Found<'a> {
    fn of(finding: &'a Finding) -> Self {
        Self {
            platform: finding.platform.as_deref().map(Quoted),
            field: Quoted(&finding.field),
            source: finding.source.as_deref().map(Quoted),
            destination: finding.destination.as_deref().map(Quoted),
            text: Quoted(&finding.text),
        }
    }
}

/// Writes the verdict and the findings of each entry. Of a validation, also the entries that could not be compared.
pub(super) fn write_findings(rows: &Rows, verb: Verb, out: &mut dyn Write) -> io::Result<()> {
    for row in rows.iter() {
        let Some(comparison) = row.comparison() else {
            let ended = row.error().filter(|_| verb == Verb::Validate && !row.is_unfinished());
            if let Some(error) = ended {
                writeln!(out, "{}: not compared\n  {}", row.entry(), escape(error))?;
            }
            continue;
        };
        writeln!(out, "{}: {}", row.entry(), comparison.verdict.word())?;
        for finding in &comparison.findings {
            writeln!(out, "  {}", escape(&finding.text))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Compared, write_findings};
    use crate::report::Verb;
    use crate::report::row::tests::rows;
    use longshore_engine::job::{Comparison, Finding, Outcome, Verdict};
    use longshore_oci::Digest;

    fn comparison() -> Comparison {
        let mut finding = Finding::differs("annotations", "", "{\"a\":\"\u{202e}b\"}");
        finding.platform = Some("linux/amd64".to_owned());
        Comparison {
            verdict: Verdict::MovedOn,
            findings: vec![finding, Finding::lacks("blob", &Digest::of(b"x"))],
            src_spec: Vec::new(),
            dst_spec: Vec::new(),
        }
    }

    #[test]
    fn the_document_has_each_finding_with_its_parts() {
        let comparison = comparison();
        let found = serde_json::to_value(Compared::of(&comparison, Some("m"))).unwrap();
        assert_eq!(found["mend"], "m");
        assert_eq!(found["verdict"], "moved-on");
        assert_eq!(found["findings"][0]["platform"], "linux/amd64");
        assert_eq!(found["findings"][0]["destination"], "{\"a\":\"\u{202e}b\"}");
        assert!(found["findings"][1]["destination"].is_null());
        assert!(found.get("srcSpec").is_none());
    }

    #[test]
    fn the_summary_names_entry_verdict_and_findings() {
        let outcome = Outcome { comparison: Some(Box::new(comparison())), ..Outcome::failed("no") };
        let mut rows = rows(&["a"], Vec::new());
        assert!(rows.end(1, outcome));
        let mut text = Vec::new();
        write_findings(&rows, Verb::Validate, &mut text).unwrap();
        let digest = Digest::of(b"x");
        assert_eq!(
            String::from_utf8(text).unwrap(),
            format!(
                "docker.io/library/a:1 → r.example.com/library/a:1: moved-on\n  source annotations \
                 \"\" != dest annotations \"{{\"a\":\"\\u{{202e}}b\"}}\"\n  destination lacks blob \
                 {digest}\n"
            )
        );
    }
}
