//! Entries that would write the same destination.

use std::collections::HashSet;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::{Job, PlanError};
use crate::oci::Version;

/// What becomes of a job beside the others.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Beside {
    /// It is the first for its destination.
    First,
    /// The job at this line is the same.
    SameAs(u32),
}

/// The destinations that are taken, and by which job.
pub(super) struct Destinations(HashSet<Taken>);

/// A job that is found by its destination: two are equal where they would write the same tag.
struct Taken(Arc<Job>);

impl Hash for Taken {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // Most often all destinations are on one registry, which says nothing.
        self.0.destination.repository.hash(state);
        self.0.destination.version.tag().hash(state);
    }
}

impl PartialEq for Taken {
    fn eq(&self, other: &Self) -> bool {
        let (one, other) = (&self.0.destination, &other.0.destination);
        let same_version = match (&one.version, &other.version) {
            (Version::Digest(one), Version::Digest(other)) => one == other,
            // What is fetched by digest is pushed under the tag all the same.
            (one, other) => one.tag().is_some() && one.tag() == other.tag(),
        };
        same_version && one.repository == other.repository && one.registry == other.registry
    }
}

impl Eq for Taken {}

impl Destinations {
    /// Nothing is taken yet; `jobs` may come.
    pub(super) fn with_room_for(jobs: usize) -> Self {
        Self(HashSet::with_capacity(jobs))
    }

    /// Takes the destination of `job`. What is pushed by digest cannot collide.
    ///
    /// # Errors
    /// Where another source, or the same one with another filter, has it already.
    pub(super) fn take(&mut self, job: &Arc<Job>) -> Result<Beside, PlanError> {
        let wanted = Taken(Arc::clone(job));
        let Some(Taken(taken)) = self.0.get(&wanted) else {
            self.0.insert(wanted);
            return Ok(Beside::First);
        };
        let (first, second) = (taken.line, job.line);
        let destination = || Box::new(job.destination.clone());
        if taken.source != job.source && job.destination.version.tag().is_some() {
            let sources = Box::new((taken.source.clone(), job.source.clone()));
            let destination = destination();
            return Err(PlanError::Collision { first, second, sources, destination });
        }
        if taken.filter != job.filter {
            return Err(PlanError::Platforms { first, second, destination: destination() });
        }
        Ok(Beside::SameAs(first))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Beside, Destinations};
    use crate::oci::PlatformFilter;
    use crate::plan::{Job, PlanError};

    fn job(line: u32, source: &str, destination: &str) -> Arc<Job> {
        let filter = PlatformFilter::default();
        Arc::new(Job {
            number: line,
            line,
            source: source.parse().unwrap(),
            destination: destination.parse().unwrap(),
            filter,
        })
    }

    #[test]
    fn two_sources_for_one_tag_collide_and_the_same_line_twice_does_not() {
        let mut taken = Destinations::with_room_for(0);
        assert_eq!(taken.take(&job(1, "a.io/x:1", "d.io/x:1")).unwrap(), Beside::First);
        assert_eq!(taken.take(&job(2, "a.io/x:2", "d.io/x:2")).unwrap(), Beside::First);
        assert_eq!(taken.take(&job(3, "a.io/x:1", "d.io/x:1")).unwrap(), Beside::SameAs(1));
        let error = taken.take(&job(4, "b.io/x:1", "d.io/x:1")).unwrap_err();
        assert!(matches!(error, PlanError::Collision { first: 1, second: 4, .. }), "{error}");
        let mut other = Job::clone(&job(5, "a.io/x:2", "d.io/x:2"));
        other.filter = PlatformFilter::of_flags(Some("arm"), None).unwrap();
        assert!(matches!(taken.take(&Arc::new(other)), Err(PlanError::Platforms { .. })));
    }

    #[test]
    fn only_what_is_written_counts() {
        let mut taken = Destinations::with_room_for(0);
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
