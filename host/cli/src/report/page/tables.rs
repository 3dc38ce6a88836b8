//! The short tables: failures, changed digests, the largest and slowest, and effort by registry.

use std::io::{self, Write};

use longshore_store::Effort;

use super::Head;
use super::entries::shortened;
use super::item::{Item, Kind};
use super::safe::{safe, size};
use super::selection::largest;
use crate::report::spent::spent;

/// The most rows of a table of failures or changes; the long table has all.
const MOST: usize = 200;
/// The rows of the largest and the slowest.
const TOP: usize = 10;

/// Writes what failed and why, if something did.
pub(super) fn write_failures<'a, I: Iterator<Item = Item<'a>>>(
    head: &Head<'_>,
    items: &impl Fn() -> I,
    out: &mut dyn Write,
) -> io::Result<()> {
    let failed = || items().filter(|item| item.kind == Kind::Failed);
    let count = failed().count();
    if count == 0 {
        return Ok(());
    }
    writeln!(out, "<h2 id=\"failures\">What failed and why</h2>")?;
    let heads = ["No.", "Status", "What", "Why, and what helps"];
    open("failures", &caption(head, count), &heads, out)?;
    for item in failed().take(MOST) {
        write!(
            out,
            "<tr><td class=\"number\">{}</td><td><span class=\"status failed\">{}</span></td>\
             <td class=\"name\">{}</td><td class=\"why\">{}",
            item.number,
            item.status,
            ends(&item),
            safe(item.error.unwrap_or("no reason was given"))
        )?;
        if let Some(hint) = item.hint {
            write!(out, "<span class=\"hint\">{}</span>", safe(hint))?;
        }
        writeln!(out, "</td></tr>")?;
    }
    close(out)
}

/// Writes whose digest changed and why, if some did.
pub(super) fn write_changes<'a, I: Iterator<Item = Item<'a>>>(
    head: &Head<'_>,
    items: &impl Fn() -> I,
    out: &mut dyn Write,
) -> io::Result<()> {
    let changed = || items().filter(|item| item.digest_change.is_some());
    let count = changed().count();
    if count == 0 {
        return Ok(());
    }
    writeln!(out, "<h2 id=\"changes\">What changed its digest and why</h2>")?;
    writeln!(
        out,
        "<p>The destination has another manifest than the source, so signatures of the source's digest do \
         not fit it.</p>"
    )?;
    let heads = ["No.", "What", "Digest at the source", "Digest at the destination", "Why"];
    open("changes", &caption(head, count), &heads, out)?;
    for item in changed().take(MOST) {
        let digest = |digest: &Option<String>| {
            digest.as_deref().map_or_else(String::new, |digest| safe(digest).to_string())
        };
        writeln!(
            out,
            "<tr><td class=\"number\">{}</td><td class=\"name\">{}</td><td class=\"name\">{}</td>\
             <td class=\"name\">{}</td><td class=\"why\">{}</td></tr>",
            item.number,
            ends(&item),
            digest(&item.source_digest),
            digest(&item.destination_digest),
            safe(item.digest_change.unwrap_or_default())
        )?;
    }
    close(out)
}

/// Writes the largest and the slowest.
pub(super) fn write_tops<'a, I: Iterator<Item = Item<'a>>>(
    head: &Head<'_>,
    items: &impl Fn() -> I,
    out: &mut dyn Write,
) -> io::Result<()> {
    let [_, many] = head.noun;
    let sizes = largest(items().map(|item| item.bytes + item.saved.sum()), TOP);
    let times =
        largest(items().map(|item| u64::try_from(item.took.as_millis()).unwrap_or(u64::MAX)), TOP);
    for (id, which, of, picked) in [
        ("largest", "Largest", "by bytes that moved or were saved", sizes),
        ("slowest", "Slowest", "by time, without waiting for their turn", times),
    ] {
        if picked.is_empty() {
            continue;
        }
        writeln!(out, "<h2 id=\"{id}\">{which} {many}</h2>")?;
        let heads = ["No.", "What", "Time", "Moved", "Saved", "Digest"];
        let caption = match picked.len() {
            1 => format!("The only one, {of}"),
            count => format!("The first {count}, {of}"),
        };
        open(id, &caption, &heads, out)?;
        let mut rows: Vec<(usize, Item<'a>)> =
            items().enumerate().filter(|(at, _)| picked.contains(at)).collect();
        rows.sort_by_key(|(at, _)| picked.iter().position(|picked| picked == at));
        for (_, item) in rows {
            writeln!(
                out,
                "<tr><td class=\"number\">{}</td><td class=\"name\">{}</td><td class=\"number\">{}</td>\
                 <td class=\"number\">{}</td><td class=\"number\">{}</td><td class=\"name\">{}</td></tr>",
                item.number,
                ends(&item),
                spent(item.took),
                size(item.bytes),
                size(item.saved.sum()),
                safe(shortened(item.destination_digest.as_deref().unwrap_or_default()))
            )?;
        }
        close(out)?;
    }
    Ok(())
}

/// Writes the retries and pauses of each registry.
pub(super) fn write_effort(effort: &Effort, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "<h2 id=\"effort\">Retries by registry</h2>")?;
    if effort.stores.is_empty() {
        return writeln!(out, "<p>No request had to be made again.</p>");
    }
    let heads = ["Registry", "Retries", "Pauses", "Paused"];
    open("effort", "Requests that were made again, and pauses for rate limits", &heads, out)?;
    for store in &effort.stores {
        writeln!(
            out,
            "<tr><th scope=\"row\">{}</th><td class=\"number\">{}</td><td class=\"number\">{}</td>\
             <td class=\"number\">{}</td></tr>",
            safe(&store.name),
            store.retries,
            store.pauses,
            spent(store.paused)
        )?;
    }
    close(out)
}

/// Returns `source → destination` as HTML.
fn ends(item: &Item<'_>) -> String {
    match item.destination.as_str() {
        "" => safe(&item.source).to_string(),
        destination => format!("{} → {}", safe(&item.source), safe(destination)),
    }
}

fn caption(head: &Head<'_>, count: usize) -> String {
    let [one, many] = head.noun;
    let noun = if count == 1 { one } else { many };
    if count <= MOST {
        return format!("{count} {noun}");
    }
    format!("The first {MOST} of {count} {noun}; the table of all {many} has the others")
}

/// Opens a table that scrolls by itself where the window is narrow. `id` is that of the heading.
fn open(id: &str, caption: &str, heads: &[&str], out: &mut dyn Write) -> io::Result<()> {
    write!(
        out,
        "<div class=\"wide\" role=\"region\" aria-labelledby=\"{id}\" tabindex=\"0\">\n<table>\n\
         <caption>{caption}</caption>\n<thead><tr>"
    )?;
    for head in heads {
        let is_number =
            ["No.", "Time", "Moved", "Saved", "Retries", "Pauses", "Paused"].contains(head);
        let class = if is_number { " class=\"number\"" } else { "" };
        write!(out, "<th scope=\"col\"{class}>{head}</th>")?;
    }
    writeln!(out, "</tr></thead>\n<tbody>")
}

fn close(out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "</tbody>\n</table>\n</div>")
}
