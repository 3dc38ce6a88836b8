//! One job: from the two tags to a complete copy.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::ahead::held_by;
use super::blob::Trust;
use super::placement::Placement;
use super::push::collected;
use super::referrers::Referred;
use super::run::Run;
use super::seat::Seat;
use super::shape::{Shape, Shaped, is_same, may_stand, nothing_selected, shape};
use super::{Level, TransferError};
use crate::oci::{Digest, Manifest};
use crate::plan::{Job, Outcome, Status};
use crate::registry::{Client, ManifestHead, ManifestReference, RegistryError};

/// The wait before content is sent again that the registry had just collected.
const AFTER_COLLECTION: Duration = Duration::from_secs(1);

/// One job on its way.
pub(super) struct Copy<'a> {
    pub(super) run: &'a Run,
    pub(super) job: &'a Job,
    pub(super) source: Arc<Client>,
    pub(super) destination: Arc<Client>,
    /// What is known to be at the destination: the run's knowledge, or this job's own where the
    /// run's turned out to be wrong.
    pub(super) placement: &'a Placement,
    pub(super) trust: Trust,
    pub(super) seat: &'a Seat,
    moved: &'a AtomicU64,
    /// The destination's tag existed, so its content may be there too.
    pub(super) existed: bool,
}

/// What the two sides say before anything is copied.
enum Start {
    /// The destination holds what it shall hold.
    Done(Digest),
    /// The source's manifest is needed.
    Fetch {
        /// What the destination holds.
        head: Option<ManifestHead>,
        /// The manifest's digest, where it is known.
        named: Option<Digest>,
    },
}

/// Copies `job`, whose seat is `seat`.
pub(super) async fn copy(run: &Run, job: &Job, seat: &Seat) -> Outcome {
    let moved = AtomicU64::new(0);
    let mut copy = Copy::new(run, job, seat, &moved);
    let mut outcome = copy.whole().await.unwrap_or_else(|error| Outcome {
        hint: error.hint(),
        unfinished: matches!(error, TransferError::Interrupted),
        ..Outcome::failed(error)
    });
    outcome.bytes = moved.load(Ordering::Relaxed);
    outcome
}

impl<'a> Copy<'a> {
    /// `job` before anything is known; `moved` counts the bytes that go to the destination.
    pub(super) fn new(run: &'a Run, job: &'a Job, seat: &'a Seat, moved: &'a AtomicU64) -> Self {
        Self {
            run,
            job,
            source: run.registries.client(&job.source.registry),
            destination: run.registries.client(&job.destination.registry),
            placement: &run.placement,
            trust: Trust::Probe,
            seat,
            moved,
            existed: false,
        }
    }
}

