//! Hints: where a destination holds blobs, as seen by earlier runs and this one.
//!
//! Where this run knows no home of a blob, a hint allows a mount instead of an upload. The mount shows
//! at once whether the hint still holds, so a stale hint does no harm.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use tokio::sync::OnceCell;

use super::cache::HintCache;
use super::file::{HintUpdates, Key, StoredHints};
use longshore_oci::{Digest, Registry, Repository};

/// After this many refusals in a row, the run neither uses nor learns hints.
///
/// The registry may never mount. Each refused mount opens a session, into which a blob that exists
/// would be sent again.
const REFUSED: usize = 3;
/// Unsaved hints are written to disk from this count on. The run then drops them, as it knows its
/// own blobs' homes.
const BATCH: usize = 5_000;

/// The hints of a run.
#[derive(Debug)]
pub(crate) struct Hints {
    cache: Option<HintCache>,
    accounts: Mutex<HashMap<(Registry, String), Account>>,
    /// The registries and accounts of pushes that were accepted and are not noted on disk yet.
    pushed: Mutex<HashSet<(Registry, String)>>,
}

/// Read from disk on first use.
type Account = Arc<OnceCell<Arc<AccountHints>>>;

impl Hints {
    /// Makes the hints of a run from `cache`; without a cache there are none.
    pub(crate) fn new(cache: Option<HintCache>) -> Self {
        Self { cache, accounts: Mutex::default(), pushed: Mutex::default() }
    }

    /// Whether hints are kept at all.
    pub(crate) const fn are_enabled(&self) -> bool {
        self.cache.is_some()
    }

    /// Returns the hints for `account` at `registry`.
    pub(crate) async fn of(
        &self,
        registry: &Registry,
        account: String,
    ) -> Option<Arc<AccountHints>> {
        let cache = self.cache.as_ref()?;
        let hints = {
            let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(accounts.entry((registry.clone(), account.clone())).or_default())
        };
        let read = || async { Arc::new(AccountHints::new(cache.read(registry, &account).await)) };
        Some(Arc::clone(hints.get_or_init(read).await))
    }

    /// Records that `registry` accepted a push from `account`.
    pub(crate) fn note_push(&self, registry: &Registry, account: String) {
        self.pushed().insert((registry.clone(), account));
    }

    /// Whether `registry` accepted a push from `account` in this run or a few minutes ago.
    pub(crate) async fn pushed_recently(&self, registry: &Registry, account: String) -> bool {
        let Some(cache) = &self.cache else { return false };
        let key = (registry.clone(), account);
        let is_noted = self.pushed().contains(&key);
        is_noted || cache.pushed_recently(registry, &key.1, SystemTime::now()).await
    }

    fn pushed(&self) -> MutexGuard<'_, HashSet<(Registry, String)>> {
        self.pushed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes new hints to disk for later runs. Failures only cost later runs a saving.
    pub(crate) async fn flush(&self) {
        let Some(cache) = &self.cache else { return };
        let accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for ((registry, account), hints) in accounts {
            let updates = hints.get().map(|hints| hints.take_updates());
            if let Some(updates) = updates.filter(|updates| !updates.is_empty()) {
                cache.add(&registry, &account, updates).await;
            }
        }
        let pushed = std::mem::take(&mut *self.pushed());
        for (registry, account) in pushed {
            cache.note_push(&registry, &account).await;
        }
    }
}

/// Changes of this run to the hints on disk.
#[derive(Debug, Default)]
struct Pending {
    /// Changes that are not on disk yet.
    unsaved: HintUpdates,
    /// Blobs that are no longer where the file says.
    gone: HashSet<Key>,
}

/// The hints of one account at one registry.
#[derive(Debug)]
pub(crate) struct AccountHints {
    known: StoredHints,
    pending: Mutex<Pending>,
    /// Refusals since the last mount that worked.
    refused: AtomicUsize,
}

