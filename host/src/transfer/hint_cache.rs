//! Hints of earlier runs, on disk: in which repository of a registry a blob was last.
//!
//! There is a file for each registry and account. Whoever reads one needs no lock, as a file is only
//! ever replaced whole; whoever writes one holds a lock and adds to what other runs have written
//! meanwhile. Hints are never needed: a folder that cannot be used, or that is locked for long, and
//! files that are damaged are as good as none.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::cache::CacheFolder;
use crate::oci::{Digest, Registry, Repository};

/// The folder's name.
const FOLDER: &str = "hints";
/// A file has hints for so many blobs; those that were learnt longest ago go first.
const LIMIT: usize = 100_000;
/// No file that we have written is larger, in bytes.
const LARGEST: u64 = 32 * 1024 * 1024;
/// Another run that writes is waited for so often, and so long each time.
const TRIES: usize = 20;
const WAIT: Duration = Duration::from_millis(50);
/// How the first line begins; the digest of what follows ends it.
const START: &str = "longshore hints 1 ";
/// A hint takes so many bytes: the blob's digest, the number of its repository, and when it was
/// learnt.
const ROW: usize = 32 + 4 + 4;

/// A SHA-256 digest; blobs with others are so rare that they have no hints.
pub(super) type Key = [u8; 32];
/// What a run has learnt: where blobs are now, or that they are not where they were.
pub(super) type Learnt = HashMap<Key, Option<Repository>>;

/// Where blobs are on a registry, by what earlier runs have seen. Clones share it, and so do other
/// runs.
#[derive(Clone, Debug)]
pub struct HintCache(Arc<Kept>);

#[derive(Debug)]
struct Kept {
    folder: CacheFolder,
    limit: usize,
}

impl HintCache {
    /// Opens the cache below `root`.
    ///
    /// # Errors
    /// If the folder cannot be made, is not ours or is open to others: then there are no hints.
    pub fn open(root: &Path) -> io::Result<Self> {
        Self::with_limit(root, LIMIT)
    }

    fn with_limit(root: &Path, limit: usize) -> io::Result<Self> {
        Ok(Self(Arc::new(Kept { folder: CacheFolder::open(root, FOLDER)?, limit })))
    }

