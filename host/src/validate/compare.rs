//! One entry: from the two tags to what is wrong with the destination.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;

use super::Run;
use super::difference::{Expected, difference, inside};
use super::error::ValidateError;
use super::fields::platforms;
use super::inventory::{Inventory, damage};
use crate::oci::{Content, Digest, Manifest, Platform, RawManifest, Repository, Single};
use crate::plan::{Finding, Job, Outcome, Status};
use crate::registry::{Client, ManifestReference};
use crate::transfer::{
    ConfigurationSource, Shape, Shaped, TransferError, is_same, may_stand, nothing_selected, shape,
};

/// The largest configuration that is read for a platform.
const CONFIG_LIMIT: u64 = 16 * 1024 * 1024;

/// One entry that is compared.
pub(super) struct Compare<'a> {
    pub(super) run: &'a Run,
    pub(super) job: &'a Job,
    pub(super) source: Arc<Client>,
    pub(super) destination: Arc<Client>,
}

/// What stands under the destination's tag.
pub(super) struct Held {
    pub(super) digest: Digest,
    /// Its content, where it had to be read for the digest.
    manifest: Option<Manifest>,
}

/// What the two sides have, as far as it is known.
#[derive(Clone, Default)]
pub(super) struct Digests {
    pub(super) source: Option<Digest>,
    pub(super) destination: Option<Digest>,
}

impl<'a> Compare<'a> {
    pub(super) fn new(run: &'a Run, job: &'a Job) -> Self {
        let source = run.registries.client(&job.source.registry);
        let destination = run.registries.client(&job.destination.registry);
        Self { run, job, source, destination }
    }

    /// Compares it.
    pub(super) async fn whole(&self) -> Result<Outcome, ValidateError> {
        let mode = self.run.options.index;
        let tag = ManifestReference::to_push(&self.job.destination.version);
        let mut held = self.held(&tag).await?;
        let needs_source =
            held.is_some() || (self.job.destination.version.tag().is_some() && self.takes_all());
        let wanted = if needs_source { self.source_digest().await } else { None };
        if let (None, Some(_)) = (&held, &wanted) {
            return Ok(self.missing(wanted));
        }
        let digests = |source: &Digest, held: Option<&Held>| Digests {
            source: Some(source.clone()),
            destination: held.map(|held| held.digest.clone()),
        };
        // What both have is read at the destination, where nobody counts pulls.
        let manifest = match &mut held {
            Some(held) if wanted.as_ref() == Some(&held.digest) => match self.root(held).await? {
                Ok(manifest) => manifest,
                Err(found) => return Ok(self.broken(digests(&held.digest, Some(held)), found)),
            },
            _ => self.source_manifest(wanted.as_ref()).await?,
        };
        let source = manifest.raw.digest.clone();
        let same = held.as_ref().is_some_and(|held| held.digest == source);
        if same && (is_same(mode) || may_stand(&manifest, mode)) {
            let kept = self.kept(&manifest.content);
            let digests = digests(&source, held.as_ref());
            return self.complete(&manifest, kept.as_deref(), None, digests).await;
        }
        let filter = &self.job.filter;
        let configs = ConfigurationSource {
            client: &self.source,
            repository: &self.job.source.repository,
            cache: self.run.options.cache.as_ref(),
            known: &self.run.configurations,
        };
        let shaped = shape(manifest, filter, mode, &configs).await?;
        let Shaped::Write(shape) = shaped else {
            let fails = self.run.options.no_platform_fails;
            let outcome = nothing_selected(self.job, fails, &self.run.events)?;
            return Ok(Outcome { source_digest: Some(source), ..outcome });
        };
        if held.is_none() && self.job.destination.version.tag().is_none() {
            // A push by digest went to the digest of what the filter left.
            held = self.held(&ManifestReference::Digest(shape.root.digest.clone())).await?;
        }
        match held {
            None => Ok(self.missing(Some(source))),
            Some(mut held) => {
                let digests = digests(&source, Some(&held));
                self.against(&shape, &mut held, digests).await
            }
        }
    }

