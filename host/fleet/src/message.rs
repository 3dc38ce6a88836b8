//! The messages of a fleet. None has a credential in it: each worker reads its own.
//!
//! What arrives is checked as input: its size first, then every name and digest by its type.

mod ended;

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::time::Duration;

use bytes::Bytes;
use longshore_engine::IndexMode;
use longshore_engine::job::Job;
use longshore_oci::{Registry, Repository};
use longshore_store::Effort;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub(crate) use ended::{Ended, EndedJob, Note, Saved};

/// The version of the messages. Workers and coordinators of different versions do not work together.
pub(crate) const PROTOCOL: u32 = 2;
/// The version of longshore.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The most jobs in a batch.
pub(crate) const BATCH: usize = 32;
/// The most workers that a batch names as unable to reach a registry. The last one reports its error.
pub(crate) const UNREACHED: usize = 8;
/// The largest message, in bytes. A server accepts 1 MiB unless it is configured otherwise.
pub(crate) const LARGEST: usize = 768 * 1024;

/// Options of a run that are the same on every worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunOptions {
    /// Whether certificates of registries are verified.
    pub tls_verify: bool,
    /// The registries whose certificates are not verified in any case.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub insecure: Vec<Registry>,
    /// How long to wait for a throttled registry.
    pub max_wait: Duration,
    /// How often a request that failed is sent again.
    pub retries: usize,
    /// The most bytes of layers per second, of all workers together, in each direction.
    pub limit_rate: Option<NonZeroU64>,
    /// The time of one image, if it is limited.
    pub timeout: Option<Duration>,
    /// The registry that receives `DOCKER_USERNAME` and `DOCKER_PASSWORD` of each worker.
    pub named: Option<Registry>,
    /// How indexes are written.
    pub index: IndexMode,
    /// Whether it is a failure if nothing matches the platform filter.
    pub no_platform_fails: bool,
    /// Whether referrers are copied or compared too.
    pub referrers: bool,
    /// What a repository type says of each registry, as keys and values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub described: BTreeMap<Registry, Vec<(String, String)>>,
    /// What to do with each job.
    pub task: Task,
}

/// What a run does with its jobs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Task {
    /// `mirror`
    #[serde(rename_all = "camelCase")]
    Copy {
        /// Trust no tag at the destination.
        force_recursive: bool,
        /// Read all content at the destination, and send again what is corrupt.
        deep: bool,
        /// Repositories whose preparation failed, with the error.
        unprepared: BTreeMap<String, String>,
    },
    /// `mirror-validate`
    #[serde(rename_all = "camelCase")]
    Compare {
        /// Download and hash each blob.
        deep: bool,
        /// Repositories that cannot exist yet, and why.
        missing: BTreeMap<String, String>,
    },
}

impl RunOptions {
    /// The options that decide whether two runs are the same; what a preparation said may differ.
    pub(crate) fn lasting(&self) -> Self {
        let mut lasting = self.clone();
        lasting.described.clear();
        match &mut lasting.task {
            Task::Copy { unprepared, .. } => unprepared.clear(),
            Task::Compare { missing, .. } => missing.clear(),
        }
        lasting
    }
}

/// The state of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum State {
    /// The coordinator publishes the batches.
    Publishing,
    /// All batches are published.
    Running,
    /// The coordinator was interrupted: no new work starts.
    Stopping,
}

/// A run, as it lies in the bucket of all runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RunRecord {
    pub(crate) protocol: u32,
    pub(crate) version: String,
    pub(crate) name: String,
    /// Distinguishes the run from an earlier one of the same name.
    pub(crate) id: String,
    /// The digest of jobs, options and version.
    pub(crate) plan: String,
    pub(crate) jobs: u32,
    pub(crate) state: State,
    pub(crate) options: RunOptions,
}

/// The part of a run's record that every version can read.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RunHead {
    pub(crate) protocol: u32,
    pub(crate) version: String,
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) plan: String,
}

impl RunHead {
    /// Why a worker or a coordinator of this version cannot take part in the run.
    pub(crate) fn difference(&self) -> Option<String> {
        if self.version != VERSION {
            return Some(format!("longshore {}, and this is {VERSION}", self.version));
        }
        (self.protocol != PROTOCOL)
            .then(|| format!("the protocol {}, and this has {PROTOCOL}", self.protocol))
    }
}

/// Jobs that one worker does, in the order of their numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Batch {
    /// The id of the run.
    pub(crate) run: String,
    pub(crate) jobs: Vec<Job>,
    /// The ids of workers that could not reach a registry of these jobs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) unreached: Vec<String>,
}

