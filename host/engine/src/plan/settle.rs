//! Decides about entries with one destination: with the same content one is copied, else all of them fail.

use std::collections::{HashMap, HashSet};

use futures_util::StreamExt as _;
use futures_util::stream;

use super::build::ended;
use super::{Collision, Plan, PlanError, Shard};
use crate::job::{Job, Jobs, Outcome};
use longshore_oci::{Digest, ManifestReference, Reference};
use longshore_store::{Intent, Stores};

/// The digests of colliding sources, or why one is not known.
pub type Digests = HashMap<Reference, Result<Digest, String>>;

/// Asks for the digests that decide about `collisions`, at most `at_once` at a time.
pub async fn digests(collisions: &[Collision], stores: &dyn Stores, at_once: usize) -> Digests {
    let with_other_source =
        collisions.iter().filter(|Collision { first, second }| first.source != second.source);
    let sources: HashSet<Reference> = with_other_source
        .flat_map(|Collision { first, second }| [first.source.clone(), second.source.clone()])
        .collect();
    let asked = stream::iter(sources).map(|source| async {
        let digest = digest(&source, stores).await;
        (source, digest)
    });
    asked.buffer_unordered(at_once.max(1)).collect().await
}

async fn digest(source: &Reference, stores: &dyn Stores) -> Result<Digest, String> {
    if let Some(digest) = source.version.digest() {
        return Ok(digest.clone());
    }
    let store = stores.source(&source.store).map_err(|error| error.to_string())?;
    let reference = ManifestReference::to_fetch(&source.version);
    let found = store.resolve(&source.repository, &reference, Intent::Read).await;
    found.map_err(|error| error.to_string())?.ok_or_else(|| "not found".to_owned())
}

impl Collision {
    /// The collision as an error.
    pub(super) fn error(&self) -> PlanError {
        let (first, second) = (self.first.line, self.second.line);
        let destination = Box::new(self.second.destination.clone());
        if self.first.source == self.second.source {
            return PlanError::Platforms { first, second, destination };
        }
        let sources = Box::new((self.first.source.clone(), self.second.source.clone()));
        PlanError::Collision { first, second, sources, destination }
    }

    /// Returns the failure of both entries, or `None` if one of them may stand for both.
    fn failure(&self, digests: &Digests) -> Option<Outcome> {
        let Self { first, second } = self;
        let error = self.error();
        let hint = error.hint();
        if first.source == second.source {
            return Some(Outcome { hint, ..Outcome::failed(error) });
        }
        let (Some(one), Some(other)) = (digests.get(&first.source), digests.get(&second.source))
        else {
            return Some(Outcome { unfinished: true, ..Outcome::failed("interrupted") });
        };
        let shown = |digest: &Result<Digest, String>| match digest {
            Ok(digest) => digest.to_string(),
            Err(why) => why.clone(),
        };
        let why = match (one, other) {
            (Ok(one), Ok(other)) if one == other && first.filter == second.filter => return None,
            (Ok(one), Ok(other)) if one == other => "different platforms are selected".to_owned(),
            _ => format!("their content differs: {}; {}", shown(one), shown(other)),
        };
        Some(Outcome { hint, ..Outcome::failed(format!("{error}, and {why}")) })
    }
}

