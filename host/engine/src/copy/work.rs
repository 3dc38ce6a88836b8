//! The context of copying one image: the run, the job and its two stores.

use std::collections::HashSet;
use std::hash::RandomState;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::{BoxFuture, FutureExt as _};
use longshore_oci::{Descriptor, Digest, Manifest, ManifestReference, Repository, StoreName};
use longshore_store::{
    Destination, Intent, Interrupt, Source, StoreError, Stores, TransferFailure, Trust,
};

use super::admission::{Admitted, NeedsTurn};
use super::known_content::{BadContent, KnownContent, KnownReferrers};
use super::options::CopyOptions;
use super::shared_homes::ClaimTurns;
use crate::counted;
use crate::error::JobError;
use crate::event::{EventSender, Level};
use crate::job::Job;
use crate::lost_platforms;
use crate::shape::Shape;
use crate::source_reader::{KnownSources, SourceReader};
use crate::walk::Descendants;

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
    /// What the run has said once.
    pub(super) told: Told,
    /// The turns to claim blobs among the processes of the run.
    pub(super) claims: ClaimTurns,
    /// The hashes of blobs that a dry run counted.
    pub(super) counted: Mutex<HashSet<u64>>,
    /// The hash function for them.
    pub(super) hasher: RandomState,
}

/// The messages that a run shows once, at the first image that each is about.
#[derive(Default)]
pub(super) struct Told {
    /// The images that the run copied into a folder with media types of Docker.
    docker_types: AtomicUsize,
    /// The destinations whose refused login was reported.
    logins: Mutex<HashSet<StoreName>>,
}

/// How many blobs and manifests the destination lacked, or kept corrupt.
#[derive(Debug, Default)]
pub(super) struct Mended {
    pub(super) blobs: AtomicUsize,
    pub(super) manifests: AtomicUsize,
}

impl Mended {
    /// Says what was mended; `None` if nothing was.
    pub(super) fn told(&self) -> Option<String> {
        let (blobs, manifests) =
            (self.blobs.load(Ordering::Relaxed), self.manifests.load(Ordering::Relaxed));
        let each = [(blobs, "blob", "blobs"), (manifests, "manifest", "manifests")];
        let sent: Vec<String> = each
            .into_iter()
            .filter(|(count, ..)| *count > 0)
            .map(|(count, one, many)| counted(count, one, many))
            .collect();
        (!sent.is_empty()).then(|| format!("mended: {} sent again", sent.join(" and ")))
    }
}

impl Run {
    /// Counts the images with media types of Docker that the run copied into folders. A warning named the first.
    pub(super) fn tell_at_end(&self) {
        let count = self.told.docker_types.load(Ordering::Relaxed);
        if count > 1 {
            let text = format!(
                "{count} images in folders have Docker's media types, which skopeo does not read there; this run \
                 copied them, and a warning above names the first"
            );
            self.events.note(0, None, Level::Warning, text);
        }
    }

    /// Says whether `error` is a refused login of the destination that an earlier image met too.
    pub(super) async fn is_repeated(&self, job: &Job, error: &JobError) -> bool {
        let of_login = match error {
            JobError::Destination(error) => error.is_login,
            JobError::Unprepared { error, .. } => error.is_login,
            _ => false,
        };
        if !of_login || self.refusal(job).await.is_none() {
            return false;
        }
        let mut told = self.told.logins.lock().unwrap_or_else(PoisonError::into_inner);
        !told.insert(job.destination.store.clone())
    }

    /// Why the destination will refuse this image too, if it refused the login of an earlier one. Sends nothing.
    async fn known_refusal(&self, job: &Job) -> Option<StoreError> {
        let is_told = {
            let told = self.told.logins.lock().unwrap_or_else(PoisonError::into_inner);
            told.contains(&job.destination.store)
        };
        // Another repository may have a credential of its own.
        if is_told { self.refusal(job).await } else { None }
    }