    /// Compares what is held with the shape that `mirror` would write.
    async fn against(
        &self,
        shape: &Shape,
        held: &mut Held,
        digests: Digests,
    ) -> Result<Outcome, ValidateError> {
        let root = parsed(&shape.root)?;
        if held.digest == shape.root.digest {
            if self.run.options.deep
                && let Err(found) = self.root(held).await?
            {
                return Ok(self.broken(digests, found));
            }
            return self.complete(&root, None, shape.wrapped.as_ref(), digests).await;
        }
        let found = match self.root(held).await? {
            Ok(manifest) => manifest,
            Err(found) => return Ok(self.broken(digests, found)),
        };
        let expected = Expected {
            root: &root,
            wraps: shape.wrapped.is_some(),
            verbatim: shape.changed.is_none(),
            mode: self.run.options.index,
            filter: &self.job.filter,
        };
        let mut difference = difference(&expected, &found);
        if difference.findings.is_empty() {
            let kept = Some(&*difference.kept);
            return self.complete(&found, kept, shape.wrapped.as_ref(), digests).await;
        }
        if let (Some(wanted), Content::Single(single)) = (&shape.single, &found.content)
            && shape.wrapped.is_none()
        {
            let machine = self.machines(wanted, shape.config.as_ref(), single).await;
            difference.findings.splice(0..0, machine);
        }
        self.judged(&found, difference, digests).await
    }

    /// How the platforms that two images name in their configurations differ. What cannot be read
    /// says nothing: that the digests differ is known already.
    async fn machines(
        &self,
        wanted: &Single,
        config: Option<&Arc<Bytes>>,
        found: &Single,
    ) -> Vec<Finding> {
        let one = match config {
            Some(bytes) => Some(Bytes::clone(bytes)),
            None => configuration(&self.source, &self.job.source.repository, wanted).await,
        };
        let other = configuration(&self.destination, &self.job.destination.repository, found).await;
        let platform = |bytes: Bytes| serde_json::from_slice::<Platform>(&bytes).ok();
        match (one.and_then(platform), other.and_then(platform)) {
            (Some(one), Some(other)) => platforms(Some(&one), Some(&other)),
            _ => Vec::new(),
        }
    }

    /// The destination is as it shall be, if it is complete.
    async fn complete(
        &self,
        held: &Manifest,
        kept: Option<&[usize]>,
        at_hand: Option<&Manifest>,
        digests: Digests,
    ) -> Result<Outcome, ValidateError> {
        let faults = self.faults(&held.content, kept, at_hand).await?;
        if !faults.is_empty() {
            return Ok(self.broken(digests, faults));
        }
        if self.run.options.referrers {
            let is_verbatim = digests.source.as_ref() == Some(&held.raw.digest);
            let findings = self.unreferred(held, is_verbatim, kept).await?;
            if !findings.is_empty() {
                return self.unsigned(digests, findings).await;
            }
        }
        Ok(Outcome {
            source_digest: digests.source,
            destination_digest: digests.destination,
            ..Outcome::new(Status::Copied)
        })
    }

    /// What is missing or damaged below a manifest of the destination.
    pub(super) async fn faults(
        &self,
        content: &Content,
        kept: Option<&[usize]>,
        at_hand: Option<&Manifest>,
    ) -> Result<Vec<Finding>, ValidateError> {
        self.inventory(at_hand).below(content, kept).await.map_err(ValidateError::Destination)
    }

    /// What looks at the destination's repository.
    pub(super) fn inventory<'b>(&'b self, at_hand: Option<&'b Manifest>) -> Inventory<'b> {
        Inventory {
            destination: &self.destination,
            repository: &self.job.destination.repository,
            seen: &self.run.seen,
            requests: &self.run.requests,
            deep: self.run.options.deep,
            at_hand,
        }
    }

    fn takes_all(&self) -> bool {
        self.job.filter.is_everything()
    }

    /// The children that the filter selects; `None` where there are none, or all are looked at.
    fn kept(&self, content: &Content) -> Option<Vec<usize>> {
        match content {
            Content::Index(index) if !self.takes_all() => {
                Some(inside(index, &self.job.filter, &HashSet::new()))
            }
            _ => None,
        }
    }

