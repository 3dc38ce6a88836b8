//! Progress: rows at a terminal, and lines without one.

use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use longshore_content::Image;

use crate::support::skip::{installed, skip};
use crate::support::{FaultProxy, Longshore, Nats, Pair, Rule};

/// Time limit of a step. It turns a hang into a failure.
const LIMIT: Duration = Duration::from_mins(1);

/// The end of the names of the images.
const NAMES: [&str; 3] = ["longhornio-csi-attacher", "longhornio-csi-resizer", "node-exporter"];

/// A terminal of tmux with a run of longshore in it.
struct Terminal {
    /// The folder with the socket of the server, which belongs to this test alone.
    folder: tempfile::TempDir,
}

impl Terminal {
    /// Starts longshore. Returns `None` and skips the test if tmux is missing.
    fn start(longshore: &Longshore, columns: u32, rows: u32) -> Option<Self> {
        Self::start_below(longshore, columns, rows, 0)
    }

    /// Starts longshore below so many lines.
    fn start_below(longshore: &Longshore, columns: u32, rows: u32, above: u32) -> Option<Self> {
        if !installed("tmux") {
            skip("tmux is missing");
            return None;
        }
        let terminal =
            Self { folder: tempfile::tempdir().expect("a scratch directory can be made") };
        let direct = longshore.command();
        let quoted = |word: &std::ffi::OsStr| format!("'{}'", word.to_string_lossy());
        let variables = direct.get_envs().filter_map(|(name, value)| {
            Some(format!("{}={}", name.to_string_lossy(), quoted(value?)))
        });
        let words = std::iter::once(direct.get_program()).chain(direct.get_args()).map(quoted);
        let words: Vec<String> = variables.chain(words).collect();
        // What the run leaves stays on the screen until the test ends.
        let words = words.join(" ");
        let script =
            format!("trap : INT; seq -f '# %g' {above}; env {words}; echo ended; sleep 120");
        let (columns, rows) = (columns.to_string(), rows.to_string());
        let folder = longshore.directory();
        let folder = folder.to_string_lossy();
        terminal.tmux(&["new-session", "-d", "-x", &columns, "-y", &rows, "-c", &folder, &script]);
        Some(terminal)
    }