/// The identity of a worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WorkerName {
    /// The name that people read.
    pub(crate) name: String,
    /// Distinguishes two processes with one name.
    pub(crate) id: String,
    pub(crate) version: String,
}

/// What a worker reports each second. Nothing depends on its arrival.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Heartbeat {
    /// The id of the run. Workers may still speak of the run before, which may have the same name.
    pub(crate) run: String,
    pub(crate) worker: WorkerName,
    /// Jobs that it works on.
    pub(crate) running: u32,
    /// Bytes that it moved in this run, including those of running jobs.
    pub(crate) moved: u64,
    pub(crate) effort: Effort,
    /// Why it cannot take part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) refused: Option<String>,
    /// Whether it has left the run.
    #[serde(default)]
    pub(crate) left: bool,
}

/// The part of a worker's messages that every version can read.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FromWorker {
    pub(crate) worker: WorkerName,
    /// Why it cannot take part.
    #[serde(default)]
    pub(crate) refused: Option<String>,
}

impl FromWorker {
    /// Why a message that cannot be read is of another version, if it is. `why` says what is wrong with it.
    pub(crate) fn difference(bytes: &[u8], why: &str) -> Option<(String, String)> {
        let Self { worker, refused } = decode(bytes).ok()?;
        let other = || {
            format!(
                "it is of longshore {}, and this is {VERSION}: its message is not valid here ({why}); use the same \
                 version on all machines",
                worker.version
            )
        };
        let is_other = worker.version != VERSION;
        let why = refused.or_else(|| is_other.then(other))?;
        Some((worker.name, why))
    }
}

/// A pause that a registry asked one worker for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pause {
    /// The registry.
    pub registry: Registry,
    /// The classes of requests that pause.
    pub classes: Vec<String>,
    /// How long, from now on.
    pub length: Duration,
}

/// A pause, and the worker that met it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ToldPause {
    pub(crate) id: String,
    pub(crate) pause: Pause,
}

/// The place of a blob in a registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Place {
    /// A worker sends the blob. Its id and the number of the claim.
    Claimed(String),
    /// A repository holds it.
    #[serde(rename_all = "camelCase")]
    Placed {
        /// The repository.
        repository: Repository,
        /// Whether a worker wrote it there, or compared its size.
        is_checked: bool,
    },
}

/// Encodes a message.
///
/// # Errors
/// Returns its size if it is too large.
pub(crate) fn encode(message: &impl Serialize) -> Result<Bytes, usize> {
    // These types have string keys only and do no I/O, so they always serialise.
    let bytes = serde_json::to_vec(message).unwrap_or_default();
    if bytes.len() > LARGEST { Err(bytes.len()) } else { Ok(bytes.into()) }
}

/// Decodes a message from another machine.
///
/// # Errors
/// Says what is wrong with it.
pub(crate) fn decode<M: DeserializeOwned>(bytes: &[u8]) -> Result<M, String> {
    if bytes.len() > LARGEST {
        return Err(format!("it has {} bytes, and {LARGEST} is the most", bytes.len()));
    }
    serde_json::from_slice(bytes).map_err(|error| error.to_string())
}

impl Batch {
    /// Decodes a batch, and checks what its type does not say.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, String> {
        let batch: Self = decode(bytes)?;
        match batch.jobs.len() {
            0 => return Err("it has no job".to_owned()),
            1..=BATCH => {}
            count => return Err(format!("it has {count} jobs, and {BATCH} is the most")),
        }
        if batch.unreached.len() > UNREACHED {
            let count = batch.unreached.len();
            return Err(format!("it names {count} workers, and {UNREACHED} are the most"));
        }
        if !batch.jobs.windows(2).all(|pair| pair[0].number < pair[1].number) {
            return Err("its jobs are not in the order of their numbers".to_owned());
        }
        let folder = batch
            .jobs
            .iter()
            .flat_map(|job| [&job.source.store, &job.destination.store])
            .find(|store| store.registry().is_none());
        match folder {
            Some(folder) => Err(format!("{folder} is a folder, and workers read registries only")),
            None => Ok(batch),
        }
    }
}

#[cfg(test)]
mod tests {
    use longshore_engine::job::Job;
    use longshore_oci::PlatformFilter;

    use std::collections::BTreeMap;
    use std::time::Duration;

    use longshore_engine::IndexMode;

    use super::{Batch, FromWorker, LARGEST, RunHead, RunOptions, Task, VERSION, decode, encode};

    fn job(number: u32) -> Job {
        Job {
            number,
            line: number,
            source: "a.io/x:1".parse().unwrap(),
            destination: "b.io/x:1".parse().unwrap(),
            filter: PlatformFilter::of_flags(Some("arm64"), Some("linux")).unwrap(),
        }
    }

