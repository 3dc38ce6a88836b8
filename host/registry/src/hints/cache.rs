//! Hints of earlier runs, on disk: the repository of a registry that last held a blob.
//!
//! There is one file per registry and account. Readers need no lock, as files are only replaced as
//! a whole. Writers hold a lock and merge with what other runs wrote meanwhile.
//!
//! Beside the hints lies the time of the last push that the account made. For some minutes it shows that the
//! registry is not a pull-through cache, so that the next run need not ask.
//!
//! Hints are optional: a folder that is unusable or locked for long, or a damaged file, counts as
//! no hints.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::file::{self, HintUpdates, StoredHints};
use longshore_files::CacheFolder;
use longshore_oci::{Digest, Registry};

/// The folder's name.
const FOLDER: &str = "hints";
/// The most hints per file; the oldest are dropped first.
const LIMIT: usize = 100_000;
/// The end of the name of a file that says when a push was last accepted.
const PUSHED: &str = "-pushed";
/// How long an accepted push shows that a registry stores what it shows.
const RECENT: Duration = Duration::from_secs(600);
/// How often a locked folder is tried, and the wait between tries.
const TRIES: usize = 20;
const WAIT: Duration = Duration::from_millis(50);

/// Where registries hold blobs, as seen by earlier runs. Clones and other runs share it.
#[derive(Clone, Debug)]
pub struct HintCache(Arc<Inner>);

#[derive(Debug)]
struct Inner(CacheFolder);

impl HintCache {
    /// Opens the cache below `root`.
    ///
    /// # Errors
    /// If the folder cannot be created, belongs to another user, or is open to others. There are no
    /// hints then.
    pub fn open(root: &Path) -> io::Result<Self> {
        Ok(Self(Arc::new(Inner(CacheFolder::open(root, FOLDER)?))))
    }

    /// Reads the hints for `account` at `registry`.
    pub(super) async fn read(&self, registry: &Registry, account: &str) -> StoredHints {
        let (inner, name) = (Arc::clone(&self.0), file_name(registry, account));
        tokio::task::spawn_blocking(move || StoredHints::read(&inner.0, &name))
            .await
            .unwrap_or_default()
    }

    /// Merges the changes of a run into the file.
    pub(super) async fn add(&self, registry: &Registry, account: &str, updates: HintUpdates) {
        let (inner, name) = (Arc::clone(&self.0), file_name(registry, account));
        let added = tokio::task::spawn_blocking(move || inner.add(&name, &updates));
        if let Ok(Err(error)) = added.await {
            tracing::debug!("cannot save blob hints: {error}");
        }
    }

    /// Keeps the time of a push that `registry` has accepted from `account`.
    pub(super) async fn note_push(&self, registry: &Registry, account: &str) {
        let (inner, name) = (Arc::clone(&self.0), file_name(registry, account) + PUSHED);
        let noting =
            move || inner.0.replace(&name, &[since_1970(SystemTime::now()).to_string().as_bytes()]);
        if let Ok(Err(error)) = tokio::task::spawn_blocking(noting).await {
            tracing::debug!("cannot save the time of the push: {error}");
        }
    }

    /// Whether `registry` accepted a push from `account` in the last minutes before `now`.
    pub(super) async fn pushed_recently(
        &self,
        registry: &Registry,
        account: &str,
        now: SystemTime,
    ) -> bool {
        let (inner, name) = (Arc::clone(&self.0), file_name(registry, account) + PUSHED);
        let reading = tokio::task::spawn_blocking(move || {
            let mut text = String::new();
            inner.0.open_file(&name).ok()?.take(20).read_to_string(&mut text).ok()?;
            text.parse::<u64>().ok()
        });
        let pushed = reading.await.ok().flatten();
        let age = pushed.and_then(|pushed| since_1970(now).checked_sub(pushed));
        age.is_some_and(|age| age < RECENT.as_secs())
    }
}

/// Seconds since 1970.
fn since_1970(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// The file name for a registry and an account, hashed because account names are private.
fn file_name(registry: &Registry, account: &str) -> String {
    Digest::of(format!("{registry}\n{account}").as_bytes()).hex()
}

impl Inner {
    fn add(&self, name: &str, updates: &HintUpdates) -> io::Result<()> {
        let _lock = self.lock()?;
        let now = u32::try_from(since_1970(SystemTime::now())).unwrap_or(u32::MAX);
        file::add(&self.0, name, updates, LIMIT, now)
    }

    /// Locks the folder against other writers until the returned file is dropped.
    fn lock(&self) -> io::Result<File> {
        let folder = self.0.to_lock()?;
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
    use std::time::{Duration, SystemTime};

    use super::{HintCache, HintUpdates, PUSHED, file_name};
    use longshore_oci::Registry;

    fn registry() -> Registry {
        "r.test".parse().unwrap()
    }

    fn file(cache: &HintCache) -> PathBuf {
        cache.0.0.path().join(file_name(&registry(), "jo"))
    }

    fn updates(pairs: &[(u8, Option<&str>)]) -> HintUpdates {
        let home = |home: &str| home.parse().unwrap();
        pairs.iter().map(|(digest, at)| ([*digest; 32], at.map(home))).collect()
    }

    async fn add(cache: &HintCache, pairs: &[(u8, Option<&str>)]) {
        cache.add(&registry(), "jo", updates(pairs)).await;
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
    async fn a_push_is_recent_for_minutes_and_one_account() {
        let root = tempfile::tempdir().unwrap();
        let cache = HintCache::open(root.path()).unwrap();
        let now = SystemTime::now();
        let after = |seconds| now + Duration::from_secs(seconds);
        assert!(!cache.pushed_recently(&registry(), "jo", now).await, "there was none");
        cache.note_push(&registry(), "jo").await;
        for (account, time, expected) in [
            ("jo", after(1), true),
            ("jo", after(590), true),
            ("jo", after(602), false),
            ("mo", after(1), false),
            // The clock was set back.
            ("jo", now - Duration::from_secs(60), false),
        ] {
            let is_recent = cache.pushed_recently(&registry(), account, time).await;
            assert_eq!(is_recent, expected, "{account} {time:?}");
        }
        let file = cache.0.0.path().join(file_name(&registry(), "jo") + PUSHED);
        for damaged in ["", "x", "-1", "99999999999999999999999999"] {
            fs::write(&file, damaged).unwrap();
            assert!(!cache.pushed_recently(&registry(), "jo", now).await, "{damaged:?}");
        }
        assert_eq!(home(&cache, 1).await, None, "the hints are in another file");
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
