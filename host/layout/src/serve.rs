//! The embedded registry: `longshore serve`, a registry of a given folder or a temporary one.
//!
//! It speaks the OCI distribution specification 1.1. The quickstart, the tests and machines without a
//! network use it.

mod access;
mod blob;
mod catalog;
mod error;
mod manifest;
mod net;
mod page;
mod referrers;
mod response;
mod route;
mod router;
mod server;
mod start_file;
mod tag;
#[cfg(test)]
mod tests;
mod upload;
mod web;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

use crate::folder::Folder;
use access::{Hosts, Htpasswd};
use net::{Limits, Listener};
use server::Server;
use start_file::unless_shut_down;

pub use error::ServeError;
pub use net::{TlsError, TlsFiles};
pub use router::ACCESS_LOG;

/// How long running requests may take after the server begins to stop.
const GRACE: Duration = Duration::from_secs(5);

/// What to serve, where, and to whom.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// The folder of the repositories, created if it is missing. `None` is a temporary one: it is removed
    /// at the end, and its content need not survive a loss of power.
    pub root: Option<PathBuf>,
    /// The address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// A file of users and bcrypt hashes; without one, every client may do everything.
    pub htpasswd: Option<PathBuf>,
    /// Names of this registry beside `localhost` and addresses. Without any, a registry that does not
    /// listen on loopback answers to every name.
    pub hosts: Vec<String>,
    /// True to refuse everything but reads. The folder must exist, and stays as it is.
    pub read_only: bool,
    /// Whether requests are logged without `--debug`.
    pub access_log: bool,
    /// The certificate to serve TLS with; plain HTTP without one.
    pub tls: Option<TlsFiles>,
}

/// Serves until `shutdown` is done, then gives running requests five seconds to end.
///
/// `on_ready` is called once with the address and the folder, when connections are accepted.
///
/// Other processes may have the folder open at the same time, also for writing.
///
/// # Errors
/// The password file is bad, the folder is unusable, or the address is taken.
pub async fn serve(
    options: ServeOptions,
    on_ready: impl FnOnce(SocketAddr, &Path),
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let mut shutdown = pin!(shutdown);
    let (tls, users) = match (options.tls, options.htpasswd) {
        (None, None) => (None, None),
        (files, passwords) => {
            let reading = move || -> Result<_, ServeError> {
                let tls = files.as_ref().map(TlsFiles::acceptor).transpose()?;
                let users = passwords.as_deref().map(Htpasswd::read).transpose()?;
                Ok((tls, users.map(Arc::new)))
            };
            match unless_shut_down(reading, shutdown.as_mut()).await {
                Some(read) => read?,
                None => return Ok(()),
            }
        }
    };
    let (root, temporary) = match options.root {
        Some(root) => (root, None),
        None if options.read_only => return Err(ServeError::NothingToRead),
        None => {
            let made = tempfile::Builder::new()
                .prefix("longshore-serve-")
                .tempdir()
                .map_err(|cause| ServeError::Temporary { cause })?;
            (made.path().to_owned(), Some(made))
        }
    };
    let opened = match options.read_only {
        true => Folder::open_to_read(&root),
        false => Folder::open_to_write(&root, temporary.is_none()),
    };
    let folder = opened.map_err(|error| ServeError::of_root(&root, error))?;
    let folder = Arc::new(folder);
    let address = options.listen;
    let listen = |cause| ServeError::Listen { address, cause };
    let listener = TcpListener::bind(address).await.map_err(listen)?;
    let bound = listener.local_addr().map_err(listen)?;
    let hosts = Hosts::new(bound.ip(), &options.hosts);
    let mut server = Server::new(folder, hosts);
    server.users = users;
    server.read_only = options.read_only;
    server.access_log = options.access_log;
    let server = Arc::new(server);
    let listener = Listener::new(listener, Limits::of_system(), tls);
    on_ready(bound, &root);
    tokio::select! {
        () = listener.accept(move |request| router::respond(Arc::clone(&server), request)) => {}
        () = shutdown => {}
    }
    if !listener.stop(GRACE).await {
        tracing::debug!("requests were still under way {GRACE:?} after the end");
    }
    Ok(())
}
