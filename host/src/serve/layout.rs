//! One repository that is served: its `index.json` on disk and in memory.
//!
//! Changes that arrive while the file is being written wait and are written together, so that many
//! tags pushed at once cost a few writes. Another tool may replace the file at any time; that is
//! seen by its inode, time and size.

use std::collections::HashSet;
use std::fs::{self, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

use crate::oci::{Content, Digest, Manifest, MediaType};

use super::contents::{Change, Contents, Effect, Known};
use super::disk::{self, Disk};
use super::manifest::MANIFEST_LIMIT;
use super::store::lock;

/// What tells one version of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    seconds: i64,
    nanoseconds: i64,
    size: u64,
}

impl Stamp {
    fn of(found: &Metadata) -> Self {
        Self {
            inode: found.ino(),
            seconds: found.mtime(),
            nanoseconds: found.mtime_nsec(),
            size: found.size(),
        }
    }
}

/// The contents, and the version of the file that they stand for.
#[derive(Debug, Default)]
struct Seen {
    /// None: nothing was read yet, or what is in memory could not be written.
    stamp: Option<Stamp>,
    contents: Contents,
}

/// A change that waits to be written, and where to say what it came to.
type Waiting = (Change, oneshot::Sender<io::Result<Effect>>);

/// A repository that is served.
#[derive(Debug)]
pub(super) struct Layout {
    disk: Arc<Disk>,
    directory: PathBuf,
    seen: Mutex<Seen>,
    waiting: Mutex<Vec<Waiting>>,
    /// Whoever holds it may replace `seen` or the file.
    turn: tokio::sync::Mutex<()>,
}

impl Layout {
    pub(super) fn new(disk: Arc<Disk>, directory: PathBuf) -> Arc<Self> {
        Arc::new(Self {
            disk,
            directory,
            seen: Mutex::default(),
            waiting: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        })
    }

