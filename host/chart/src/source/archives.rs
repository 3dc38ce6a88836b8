//! Archives of earlier runs, on disk by digest, and what stood beside them.
//!
//! The cache is optional: an unusable, full or damaged one counts as empty. It is only asked for digests
//! that an index or a registry named in this run, so it never reveals what the source would not.
//!
//! Most archives have no provenance file. Each run would ask for it and learn nothing, so the answer is kept
//! too. It belongs to the archive and its address, because the file signs the digest of the archive.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use longshore_files::BoundedFolder;
use longshore_oci::Digest;

use crate::archive::ARCHIVE_LIMIT;

/// The folder's name.
const FOLDER: &str = "charts";
/// The limit for all files together, in bytes.
const LIMIT: u64 = 512 * 1024 * 1024;
/// The largest accepted provenance file, in bytes.
pub(super) const PROVENANCE_LIMIT: u64 = 1024 * 1024;
/// How long a missing provenance file is not asked for again: an author may sign a chart later.
const ABSENT: Duration = Duration::from_secs(7 * 24 * 3600);
/// Ends the first line of a kept answer, which holds the digest of the rest.
const DIGEST_END: u8 = b'\n';

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

    /// Returns what stood beside the archive with this digest at this address: a provenance file, or
    /// none. `None` if no earlier run asked, or if it was too long ago.
    pub(super) async fn provenance(
        &self,
        archive: &Digest,
        address: &str,
    ) -> Option<Option<Bytes>> {
        self.provenance_at(archive, address, SystemTime::now()).await
    }

    async fn provenance_at(
        &self,
        archive: &Digest,
        address: &str,
        now: SystemTime,
    ) -> Option<Option<Bytes>> {
        let (kept, name) = (Arc::clone(&self.0), beside(archive, address));
        let read =
            move || kept.read(&name, PROVENANCE_LIMIT + 1024, |content| answer(&content, now));
        tokio::task::spawn_blocking(read).await.ok().flatten()
    }

    /// Keeps what stands beside an archive.
    pub(super) async fn keep_provenance(
        &self,
        archive: &Digest,
        address: &str,
        found: Option<&Bytes>,
    ) {
        let (kept, name) = (Arc::clone(&self.0), beside(archive, address));
        let content = match found {
            Some(file) => [b"file\n", &file[..]].concat(),
            None => format!("none {}\n", seconds(SystemTime::now())).into_bytes(),
        };
        let write = move || {
            let digest = Digest::of(&content).to_string();
            kept.keep(&name, &[digest.as_bytes(), &[DIGEST_END], &content])
        };
        // Without the cache, the next run asks again.
        let _optional = tokio::task::spawn_blocking(write).await;
    }
}

/// The name of the file with the answer. The address may hold a secret, so that only its hash is in it.
fn beside(archive: &Digest, address: &str) -> String {
    format!("{}.prov", Digest::of(format!("{archive} {address}").as_bytes()).file_name())
}

/// Reads a kept answer, if it is neither damaged nor too old.
fn answer(content: &[u8], now: SystemTime) -> Option<Option<Bytes>> {
    let end = content.iter().position(|byte| *byte == DIGEST_END)?;
    let (digest, content) = (&content[..end], &content[end + 1..]);
    if Digest::of(content).to_string().as_bytes() != digest {
        return None;
    }
    if let Some(file) = content.strip_prefix(b"file\n") {
        return Some(Some(Bytes::copy_from_slice(file)));
    }
    let asked = std::str::from_utf8(content.strip_prefix(b"none ")?).ok()?.trim().parse().ok()?;
    let age = seconds(now).checked_sub(asked)?;
    (age < ABSENT.as_secs()).then_some(None)
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use bytes::Bytes;
    use longshore_oci::Digest;

    use super::{ABSENT, KeptArchives, beside};

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

    #[tokio::test]
    async fn what_stood_beside_an_archive_is_known_for_its_address() {
        let root = tempfile::tempdir().unwrap();
        let kept = KeptArchives::open(root.path()).unwrap();
        let (archive, other) = (Digest::of(b"an archive"), Digest::of(b"another"));
        let file = Bytes::from_static(b"-----BEGIN\n\nnone 1\n");
        kept.keep_provenance(&archive, "https://a/x.tgz", Some(&file)).await;
        kept.keep_provenance(&other, "https://a/x.tgz", None).await;
        let kept = KeptArchives::open(root.path()).unwrap();
        assert_eq!(kept.provenance(&archive, "https://a/x.tgz").await, Some(Some(file.clone())));
        assert_eq!(kept.provenance(&other, "https://a/x.tgz").await, Some(None));
        assert_eq!(kept.provenance(&archive, "https://b/x.tgz").await, None);
        assert_eq!(kept.provenance(&other, "https://a/y.tgz").await, None);
        // Damage counts as absence of the answer, and the next one takes its place.
        let path = kept.0.path().join(beside(&archive, "https://a/x.tgz"));
        let good = std::fs::read(&path).unwrap();
        for damaged in [&good[..good.len() - 1], b"", b"\nfile\n", &[b"x", &good[..]].concat()] {
            std::fs::write(&path, damaged).unwrap();
            assert_eq!(kept.provenance(&archive, "https://a/x.tgz").await, None);
            assert!(!path.exists());
        }
        kept.keep_provenance(&archive, "https://a/x.tgz", Some(&file)).await;
        assert_eq!(kept.provenance(&archive, "https://a/x.tgz").await, Some(Some(file)));
    }

    #[tokio::test]
    async fn a_missing_file_is_asked_for_again_after_a_week() {
        let root = tempfile::tempdir().unwrap();
        let kept = KeptArchives::open(root.path()).unwrap();
        let (archive, address) = (Digest::of(b"an archive"), "https://a/x.tgz");
        let (now, minute) = (SystemTime::now(), Duration::from_secs(60));
        for (then, expected) in [
            (now + ABSENT - minute, Some(None)),
            (now + ABSENT + minute, None),
            // The clock was wrong.
            (now - minute, None),
        ] {
            kept.keep_provenance(&archive, address, None).await;
            assert_eq!(kept.provenance_at(&archive, address, then).await, expected);
        }
        let file = Bytes::from_static(b"signed");
        kept.keep_provenance(&archive, address, Some(&file)).await;
        let late = now + ABSENT * 100;
        assert_eq!(kept.provenance_at(&archive, address, late).await, Some(Some(file)));
    }
}
