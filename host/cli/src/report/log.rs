//! Log lines on standard error, in the format of Hangar:
//! `HH:MM:SS [INFO|WARN|ERRO|DEBU] [M_ID:n] [IMG_ID:n] text`.

mod below;
mod clock;
mod layer;

use std::collections::HashSet;
use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use self::below::Below;
use self::clock::local_time;
pub(crate) use self::layer::LogLayer;
use super::escape::escape_lines;
use longshore_engine::event::Level;
use longshore_registry::redact;

/// Writes log lines, above the rows of progress.
pub(crate) struct Log {
    shared: Mutex<Shared>,
    /// The lowest level that is shown.
    least: Level,
    colour: bool,
    clock: fn() -> jiff::civil::Time,
    /// Whether records have no time.
    hides_time: AtomicBool,
}

struct Shared {
    sink: Box<dyn Write + Send>,
    below: Below,
    /// The hints that were shown.
    hints: HashSet<String>,
    /// The records that gather; `None` if each is written at once.
    gathered: Option<String>,
    /// An empty text with room for the next records that gather.
    spare: String,
}

/// While it lives, records gather. Dropping it writes them at once.
pub(super) struct Gathering<'a>(&'a Log);

impl Drop for Gathering<'_> {
    fn drop(&mut self) {
        let gathered = self.0.lock().gathered.take();
        let mut records = gathered.unwrap_or_default();
        self.0.put(&records, None);
        records.clear();
        self.0.lock().spare = records;
    }
}

impl Log {
    /// Creates the log on standard error. It shows records of the level `least` and above.
    pub(crate) fn to_stderr(least: Level) -> Arc<Self> {
        let colour = io::stderr().is_terminal()
            && wants_colour(|name| std::env::var(name).unwrap_or_default());
        Arc::new(Self::new(Box::new(io::stderr()), least, colour, local_time))
    }

    /// Creates a log with its own writer and clock.
    pub(super) fn new(
        sink: Box<dyn Write + Send>,
        least: Level,
        colour: bool,
        clock: fn() -> jiff::civil::Time,
    ) -> Self {
        Self {
            shared: Mutex::new(Shared {
                sink,
                below: Below::default(),
                hints: HashSet::new(),
                gathered: None,
                spare: String::new(),
            }),
            least,
            colour,
            clock,
            hides_time: AtomicBool::new(false),
        }
    }

    /// Leaves the time out of all further records, as Hangar's `--hide-log-time` does.
    pub(crate) fn hide_time(&self) {
        self.hides_time.store(true, Ordering::Relaxed);
    }

    /// Says whether the log shows records of this level.
    pub(crate) fn shows(&self, level: Level) -> bool {
        level >= self.least
    }

    /// Writes a record about the whole run.
    pub(crate) fn write(&self, level: Level, text: &str) {
        self.record(level, None, None, text);
    }

    /// Writes an answer or a result, such as the address of a server: `--quiet` shows it too.
    pub(crate) fn tell(&self, text: &str) {
        self.put(&self.line(Level::Info, None, None, text), None);
    }

    /// Writes a record about the entry `entry` (`M_ID`) and its child `image` (`IMG_ID`). `text` may have
    /// several lines, and is escaped. Secrets in it are not shown.
    pub(crate) fn record(&self, level: Level, entry: Option<u32>, image: Option<u32>, text: &str) {
        if !self.shows(level) {
            return;
        }
        self.put(&self.line(level, entry, image, text), None);
    }

    /// Writes lines that are not records, such as the text of a chart. They must be escaped.
    pub(super) fn page(&self, text: &str) {
        self.put(text, None);
    }

    /// Replaces the rows below the records, which a terminal shows.
    pub(super) fn draw(&self, rows: Vec<String>) {
        self.put("", Some(rows));
    }

