//! Hints of earlier runs, on disk: in which repository of a registry a blob was last.
//!
//! There is a file for each registry and account. Whoever reads one needs no lock, as a file is only
//! ever replaced whole; whoever writes one holds a lock and adds to what other runs have written
//! meanwhile. Hints are never needed: a folder that cannot be used, or that is locked for long, and
//! files that are damaged are as good as none.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::file::{self, KnownHints, Learnt};
use longshore_cache::CacheFolder;
use longshore_oci::{Digest, Registry};

/// The folder's name.
const FOLDER: &str = "hints";
/// A file has hints for so many blobs; those that were learnt longest ago go first.
const LIMIT: usize = 100_000;
/// Another run that writes is waited for so often, and so long each time.
const TRIES: usize = 20;
const WAIT: Duration = Duration::from_millis(50);

/// Where blobs are on a registry, by what earlier runs have seen. Clones share it, and so do other
/// runs.
#[derive(Clone, Debug)]
pub struct HintCache(Arc<Kept>);

#[derive(Debug)]
struct Kept(CacheFolder);

impl HintCache {
    /// Opens the cache below `root`.
    ///
    /// # Errors
    /// If the folder cannot be made, is not ours or is open to others: then there are no hints.
    pub fn open(root: &Path) -> io::Result<Self> {
        Ok(Self(Arc::new(Kept(CacheFolder::open(root, FOLDER)?))))
    }

    /// What is known of `registry` as the account of this name sees it.
    pub(super) async fn read(&self, registry: &Registry, account: &str) -> KnownHints {
        let (kept, name) = (Arc::clone(&self.0), file_name(registry, account));
        tokio::task::spawn_blocking(move || KnownHints::read(&kept.0.file(&name)))
            .await
            .unwrap_or_default()
    }

    /// Adds what a run has learnt.
    pub(super) async fn add(&self, registry: &Registry, account: &str, learnt: Learnt) {
        let (kept, name) = (Arc::clone(&self.0), file_name(registry, account));
        let added = tokio::task::spawn_blocking(move || kept.add(&name, &learnt));
        if let Ok(Err(error)) = added.await {
            tracing::debug!("where blobs are is not remembered: {error}");
        }
    }
}

/// The file of a registry and an account. Who has which account is nobody's business.
fn file_name(registry: &Registry, account: &str) -> String {
    Digest::of(format!("{registry}\n{account}").as_bytes()).hex()
}

impl Kept {
    fn add(&self, name: &str, learnt: &Learnt) -> io::Result<()> {
        let _lock = self.lock()?;
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let now = u32::try_from(since.as_secs()).unwrap_or(u32::MAX);
        file::add(&self.0, name, learnt, LIMIT, now)
    }

    /// Locks the folder against other runs that write, until the answer is dropped.
    fn lock(&self) -> io::Result<File> {
        let folder = File::open(self.0.path())?;
        for _ in 1..TRIES {
            if folder.try_lock().is_ok() {
                return Ok(folder);
            }
            std::thread::sleep(WAIT);
        }
        folder.try_lock()?;
        Ok(folder)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::PathBuf;

    use super::{HintCache, Learnt, file_name};
    use longshore_oci::Registry;

    fn registry() -> Registry {
        "r.test".parse().unwrap()
    }

    fn file(cache: &HintCache) -> PathBuf {
        cache.0.0.file(&file_name(&registry(), "jo"))
    }

    fn learnt(pairs: &[(u8, Option<&str>)]) -> Learnt {
        let home = |home: &str| home.parse().unwrap();
        pairs.iter().map(|(digest, at)| ([*digest; 32], at.map(home))).collect()
    }

    async fn add(cache: &HintCache, pairs: &[(u8, Option<&str>)]) {
        cache.add(&registry(), "jo", learnt(pairs)).await;
    }

    async fn home(cache: &HintCache, digest: u8) -> Option<String> {
        let known = cache.read(&registry(), "jo").await;
        known.home(&[digest; 32]).map(ToString::to_string)
    }

    #[tokio::test]
    async fn a_later_run_knows_what_all_have_learnt() {
        let root = tempfile::tempdir().unwrap();
        let runs = [(); 2].map(|()| HintCache::open(root.path()).unwrap());
        add(&runs[0], &[(1, Some("a/x")), (2, Some("a/x")), (4, Some("a/x"))]).await;
        add(&runs[1], &[(3, Some("a/y")), (2, None), (1, Some("a/y"))]).await;
        assert_eq!(home(&runs[0], 1).await.as_deref(), Some("a/y"), "the latest holds");
        assert_eq!(home(&runs[0], 2).await, None, "it was forgotten");
        assert_eq!(home(&runs[0], 3).await.as_deref(), Some("a/y"));
        assert_eq!(home(&runs[0], 4).await.as_deref(), Some("a/x"), "the other one knew nothing");
        let other = runs[0].read(&registry(), "mo").await;
        assert!(other.home(&[1; 32]).is_none(), "another account has other hints");
        let mode = fs::metadata(file(&runs[0])).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[tokio::test]
    async fn a_folder_that_another_run_keeps_locked_is_left_alone() {
        let root = tempfile::tempdir().unwrap();
        let cache = HintCache::open(root.path()).unwrap();
        add(&cache, &[(1, Some("a"))]).await;
        let other = fs::File::open(cache.0.0.path()).unwrap();
        other.lock().unwrap();
        add(&cache, &[(2, Some("a"))]).await;
        assert_eq!(home(&cache, 1).await.as_deref(), Some("a"), "it can be read");
        assert_eq!(home(&cache, 2).await, None);
        drop(other);
        add(&cache, &[(2, Some("a"))]).await;
        assert_eq!(home(&cache, 2).await.as_deref(), Some("a"));
    }
}
