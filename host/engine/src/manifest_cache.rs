//! Manifests and configurations of earlier runs, on disk by digest.
//!
//! The cache is optional: an unusable, full or damaged one counts as empty. It is only asked for
//! digests that the source named in this run, so it never reveals what the source would not.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use longshore_files::{CacheFolder, CachedFile, read_from};
use longshore_oci::{Descriptor, Digest, Manifest, MediaType, RawManifest};

/// The folder's name.
const FOLDER: &str = "manifests";
/// The limit for all files together, in bytes.
const LIMIT: u64 = 256 * 1024 * 1024;
/// The block size for estimates of disk usage, in bytes.
const BLOCK: u64 = 4096;
/// Unfinished files older than this belong to a killed run.
const ABANDONED: Duration = Duration::from_secs(3600);
/// The largest content that is kept, in bytes.
const LARGEST: usize = 4 * 1024 * 1024;
/// The largest file that is read, in bytes: the content, and a line with its media type.
const FILE_LIMIT: u64 = LARGEST as u64 + 64 * 1024;

/// Manifests that earlier runs fetched, by digest. Clones and other runs share it.
#[derive(Clone, Debug)]
pub struct ManifestCache(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    folder: CacheFolder,
    limit: u64,
    /// The disk usage as far as this run knows, in bytes; `None` until it writes.
    size: Mutex<Option<u64>>,
    /// Set after a write failed: the disk is full, or the folder is not writable.
    read_only: AtomicBool,
}

impl ManifestCache {
    /// Opens the cache below `root`.
    ///
    /// # Errors
    /// If the folder cannot be created, belongs to another user, or is open to others. There is no
    /// cache then.
    pub fn open(root: &Path) -> io::Result<Self> {
        Self::with_limit(root, LIMIT)
    }

    fn with_limit(root: &Path, limit: u64) -> io::Result<Self> {
        let folder = CacheFolder::open(root, FOLDER)?;
        let (size, read_only) = (Mutex::default(), AtomicBool::default());
        Ok(Self(Arc::new(Inner { folder, limit, size, read_only })))
    }

    /// Returns the manifest with this digest.
    pub async fn manifest(&self, digest: &Digest) -> Option<Manifest> {
        let (media_type, bytes) = self.read(digest).await?;
        Manifest::parse(bytes, Some(&media_type), digest.clone()).ok()
    }

    /// Returns the configuration that a descriptor names.
    pub(crate) async fn configuration(&self, config: &Descriptor) -> Option<Bytes> {
        let (_, bytes) = self.read(&config.digest).await?;
        (bytes.len() as u64 == config.size).then_some(bytes)
    }

    /// Stores a manifest whose digest was verified.
    pub async fn keep_manifest(&self, manifest: &RawManifest) {
        self.write(&manifest.digest, &manifest.media_type, manifest.bytes.clone()).await;
    }

    /// Stores a configuration whose digest was verified.
    pub(crate) async fn keep_configuration(&self, config: &Descriptor, bytes: &Bytes) {
        self.write(&config.digest, &config.media_type, bytes.clone()).await;
    }

    async fn read(&self, digest: &Digest) -> Option<(MediaType, Bytes)> {
        let (kept, digest) = (Arc::clone(&self.0), digest.clone());
        tokio::task::spawn_blocking(move || kept.read(&digest)).await.ok().flatten()
    }

    async fn write(&self, digest: &Digest, media_type: &MediaType, bytes: Bytes) {
        if bytes.len() > LARGEST || self.0.read_only.load(Ordering::Relaxed) {
            return;
        }
        let (kept, digest, media_type) = (Arc::clone(&self.0), digest.clone(), media_type.clone());
        let written = tokio::task::spawn_blocking(move || kept.write(&digest, &media_type, &bytes));
        if let Ok(Err(error)) = written.await
            && !self.0.read_only.swap(true, Ordering::Relaxed)
        {
            tracing::debug!("manifests are not remembered any more: {error}");
        }
    }
}