impl AccountHints {
    fn new(known: StoredHints) -> Self {
        Self { known, pending: Mutex::default(), refused: AtomicUsize::new(0) }
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_enabled(&self) -> bool {
        self.refused.load(Ordering::Relaxed) < REFUSED
    }

    /// A repository from which `digest` may be mounted into `repository`.
    pub(crate) fn home(&self, digest: &Digest, repository: &Repository) -> Option<Repository> {
        let key = key(digest).filter(|_| self.is_enabled())?;
        let pending = self.pending();
        let home = match pending.unsaved.get(key) {
            Some(home) => home.as_ref(),
            None => self.known.home(key).filter(|_| !pending.gone.contains(key)),
        };
        home.filter(|home| *home != repository).cloned()
    }

    /// Whether there are enough unsaved hints to write them.
    pub(crate) fn should_flush(&self) -> bool {
        self.pending().unsaved.len() >= BATCH
    }

    /// Takes the unsaved changes. The run still remembers which hints are gone.
    fn take_updates(&self) -> HintUpdates {
        std::mem::take(&mut self.pending().unsaved)
    }

    /// Records that a hint was right.
    pub(crate) fn confirm(&self) {
        self.refused.store(0, Ordering::Relaxed);
    }

    /// Records that the hint for `digest` was refused, and forgets it.
    pub(crate) fn refuse(&self, digest: &Digest) {
        self.refused.fetch_add(1, Ordering::Relaxed);
        self.forget(digest);
    }

    /// Forgets the hint for `digest`.
    pub(crate) fn forget(&self, digest: &Digest) {
        if let Some(key) = key(digest) {
            let mut pending = self.pending();
            pending.unsaved.insert(*key, None);
            pending.gone.insert(*key);
        }
    }

    /// Learns that a manifest in `repository` names `digest`.
    ///
    /// Blobs without a manifest make no hints: they will be garbage collected, and some registries
    /// do not mount them.
    pub(crate) fn learn(&self, digest: &Digest, repository: &Repository) {
        if let Some(key) = key(digest).filter(|_| self.is_enabled()) {
            let mut pending = self.pending();
            pending.unsaved.insert(*key, Some(repository.clone()));
        }
    }
}

const fn key(digest: &Digest) -> Option<&Key> {
    match digest {
        Digest::Sha256(key) => Some(key),
        Digest::Sha512(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{AccountHints, REFUSED};
    use crate::hints::file::StoredHints;
    use longshore_oci::{Digest, Repository};

    fn repository(name: &str) -> Repository {
        name.parse().unwrap()
    }

    #[test]
    fn a_hint_leads_elsewhere_until_it_is_refused() {
        let hints = AccountHints::new(StoredHints::default());
        let (blob, one, two) = (Digest::of(b"x"), repository("one"), repository("two"));
        hints.learn(&blob, &one);
        assert_eq!(hints.home(&blob, &two), Some(one.clone()));
        assert_eq!(hints.home(&blob, &one), None, "it would be mounted from itself");
        hints.refuse(&blob);
        assert_eq!(hints.home(&blob, &two), None);
        hints.learn(&blob, &two);
        assert_eq!(hints.home(&blob, &one), Some(two));
    }

    #[test]
    fn written_hints_are_dropped_but_gone_ones_are_remembered() {
        let hints = AccountHints::new(StoredHints::default());
        let blobs: Vec<Digest> = (0..3_u8).map(|number| Digest::of(&[number])).collect();
        blobs[..2].iter().for_each(|blob| hints.learn(blob, &repository("one")));
        hints.refuse(&blobs[2]);
        assert!(!hints.should_flush());
        assert_eq!(hints.take_updates().len(), 3);
        assert_eq!(hints.home(&blobs[0], &repository("two")), None);
        assert!(hints.take_updates().is_empty(), "all of it is written");
        assert!(hints.pending().gone.contains(super::key(&blobs[2]).unwrap()));
        hints.learn(&blobs[2], &repository("one"));
        hints.refuse(&blobs[2]);
        assert_eq!(hints.take_updates().get(super::key(&blobs[2]).unwrap()), Some(&None));
    }

    #[test]
    fn refusals_in_a_row_disable_hints() {
        let hints = AccountHints::new(StoredHints::default());
        let (blob, one, two) = (Digest::of(b"x"), repository("one"), repository("two"));
        let others = (0..REFUSED).map(|number| Digest::of(&[u8::try_from(number).unwrap()]));
        let others: Vec<Digest> = others.collect();
        hints.learn(&blob, &one);
        hints.refuse(&others[0]);
        hints.confirm();
        others[1..].iter().for_each(|other| hints.refuse(other));
        assert!(hints.home(&blob, &two).is_some(), "one had been right meanwhile");
        hints.refuse(&others[0]);
        assert_eq!(hints.home(&blob, &two), None);
        hints.learn(&others[0], &one);
        assert_eq!(hints.take_updates().get(super::key(&others[0]).unwrap()), Some(&None));
    }
}
