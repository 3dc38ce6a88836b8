//! A NATS server and two workers for the duration of the quickstart.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::server::Server;
use super::without_settings;
use crate::command::{command, installed};

/// A fleet on loopback. Dropping it kills the processes by their IDs.
pub(super) struct Fleet {
    url: String,
    _workers: Vec<Server>,
    /// Dropped last, because the workers use it.
    _nats: Server,
}

impl Fleet {
    /// Starts the server with an empty folder, and the workers.
    pub(super) fn start(root: &Path, longshore: &Path, folder: &Path) -> Result<Self> {
        let program = nats_server().context(
            "nats-server is neither on PATH nor in ~/go/bin; install it with: go install github.com/nats-io/nats-server/v2@latest",
        )?;
        if folder.exists() {
            fs::remove_dir_all(folder)
                .with_context(|| format!("failed to remove {}", folder.display()))?;
        }
        let mut server = command(&program, root);
        server.args(["-js", "-a", "127.0.0.1", "-p", "-1", "-sd"]).arg(folder);
        let nats = Server::start_until(&mut server, client_address)?;
        let url = format!("nats://{}", nats.address());
        println!("it listens on {url}");
        let worker = |name: &str| {
            let mut worker = command(longshore, root);
            worker.args(["worker", "--fleet", &url, "--name", name]);
            let is_ready = |line: &str| line.contains("waiting for a run").then(String::new);
            Server::start_until(&mut without_settings(worker), is_ready)
        };
        let workers = vec![worker("one")?, worker("two")?];
        Ok(Self { url, _workers: workers, _nats: nats })
    }

    /// Returns the address for `--fleet`.
    pub(super) fn url(&self) -> &str {
        &self.url
    }
}

/// Finds the program on `PATH`, or where `go install` puts it.
fn nats_server() -> Option<PathBuf> {
    if installed("nats-server") {
        return Some("nats-server".into());
    }
    let of_go = std::env::home_dir()?.join("go/bin/nats-server");
    of_go.is_file().then_some(of_go)
}

/// Returns `127.0.0.1:4222` from `… Listening for client connections on 127.0.0.1:4222`.
fn client_address(line: &str) -> Option<String> {
    let (_, address) = line.split_once("client connections on ")?;
    Some(address.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::client_address;

    #[test]
    fn the_address_of_the_server_is_found() {
        let line =
            "[7] 2026/11/29 14:00:00.1 [INF] Listening for client connections on 127.0.0.1:33445";
        assert_eq!(client_address(line).as_deref(), Some("127.0.0.1:33445"));
        assert_eq!(client_address("[7] [INF] Server is ready"), None);
    }
}