/// Ends the first line of a file, which holds the media type.
const TYPE_END: u8 = b'\n';

impl Inner {
    fn read(&self, digest: &Digest) -> Option<(MediaType, Bytes)> {
        let name = name(digest);
        let file = self.folder.open_file(&name).ok()?;
        let content = read_from(&file, FILE_LIMIT).ok();
        let Some(kept) = content.and_then(|content| verified(content, digest)) else {
            // The next read fetches the content again and replaces the file.
            let _gone = self.folder.remove(&*name);
            return None;
        };
        // A file that is used is not evicted as one of the oldest.
        let _as_it_was = file.set_modified(SystemTime::now());
        Some(kept)
    }

    fn write(&self, digest: &Digest, media_type: &MediaType, bytes: &[u8]) -> io::Result<()> {
        let name = name(digest);
        if self.folder.has(&name) {
            return Ok(());
        }
        let media_type = media_type.as_str().as_bytes();
        self.folder.replace(&name, &[media_type, &[TYPE_END], bytes])?;
        let mut size = self.size.lock().unwrap_or_else(PoisonError::into_inner);
        let before = match *size {
            Some(before) => before + disk_usage(bytes.len() as u64),
            None => {
                let mut all = 0;
                for file in self.files()? {
                    all += disk_usage(file?.size);
                }
                all
            }
        };
        *size = Some(if before > self.limit { self.evict()? } else { before });
        Ok(())
    }

    /// Removes the oldest files until three quarters of the limit are used; returns the disk usage.
    ///
    /// Another run may evict at the same time, so missing files are not an error.
    fn evict(&self) -> io::Result<u64> {
        // The paths are not kept: the names of so many files would dominate the memory of a run.
        let mut files = Vec::new();
        for file in self.files()? {
            let file = file?;
            files.push((file.modified, disk_usage(file.size)));
        }
        files.sort_unstable();
        let mut size: u64 = files.iter().map(|(_, taken)| taken).sum();
        let (room, mut left) = (self.limit / 4 * 3, size);
        let goes = |(_, taken): &&(SystemTime, u64)| {
            let goes = left > room;
            left = left.saturating_sub(*taken);
            goes
        };
        let Some((last, _)) = files.iter().take_while(goes).last() else { return Ok(size) };
        for file in self.files()? {
            let file = file?;
            if file.modified <= *last && size > room {
                self.folder.remove(&*file.name)?;
                size = size.saturating_sub(disk_usage(file.size));
            }
        }
        Ok(size)
    }

    /// All files except those that a run is writing. Files of killed runs are among them after
    /// [`ABANDONED`].
    fn files(&self) -> io::Result<impl Iterator<Item = io::Result<CachedFile>>> {
        let is_written = |file: &CachedFile| {
            file.unfinished && file.modified.elapsed().is_ok_and(|age| age < ABANDONED)
        };
        let files = self.folder.files()?;
        Ok(files.filter(move |file| !file.as_ref().is_ok_and(is_written)))
    }
}

/// Returns the content of a file if it matches `digest`.
fn verified(content: Vec<u8>, digest: &Digest) -> Option<(MediaType, Bytes)> {
    let mut content = Bytes::from(content);
    let end = content.iter().position(|&byte| byte == TYPE_END)?;
    let media_type = String::from_utf8(content.split_to(end + 1)[..end].to_vec()).ok()?;
    let is_right = digest.same_algorithm_of(&content) == *digest;
    is_right.then(|| (MediaType::from(media_type), content))
}

/// The disk usage of a file of `length` bytes.
const fn disk_usage(length: u64) -> u64 {
    length.div_ceil(BLOCK) * BLOCK
}