    /// Lets records gather until the guard is dropped. A system call for each would cost more than to make it.
    pub(super) fn gather(&self) -> Gathering<'_> {
        let mut shared = self.lock();
        let Shared { gathered, spare, .. } = &mut *shared;
        gathered.get_or_insert_with(|| std::mem::take(spare));
        Gathering(self)
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, records: &str, rows: Option<Vec<String>>) {
        let mut shared = self.lock();
        let Shared { sink, below, gathered, .. } = &mut *shared;
        if let Some(gathered) = gathered {
            gathered.push_str(records);
            if rows.is_none() {
                return;
            }
        }
        let gathered = gathered.as_mut().map(std::mem::take);
        let records = gathered.as_deref().unwrap_or(records);
        // If standard error is closed, nobody reads the record.
        let _gone = below.write(sink, records, rows, || terminal_size().columns, Instant::now());
    }

    /// Writes an error and, in its own record, a hint. Shows each hint once, because thousands of entries
    /// may fail for one reason.
    pub(crate) fn failure(&self, entry: Option<u32>, error: &str, hint: Option<&str>) {
        self.with_hint(Level::Error, entry, error, hint);
    }

    /// Writes a warning about the whole run and, as [`Log::failure`] does, a hint.
    pub(crate) fn warning(&self, text: &str, hint: Option<&str>) {
        self.with_hint(Level::Warning, None, text, hint);
    }

    fn with_hint(&self, level: Level, entry: Option<u32>, text: &str, hint: Option<&str>) {
        self.record(level, entry, None, text);
        if let Some(hint) = hint.filter(|hint| self.is_new(hint)) {
            self.record(level, entry, None, &format!("hint: {hint}"));
        }
    }

    fn is_new(&self, hint: &str) -> bool {
        let mut shared = self.lock();
        !shared.hints.contains(hint) && shared.hints.insert(hint.to_owned())
    }

    fn line(&self, level: Level, entry: Option<u32>, image: Option<u32>, text: &str) -> String {
        let (name, colour) = match level {
            Level::Debug => ("DEBU", "\x1b[36m"),
            Level::Info => ("INFO", "\x1b[32m"),
            Level::Warning => ("WARN", "\x1b[33m"),
            Level::Error => ("ERRO", "\x1b[31m"),
        };
        let (on, off) = if self.colour { (colour, "\x1b[0m") } else { ("", "") };
        let mut line = match self.hides_time.load(Ordering::Relaxed) {
            true => String::new(),
            false => {
                let now = (self.clock)();
                let mut line = String::with_capacity(text.len() + 64);
                // Writing into a string cannot fail.
                let _ok =
                    write!(line, "{:02}:{:02}:{:02} ", now.hour(), now.minute(), now.second());
                line
            }
        };
        // Writing into a string cannot fail.
        let _ok = write!(line, "[{on}{name}{off}]");
        if let Some(entry) = entry {
            let _ok = write!(line, " [M_ID:{entry}]");
        }
        if let Some(image) = image {
            let _ok = write!(line, " [IMG_ID:{image}]");
        }
        let _ok = writeln!(line, " {}", escape_lines(&redact(text)));
        line
    }
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Log").field("least", &self.least).finish_non_exhaustive()
    }
}

/// The size of a terminal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    pub(super) rows: usize,
    pub(super) columns: usize,
}

/// Returns the size of the terminal at standard error at this moment.
pub(super) fn terminal_size() -> Size {
    match rustix::termios::tcgetwinsize(io::stderr()) {
        Ok(size) if size.ws_row > 0 && size.ws_col > 0 => {
            Size { rows: size.ws_row.into(), columns: size.ws_col.into() }
        }
        // Such as a serial line.
        _ => Size { rows: 24, columns: 80 },
    }
}

/// Says whether standard error is a terminal that can move its cursor.
pub(crate) fn has_terminal() -> bool {
    io::stderr().is_terminal() && std::env::var("TERM").unwrap_or_default() != "dumb"
}

