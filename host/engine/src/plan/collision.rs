//! Entries that would write to the same destination.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher as _, RandomState};

use crate::job::{Job, Jobs};
use longshore_oci::{Reference, Version};

/// How a job relates to the jobs before it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum JobPosition {
    /// It is the first one for its destination.
    First,
    /// It repeats the job with this number, at this line.
    Repeats { number: u32, line: u32 },
    /// Its destination is that of this job, which has another source or another filter.
    Collides(Box<Job>),
}

/// The destinations in use, and their jobs.
pub(super) struct Destinations {
    state: RandomState,
    /// Positions of jobs by the hash of their destination. On a collision, the next free number is
    /// used.
    used: HashMap<u64, usize>,
}

/// Whether two jobs write the same tag or digest.
fn is_same_destination(one: &Job, other: &Job) -> bool {
    let (one, other) = (&one.destination, &other.destination);
    let same_version = match (&one.version, &other.version) {
        (Version::Digest(one), Version::Digest(other)) => one == other,
        // A source with a digest is still pushed under its destination tag.
        (one, other) => one.tag().is_some() && one.tag() == other.tag(),
    };
    same_version && one.repository == other.repository && one.store == other.store
}

impl Destinations {
    /// Makes an empty set with room for `jobs`.
    pub(super) fn with_room_for(jobs: usize) -> Self {
        Self { state: RandomState::new(), used: HashMap::with_capacity(jobs) }
    }

    fn hash(&self, destination: &Reference) -> u64 {
        let Reference { store, repository, version } = destination;
        let digest = if version.tag().is_none() { version.digest() } else { None };
        self.state.hash_one((store, repository, version.tag(), digest))
    }

    /// Reserves the destination of `job`. If it is the first one, the caller appends it to `jobs`.
    ///
    /// Pushes by digest cannot collide.
    pub(super) fn reserve(&mut self, job: &Job, jobs: &Jobs) -> JobPosition {
        let destination = &job.destination;
        let mut hash = self.hash(destination);
        let used = loop {
            let position = match self.used.entry(hash) {
                Entry::Vacant(free) => {
                    free.insert(jobs.len());
                    return JobPosition::First;
                }
                Entry::Occupied(used) => *used.get(),
            };
            match jobs.at(position) {
                Some(used) if is_same_destination(&used, job) => break used,
                _ => hash = hash.wrapping_add(1),
            }
        };
        let has_other_source = used.source != job.source && destination.version.tag().is_some();
        if has_other_source || used.filter != job.filter {
            return JobPosition::Collides(Box::new(used));
        }
        JobPosition::Repeats { number: used.number, line: used.line }
    }
}

#[cfg(test)]
mod tests {
    use super::{Destinations, JobPosition};
    use crate::job::{Job, Jobs};
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

    /// The jobs so far, and their destinations.
    struct Reserving(Destinations, Jobs);

    impl Reserving {
        fn new() -> Self {
            Self(Destinations::with_room_for(0), Jobs::default())
        }

        fn reserve(&mut self, job: &Job) -> JobPosition {
            let position_of_job = self.0.reserve(job, &self.1);
            if position_of_job == JobPosition::First {
                self.1.push(job);
            }
            position_of_job
        }
    }

    #[test]
    fn two_sources_for_one_tag_collide_and_the_same_line_twice_does_not() {
        let mut used = Reserving::new();
        assert_eq!(used.reserve(&job(1, "a.io/x:1", "d.io/x:1")), JobPosition::First);
        assert_eq!(used.reserve(&job(2, "a.io/x:2", "d.io/x:2")), JobPosition::First);
        let repeats = |line| JobPosition::Repeats { number: line, line };
        assert_eq!(used.reserve(&job(3, "a.io/x:1", "d.io/x:1")), repeats(1));
        let first = JobPosition::Collides(Box::new(job(1, "a.io/x:1", "d.io/x:1")));
        assert_eq!(used.reserve(&job(4, "b.io/x:1", "d.io/x:1")), first);
        let mut other = job(5, "a.io/x:2", "d.io/x:2");
        other.filter = PlatformFilter::of_flags(Some("arm"), None).unwrap();
        assert!(matches!(used.reserve(&other), JobPosition::Collides(job) if job.line == 2));
    }

    #[test]
    fn only_what_is_written_counts() {
        let mut used = Reserving::new();
        let digest = format!("sha256:{}", "0".repeat(64));
        let first = format!("a.io/x:1@{digest}");
        let pinned = job(1, &first, &format!("d.io/x:1@{digest}"));
        assert_eq!(used.reserve(&pinned), JobPosition::First);
        let same_tag = used.reserve(&job(2, "b.io/x:1", "d.io/x:1"));
        assert_eq!(same_tag, JobPosition::Collides(Box::new(pinned)));
        for (line, destination) in [(3, "e.io/x:1"), (4, "d.io/y:1"), (5, "d.io/x:2")] {
            assert_eq!(used.reserve(&job(line, "b.io/x:1", destination)), JobPosition::First);
        }
        let by_digest = format!("d.io/x@{digest}");
        assert_eq!(used.reserve(&job(6, &first, &by_digest)), JobPosition::First);
        let repeats = JobPosition::Repeats { number: 6, line: 6 };
        assert_eq!(used.reserve(&job(7, "b.io/x:1", &by_digest)), repeats);
    }
}
