//! The outcomes that a worker reports. Those of jobs that end at about the same time travel together.

use bytes::Bytes;
use longshore_engine::event::{Level, Transferred};
use longshore_engine::job::Outcome;
use longshore_store::Effort;
use serde::{Deserialize, Serialize};

use super::{WorkerName, encode};

/// The most notes that travel with an outcome, and the most bytes of each.
const NOTES: (usize, usize) = (32, 2048);
/// The most bytes of each text of an outcome that does not fit into a message.
const TEXT: usize = 64 * 1024;

/// A log line about a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Note {
    pub(crate) image: Option<u32>,
    pub(crate) level: Level,
    pub(crate) text: String,
}

/// Bytes of a job's blobs that needed no transfer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Saved {
    pub(crate) mounted: u64,
    pub(crate) present: u64,
    pub(crate) shared: u64,
}

impl Saved {
    /// The ways that saved something, with their bytes.
    pub(crate) fn each(self) -> impl Iterator<Item = (u64, Transferred)> {
        let all = [
            (self.mounted, Transferred::Mounted),
            (self.present, Transferred::Present),
            (self.shared, Transferred::Shared),
        ];
        all.into_iter().filter(|(size, _)| *size > 0)
    }

    fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// Counts a blob.
    pub(crate) const fn count(&mut self, size: u64, how: Transferred) {
        match how {
            Transferred::Moved => {}
            Transferred::Mounted => self.mounted += size,
            Transferred::Present => self.present += size,
            Transferred::Shared => self.shared += size,
        }
    }
}

/// The outcome of a job, with what the report wants to know of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EndedJob {
    pub(crate) job: u32,
    /// Boxed, because decoding moves it several times.
    pub(crate) outcome: Box<Outcome>,
    #[serde(default, skip_serializing_if = "Saved::is_nothing")]
    pub(crate) saved: Saved,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) notes: Vec<Note>,
}

impl EndedJob {
    /// Leaves out what is more than a message takes of one job.
    fn bound(&mut self) {
        self.notes.truncate(NOTES.0);
        for note in &mut self.notes {
            note.text.truncate(note.text.floor_char_boundary(NOTES.1));
        }
    }

    /// Leaves notes and findings out until the job is smaller.
    fn shrink(&mut self) {
        let outcome = &mut self.outcome;
        match &mut outcome.comparison {
            Some(comparison) if comparison.findings.len() > 1 => {
                comparison.findings.truncate(comparison.findings.len() / 2);
                comparison.src_spec.truncate(comparison.src_spec.len() / 2);
                comparison.dst_spec.truncate(comparison.dst_spec.len() / 2);
            }
            _ => {
                self.notes.clear();
                outcome.comparison = None;
                let texts = [
                    &mut outcome.digest_change,
                    &mut outcome.error,
                    &mut outcome.hint,
                    &mut outcome.reason,
                ];
                for text in texts.into_iter().flatten() {
                    text.truncate(text.floor_char_boundary(TEXT));
                }
            }
        }
    }
}

/// The outcomes of some jobs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ended {
    /// The id of the run.
    pub(crate) run: String,
    pub(crate) worker: WorkerName,
    pub(crate) jobs: Vec<EndedJob>,
    /// The worker's retries and pauses of the run until now, without the single pauses.
    pub(crate) effort: Effort,
}

impl Ended {
    /// Encodes the outcomes. Those that do not fit into one message become several; of a job that alone does not
    /// fit, notes and findings are left out.
    pub(crate) fn encode(mut self) -> Vec<Bytes> {
        self.effort.stores.iter_mut().for_each(|store| store.spans.clear());
        self.jobs.iter_mut().for_each(EndedJob::bound);
        self.parts()
    }

    fn parts(mut self) -> Vec<Bytes> {
        loop {
            match (encode(&self), self.jobs.as_mut_slice()) {
                (Ok(bytes), _) => return vec![bytes],
                (Err(_), [] | [_]) => {
                    self.jobs.iter_mut().for_each(EndedJob::shrink);
                    self.effort = Effort::default();
                }
                (Err(_), jobs) => {
                    let half = jobs.len() / 2;
                    let rest = Self { jobs: self.jobs.split_off(half), ..self.clone() };
                    let mut parts = self.parts();
                    parts.extend(rest.parts());
                    return parts;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use longshore_engine::job::{Comparison, Finding, Outcome, Status, Verdict};
    use longshore_store::Effort;

    use super::{Ended, EndedJob, Saved};
    use crate::message::{LARGEST, WorkerName, decode};

    fn job(job: u32, outcome: Outcome) -> EndedJob {
        let outcome = Box::new(outcome);
        EndedJob { job, outcome, saved: Saved::default(), notes: Vec::new() }
    }

    fn ended(jobs: Vec<EndedJob>) -> Ended {
        let worker = WorkerName { name: "w".into(), id: "1".into(), version: "0".into() };
        Ended { run: "r".into(), worker, jobs, effort: Effort::default() }
    }

    fn decoded(ended: Ended) -> Vec<Ended> {
        let parts = ended.encode();
        assert!(parts.iter().all(|bytes| bytes.len() <= LARGEST));
        parts.iter().map(|bytes| decode(bytes).unwrap()).collect()
    }

    #[test]
    fn outcomes_travel_together() {
        let told =
            ended((1..=256).map(|number| job(number, Outcome::new(Status::Copied))).collect());
        assert_eq!(decoded(told.clone()), [told]);
    }

    #[test]
    fn outcomes_that_do_not_fit_into_one_message_become_several() {
        let long = |size: usize| Outcome::failed("x".repeat(size));
        for (sizes, parts) in [
            (vec![LARGEST / 2; 3], 3),
            (vec![LARGEST / 2, LARGEST / 2, 10], 2),
            (vec![1000; 2000], 4),
            (vec![LARGEST, 7, LARGEST], 3),
        ] {
            let jobs = (1..).zip(&sizes).map(|(number, size)| job(number, long(*size)));
            let told = decoded(ended(jobs.collect()));
            let all: Vec<u32> =
                told.iter().flat_map(|part| &part.jobs).map(|job| job.job).collect();
            assert_eq!(told.len(), parts, "{} outcomes", sizes.len());
            assert!(all.iter().copied().eq((1..).take(sizes.len())), "{all:?}");
        }
    }

    #[test]
    fn an_outcome_that_is_too_large_keeps_what_matters() {
        let finding = Finding::differs("arch", "a".repeat(500), "b".repeat(500));
        let mut outcome = Outcome::failed("x".repeat(LARGEST));
        outcome.comparison = Some(Box::new(Comparison {
            verdict: Verdict::Altered,
            findings: vec![finding; 1000],
            src_spec: Vec::new(),
            dst_spec: Vec::new(),
        }));
        let told = decoded(ended(vec![job(3, outcome)]));
        let [Ended { jobs, .. }] = &told[..] else { panic!("one message") };
        assert_eq!(jobs[0].job, 3);
        assert!(jobs[0].outcome.error.as_ref().unwrap().starts_with("xxx"));
    }
}
