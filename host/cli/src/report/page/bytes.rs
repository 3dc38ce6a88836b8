//! Bytes that moved beside bytes that were saved: a bar and a table.

use std::io::{self, Write};

use super::safe::size;
use crate::report::course::Saved;

/// The width of the bar, in units of its picture.
const WIDTH: u64 = 1000;

/// Writes the section.
pub(super) fn write(moved: u64, saved: Saved, out: &mut dyn Write) -> io::Result<()> {
    let parts = [
        ("moved", "moved from source to destination", moved),
        ("mounted", "mounted from another repository of the destination", saved.mounted),
        ("shared", "moved by another image of this run", saved.shared),
        ("present", "at the destination before", saved.present),
    ];
    let sum = moved + saved.sum();
    writeln!(out, "<h2>Bytes moved and saved</h2>")?;
    if sum == 0 {
        return writeln!(out, "<p>Nothing had to move.</p>");
    }
    write!(
        out,
        "<svg viewBox=\"0 0 {WIDTH} 28\" role=\"img\" aria-label=\"{} moved, {} saved; the table below has the figures\">",
        size(moved),
        size(saved.sum())
    )?;
    let mut left = 0;
    for (class, _, bytes) in parts {
        let width =
            u64::try_from(u128::from(bytes) * u128::from(WIDTH) / u128::from(sum)).unwrap_or(WIDTH);
        write!(
            out,
            "<rect class=\"f-{class}\" x=\"{left}\" y=\"2\" width=\"{width}\" height=\"24\"/>"
        )?;
        left += width;
    }
    writeln!(
        out,
        "</svg>\n<table>\n<caption>Bytes by the way in which they got to the destination</caption>\n\
         <thead><tr><th scope=\"col\">Bytes</th><th scope=\"col\" class=\"number\">Amount</th>\
         <th scope=\"col\" class=\"number\">Share</th></tr></thead>\n<tbody>"
    )?;
    for (class, what, bytes) in parts {
        let share = u128::from(bytes) * 100 / u128::from(sum);
        writeln!(
            out,
            "<tr><th scope=\"row\"><span class=\"key k-{class}\"></span>{what}</th>\
             <td class=\"number\">{}</td><td class=\"number\">{share} %</td></tr>",
            size(bytes)
        )?;
    }
    writeln!(out, "</tbody>\n</table>")
}
