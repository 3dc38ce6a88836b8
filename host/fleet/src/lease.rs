//! The lease of a coordinator: of two coordinators with the same run name, only one works.

use std::sync::Arc;
use std::time::Duration;

use longshore_store::Interrupt;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::bucket::{Bucket, WriteError};
use crate::error::FleetError;
use crate::message::{decode, encode};
use crate::name::RunName;

/// How long a lease lasts without renewal.
const LEASE: Duration = Duration::from_secs(12);
/// How often it is renewed.
const RENEWED: Duration = Duration::from_secs(3);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Holder {
    id: String,
    machine: String,
    process: u32,
}

impl Holder {
    /// This process, encoded.
    fn this(id: &str, machine: &str) -> bytes::Bytes {
        let holder =
            Self { id: id.to_owned(), machine: machine.to_owned(), process: std::process::id() };
        encode(&holder).unwrap_or_default()
    }
}

/// A held lease. It is no longer renewed after a drop.
#[derive(Debug)]
pub(crate) struct Lease {
    renewing: JoinHandle<()>,
    lost: watch::Receiver<bool>,
    /// Why the last renewal failed.
    refused: watch::Receiver<Option<Arc<FleetError>>>,
    pub(crate) key: String,
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.renewing.abort();
    }
}

impl Lease {
    /// Takes the lease of a run. Waits until the lease of a coordinator that was killed lapses; `None` after
    /// an interrupt.
    ///
    /// # Errors
    /// If another coordinator renews it, or the server does not answer.
    pub(crate) async fn take(
        bucket: &Bucket,
        name: &RunName,
        id: &str,
        machine: &str,
        interrupt: &mut Interrupt,
    ) -> Result<Option<Self>, FleetError> {
        let key = name.lease();
        let value = Holder::this(id, machine);
        let deadline = Instant::now() + LEASE + RENEWED;
        let (mut seen, mut expected) = (None, 0);
        loop {
            match bucket.write(&key, value.clone(), Some(expected), Some(LEASE)).await {
                Ok(revision) => return Ok(Some(Self::renew(bucket, key, value, revision))),
                Err(WriteError::Failed(error)) => return Err(error),
                Err(WriteError::Conflict) => {}
            }
            let Some(found) = bucket.get(&key).await? else {
                expected = 0;
                continue;
            };
            let Some(holder) = found.value else {
                expected = found.revision;
                continue;
            };
            let renewed = seen.is_some_and(|revision| revision != found.revision);
            if renewed || Instant::now() > deadline {
                let holder = match decode::<Holder>(&holder) {
                    Ok(holder) => format!("process {} on {}", holder.process, holder.machine),
                    Err(_) => "of another version".to_owned(),
                };
                return Err(FleetError::AnotherCoordinator { name: name.to_string(), holder });
            }
            if seen.is_none() {
                tracing::info!(
                    "the run {name} has a coordinator, or had one until a moment ago; waiting up to {} s to find out",
                    (LEASE + RENEWED).as_secs()
                );
            }
            seen = Some(found.revision);
            tokio::select! {
                () = sleep(Duration::from_millis(500)) => {}
                () = interrupt.raised() => return Ok(None),
            }
        }
    }

    /// Takes the lease of a run if nobody holds it at the moment.
    ///
    /// # Errors
    /// If the server does not answer.
    pub(crate) async fn take_free(
        bucket: &Bucket,
        name: &RunName,
        id: &str,
        machine: &str,
    ) -> Result<Option<Self>, FleetError> {
        let key = name.lease();
        let expected = match bucket.get(&key).await? {
            None => 0,
            Some(found) if found.value.is_none() => found.revision,
            Some(_) => return Ok(None),
        };
        let value = Holder::this(id, machine);
        match bucket.write(&key, value.clone(), Some(expected), Some(LEASE)).await {
            Ok(revision) => Ok(Some(Self::renew(bucket, key, value, revision))),
            Err(WriteError::Conflict) => Ok(None),
            Err(WriteError::Failed(error)) => Err(error),
        }
    }

    /// Gives the lease up; it lapses if the server does not answer.
    pub(crate) async fn release(self, bucket: &Bucket) {
        let _lapses = bucket.delete(&self.key, None).await;
    }

    fn renew(bucket: &Bucket, key: String, value: bytes::Bytes, mut revision: u64) -> Self {
        let (tell, lost) = watch::channel(false);
        let (refuse, refused) = watch::channel(None);
        let (bucket, renewed_key) = (bucket.clone(), key.clone());
        let renewing = tokio::spawn(async move {
            loop {
                sleep(RENEWED).await;
                match bucket.write(&renewed_key, value.clone(), Some(revision), Some(LEASE)).await {
                    Ok(next) => {
                        revision = next;
                        refuse.send_replace(None);
                    }
                    // The server is away or full. The lease may lapse; then it is created again.
                    Err(WriteError::Failed(error)) => {
                        tracing::debug!("{error}");
                        refuse.send_replace(Some(Arc::new(error)));
                    }
                    Err(WriteError::Conflict) => match bucket.get(&renewed_key).await {
                        Ok(None) => revision = 0,
                        // It was written, and the answer was lost.
                        Ok(Some(found)) if found.value.as_ref() == Some(&value) => {
                            revision = found.revision;
                        }
                        Ok(Some(_)) => {
                            let _gone = tell.send(true);
                            return;
                        }
                        Err(error) => tracing::debug!("{error}"),
                    },
                }
            }
        });
        Self { renewing, lost, refused, key }
    }

    /// Why the server did not take the last renewal.
    pub(crate) fn refused(&self) -> Option<Arc<FleetError>> {
        self.refused.borrow().clone()
    }

    /// Waits until another coordinator has taken the run over.
    pub(crate) async fn lost(&mut self) {
        if self.lost.wait_for(|lost| *lost).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
