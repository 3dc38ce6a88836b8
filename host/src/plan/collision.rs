//! Entries that would write the same destination.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;

use super::{Job, PlanError};
use crate::oci::{Reference, Version};

/// What becomes of a job beside the others.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Beside {
    /// It is the first for its destination.
    First,
    /// The job at this line is the same.
    SameAs(u32),
}

/// The destinations that are taken, and by which job.
#[derive(Default)]
pub(super) struct Destinations(HashMap<Reference, Taken>);

struct Taken {
    line: u32,
    source: Reference,
    filter: crate::oci::PlatformFilter,
}

impl Destinations {
    /// Takes the destination of `job`. What is pushed by digest cannot collide.
    ///
    /// # Errors
    /// Where another source, or the same one with another filter, has it already.
    pub(super) fn take(&mut self, job: &Job) -> Result<Beside, PlanError> {
        let mut destination = job.destination.clone();
        if let Version::Pinned(tag, _) = destination.version {
            destination.version = Version::Tag(tag);
        }
        match self.0.entry(destination) {
            Slot::Vacant(free) => {
                free.insert(Taken {
                    line: job.line,
                    source: job.source.clone(),
                    filter: job.filter.clone(),
                });
                Ok(Beside::First)
            }
            Slot::Occupied(taken) => {
                let (taken, destination) = (taken.get(), Box::new(taken.key().clone()));
                let (first, second) = (taken.line, job.line);
                if taken.source != job.source && job.destination.version.tag().is_some() {
                    let sources = Box::new((taken.source.clone(), job.source.clone()));
                    return Err(PlanError::Collision { first, second, sources, destination });
                }
                if taken.filter != job.filter {
                    return Err(PlanError::Platforms { first, second, destination });
                }
                Ok(Beside::SameAs(first))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Beside, Destinations};
    use crate::oci::PlatformFilter;
    use crate::plan::{Job, PlanError};

    fn job(line: u32, source: &str, destination: &str) -> Job {
        let filter = PlatformFilter::default();
        Job {
            number: line,
            line,
            source: source.parse().unwrap(),
            destination: destination.parse().unwrap(),
            filter,
        }
    }

    #[test]
    fn two_sources_for_one_tag_collide_and_the_same_line_twice_does_not() {
        let mut taken = Destinations::default();
        assert_eq!(taken.take(&job(1, "a.io/x:1", "d.io/x:1")).unwrap(), Beside::First);
        assert_eq!(taken.take(&job(2, "a.io/x:2", "d.io/x:2")).unwrap(), Beside::First);
        assert_eq!(taken.take(&job(3, "a.io/x:1", "d.io/x:1")).unwrap(), Beside::SameAs(1));
        let error = taken.take(&job(4, "b.io/x:1", "d.io/x:1")).unwrap_err();
        assert!(matches!(error, PlanError::Collision { first: 1, second: 4, .. }), "{error}");
        let mut other = job(5, "a.io/x:2", "d.io/x:2");
        other.filter = PlatformFilter::of_flags(Some("arm"), None).unwrap();
        assert!(matches!(taken.take(&other), Err(PlanError::Platforms { .. })));
    }
}