    #[test]
    fn a_batch_comes_back_as_it_was() {
        let batch =
            Batch { run: "r".into(), jobs: vec![job(1), job(7)], unreached: vec!["w".into()] };
        assert_eq!(Batch::decode(&encode(&batch).unwrap()), Ok(batch));
    }

    #[test]
    fn what_a_repository_type_says_reaches_workers_and_makes_no_other_run() {
        let traits = vec![("cross-mount".to_owned(), "false".to_owned())];
        let options = |described| RunOptions {
            tls_verify: true,
            insecure: vec!["d.io:5000".parse().unwrap()],
            max_wait: Duration::from_secs(1),
            retries: 2,
            limit_rate: None,
            timeout: None,
            named: None,
            index: IndexMode::default(),
            no_platform_fails: false,
            referrers: false,
            described,
            task: Task::Compare { deep: false, missing: BTreeMap::new() },
        };
        let described = options(BTreeMap::from([("r.io:5000".parse().unwrap(), traits)]));
        assert_eq!(decode::<RunOptions>(&encode(&described).unwrap()), Ok(described.clone()));
        assert_eq!(described.lasting(), options(BTreeMap::new()));
    }

    #[test]
    fn runs_of_other_versions_and_protocols_are_told_apart() {
        let difference = |version: &str, protocol: u32| {
            let head = format!(
                r#"{{"protocol":{protocol},"version":"{version}","name":"n","id":"i","plan":"p","more":[1]}}"#
            );
            decode::<RunHead>(head.as_bytes()).unwrap().difference()
        };
        assert_eq!(difference(VERSION, super::PROTOCOL), None);
        for (version, protocol, expected) in [
            ("0.0.9", 1, "longshore 0.0.9, and this is "),
            ("9.0.0", super::PROTOCOL, "longshore 9.0.0, and this is "),
            (VERSION, 1, "the protocol 1, and this has "),
            (VERSION, 9, "the protocol 9, and this has "),
        ] {
            let found = difference(version, protocol).unwrap();
            assert!(found.starts_with(expected), "{found}");
        }
    }

    #[test]
    fn messages_of_other_versions_name_their_worker() {
        let of = |text: &str| FromWorker::difference(text.as_bytes(), "odd");
        let worker = |version: &str, more: &str| {
            format!(
                r#"{{"worker":{{"name":"w","id":"1","version":"{version}","zone":"a"}}{more}}}"#
            )
        };
        let (name, why) = of(&worker("9.0.0", r#","running":"two""#)).unwrap();
        assert_eq!(name, "w");
        assert!(why.contains("longshore 9.0.0, and this is ") && why.contains("(odd)"), "{why}");
        let (_, why) = of(&worker("0.0.9", r#","refused":"too new""#)).unwrap();
        assert_eq!(why, "too new");
        for text in [&worker(VERSION, ""), "{", r#"{"worker":"w"}"#, r#"{"refused":"x"}"#] {
            assert_eq!(of(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_no_batch_is_refused_by_name() {
        let batch = |jobs: Vec<Job>| Batch { run: "r".into(), jobs, unreached: Vec::new() };
        let of = |jobs: Vec<Job>| Batch::decode(&encode(&batch(jobs)).unwrap()).unwrap_err();
        let named = Batch { unreached: vec!["w".into(); 9], ..batch(vec![job(1)]) };
        assert!(Batch::decode(&encode(&named).unwrap()).unwrap_err().contains("9 workers"));
        assert!(of(Vec::new()).contains("no job"));
        assert!(of((1..=33).map(job).collect()).contains("33 jobs"));
        assert!(of(vec![job(2), job(1)]).contains("order"));
        assert!(of(vec![job(2), job(2)]).contains("order"));
        let folder = Job { source: "oci:d//x:1".parse().unwrap_or(job(1).source), ..job(1) };
        if folder.source.store.registry().is_none() {
            assert!(of(vec![folder]).contains("folder"));
        }
        assert!(Batch::decode(b"{").is_err() && Batch::decode(b"").is_err());
        assert!(Batch::decode(br#"{"run":"r","jobs":[{"number":1}]}"#).is_err());
        let text = String::from_utf8(encode(&batch(vec![job(1)])).unwrap().to_vec()).unwrap();
        assert!(Batch::decode(text.replace("b.io", "b io").as_bytes()).is_err());
        assert!(Batch::decode(&vec![b' '; LARGEST + 1]).unwrap_err().contains("bytes"));
    }
}
