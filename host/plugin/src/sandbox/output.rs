//! The output of a plugin: log lines, standard output and standard error.
//!
//! It goes to the host's log under the plugin's name. Its size is limited for each call.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

use super::run_use::{Logged, RunUse};
use crate::escape::cut_and_escape;
use crate::limits::Limits;
use crate::setup::{LogLevel, PluginLog};

/// The log of one call.
pub(crate) struct CallLog {
    plugin: Arc<str>,
    log: Arc<dyn PluginLog>,
    run: Arc<RunUse>,
    lines: AtomicUsize,
    max_lines: usize,
    max_line: usize,
}

impl CallLog {
    pub(crate) fn new(
        plugin: Arc<str>,
        log: Arc<dyn PluginLog>,
        run: Arc<RunUse>,
        limits: &Limits,
    ) -> Self {
        Self {
            plugin,
            log,
            run,
            lines: AtomicUsize::new(0),
            max_lines: limits.log_lines,
            max_line: limits.log_line,
        }
    }

    /// Logs one line. A remark replaces the first line above the limit; later lines are dropped.
    pub(crate) fn line(&self, level: LogLevel, message: &str) {
        let earlier = self.lines.fetch_add(1, Ordering::Relaxed);
        if earlier < self.max_lines {
            let message = cut_and_escape(message, self.max_line);
            match self.run.log(message.len()) {
                Logged::Yes => self.log.line(&self.plugin, level, &message),
                Logged::Last => {
                    let message = "it logs too much in this run, its other lines are dropped";
                    self.log.line(&self.plugin, LogLevel::Warning, message);
                }
                Logged::No => {}
            }
        } else if earlier == self.max_lines {
            let message = format!("more than {earlier} lines in one call, the others are dropped");
            self.log.line(&self.plugin, LogLevel::Debug, &message);
        }
    }
}

/// Standard output or standard error. It logs complete lines and accepts every write.
#[derive(Clone)]
pub(crate) struct Stdio(Arc<LineBuffer>);

struct LineBuffer {
    log: Arc<CallLog>,
    partial: Mutex<Vec<u8>>,
}

impl Stdio {
    pub(crate) fn new(log: Arc<CallLog>) -> Self {
        Self(Arc::new(LineBuffer { log, partial: Mutex::default() }))
    }
}

impl LineBuffer {
    fn write(&self, bytes: &[u8]) {
        let mut partial = self.partial.lock().unwrap_or_else(PoisonError::into_inner);
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            // One byte more than the log shows, so that the log marks the cut.
            let room = (self.log.max_line + 1).saturating_sub(partial.len());
            let text = piece.strip_suffix(b"\n").unwrap_or(piece);
            partial.extend_from_slice(&text[..text.len().min(room)]);
            if piece.ends_with(b"\n") {
                self.emit(&mut partial);
            }
        }
    }

    fn emit(&self, partial: &mut Vec<u8>) {
        let text = String::from_utf8_lossy(partial);
        let text = text.strip_suffix('\r').unwrap_or(&text);
        if !text.is_empty() {
            self.log.line(LogLevel::Debug, text);
        }
        partial.clear();
    }
}

impl Drop for LineBuffer {
    fn drop(&mut self) {
        let mut partial = self.partial.lock().unwrap_or_else(PoisonError::into_inner);
        let mut rest = std::mem::take(&mut *partial);
        drop(partial);
        self.emit(&mut rest);
    }
}

impl IsTerminal for Stdio {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Stdio {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for Stdio {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.0.write(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(64 * 1024)
    }
}

#[async_trait]
impl Pollable for Stdio {
    async fn ready(&mut self) {}
}

impl AsyncWrite for Stdio {
    fn poll_write(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.write(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::{CallLog, LogLevel, PluginLog, RunUse, Stdio};
    use crate::Limits;

    #[derive(Default)]
    struct Lines(Mutex<Vec<String>>);

    impl PluginLog for Lines {
        fn line(&self, plugin: &str, level: LogLevel, message: &str) {
            let line = format!("{plugin} {level:?} {message}");
            self.0.lock().expect("lines").push(line);
        }
    }

    fn log(limits: &Limits) -> (Arc<Lines>, Arc<CallLog>) {
        let lines = Arc::new(Lines::default());
        let log: Arc<dyn PluginLog> = Arc::<Lines>::clone(&lines);
        let run = Arc::new(RunUse::new(limits));
        (lines, Arc::new(CallLog::new("p".into(), log, run, limits)))
    }

    #[test]
    fn output_is_split_into_lines_wherever_writes_end() {
        let (lines, log) = log(&Limits::default());
        let output = Stdio::new(log);
        for piece in ["one\ntw", "o\r\n\n", "thr\x1bee"] {
            output.0.write(piece.as_bytes());
        }
        drop(output);
        assert_eq!(
            *lines.0.lock().expect("lines"),
            ["p Debug one", "p Debug two", "p Debug thr\\u{1b}ee"]
        );
    }

    #[test]
    fn lines_are_bounded_in_length_and_number() {
        let limits = Limits { log_lines: 2, log_line: 4, ..Limits::default() };
        let (lines, log) = log(&limits);
        let output = Stdio::new(Arc::clone(&log));
        output.0.write(b"12345678\n");
        log.line(LogLevel::Error, "12345");
        log.line(LogLevel::Error, "x");
        log.line(LogLevel::Error, "y");
        assert_eq!(
            *lines.0.lock().expect("lines"),
            [
                "p Debug 1234…",
                "p Error 1234…",
                "p Debug more than 2 lines in one call, the others are dropped"
            ]
        );
    }
    #[test]
    fn all_calls_of_a_run_share_a_log() {
        let limits = Limits { run_log_lines: 3, ..Limits::default() };
        let (lines, first) = log(&limits);
        let (run, sink) = (Arc::clone(&first.run), Arc::clone(&first.log));
        for call in 0..3 {
            let log = CallLog::new("p".into(), Arc::clone(&sink), Arc::clone(&run), &limits);
            log.line(LogLevel::Error, &format!("{call}a"));
            log.line(LogLevel::Error, &format!("{call}b"));
        }
        assert_eq!(
            *lines.0.lock().expect("lines"),
            [
                "p Error 0a",
                "p Error 0b",
                "p Error 1a",
                "p Warning it logs too much in this run, its other lines are dropped"
            ]
        );
    }
}