impl Plan {
    /// Ends the entries whose destination another entry has. `shard` is the part to which the plan is
    /// limited.
    pub fn settle(&mut self, digests: &Digests, shard: Option<Shard>) {
        let collisions = std::mem::take(&mut self.collisions);
        if collisions.is_empty() {
            return;
        }
        let is_in_shard = |job: &Job| {
            shard.is_none_or(|shard| shard.has(&job.source.store, &job.source.repository))
        };
        let failures: Vec<Option<Outcome>> =
            collisions.iter().map(|collision| collision.failure(digests)).collect();
        // The outcome of each entry that had its destination first and must not keep it.
        let mut failed: HashMap<u32, (&Job, &Outcome)> = HashMap::new();
        for (Collision { first, .. }, failure) in collisions.iter().zip(&failures) {
            if let Some(failure) = failure {
                failed.entry(first.number).or_insert((first, failure));
            }
        }
        let mut stood_for: HashMap<u32, u32> = HashMap::new();
        for (Collision { first, second }, failure) in collisions.iter().zip(&failures) {
            let outcome = match (failure, failed.get(&first.number).copied()) {
                (Some(failure), _) | (None, Some((_, failure))) => failure.clone(),
                (None, None) => {
                    stood_for.insert(second.number, first.number);
                    Outcome::skipped(format!("the same content as line {}", first.line))
                }
            };
            if is_in_shard(second) {
                self.ended.push(*ended(second, outcome));
            }
        }
        for (first, failure) in failed.values().filter(|(first, _)| is_in_shard(first)) {
            self.ended.push(*ended(first, (*failure).clone()));
        }
        self.ended.sort_by_key(|ended| ended.number);
        // The failed list repeats an entry if the one that stands for it fails.
        for entry in &mut self.entries {
            entry.number = stood_for.get(&entry.number).copied().unwrap_or(entry.number);
        }
        if !failed.is_empty() {
            let kept = |job: &Job| !failed.contains_key(&job.number);
            self.jobs = self.jobs.iter().filter(kept).collect::<Jobs>();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Digests, Plan};
    use crate::job::{Job, Jobs};
    use crate::plan::Collision;
    use longshore_oci::{Digest, PlatformFilter};

    fn job(number: u32, source: &str) -> Job {
        Job {
            number,
            line: number,
            source: source.parse().unwrap(),
            destination: "d.io/x:1".parse().unwrap(),
            filter: PlatformFilter::default(),
        }
    }

    /// Returns the jobs that remain, and the other entries with their reasons or errors.
    fn settled(first: &str, others: &[Job], shard: Option<&str>) -> (Vec<u32>, Vec<String>) {
        let first = job(1, first);
        let jobs: Jobs = std::iter::once(first.clone()).collect();
        let collision = |second: &Job| Collision { first: first.clone(), second: second.clone() };
        let collisions = others.iter().map(collision).collect();
        let mut plan = Plan { jobs, collisions, ..Plan::default() };
        let digest = |source: &str| match source {
            "a.io/gone:1" => Err("not found".to_owned()),
            source => Ok(Digest::of(source.rsplit('/').next().unwrap().as_bytes())),
        };
        let sources = std::iter::once(&first).chain(others).map(|job| &job.source);
        let digests: Digests =
            sources.map(|source| (source.clone(), digest(&source.to_string()))).collect();
        plan.settle(&digests, shard.map(|shard| shard.parse().unwrap()));
        let said = |ended: &super::super::Ended| {
            let outcome = &ended.outcome;
            format!(
                "{} {}",
                ended.number,
                outcome.reason.as_ref().or(outcome.error.as_ref()).unwrap()
            )
        };
        (plan.jobs.numbers().collect(), plan.ended.iter().map(said).collect())
    }

    #[test]
    fn the_same_content_is_copied_once() {
        let (jobs, ended) = settled("a.io/x:1", &[job(2, "b.io/x:1"), job(3, "c.io/y/x:1")], None);
        assert_eq!(jobs, [1]);
        assert_eq!(ended, ["2 the same content as line 1", "3 the same content as line 1"]);
    }

    #[test]
    fn other_content_fails_every_entry_of_the_destination() {
        let (jobs, ended) = settled("a.io/x:1", &[job(2, "b.io/x:1"), job(3, "c.io/y:1")], None);
        assert_eq!(jobs, [0; 0]);
        assert_eq!(ended.len(), 3);
        let text = "plan lines 1 and 3: a.io/x:1 and c.io/y:1 would both become d.io/x:1, and their \
                    content differs: sha256:";
        assert!(
            ended.iter().all(|ended| ended.split_once(' ').unwrap().1.starts_with(text)),
            "{ended:?}"
        );
    }

    #[test]
    fn a_source_that_is_not_there_fails_both() {
        for (first, second) in [("a.io/gone:1", "b.io/x:1"), ("b.io/x:1", "a.io/gone:1")] {
            let (jobs, ended) = settled(first, &[job(2, second)], None);
            assert_eq!((jobs.len(), ended.len()), (0, 2));
            assert!(ended[0].contains("not found"), "{ended:?}");
        }
    }

    #[test]
    fn other_platforms_fail_both() {
        let filter = || PlatformFilter::of_flags(Some("arm"), None).unwrap();
        for (second, text) in [
            ("a.io/x:1", "d.io/x:1 is listed twice with different platforms"),
            ("b.io/x:1", "different platforms are selected"),
        ] {
            let (jobs, ended) =
                settled("a.io/x:1", &[Job { filter: filter(), ..job(2, second) }], None);
            assert_eq!((jobs.len(), ended.len()), (0, 2));
            assert!(ended.iter().all(|ended| ended.contains(text)), "{ended:?}");
        }
    }

    #[test]
    fn each_part_has_its_own_entries() {
        let others: Vec<Job> = (2..9).map(|line| job(line, &format!("b.io/x-{line}:1"))).collect();
        let mut all = Vec::new();
        for shard in ["1/3", "2/3", "3/3"] {
            let (jobs, ended) = settled("a.io/x:1", &others, Some(shard));
            assert_eq!(jobs, [0; 0]);
            all.extend(ended.iter().map(|ended| ended.as_bytes()[0]));
        }
        all.sort_unstable();
        assert_eq!(all, b"12345678");
    }

    #[test]
    fn what_an_interrupt_left_open_is_unfinished() {
        let (first, second) = (job(1, "a.io/x:1"), job(2, "b.io/x:1"));
        let jobs = std::iter::once(first.clone()).collect();
        let collisions = vec![Collision { first, second }];
        let mut plan = Plan { jobs, collisions, ..Plan::default() };
        plan.settle(&Digests::new(), None);
        assert!(plan.jobs.is_empty() && plan.ended.iter().all(|ended| ended.outcome.unfinished));
    }
}
