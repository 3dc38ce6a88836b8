//! The embedded registry: `longshore serve`, a registry on one's own disk or in memory of a run.
//!
//! It speaks the OCI distribution specification 1.1 and keeps each repository as an OCI image
//! layout, so that other tools read the folder without a registry. The quickstart, the tests and
//! machines without a network use it.

mod answer;
mod blob;
mod catalog;
mod contents;
mod disk;
mod exchange;
mod htpasswd;
mod layout;
mod manifest;
mod referrers;
mod route;
mod spool;
mod store;
mod tag;
#[cfg(test)]
mod tests;
mod upload;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use disk::Disk;
use exchange::Server;
use htpasswd::Htpasswd;
use store::Store;
use upload::Uploads;

/// The target of the access log: one debug line `METHOD PATH STATUS` per request.
pub const ACCESS_LOG: &str = "longshore::serve::access";

/// How long requests under way may take once the server was told to stop.
const GRACE: Duration = Duration::from_secs(5);

/// What to serve, where, and to whom.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// The folder of the repositories, created where it is missing. None: a temporary one, removed
    /// at the end, whose content need not survive a loss of power.
    pub root: Option<PathBuf>,
    /// The address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// A file of users and bcrypt hashes; without one, everybody may do everything.
    pub htpasswd: Option<PathBuf>,
}

/// Why the registry could not be started; each text names its cause in full.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The password file cannot be read.
    #[error("read the htpasswd file {}: {cause}", path.display())]
    Htpasswd {
        /// The file.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// A line of the password file is no user with a bcrypt hash.
    #[error("read the htpasswd file {} at line {line}: {why} (`htpasswd -B` writes such lines)", path.display())]
    HtpasswdLine {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The password file names nobody, so nobody could log in.
    #[error("find a user in the htpasswd file {} (`htpasswd -B` writes one)", path.display())]
    HtpasswdEmpty {
        /// The file.
        path: PathBuf,
    },
    /// The folder cannot be used.
    #[error("use the folder {}: {cause}", path.display())]
    Root {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// The folder is an image layout itself, where the layouts of repositories should lie.
    #[error("serve {}: it is an image layout itself; serve the folder above it", path.display())]
    RootIsLayout {
        /// The folder.
        path: PathBuf,
    },
    /// Another process serves the folder.
    #[error("serve {}: another longshore serves it already", path.display())]
    RootInUse {
        /// The folder.
        path: PathBuf,
    },
    /// No temporary folder can be made.
    #[error("make a temporary folder: {cause}")]
    Temporary {
        /// What the system says.
        cause: io::Error,
    },
    /// The address cannot be listened on.
    #[error("listen on {address}: {cause}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        cause: io::Error,
    },
    /// The server ended by itself.
    #[error("go on serving: {cause}")]
    Ended {
        /// What the system says.
        cause: io::Error,
    },
}

/// Serves until `shutdown` is done, then gives requests under way five seconds to end.
///
/// `on_ready` is called once with the address and the folder, when connections are accepted.
///
/// # Errors
/// Where the password file is bad, the folder is unusable or in use, or the address is taken.
pub async fn serve(
    options: ServeOptions,
    on_ready: impl FnOnce(SocketAddr, &Path),
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let users = options.htpasswd.as_deref().map(Htpasswd::read).transpose()?;
    let (root, temporary) = match options.root {
        Some(root) => (root, None),
        None => {
            let made = tempfile::Builder::new()
                .prefix("longshore-serve-")
                .tempdir()
                .map_err(|cause| ServeError::Temporary { cause })?;
            (made.path().to_owned(), Some(made))
        }
    };
    let disk = Arc::new(Disk::open(&root, temporary.is_none())?);
    let address = options.listen;
    let listen = |cause| ServeError::Listen { address, cause };
    let listener = TcpListener::bind(address).await.map_err(listen)?;
    let bound = listener.local_addr().map_err(listen)?;
    // Answers are often two small writes: headers, then a body.
    let listener = listener.tap_io(|connection| {
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!("failed to set TCP_NODELAY: {error}");
        }
    });
    let server =
        Server { users, store: Store::new(Arc::clone(&disk)), uploads: Uploads::new(disk) };
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = axum::serve(listener, server.into_router())
        .with_graceful_shutdown(async move {
            let _ = stopped.await;
        })
        .into_future();
    let mut serving = pin!(serving);
    on_ready(bound, &root);
    tokio::select! {
        ended = &mut serving => return ended.map_err(|cause| ServeError::Ended { cause }),
        () = shutdown => {}
    }
    let _ = stop.send(());
    if tokio::time::timeout(GRACE, serving).await.is_err() {
        tracing::debug!("requests were still under way {GRACE:?} after the end");
    }
    Ok(())
}
