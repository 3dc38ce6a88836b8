//! Hints: where blobs are on a destination, by what earlier runs have seen and this one sees.
//!
//! A hint saves the upload of a blob that this run has no home for yet: it is mounted from where it
//! was. A mount tells at once whether the hint still holds, so nothing else is believed of it.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OnceCell;

use super::cache::HintCache;
use super::file::{Key, KnownHints, Learnt};
use longshore_oci::{Digest, Registry, Repository};

/// After so many refusals in a row hints are neither used nor learnt in this run: the registry may
/// never mount, and where it opens a session instead, a blob that was there would be sent again.
const REFUSED: usize = 3;
/// When so much was learnt it is written. Afterwards the run need not know of it: it knows the homes
/// of blobs itself.
const BATCH: usize = 5_000;

/// The hints of a run.
#[derive(Debug)]
pub(crate) struct Hints {
    cache: Option<HintCache>,
    accounts: Mutex<HashMap<(Registry, String), Account>>,
}

/// Read when it is first asked for.
type Account = Arc<OnceCell<Arc<AccountHints>>>;

impl Hints {
    /// Those of `cache`; none without one.
    pub(crate) fn new(cache: Option<HintCache>) -> Self {
        Self { cache, accounts: Mutex::default() }
    }

    /// Are hints kept at all?
    pub(crate) const fn are_kept(&self) -> bool {
        self.cache.is_some()
    }

    /// What is known as this account at `registry`.
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

    /// Keeps for later runs what this one has learnt. Whatever keeps that from working, nothing is
    /// lost that is needed.
    pub(crate) async fn flush(&self) {
        let Some(cache) = &self.cache else { return };
        let accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for ((registry, account), hints) in accounts {
            let learnt = hints.get().map(|hints| hints.take_learnt());
            if let Some(learnt) = learnt.filter(|learnt| !learnt.is_empty()) {
                cache.add(&registry, &account, learnt).await;
            }
        }
    }
}

/// What a run has learnt.
#[derive(Debug, Default)]
struct News {
    /// Where blobs are now or are not, as far as it was not written yet.
    unwritten: Learnt,
    /// What is not where it was.
    gone: HashSet<Key>,
}

/// The hints of one account at one registry.
#[derive(Debug)]
pub(crate) struct AccountHints {
    known: KnownHints,
    news: Mutex<News>,
    /// Refusals since a mount worked.
    refused: AtomicUsize,
}

impl AccountHints {
    fn new(known: KnownHints) -> Self {
        Self { known, news: Mutex::default(), refused: AtomicUsize::new(0) }
    }

    fn news(&self) -> MutexGuard<'_, News> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn are_good(&self) -> bool {
        self.refused.load(Ordering::Relaxed) < REFUSED
    }

    /// Where `digest` may be mounted from into `repository`.
    pub(crate) fn home(&self, digest: &Digest, repository: &Repository) -> Option<Repository> {
        let key = key(digest).filter(|_| self.are_good())?;
        let news = self.news();
        let home = match news.unwritten.get(key) {
            Some(home) => home.as_ref(),
            None => self.known.home(key).filter(|_| !news.gone.contains(key)),
        };
        home.filter(|home| *home != repository).cloned()
    }

    /// Is it time to write?
    pub(crate) fn are_many(&self) -> bool {
        self.news().unwritten.len() >= BATCH
    }

    /// What is to be written. Where blobs are not, the run goes on to know.
    fn take_learnt(&self) -> Learnt {
        std::mem::take(&mut self.news().unwritten)
    }

    /// A hint was right.
    pub(crate) fn held(&self) {
        self.refused.store(0, Ordering::Relaxed);
    }

    /// The hint for `digest` was refused.
    pub(crate) fn refuse(&self, digest: &Digest) {
        self.refused.fetch_add(1, Ordering::Relaxed);
        self.forget(digest);
    }

    /// Nobody knows any more where `digest` is.
    pub(crate) fn forget(&self, digest: &Digest) {
        if let Some(key) = key(digest) {
            let mut news = self.news();
            news.unwritten.insert(*key, None);
            news.gone.insert(*key);
        }
    }

    /// A manifest in `repository` names `digest`. What no manifest names is no hint: it will be
    /// collected, and some registries do not mount it.
    pub(crate) fn learn(&self, digest: &Digest, repository: &Repository) {
        if let Some(key) = key(digest).filter(|_| self.are_good()) {
            let mut news = self.news();
            news.unwritten.insert(*key, Some(repository.clone()));
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
    use crate::hints::file::KnownHints;
    use longshore_oci::{Digest, Repository};

    fn repository(name: &str) -> Repository {
        name.parse().unwrap()
    }

    #[test]
    fn a_hint_leads_elsewhere_until_it_is_refused() {
        let hints = AccountHints::new(KnownHints::default());
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
    fn what_is_written_is_kept_no_longer_but_where_blobs_are_not() {
        let hints = AccountHints::new(KnownHints::default());
        let blobs: Vec<Digest> = (0..3_u8).map(|number| Digest::of(&[number])).collect();
        blobs[..2].iter().for_each(|blob| hints.learn(blob, &repository("one")));
        hints.refuse(&blobs[2]);
        assert!(!hints.are_many());
        assert_eq!(hints.take_learnt().len(), 3);
        assert_eq!(hints.home(&blobs[0], &repository("two")), None);
        assert!(hints.take_learnt().is_empty(), "all of it is written");
        assert!(hints.news().gone.contains(super::key(&blobs[2]).unwrap()));
        hints.learn(&blobs[2], &repository("one"));
        hints.refuse(&blobs[2]);
        assert_eq!(hints.take_learnt().get(super::key(&blobs[2]).unwrap()), Some(&None));
    }

    #[test]
    fn refusals_in_a_row_are_enough() {
        let hints = AccountHints::new(KnownHints::default());
        let (blob, one, two) = (Digest::of(b"x"), repository("one"), repository("two"));
        let others = (0..REFUSED).map(|number| Digest::of(&[u8::try_from(number).unwrap()]));
        let others: Vec<Digest> = others.collect();
        hints.learn(&blob, &one);
        hints.refuse(&others[0]);
        hints.held();
        others[1..].iter().for_each(|other| hints.refuse(other));
        assert!(hints.home(&blob, &two).is_some(), "one had been right meanwhile");
        hints.refuse(&others[0]);
        assert_eq!(hints.home(&blob, &two), None);
        hints.learn(&others[0], &one);
        assert_eq!(hints.take_learnt().get(super::key(&others[0]).unwrap()), Some(&None));
    }
}
