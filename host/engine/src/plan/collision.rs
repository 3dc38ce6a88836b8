//! Entries that would write the same destination.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher as _, RandomState};

use super::PlanError;
use crate::job::{Job, Jobs};
use longshore_oci::{Reference, Version};

/// What becomes of a job beside the others.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Beside {
    /// It is the first for its destination.
    First,
    /// The job at this line is the same.
    SameAs(u32),
}

/// The destinations that are taken, and by which job.
pub(super) struct Destinations {
    state: RandomState,
    /// Positions of jobs by the hash of what they write. Where that is another's too, the next free
    /// number is taken.
    taken: HashMap<u64, usize>,
}

/// Would the two write the same tag?
fn is_same_destination(one: &Job, other: &Job) -> bool {
    let (one, other) = (&one.destination, &other.destination);
    let same_version = match (&one.version, &other.version) {
        (Version::Digest(one), Version::Digest(other)) => one == other,
        // What is fetched by digest is pushed under the tag all the same.
        (one, other) => one.tag().is_some() && one.tag() == other.tag(),
    };
    same_version && one.repository == other.repository && one.store == other.store
}

impl Destinations {
    /// Nothing is taken yet; `jobs` may come.
    pub(super) fn with_room_for(jobs: usize) -> Self {
        Self { state: RandomState::new(), taken: HashMap::with_capacity(jobs) }
    }

    fn hash(&self, destination: &Reference) -> u64 {
        let Reference { store, repository, version } = destination;
        let digest = if version.tag().is_none() { version.digest() } else { None };
        self.state.hash_one((store, repository, version.tag(), digest))
    }

    /// Takes the destination of `job`, which becomes the next of `jobs` if it is the first. What is
    /// pushed by digest cannot collide.
    ///
    /// # Errors
    /// Where another source, or the same one with another filter, has it already.
    pub(super) fn take(&mut self, job: &Job, jobs: &Jobs) -> Result<Beside, PlanError> {
        let destination = &job.destination;
        let mut hash = self.hash(destination);
        let taken = loop {
            let position = match self.taken.entry(hash) {
                Entry::Vacant(free) => {
                    free.insert(jobs.len());
                    return Ok(Beside::First);
                }
                Entry::Occupied(taken) => *taken.get(),
            };
            match jobs.at(position) {
                Some(taken) if is_same_destination(&taken, job) => break taken,
                _ => hash = hash.wrapping_add(1),
            }
        };
        let (first, second) = (taken.line, job.line);
        if taken.source != job.source && destination.version.tag().is_some() {
            let sources = Box::new((taken.source, job.source.clone()));
            let destination = Box::new(destination.clone());
            return Err(PlanError::Collision { first, second, sources, destination });
        }
        if taken.filter != job.filter {
            let destination = Box::new(destination.clone());
            return Err(PlanError::Platforms { first, second, destination });
        }
        Ok(Beside::SameAs(first))
    }
}

#[cfg(test)]
mod tests {
    use super::{Beside, Destinations};
    use crate::job::{Job, Jobs};
    use crate::plan::PlanError;
    use longshore_oci::PlatformFilter;

    fn job(line: u32, source: &str, destination: &str) -> Job {
        Job {
            number: line,
            line,
            source: source.parse().unwrap(),
            destination: destination.parse().unwrap(),
            filter: PlatformFilter::default(),
        }
    }

    /// The jobs so far, and what they have taken.
    struct Taking(Destinations, Jobs);

    impl Taking {
        fn new() -> Self {
            Self(Destinations::with_room_for(0), Jobs::default())
        }

        fn take(&mut self, job: &Job) -> Result<Beside, PlanError> {
            let beside = self.0.take(job, &self.1)?;
            if beside == Beside::First {
                self.1.push(job);
            }
            Ok(beside)
        }
    }

    #[test]
    fn two_sources_for_one_tag_collide_and_the_same_line_twice_does_not() {
        let mut taken = Taking::new();
        assert_eq!(taken.take(&job(1, "a.io/x:1", "d.io/x:1")).unwrap(), Beside::First);
        assert_eq!(taken.take(&job(2, "a.io/x:2", "d.io/x:2")).unwrap(), Beside::First);
        assert_eq!(taken.take(&job(3, "a.io/x:1", "d.io/x:1")).unwrap(), Beside::SameAs(1));
        let error = taken.take(&job(4, "b.io/x:1", "d.io/x:1")).unwrap_err();
        assert!(matches!(error, PlanError::Collision { first: 1, second: 4, .. }), "{error}");
        let mut other = job(5, "a.io/x:2", "d.io/x:2");
        other.filter = PlatformFilter::of_flags(Some("arm"), None).unwrap();
        assert!(matches!(taken.take(&other), Err(PlanError::Platforms { .. })));
    }

    #[test]
    fn only_what_is_written_counts() {
        let mut taken = Taking::new();
        let digest = format!("sha256:{}", "0".repeat(64));
        let first = format!("a.io/x:1@{digest}");
        assert_eq!(
            taken.take(&job(1, &first, &format!("d.io/x:1@{digest}"))).unwrap(),
            Beside::First
        );
        assert!(taken.take(&job(2, "b.io/x:1", "d.io/x:1")).is_err(), "the tag is the same");
        for (line, destination) in [(3, "e.io/x:1"), (4, "d.io/y:1"), (5, "d.io/x:2")] {
            assert_eq!(taken.take(&job(line, "b.io/x:1", destination)).unwrap(), Beside::First);
        }
        let by_digest = format!("d.io/x@{digest}");
        assert_eq!(taken.take(&job(6, &first, &by_digest)).unwrap(), Beside::First);
        assert_eq!(taken.take(&job(7, "b.io/x:1", &by_digest)).unwrap(), Beside::SameAs(6));
    }
}
