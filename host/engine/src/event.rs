//! What transfer and validation tell the report while they work.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::job::Outcome;
use longshore_oci::Digest;

/// How much a note matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Level {
    /// Shown with `--debug` only.
    Debug,
    /// What happens.
    Info,
    /// Something is odd, and the work goes on.
    Warning,
    /// Something failed.
    Error,
}

/// How bytes or a blob got to the destination, or why they did not have to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Transferred {
    /// It was downloaded and uploaded.
    Moved,
    /// The destination registry mounted it from another of its repositories.
    Mounted,
    /// It was there already.
    Present,
    /// Another image of this run brings it.
    Shared,
}

/// Something happened to the job with the number `job`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Event {
    /// Work on the job begins.
    Started {
        /// The job's number.
        job: u32,
    },
    /// The job needs a blob of `size` bytes; bars grow by it.
    BlobPlanned {
        /// The job's number.
        job: u32,
        /// Bytes.
        size: u64,
    },
    /// So many bytes went from source to destination just now.
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
        /// Its digest.
        digest: Digest,
        /// Bytes.
        size: u64,
        /// How it got there.
        how: Transferred,
    },
    /// A remark for the log.
    Note {
        /// The job's number; 0 is the run as a whole.
        job: u32,
        /// The child's number in an index, from 1: the `IMG_ID` of log lines.
        image: Option<u32>,
        /// How much it matters.
        level: Level,
        /// One line.
        text: String,
    },
    /// What the whole run had to do again, or to wait for; the last event of a run.
    Effort {
        /// Requests that were made again.
        retries: u64,
        /// Pauses that registries asked for.
        pauses: u64,
        /// How long these were together.
        paused: Duration,
    },
    /// The job ended.
    Finished {
        /// The job's number.
        job: u32,
        /// How.
        outcome: Outcome,
    },
}

/// Where events go. Sending never waits; a report that is gone is ignored.
#[derive(Clone, Debug)]
pub struct EventSender(mpsc::UnboundedSender<Event>);

impl EventSender {
    /// A sender and the receiver that the report reads.
    pub fn channel() -> (Self, mpsc::UnboundedReceiver<Event>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self(sender), receiver)
    }

    /// Tells the report.
    pub fn send(&self, event: Event) {
        // The receiver lives as long as the run; after it nobody wants to know.
        let _gone = self.0.send(event);
    }

    /// A remark for the log.
    pub fn note(&self, job: u32, image: Option<u32>, level: Level, text: impl Into<String>) {
        self.send(Event::Note { job, image, level, text: text.into() });
    }
}
