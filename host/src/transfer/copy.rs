//! One job: from the two tags to a complete copy.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::blob::Trust;
use super::run::Run;
use super::shape::{Shape, Shaped, is_same, shape};
use super::{Level, TransferError};
use crate::oci::{Content, Descriptor, Digest, Manifest, RawManifest, Single};
use crate::plan::{Job, Outcome, Status};
use crate::registry::{Client, ManifestHead, ManifestReference, RegistryError};

/// Indexes may be nested so deep.
const DEPTH: usize = 8;
/// An index may name so many manifests.
const CHILDREN: usize = 4096;
/// Children of one index that are copied at once.
const CHILDREN_AT_ONCE: usize = 4;
/// Blobs of one manifest that are looked at at once.
const BLOBS_AT_ONCE: usize = 8;

/// One job on its way.
pub(super) struct Copy<'a> {
    pub(super) run: &'a Run,
    pub(super) job: &'a Job,
    pub(super) source: Arc<Client>,
    pub(super) destination: Arc<Client>,
    moved: AtomicU64,
    /// The destination's tag existed, so its content may be there too.
    existed: bool,
}

/// What the two sides say before anything is copied.
enum Start {
    /// The destination holds what it shall hold.
    Done(Digest),
    /// The source's manifest is needed.
    Fetch(Option<ManifestHead>),
}

