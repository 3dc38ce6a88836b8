//! Archives of earlier runs, on disk by digest.
//!
//! The cache is optional: an unusable, full or damaged one counts as empty. It is only asked for digests
//! that an index or a registry named in this run, so it never reveals what the source would not.

use std::io;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use longshore_files::BoundedFolder;
use longshore_oci::Digest;

use crate::archive::ARCHIVE_LIMIT;

/// The folder's name.
const FOLDER: &str = "charts";
/// The limit for all files together, in bytes.
const LIMIT: u64 = 512 * 1024 * 1024;

/// Archives that earlier runs fetched, by digest. Clones and other runs share them.
#[derive(Clone, Debug)]
pub struct KeptArchives(Arc<BoundedFolder>);

impl KeptArchives {
    /// Opens the cache below `root`.
    ///
    /// # Errors
    /// If the folder cannot be created, belongs to another user, or is open to others. There is no
    /// cache then.
    pub fn open(root: &Path) -> io::Result<Self> {
        Ok(Self(Arc::new(BoundedFolder::open(root, FOLDER, LIMIT)?)))
    }

    /// Returns the archive with this digest.
    pub(super) async fn get(&self, digest: &Digest) -> Option<Bytes> {
        let (kept, digest) = (Arc::clone(&self.0), digest.clone());
        let is_right = move |content: Vec<u8>, digest: &Digest| {
            (digest.same_algorithm_of(&content) == *digest).then(|| Bytes::from(content))
        };
        let read = move || {
            kept.read(&digest.file_name(), ARCHIVE_LIMIT, |content| is_right(content, &digest))
        };
        tokio::task::spawn_blocking(read).await.ok().flatten()
    }

    /// Keeps an archive whose digest was verified.
    pub(super) async fn keep(&self, digest: &Digest, archive: &Bytes) {
        let (kept, name, archive) = (Arc::clone(&self.0), digest.file_name(), archive.clone());
        // Without the cache, the next run fetches again.
        let _optional = tokio::task::spawn_blocking(move || kept.keep(&name, &[&archive])).await;
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use longshore_oci::Digest;

    use super::KeptArchives;

    #[tokio::test]
    async fn an_archive_comes_back_and_never_damaged() {
        let root = tempfile::tempdir().unwrap();
        let kept = KeptArchives::open(root.path()).unwrap();
        let archive = Bytes::from_static(b"an archive");
        let digest = Digest::of(&archive);
        assert_eq!(kept.get(&digest).await, None);
        kept.keep(&digest, &archive).await;
        let again = KeptArchives::open(root.path()).unwrap();
        assert_eq!(again.get(&digest).await.as_ref(), Some(&archive));
        let path = kept.0.path().join(digest.file_name());
        for damaged in [&b"an archivf"[..], b"an archiv", b""] {
            std::fs::write(&path, damaged).unwrap();
            assert_eq!(kept.get(&digest).await, None, "damaged content was believed");
            kept.keep(&digest, &archive).await;
            assert_eq!(kept.get(&digest).await.as_ref(), Some(&archive));
        }
    }
}
