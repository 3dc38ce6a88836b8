//! The progress of a run: one line for the run, and one for each image that moves.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use indicatif::HumanBytes;
use longshore_engine::counted;
use longshore_engine::event::WorkerShare;

use crate::report::escape::escape;
use crate::report::log::Size;
use crate::report::spent::spent;

/// The time between two drawings at a terminal.
pub(in crate::report) const TICK: Duration = Duration::from_millis(200);
/// The time between two lines where there is no terminal.
pub(in crate::report) const HEARTBEAT: Duration = Duration::from_secs(30);

/// The time over which rates are measured.
const WINDOW: Duration = Duration::from_secs(10);
/// The time between two samples.
const SAMPLE: Duration = Duration::from_millis(500);
/// The most moving images that the line of a log names.
const NAMED: usize = 3;
/// How long a run must last before it estimates the time left.
const EARLY: Duration = Duration::from_secs(3);

/// A narrower terminal has no bytes in its rows, so that there is room for names.
const NARROW: usize = 56;
/// The narrowest terminal with a bar in each row, and the length of that bar.
const WIDE: usize = 100;
const BAR: usize = 20;

/// The progress of a run. Times count from its start.
#[derive(Debug)]
pub(super) struct Progress {
    all: u64,
    done: u64,
    failed: u64,
    /// Bytes that moved.
    moved: u64,
    running: BTreeMap<u32, Running>,
    samples: VecDeque<Sample>,
    /// One row for each worker of a fleet, by name.
    workers: BTreeMap<String, String>,
}

/// A running image.
#[derive(Debug)]
struct Running {
    name: String,
    /// Bytes of blobs that it needs, and those that have moved or need no transfer.
    planned: u64,
    done: u64,
    moved: u64,
}

/// The state of a run at one time.
#[derive(Clone, Copy, Debug)]
struct Sample {
    at: Duration,
    done: u64,
    moved: u64,
}

impl Progress {
    /// Creates the progress of a run of `all` images.
    pub(super) fn new(all: usize) -> Self {
        let samples = VecDeque::from([Sample { at: Duration::ZERO, done: 0, moved: 0 }]);
        let (running, workers) = (BTreeMap::new(), BTreeMap::new());
        Self { all: all as u64, done: 0, failed: 0, moved: 0, running, samples, workers }
    }

    /// Shows what a worker of a fleet has done so far.
    pub(super) fn worker(&mut self, share: &WorkerShare) {
        let text = format!(
            "{}: {} running, {} done, {} failed, {}",
            escape(&share.name),
            share.running,
            share.jobs,
            share.failed,
            HumanBytes(share.bytes)
        );
        self.workers.insert(share.name.clone(), text);
    }

    pub(super) fn started(&mut self, job: u32, name: String) {
        self.running.insert(job, Running { name, planned: 0, done: 0, moved: 0 });
    }

    pub(super) fn planned(&mut self, job: u32, size: u64) {
        if let Some(job) = self.running.get_mut(&job) {
            job.planned += size;
        }
    }

    /// Counts transferred bytes.
    pub(super) fn moved(&mut self, job: u32, bytes: u64) {
        self.moved += bytes;
        if let Some(job) = self.running.get_mut(&job) {
            job.done += bytes;
            job.moved += bytes;
        }
    }

    /// Counts bytes that need no transfer.
    pub(super) fn saved(&mut self, job: u32, bytes: u64) {
        if let Some(job) = self.running.get_mut(&job) {
            job.done += bytes;
        }
    }

    /// Counts an ended image, started or not.
    pub(super) fn finished(&mut self, job: u32, failed: bool) {
        self.done += 1;
        self.failed += u64::from(failed);
        self.running.remove(&job);
    }

    /// Measures the rates at the time `now`.
    pub(super) fn sample(&mut self, now: Duration) {
        if self.samples.back().is_some_and(|last| now < last.at + SAMPLE) {
            return;
        }
        self.samples.push_back(Sample { at: now, done: self.done, moved: self.moved });
        // The oldest sample is as old as the window, or a little older.
        while self.samples.get(1).is_some_and(|next| next.at + WINDOW <= now) {
            self.samples.pop_front();
        }
    }

