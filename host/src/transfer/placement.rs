//! What is known to be at the destinations, shared by all jobs of a run.
//!
//! Each cell is filled once however many jobs wait for it; whoever waits holds no permit and no seat.
//! A failure leaves a cell empty, and the next one who waits tries again.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::seat::Seat;
use crate::oci::{Digest, Registry, Repository};
use crate::registry::RegistryError;

#[derive(Debug)]
enum State<V> {
    Empty,
    Filling,
    Full(V),
}

/// A value that one of many finds out.
#[derive(Debug)]
pub(super) struct Cell<V> {
    state: Mutex<State<V>>,
    changed: Notify,
}

impl<V> Default for Cell<V> {
    fn default() -> Self {
        Self { state: Mutex::new(State::Empty), changed: Notify::new() }
    }
}

impl<V: Clone> Cell<V> {
    fn lock(&self) -> MutexGuard<'_, State<V>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The value, where it is known.
    pub(super) fn get(&self) -> Option<V> {
        match &*self.lock() {
            State::Full(value) => Some(value.clone()),
            State::Empty | State::Filling => None,
        }
    }

    /// Makes the value known, unless somebody is finding it out.
    fn set(&self, value: V) {
        let mut state = self.lock();
        if !matches!(&*state, State::Filling) {
            *state = State::Full(value);
        }
    }

    /// The value; `fill` finds it out unless somebody else does, who is waited for.
    pub(super) async fn get_or_fill<E>(
        &self,
        seat: &Seat,
        fill: impl Future<Output = Result<V, E>>,
    ) -> Result<V, E> {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            match &mut *self.lock() {
                State::Full(value) => return Ok(value.clone()),
                state @ State::Empty => {
                    *state = State::Filling;
                    break;
                }
                // From here on no change is missed.
                State::Filling => changed.as_mut().enable(),
            };
            seat.waits_for(changed).await;
        }
        let filling = Filling(self);
        let value = fill.await?;
        *self.lock() = State::Full(value.clone());
        drop(filling);
        Ok(value)
    }
}

/// Whoever fills a cell; if he gives up, another may.
struct Filling<'a, V: Clone>(&'a Cell<V>);

impl<V: Clone> Drop for Filling<'_, V> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        if matches!(&*state, State::Filling) {
            *state = State::Empty;
        }
        drop(state);
        self.0.changed.notify_waiters();
    }
}

/// So many cells are kept of each kind; what is forgotten costs a look.
const KEPT: usize = 100_000;

/// Cells by key.
#[derive(Debug)]
struct Cells<K, V>(Mutex<HashMap<K, Arc<Cell<V>>>>);

impl<K, V> Default for Cells<K, V> {
    fn default() -> Self {
        Self(Mutex::new(HashMap::new()))
    }
}

impl<K: Eq + Hash, V> Cells<K, V> {
    fn cell(&self, key: K) -> Arc<Cell<V>> {
        let mut cells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if cells.len() >= KEPT && !cells.contains_key(&key) {
            cells.retain(|_, cell| Arc::strong_count(cell) > 1);
        }
        Arc::clone(cells.entry(key).or_default())
    }
}

impl<K: Clone + Eq + Hash, V: Clone> Cells<K, V> {
    /// What is known of `key` is wrong. What somebody is finding out stays.
    fn forget(&self, key: &K) {
        let mut cells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if cells.get(key).is_some_and(|cell| cell.get().is_some()) {
            cells.remove(key);
        }
    }

    /// Takes in what is known in `other`, which is newer.
    fn adopt(&self, other: &Self) {
        let newer = other.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, cell) in &*newer {
            if let Some(value) = cell.get() {
                self.cell(key.clone()).set(value);
            }
        }
    }
}

/// Content in one repository of one registry.
type Place = (Registry, Repository, Digest);

/// The maps of a run: where each blob has its home on a registry, and what is in each repository.
#[derive(Debug, Default)]
pub(super) struct Placement {
    homes: Cells<(Registry, Digest), Repository>,
    blobs: Cells<Place, ()>,
    manifests: Cells<Place, ()>,
    /// Blobs that a manifest in their home names.
    named: Mutex<HashSet<(Registry, Digest)>>,
    /// Did the first look into a repository find a blob?
    looks: Mutex<HashMap<(Registry, Repository), bool>>,
}

