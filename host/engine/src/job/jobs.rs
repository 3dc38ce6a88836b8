//! The jobs of a plan, in a compact form.

use super::{Job, position};
use longshore_oci::{
    Interned, PackedReference, PlatformFilter, References, ShownReference, StoreName,
};

/// Jobs in the order of their numbers, packed into a few large allocations.
///
/// A plan may hold a million jobs, most of which wait for most of the run. A job is unpacked when
/// it is needed.
#[derive(Debug, Default)]
pub struct Jobs {
    packed: Vec<Packed>,
    references: References,
    filters: Interned<PlatformFilter>,
}

#[derive(Clone, Copy, Debug)]
struct Packed {
    number: u32,
    line: u32,
    filter: u32,
    source: PackedReference,
    destination: PackedReference,
}

/// A job that is shown or compared. It borrows its texts.
#[derive(Clone, Copy, Debug)]
pub struct ShownJob<'a> {
    /// The entry's number.
    pub number: u32,
    /// The line where the entry starts.
    pub line: u32,
    /// The source.
    pub source: ShownReference<'a>,
    /// The destination.
    pub destination: ShownReference<'a>,
    /// The filter. Jobs with equal filters borrow the same one.
    pub filter: &'a PlatformFilter,
}

impl Jobs {
    /// Makes an empty list with room for `jobs`.
    pub(crate) fn with_room_for(jobs: usize) -> Self {
        Self { packed: Vec::with_capacity(jobs), ..Self::default() }
    }

    /// Appends `job`, whose number must be larger than all numbers before it.
    pub(crate) fn push(&mut self, job: &Job) {
        let destination = self.references.push(&job.destination, None);
        self.packed.push(Packed {
            number: job.number,
            line: job.line,
            filter: self.filters.number_of(&job.filter),
            source: self.references.push(&job.source, Some(&destination)),
            destination,
        });
    }

    /// The number of jobs.
    pub const fn len(&self) -> usize {
        self.packed.len()
    }

    /// Whether there are no jobs.
    pub const fn is_empty(&self) -> bool {
        self.packed.is_empty()
    }

    /// The job at this position, from 0.
    pub(crate) fn at(&self, position: usize) -> Option<Job> {
        self.unpack(self.packed.get(position)?)
    }

    /// The job with this number.
    pub fn get(&self, number: u32) -> Option<Job> {
        self.at(self.position(number)?)
    }

    /// Whether there is a job with this number.
    pub fn has(&self, number: u32) -> bool {
        self.position(number).is_some()
    }

    /// Shows the job with this number.
    pub fn shown(&self, number: u32) -> Option<ShownJob<'_>> {
        self.show(&self.packed[self.position(number)?])
    }

    /// Iterates over the jobs in order, and shows each.
    pub fn all_shown(&self) -> impl Iterator<Item = ShownJob<'_>> {
        self.packed.iter().filter_map(|packed| self.show(packed))
    }

    fn position(&self, number: u32) -> Option<usize> {
        position(&self.packed, number, |packed| packed.number)
    }

    fn show(&self, packed: &Packed) -> Option<ShownJob<'_>> {
        Some(ShownJob {
            number: packed.number,
            line: packed.line,
            source: self.references.shown(&packed.source)?,
            destination: self.references.shown(&packed.destination)?,
            filter: self.filters.get(packed.filter)?,
        })
    }

    /// Iterates over the jobs in order, and unpacks each on demand.
    pub fn iter(&self) -> impl Iterator<Item = Job> {
        self.packed.iter().filter_map(|packed| self.unpack(packed))
    }

    /// The numbers of the jobs, in order.
    pub fn numbers(&self) -> impl ExactSizeIterator<Item = u32> {
        self.packed.iter().map(|packed| packed.number)
    }

    /// The destination store of each job, in order.
    pub fn destinations(&self) -> impl Iterator<Item = &StoreName> {
        self.packed.iter().filter_map(|packed| self.references.store(&packed.destination))
    }

    /// The filters of the jobs, each once.
    pub fn filters(&self) -> impl Iterator<Item = &PlatformFilter> {
        (0..self.filters.len()).filter_map(|number| self.filters.get(number))
    }

    fn unpack(&self, packed: &Packed) -> Option<Job> {
        Some(Job {
            number: packed.number,
            line: packed.line,
            source: self.references.get(&packed.source)?,
            destination: self.references.get(&packed.destination)?,
            filter: self.filters.get(packed.filter)?.clone(),
        })
    }
}

/// Expects the jobs in the order of their numbers.
impl FromIterator<Job> for Jobs {
    fn from_iter<T: IntoIterator<Item = Job>>(jobs: T) -> Self {
        let mut packed = Self::default();
        jobs.into_iter().for_each(|job| packed.push(&job));
        packed
    }
}

#[cfg(test)]
mod tests {
    use super::{Jobs, Packed};
    use crate::job::Job;
    use longshore_oci::PlatformFilter;

    fn job(number: u32, arch: &str) -> Job {
        Job {
            number,
            line: number + 1,
            source: format!("a.io/x:{number}").parse().unwrap(),
            destination: format!("b.io/team/x:{number}").parse().unwrap(),
            filter: PlatformFilter::of_flags(Some(arch), None).unwrap(),
        }
    }

    #[test]
    fn a_packed_job_stays_small() {
        assert_eq!(size_of::<Packed>(), 44);
    }

    #[test]
    fn jobs_come_back_as_they_were() {
        let all = [job(3, "amd64"), job(4, "arm64"), job(9, "amd64")];
        let jobs: Jobs = all.iter().cloned().collect();
        assert_eq!(jobs.iter().collect::<Vec<_>>(), all);
        assert_eq!((jobs.get(9), jobs.get(5)), (Some(all[2].clone()), None));
        assert_eq!(
            [3, 4, 5, 9, 10].map(|number| jobs.has(number)),
            [true, true, false, true, false]
        );
        let texts = |number: u32| {
            let job = jobs.shown(number)?;
            Some((job.line, job.source.to_string(), job.destination.to_string()))
        };
        let expected = |job: &Job| (job.line, job.source.to_string(), job.destination.to_string());
        assert_eq!([4, 5].map(texts), [Some(expected(&all[1])), None]);
        let shown: Vec<_> = jobs.all_shown().collect();
        assert!(
            std::ptr::eq(shown[0].filter, shown[2].filter) && shown[1].filter != shown[0].filter
        );
        assert_eq!(jobs.numbers().collect::<Vec<_>>(), [3, 4, 9]);
        assert_eq!(jobs.filters().collect::<Vec<_>>(), [&all[0].filter, &all[1].filter]);
        assert!(jobs.destinations().all(|registry| registry.as_str() == "b.io"));
        assert_eq!((jobs.len(), jobs.is_empty()), (3, false));
    }
}