    /// Returns the line of the run, such as `3 of 40 images, 1.20 GiB, 35.00 MiB/s, 4 min 10 s left`.
    pub(super) fn header(&self, now: Duration) -> String {
        let all = counted(usize::try_from(self.all).unwrap_or(usize::MAX), "image", "images");
        format!("{} of {all}{}{}", self.done, self.failures(), self.speed(now))
    }

    /// Returns the number of failures, behind a comma; nothing without failures.
    fn failures(&self) -> String {
        match self.failed {
            0 => String::new(),
            failed => format!(", {failed} failed"),
        }
    }

    /// Returns the line of the run for a log, with the oldest images that move.
    pub(super) fn line(&self, now: Duration) -> String {
        let moving = || self.running.values().filter(|job| job.is_moving());
        let mut parts: Vec<String> =
            moving().take(NAMED).map(|job| format!("{} {} %", job.name, job.percent())).collect();
        let more = moving().count().saturating_sub(NAMED);
        if more > 0 {
            parts.push(format!("{more} more"));
        }
        match parts.as_slice() {
            [] => self.header(now),
            parts => format!("{}; moving: {}", self.header(now), parts.join(", ")),
        }
    }

    /// Returns the line of the run in at most `columns` characters.
    fn short_header(&self, now: Duration, columns: usize) -> String {
        let whole = self.header(now);
        if whole.chars().count() <= columns {
            return whole;
        }
        let (failed, images) = (self.failures(), format!("{}/{} images", self.done, self.all));
        // The time left and the failures must stay. The failures stand above too.
        let shorter = format!("{images}{failed}{}", self.rate_and_left(now));
        if !failed.is_empty() && shorter.chars().count() <= columns {
            return shorter;
        }
        cut(format!("{images}{}", self.speed(now)), columns)
    }

    /// Returns the bytes, the rate and the time left.
    fn speed(&self, now: Duration) -> String {
        format!(", {}{}", HumanBytes(self.moved), self.rate_and_left(now))
    }

    fn rate_and_left(&self, now: Duration) -> String {
        let rate = self.rate(now, |sample| sample.moved, self.moved);
        let mut text = format!(", {}/s", HumanBytes(rate as u64));
        if let Some(left) = self.left(now, rate) {
            text.push_str(&format!(", {} left", spent(Duration::from_secs(left.as_secs()))));
        }
        text
    }

    /// Returns how much `of` grew in each second of the window.
    fn rate(&self, now: Duration, of: fn(&Sample) -> u64, current: u64) -> f64 {
        let Some(first) = self.samples.front() else { return 0.0 };
        let passed = now.saturating_sub(first.at).as_secs_f64();
        if passed <= 0.0 { 0.0 } else { current.saturating_sub(of(first)) as f64 / passed }
    }

    /// Estimates the time until the end: by the bytes that are left once all images run, else by the images
    /// that are left.
    fn left(&self, now: Duration, bytes_rate: f64) -> Option<Duration> {
        if now < EARLY {
            return None;
        }
        let images = self.all.saturating_sub(self.done);
        let left =
            self.running.values().map(|job| job.planned.saturating_sub(job.done)).sum::<u64>();
        let seconds = if images == self.running.len() as u64 && left > 0 {
            left as f64 / bytes_rate
        } else {
            let recent = self.rate(now, |sample| sample.done, self.done);
            let whole = self.done as f64 / now.as_secs_f64();
            images as f64 / if recent > 0.0 { recent } else { whole }
        };
        Duration::try_from_secs_f64(seconds).ok().filter(|_| images > 0)
    }

    /// Returns the rows for a terminal of this size: the line of the run, and the oldest images that move. They
    /// take at most a third of its height.
    pub(super) fn rows(&self, now: Duration, size: Size) -> Vec<String> {
        // A row of the full width would make some terminals wrap.
        let columns = size.columns.saturating_sub(1);
        let most = (size.rows / 3).max(1) - 1;
        let moving = self.running.values().filter(|job| job.is_moving());
        let workers = self.workers.values().map(|text| cut(format!("  {text}"), columns));
        let rows = workers.chain(moving.map(|job| job.row(columns))).take(most);
        std::iter::once(self.short_header(now, columns)).chain(rows).collect()
    }
}

impl Running {
    /// Says whether bytes of layers move. (A configuration is less than a hundredth of an image.)
    const fn is_moving(&self) -> bool {
        self.moved > 0 && self.done < self.planned && self.done >= self.planned / 100
    }