    /// The version of the file; none where the repository has no layout.
    fn stamp(&self) -> io::Result<Option<Stamp>> {
        match fs::metadata(self.directory.join("index.json")) {
            Ok(found) => Ok(Some(Stamp::of(&found))),
            Err(error) if disk::is_absent(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Looks something up; none where the repository has no layout.
    pub(super) async fn read<T>(
        self: &Arc<Self>,
        look: impl FnOnce(&Contents) -> T,
    ) -> io::Result<Option<T>> {
        // One stat per request is cheaper than a hop to another thread.
        let stamp = self.stamp()?;
        if stamp.is_none() {
            return Ok(None);
        }
        if lock(&self.seen).stamp != stamp {
            let _turn = self.turn.lock().await;
            self.refresh().await?;
        }
        Ok(Some(look(&lock(&self.seen).contents)))
    }

    /// Reads the file if it is another one than was seen. The caller has the turn.
    async fn refresh(self: &Arc<Self>) -> io::Result<()> {
        let stamp = self.stamp()?;
        if stamp.is_some() && lock(&self.seen).stamp == stamp {
            return Ok(());
        }
        let layout = Arc::clone(self);
        let seen = blocking(move || layout.load()).await?;
        *lock(&self.seen) = seen;
        Ok(())
    }

    /// Does a change and returns when it is on disk.
    pub(super) async fn change(self: &Arc<Self>, change: Change) -> io::Result<Effect> {
        let (sender, mut receiver) = oneshot::channel();
        let layout = Arc::clone(self);
        // In a task of its own: a client that goes away must not stop a write half-way that others
        // wait for, nor leave memory and disk apart.
        let written = tokio::spawn(async move {
            lock(&layout.waiting).push((change, sender));
            let _turn = layout.turn.lock().await;
            match receiver.try_recv() {
                Ok(done) => done,
                Err(_) => {
                    layout.write_waiting().await;
                    receiver.await.map_err(io::Error::other)?
                }
            }
        });
        written.await.map_err(io::Error::other)?
    }

    /// Writes every change that waits. The caller has the turn.
    async fn write_waiting(self: &Arc<Self>) {
        let waiting = std::mem::take(&mut *lock(&self.waiting));
        let mut told = Vec::new();
        let done = self.write(waiting, &mut told).await;
        if done.is_err() {
            // What is in memory was not written: read the file again before the next use.
            lock(&self.seen).stamp = None;
        }
        for (effect, sender) in told {
            let answer = match &done {
                Ok(()) => Ok(effect),
                Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
            };
            let _ = sender.send(answer);
        }
    }

    async fn write(
        self: &Arc<Self>,
        waiting: Vec<Waiting>,
        told: &mut Vec<(Effect, oneshot::Sender<io::Result<Effect>>)>,
    ) -> io::Result<()> {
        let refreshed = self.refresh().await;
        let text = {
            let mut seen = lock(&self.seen);
            for (change, sender) in waiting {
                told.push((seen.contents.apply(change), sender));
            }
            let changed = told.iter().any(|(effect, _)| effect.changed);
            changed.then(|| seen.contents.render())
        };
        refreshed?;
        let Some(text) = text else { return Ok(()) };
        let layout = Arc::clone(self);
        let stamp = blocking(move || {
            let marker = layout.directory.join("oci-layout");
            if disk::size_of(&marker)?.is_none() {
                layout.disk.write(&marker, br#"{"imageLayoutVersion":"1.0.0"}"#)?;
            }
            let index = layout.directory.join("index.json");
            let file = layout.disk.write(&index, text.as_bytes())?;
            Ok(Stamp::of(&file.metadata()?))
        })
        .await?;
        lock(&self.seen).stamp = Some(stamp);
        Ok(())
    }

    /// Reads `index.json` and all manifests that it leads to.
    fn load(&self) -> io::Result<Seen> {
        let path = self.directory.join("index.json");
        let Some((mut file, _)) = disk::open(&path)? else {
            return Ok(Seen::default());
        };
        let stamp = Stamp::of(&file.metadata()?);
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        let (mut contents, roots) = Contents::parse(&text).map_err(|error| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!("{} is broken: {error}", path.display()),
            )
        })?;
        let mut ahead: Vec<(Digest, MediaType, bool)> =
            roots.into_iter().map(|root| (root.digest, root.media_type, true)).collect();
        let mut visited = HashSet::new();
        while let Some((digest, media_type, is_root)) = ahead.pop() {
            if !visited.insert(digest.clone()) {
                continue;
            }
            let Some(bytes) = self.whole_manifest(&digest)? else {
                continue;
            };
            let size = bytes.len() as u64;
            match Manifest::parse(bytes, Some(&media_type), digest.clone()) {
                Ok(manifest) => {
                    contents.learn(Known::of(&manifest));
                    if let Content::Index(index) = manifest.content {
                        let children = index.manifests.into_iter();
                        ahead.extend(children.map(|child| (child.digest, child.media_type, false)));
                    }
                }
                // Another tool put it into the index, so it is served as what that says it is.
                Err(_) if is_root => {
                    contents.learn(Known::bare(digest, media_type, size));
                }
                Err(_) => {}
            }
        }
        Ok(Seen { stamp: Some(stamp), contents })
    }

    /// The bytes of a manifest, unless it is missing, too large or damaged.
    fn whole_manifest(&self, digest: &Digest) -> io::Result<Option<Bytes>> {
        let opened = disk::open(&disk::blob_in(&self.directory, digest))?;
        let Some((mut file, size)) = opened.filter(|(_, size)| *size <= MANIFEST_LIMIT as u64)
        else {
            return Ok(None);
        };
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
        file.read_to_end(&mut bytes)?;
        let whole = digest.same_algorithm_of(&bytes) == *digest;
        Ok(whole.then(|| Bytes::from(bytes)))
    }
}

/// Runs what blocks on a thread made for it.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    spawn_blocking(work).await.map_err(io::Error::other)?
}
