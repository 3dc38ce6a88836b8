//! Which files were verified: the digest that each version of a file was found to have.
//!
//! Hashing a gigabyte at every look is too slow, and trusting a name for ever is how damaged content is
//! served. A file is therefore hashed once per version: its inode, its time of change and its size.

use std::collections::HashMap;
use std::mem;
use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use longshore_oci::{Algorithm, Digest};

use super::blocking::lock;
use super::files::Stamp;

/// How many versions one generation remembers: about 5 MiB.
const GENERATION: usize = 32 * 1024;

/// The clock of a file system moves in steps. A file that changed so recently may change again without
/// a new time.
const SETTLED: Duration = Duration::from_secs(2);

/// The digests of file versions. The oldest half is forgotten when it is full.
#[derive(Debug, Default)]
pub(super) struct Verified(Mutex<Generations>);

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<Stamp, Digest>,
    old: HashMap<Stamp, Digest>,
}

impl Verified {
    /// The digest of this version, where it was computed with `algorithm`.
    pub(super) fn recall(&self, stamp: &Stamp, algorithm: Algorithm) -> Option<Digest> {
        let mut generations = lock(&self.0);
        let is_young = generations.young.contains_key(stamp);
        if !is_young && let Some(digest) = generations.old.remove(stamp) {
            generations.insert(*stamp, digest);
        }
        let found = generations.young.get(stamp);
        found.filter(|found| found.algorithm() == algorithm).cloned()
    }

    /// Remembers what was read from a file. `before` and `after` are its versions when it was opened
    /// and when the last byte was read.
    pub(super) fn remember(&self, before: Stamp, after: Stamp, digest: &Digest) {
        if before == after && is_settled(&before) {
            lock(&self.0).insert(before, digest.clone());
        }
    }

    /// Remembers a file that this process wrote and gave a time of change of its own.
    pub(super) fn remember_written(&self, stamp: Stamp, digest: &Digest) {
        // A file system without fractions of seconds would give the next change the same time.
        if stamp.nanoseconds != 0 {
            lock(&self.0).insert(stamp, digest.clone());
        }
    }
}

impl Generations {
    fn insert(&mut self, stamp: Stamp, digest: Digest) {
        if self.young.len() >= GENERATION {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(stamp, digest);
    }
}

/// Whether any later change gives the file another time.
fn is_settled(stamp: &Stamp) -> bool {
    let Ok(seconds) = u64::try_from(stamp.seconds) else { return true };
    let nanoseconds = u32::try_from(stamp.nanoseconds).unwrap_or_default();
    let changed = UNIX_EPOCH + Duration::new(seconds, nanoseconds);
    let now = SystemTime::now();
    let apart = now.duration_since(changed).unwrap_or_else(|ahead| ahead.duration());
    apart > SETTLED
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::time::{Duration, SystemTime};

    use longshore_oci::{Algorithm, Digest};

    use super::{GENERATION, Verified};
    use crate::folder::files::Stamp;

    fn stamped(age: Duration) -> Stamp {
        let file = tempfile::NamedTempFile::new().unwrap();
        let time = SystemTime::now() - age;
        File::options().write(true).open(file.path()).unwrap().set_modified(time).unwrap();
        Stamp::of(&fs::metadata(file.path()).unwrap())
    }

    #[test]
    fn only_a_settled_version_is_remembered() {
        let (verified, digest) = (Verified::default(), Digest::of(b"x"));
        let (old, new) = (stamped(Duration::from_secs(60)), stamped(Duration::ZERO));
        let recall = |stamp| verified.recall(stamp, Algorithm::Sha256);
        verified.remember(new, new, &digest);
        assert_eq!(recall(&new), None, "it may change again within one step of the clock");
        verified.remember(old, new, &digest);
        assert_eq!(recall(&old), None, "it changed while it was read");
        verified.remember(old, old, &digest);
        assert_eq!(recall(&old), Some(digest.clone()));
        assert_eq!(verified.recall(&old, Algorithm::Sha512), None);
        verified.remember_written(new, &digest);
        assert_eq!(recall(&new), Some(digest));
    }

    #[test]
    fn what_is_in_use_outlives_the_rest() {
        let (verified, digest) = (Verified::default(), Digest::of(b"x"));
        let base = stamped(Duration::from_secs(60));
        verified.remember(base, base, &digest);
        for size in 1..=GENERATION as u64 * 3 {
            verified.remember_written(Stamp { size, nanoseconds: 1, ..base }, &digest);
            if size % 1000 == 0 {
                assert!(verified.recall(&base, Algorithm::Sha256).is_some(), "{size}");
            }
        }
        let first = Stamp { size: 1, nanoseconds: 1, ..base };
        assert_eq!(verified.recall(&first, Algorithm::Sha256), None);
    }
}
