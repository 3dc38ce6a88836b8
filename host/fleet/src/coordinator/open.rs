//! The jobs of a run that have no outcome yet.

use longshore_engine::job::Jobs;

/// The numbers of jobs that are open.
#[derive(Clone, Debug, Default)]
pub(super) struct Open {
    /// Whether the job with this number is open.
    is_open: Vec<bool>,
    count: usize,
}

impl Open {
    /// All jobs of a run.
    pub(super) fn all(jobs: &Jobs) -> Self {
        let mut all = Self::default();
        for number in jobs.numbers() {
            let at = number as usize;
            all.is_open.resize(all.is_open.len().max(at + 1), false);
            all.is_open[at] = true;
            all.count += 1;
        }
        all
    }

    /// The number of open jobs.
    pub(super) const fn len(&self) -> usize {
        self.count
    }

    /// Whether no job is open.
    pub(super) const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether this job is open.
    pub(super) fn has(&self, number: u32) -> bool {
        self.is_open.get(number as usize).copied().unwrap_or(false)
    }

    /// Ends a job. Returns whether it was open.
    pub(super) fn end(&mut self, number: u32) -> bool {
        let was_open = self.has(number);
        if was_open {
            self.is_open[number as usize] = false;
            self.count -= 1;
        }
        was_open
    }

    /// Ends all jobs, and returns their numbers in order.
    pub(super) fn drain(&mut self) -> Vec<u32> {
        let all = std::mem::take(self);
        (0..).zip(all.is_open).filter_map(|(number, is_open)| is_open.then_some(number)).collect()
    }
}

#[cfg(test)]
mod tests {
    use longshore_engine::job::{Job, Jobs};
    use longshore_oci::PlatformFilter;

    use super::Open;

    #[test]
    fn a_job_ends_once() {
        let job = |number| Job {
            number,
            line: 1,
            source: "a.io/x:1".parse().unwrap(),
            destination: "b.io/x:1".parse().unwrap(),
            filter: PlatformFilter::default(),
        };
        let jobs: Jobs = [2, 3, 9].map(job).into_iter().collect();
        let mut open = Open::all(&jobs);
        assert_eq!(
            [0, 1, 2, 8, 9, 10].map(|number| open.has(number)),
            [false, false, true, false, true, false]
        );
        assert_eq!([3, 3, 4, 99].map(|number| open.end(number)), [true, false, false, false]);
        assert_eq!((open.len(), open.is_empty()), (2, false));
        assert_eq!(open.clone().drain(), [2, 9]);
        assert!(open.end(2) && open.end(9) && open.is_empty());
        assert_eq!(open.drain(), [0; 0]);
        assert!(Open::default().is_empty());
    }
}