/// Copies `job`.
pub(super) async fn copy(run: &Run, job: &Job) -> Outcome {
    let mut copy = Copy {
        run,
        job,
        source: run.registries.client(&job.source.registry),
        destination: run.registries.client(&job.destination.registry),
        moved: AtomicU64::new(0),
        existed: false,
    };
    let mut outcome = copy
        .whole()
        .await
        .unwrap_or_else(|error| Outcome { hint: error.hint(), ..Outcome::failed(error) });
    outcome.bytes = copy.moved.load(Ordering::Relaxed);
    outcome
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

    async fn whole(&mut self) -> Result<Outcome, TransferError> {
        let head = match self.start().await? {
            Start::Done(digest) => {
                return Ok(Outcome {
                    source_digest: Some(digest.clone()),
                    destination_digest: Some(digest),
                    ..Outcome::skipped("already at the destination")
                });
            }
            Start::Fetch(head) => head,
        };
        self.existed = head.is_some();
        let reference = ManifestReference::to_fetch(&self.job.source.version);
        let manifest = self.source.manifest(&self.job.source.repository, &reference).await;
        let manifest = manifest.map_err(TransferError::Source)?;
        let source_digest = manifest.raw.digest.clone();
        let shaped = shape(
            manifest,
            &self.job.filter,
            self.run.options.index,
            &self.source,
            &self.job.source.repository,
        )
        .await?;
        let shape = match shaped {
            Shaped::Write(shape) => shape,
            Shaped::Nothing => return self.nothing_selected(source_digest),
        };
        let root = shape.root.digest.clone();
        let ended = |status, reason| Outcome {
            source_digest: Some(source_digest.clone()),
            destination_digest: Some(root.clone()),
            reason,
            ..Outcome::new(status)
        };
        if self.holds(head.as_ref(), &root).await? {
            return Ok(ended(Status::Skipped, Some("already at the destination".to_owned())));
        }
        self.place(&shape, Trust::Probe).await?;
        self.tag(&shape).await?;
        Ok(ended(Status::Copied, shape.changed.clone().map(|why| format!("digest changed: {why}"))))
    }

    /// One HEAD at the destination; one at the source only where the tag is there.
    async fn start(&self) -> Result<Start, TransferError> {
        let reference = ManifestReference::to_push(&self.job.destination.version);
        let head = self.probe(&reference).await?;
        let found = head.as_ref().and_then(|head| head.digest.clone());
        let (Some(found), true) = (found, is_same(self.run.options.index)) else {
            return Ok(Start::Fetch(head));
        };
        let wanted = match self.job.source.version.digest() {
            Some(digest) => Some(digest.clone()),
            None => {
                let reference = ManifestReference::to_fetch(&self.job.source.version);
                // Whatever keeps a HEAD from working, the GET decides and reports.
                let head =
                    self.source.manifest_head(&self.job.source.repository, &reference, false).await;
                head.ok().flatten().and_then(|head| head.digest)
            }
        };
        Ok(if wanted.as_ref() == Some(&found) { Start::Done(found) } else { Start::Fetch(head) })
    }

    /// Looks for a manifest at the destination. A refusal means nothing: the push decides.
    async fn probe(
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

    fn nothing_selected(&self, source_digest: Digest) -> Result<Outcome, TransferError> {
        let filter = self.job.filter.to_string();
        if self.run.options.no_platform_fails {
            return Err(TransferError::NoPlatform(filter));
        }
        let text = format!("no platform of {} satisfies the filter ({filter})", self.job.source);
        self.run.events.note(self.job.number, None, Level::Warning, text);
        let skipped = Outcome::skipped(format!("no platform satisfies the filter ({filter})"));
        Ok(Outcome { source_digest: Some(source_digest), ..skipped })
    }

    /// Brings everything that the root names.
    async fn place(&self, shape: &Shape, trust: Trust) -> Result<(), TransferError> {
        if let Some(single) = &shape.single {
            self.place_blobs(single, shape.config.as_ref(), trust).await?;
        }
        if let Some(wrapped) = &shape.wrapped {
            self.push_by_digest(&wrapped.raw).await?;
        }
        self.place_children(&shape.children, trust, 1).await
    }

    async fn place_blobs(
        &self,
        single: &Single,
        config: Option<&Bytes>,
        trust: Trust,
    ) -> Result<(), TransferError> {
        let config_digest = single.config.as_ref().map(|config| &config.digest);
        let mut blobs: Vec<BoxFuture<'_, Result<(), TransferError>>> = Vec::new();
        for blob in single.blobs() {
            let bytes = config.filter(|_| Some(&blob.digest) == config_digest);
            blobs.push(self.place_blob(blob, bytes, trust).boxed());
        }
        all(blobs, BLOBS_AT_ONCE).await
    }

    /// Boxed, as an index's children may be indexes.
    fn place_children<'a>(
        &'a self,
        children: &'a [Descriptor],
        trust: Trust,
        depth: usize,
    ) -> BoxFuture<'a, Result<(), TransferError>> {
        async move {
            if depth > DEPTH {
                return Err(TransferError::TooDeep(DEPTH));
            }
            if children.len() > CHILDREN {
                return Err(TransferError::TooManyChildren(CHILDREN));
            }
            let mut placed: Vec<BoxFuture<'_, Result<(), TransferError>>> = Vec::new();
            for (image, child) in (1..).zip(children) {
                placed.push(self.place_child(child, image, trust, depth).boxed());
            }
            all(placed, CHILDREN_AT_ONCE).await
        }
        .boxed()
    }

    /// Brings one manifest that an index names, with everything below it.
    async fn place_child(
        &self,
        child: &Descriptor,
        image: u32,
        trust: Trust,
        depth: usize,
    ) -> Result<(), TransferError> {
        let (registry, repository) =
            (self.destination.registry(), &self.job.destination.repository);
        let placed = self.run.placement.manifest(registry, repository, &child.digest);
        let bring = || async {
            let reference = ManifestReference::Digest(child.digest.clone());
            if self.existed && trust == Trust::Probe && self.probe(&reference).await?.is_some() {
                return Ok(());
            }
            let manifest = self.source.manifest(&self.job.source.repository, &reference).await;
            let manifest = manifest.map_err(TransferError::Source)?;
            self.place_named(&manifest, trust, depth).await?;
            match self.push_by_digest(&manifest.raw).await {
                Err(error) if is_collected(&error) => {
                    self.forget(&manifest).await;
                    self.place_named(&manifest, Trust::Nothing, depth).await?;
                    self.push_by_digest(&manifest.raw).await?;
                }
                pushed => pushed?,
            }
            let platform = child
                .platform
                .as_ref()
                .map_or_else(String::new, |platform| format!(" ({platform})"));
            let text = format!("{}{platform} is at the destination", child.digest);
            self.run.events.note(self.job.number, Some(image), Level::Debug, text);
            Ok(())
        };
        placed.get_or_try_init(bring).await.map(|_| ())
    }

    async fn place_named(
        &self,
        manifest: &Manifest,
        trust: Trust,
        depth: usize,
    ) -> Result<(), TransferError> {
        match &manifest.content {
            Content::Index(index) => self.place_children(&index.manifests, trust, depth + 1).await,
            Content::Single(single) => self.place_blobs(single, None, trust).await,
        }
    }

    async fn push_by_digest(&self, manifest: &RawManifest) -> Result<(), TransferError> {
        let reference = ManifestReference::Digest(manifest.digest.clone());
        self.push(&reference, manifest).await
    }

    async fn push(
        &self,
        reference: &ManifestReference,
        manifest: &RawManifest,
    ) -> Result<(), TransferError> {
        let repository = &self.job.destination.repository;
        let pushed = self.destination.push_manifest(repository, reference, manifest).await;
        pushed.map_err(|error| self.at_destination(error))?;
        self.count(manifest.bytes.len() as u64);
        Ok(())
    }

    /// Pushes the root last, so that the tag never names what is not there.
    async fn tag(&self, shape: &Shape) -> Result<(), TransferError> {
        let reference = match self.job.destination.version.tag() {
            Some(tag) => ManifestReference::Tag(tag.clone()),
            None => ManifestReference::Digest(shape.root.digest.clone()),
        };
        match self.push(&reference, &shape.root).await {
            Err(error) if is_collected(&error) => {
                // The registry collected something between our look and this push: bring all of it
                // again without believing what is there.
                self.forget_shape(shape).await;
                self.place(shape, Trust::Nothing).await?;
                self.push(&reference, &shape.root).await
            }
            Err(TransferError::Destination(error)) if error.is_immutable_tag() => {
                let held = self.probe(&reference).await?.and_then(|head| head.digest);
                if held.as_ref() == Some(&shape.root.digest) {
                    return Ok(());
                }
                Err(TransferError::ImmutableTag(held))
            }
            pushed => pushed,
        }
    }

    async fn forget(&self, manifest: &Manifest) {
        let (registry, repository) =
            (self.destination.registry(), &self.job.destination.repository);
        let named: Vec<&Descriptor> = match &manifest.content {
            Content::Index(index) => index.manifests.iter().collect(),
            Content::Single(single) => single.blobs(),
        };
        for descriptor in named {
            self.run.placement.forget(registry, repository, &descriptor.digest);
        }
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }

    async fn forget_shape(&self, shape: &Shape) {
        let (registry, repository) =
            (self.destination.registry(), &self.job.destination.repository);
        let blobs = shape.single.as_deref().map(Single::blobs).unwrap_or_default();
        for descriptor in shape.children.iter().chain(blobs) {
            self.run.placement.forget(registry, repository, &descriptor.digest);
        }
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
}

/// Waits for all of `futures`, at most `at_once` of them at a time; the first error ends the rest.
async fn all(
    futures: Vec<BoxFuture<'_, Result<(), TransferError>>>,
    at_once: usize,
) -> Result<(), TransferError> {
    stream::iter(futures).buffer_unordered(at_once).try_collect::<Vec<()>>().await.map(|_| ())
}

fn is_collected(error: &TransferError) -> bool {
    match error {
        TransferError::Destination(error) | TransferError::Unprepared { error, .. } => {
            error.is_unknown_content()
        }
        _ => false,
    }
}
