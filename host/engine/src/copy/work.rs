//! What the parts of copying one image share: the run, the job, its two stores.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use longshore_oci::{Digest, ManifestReference, Repository};
use longshore_store::{
    Destination, Intent, Interrupt, Source, StoreError, Stores, TransferFailure, Trust,
};

use super::admission::Admitted;
use super::known_content::{BadContent, KnownContent, KnownReferrers};
use super::options::CopyOptions;
use crate::error::JobError;
use crate::event::{EventSender, Level};
use crate::job::Job;
use crate::source_reader::{KnownSources, SourceReader};

/// What the jobs of a run share.
pub(super) struct Run {
    pub(super) stores: Arc<dyn Stores>,
    pub(super) options: CopyOptions,
    pub(super) events: EventSender,
    pub(super) interrupt: Interrupt,
    pub(super) known: KnownContent,
    pub(super) bad_content: BadContent,
    pub(super) referrers: KnownReferrers,
    pub(super) sources: KnownSources,
}

/// One image on its way.
pub(super) struct Work<'a> {
    pub(super) run: &'a Run,
    pub(super) job: &'a Job,
    pub(super) source: Arc<dyn Source>,
    pub(super) destination: Arc<dyn Destination>,
    /// What is known to be at the destination: the run's knowledge, or this job's own where the
    /// run's turned out to be wrong.
    pub(super) known: &'a KnownContent,
    pub(super) trust: Trust,
    pub(super) admitted: &'a Admitted,
    moved: &'a AtomicU64,
    /// The destination's tag existed, so its content may be there too.
    pub(super) existed: bool,
}

impl<'a> Work<'a> {
    /// `job` before anything is known; `moved` counts the bytes that go to the destination.
    ///
    /// # Errors
    /// Where a store cannot be opened.
    pub(super) fn new(
        run: &'a Run,
        job: &'a Job,
        admitted: &'a Admitted,
        moved: &'a AtomicU64,
    ) -> Result<Self, JobError> {
        let source = run.stores.source(&job.source.store).map_err(JobError::Source)?;
        let destination = run.stores.destination(&job.destination.store);
        Ok(Self {
            run,
            job,
            source,
            destination: destination.map_err(JobError::Destination)?,
            known: &run.known,
            trust: Trust::Probe,
            admitted,
            moved,
            existed: false,
        })
    }

    /// The same job, which believes nothing that the destination showed; `known` is what it learns.
    pub(super) fn distrusting(&'a self, known: &'a KnownContent) -> Self {
        Self {
            run: self.run,
            job: self.job,
            source: Arc::clone(&self.source),
            destination: Arc::clone(&self.destination),
            known,
            trust: Trust::Nothing,
            admitted: self.admitted,
            moved: self.moved,
            existed: false,
        }
    }
}

impl Work<'_> {
    /// Reads the job's source.
    pub(super) fn reader(&self) -> SourceReader<'_> {
        SourceReader {
            store: &self.source,
            reference: &self.job.source,
            cache: self.run.options.cache.as_ref(),
            known: &self.run.sources,
        }
    }

    /// The destination's repository.
    pub(super) const fn repository(&self) -> &Repository {
        &self.job.destination.repository
    }

    /// Counts bytes that went to the destination.
    pub(super) fn count(&self, bytes: u64) {
        self.moved.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Tells the report something about the job.
    pub(super) fn note(&self, level: Level, text: impl Into<String>) {
        self.run.events.note(self.job.number, None, level, text);
    }

    /// An error of the destination, with what the preparation of its repository had to say.
    pub(super) fn at_destination(&self, error: StoreError) -> JobError {
        match self.run.options.unprepared.get(&self.job.destination.name()) {
            Some(hook) => JobError::Unprepared { error, hook: hook.clone() },
            None => JobError::Destination(error),
        }
    }

    /// Why a blob could not be placed.
    pub(super) fn failed(&self, failure: TransferFailure) -> JobError {
        match failure {
            TransferFailure::Destination(error) => self.at_destination(error),
            other => other.into(),
        }
    }

    /// Does `work`, unless the run is interrupted before it ends. Manifests whose content is complete
    /// are pushed all the same.
    ///
    /// The work is boxed: there are thousands of futures that hold one of these.
    pub(super) fn unless_interrupted<'b, T: 'b>(
        &self,
        work: impl Future<Output = T> + Send + 'b,
    ) -> impl Future<Output = Result<T, JobError>> + Send + 'b {
        let mut work = Box::pin(work);
        let mut interrupt = self.run.interrupt.clone();
        async move {
            tokio::select! {
                biased;
                () = interrupt.raised() => Err(JobError::Interrupted),
                done = &mut work => Ok(done),
            }
        }
    }

    /// Looks for a manifest at the destination. A refusal means nothing: the push decides.
    pub(super) async fn probe(
        &self,
        reference: &ManifestReference,
    ) -> Result<Option<Digest>, JobError> {
        match self.destination.resolve(self.repository(), reference, Intent::Push).await {
            Ok(found) => Ok(found),
            Err(error) if error.is_refused() => Ok(None),
            Err(error) => Err(self.at_destination(error)),
        }
    }
}