    #[track_caller]
    fn tmux(&self, arguments: &[&str]) -> Output {
        let socket = self.folder.path().join("socket");
        let output = Command::new("tmux")
            .args(["-f", "/dev/null", "-S"])
            .arg(socket)
            .args(arguments)
            .env_remove("TMUX")
            .env("LANG", "C.UTF-8")
            .stdin(Stdio::null())
            .output()
            .unwrap_or_else(|error| panic!("failed to start tmux: {error}"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "tmux {arguments:?}: {said}");
        output
    }

    /// Returns the screen and what has scrolled off it.
    fn screen(&self) -> String {
        let output = self.tmux(&["capture-pane", "-p", "-J", "-S", "-"]);
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn resize(&self, columns: u32, rows: u32) {
        self.tmux(&["resize-window", "-x", &columns.to_string(), "-y", &rows.to_string()]);
    }

    /// Waits until the screen is as `is_right` wants it.
    #[track_caller]
    fn wait_for(&self, what: &str, mut is_right: impl FnMut(&str) -> bool) -> String {
        let deadline = Instant::now() + LIMIT;
        loop {
            let screen = self.screen();
            if is_right(&screen) {
                return screen;
            }
            assert!(Instant::now() < deadline, "{what}:\n{screen}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // The server of this socket has nothing but this test.
        self.tmux(&["kill-server"]);
    }
}

/// Returns the rows of images on the screen, by the part of their names that is always shown.
fn rows(screen: &str) -> Vec<&str> {
    let percent = |line: &&str| line.starts_with("  ") && line.contains(" %");
    screen.lines().filter(percent).collect()
}

fn headers(screen: &str) -> usize {
    screen.lines().filter(|line| is_header(line)).count()
}

fn is_header(line: &str) -> bool {
    line.contains(" images, ") && !line.contains("[INFO]")
}

/// Returns a run of three images that move slowly, and the proxy that makes them slow.
fn slow_run(pair: &Pair) -> (FaultProxy, Longshore) {
    let mut list = String::new();
    for (seed, name) in (1..).zip(NAMES) {
        let repository = format!("rancher/mirrored-of-somebody/{name}");
        let image = Image::new("linux/amd64").layer(seed, 20_000_000).build();
        pair.source.push(&repository, "v1", &image);
        list += &format!("{repository} {repository} v1\n");
    }
    let source = FaultProxy::before(&pair.source);
    source.rule(
        Rule::on("GET", "*/blobs/*")
            .alters(|answer| answer.dripping(20_000, Duration::from_millis(100))),
    );
    let run = Longshore::new().mirror().list(&list).source(source.address());
    let run = run.destination(pair.destination.address());
    (source, run)
}

#[test]
fn a_screen_whose_first_line_is_the_header_gathers_no_headers() {
    let pair = Pair::embedded();
    let (_source, run) = slow_run(&pair);
    let Some(terminal) = Terminal::start(&run, 120, 16) else { return };
    terminal.wait_for("rows", |screen| rows(screen).len() == NAMES.len());
    // The lines wrap, so tmux moves what stands above to the history. Nobody can remove a header there, so
    // each width may leave one. The redraws after it must not leave more.
    for (width, most) in [(60, 2), (38, 3), (24, 4)] {
        terminal.resize(width, 16);
        let mut seen = std::collections::HashSet::new();
        let screen = terminal.wait_for("six redraws", |screen| {
            seen.extend(screen.lines().rfind(|line| line.contains(" images, ")).map(str::to_owned));
            seen.len() > 6
        });
        let headers = screen.matches(" images, ").count();
        assert!(headers <= most, "{width}: {headers} headers in\n{screen}");
    }
    terminal.tmux(&["send-keys", "C-c"]);
    terminal.wait_for("the end", |screen| screen.contains("\nended"));
}

#[test]
fn rows_tell_images_apart_and_survive_a_resize() {
    let pair = Pair::embedded();
    let (_source, run) = slow_run(&pair);
    // Where no lines are free below the rows, no row can leave the screen before longshore has seen the new width.
    let Some(terminal) = Terminal::start_below(&run, 60, 24, 24) else { return };
    let whole = |screen: &str| headers(screen) == 1 && rows(screen).len() == NAMES.len();
    let header = |screen: &str| screen.lines().find(|line| is_header(line)).map(str::to_owned);
    for widths in [&[60][..], &[100], &[46], &[140], &[120, 110, 100, 90, 80, 70, 60]] {
        let before = header(&terminal.screen());
        for columns in widths {
            terminal.resize(*columns, 24);
            std::thread::sleep(Duration::from_millis(100));
        }
        let columns = widths[widths.len() - 1];
        let screen = terminal.wait_for("three rows below one header", |screen| {
            whole(screen) && header(screen) != before
        });
        let tail = |name: &str| name[name.len() - 4..].to_owned() + ":v1";
        for name in NAMES {
            assert!(screen.contains(&tail(name)), "{columns}: no {name} in\n{screen}");
        }
        assert!(!rows(&screen).iter().any(|row| row.contains(" 0 B ")), "{columns}:\n{screen}");
    }
    terminal.tmux(&["send-keys", "C-c"]);
    let screen = terminal.wait_for("the end", |screen| screen.contains("\nended"));
    assert_eq!((headers(&screen), rows(&screen).len()), (0, 0), "the rows are gone:\n{screen}");
    assert!(screen.contains("0 copied, 0 skipped, 3 failed (3 of them not finished)"), "{screen}");
}

#[test]
fn each_entry_has_one_line_without_a_terminal() {
    // Nobody listens at this address.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = closed.local_addr().expect("an address").to_string();
    drop(closed);
    let pair = Pair::embedded();
    let list: String = (1..=30).map(|tag| format!("team/app team/app {tag}\n")).collect();
    for command in ["mirror", "mirror-validate", "mirror --dry-run"] {
        let run = Longshore::new().args(command.split(' ')).list(&list).source(&address);
        let run = run.destination(pair.destination.address()).run().exits(1);
        let of_entries = run.stderr.lines().filter(|line| line.contains("[M_ID:"));
        let (hints, lines): (Vec<&str>, Vec<&str>) =
            of_entries.partition(|line| line.contains("] hint: "));
        assert_eq!((lines.len(), hints.len()), (30, 1), "{command}:\n{}", run.stderr);
        let mut said: Vec<&str> = run
            .stderr
            .lines()
            .filter(|line| !line.contains("[M_ID:"))
            .map(|line| &line[9..])
            .collect();
        let all = said.len();
        said.sort_unstable();
        said.dedup();
        assert_eq!(said.len(), all, "{command}: something is said twice:\n{}", run.stderr);
    }
}

#[test]
fn referrers_that_were_not_looked_for_are_told_once() {
    let pair = Pair::embedded();
    pair.source.push("team/app", "1", &Image::new("linux/amd64").layer(1, 10).build());
    for arguments in
        [&["--output=text"][..], &["--output=json"], &["--output=yaml"], &["--dry-run"]]
    {
        let run = pair.mirror("team/app team/app 1\n").args(arguments).run().exits(0);
        let said = run.stdout.matches("not looked for").count()
            + run.stderr.matches("not looked for").count();
        assert_eq!(said, 1, "{arguments:?}\n{}\n{}", run.stdout, run.stderr);
    }
}

#[test]
fn a_fleet_has_a_row_for_each_worker() {
    let Some(nats) = Nats::start() else { return };
    let pair = Pair::embedded();
    let mut list = String::new();
    for seed in 1..=3 {
        let image = Image::new("linux/amd64").layer(seed, 20_000_000).build();
        pair.source.push(&format!("team/app-{seed}"), "v1", &image);
        list += &format!("team/app-{seed} team/app-{seed} v1\n");
    }
    let source = FaultProxy::before(&pair.source);
    source.rule(
        Rule::on("GET", "*/blobs/*")
            .alters(|answer| answer.dripping(20_000, Duration::from_millis(100))),
    );
    let worker = |name: &str| {
        let worker = Longshore::new().args(["worker", "--name", name, "-j", "1", "--fleet"]);
        let running = worker.arg(nats.url()).start();
        running.line(|line| line.contains("waiting for a run").then_some(()));
        running
    };
    // A name is another machine's word.
    let workers = [worker("east\u{1b}[31m"), worker("west")];
    let run = Longshore::new().mirror().list(&list).source(source.address());
    let run = run.destination(pair.destination.address()).args(["--fleet", &nats.url()]);
    let Some(terminal) = Terminal::start(&run, 100, 24) else { return };
    let rows = |screen: &str, name: &str| {
        let of_worker = |line: &&str| line.starts_with("  ") && line.contains(" running, ");
        screen.lines().filter(of_worker).filter(|line| line.contains(name)).count()
    };
    for (columns, height) in [(100, 24), (60, 12)] {
        terminal.resize(columns, height);
        let screen = terminal.wait_for("a header and two workers that work", |screen| {
            headers(screen) == 1 && rows(screen, "east") == 1 && rows(screen, ": 1 running, ") == 2
        });
        assert!(screen.contains("\n  west: 1 running, 0 done, 0 failed, "), "{screen}");
    }
    terminal.tmux(&["send-keys", "C-c"]);
    let screen = terminal.wait_for("the end", |screen| screen.contains("\nended"));
    assert_eq!(rows(&screen, ""), 0, "the rows are gone:\n{screen}");
    for worker in workers {
        worker.signal("TERM");
        worker.finish().exits(0);
    }
}
