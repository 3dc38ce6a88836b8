//! The name of a run, and the names of streams and subjects that carry it.

use std::fmt;
use std::str::FromStr;

/// The longest name of a run; it becomes part of the names of streams.
const MOST: usize = 64;

/// The bucket that has all runs of a server.
pub(crate) const RUNS: &str = "longshore";

/// The subject on which coordinators announce that a run began, changed or ended.
pub(crate) const ANNOUNCED: &str = "longshore.runs";

/// The consumer of the jobs of the run with this id, which all its workers share. A worker that has not noticed
/// the end of an earlier run of the same name gets no batch of this one.
pub(crate) fn consumer(id: &str) -> String {
    format!("workers-{id}")
}

/// The name of a run: letters, digits, `-` and `_`, at most 64.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunName(String);

impl FromStr for RunName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if text.is_empty() || text.len() > MOST || !text.bytes().all(is_allowed) {
            return Err(format!("use 1 to {MOST} letters, digits, - and _"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for RunName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl RunName {
    /// The name of a run without `--run`: the beginning of the digest of its plan, so that the same command
    /// finds its run again.
    pub(crate) fn of_plan(digest: &str) -> Self {
        Self(digest.chars().take(12).collect())
    }

    /// The run that a stream of this name belongs to.
    pub(crate) fn of_stream(stream: &str) -> Option<Self> {
        let name = match stream.strip_prefix("KV_longshore-") {
            Some(bucket) => bucket.strip_suffix("-places")?,
            None => {
                let rest = stream.strip_prefix("longshore-")?;
                rest.strip_suffix("-jobs").or_else(|| rest.strip_suffix("-outcomes"))?
            }
        };
        name.parse().ok()
    }

    /// The key of the run in the bucket of all runs.
    pub(crate) fn key(&self) -> String {
        format!("run.{self}")
    }

    /// The key of the coordinator's lease in the bucket of all runs.
    pub(crate) fn lease(&self) -> String {
        format!("lead.{self}")
    }

    /// The stream of the jobs.
    pub(crate) fn jobs_stream(&self) -> String {
        format!("longshore-{self}-jobs")
    }

    /// The subject of the jobs.
    pub(crate) fn jobs(&self) -> String {
        format!("longshore.{self}.jobs")
    }

    /// The stream of the outcomes.
    pub(crate) fn outcomes_stream(&self) -> String {
        format!("longshore-{self}-outcomes")
    }

    /// The subject of the outcomes.
    pub(crate) fn outcomes(&self) -> String {
        format!("longshore.{self}.outcomes")
    }

    /// The bucket of the places of blobs.
    pub(crate) fn places(&self) -> String {
        format!("longshore-{self}-places")
    }

    /// The subject on which workers report their progress.
    pub(crate) fn progress(&self) -> String {
        format!("longshore.{self}.progress")
    }

    /// The subject on which workers share pauses.
    pub(crate) fn pauses(&self) -> String {
        format!("longshore.{self}.pauses")
    }
}

#[cfg(test)]
mod tests {
    use super::RunName;

    #[test]
    fn a_name_fits_into_subjects_and_streams() {
        for good in ["a", "nightly-2_1", &"x".repeat(64)] {
            assert_eq!(good.parse::<RunName>().unwrap().to_string(), good);
        }
        for bad in ["", "a.b", "a b", "a>", "*", "ä", "a/b", "$JS", &"x".repeat(65)] {
            assert!(bad.parse::<RunName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_stream_names_its_run_and_no_other_stream_does() {
        let name: RunName = "a-jobs_1".parse().unwrap();
        let bucket = format!("KV_{}", name.places());
        for stream in [name.jobs_stream(), name.outcomes_stream(), bucket] {
            assert_eq!(RunName::of_stream(&stream).as_ref(), Some(&name), "{stream}");
        }
        for other in
            ["KV_longshore", "longshore-jobs", "orders-jobs", "longshore-a-b", "KV_a-places"]
        {
            assert_eq!(RunName::of_stream(other), None, "{other}");
        }
    }
}
