//! One repository: its `index.json` on disk and in memory.
//!
//! Changes that arrive while the file is being written wait and are written together, so that many
//! tags pushed at once cost a few writes. Another process may replace the file at any time; that is
//! seen by its inode, time and size. Processes of longshore change it one after the other, under a
//! lock, and each reads first what the others wrote.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::mem;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use longshore_oci::{Content, Digest, LARGEST_MANIFEST, Manifest, MediaType, Repository};
use tokio::sync::oneshot;

use super::blocking::{blocking, lock};
use super::contents::{Change, Contents, Effect, Known, MEDIA_TYPE_LIMIT, content_named};
use super::disk::{Disk, blob_in};
use super::files::{Stamp, is_absent};

/// The largest `index.json` that is read or written, 32 MiB: some 150,000 tags.
const INDEX_LIMIT: usize = 32 * 1024 * 1024;

/// The contents, and the version of the file that they stand for.
#[derive(Debug, Default)]
struct Seen {
    /// `None`: nothing was read yet, or what is in memory could not be written.
    stamp: Option<Stamp>,
    contents: Contents,
}

/// A change that waits to be written, and the channel for its result.
type Waiting = (Change, oneshot::Sender<io::Result<Effect>>);

/// The result of deleting a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeletedBlob {
    /// It was deleted.
    Deleted,
    /// The repository did not have it.
    NotFound,
    /// It is a manifest of the repository, and stays.
    IsManifest,
    /// A manifest of the repository names it, and it stays.
    InUse,
}

/// A repository.
#[derive(Debug)]
pub(super) struct Layout {
    disk: Arc<Disk>,
    repository: Repository,
    directory: PathBuf,
    seen: Mutex<Seen>,
    waiting: Mutex<Vec<Waiting>>,
    /// Only its holder replaces `seen` or the file.
    turn: tokio::sync::Mutex<()>,
}

impl Layout {
    pub(super) fn new(disk: Arc<Disk>, repository: &Repository) -> Arc<Self> {
        Arc::new(Self {
            directory: disk.directory(repository),
            disk,
            repository: repository.clone(),
            seen: Mutex::default(),
            waiting: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        })
    }

    /// The version of the file; `None` if the repository does not exist.
    fn stamp(&self) -> io::Result<Option<Stamp>> {
        self.disk.stamp_of(&self.directory.join("index.json"))
    }

    /// Reads the file again before the next use: a manifest that was damaged was mended.
    pub(super) fn forget(&self) {
        lock(&self.seen).stamp = None;
    }

    /// Deletes a blob that no manifest names.
    pub(super) async fn delete_blob(self: &Arc<Self>, digest: &Digest) -> io::Result<DeletedBlob> {
        let (layout, digest) = (Arc::clone(self), digest.clone());
        let _turn = self.turn.lock().await;
        blocking(move || layout.delete_unnamed(&digest)).await
    }

    /// Like [`Self::delete_blob`], for the holder of the turn. The lock keeps other processes from writing
    /// a manifest that names the blob meanwhile.
    fn delete_unnamed(&self, digest: &Digest) -> io::Result<DeletedBlob> {
        let path = blob_in(&self.directory, digest);
        // A name that nothing was pushed to must not make folders or wait for locks.
        if self.disk.stamp_of(&path)?.is_none() {
            return Ok(DeletedBlob::NotFound);
        }
        let _alone = self.disk.lock_index(&self.repository)?;
        self.refresh()?;
        let manifests: Vec<(Digest, MediaType)> = {
            let seen = lock(&self.seen);
            if seen.contents.known(digest).is_some() {
                return Ok(DeletedBlob::IsManifest);
            }
            let all = seen.contents.all();
            all.map(|known| (known.digest.clone(), known.media_type.clone())).collect()
        };
        for (manifest, media_type) in manifests {
            let path = blob_in(&self.directory, &manifest);
            let Some(bytes) = self.disk.read_whole(&path, &manifest, LARGEST_MANIFEST)? else {
                continue;
            };
            let parsed = Manifest::parse(bytes, Some(&media_type), manifest);
            if parsed
                .is_ok_and(|parsed| content_named(&parsed).any(|named| named.digest == *digest))
            {
                return Ok(DeletedBlob::InUse);
            }
        }
        match fs::remove_file(path) {
            Ok(()) => Ok(DeletedBlob::Deleted),
            Err(error) if is_absent(&error) => Ok(DeletedBlob::NotFound),
            Err(error) => Err(error),
        }
    }

