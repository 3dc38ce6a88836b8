//! The places of blobs: one upload of a blob per run and registry, over all workers.
//!
//! A worker claims a blob, sends it, and says where it is; the others mount it from there. A claim lapses
//! if its worker dies. Without an answer of NATS, a worker sends the blob without a claim.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use longshore_engine::copy::{HomeClaim, SharedHome, SharedHomes};
use longshore_oci::{Descriptor, Digest, Repository, StoreName};
use sha2::{Digest as _, Sha256};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use crate::bucket::{Bucket, WriteError};
use crate::connection::Connection;
use crate::error::FleetError;
use crate::message::{Place, decode, encode};
use crate::worker::Metrics;

/// Blobs below this size, in bytes, are not claimed: sending one twice costs less than asking.
const SMALLEST: u64 = 128 * 1024;
/// How long a claim lasts without renewal.
const CLAIM: Duration = Duration::from_secs(30);
/// How often it is renewed.
const RENEWED: Duration = Duration::from_secs(10);
/// The first and the longest pause between looks at another worker's claim.
const LOOKS: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(500));
/// The pause before the end of a claim is told again.
const AGAIN: Duration = Duration::from_millis(500);
/// How long an image waits until the end of its claim is told. A server that is slow gets it later.
const TOLD: Duration = Duration::from_secs(1);

/// What NATS knows of a blob.
#[derive(Debug)]
enum Found {
    /// No worker holds it; its revision, or 0 for none.
    Free(u64),
    /// The claim that is being made, with its revision: only the answer was lost.
    Own(u64),
    Claimed,
    Placed(SharedHome),
    /// NATS does not answer, or its answer is not valid.
    Unknown,
}

/// The places of the blobs of a run.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    connection: Connection,
    bucket: Bucket,
    /// The worker's id.
    id: String,
    /// The number of claims until now, which tells them apart.
    claims: Arc<AtomicU64>,
    metrics: Arc<Metrics>,
}

impl Places {
    pub(crate) fn new(
        connection: Connection,
        bucket: Bucket,
        id: String,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self { connection, bucket, id, claims: Arc::default(), metrics }
    }

    /// The claim of a blob that no other process is asked about.
    fn alone() -> SharedHome {
        SharedHome::Claimed(Box::new(Unshared))
    }

    async fn claim_blob(&self, store: &StoreName, blob: &Descriptor) -> Option<SharedHome> {
        if blob.size < SMALLEST || !self.connection.is_up() {
            return Some(Self::alone());
        }
        let key = key(store, &blob.digest);
        let number = self.claims.fetch_add(1, Ordering::Relaxed);
        let value = encode(&Place::Claimed(format!("{}.{number}", self.id))).unwrap_or_default();
        let (mut expected, mut has_failed) = (0, false);
        loop {
            match self.take(&key, &value, expected).await {
                Ok(held) => return Some(self.won(held)),
                Err(WriteError::Conflict) => {}
                // A slow server may have stored the claim. Forgotten, it would keep other workers from the blob
                // until it lapses.
                Err(WriteError::Failed(error)) => {
                    tracing::debug!("{}: {error}", blob.digest);
                    if error.is_permission() || std::mem::replace(&mut has_failed, true) {
                        return Some(Self::alone());
                    }
                }
            }
            match self.look(&key, Some(&value)).await {
                Found::Free(revision) => expected = revision,
                Found::Own(revision) => return Some(self.won(self.hold(key, value, revision))),
                Found::Claimed => return None,
                Found::Placed(home) => {
                    self.metrics.claims_lost.fetch_add(1, Ordering::Relaxed);
                    return Some(home);
                }
                Found::Unknown => return Some(Self::alone()),
            }
        }
    }

    fn won(&self, held: Held) -> SharedHome {
        self.metrics.claims_won.fetch_add(1, Ordering::Relaxed);
        SharedHome::Claimed(Box::new(held))
    }

    /// Looks until no worker holds the claim of a blob, or until nothing can be known of it.
    async fn wait(&self, store: &StoreName, blob: &Descriptor) {
        let key = key(store, &blob.digest);
        let mut pause = LOOKS.0;
        while let Found::Claimed = self.look(&key, None).await {
            sleep(pause).await;
            pause = (pause * 2).min(LOOKS.1);
        }
    }

    /// Looks at a key. `own` is the value of a claim that is being made.
    async fn look(&self, key: &str, own: Option<&Bytes>) -> Found {
        let found = match self.bucket.get(key).await {
            Ok(Some(found)) => found,
            Ok(None) => return Found::Free(0),
            Err(error) => {
                tracing::debug!("{key}: sent without a claim: {error}");
                return Found::Unknown;
            }
        };
        if own.is_some() && found.value.as_ref() == own {
            return Found::Own(found.revision);
        }
        match found.value.map(|value| decode::<Place>(&value)) {
            // Its claim was given up.
            None => Found::Free(found.revision),
            // A write with its revision would take the claim from its worker.
            Some(Ok(Place::Claimed(_))) => Found::Claimed,
            Some(Ok(Place::Placed { repository, is_checked })) => {
                Found::Placed(SharedHome::Placed { repository, is_checked })
            }
            Some(Err(why)) => {
                tracing::warn!("the place {key} in NATS is not valid, sent without a claim: {why}");
                Found::Unknown
            }
        }
    }

    /// Claims a key. An image that is interrupted meanwhile does not keep the claim: a task of its own drops
    /// it then, and so gives it up.
    async fn take(&self, key: &str, value: &Bytes, expected: u64) -> Result<Held, WriteError> {
        let (places, key, value) = (self.clone(), key.to_owned(), value.clone());
        let taking = tokio::spawn(async move {
            let written = places.bucket.write(&key, value.clone(), Some(expected), Some(CLAIM));
            let revision = written.await?;
            Ok(places.hold(key, value, revision))
        });
        // The task neither panics nor is aborted; a conflict would only ask again.
        taking.await.unwrap_or(Err(WriteError::Conflict))
    }