    /// What is known of `registry` as the account of this name sees it.
    pub(super) async fn read(&self, registry: &Registry, account: &str) -> KnownHints {
        let (kept, name) = (Arc::clone(&self.0), file_name(registry, account));
        tokio::task::spawn_blocking(move || kept.read(&name)).await.unwrap_or_default()
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
    /// What is in a file; nothing, where it is damaged, cannot be read or is not there.
    fn read(&self, name: &str) -> KnownHints {
        let read = || {
            let path = self.folder.file(name);
            let small = path.metadata().ok()?.len() <= LARGEST;
            decode(&std::fs::read(path).ok().filter(|_| small)?)
        };
        KnownHints(read().unwrap_or_default())
    }

    fn add(&self, name: &str, learnt: &Learnt) -> io::Result<()> {
        let _lock = self.lock()?;
        let mut hints = self.read(name).0;
        hints.retain(|hint| !learnt.contains_key(&hint.digest));
        let now = seconds(SystemTime::now());
        let homes = learnt.iter().filter_map(|(digest, home)| Some((digest, home.as_ref()?)));
        let hint = |(digest, home): (&Key, &Repository)| (*digest, home.clone());
        let new = homes.map(hint).map(|(digest, home)| Hint { digest, home, learnt: now });
        hints.extend(new);
        if hints.len() > self.limit {
            hints.sort_unstable_by_key(|hint| Reverse(hint.learnt));
            hints.truncate(self.limit);
        }
        hints.sort_unstable_by_key(|hint| hint.digest);
        let body = encode(&hints);
        let first = format!("{START}{}\n", Digest::of(&body));
        self.folder.replace(name, &[first.as_bytes(), &body])
    }

    /// Locks the folder against other runs that write, until the answer is dropped.
    fn lock(&self) -> io::Result<File> {
        let folder = File::open(self.folder.path())?;
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

/// Seconds since 1970, which last until 2106.
fn seconds(time: SystemTime) -> u32 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u32::try_from(since.as_secs()).unwrap_or(u32::MAX)
}

/// Where one blob is.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Hint {
    digest: Key,
    home: Repository,
    learnt: u32,
}

/// The hints of one file, by digest: 56 bytes each.
#[derive(Debug, Default)]
pub(super) struct KnownHints(Vec<Hint>);

impl KnownHints {
    /// The repository that held the blob.
    pub(super) fn home(&self, digest: &Key) -> Option<&Repository> {
        let at = self.0.binary_search_by(|hint| hint.digest.cmp(digest)).ok()?;
        Some(&self.0[at].home)
    }
}

/// The length of the names, the names in lines, and a row for each hint.
fn encode(hints: &[Hint]) -> Vec<u8> {
    let mut numbers: HashMap<&Repository, u32> = HashMap::new();
    let (mut names, mut rows) = (String::new(), Vec::with_capacity(hints.len() * ROW));
    for hint in hints {
        let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
        let number = *numbers.entry(&hint.home).or_insert_with(|| {
            names.push_str(hint.home.as_str());
            names.push('\n');
            next
        });
        rows.extend(hint.digest);
        rows.extend(number.to_le_bytes());
        rows.extend(hint.learnt.to_le_bytes());
    }
    let length = u32::try_from(names.len()).unwrap_or(u32::MAX);
    [&length.to_le_bytes(), names.as_bytes(), &rows].concat()
}

fn decode(file: &[u8]) -> Option<Vec<Hint>> {
    let end = file.iter().position(|byte| *byte == b'\n')?;
    let (first, body) = (&file[..end], &file[end + 1..]);
    if first != format!("{START}{}", Digest::of(body)).as_bytes() {
        return None;
    }
    let (length, rest) = number(body)?;
    let (names, rows) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    let names = std::str::from_utf8(names).ok()?.lines().map(str::parse);
    let names = names.collect::<Result<Vec<Repository>, _>>().ok()?;
    let hint = |row: &[u8]| {
        let (digest, rest) = row.split_first_chunk()?;
        let (home, rest) = number(rest)?;
        let (learnt, _) = number(rest)?;
        let home = names.get(usize::try_from(home).ok()?)?.clone();
        Some(Hint { digest: *digest, home, learnt })
    };
    rows.chunks(ROW).map(hint).collect()
}

/// The number that `bytes` begin with, and the rest.
fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u32::from_le_bytes(*number), rest))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::PathBuf;
    use std::time::{Duration, SystemTime};

    use super::{Hint, HintCache, Key, Learnt, decode, encode, file_name, seconds};
    use crate::oci::Registry;

    fn registry() -> Registry {
        "r.test".parse().unwrap()
    }

    fn file(cache: &HintCache) -> PathBuf {
        cache.0.folder.file(&file_name(&registry(), "jo"))
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
    async fn a_damaged_file_has_no_hints_and_is_replaced() {
        let root = tempfile::tempdir().unwrap();
        let cache = HintCache::open(root.path()).unwrap();
        add(&cache, &[(1, Some("a/x")), (2, Some("b"))]).await;
        let good = fs::read(file(&cache)).unwrap();
        for at in 0..good.len() {
            let mut damaged = good.clone();
            damaged[at] ^= 1;
            assert_eq!(decode(&damaged), None, "byte {at}");
            assert_eq!(decode(&good[..at]), None, "the first {at} bytes");
        }
        fs::write(file(&cache), &good[..good.len() / 2]).unwrap();
        add(&cache, &[(3, Some("a/x"))]).await;
        assert_eq!(home(&cache, 1).await, None);
        assert_eq!(home(&cache, 3).await.as_deref(), Some("a/x"));
    }

    #[tokio::test]
    async fn the_oldest_go_first() {
        let root = tempfile::tempdir().unwrap();
        let cache = HintCache::with_limit(root.path(), 3).unwrap();
        let now = SystemTime::now();
        let hint = |age: u8| Hint {
            digest: [age; 32],
            home: "a".parse().unwrap(),
            learnt: seconds(now - Duration::from_secs(1000 * u64::from(age))),
        };
        let body = encode(&[1, 2, 3].map(hint));
        let first = format!("{}{}\n", super::START, crate::oci::Digest::of(&body));
        let name = file_name(&registry(), "jo");
        cache.0.folder.replace(&name, &[first.as_bytes(), &body]).unwrap();
        add(&cache, &[(4, Some("b")), (5, Some("b"))]).await;
        let known = cache.read(&registry(), "jo").await.0;
        let left: Vec<Key> = known.iter().map(|hint| hint.digest).collect();
        assert_eq!(left, [[1; 32], [4; 32], [5; 32]]);
    }

    #[tokio::test]
    async fn a_folder_that_another_run_keeps_locked_is_left_alone() {
        let root = tempfile::tempdir().unwrap();
        let cache = HintCache::open(root.path()).unwrap();
        add(&cache, &[(1, Some("a"))]).await;
        let other = fs::File::open(cache.0.folder.path()).unwrap();
        other.lock().unwrap();
        add(&cache, &[(2, Some("a"))]).await;
        assert_eq!(home(&cache, 1).await.as_deref(), Some("a"), "it can be read");
        assert_eq!(home(&cache, 2).await, None);
        drop(other);
        add(&cache, &[(2, Some("a"))]).await;
        assert_eq!(home(&cache, 2).await.as_deref(), Some("a"));
    }
}