/// Says whether the terminal shows colour. (By convention any non-empty `NO_COLOR` turns it off.)
fn wants_colour(variable: impl Fn(&str) -> String) -> bool {
    variable("NO_COLOR").is_empty() && variable("TERM") != "dumb"
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use super::{Log, wants_colour};
    use longshore_engine::event::Level;

    /// What removes one row.
    const ROW_GOES: &str = "\x1b[1A\r\x1b[K\x1b[B\x1b[J\x1b[A";

    /// A writer whose content the test reads.
    #[derive(Clone, Default)]
    pub(crate) struct Page(Arc<Mutex<Vec<u8>>>);

    impl Page {
        pub(crate) fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    pub(crate) fn log_at_noon(debug: bool, colour: bool) -> (Arc<Log>, Page) {
        log_of(if debug { Level::Debug } else { Level::Info }, colour)
    }

    fn log_of(least: Level, colour: bool) -> (Arc<Log>, Page) {
        let page = Page::default();
        let clock = || jiff::civil::time(12, 0, 7, 0);
        (Arc::new(Log::new(Box::new(page.clone()), least, colour, clock)), page)
    }

    #[test]
    fn records_have_hangar_s_shape() {
        let (log, page) = log_at_noon(false, false);
        log.write(Level::Info, "reading list.txt");
        log.record(Level::Warning, Some(3), None, "odd");
        log.record(Level::Error, Some(3), Some(2), "srcSpec: [\n      {}\n]");
        log.record(Level::Debug, Some(3), None, "not shown");
        log.failure(Some(4), "denied", Some("log in"));
        log.failure(Some(5), "denied too", Some("log in"));
        log.failure(Some(6), "no", Some("ask"));
        insta::assert_snapshot!(page.text(), @r"
        12:00:07 [INFO] reading list.txt
        12:00:07 [WARN] [M_ID:3] odd
        12:00:07 [ERRO] [M_ID:3] [IMG_ID:2] srcSpec: [
              {}
        ]
        12:00:07 [ERRO] [M_ID:4] denied
        12:00:07 [ERRO] [M_ID:4] hint: log in
        12:00:07 [ERRO] [M_ID:5] denied too
        12:00:07 [ERRO] [M_ID:6] no
        12:00:07 [ERRO] [M_ID:6] hint: ask
        ");
    }

    #[test]
    fn the_time_can_be_hidden() {
        let (log, page) = log_at_noon(false, true);
        log.hide_time();
        log.record(Level::Warning, Some(3), None, "odd");
        assert_eq!(page.text(), "[\x1b[33mWARN\x1b[0m] [M_ID:3] odd\n");
    }

    #[test]
    fn debug_and_colour_can_be_turned_on() {
        let (log, page) = log_at_noon(true, true);
        log.write(Level::Debug, "asked");
        assert_eq!(page.text(), "12:00:07 [\x1b[36mDEBU\x1b[0m] asked\n");
    }

    #[test]
    fn records_that_gather_are_written_once_and_in_order() {
        let (log, page) = log_at_noon(false, false);
        let gathering = log.gather();
        log.write(Level::Info, "one");
        log.failure(None, "two", Some("ask"));
        assert_eq!(page.text(), "");
        log.draw(vec!["half".to_owned()]);
        assert!(page.text().ends_with(" hint: ask\nhalf\n"), "{}", page.text());
        log.write(Level::Info, "three");
        assert!(!page.text().contains("three"));
        drop(gathering);
        log.draw(Vec::new());
        let expected = format!(
            "[INFO] one\n[ERRO] two\n[ERRO] hint: ask\nhalf\n{ROW_GOES}[INFO] three\nhalf\n{ROW_GOES}"
        );
        assert_eq!(page.text().replace("12:00:07 ", ""), expected);
        log.write(Level::Info, "four");
        assert!(page.text().ends_with(" four\n"));
    }

    #[test]
    fn a_quiet_log_shows_warnings_errors_and_what_was_asked_for() {
        let (log, page) = log_of(Level::Warning, false);
        log.write(Level::Info, "reading list.txt");
        log.record(Level::Debug, Some(3), None, "asked");
        log.record(Level::Warning, Some(3), None, "odd");
        log.failure(Some(4), "denied", Some("log in"));
        log.tell("serving on 127.0.0.1:5000");
        insta::assert_snapshot!(page.text(), @r"
        12:00:07 [WARN] [M_ID:3] odd
        12:00:07 [ERRO] [M_ID:4] denied
        12:00:07 [ERRO] [M_ID:4] hint: log in
        12:00:07 [INFO] serving on 127.0.0.1:5000
        ");
    }

    #[test]
    fn records_come_above_the_rows() {
        let (log, page) = log_at_noon(false, false);
        log.draw(vec!["1 of 2 images".to_owned()]);
        log.write(Level::Info, "still here");
        log.draw(Vec::new());
        let expected = format!(
            "1 of 2 images\n{ROW_GOES}12:00:07 [INFO] still here\n1 of 2 images\n{ROW_GOES}"
        );
        assert_eq!(page.text(), expected);
    }

    #[test]
    fn no_color_and_dumb_terminals_turn_colour_off() {
        let environment = |no_color: &'static str, term: &'static str| {
            move |name: &str| if name == "TERM" { term.to_owned() } else { no_color.to_owned() }
        };
        assert!(wants_colour(environment("", "xterm")));
        assert!(!wants_colour(environment("1", "xterm")));
        assert!(!wants_colour(environment("", "dumb")));
    }
}