    /// Renews a claim until it is dropped.
    fn hold(&self, key: String, value: Bytes, revision: u64) -> Held {
        let (bucket, of_task, claim) = (self.bucket.clone(), key.clone(), value.clone());
        let (tell, revision) = tokio::sync::watch::channel(revision);
        let renewing = tokio::spawn(async move {
            loop {
                sleep(RENEWED).await;
                let held = *tell.borrow();
                match renew(&bucket, &of_task, &value, held).await {
                    Ok(Some(next)) => {
                        tell.send_replace(next);
                    }
                    Ok(None) => return tracing::debug!("the claim {of_task} had lapsed"),
                    Err(error) => tracing::debug!("{error}"),
                }
            }
        });
        Held { bucket: self.bucket.clone(), key, claim, revision, renewing, is_told: false }
    }
}

impl SharedHomes for Places {
    fn claim<'a>(
        &'a self,
        store: &'a StoreName,
        blob: &'a Descriptor,
    ) -> BoxFuture<'a, Option<SharedHome>> {
        self.claim_blob(store, blob).boxed()
    }

    fn unclaimed<'a>(&'a self, store: &'a StoreName, blob: &'a Descriptor) -> BoxFuture<'a, ()> {
        self.wait(store, blob).boxed()
    }
}

/// The key of a blob in a registry.
fn key(store: &StoreName, digest: &Digest) -> String {
    let registry: String = Sha256::digest(store.to_string().as_bytes())
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("{registry}.{}", digest.to_string().replace(':', "-"))
}

/// A claim that NATS does not know of.
#[derive(Debug)]
struct Unshared;

impl HomeClaim for Unshared {
    fn placed(self: Box<Self>, _repository: Repository, _checked: bool) -> BoxFuture<'static, ()> {
        std::future::ready(()).boxed()
    }
}

/// A claim that this worker holds.
#[derive(Debug)]
struct Held {
    bucket: Bucket,
    key: String,
    /// The value of the claim.
    claim: Bytes,
    /// The claim's revision, which renewals change.
    revision: tokio::sync::watch::Receiver<u64>,
    renewing: JoinHandle<()>,
    is_told: bool,
}

impl HomeClaim for Held {
    fn placed(
        mut self: Box<Self>,
        repository: Repository,
        is_checked: bool,
    ) -> BoxFuture<'static, ()> {
        async move {
            self.renewing.abort();
            self.is_told = true;
            let place = encode(&Place::Placed { repository, is_checked }).unwrap_or_default();
            let telling = tokio::spawn(self.end(Some(place)));
            let _later = timeout(TOLD, telling).await;
        }
        .boxed()
    }
}

impl Held {
    /// Ends the claim: writes the place of its blob, or gives the claim up. Goes on for as long as the claim
    /// would last: without the place, the next worker sends the blob again.
    fn end(&self, place: Option<Bytes>) -> impl Future<Output = ()> + Send + 'static {
        let (bucket, key, claim) = (self.bucket.clone(), self.key.clone(), self.claim.clone());
        let mut revision = *self.revision.borrow();
        async move {
            let until = Instant::now() + CLAIM;
            while let Err(error) = end(&bucket, &key, &claim, &mut revision, place.as_ref()).await {
                tracing::debug!("{error}");
                if error.is_permission() || Instant::now() > until {
                    return;
                }
                sleep(AGAIN).await;
            }
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.renewing.abort();
        if self.is_told {
            return;
        }
        // The blob was not placed: another worker may try at once.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(self.end(None));
        }
    }
}

/// Renews a claim. Returns its new revision; `None` if another worker has the blob by now.
///
/// # Errors
/// If the server does not answer.
async fn renew(
    bucket: &Bucket,
    key: &str,
    claim: &Bytes,
    mut revision: u64,
) -> Result<Option<u64>, FleetError> {
    loop {
        match bucket.write(key, claim.clone(), Some(revision), Some(CLAIM)).await {
            Ok(next) => return Ok(Some(next)),
            Err(WriteError::Failed(error)) => return Err(error),
            Err(WriteError::Conflict) => match writable(bucket, key, claim).await? {
                Some(found) => revision = found,
                None => return Ok(None),
            },
        }
    }
}

/// Ends a claim: writes the place of its blob, or deletes its key. Does nothing if another worker has the blob by
/// now: two places are both right.
///
/// # Errors
/// If the server does not answer.
async fn end(
    bucket: &Bucket,
    key: &str,
    claim: &Bytes,
    revision: &mut u64,
    place: Option<&Bytes>,
) -> Result<(), FleetError> {
    loop {
        let written = match place {
            Some(place) => bucket.write(key, place.clone(), Some(*revision), None).await,
            None => bucket.delete(key, Some(*revision)).await,
        };
        match written {
            Ok(_) => return Ok(()),
            Err(WriteError::Failed(error)) => return Err(error),
            Err(WriteError::Conflict) => match writable(bucket, key, claim).await? {
                Some(found) => *revision = found,
                None => return Ok(()),
            },
        }
    }
}

/// The revision that the next write of a claim must name: of the claim, which a renewal without an answer may have
/// changed, or of its key after it lapsed. `None` if another worker has the blob.
async fn writable(bucket: &Bucket, key: &str, claim: &Bytes) -> Result<Option<u64>, FleetError> {
    Ok(match bucket.get(key).await? {
        None => Some(0),
        Some(found) if found.value.as_ref().is_none_or(|value| value == claim) => {
            Some(found.revision)
        }
        Some(_) => None,
    })
}
