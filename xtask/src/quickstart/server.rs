//! A registry, or another server, for the duration of the quickstart.

use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};

use crate::command::shown;

/// Time limit for the start.
const START: Duration = Duration::from_secs(30);

/// A running server. Dropping it kills the process by its ID.
pub(crate) struct Server {
    child: Child,
    address: String,
}

impl Server {
    /// Starts a registry and waits for its address.
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        Self::start_until(command, address)
    }

    /// Starts a server, and waits for the line from which `pick` returns its address.
    pub(crate) fn start_until(
        command: &mut Command,
        pick: impl Fn(&str) -> Option<String>,
    ) -> Result<Self> {
        let line = shown(command);
        println!("$ {line} &");
        let started =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let child = started.with_context(|| format!("failed to run `{line}`"))?;
        // From here on, an error drops the server and so ends the child.
        let mut server = Self { child, address: String::new() };
        let (said, lines) = channel();
        listen(server.child.stdout.take().context("standard output is piped")?, said.clone());
        listen(server.child.stderr.take().context("standard error is piped")?, said);

        let mut heard = String::new();
        while let Ok(line) = lines.recv_timeout(START) {
            if let Some(address) = pick(&line) {
                server.address = address;
                return Ok(server);
            }
            heard.push_str(&line);
            heard.push('\n');
        }
        Err(anyhow!("`{line}` does not say that it is ready:\n{heard}"))
    }

    /// Returns `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Waits for the server to end.
    pub(crate) fn wait(mut self) -> Result<()> {
        self.child.wait().context("failed to wait for the registry").map(drop)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only if the process has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads a stream to its end, so that the server never blocks.
fn listen(stream: impl Read + Send + 'static, said: Sender<String>) {
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            // The receiver is gone once the address is known.
            let _ = said.send(line);
        }
    });
}

/// Returns `127.0.0.1:5000` from `… http://127.0.0.1:5000/ …`, also of `https`.
fn address(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("http://").or_else(|| line.split_once("https://"))?;
    let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || ".:[]-".contains(c)));
    let address = &rest[..end.unwrap_or(rest.len())];
    address.contains(':').then(|| address.trim_end_matches('.').to_owned())
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn the_address_is_found_in_surrounding_text() {
        let line = "longshore: serving target/x on http://127.0.0.1:40123";
        assert_eq!(address(line).as_deref(), Some("127.0.0.1:40123"));
        assert_eq!(address("listening on http://[::1]:5/.").as_deref(), Some("[::1]:5"));
        assert_eq!(address("on https://127.0.0.1:6").as_deref(), Some("127.0.0.1:6"));
        assert_eq!(address("see http://example.invalid for more"), None);
    }
}
