//! What all requests share.

use std::sync::Arc;

use axum::http::request::Parts;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::access::{Hosts, Htpasswd};
use super::net::Peer;
use super::response::Refusal;
use super::upload::Uploads;
use crate::folder::Folder;

/// How much text of manifests is worked on at once, in units of [`UNIT`] bytes: 16 MiB. Parsed text
/// needs several times its size.
const UNITS: u32 = 256;
const UNIT: usize = 64 * 1024;

/// The registry. Each file of endpoints gives it the methods for them.
#[derive(Debug)]
pub(super) struct Server {
    /// `None`: every client may do everything.
    pub(super) users: Option<Arc<Htpasswd>>,
    hosts: Hosts,
    /// True if nothing may be written or deleted.
    pub(super) read_only: bool,
    /// True if each request is logged without `--debug`.
    pub(super) access_log: bool,
    pub(super) folder: Arc<Folder>,
    pub(super) uploads: Uploads,
    text: Semaphore,
}

impl Server {
    /// Makes a registry of `folder` that every client may read and write.
    pub(super) fn new(folder: Arc<Folder>, hosts: Hosts) -> Self {
        let uploads = Uploads::new(Arc::clone(&folder));
        let text = Semaphore::new(UNITS as usize);
        Self { users: None, hosts, read_only: false, access_log: false, folder, uploads, text }
    }

    /// Checks that a request names this registry, and a user with the right password.
    pub(super) async fn check(&self, request: &Parts, peer: Peer) -> Result<(), Refusal> {
        self.hosts.check(request)?;
        match &self.users {
            Some(users) => users.check(&request.headers, peer).await,
            None => Ok(()),
        }
    }

    /// Waits until there is room for this many bytes of text.
    pub(super) async fn room_for_text(&self, bytes: usize) -> Option<SemaphorePermit<'_>> {
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(UNITS).clamp(1, UNITS);
        // The semaphore is never closed.
        self.text.acquire_many(units).await.ok()
    }
}