    /// Looks something up; `None` if the repository does not exist.
    pub(super) async fn read<T>(
        self: &Arc<Self>,
        look: impl FnOnce(&Contents) -> T,
    ) -> io::Result<Option<T>> {
        // One stat per look is cheaper than a hop to another thread.
        let stamp = self.stamp()?;
        if stamp.is_none() {
            return Ok(None);
        }
        {
            let seen = lock(&self.seen);
            if seen.stamp == stamp {
                return Ok(Some(look(&seen.contents)));
            }
        }
        let _turn = self.turn.lock().await;
        let layout = Arc::clone(self);
        blocking(move || layout.refresh()).await?;
        Ok(Some(look(&lock(&self.seen).contents)))
    }

    /// Does a change and returns when it is on disk.
    pub(super) async fn change(self: &Arc<Self>, change: Change) -> io::Result<Effect> {
        let (sender, mut receiver) = oneshot::channel();
        let layout = Arc::clone(self);
        // In a task of its own: a caller that goes away must not stop a write half-way that others
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
        let waiting = mem::take(&mut *lock(&self.waiting));
        let (changes, senders): (Vec<Change>, Vec<_>) = waiting.into_iter().unzip();
        let layout = Arc::clone(self);
        match blocking(move || layout.write(changes)).await {
            Ok(effects) => {
                for (effect, sender) in effects.into_iter().zip(senders) {
                    let _ = sender.send(Ok(effect));
                }
            }
            Err(error) => {
                // What is in memory was not written: read the file again before the next use.
                self.forget();
                for sender in senders {
                    let _ = sender.send(Err(io::Error::new(error.kind(), error.to_string())));
                }
            }
        }
    }

