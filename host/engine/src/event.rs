//! Events that copying and validation send to the report.

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::job::Outcome;
use longshore_oci::Digest;
use longshore_store::Effort;

/// The level of a note.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Level {
    /// Shown with `--debug` only.
    Debug,
    /// Normal progress.
    Info,
    /// Unusual, but the work continues.
    Warning,
    /// A failure.
    Error,
}

/// How a blob got to the destination, or why it was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Transferred {
    /// It was downloaded and uploaded.
    Moved,
    /// The destination registry mounted it from another of its repositories.
    Mounted,
    /// The destination had it already.
    Present,
    /// Another image of this run transfers it.
    Shared,
}

/// What one worker of a fleet has done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkerShare {
    /// The worker's name.
    pub name: String,
    /// Its version of longshore.
    pub version: String,
    /// Jobs that it works on.
    #[serde(skip)]
    pub running: u32,
    /// Jobs that it ended.
    pub jobs: u32,
    /// The part of these jobs that failed.
    pub failed: u32,
    /// Bytes of blobs and manifests that it transferred for them.
    pub bytes: u64,
    /// Requests that it retried.
    pub retries: u64,
    /// Pauses for throttled registries.
    pub pauses: u64,
}

/// An event of the job with the number `job`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Event {
    /// Work on the job starts.
    Started {
        /// The job's number.
        job: u32,
    },
    /// The job needs a blob of `size` bytes; progress bars grow by it.
    BlobPlanned {
        /// The job's number.
        job: u32,
        /// The blob's size, in bytes.
        size: u64,
    },
    /// Bytes moved from source to destination.
    Progress {
        /// The job's number.
        job: u32,
        /// Bytes since the last event of this kind.
        bytes: u64,
    },
    /// A blob is at the destination.
    BlobPlaced {
        /// The job's number.
        job: u32,
        /// The blob's digest.
        digest: Digest,
        /// The blob's size, in bytes.
        size: u64,
        /// How it got there.
        how: Transferred,
    },
    /// A message for the log.
    Note {
        /// The job's number; 0 stands for the whole run.
        job: u32,
        /// The child's number in an index, from 1: the `IMG_ID` of log lines.
        image: Option<u32>,
        /// The level.
        level: Level,
        /// The message, one line.
        text: String,
    },
    /// Something was created for the run, and lacks what was configured for it: a warning, which the summary repeats.
    Shortfall {
        /// What lacks what, one line.
        text: String,
    },
    /// The retries and pauses of the whole run; the last event of a run.
    Effort(Effort),
    /// Bytes of a job's blobs that needed no transfer. A worker of a fleet sends sums, not blobs.
    BytesSaved {
        /// The job's number.
        job: u32,
        /// The sum of the blobs' sizes, in bytes.
        size: u64,
        /// How they got there.
        how: Transferred,
    },
    /// What a worker of a fleet has done so far; the last event of a worker counts.
    Worker(WorkerShare),
    /// The job ended.
    Finished {
        /// The job's number.
        job: u32,
        /// The job's outcome.
        outcome: Box<Outcome>,
    },
}

/// Sends events to the report. Sending never blocks; events after the report has ended are dropped.
#[derive(Clone, Debug)]
pub struct EventSender(mpsc::UnboundedSender<Event>);

impl EventSender {
    /// Makes a sender, and the receiver that the report reads.
    pub fn channel() -> (Self, mpsc::UnboundedReceiver<Event>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self(sender), receiver)
    }

    /// Sends an event.
    pub fn send(&self, event: Event) {
        // The receiver lives until the end of the run; later events do not matter.
        let _gone = self.0.send(event);
    }

    /// Makes a sender that does not keep the report waiting: a connection to a registry that takes nothing more may
    /// hold one for ever.
    pub(crate) fn downgraded(&self) -> WeakEventSender {
        WeakEventSender(self.0.downgrade())
    }

    /// Sends a message for the log.
    pub fn note(&self, job: u32, image: Option<u32>, level: Level, text: impl Into<String>) {
        self.send(Event::Note { job, image, level, text: text.into() });
    }
}

/// An [`EventSender`] whose events are dropped when no other sender is left.
#[derive(Clone, Debug)]
pub(crate) struct WeakEventSender(mpsc::WeakUnboundedSender<Event>);

impl WeakEventSender {
    /// Sends an event.
    pub(crate) fn send(&self, event: Event) {
        if let Some(sender) = self.0.upgrade() {
            EventSender(sender).send(event);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Event, EventSender};

    #[tokio::test]
    async fn a_sender_of_progress_does_not_keep_the_report_waiting() {
        let (sender, mut received) = EventSender::channel();
        let (progress, other) = (sender.downgraded(), sender.clone());
        progress.send(Event::Progress { job: 1, bytes: 5 });
        assert!(matches!(received.recv().await, Some(Event::Progress { job: 1, bytes: 5 })));
        drop(sender);
        progress.send(Event::Progress { job: 1, bytes: 6 });
        other.send(Event::Started { job: 2 });
        drop(other);
        assert!(matches!(received.recv().await, Some(Event::Progress { bytes: 6, .. })));
        assert!(matches!(received.recv().await, Some(Event::Started { job: 2 })));
        progress.send(Event::Progress { job: 1, bytes: 7 });
        assert!(received.recv().await.is_none(), "the report ends");
    }
}
