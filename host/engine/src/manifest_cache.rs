//! Manifests and configurations of earlier runs, on disk by digest.
//!
//! The cache is optional: an unusable, full or damaged one counts as empty. It is only asked for
//! digests that the source named in this run, so it never reveals what the source would not.

use std::io;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use longshore_files::BoundedFolder;
use longshore_oci::{Descriptor, Digest, LARGEST_MANIFEST, Manifest, MediaType, RawManifest};

/// The folder's name.
const FOLDER: &str = "manifests";
/// The limit for all files together, in bytes.
const LIMIT: u64 = 256 * 1024 * 1024;
/// The largest file that is read, in bytes: the content, and a line with its media type.
const FILE_LIMIT: u64 = LARGEST_MANIFEST as u64 + 64 * 1024;

/// Manifests that earlier runs fetched, by digest. Clones and other runs share it.
#[derive(Clone, Debug)]
pub struct ManifestCache(Arc<BoundedFolder>);

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
        Ok(Self(Arc::new(BoundedFolder::open(root, FOLDER, limit)?)))
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
        let read = move || {
            kept.read(&digest.file_name(), FILE_LIMIT, |content| verified(content, &digest))
        };
        tokio::task::spawn_blocking(read).await.ok().flatten()
    }

    async fn write(&self, digest: &Digest, media_type: &MediaType, bytes: Bytes) {
        if bytes.len() > LARGEST_MANIFEST || self.0.is_read_only() {
            return;
        }
        let (kept, name, media_type) =
            (Arc::clone(&self.0), digest.file_name(), media_type.clone());
        let write =
            move || kept.keep(&name, &[media_type.as_str().as_bytes(), &[TYPE_END], &bytes]);
        if let Ok(Err(error)) = tokio::task::spawn_blocking(write).await {
            tracing::debug!("manifests are not remembered any more: {error}");
        }
    }
}

/// Ends the first line of a file, which holds the media type.
const TYPE_END: u8 = b'\n';

/// Returns the content of a file if it matches `digest`.
fn verified(content: Vec<u8>, digest: &Digest) -> Option<(MediaType, Bytes)> {
    let mut content = Bytes::from(content);
    let end = content.iter().position(|&byte| byte == TYPE_END)?;
    let media_type = String::from_utf8(content.split_to(end + 1)[..end].to_vec()).ok()?;
    let is_right = digest.same_algorithm_of(&content) == *digest;
    is_right.then(|| (MediaType::from(media_type), content))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::time::{Duration, SystemTime};

    use super::ManifestCache;
    use longshore_oci::{MediaType, RawManifest};

    /// The disk usage of a small file, in bytes.
    const BLOCK: u64 = 4096;

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

        let path = cache.0.path().join(kept.digest.file_name());
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
            let file = fs::File::open(cache.0.path().join(kept.digest.file_name())).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(1000 - age)).unwrap();
        }
        assert!(cache.manifest(&manifests[0].digest).await.is_some(), "the oldest is used");
        cache.keep_manifest(last).await;
        let mut left = Vec::new();
        for (at, manifest) in manifests.iter().enumerate() {
            if cache.0.has(&manifest.digest.file_name()) {
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
            assert!(!run.0.is_read_only(), "a run has given up");
            let left = fs::read_dir(run.0.path()).unwrap().count();
            // Both may remove the same files as the oldest, and each counts them as its own.
            assert!(left <= 8, "{left} files are left");
        }
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_written_is_left_alone() {
        let root = tempfile::tempdir().unwrap();
        let cache = ManifestCache::open(root.path()).unwrap();
        fs::remove_dir(cache.0.path()).unwrap();
        cache.keep_manifest(&manifest("a")).await;
        assert!(cache.0.is_read_only());
        assert!(cache.manifest(&manifest("a").digest).await.is_none());
    }
}