    /// Does `changes` to the index as it is on disk now. The caller has the turn.
    fn write(&self, changes: Vec<Change>) -> io::Result<Vec<Effect>> {
        let _alone = self.disk.lock_index(&self.repository)?;
        self.refresh()?;
        let mut effects = Vec::with_capacity(changes.len());
        let mut deleted = Vec::new();
        for change in changes {
            // Another process may have deleted content since it was looked for. Under the lock, none can.
            if let Change::Put(_, known, needed) = &change
                && let Some(missing) = self.first_missing(&known.digest, needed)?
            {
                effects.push(Effect { missing: Some(missing), ..Effect::default() });
                continue;
            }
            if let Change::Delete(digest) = &change {
                deleted.push(digest.clone());
            }
            effects.push(lock(&self.seen).contents.apply(change));
        }
        if effects.iter().any(|effect| effect.changed) {
            let text = lock(&self.seen).contents.render();
            if text.len() > INDEX_LIMIT {
                let message = format!("the index would have more than {INDEX_LIMIT} bytes");
                return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
            }
            let marker = self.directory.join("oci-layout");
            if self.disk.size_of(&marker)?.is_none() {
                self.disk.write(&marker, br#"{"imageLayoutVersion":"1.0.0"}"#)?;
            }
            let file = self.disk.write(&self.directory.join("index.json"), text.as_bytes())?;
            lock(&self.seen).stamp = Some(Stamp::of(&file.metadata()?));
        }
        for digest in deleted {
            self.remove_unknown(&digest)?;
        }
        Ok(effects)
    }

    fn first_missing(&self, manifest: &Digest, needed: &[Digest]) -> io::Result<Option<Digest>> {
        for digest in needed.iter().chain([manifest]) {
            if self.disk.stamp_of(&blob_in(&self.directory, digest))?.is_none() {
                return Ok(Some(digest.clone()));
            }
        }
        Ok(None)
    }

    /// Removes the file of a manifest that the index no longer leads to.
    fn remove_unknown(&self, digest: &Digest) -> io::Result<()> {
        if lock(&self.seen).contents.known(digest).is_some() {
            return Ok(());
        }
        let path = blob_in(&self.directory, digest);
        if self.disk.stamp_of(&path)?.is_none() {
            return Ok(());
        }
        match fs::remove_file(path) {
            Err(error) if !is_absent(&error) => Err(error),
            _ => Ok(()),
        }
    }

    /// Reads the file if it is another one than was seen. The caller has the turn.
    fn refresh(&self) -> io::Result<()> {
        let stamp = self.stamp()?;
        let earlier = {
            let mut seen = lock(&self.seen);
            if stamp.is_some() && seen.stamp == stamp {
                return Ok(());
            }
            seen.stamp = None;
            mem::take(&mut seen.contents)
        };
        let loaded = self.load(&earlier)?;
        *lock(&self.seen) = loaded;
        Ok(())
    }

    /// Reads `index.json` and all manifests that it leads to. Those that `earlier` knows and whose files
    /// did not change are not read again: when two processes write to a repository in turn, each
    /// change would cost a read of everything.
    fn load(&self, earlier: &Contents) -> io::Result<Seen> {
        let path = self.directory.join("index.json");
        let Some((text, stamp)) = self.disk.read(&path, INDEX_LIMIT)? else {
            return Ok(Seen::default());
        };
        let (mut contents, roots) = Contents::parse(&text).map_err(|error| {
            let message = format!("{} is broken: {error}", path.display());
            io::Error::new(io::ErrorKind::InvalidData, message)
        })?;
        let mut ahead: Vec<(Digest, MediaType, bool)> =
            roots.into_iter().map(|root| (root.digest, root.media_type, true)).collect();
        let mut visited = HashSet::new();
        while let Some((digest, media_type, is_root)) = ahead.pop() {
            if !visited.insert(digest.clone()) {
                continue;
            }
            if let Some((known, children)) = self.still_there(earlier, &digest, &media_type)? {
                contents.learn(known.clone());
                let described =
                    |child: &&Known| (child.digest.clone(), child.media_type.clone(), false);
                ahead.extend(children.iter().map(described));
                continue;
            }
            let path = blob_in(&self.directory, &digest);
            let read = self.disk.read_whole(&path, &digest, LARGEST_MANIFEST)?;
            let Some(bytes) = read.filter(|_| media_type.as_str().len() <= MEDIA_TYPE_LIMIT) else {
                contents.learn_broken(digest);
                continue;
            };
            let size = bytes.len() as u64;
            match Manifest::parse(bytes, Some(&media_type), digest.clone()) {
                Ok(manifest) if manifest.raw.media_type.as_str().len() > MEDIA_TYPE_LIMIT => {
                    contents.learn_broken(digest);
                }
                Ok(manifest) => {
                    contents.learn(Known::of(&manifest));
                    if let Content::Index(index) = manifest.content {
                        let children = index.manifests.into_iter();
                        ahead.extend(children.map(|child| (child.digest, child.media_type, false)));
                    }
                }
                // Another tool put it into the index, so it is handed out as what that says it is.
                Err(_) if is_root => {
                    contents.learn(Known::bare(digest, media_type, size));
                }
                Err(_) => {}
            }
        }
        Ok(Seen { stamp: Some(stamp), contents })
    }

    /// A manifest that `earlier` knows under this type and with all its children, if its file is still
    /// whole.
    fn still_there<'a>(
        &self,
        earlier: &'a Contents,
        digest: &Digest,
        media_type: &MediaType,
    ) -> io::Result<Option<(&'a Known, Vec<&'a Known>)>> {
        let known = earlier.known_with_children(digest);
        let Some((known, children)) = known.filter(|(known, _)| known.media_type == *media_type)
        else {
            return Ok(None);
        };
        let size = self.disk.whole_size(&blob_in(&self.directory, digest), digest)?;
        Ok(size.is_some().then_some((known, children)))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::Arc;

    use futures_util::future::{join_all, select_all};
    use longshore_oci::{Digest, MediaType};

    use super::{Change, Disk, INDEX_LIMIT, Known, Layout, lock};

    #[tokio::test]
    async fn changes_that_wait_are_written_together() {
        let root = tempfile::tempdir().unwrap();
        let disk = Arc::new(Disk::open_to_write(root.path(), true).unwrap());
        let layout = Layout::new(Arc::clone(&disk), &"app".parse().unwrap());
        let busy = layout.turn.lock().await;
        let changes = (0..100).map(|number: u32| {
            let content = number.to_le_bytes();
            let digest = Digest::of(&content);
            disk.write_blob(&"app".parse().unwrap(), &digest, &content).unwrap();
            let known = Known::bare(digest, MediaType::OCI_MANIFEST, 4);
            let change = Change::Put(format!("t{number}").parse().ok(), known, Vec::new());
            let layout = Arc::clone(&layout);
            tokio::spawn(async move { layout.change(change).await.unwrap() })
        });
        let changes: Vec<_> = changes.collect();
        while lock(&layout.waiting).len() < 100 {
            tokio::task::yield_now().await;
        }
        drop(busy);
        let (_, _, others) = select_all(changes).await;
        let text = fs::read_to_string(root.path().join("app/index.json")).unwrap();
        assert_eq!(text.matches("ref.name").count(), 100);
        join_all(others).await;
    }
    #[tokio::test]
    async fn an_index_is_read_up_to_its_limit() {
        let root = tempfile::tempdir().unwrap();
        let disk = Arc::new(Disk::open_to_write(root.path(), true).unwrap());
        fs::create_dir(root.path().join("app")).unwrap();
        let index = root.path().join("app/index.json");
        for (size, is_read) in
            [(INDEX_LIMIT, true), (INDEX_LIMIT + 1, false), (INDEX_LIMIT * 4, false)]
        {
            let mut text = r#"{"manifests":[]}"#.to_owned();
            text.push_str(&" ".repeat(size - text.len()));
            fs::write(&index, text).unwrap();
            let layout = Layout::new(Arc::clone(&disk), &"app".parse().unwrap());
            assert_eq!(layout.refresh().is_ok(), is_read, "{size}");
        }
    }
}