    fn percent(&self) -> u64 {
        self.done.saturating_mul(100) / self.planned.max(1)
    }

    fn row(&self, columns: usize) -> String {
        let percent = self.percent();
        let (done, planned) = (HumanBytes(self.done), HumanBytes(self.planned));
        let mut figures = match columns {
            0..NARROW => format!("{percent:>3} %"),
            _ => format!("{percent:>3} % {:>24}", format!("{done} of {planned}")),
        };
        if columns >= WIDE {
            let full = usize::try_from(percent).unwrap_or(100).min(100) * BAR / 100;
            figures = format!("[{}{}] {figures}", "=".repeat(full), " ".repeat(BAR - full));
        }
        let room = columns.saturating_sub(figures.len() + 4);
        cut(format!("  {:<room$}  {figures}", shortened(&self.name, room)), columns)
    }
}

fn cut(text: String, columns: usize) -> String {
    match text.char_indices().nth(columns) {
        Some((at, _)) => text[..at].to_owned(),
        None => text,
    }
}

/// Shortens a name to `room` characters, and keeps its end: the last parts of the path, and the tag.
fn shortened(name: &str, room: usize) -> String {
    let length = name.chars().count();
    if length <= room {
        return name.to_owned();
    }
    let fits = |part: &&str| part.chars().count() < room;
    let parts = name.match_indices('/').map(|(slash, _)| &name[slash..]);
    if let Some(part) = parts.into_iter().find(fits) {
        return format!("…{part}");
    }
    let end: String = name.chars().skip(length.saturating_sub(room.saturating_sub(1))).collect();
    if room == 0 { String::new() } else { format!("…{end}") }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Progress, Size, shortened};

    const NAMES: [&str; 3] = [
        "docker.io/rancher/mirrored-longhornio-csi-attacher:v4.2.0",
        "docker.io/rancher/mirrored-longhornio-csi-resizer:v4.2.0",
        "quay.io/prometheus/node-exporter:v1.8.0",
    ];

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// A run of ten images, of which three move, one has all its bytes, one waits, and one has only begun.
    fn running() -> Progress {
        let mut progress = Progress::new(10);
        for (number, name) in (1..).zip(NAMES) {
            progress.started(number, name.to_owned());
            progress.planned(number, 4 << 20);
            progress.moved(number, u64::from(number) << 20);
        }
        progress.started(4, "docker.io/library/done:1".to_owned());
        progress.planned(4, 100);
        progress.saved(4, 100);
        progress.started(5, "docker.io/library/waits:1".to_owned());
        progress.planned(5, 100);
        progress.started(6, "docker.io/library/begins:1".to_owned());
        progress.planned(6, 1 << 20);
        progress.moved(6, 86);
        progress
    }

    #[test]
    fn rows_tell_images_apart_at_every_width() {
        let size = |columns| Size { rows: 24, columns };
        insta::assert_snapshot!(running().rows(seconds(2), size(60)).join("\n"), @"
        0 of 10 images, 6.00 MiB, 3.00 MiB/s
          …rnio-csi-attacher:v4.2.0   25 %     1.00 MiB of 4.00 MiB
          …ornio-csi-resizer:v4.2.0   50 %     2.00 MiB of 4.00 MiB
          …/node-exporter:v1.8.0      75 %     3.00 MiB of 4.00 MiB
        ");
        insta::assert_snapshot!(running().rows(seconds(2), size(80)).join("\n"), @"
        0 of 10 images, 6.00 MiB, 3.00 MiB/s
          …/mirrored-longhornio-csi-attacher:v4.2.0       25 %     1.00 MiB of 4.00 MiB
          …/mirrored-longhornio-csi-resizer:v4.2.0        50 %     2.00 MiB of 4.00 MiB
          quay.io/prometheus/node-exporter:v1.8.0         75 %     3.00 MiB of 4.00 MiB
        ");
        insta::assert_snapshot!(running().rows(seconds(2), size(140)).join("\n"), @"
        0 of 10 images, 6.00 MiB, 3.00 MiB/s
          docker.io/rancher/mirrored-longhornio-csi-attacher:v4.2.0                           [=====               ]  25 %     1.00 MiB of 4.00 MiB
          docker.io/rancher/mirrored-longhornio-csi-resizer:v4.2.0                            [==========          ]  50 %     2.00 MiB of 4.00 MiB
          quay.io/prometheus/node-exporter:v1.8.0                                             [===============     ]  75 %     3.00 MiB of 4.00 MiB
        ");
        for columns in 0..200 {
            let rows = running().rows(seconds(2), size(columns));
            assert!(rows.iter().all(|row| row.chars().count() < columns.max(1)), "{columns}");
            let mut different = rows.clone();
            different.dedup();
            assert!(columns < 50 || different.len() == 4, "{columns}: {rows:?}");
        }
    }

    #[test]
    fn the_line_of_a_log_names_what_moves() {
        let mut progress = running();
        let line = progress.line(seconds(2));
        let header = "0 of 10 images, 6.00 MiB, 3.00 MiB/s";
        let moving = format!("{} 25 %, {} 50 %, {} 75 %", NAMES[0], NAMES[1], NAMES[2]);
        assert_eq!(line, format!("{header}; moving: {moving}"));
        progress.started(7, "a:1".to_owned());
        progress.planned(7, 100);
        progress.moved(7, 50);
        assert!(progress.line(seconds(2)).ends_with(" 75 %, 1 more"), "three are named");
        assert!(!Progress::new(2).line(seconds(2)).contains("moving"));
    }

    #[test]
    fn rows_take_a_third_of_the_height_at_most() {
        for (rows, expected) in [(24, 4), (9, 3), (6, 2), (5, 1), (3, 1), (1, 1), (0, 1)] {
            let shown = running().rows(seconds(2), Size { rows, columns: 80 });
            assert_eq!(shown.len(), expected, "{rows}");
        }
    }

    #[test]
    fn the_header_says_how_much_and_how_long() {
        let mut progress = Progress::new(100);
        assert_eq!(progress.header(seconds(0)), "0 of 100 images, 0 B, 0 B/s");
        for second in 1..=20 {
            progress.moved(1, 1 << 20);
            progress.finished(second, second == 3);
            progress.sample(seconds(u64::from(second)));
        }
        assert_eq!(
            progress.header(seconds(20)),
            "20 of 100 images, 1 failed, 20.00 MiB, 1.00 MiB/s, 1 min 20 s left"
        );
        for (columns, expected) in [
            (80, "20 of 100 images, 1 failed, 20.00 MiB, 1.00 MiB/s, 1 min 20 s left"),
            (60, "20/100 images, 1 failed, 1.00 MiB/s, 1 min 20 s left"),
            (50, "20/100 images, 20.00 MiB, 1.00 MiB/s, 1 min 20 s l"),
            (10, "20/100 ima"),
        ] {
            assert_eq!(progress.short_header(seconds(20), columns), expected);
        }
        // Nothing happens for a while: the rate falls, and the whole run counts for the time left.
        for second in 21..=40 {
            progress.sample(seconds(second));
        }
        let header = progress.header(seconds(40));
        assert_eq!(header, "20 of 100 images, 1 failed, 20.00 MiB, 0 B/s, 2 min 40 s left");
    }

    #[test]
    fn the_last_images_count_by_their_bytes() {
        let mut progress = Progress::new(1);
        progress.started(1, "a".to_owned());
        progress.planned(1, 100 << 20);
        for second in 1..=5 {
            progress.moved(1, 10 << 20);
            progress.sample(seconds(second));
        }
        assert_eq!(progress.header(seconds(5)), "0 of 1 image, 50.00 MiB, 10.00 MiB/s, 5.0 s left");
        progress.finished(1, false);
        assert!(!progress.header(seconds(6)).contains("left"), "nothing is left");
    }

    #[test]
    fn names_keep_their_end() {
        let name = "registry.example.com/team/app:1.0";
        for (room, expected) in [
            (33, name),
            (32, "…/team/app:1.0"),
            (14, "…/team/app:1.0"),
            (13, "…/app:1.0"),
            (9, "…/app:1.0"),
            (8, "…app:1.0"),
            (3, "….0"),
            (1, "…"),
            (0, ""),
        ] {
            assert_eq!(shortened(name, room), expected, "{room}");
        }
        assert_eq!(shortened("ä/ö/ü", 4), "…/ü");
    }
}
