//! The prompt `>>>` at a terminal that `script` of util-linux creates.

use std::io::Write as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use longshore_content::Image;

use crate::support::skip::{installed, skip};
use crate::support::{Longshore, Registry};

/// Time limit of a response. It turns a hang into a failure.
const LIMIT: Duration = Duration::from_mins(1);

/// longshore at a terminal.
pub(crate) struct Terminal {
    child: Child,
    output: Receiver<Vec<u8>>,
    /// All output so far.
    said: String,
    /// Length of the output that the test has read.
    read: usize,
}

impl Terminal {
    /// Starts longshore. Returns `None` and skips the test if no terminal can be created.
    pub(crate) fn start(longshore: &Longshore) -> Option<Self> {
        if !cfg!(target_os = "linux") || !installed("script") {
            skip("script of util-linux is missing");
            return None;
        }
        let direct = longshore.command();
        let quoted = |word: &std::ffi::OsStr| format!("'{}'", word.to_string_lossy());
        let words: Vec<String> =
            std::iter::once(direct.get_program()).chain(direct.get_args()).map(quoted).collect();
        let mut command = Command::new("script");
        command.args(["--quiet", "--return", "--command", &words.join(" "), "/dev/null"]);
        command.env_clear().env("TERM", "xterm").env("SHELL", "/bin/sh");
        for (name, value) in direct.get_envs() {
            command.envs(value.map(|value| (name, value)));
        }
        command.current_dir(longshore.directory());
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("failed to start script: {error}"));
        let mut stdout = child.stdout.take().expect("standard output is piped");
        let (sender, output) = mpsc::channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count) = std::io::Read::read(&mut stdout, &mut buffer) {
                if count == 0 || sender.send(buffer[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Some(Self { child, output, said: String::new(), read: 0 })
    }

    /// Waits for the text after the text of the previous call.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, text: &str) {
        let deadline = Instant::now() + LIMIT;
        loop {
            if let Some(at) = self.said[self.read..].find(text) {
                self.read += at + text.len();
                return;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(bytes) = self.output.recv_timeout(left) else {
                panic!("no `{text}` behind {}:\n{}", self.read, self.said);
            };
            self.said.push_str(&String::from_utf8_lossy(&bytes));
        }
    }

    /// Types at the next prompt.
    #[track_caller]
    fn types(&mut self, keys: &str) {
        self.answers(">>> ", keys);
    }

    /// Sends keys without waiting for the prompt, as a paste does.
    fn sends(&mut self, keys: &str) {
        let stdin = self.child.stdin.as_mut().expect("standard input is piped");
        stdin.write_all(keys.as_bytes()).expect("the terminal takes keys");
    }

    /// Pastes lines as terminals do, and presses Enter.
    fn pastes(&mut self, lines: &[&str]) {
        self.wait_for(">>> ");
        self.sends(&format!("\u{1b}[200~{}\u{1b}[201~\r", lines.join("\r")));
    }

    /// Types an answer to a question.
    #[track_caller]
    pub(crate) fn answers(&mut self, question: &str, keys: &str) {
        self.wait_for(question);
        self.sends(keys);
        // The terminal echoes the input and may redraw the prompt with it.
        self.wait_for(keys.trim_end_matches(['\r', '\u{4}', '\u{3}']));
    }

    /// Waits for the end, and returns all output.
    #[track_caller]
    pub(crate) fn exits(mut self, code: i32) -> String {
        // The output ends with the process.
        let deadline = Instant::now() + LIMIT;
        while let Ok(bytes) =
            self.output.recv_timeout(deadline.saturating_duration_since(Instant::now()))
        {
            self.said.push_str(&String::from_utf8_lossy(&bytes));
        }
        assert!(Instant::now() < deadline, "it does not end:\n{}", self.said);
        let status = self.child.wait().expect("it is our child");
        assert_eq!(status.code(), Some(code), "exit code\n{}", self.said);
        std::mem::take(&mut self.said)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Both fail only if the child has already ended. longshore gets SIGHUP when the terminal
        // closes.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn registries() -> (Registry, Registry) {
    let (source, destination) = (Registry::embedded(), Registry::embedded());
    source.push("team/app", "1", &Image::new("linux/amd64").layer(1, 1000).build());
    (source, destination)
}

fn between(run: Longshore, source: &Registry, destination: &Registry) -> Longshore {
    run.source(source.address()).destination(destination.address())
}

#[test]
fn each_line_is_worked_on_before_the_next() {
    let (source, destination) = registries();
    let longshore = between(Longshore::new().mirror(), &source, &destination);
    let Some(mut terminal) = Terminal::start(&longshore) else { return };

    terminal.types("team/app team/app 1\r");
    terminal.wait_for("copied");
    terminal.wait_for(">>> ");
    destination.assert_complete("team/app", "1");
    terminal.read -= ">>> ".len();
    terminal.types("\r");
    terminal.types("only two\r");
    terminal.wait_for("ERRO");
    terminal.types("team/app team/APP 1\r");
    terminal.wait_for("ERRO");
    terminal.types("team/missing team/missing 1\r");
    terminal.wait_for("ERRO");
    terminal.types("team/app team/second 1\r");
    terminal.wait_for("copied");
    terminal.types("\u{4}");
    terminal.exits(1);

    destination.assert_complete("team/second", "1");
    let path = longshore.directory().join("mirror-failed.txt");
    let failed = std::fs::read_to_string(path).expect("there is a failed list");
    let entries: Vec<&str> =
        failed.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
    let expected = ["only two", "team/app team/APP 1", "team/missing team/missing 1"];
    assert_eq!(entries, expected, "{failed}");
}

#[test]
fn valid_lines_exit_0_without_a_failed_list() {
    let (source, destination) = registries();
    let longshore = between(Longshore::new().mirror(), &source, &destination);
    let Some(mut terminal) = Terminal::start(&longshore) else { return };
    terminal.types("team/app team/app 1\r");
    terminal.wait_for("copied");
    terminal.types("team/app team/again 1\r");
    terminal.wait_for("1 copied, 0 skipped");
    terminal.types("\u{4}");
    let said = terminal.exits(0);
    let told = said.matches("referrers were not looked for").count();
    assert_eq!(told, 1, "once for all lines:\n{said}");
    assert!(!longshore.directory().join("mirror-failed.txt").exists(), "nothing failed");

    let validate = between(Longshore::new().validate(), &source, &destination);
    let Some(mut terminal) = Terminal::start(&validate) else { return };
    terminal.types("team/app team/app 1\r");
    terminal.wait_for("1 valid, 0 skipped, 0 failed");
    terminal.types("\u{4}");
    terminal.exits(0);
    assert!(!validate.directory().join("mirror-validate-failed.txt").exists(), "nothing failed");
}

#[test]
fn each_line_is_validated_before_the_next() {
    let (source, destination) = registries();
    let validate = between(Longshore::new().validate(), &source, &destination);
    let Some(mut terminal) = Terminal::start(&validate) else { return };
    terminal.types("team/app team/app 1\r");
    terminal.wait_for("Validate failed: destination manifest does not exists");
    let image = Image::new("linux/amd64").layer(1, 1000).build();
    terminal.wait_for("mend with: longshore mirror ");
    destination.push("team/app", "1", &image);
    terminal.types("team/app team/app 1\r");
    terminal.wait_for("1 valid, 0 skipped, 0 failed");
    terminal.types("\u{4}");
    terminal.exits(1);
    let path = validate.directory().join("mirror-validate-failed.txt");
    let failed = std::fs::read_to_string(path).expect("there is a failed list");
    assert!(failed.ends_with("\nteam/app team/app 1\n"), "{failed}");
}

#[test]
fn ctrl_c_at_the_prompt_is_an_interruption() {
    let (source, destination) = registries();
    let longshore = between(Longshore::new().mirror(), &source, &destination);
    let Some(mut terminal) = Terminal::start(&longshore) else { return };
    terminal.types("\u{3}");
    terminal.exits(130);
}

#[test]
fn exit_and_quit_end_it_and_lines_are_counted() {
    let (source, destination) = registries();
    let longshore = between(Longshore::new().mirror(), &source, &destination);
    let Some(mut terminal) = Terminal::start(&longshore) else { return };
    terminal.types("# a remark\r");
    terminal.types("only two\r");
    terminal.wait_for(">>>:2:9: expected 3 columns");
    terminal.types("quit\r");
    terminal.exits(1);

    let Some(mut terminal) = Terminal::start(&longshore) else { return };
    terminal.types("exit\r");
    terminal.exits(0);
    assert!(!longshore.directory().join("mirror-failed.txt").exists(), "`exit` is not an entry");
}

#[test]
fn it_says_what_to_type_and_takes_one_reference_a_line() {
    let (source, destination) = registries();
    source.push("team/app", "2", &Image::new("linux/amd64").layer(2, 10).build());
    let longshore = between(Longshore::new().mirror(), &source, &destination);
    let Some(mut terminal) = Terminal::start(&longshore) else { return };
    terminal.wait_for("type SOURCE DESTINATION TAG or one reference");
    terminal.types("help\r");
    terminal.wait_for("Ctrl-D ends too");
    terminal.types("team/app:1\r");
    terminal.wait_for("1 copied, 0 skipped, 0 failed");
    terminal.types("docker pull team/app:2\r");
    terminal.wait_for("1 copied, 0 skipped, 0 failed");
    terminal.types("team/app other/app 1\r");
    terminal.wait_for("1 copied, 0 skipped, 0 failed");
    terminal.types("team/app:absent\r");
    terminal.wait_for("0 copied, 0 skipped, 1 failed");
    terminal.types("\u{4}");
    terminal.exits(1);
    let path = longshore.directory().join("mirror-failed.txt");
    let failed = std::fs::read_to_string(path).expect("there is a failed list");
    assert!(failed.lines().next().is_some_and(|line| line.contains("--list-format=mirror")));
    assert!(!failed.contains("platforms="), "the default filter stays:\n{failed}");
    assert!(failed.ends_with("\nteam/app team/app absent\n"), "{failed}");
}

/// The entries of a failed list.
fn failed_entries(longshore: &Longshore) -> Vec<String> {
    let path = longshore.directory().join("mirror-failed.txt");
    let failed = std::fs::read_to_string(path).expect("there is a failed list");
    failed.lines().skip(1).filter(|line| !line.starts_with("# ")).map(str::to_owned).collect()
}

#[test]
fn lines_that_are_typed_ahead_wait_for_their_turn() {
    let (source, destination) = registries();
    let longshore = between(Longshore::new().mirror(), &source, &destination);
    let Some(mut terminal) = Terminal::start(&longshore) else { return };
    terminal.wait_for(">>> ");
    // More than one read takes, and more than a terminal keeps of one line.
    let mut keys = "# a remark that a person has pasted with the list\r".repeat(90);
    keys.push_str("team/app team/a 1\rteam/app:1\ronly two\rteam/app team/b 1\r");
    terminal.sends(&keys);
    for told in ["1 copied, 0", "1 copied, 0", "expected 3 columns", "1 copied, 0"] {
        terminal.wait_for(told);
    }
    terminal.types("\u{4}");
    terminal.exits(1);
    for path in ["team/a", "team/app", "team/b"] {
        destination.assert_complete(path, "1");
    }
    assert_eq!(failed_entries(&longshore), ["only two"]);
}

#[test]
fn pasted_lines_are_read_one_by_one() {
    let (source, destination) = registries();
    let index = |tag: &str| {
        source.push("team/many", tag, &Image::new("linux/amd64").layer(1, 10).build());
    };
    index("1");
    index("2");
    let longshore = between(Longshore::new().mirror(), &source, &destination);
    let Some(mut terminal) = Terminal::start(&longshore) else { return };
    terminal.pastes(&[
        "team/app team/a 1",
        "",
        "team/app:1 # one reference",
        "docker pull team/many:1",
        "# longshore: destination-tag=stable",
        "# a remark",
        "team/app team/b 1",
        "# longshore: latest=x",
        "team/many team/c *",
        "only two",
        "team/app team/d 1",
    ]);
    for told in ["1 copied, 0", "1 copied, 0", "1 copied, 0", "1 copied, 0"] {
        terminal.wait_for(told);
    }
    terminal.wait_for(">>>:10:9: expected 3 columns");
    terminal.wait_for("1 copied, 0");
    terminal.types("\u{4}");
    terminal.exits(1);
    for (path, tag) in [
        ("team/a", "1"),
        ("team/app", "1"),
        ("team/many", "1"),
        ("team/b", "stable"),
        ("team/d", "1"),
    ] {
        destination.assert_complete(path, tag);
    }
    assert_eq!(failed_entries(&longshore).last().map(String::as_str), Some("only two"));
}

#[test]
fn pasted_lines_after_the_end_are_named() {
    let (source, destination) = registries();
    let longshore = between(Longshore::new().mirror(), &source, &destination);
    let Some(mut terminal) = Terminal::start(&longshore) else { return };
    terminal.pastes(&["team/app team/a 1", "quit", "", "team/app team/b 1", "team/app team/c 1"]);
    terminal.wait_for("1 copied, 0");
    terminal.wait_for("2 lines after `quit` had no effect");
    terminal.exits(0);
}

#[test]
fn an_interrupt_leaves_the_pasted_lines_in_the_failed_list() {
    let (source, _) = registries();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = silent.local_addr().expect("it has an address").to_string();
    let longshore = Longshore::new().mirror().source(source.address()).destination(&address);
    let Some(mut terminal) = Terminal::start(&longshore) else { return };
    terminal.pastes(&[
        "team/app team/a 1",
        "# longshore: platforms=linux/amd64",
        "team/app team/b 1",
        "team/app team/c 1",
        "team/app:1",
        "docker pull team/app@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "--platform=linux/arm64 team/app",
        "Team/App:1",
        "team/app team/d 1",
    ]);
    let _stays = silent.accept().expect("longshore connects");
    terminal.sends("\u{3}");
    terminal.exits(130);
    let entries = failed_entries(&longshore);
    assert_eq!(entries[..3], ["team/app team/a 1", "team/app team/b 1", "team/app team/c 1"]);
    let digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let pinned = format!("team/app team/app {digest}");
    let references = ["team/app team/app 1", &pinned, "team/app team/app latest"];
    assert_eq!(entries[3..6], references, "a reference has three columns too");
    assert_eq!(entries[6..], ["Team/App Team/App 1", "team/app team/d 1"]);
    let path = longshore.directory().join("mirror-failed.txt");
    let failed = std::fs::read_to_string(path).expect("there is a failed list");
    assert!(failed.contains("# longshore: platforms=linux/amd64\nteam/app team/b 1\n"), "{failed}");
    let arm = "# longshore: platforms=linux/arm64\nteam/app team/app latest\n";
    assert!(failed.contains(arm), "{failed}");
}

#[test]
fn a_page_has_all_typed_lines_and_is_written_at_the_end() {
    let (source, destination) = registries();
    let longshore = between(Longshore::new().mirror(), &source, &destination);
    let longshore = longshore.file("page.html", "old").args(["--report", "page.html"]);
    let page = || std::fs::read_to_string(longshore.directory().join("page.html")).expect("a page");
    let Some(mut terminal) = Terminal::start(&longshore) else { return };
    terminal.types("team/app team/one 1\r");
    terminal.wait_for("1 copied, 0 skipped");
    terminal.types("team/missing team/missing 1\r");
    terminal.wait_for("0 copied, 0 skipped, 1 failed");
    terminal.types("only two\r");
    terminal.wait_for("expected 3 columns");
    terminal.types("team/app team/two 1\r");
    terminal.wait_for("1 copied, 0 skipped");
    assert_eq!(page(), "old", "it is written at the end");
    terminal.types("\u{4}");
    terminal.exits(1);
    let page = page();
    assert!(page.contains("<h1>longshore mirror: 2 of 4 entries arrived, 2 failed</h1>"), "{page}");
    assert!(page.contains("lines typed at the prompt"), "{page}");
    assert!(page.contains("<dt>Failed list</dt><dd><code>mirror-failed.txt</code>"), "{page}");
    assert!(page.contains("<dt>Repeat with</dt>"), "{page}");
    assert_eq!(page.matches("<tr data-status=\"copied\">").count(), 2, "{page}");
    assert_eq!(page.matches("<tr data-status=\"failed\">").count(), 2, "{page}");
    for text in ["team/one:1", "team/two:1", "team/missing:1", "expected 3 columns", "not found"] {
        assert!(page.contains(text), "{text}: {page}");
    }

    // An interrupt writes it too, and a path that cannot be written ends the run before the prompt.
    let Some(mut terminal) = Terminal::start(&longshore) else { return };
    terminal.types("team/app team/three 1\r");
    terminal.wait_for("1 copied, 0 skipped");
    terminal.types("\u{3}");
    terminal.exits(130);
    let path = longshore.directory().join("page.html");
    let page = std::fs::read_to_string(path).expect("a page");
    assert!(page.contains("team/three:1") && !page.contains("team/one:1"), "{page}");
    let refused = between(Longshore::new().mirror(), &source, &destination);
    let refused = refused.args(["--report", "no/such/page.html"]);
    let Some(terminal) = Terminal::start(&refused) else { return };
    assert!(terminal.exits(2).contains("failed to write the report no/such/page.html"));
}

#[test]
fn a_destination_needs_a_registry() {
    let (source, destination) = registries();
    let longshore = Longshore::new().mirror().source(source.address());
    let Some(mut terminal) = Terminal::start(&longshore) else { return };
    terminal.types("team/app team/app 1\r");
    terminal.wait_for("failed to plan line 1: the destination team/app names no registry");
    terminal
        .wait_for("hint: give the destination registry with -d or DOCKER_REGISTRY, or name it, as");
    terminal.types("team/app:1\r");
    terminal.wait_for("has no destination");
    terminal.types("team/app team/app 1 2\r");
    terminal.wait_for(">>>:3:21: expected 3 columns");
    terminal.types(&format!("team/app {}/team/app 1\r", destination.address()));
    terminal.wait_for("1 copied, 0 skipped, 0 failed");
    terminal.types("\u{4}");
    terminal.wait_for("all 4 lines: 1 copied, 0 skipped, 3 failed");
    terminal.exits(1);
    let list = std::fs::read_to_string(longshore.directory().join("mirror-failed.txt"));
    let list = list.expect("a failed list");
    let kept: Vec<&str> = list.lines().filter(|line| !line.starts_with('#')).collect();
    let expected = ["team/app team/app 1", "team/app team/app 1", "team/app team/app 1 2"];
    assert_eq!(kept, expected, "both forms have columns: {list}");
    let unreadable = Longshore::new().mirror();
    let Some(mut terminal) = Terminal::start(&unreadable) else { return };
    terminal.types("Team/App:1\r");
    terminal.types("\u{4}");
    terminal.wait_for("nothing in it can be repeated as it is");
    terminal.exits(1);
}

#[test]
fn a_list_is_overwritten_only_after_yes() {
    for (answer, code, expected) in [("y\r", 0, "a a 1\n"), ("\r", 2, "old"), ("n\r", 2, "old")] {
        let convert = Longshore::new()
            .file("list.txt", "a:1\n")
            .file("list.txt.converted", "old")
            .args(["convert-list", "-i", "list.txt"]);
        let Some(mut terminal) = Terminal::start(&convert) else { return };
        terminal.answers("overwrite list.txt.converted? [y/N] ", answer);
        terminal.exits(code);
        let path = convert.directory().join("list.txt.converted");
        assert_eq!(std::fs::read_to_string(path).expect("it is there"), expected, "{answer:?}");
    }
}