impl Copy<'_> {
    /// Counts bytes that went to the destination.
    pub(super) fn count(&self, bytes: u64) {
        self.moved.fetch_add(bytes, Ordering::Relaxed);
    }

    /// An error of the destination, with what the preparation of its repository had to say.
    pub(super) fn at_destination(&self, error: RegistryError) -> TransferError {
        match self.run.options.unprepared.get(&self.job.destination.name()) {
            Some(hook) => TransferError::Unprepared { error, hook: hook.clone() },
            None => TransferError::Destination(error),
        }
    }

    /// Does `work`, unless the run is interrupted before it ends. Manifests whose content is complete
    /// are pushed all the same.
    ///
    /// The work is boxed: there are thousands of futures that hold one of these.
    pub(super) fn unless_interrupted<'b, T: 'b>(
        &self,
        work: impl Future<Output = T> + Send + 'b,
    ) -> impl Future<Output = Result<T, TransferError>> + Send + 'b {
        let mut work = Box::pin(work);
        let mut interrupt = self.run.interrupt.clone();
        async move {
            tokio::select! {
                biased;
                () = interrupt.raised() => Err(TransferError::Interrupted),
                done = &mut work => Ok(done),
            }
        }
    }

    async fn whole(&mut self) -> Result<Outcome, TransferError> {
        let forced = self.run.options.force_recursive;
        let start = match forced {
            true => Start::Fetch { head: None, named: None },
            false => self.unless_interrupted(self.start()).await??,
        };
        let (head, named) = match start {
            Start::Done(digest) if !self.run.options.referrers => {
                return Ok(already_there(digest.clone(), digest));
            }
            Start::Done(digest) => {
                let manifest = self.unless_interrupted(self.root(Some(&digest))).await??;
                return self.stands(manifest).await;
            }
            Start::Fetch { head, named } => (head, named),
        };
        self.existed = head.is_some();
        let manifest = self.unless_interrupted(self.root(named.as_ref())).await??;
        self.seat.holds(manifest.raw.bytes.len() as u64);
        let source_digest = manifest.raw.digest.clone();
        let held = head.as_ref().and_then(|head| head.digest.as_ref());
        if held == Some(&source_digest) && may_stand(&manifest, self.run.options.index) {
            return self.stands(manifest).await;
        }
        let (filter, mode) = (&self.job.filter, self.run.options.index);
        let shape = match shape(manifest, filter, mode, &self.configurations()).await? {
            Shaped::Write(shape) => shape,
            Shaped::Nothing => {
                let fails = self.run.options.no_platform_fails;
                let outcome = nothing_selected(self.job, fails, &self.run.events)?;
                return Ok(Outcome { source_digest: Some(source_digest), ..outcome });
            }
        };
        self.seat.holds(held_by(&shape));
        if !forced && self.holds(head.as_ref(), &shape.root.digest).await? {
            let referred = self.place_referrers(&shape, None).await?;
            return Ok(referred.told_with(already_there(source_digest, shape.root.digest)));
        }
        if shape.changed.is_some() && self.job.destination.version.tag().is_none() {
            let root = &shape.root.digest;
            let text = format!("it has no tag at the destination and another digest: {root}");
            self.run.events.note(self.job.number, None, Level::Warning, text);
        }
        let referred = self.place_surely(&shape).await?;
        Ok(referred.told_with(Outcome {
            source_digest: Some(source_digest),
            destination_digest: Some(shape.root.digest),
            reason: shape.changed.map(|why| format!("digest changed: {why}")),
            ..Outcome::new(Status::Copied)
        }))
    }

    /// The destination holds `manifest` as it is; what refers to it may be missing.
    async fn stands(&self, manifest: Manifest) -> Result<Outcome, TransferError> {
        let digest = manifest.raw.digest.clone();
        let referred = self.place_referrers_of(manifest).await?;
        Ok(referred.told_with(already_there(digest.clone(), digest)))
    }

    /// One HEAD at the destination; one at the source only where the tag is there.
    async fn start(&self) -> Result<Start, TransferError> {
        let reference = ManifestReference::to_push(&self.job.destination.version);
        let pinned = self.job.source.version.digest().is_some();
        let (head, ()) = tokio::join!(self.probe(&reference), async {
            // Nobody may have to ask a source that names its content itself.
            if !pinned {
                self.source.reach().await;
            }
        });
        let head = head?;
        let found = head.as_ref().and_then(|head| head.digest.clone());
        let verbatim = is_same(self.run.options.index);
        let found = found.filter(|_| verbatim || self.run.options.cache.is_some());
        // A GET may count as a pull where a HEAD does not, and an earlier one may have been kept.
        let saves = self.source.counts_manifest_gets() && self.run.options.cache.is_some();
        if found.is_none() && !saves {
            return Ok(Start::Fetch { head, named: None });
        }
        let named = match self.job.source.version.digest() {
            Some(digest) => Some(digest.clone()),
            None => {
                let reference = ManifestReference::to_fetch(&self.job.source.version);
                // Whatever keeps a HEAD from working, the GET decides and reports.
                let head =
                    self.source.manifest_head(&self.job.source.repository, &reference, false).await;
                head.ok().flatten().and_then(|head| head.digest)
            }
        };
        Ok(match found {
            Some(found) if verbatim && named.as_ref() == Some(&found) => Start::Done(found),
            _ => Start::Fetch { head, named },
        })
    }

    /// Looks for a manifest at the destination. A refusal means nothing: the push decides.
    pub(super) async fn probe(
        &self,
        reference: &ManifestReference,
    ) -> Result<Option<ManifestHead>, TransferError> {
        let repository = &self.job.destination.repository;
        match self.destination.manifest_head(repository, reference, true).await {
            Ok(head) => Ok(head),
            Err(error) if matches!(error.cause.status(), Some(400..=428)) => Ok(None),
            Err(error) => Err(self.at_destination(error)),
        }
    }

    /// Does the destination hold `root` already? A push by digest asks for the digest that is
    /// pushed, which a filter may have changed.
    async fn holds(
        &self,
        head: Option<&ManifestHead>,
        root: &Digest,
    ) -> Result<bool, TransferError> {
        if head.is_some_and(|head| head.digest.as_ref() == Some(root)) {
            return Ok(true);
        }
        let by_digest = self.job.destination.version.tag().is_none();
        let asked_before = self.job.destination.version.digest() == Some(root);
        if !by_digest || asked_before {
            return Ok(false);
        }
        Ok(self.probe(&ManifestReference::Digest(root.clone())).await?.is_some())
    }

    async fn place_and_tag(&self, shape: &Shape) -> Result<Referred, TransferError> {
        self.place(shape).await?;
        let referred = self.place_referrers(shape, Some(&shape.root)).await?;
        self.tag(shape).await?;
        if let Some(single) = &shape.single {
            self.name_blobs(single).await;
        }
        Ok(referred)
    }

    /// Places and tags. Where the registry collected something between our look and the push of what
    /// names it, all of it is brought again without believing anything that was seen before, and the run
    /// knows of that afterwards; but once only for each manifest that the registry refuses so.
    async fn place_surely(&self, shape: &Shape) -> Result<Referred, TransferError> {
        let mut refused = HashSet::new();
        let mut placed = self.place_and_tag(shape).await;
        loop {
            let error = match placed {
                Ok(referred) => return Ok(referred),
                Err(error) => error,
            };
            let manifest = collected(&error).map(|operation| operation.target.clone());
            if !manifest.is_some_and(|manifest| refused.insert(manifest)) {
                return Err(error);
            }
            let text = format!("{error}; what it names is sent again");
            self.run.events.note(self.job.number, None, Level::Warning, text);
            tokio::time::sleep(AFTER_COLLECTION).await;
            let brought = self.placement.empty();
            let again = Copy {
                run: self.run,
                job: self.job,
                source: Arc::clone(&self.source),
                destination: Arc::clone(&self.destination),
                placement: &brought,
                trust: Trust::Nothing,
                seat: self.seat,
                moved: self.moved,
                existed: false,
            };
            placed = again.place_and_tag(shape).await;
            self.placement.adopt(&brought);
        }
    }
}

/// The destination holds what it shall hold.
pub(super) fn already_there(source: Digest, destination: Digest) -> Outcome {
    Outcome {
        source_digest: Some(source),
        destination_digest: Some(destination),
        ..Outcome::skipped("already at the destination")
    }
}
