//! The course of a run: throughput and savings over time, with the pauses of registries.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::Duration;

use indicatif::HumanBytes;

use super::safe::{safe, size};
use crate::report::course::{Slot, Timeline};
use crate::report::spent::spent;

/// The width of the picture and of its left margin, in its own units.
const WIDTH: f64 = 1000.0;
const MARGIN: f64 = 90.0;
/// The height of one band, and of the room above each for its title.
const BAND: f64 = 110.0;
const TITLE: f64 = 30.0;
/// The most pauses in the table.
const PAUSES: usize = 50;
/// Marks on the axis of time.
const MARKS: u32 = 4;

/// Writes the section.
pub(super) fn write(timeline: &Timeline, elapsed: Duration, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "<h2>Course of the run</h2>")?;
    let busy = timeline.slots.iter().any(|slot| slot.moved + slot.saved > 0);
    if !busy && timeline.pauses.is_empty() {
        return writeln!(out, "<p>No blobs moved, and no registry asked for a pause.</p>");
    }
    let axis = Axis { timeline, elapsed: elapsed.max(Duration::from_millis(1)) };
    writeln!(out, "{}", axis.picture())?;
    write!(
        out,
        "<p><span class=\"key k-moved\"></span>moved <span class=\"key k-shared\"></span>saved"
    )?;
    if !timeline.pauses.is_empty() {
        write!(out, " <span class=\"key k-pause\"></span>a registry asked to pause")?;
    }
    writeln!(out, "</p>")?;
    write_pauses(timeline, out)?;
    write_table(timeline, out)
}

/// The picture's coordinates.
struct Axis<'a> {
    timeline: &'a Timeline,
    elapsed: Duration,
}

impl Axis<'_> {
    /// Returns the horizontal place of a time.
    fn x(&self, time: Duration) -> f64 {
        let share = time.as_secs_f64() / self.elapsed.as_secs_f64();
        MARGIN + share.min(1.0) * (WIDTH - MARGIN)
    }

    /// Draws both bands, the pauses behind them, and the axis of time.
    fn picture(&self) -> String {
        let height = 2.0 * (BAND + TITLE) + 30.0;
        let mut svg = format!(
            "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-labelledby=\"course-title course-text\">\
             <title id=\"course-title\">Bytes moved and saved over time</title>\
             <desc id=\"course-text\">{}</desc>",
            safe(&self.told())
        );
        let bottom = 2.0 * (BAND + TITLE);
        for pause in &self.timeline.pauses {
            let (from, to) = (self.x(pause.start), self.x(pause.start + pause.length));
            let width = (to - from).max(1.5);
            let _infallible = write!(
                svg,
                "<rect class=\"f-pause\" x=\"{from:.1}\" y=\"{TITLE}\" width=\"{width:.1}\" height=\"{:.1}\"><title>{} paused for {}</title></rect>",
                bottom - TITLE,
                safe(&pause.registry),
                spent(pause.length)
            );
        }
        self.band(0.0, "moved", |slot| slot.moved, &mut svg);
        self.band(BAND + TITLE, "shared", |slot| slot.saved, &mut svg);
        for mark in 0..=MARKS {
            let time = self.elapsed * mark / MARKS;
            let anchor = match mark {
                0 => "start",
                MARKS => "end",
                _ => "middle",
            };
            let _infallible = write!(
                svg,
                "<text class=\"axis\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>",
                self.x(time),
                bottom + 24.0,
                spent(time)
            );
        }
        svg + "</svg>"
    }

    /// Draws one band: a bar for each interval, and the highest rate as its scale.
    fn band(&self, top: f64, class: &str, of: fn(&Slot) -> u64, svg: &mut String) {
        let most = self.timeline.slots.iter().map(of).max().unwrap_or(0);
        let base = top + TITLE + BAND;
        let what = if class == "moved" { "Moved" } else { "Saved" };
        let _infallible = write!(
            svg,
            "<text x=\"{MARGIN}\" y=\"{:.1}\">{what}, at most {} in a second</text>\
             <path class=\"grid\" d=\"M{MARGIN} {:.1}H{WIDTH}M{MARGIN} {base:.1}H{WIDTH}\"/>\
             <text class=\"axis\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}/s</text>\
             <text class=\"axis\" x=\"{:.1}\" y=\"{base:.1}\" text-anchor=\"end\">0</text>",
            top + 18.0,
            HumanBytes(self.most_in_a_second(of)),
            top + TITLE,
            MARGIN - 8.0,
            top + TITLE + 10.0,
            HumanBytes(self.rate(most)),
            MARGIN - 8.0,
        );
        let _infallible = write!(svg, "<path class=\"f-{class}\" d=\"");
        for (at, slot) in (0_u32..).zip(&self.timeline.slots).filter(|(_, slot)| of(slot) > 0) {
            let (from, to) =
                (self.x(self.timeline.interval * at), self.x(self.timeline.interval * (at + 1)));
            let height = (of(slot) as f64 / most as f64 * BAND).max(1.0);
            let width = (to - from).max(1.0);
            let _infallible =
                write!(svg, "M{from:.1} {base:.1}v-{height:.1}h{width:.1}v{height:.1}z");
        }
        svg.push_str("\"/>");
    }

    /// Returns the most bytes within a second, or the highest rate of intervals that are longer.
    fn most_in_a_second(&self, of: fn(&Slot) -> u64) -> u64 {
        let slots = &self.timeline.slots;
        let per_second = (1.0 / self.timeline.interval.as_secs_f64()).round() as usize;
        if per_second < 2 {
            return self.rate(slots.iter().map(of).max().unwrap_or(0));
        }
        let sums = slots.windows(per_second.min(slots.len().max(1)));
        sums.map(|slots| slots.iter().map(of).sum()).max().unwrap_or(0)
    }

    /// Returns the bytes of one interval as a rate for each second.
    fn rate(&self, bytes: u64) -> u64 {
        // The last interval of a run is not over when the run ends.
        let interval = self.timeline.interval.min(self.elapsed);
        (bytes as f64 / interval.as_secs_f64()) as u64
    }

    /// Says in words what the picture shows.
    fn told(&self) -> String {
        let slots = &self.timeline.slots;
        let moved: u64 = slots.iter().map(|slot| slot.moved).sum();
        let saved: u64 = slots.iter().map(|slot| slot.saved).sum();
        let mut text = format!(
            "In {}, {} moved and {} were saved.",
            spent(self.elapsed),
            size(moved),
            size(saved)
        );
        if let count @ 1.. = self.timeline.pauses.len() {
            text.push_str(&format!(" Registries asked {count} times to pause."));
        }
        text + " The table below has the figures."
    }
}