    async fn refusal(&self, job: &Job) -> Option<StoreError> {
        let destination = self.stores.destination(&job.destination.store).ok()?;
        let refusal = destination.push_refusal(&job.destination.repository).await?;
        Some(StoreError { is_login: true, ..refusal })
    }
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
    /// What was sent although the destination should have it, for `--force-recursive`.
    pub(super) mended: Arc<Mended>,
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
            mended: Arc::default(),
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
            mended: Arc::clone(&self.mended),
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

    /// Reads a child of an index of the source; `None` if it is a blob, which only the source could tell.
    pub(super) async fn child(&self, child: &Descriptor) -> Result<Option<Manifest>, JobError> {
        let read = self.reader().child(child).await.map_err(JobError::Source)?;
        if let Some(manifest) = &read {
            self.admitted.hold_more(manifest.raw.bytes.len())?;
        }
        Ok(read)
    }

    /// Waits for the turn of an image with large manifests.
    pub(super) async fn take_turn(&self) -> Result<(), JobError> {
        self.unless_interrupted(self.admitted.take_turn()).await
    }

    /// The destination's repository.
    pub(super) const fn repository(&self) -> &Repository {
        &self.job.destination.repository
    }

    /// Returns the platforms that the destination's manifest `held` has and `shape` lacks; `None` if the tag loses
    /// none.
    ///
    /// Only what a filter or `--index` has changed is compared, which costs a request. Otherwise the tag follows
    /// the source. An index that cannot be read counts as one without platforms.
    pub(super) async fn lost_platforms(&self, held: &Digest, shape: &Shape) -> Option<String> {
        self.job.destination.version.tag()?;
        shape.changed.as_ref()?;
        let reference = ManifestReference::Digest(held.clone());
        let held = self.destination.manifest(self.repository(), &reference).await.ok()?;
        lost_platforms::between(&held, &shape.parsed_root()?, &self.job.filter)
    }

    /// Counts bytes sent to the destination.
    pub(super) fn count(&self, bytes: u64) {
        self.moved.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Sends a log message about the job.
    pub(super) fn note(&self, level: Level, text: impl Into<String>) {
        self.run.events.note(self.job.number, None, level, text);
    }

    /// Warns once of a copied manifest with a media type of Docker in a folder: other tools look only for OCI's
    /// types in an image layout (image-spec, image-layout.md). Only what arrived counts, so this follows the push.
    pub(super) fn tell_of_docker_types(&self, shape: &Shape) {
        let media_type = &shape.root.media_type;
        if self.destination.name().registry().is_some()
            || !media_type.as_str().starts_with("application/vnd.docker.")
            || self.run.told.docker_types.fetch_add(1, Ordering::Relaxed) > 0
        {
            return;
        }
        let source = &self.job.source;
        let convert = match source.store.registry() {
            Some(_) => format!(
                "skopeo copy docker://{source} oci:DIR:TAG converts it, with --all every platform"
            ),
            None => "skopeo copy docker://… converts it from a registry, such as longshore serve"
                .to_owned(),
        };
        let text = format!(
            "{source} has Docker's media type {media_type}: longshore reads it in an image layout, and so does every \
             client of longshore serve, but skopeo does not; {convert}"
        );
        self.note(Level::Warning, text);
    }

    /// Converts an error of the destination, with the error of its repository's preparation, if
    /// any.
    pub(super) fn destination_error(&self, error: StoreError) -> JobError {
        let (options, name) = (&self.run.options, self.job.destination.name());
        match options.unprepared.get(&name) {
            // Both failed for lack of a login. A warning has told why the preparation failed.
            Some(_) if error.lacks_login && !options.refused.contains(&name) => {
                JobError::Destination(error)
            }
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

    /// Fails if the destination refused the login of an earlier image of the run.
    pub(super) async fn check_login(&self) -> Result<(), JobError> {
        match self.run.known_refusal(self.job).await {
            Some(refusal) => Err(self.destination_error(refusal)),
            None => Ok(()),
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

/// Reads indexes in indexes at the source.
impl Descendants for Work<'_> {
    type Error = JobError;

    fn read<'a>(
        &'a self,
        child: &'a Descriptor,
    ) -> BoxFuture<'a, Result<Option<Manifest>, JobError>> {
        self.child(child).boxed()
    }
}
