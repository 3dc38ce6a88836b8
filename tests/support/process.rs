//! A child process with captured output that never outlives its test.

use std::io::Read;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The output of a stream so far.
#[derive(Debug, Default)]
struct Heard {
    bytes: Vec<u8>,
    closed: bool,
}

/// A stream that a thread reads to its end, so that the writer never blocks.
#[derive(Debug)]
struct Stream {
    heard: Arc<(Mutex<Heard>, Condvar)>,
    reader: Option<JoinHandle<()>>,
}

impl Stream {
    fn read(mut from: impl Read + Send + 'static) -> Self {
        let heard = Arc::new((Mutex::new(Heard::default()), Condvar::new()));
        let shared = Arc::clone(&heard);
        let reader = std::thread::spawn(move || {
            let mut buffer = [0; 8192];
            loop {
                let count = from.read(&mut buffer).unwrap_or(0);
                let mut heard = shared.0.lock().unwrap_or_else(PoisonError::into_inner);
                heard.bytes.extend_from_slice(&buffer[..count]);
                heard.closed = count == 0;
                shared.1.notify_all();
                if count == 0 {
                    return;
                }
            }
        });
        Self { heard, reader: Some(reader) }
    }

    fn text(&self) -> String {
        let heard = self.heard.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&heard.bytes).into_owned()
    }

    /// Waits for a complete line from which `pick` returns a value. Returns `None` at the deadline
    /// or at the end.
    fn find<T>(&self, deadline: Instant, pick: impl Fn(&str) -> Option<T>) -> Option<T> {
        let (heard, changed) = &*self.heard;
        let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let text = String::from_utf8_lossy(&heard.bytes);
            let lines =
                text.split_inclusive('\n').filter(|line| heard.closed || line.ends_with('\n'));
            if let Some(found) = lines.map(str::trim_end).find_map(&pick) {
                return Some(found);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if heard.closed || left.is_zero() {
                return None;
            }
            heard = changed.wait_timeout(heard, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn join(&mut self) {
        if let Some(reader) = self.reader.take() {
            // A panicked reader has lost output. The assertions of the test will show that.
            let _ = reader.join();
        }
    }
}

/// A running child. Dropping it kills the process by its ID.
#[derive(Debug)]
pub(crate) struct Process {
    name: String,
    child: Child,
    stdout: Stream,
    stderr: Stream,
}

impl Process {
    /// Starts the command and captures both output streams. Does not change standard input.
    pub(crate) fn start(name: &str, command: &mut Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("failed to start {name}: {error}"));
        let stdout = Stream::read(child.stdout.take().expect("standard output is piped"));
        let stderr = Stream::read(child.stderr.take().expect("standard error is piped"));
        Self { name: name.to_owned(), child, stdout, stderr }
    }

    /// Returns the child, for its standard input.
    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Returns standard output so far.
    pub(crate) fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// Returns standard error so far.
    pub(crate) fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// Waits for a line on either stream from which `pick` returns a value.
    pub(crate) fn line<T>(&self, limit: Duration, pick: impl Fn(&str) -> Option<T>) -> T {
        let deadline = Instant::now() + limit;
        // Alternates between the streams, because the line may come on either.
        while Instant::now() < deadline {
            let slice = Instant::now() + Duration::from_millis(10);
            for stream in [&self.stderr, &self.stdout] {
                if let Some(found) = stream.find(slice, &pick) {
                    return found;
                }
            }
            let heard = |stream: &Stream| stream.heard.0.lock().is_ok_and(|heard| heard.closed);
            if heard(&self.stdout) && heard(&self.stderr) {
                break;
            }
        }
        panic!("{} did not say what the test waits for\n{}", self.name, self.said());
    }

    /// Sends SIGINT, as soon as the child handles it: on a busy machine, the child may need long to begin.
    pub(crate) fn interrupt(&self) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while !self.handles_interrupts() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        self.signal("INT");
    }

    /// Whether the child has a handler for SIGINT, where the kernel tells.
    fn handles_interrupts(&self) -> bool {
        const SIGINT: u64 = 2;
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let caught = status.ok().and_then(|status| {
            let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"))?;
            u64::from_str_radix(mask.trim(), 16).ok()
        });
        caught.is_none_or(|caught| caught & (1 << (SIGINT - 1)) != 0)
    }

    /// Sends a signal by its name, without `SIG`.
    pub(crate) fn signal(&self, signal: &str) {
        let sent = Command::new("sh")
            .args(["-c", "kill -\"$1\" \"$0\"", &self.child.id().to_string(), signal])
            .status()
            .unwrap_or_else(|error| panic!("failed to run sh: {error}"));
        assert!(sent.success(), "{} could not get SIG{signal}: {sent}", self.name);
    }

    /// Sends SIGKILL and waits for the end.
    pub(crate) fn kill(&mut self) {
        // Both fail only if the child has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits for the child to end and for the rest of its output.
    pub(crate) fn finish(&mut self, limit: Duration) -> ExitStatus {
        let deadline = Instant::now() + limit;
        loop {
            let ended = self.child.try_wait();
            if let Some(status) = ended.unwrap_or_else(|error| panic!("{}: {error}", self.name)) {
                self.stdout.join();
                self.stderr.join();
                return status;
            }
            if Instant::now() > deadline {
                self.kill();
                panic!("{} has not ended after {limit:?}\n{}", self.name, self.said());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn said(&self) -> String {
        format!("--- stdout\n{}\n--- stderr\n{}", self.stdout(), self.stderr())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