    /// The digest that the source's manifest has by a HEAD; whatever keeps that from working, the
    /// GET decides.
    async fn source_digest(&self) -> Option<Digest> {
        if let Some(digest) = self.job.source.version.digest() {
            return Some(digest.clone());
        }
        let wanted = ManifestReference::to_fetch(&self.job.source.version);
        let head = self.source.manifest_head(&self.job.source.repository, &wanted, false).await;
        head.ok().flatten()?.digest
    }

    /// The source's manifest. `named` is its digest, where a HEAD or the list says so; what an
    /// earlier run kept is believed only if the source still has it.
    async fn source_manifest(&self, named: Option<&Digest>) -> Result<Manifest, ValidateError> {
        let wanted = ManifestReference::to_fetch(&self.job.source.version);
        if let (Some(digest), Some(cache)) = (named, &self.run.options.cache)
            && let Some(manifest) = cache.manifest(digest).await
            && (matches!(wanted, ManifestReference::Tag(_)) || self.is_at_source(digest).await?)
        {
            return Ok(manifest);
        }
        let manifest = self.source.manifest(&self.job.source.repository, &wanted).await;
        let manifest = manifest.map_err(TransferError::Source)?;
        if let Some(cache) = &self.run.options.cache {
            cache.keep_manifest(&manifest.raw).await;
        }
        Ok(manifest)
    }

    /// What the destination has; read and hashed where the registry does not say the digest. Where it
    /// says one, that is what has to be there: other bytes under it are damage, not another manifest.
    pub(super) async fn held(
        &self,
        reference: &ManifestReference,
    ) -> Result<Option<Held>, ValidateError> {
        let repository = &self.job.destination.repository;
        let head = self.destination.manifest_head(repository, reference, false).await;
        match head.map(|head| head.map(|head| head.digest)) {
            Ok(Some(Some(digest))) => return Ok(Some(Held { digest, manifest: None })),
            Ok(None) => return Ok(None),
            Ok(Some(None)) | Err(_) => {}
        }
        match self.destination.manifest(repository, reference).await {
            Ok(manifest) => {
                let digest = manifest.raw.digest.clone();
                Ok(Some(Held { digest, manifest: Some(manifest) }))
            }
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(ValidateError::Destination(error)),
        }
    }

    /// The manifest that is held, or what is wrong with it.
    async fn root(&self, held: &mut Held) -> Result<Result<Manifest, Vec<Finding>>, ValidateError> {
        if let Some(manifest) = held.manifest.take() {
            return Ok(Ok(manifest));
        }
        let reference = ManifestReference::Digest(held.digest.clone());
        let repository = &self.job.destination.repository;
        let permit = self.run.requests.acquire().await;
        let fetched = self.destination.manifest(repository, &reference).await;
        drop(permit);
        match fetched {
            Ok(manifest) => Ok(Ok(manifest)),
            Err(error) => match damage(error.clone(), &held.digest) {
                Ok(Some(finding)) => Ok(Err(vec![finding])),
                Ok(None) | Err(_) => Err(ValidateError::Destination(error)),
            },
        }
    }

    /// Has the source the manifest of this digest? A refusal counts as no.
    pub(super) async fn is_at_source(&self, digest: &Digest) -> Result<bool, ValidateError> {
        let reference = ManifestReference::Digest(digest.clone());
        match self.source.manifest_head(&self.job.source.repository, &reference, false).await {
            Ok(head) => Ok(head.is_some()),
            Err(error) if matches!(error.cause.status(), Some(400..=428)) => Ok(false),
            Err(error) => Err(TransferError::Source(error).into()),
        }
    }
}

/// The configuration of an image, if it is one and can be read.
async fn configuration(client: &Client, repository: &Repository, image: &Single) -> Option<Bytes> {
    let config = image.config.as_ref().filter(|config| config.media_type.is_image_config())?;
    client.small_blob(repository, config, CONFIG_LIMIT).await.ok()
}

/// A manifest that was built, and what it says.
fn parsed(raw: &RawManifest) -> Result<Manifest, ValidateError> {
    Manifest::parse(raw.bytes.clone(), Some(&raw.media_type), raw.digest.clone())
        .map_err(|error| TransferError::Rebuild(error.to_string()).into())
}
