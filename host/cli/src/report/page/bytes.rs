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
        ("shared", "needed again by another manifest of this run", saved.shared),
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
    let shares = shares(parts.map(|(_, _, bytes)| bytes), sum);
    for ((class, what, bytes), share) in parts.into_iter().zip(shares) {
        writeln!(
            out,
            "<tr><th scope=\"row\"><span class=\"key k-{class}\"></span>{what}</th>\
             <td class=\"number\">{}</td><td class=\"number\">{share} %</td></tr>",
            size(bytes)
        )?;
    }
    writeln!(out, "</tbody>\n</table>")
}

/// Returns the percentages of `parts`, whose sum is `sum`. They are rounded such that their sum is 100.
fn shares<const COUNT: usize>(parts: [u64; COUNT], sum: u64) -> [u128; COUNT] {
    let hundredfold = parts.map(|part| u128::from(part) * 100);
    let mut shares = hundredfold.map(|part| part / u128::from(sum));
    let missing = 100_u128.saturating_sub(shares.iter().sum());
    let mut order: [usize; COUNT] = std::array::from_fn(|at| at);
    order.sort_by_key(|&at| std::cmp::Reverse(hundredfold[at] % u128::from(sum)));
    for (_, at) in (0..missing).zip(order) {
        shares[at] += 1;
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::{Saved, shares, write};

    #[test]
    fn each_way_to_the_destination_has_a_row() {
        let mut page = Vec::new();
        let saved = Saved { mounted: 1 << 20, present: 0, shared: 3 << 20 };
        write(0, saved, &mut page).unwrap();
        let page = String::from_utf8(page).unwrap();
        // All platforms of one index share a base image.
        for (what, share) in [
            ("moved from source to destination", "0 %"),
            ("mounted from another repository of the destination", "25 %"),
            ("needed again by another manifest of this run", "75 %"),
            ("at the destination before", "0 %"),
        ] {
            let row = page.lines().find(|line| line.contains(what)).expect(what);
            assert!(row.contains(share), "{row}");
        }
    }

    #[test]
    fn shares_are_a_hundred_percent() {
        for (parts, expected) in [
            ([857, 43, 100, 0], [86, 4, 10, 0]),
            ([1, 1, 1, 0], [34, 33, 33, 0]),
            ([1, 0, 0, 199], [1, 0, 0, 99]),
            ([1, 0, 0, 999], [0, 0, 0, 100]),
            ([5, 5, 5, 985], [1, 1, 0, 98]),
            ([0, 0, 7, 0], [0, 0, 100, 0]),
            ([u64::MAX / 2, 0, 0, u64::MAX / 2], [50, 0, 0, 50]),
        ] {
            assert_eq!(shares(parts, parts.iter().sum()), expected, "{parts:?}");
        }
    }
}
