//! Homes of blobs that several processes share, so that one of them uploads each blob.
//!
//! The map of a process (`known_content.rs`) asks here before it sends a blob that it knows no home of.

use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use longshore_oci::{Descriptor, Repository, StoreName};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The most large blobs that this process has claimed and that do not move yet. More would keep blobs from
/// processes that could send them now.
const WAITING: usize = 2;
/// Blobs below this size, in bytes, move as soon as they are claimed.
const LARGE: u64 = 1024 * 1024;

/// Decides which of several processes places a blob in a store.
pub trait SharedHomes: Debug + Send + Sync {
    /// Claims `blob` in `store`. `None` if another process holds the claim.
    ///
    /// This never fails: if the processes cannot agree, each sends the blob itself.
    fn claim<'a>(
        &'a self,
        store: &'a StoreName,
        blob: &'a Descriptor,
    ) -> BoxFuture<'a, Option<SharedHome>>;

    /// Waits until no process holds the claim of `blob` in `store`.
    fn unclaimed<'a>(&'a self, store: &'a StoreName, blob: &'a Descriptor) -> BoxFuture<'a, ()>;
}

/// The answer to a claim.
#[derive(Debug)]
pub enum SharedHome {
    /// This process places the blob.
    Claimed(Box<dyn HomeClaim>),
    /// Another process has placed the blob.
    Placed {
        /// The repository that holds it.
        repository: Repository,
        /// Whether that process wrote it there, or compared its size.
        is_checked: bool,
    },
}

/// A claim that this process holds. It is given up on drop.
pub trait HomeClaim: Debug + Send {
    /// Tells the other processes that `repository` holds the blob; `is_checked` if this process wrote it
    /// there or compared its size.
    fn placed(self: Box<Self>, repository: Repository, is_checked: bool) -> BoxFuture<'static, ()>;
}

/// The turns of this process to claim large blobs. Clones share state.
#[derive(Clone, Debug)]
pub(super) struct ClaimTurns(Arc<Semaphore>);

impl Default for ClaimTurns {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(WAITING)))
    }
}

impl ClaimTurns {
    /// Claims `blob` in `store`, when few others of this process wait. Waits while another process holds the
    /// claim.
    pub(super) async fn claim(
        &self,
        homes: &dyn SharedHomes,
        store: &StoreName,
        blob: &Descriptor,
    ) -> (SharedHome, ClaimTurn) {
        loop {
            let turn = if blob.size < LARGE {
                ClaimTurn::default()
            } else {
                // The semaphore is never closed.
                ClaimTurn(Mutex::new(Arc::clone(&self.0).acquire_owned().await.ok()))
            };
            if let Some(home) = homes.claim(store, blob).await {
                return (home, turn);
            }
            drop(turn);
            homes.unclaimed(store, blob).await;
        }
    }
}

/// The turn of a claimed blob. It ends on drop.
#[derive(Debug, Default)]
pub(super) struct ClaimTurn(Mutex<Option<OwnedSemaphorePermit>>);

impl ClaimTurn {
    /// Ends the turn: the blob moves.
    pub(super) fn end(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use futures_util::FutureExt as _;
    use futures_util::future::{BoxFuture, pending, ready};
    use longshore_oci::{Descriptor, Registry, StoreName};

    use super::{ClaimTurns, HomeClaim, LARGE, SharedHome, SharedHomes, WAITING};

    /// Homes of a process to which others leave all blobs but the one of this size.
    #[derive(Debug, Default)]
    struct Homes {
        taken: u64,
        claimed: Mutex<Vec<u64>>,
    }

    #[derive(Debug)]
    struct Claim;

    impl HomeClaim for Claim {
        fn placed(
            self: Box<Self>,
            _: longshore_oci::Repository,
            _: bool,
        ) -> BoxFuture<'static, ()> {
            ready(()).boxed()
        }
    }

    impl SharedHomes for Homes {
        fn claim<'a>(
            &'a self,
            _: &'a StoreName,
            blob: &'a Descriptor,
        ) -> BoxFuture<'a, Option<SharedHome>> {
            let is_free = blob.size != self.taken;
            if is_free {
                self.claimed.lock().unwrap().push(blob.size);
            }
            ready(is_free.then(|| SharedHome::Claimed(Box::new(Claim)))).boxed()
        }

        fn unclaimed<'a>(&'a self, _: &'a StoreName, _: &'a Descriptor) -> BoxFuture<'a, ()> {
            pending().boxed()
        }
    }

    fn blob(size: u64) -> Descriptor {
        let digest = format!("sha256:{size:064x}");
        let media_type = "application/octet-stream";
        let descriptor =
            format!(r#"{{"mediaType":"{media_type}","digest":"{digest}","size":{size}}}"#);
        serde_json::from_str(&descriptor).unwrap()
    }

    #[test]
    fn few_large_blobs_are_claimed_before_they_move() {
        let store: StoreName = "r.io".parse::<Registry>().unwrap().into();
        let (turns, homes) =
            (ClaimTurns::default(), Homes { taken: LARGE + 9, ..Homes::default() });
        let claim = |size| {
            let (turns, homes, store) = (&turns, &homes, &store);
            async move { turns.claim(homes, store, &blob(size)).await.1 }.boxed()
        };
        let mut held: Vec<_> =
            (0..WAITING as u64).map(|more| claim(LARGE + more).now_or_never().unwrap()).collect();
        let mut next = claim(LARGE + 7);
        assert!(next.as_mut().now_or_never().is_none());
        // Small ones do not wait.
        assert!(claim(LARGE - 1).now_or_never().is_some());
        // One of them moves.
        held[0].end();
        let next = next.now_or_never().unwrap();
        // A blob that another process has claimed keeps no turn.
        held.clear();
        let mut elsewhere = claim(LARGE + 9);
        assert!(elsewhere.as_mut().now_or_never().is_none());
        assert!(claim(LARGE + 8).now_or_never().is_some());
        drop(next);
        assert_eq!(
            *homes.claimed.lock().unwrap(),
            [0, 1, u64::MAX, 7, 8].map(|n| LARGE.wrapping_add(n))
        );
    }
}