impl Placement {
    /// The first repository of `registry` that holds the blob.
    pub(super) fn home(&self, registry: &Registry, digest: &Digest) -> Arc<Cell<Repository>> {
        self.homes.cell((registry.clone(), digest.clone()))
    }

    /// Whether the blob is in `repository`.
    pub(super) fn blob(
        &self,
        registry: &Registry,
        repository: &Repository,
        digest: &Digest,
    ) -> Arc<Cell<()>> {
        self.blobs.cell((registry.clone(), repository.clone(), digest.clone()))
    }

    /// Whether the manifest with all that it names is in `repository`.
    pub(super) fn manifest(
        &self,
        registry: &Registry,
        repository: &Repository,
        digest: &Digest,
    ) -> Arc<Cell<()>> {
        self.manifests.cell((registry.clone(), repository.clone(), digest.clone()))
    }

    /// A manifest that names the blob is at `registry`.
    pub(super) fn name(&self, registry: &Registry, digest: &Digest) {
        let mut named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        named.insert((registry.clone(), digest.clone()));
    }

    /// Does a manifest at `registry` name the blob?
    pub(super) fn is_named(&self, registry: &Registry, digest: &Digest) -> bool {
        let named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        named.contains(&(registry.clone(), digest.clone()))
    }

    /// The registry lacks the blob: it is not in `repository`, and there is nowhere to mount it from.
    pub(super) fn forget_blob(
        &self,
        registry: &Registry,
        repository: &Repository,
        digest: &Digest,
    ) {
        let home = (registry.clone(), digest.clone());
        self.blobs.forget(&(registry.clone(), repository.clone(), digest.clone()));
        self.homes.forget(&home);
        self.named.lock().unwrap_or_else(PoisonError::into_inner).remove(&home);
    }

    /// The registry lacks the manifest, or something below it.
    pub(super) fn forget_manifest(
        &self,
        registry: &Registry,
        repository: &Repository,
        digest: &Digest,
    ) {
        self.manifests.forget(&(registry.clone(), repository.clone(), digest.clone()));
    }

    /// Takes in what one image has brought that believed nothing of this.
    pub(super) fn adopt(&self, brought: &Self) {
        self.homes.adopt(&brought.homes);
        self.blobs.adopt(&brought.blobs);
        self.manifests.adopt(&brought.manifests);
        let newer = brought.named.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.named.lock().unwrap_or_else(PoisonError::into_inner).extend(newer);
    }

    /// A look into `repository` found a blob, or did not.
    pub(super) fn looked(&self, registry: &Registry, repository: &Repository, found: bool) {
        let mut looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        *looks.entry((registry.clone(), repository.clone())).or_default() |= found;
    }

    /// Was a blob found in `repository` so far? If not, it is most likely empty; `None` where nobody
    /// looked yet.
    pub(super) fn found_in(&self, registry: &Registry, repository: &Repository) -> Option<bool> {
        let looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        looks.get(&(registry.clone(), repository.clone())).copied()
    }
}

/// Blobs of sources that are not what their digests say, so that nobody fetches them again in vain.
#[derive(Debug, Default)]
pub(super) struct BadContent(Mutex<HashMap<Place, RegistryError>>);

impl BadContent {
    /// What was wrong with the blob.
    pub(super) fn of(
        &self,
        registry: &Registry,
        repository: &Repository,
        digest: &Digest,
    ) -> Option<RegistryError> {
        let key = (registry.clone(), repository.clone(), digest.clone());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned()
    }

    /// It was wrong twice.
    pub(super) fn remember(
        &self,
        registry: &Registry,
        repository: &Repository,
        digest: &Digest,
        error: &RegistryError,
    ) {
        let key = (registry.clone(), repository.clone(), digest.clone());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key, error.clone());
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::{Cell, Placement};
    use crate::oci::Digest;
    use crate::transfer::seat::Seats;

