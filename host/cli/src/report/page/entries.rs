//! The table of all rows, which sorts and filters.
//!
//! The table is in `<noscript>`, where a browser with scripts does not parse it, because 10,000 rows are
//! 100,000 elements. The script takes the text of the table, and makes elements only of the rows that it
//! shows. So each row must be exactly one line.

use std::io::{self, Write};

use indicatif::HumanBytes;

use super::Head;
use super::item::Item;
use super::safe::{safe, size};
use crate::report::spent::spent;

/// Digits of a digest in the table.
const DIGITS: usize = 12;

/// Writes the section.
pub(super) fn write<'a, I: Iterator<Item = Item<'a>>>(
    head: &Head<'_>,
    items: &impl Fn() -> I,
    out: &mut dyn Write,
) -> io::Result<()> {
    let [_, many] = head.noun;
    write!(
        out,
        "<h2 id=\"all\">All {many}</h2>\n<div class=\"controls\" role=\"search\">\n\
         <div><label for=\"find\">Words in a row</label><input id=\"find\" type=\"search\" autocomplete=\"off\"></div>\n\
         <div><label for=\"status\">Status</label><select id=\"status\"><option value=\"\">all</option>"
    )?;
    for (word, count) in head.counts.iter().filter(|(_, count)| *count > 0) {
        write!(out, "<option value=\"{word}\">{word} ({count})</option>")?;
    }
    write!(
        out,
        "</select></div>\n<div><label for=\"many\">Rows</label><select id=\"many\"><option>100</option>\
         <option>1000</option><option value=\"\">all</option></select></div>\n\
         <output id=\"count\" for=\"find status many\" aria-live=\"polite\"></output>\n</div>\n\
         <div class=\"wide\" id=\"rows\" role=\"region\" aria-labelledby=\"all\" tabindex=\"0\">\n\
         <noscript id=\"written\">\n<table id=\"entries\">\n\
         <caption>All {many} in the order of the run. The head of a column sorts by it; what is shown is printed.</caption>\n\
         <thead><tr><th scope=\"col\" class=\"number\">No.</th><th scope=\"col\">Status</th>\
         <th scope=\"col\">Source</th><th scope=\"col\">Destination</th>\
         <th scope=\"col\" class=\"number\">Time</th><th scope=\"col\" class=\"number\">Moved</th>\
         <th scope=\"col\" class=\"number\">Saved</th><th scope=\"col\">Digest</th>\
         <th scope=\"col\">Why</th></tr></thead>\n<tbody>\n"
    )?;
    for item in items() {
        write_row(&item, out)?;
    }
    writeln!(out, "</tbody>\n</table>\n</noscript>\n</div>")
}

fn write_row(item: &Item<'_>, out: &mut dyn Write) -> io::Result<()> {
    let (status, saved) = (item.status, item.saved.sum());
    write!(
        out,
        "<tr data-status=\"{status}\"><td class=\"number\" data-n=\"{number}\">{number}</td>\
         <td><span class=\"status {class}\">{status}</span></td>\
         <td class=\"name\">{}</td><td class=\"name\">{}</td>\
         <td class=\"number\" data-n=\"{}\">{}</td><td class=\"number\" data-n=\"{}\">{}</td>\
         <td class=\"number\" data-n=\"{saved}\">{}</td>",
        safe(&item.source),
        safe(&item.destination),
        item.took.as_millis(),
        spent(item.took),
        item.bytes,
        size(item.bytes),
        size(saved),
        number = item.number,
        class = item.kind.class(),
    )?;
    write!(out, "<td class=\"name\">")?;
    if let Some(digest) = item.destination_digest.as_deref().or(item.source_digest.as_deref()) {
        write!(out, "{}", safe(shortened(digest)))?;
    }
    write!(out, "</td><td class=\"why\">")?;
    write_why(item, out)?;
    writeln!(out, "</td></tr>")
}

/// Returns the algorithm and the first digits of a digest.
pub(super) fn shortened(digest: &str) -> &str {
    let start = digest.find(':').map_or(0, |colon| colon + 1);
    digest.get(..start + DIGITS).unwrap_or(digest)
}

fn write_why(item: &Item<'_>, out: &mut dyn Write) -> io::Result<()> {
    let texts = [item.error, item.reason];
    // The reason of a copy already names the change.
    let change = item
        .digest_change
        .filter(|change| !item.reason.is_some_and(|reason| reason.contains(change)));
    let mut has_text = false;
    for text in texts.into_iter().flatten() {
        write!(out, "{}{}", if has_text { "; " } else { "" }, safe(text))?;
        has_text = true;
    }
    if let Some(change) = change {
        let has_text = std::mem::replace(&mut has_text, true);
        write!(out, "{}digest changed: {}", if has_text { "; " } else { "" }, safe(change))?;
    }
    if let Some(hint) = item.hint {
        write!(out, "<span class=\"hint\">{}</span>", safe(hint))?;
    }
    let Item { saved, .. } = item;
    for (bytes, way) in
        [(saved.mounted, "mounted"), (saved.shared, "shared"), (saved.present, "there before")]
    {
        if bytes > 0 {
            write!(out, "{}{} {way}", if has_text { "; " } else { "" }, HumanBytes(bytes))?;
            has_text = true;
        }
    }
    Ok(())
}
