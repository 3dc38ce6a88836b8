//! The upload sessions that are open.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use longshore_oci::Repository;

use super::spool::{LockedSpool, Spool};
use crate::folder::{Folder, fresh_name, lock};
use crate::serve::response::{Code, Refusal};

/// A session that was not used for this long is dropped.
const IDLE: Duration = Duration::from_secs(3600);

/// How often idle sessions are looked for.
const SWEEP: Duration = Duration::from_secs(60);

/// How many sessions may be open. A new one takes the place of the one that was idle for longest.
const SESSIONS: usize = 1024;

/// An upload that may take several requests.
#[derive(Debug)]
struct Session {
    repository: Repository,
    used: Instant,
    /// Whether a later request has named it.
    began: bool,
    spool: Arc<tokio::sync::Mutex<Spool>>,
}

/// The sessions that are open.
#[derive(Debug)]
pub(crate) struct Uploads {
    folder: Arc<Folder>,
    sessions: Mutex<Sessions>,
}

#[derive(Debug)]
struct Sessions {
    open: HashMap<String, Session>,
    swept: Instant,
}

impl Session {
    /// Whether a request works on it.
    fn is_busy(&self) -> bool {
        Arc::strong_count(&self.spool) > 1
    }
}

impl Sessions {
    /// Removes the session that was idle for longest. Unused sessions go first, because their clients lose
    /// nothing.
    fn take_oldest(&mut self) -> Option<Session> {
        let idle = self.open.iter().filter(|(_, session)| !session.is_busy());
        let (id, _) = idle.min_by_key(|(_, session)| (session.began, session.used))?;
        let id = id.clone();
        self.open.remove(&id)
    }
}

impl Uploads {
    pub(crate) fn new(folder: Arc<Folder>) -> Self {
        let sessions = Sessions { open: HashMap::new(), swept: Instant::now() };
        Self { folder, sessions: Mutex::new(sessions) }
    }

    /// A spool without a session, for an upload in one request.
    pub(super) async fn alone(&self) -> LockedSpool {
        let spool = tokio::sync::Mutex::new(Spool::new(self.folder.incoming_blob()));
        Arc::new(spool).lock_owned().await
    }

    /// Opens a session and returns its name.
    pub(super) fn open(&self, repository: &Repository) -> String {
        let id = fresh_name();
        let spool = Spool::new(self.folder.incoming_blob());
        let now = Instant::now();
        let session = Session {
            repository: repository.clone(),
            used: now,
            began: false,
            spool: Arc::new(tokio::sync::Mutex::new(spool)),
        };
        // Their files are removed when nobody waits for the lock.
        let mut dropped = Vec::new();
        let mut sessions = lock(&self.sessions);
        if now.duration_since(sessions.swept) > SWEEP {
            sessions.swept = now;
            let is_old = |session: &Session| now.duration_since(session.used) >= IDLE;
            let old = sessions.open.extract_if(|_, other| !other.is_busy() && is_old(other));
            dropped.extend(old.map(|(_, session)| session));
        }
        if sessions.open.len() >= SESSIONS {
            dropped.extend(sessions.take_oldest());
        }
        sessions.open.insert(id.clone(), session);
        drop(sessions);
        drop(dropped);
        id
    }

    /// Locks a session's spool, after the request that holds it now.
    pub(super) async fn lock_spool(
        &self,
        repository: &Repository,
        id: &str,
    ) -> Result<LockedSpool, Refusal> {
        let spool = {
            let mut sessions = lock(&self.sessions);
            let session = sessions.open.get_mut(id);
            let session = session.filter(|session| session.repository == *repository);
            let session = session.ok_or_else(unknown)?;
            session.used = Instant::now();
            session.began = true;
            Arc::clone(&session.spool)
        };
        let spool = spool.lock_owned().await;
        // It may have been completed while we waited.
        if lock(&self.sessions).open.contains_key(id) { Ok(spool) } else { Err(unknown()) }
    }

    /// Ends a session; what it received goes with its spool.
    pub(super) fn close(&self, id: &str) {
        let closed = lock(&self.sessions).open.remove(id);
        drop(closed);
    }
}

fn unknown() -> Refusal {
    Refusal::absent(
        Code::BlobUploadUnknown,
        "the upload session is not known: it is complete, cancelled, too old, or of another run",
    )
}