fn write_pauses(timeline: &Timeline, out: &mut dyn Write) -> io::Result<()> {
    if timeline.pauses.is_empty() {
        return Ok(());
    }
    let (count, shown) = (timeline.pauses.len(), timeline.pauses.len().min(PAUSES));
    writeln!(
        out,
        "<table>\n<caption>Pauses that registries asked for: the first {shown} of {count}</caption>\n\
         <thead><tr><th scope=\"col\">Registry</th><th scope=\"col\" class=\"number\">After</th>\
         <th scope=\"col\" class=\"number\">Length</th></tr></thead>\n<tbody>"
    )?;
    for pause in &timeline.pauses[..shown] {
        writeln!(
            out,
            "<tr><th scope=\"row\">{}</th><td class=\"number\">{}</td><td class=\"number\">{}</td></tr>",
            safe(&pause.registry),
            spent(pause.start),
            spent(pause.length)
        )?;
    }
    writeln!(out, "</tbody>\n</table>")
}

/// Writes the figures of the picture as a table that is closed at first.
fn write_table(timeline: &Timeline, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "<details><summary>The figures of the picture</summary>\n<table>\n\
         <caption>What happened in each interval of {} s</caption>\n\
         <thead><tr><th scope=\"col\" class=\"number\">From</th><th scope=\"col\" class=\"number\">Moved</th>\
         <th scope=\"col\" class=\"number\">Saved</th><th scope=\"col\" class=\"number\">Ended</th></tr></thead>\n<tbody>",
        timeline.interval.as_secs_f64()
    )?;
    for (at, slot) in (0_u32..).zip(&timeline.slots) {
        writeln!(
            out,
            "<tr><th scope=\"row\" class=\"number\">{}</th><td class=\"number\">{}</td>\
             <td class=\"number\">{}</td><td class=\"number\">{}</td></tr>",
            spent(timeline.interval * at),
            size(slot.moved),
            size(slot.saved),
            slot.ended
        )?;
    }
    writeln!(out, "</tbody>\n</table>\n</details>")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Axis, Slot, Timeline};

    #[test]
    fn the_most_in_a_second_is_that_of_a_whole_second() {
        for (millis, moved, expected) in [
            (250, &[100, 300, 0, 100, 0, 400][..], 500),
            (250, &[100, 300], 400),
            (250, &[], 0),
            (500, &[100, 300, 50, 0], 400),
            (1000, &[100, 300], 300),
            (4000, &[100, 300], 75),
        ] {
            let slots = moved.iter().map(|&moved| Slot { moved, ..Slot::default() }).collect();
            let interval = Duration::from_millis(millis);
            let timeline = Timeline { interval, slots, pauses: Vec::new() };
            let axis = Axis { timeline: &timeline, elapsed: Duration::from_secs(60) };
            assert_eq!(axis.most_in_a_second(|slot| slot.moved), expected, "{millis} {moved:?}");
        }
    }
}