    #[tokio::test]
    async fn a_cell_is_filled_once_and_a_failure_leaves_it_empty() {
        let seat = Seats::new(1).seat().await;
        let cell = Cell::default();
        let failed: Result<u8, &str> = cell.get_or_fill(&seat, async { Err("no") }).await;
        assert_eq!((failed, cell.get()), (Err("no"), None));
        let (end, ended) = tokio::sync::oneshot::channel::<u8>();
        let mut first =
            Box::pin(cell.get_or_fill(&seat, async { ended.await.map_err(|_| "gone") }));
        assert!((&mut first).now_or_never().is_none());
        let second_seat = Seats::new(1).seat().await;
        let mut second = Box::pin(cell.get_or_fill(&second_seat, async { Ok::<_, &str>(9) }));
        assert!((&mut second).now_or_never().is_none(), "somebody finds it out already");
        end.send(7).unwrap();
        assert_eq!((first.await, second.await), (Ok(7), Ok(7)));
    }

    #[tokio::test]
    async fn who_gives_up_leaves_it_to_the_next() {
        let seat = Seats::new(1).seat().await;
        let cell = Cell::<u8>::default();
        let gone = cell.get_or_fill(&seat, std::future::pending::<Result<u8, ()>>()).now_or_never();
        assert!(gone.is_none());
        assert_eq!(cell.get_or_fill(&seat, async { Ok::<_, ()>(1) }).await, Ok(1));
    }

    #[tokio::test]
    async fn what_was_wrong_is_forgotten_and_what_was_brought_is_known() {
        let seat = Seats::new(1).seat().await;
        let (registry, repository) = ("a.io".parse().unwrap(), "b".parse().unwrap());
        let (known, brought) = (Placement::default(), Placement::default());
        let (one, two) = (Digest::of(b"1"), Digest::of(b"2"));
        for digest in [&one, &two] {
            known.home(&registry, digest).set("gone".parse().unwrap());
            known.blob(&registry, &repository, digest).set(());
            known.name(&registry, digest);
        }
        known.forget_blob(&registry, &repository, &one);
        assert_eq!(known.home(&registry, &one).get(), None);
        assert_eq!(known.blob(&registry, &repository, &one).get(), None);
        assert!(!known.is_named(&registry, &one) && known.is_named(&registry, &two));

        let place = brought.blob(&registry, &repository, &one);
        place.get_or_fill(&seat, async { Ok::<_, ()>(()) }).await.unwrap();
        brought.home(&registry, &two).set(repository.clone());
        known.adopt(&brought);
        assert_eq!(known.blob(&registry, &repository, &one).get(), Some(()));
        assert_eq!(known.home(&registry, &two).get(), Some(repository));
    }

    #[tokio::test]
    async fn what_somebody_finds_out_is_not_forgotten() {
        let seat = Seats::new(1).seat().await;
        let (registry, repository) = ("a.io".parse().unwrap(), "b".parse().unwrap());
        let placement = Placement::default();
        let place = placement.blob(&registry, &repository, &Digest::of(b"1"));
        let (end, ended) = tokio::sync::oneshot::channel::<()>();
        let mut filling =
            Box::pin(place.get_or_fill(&seat, async { ended.await.map_err(|_| "gone") }));
        assert!((&mut filling).now_or_never().is_none());
        placement.forget_blob(&registry, &repository, &Digest::of(b"1"));
        end.send(()).unwrap();
        filling.await.unwrap();
        assert!(placement.blob(&registry, &repository, &Digest::of(b"1")).get().is_some());
    }

    #[test]
    fn what_was_found_in_a_repository_stays_found() {
        let placement = Placement::default();
        let (registry, repository) = ("a.io".parse().unwrap(), "b".parse().unwrap());
        assert_eq!(placement.found_in(&registry, &repository), None, "nobody looked yet");
        placement.looked(&registry, &repository, false);
        assert_eq!(placement.found_in(&registry, &repository), Some(false));
        placement.looked(&registry, &repository, true);
        placement.looked(&registry, &repository, false);
        assert_eq!(placement.found_in(&registry, &repository), Some(true));
        assert!(!placement.is_named(&registry, &Digest::of(b"x")));
    }
}
