//! The context of copying one image: the run, the job and its two stores.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use longshore_oci::{Digest, Manifest, ManifestReference, Repository};
use longshore_store::{
    Destination, Intent, Interrupt, Source, StoreError, Stores, TransferFailure, Trust,
};

use super::admission::{Admitted, NeedsTurn};
use super::known_content::{BadContent, KnownContent, KnownReferrers};
use super::options::CopyOptions;
use crate::error::JobError;
use crate::event::{EventSender, Level};
use crate::job::Job;
use crate::source_reader::{KnownSources, SourceReader};

impl From<NeedsTurn> for JobError {
    fn from(NeedsTurn: NeedsTurn) -> Self {
        Self::NeedsTurn
    }
}

/// What the jobs of a run share.
pub(super) struct Run {
    pub(super) stores: Arc<dyn Stores>,
    pub(super) options: CopyOptions,
    pub(super) events: EventSender,
    pub(super) known: KnownContent,
    pub(super) bad_content: BadContent,
    pub(super) referrers: KnownReferrers,
    pub(super) sources: KnownSources,
}

/// The context of one image.
pub(super) struct Work<'a> {
    pub(super) run: &'a Run,
    pub(super) job: &'a Job,
    pub(super) source: Arc<dyn Source>,
    pub(super) destination: Arc<dyn Destination>,
    /// What is known about the destination: shared by the run, or private to the job after the
    /// run's knowledge was wrong.
    pub(super) known: &'a KnownContent,
    pub(super) trust: Trust,
    pub(super) admitted: &'a Admitted,
    moved: &'a AtomicU64,
    /// Whether the destination's tag existed, so that its content may exist too.
    pub(super) tag_existed: bool,
    /// The interrupt of the job: of the run, or because its time is over.
    pub(super) interrupt: Interrupt,
}

impl<'a> Work<'a> {
    /// Makes the context of `job`; `moved` counts the bytes sent to the destination.
    ///
    /// # Errors
    /// If a store cannot be opened.
    pub(super) fn new(
        run: &'a Run,
        job: &'a Job,
        admitted: &'a Admitted,
        moved: &'a AtomicU64,
        interrupt: Interrupt,
    ) -> Result<Self, JobError> {
        let source = run.stores.source(&job.source.store).map_err(JobError::Source)?;
        let destination = run.stores.destination(&job.destination.store);
        Ok(Self {
            run,
            job,
            source,
            destination: destination.map_err(JobError::Destination)?,
            known: &run.known,
            trust: if run.options.force_recursive { Trust::Verify } else { Trust::Probe },
            admitted,
            moved,
            tag_existed: false,
            interrupt,
        })
    }

    /// Makes a context for the same job that trusts no probe of the destination; `known` collects
    /// what it learns.
    pub(super) fn without_probes(&'a self, known: &'a KnownContent) -> Self {
        Self {
            run: self.run,
            job: self.job,
            source: Arc::clone(&self.source),
            destination: Arc::clone(&self.destination),
            known,
            trust: Trust::Nothing,
            admitted: self.admitted,
            moved: self.moved,
            tag_existed: false,
            interrupt: self.interrupt.clone(),
        }
    }
}

impl Work<'_> {
    /// A reader of the job's source.
    pub(super) fn reader(&self) -> SourceReader<'_> {
        SourceReader {
            store: &self.source,
            reference: &self.job.source,
            cache: self.run.options.cache.as_ref(),
            known: &self.run.sources,
        }
    }

    /// Reads the source's manifest; `named` is its digest, if known.
    pub(super) async fn root(&self, named: Option<&Digest>) -> Result<Manifest, JobError> {
        let manifest = self.reader().root(named).await.map_err(JobError::Source)?;
        self.admitted.hold(manifest.raw.bytes.len() as u64)?;
        Ok(manifest)
    }

    /// Reads a manifest that another manifest of the source names.
    pub(super) async fn named(&self, digest: &Digest) -> Result<Manifest, JobError> {
        let manifest = self.reader().by_digest(digest).await.map_err(JobError::Source)?;
        self.admitted.hold_more(manifest.raw.bytes.len())?;
        Ok(manifest)
    }

    /// Waits for the turn of an image with large manifests.
    pub(super) async fn take_turn(&self) -> Result<(), JobError> {
        self.unless_interrupted(self.admitted.take_turn()).await
    }

    /// The destination's repository.
    pub(super) const fn repository(&self) -> &Repository {
        &self.job.destination.repository
    }

    /// Counts bytes sent to the destination.
    pub(super) fn count(&self, bytes: u64) {
        self.moved.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Sends a log message about the job.
    pub(super) fn note(&self, level: Level, text: impl Into<String>) {
        self.run.events.note(self.job.number, None, level, text);
    }

    /// Converts an error of the destination, with the error of its repository's preparation, if
    /// any.
    pub(super) fn destination_error(&self, error: StoreError) -> JobError {
        match self.run.options.unprepared.get(&self.job.destination.name()) {
            Some(hook) => JobError::Unprepared { error: Box::new(error), hook: hook.clone() },
            None => JobError::Destination(error),
        }
    }

    /// Converts the error of a blob transfer.
    pub(super) fn job_error(&self, failure: TransferFailure) -> JobError {
        match failure {
            TransferFailure::Destination(error) => self.destination_error(error),
            other => other.into(),
        }
    }

    /// Runs `work` until the job is interrupted.
    ///
    /// Pushes of manifests whose content is complete do not use this. The work is boxed because
    /// thousands of futures hold one of these.
    pub(super) fn unless_interrupted<'b, T: 'b>(
        &self,
        work: impl Future<Output = T> + Send + 'b,
    ) -> impl Future<Output = Result<T, JobError>> + Send + 'b {
        let mut work = Box::pin(work);
        let mut interrupt = self.interrupt.clone();
        async move {
            tokio::select! {
                biased;
                () = interrupt.raised() => Err(JobError::Interrupted),
                done = &mut work => Ok(done),
            }
        }
    }

    /// Refuses a destination that shows content of another store; `shown` is a manifest that it
    /// showed.
    pub(super) async fn check_storage(&self, shown: Option<&Digest>) -> Result<(), JobError> {
        let checked = self.destination.check_storage(self.repository(), shown, Intent::Push).await;
        checked.map_err(|error| self.destination_error(error))
    }

    /// Resolves a manifest at the destination. A refusal counts as absent: the push decides.
    pub(super) async fn probe(
        &self,
        reference: &ManifestReference,
    ) -> Result<Option<Digest>, JobError> {
        match self.destination.resolve(self.repository(), reference, Intent::Push).await {
            Ok(found) => Ok(found),
            Err(error) if error.is_refused() => Ok(None),
            Err(error) => Err(self.destination_error(error)),
        }
    }
}
