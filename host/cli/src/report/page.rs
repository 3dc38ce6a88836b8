//! The report as a page (`--report`): one HTML file without network or foreign scripts.
//!
//! A page is written entry by entry, and each part asks for the entries again. So a list of 100,000 entries
//! needs no more memory than without a page.

mod bytes;
mod course;
mod entries;
mod file;
mod item;
mod mirrored;
mod prompt;
mod safe;
mod selection;
mod tables;

use std::io::{self, Write};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use longshore_oci::Digest;

pub(crate) use self::file::PageFile;
pub(super) use self::item::{Item, Kind};
pub(super) use self::mirrored::{counts, kind, others};
pub(crate) use self::prompt::PromptReport;
use self::safe::safe;
use super::course::Figures;
use super::spent::spent;

const STYLE: &str = include_str!("page/assets/report.css");
const SCRIPT: &str = include_str!("page/assets/report.js");
/// Shows the controls of the long table, which only the script at the end can use.
const MARK: &str = "document.documentElement.className=\"js\"";

/// What was asked of a run: names and texts for people.
pub(crate) type Asked = Vec<(&'static str, String)>;

/// What stands above the entries.
pub(super) struct Head<'a> {
    /// The command, such as `mirror`.
    pub(super) command: &'static str,
    /// What one row is, singular and plural, such as `entry` and `entries`.
    pub(super) noun: [&'static str; 2],
    /// How many of them ended well, as a sentence.
    pub(super) headline: String,
    /// The number of rows by status, with the class of its colour.
    pub(super) counts: Vec<(&'static str, u64)>,
    pub(super) asked: &'a Asked,
    pub(super) elapsed: Duration,
    /// Bytes of blobs and manifests that moved.
    pub(super) bytes: u64,
    pub(super) figures: &'a Figures,
}

/// Writes the page. `items` returns the rows, in order, each time that it is called.
pub(super) fn write<'a, I: Iterator<Item = Item<'a>>>(
    head: &Head<'_>,
    items: impl Fn() -> I,
    out: &mut dyn Write,
) -> io::Result<()> {
    let policy = format!(
        "default-src 'none'; style-src '{}'; script-src '{}' '{}'; base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(MARK),
        hash(SCRIPT)
    );
    write!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>longshore {}: {}</title>\n<style>{STYLE}</style>\n<script>{MARK}</script>\n</head>\n<body>\n<main>\n",
        head.command,
        safe(&head.headline)
    )?;
    write_head(head, out)?;
    write_asked(head, out)?;
    tables::write_failures(head, &items, out)?;
    tables::write_changes(head, &items, out)?;
    course::write(&head.figures.timeline, head.elapsed, out)?;
    bytes::write(head.bytes, head.figures.saved, out)?;
    tables::write_tops(head, &items, out)?;
    tables::write_effort(&head.figures.effort, out)?;
    entries::write(head, &items, out)?;
    write!(out, "</main>\n<script>{SCRIPT}</script>\n</body>\n</html>\n")
}

/// The source of a script or a style for the policy of the page: no other one runs.
fn hash(text: &str) -> String {
    let digest = Digest::of(text.as_bytes());
    let bytes = match digest {
        Digest::Sha256(bytes) => BASE64_STANDARD.encode(bytes),
        // `of` hashes with SHA-256.
        _ => String::new(),
    };
    format!("sha256-{bytes}")
}

fn write_head(head: &Head<'_>, out: &mut dyn Write) -> io::Result<()> {
    let started = head.figures.started_at.strftime("%Y-%m-%d %H:%M:%S UTC");
    write!(
        out,
        "<h1>longshore {}: {}</h1>\n<p class=\"quiet\">Started at {started}, took {}.</p>\n<dl class=\"cards\">\n",
        head.command,
        safe(&head.headline),
        spent(head.elapsed)
    )?;
    for (word, count) in &head.counts {
        writeln!(out, "<div><dt>{word}</dt><dd>{count}</dd></div>")?;
    }
    let (moved, saved) = (safe::size(head.bytes), safe::size(head.figures.saved.sum()));
    writeln!(out, "<div><dt>moved</dt><dd>{moved}</dd></div>")?;
    writeln!(out, "<div><dt>saved</dt><dd>{saved}</dd></div>\n</dl>")
}

fn write_asked(head: &Head<'_>, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "<h2>What was asked</h2>\n<dl class=\"asked\">")?;
    for (name, text) in head.asked {
        writeln!(out, "<dt>{name}</dt><dd><code>{}</code></dd>", safe(text))?;
    }
    let version = env!("CARGO_PKG_VERSION");
    writeln!(out, "<dt>Version</dt><dd><code>longshore {version}</code></dd>\n</dl>")
}

#[cfg(test)]
mod tests;