fn name(digest: &Digest) -> String {
    format!("{}-{}", digest.algorithm().name(), digest.hex())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::sync::atomic::Ordering;
    use std::time::{Duration, SystemTime};

    use super::{BLOCK, ManifestCache, name};
    use longshore_oci::{MediaType, RawManifest};

    fn manifest(text: &str) -> RawManifest {
        let text = format!(r#"{{"schemaVersion":2,"layers":[],"annotations":{{"of":"{text}"}}}}"#);
        RawManifest::built(text.into_bytes(), MediaType::DOCKER_MANIFEST)
    }

    #[tokio::test]
    async fn a_manifest_comes_back_with_its_type_and_never_damaged() {
        let root = tempfile::tempdir().unwrap();
        let cache = ManifestCache::open(root.path()).unwrap();
        let kept = manifest("a");
        assert!(cache.manifest(&kept.digest).await.is_none(), "an empty cache answered");
        cache.keep_manifest(&kept).await;
        let other_run = ManifestCache::open(root.path()).unwrap();
        assert_eq!(other_run.manifest(&kept.digest).await.unwrap().raw, kept);

        let path = cache.0.folder.path().join(name(&kept.digest));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let good = fs::read(&path).unwrap();
        let mut changed = good.clone();
        *changed.last_mut().unwrap() ^= 1;
        for damaged in [&changed[..], &good[..good.len() - 1], b"text/plain", b"\xff\n", b""] {
            fs::write(&path, damaged).unwrap();
            assert!(cache.manifest(&kept.digest).await.is_none(), "damaged content was believed");
            cache.keep_manifest(&kept).await;
            assert!(cache.manifest(&kept.digest).await.is_some(), "and was not replaced");
        }
    }

    #[tokio::test]
    async fn the_oldest_go_first_and_what_is_used_stays() {
        let root = tempfile::tempdir().unwrap();
        let cache = ManifestCache::with_limit(root.path(), 8 * BLOCK).unwrap();
        let manifests: Vec<RawManifest> = (0..9).map(|n| manifest(&n.to_string())).collect();
        let (last, earlier) = manifests.split_last().unwrap();
        for (age, kept) in (1..).zip(earlier) {
            cache.keep_manifest(kept).await;
            let file = fs::File::open(cache.0.folder.path().join(name(&kept.digest))).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(1000 - age)).unwrap();
        }
        assert!(cache.manifest(&manifests[0].digest).await.is_some(), "the oldest is used");
        cache.keep_manifest(last).await;
        let mut left = Vec::new();
        for (at, manifest) in manifests.iter().enumerate() {
            if cache.0.folder.has(&name(&manifest.digest)) {
                left.push(at);
            }
        }
        assert_eq!(left, [0, 4, 5, 6, 7, 8]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn two_runs_share_it_while_both_remove_what_is_oldest() {
        let root = tempfile::tempdir().unwrap();
        let runs = [(); 2].map(|()| ManifestCache::with_limit(root.path(), 4 * BLOCK).unwrap());
        let mut tasks = Vec::new();
        for number in 0..100 {
            for run in &runs {
                let (run, kept) = (run.clone(), manifest(&number.to_string()));
                tasks.push(tokio::spawn(async move {
                    run.keep_manifest(&kept).await;
                    run.manifest(&kept.digest).await.is_none_or(|found| found.raw == kept)
                }));
            }
        }
        for task in tasks {
            assert!(task.await.unwrap(), "something else was read");
        }
        for run in runs {
            assert!(!run.0.read_only.load(Ordering::Relaxed), "a run has given up");
            let left = run.0.files().unwrap().count();
            // Both may remove the same files as the oldest, and each counts them as its own.
            assert!(left <= 8, "{left} files are left");
        }
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_written_is_left_alone() {
        let root = tempfile::tempdir().unwrap();
        let cache = ManifestCache::open(root.path()).unwrap();
        fs::remove_dir(cache.0.folder.path()).unwrap();
        cache.keep_manifest(&manifest("a")).await;
        assert!(cache.0.read_only.load(Ordering::Relaxed));
        assert!(cache.manifest(&manifest("a").digest).await.is_none());
    }
}
