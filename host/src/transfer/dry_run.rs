//! A dry run: looks at both ends with the right to pull only, and says what would happen.

use std::sync::atomic::AtomicU64;

use super::TransferError;
use super::copy::{Copy, already_there};
use super::run::Run;
use super::seat::Seat;
use super::shape::{Shaped, is_same, may_stand, nothing_selected, shape};
use crate::oci::{Digest, Manifest};
use crate::plan::{Job, Outcome, Status};
use crate::registry::{ManifestReference, RegistryError};

/// What copying `job` would do.
pub(super) async fn look(run: &Run, job: &Job, seat: &Seat) -> Outcome {
    let moved = AtomicU64::new(0);
    match Copy::new(run, job, seat, &moved).looked().await {
        Ok(outcome) => outcome,
        Err(error) => Outcome { hint: error.hint(), ..Outcome::failed(error) },
    }
}

/// What the destination shows to whoever may only pull.
enum Held {
    /// Nothing is there.
    Nothing,
    /// Something is there; its digest, where the registry says it.
    Something(Option<Digest>),
    /// The registry does not say.
    Hidden(RegistryError),
}

impl Held {
    fn is(&self, digest: &Digest) -> bool {
        matches!(self, Self::Something(Some(held)) if held == digest)
    }
}

impl Copy<'_> {
    async fn looked(&self) -> Result<Outcome, TransferError> {
        let (job, mode) = (self.job, self.run.options.index);
        let (digest, manifest) = self.find_source().await?;
        let mut held = self.look_at(&ManifestReference::to_push(&job.destination.version)).await?;
        if is_same(mode) && self.is_done(&held, &digest) {
            return Ok(self.would_stay(digest.clone(), digest));
        }
        if is_same(mode) && job.filter.is_everything() {
            return Ok(self.would_copy(digest.clone(), digest, &held, None));
        }
        let manifest = match manifest {
            Some(manifest) => manifest,
            None => self.root(Some(&digest)).await?,
        };
        if self.is_done(&held, &digest) && may_stand(&manifest, mode) {
            return Ok(self.would_stay(digest.clone(), digest));
        }
        let shape = match shape(manifest, &job.filter, mode, &self.configurations()).await? {
            Shaped::Write(shape) => shape,
            Shaped::Nothing => {
                let fails = self.run.options.no_platform_fails;
                let outcome = nothing_selected(job, fails, &self.run.events)?;
                return Ok(Outcome { source_digest: Some(digest), ..outcome });
            }
        };
        let root = shape.root.digest;
        if shape.changed.is_some() && job.destination.version.tag().is_none() {
            // What is pushed by digest goes to the digest of what the filter leaves.
            held = self.look_at(&ManifestReference::Digest(root.clone())).await?;
        }
        if self.is_done(&held, &root) {
            return Ok(self.would_stay(digest, root));
        }
        Ok(self.would_copy(digest, root, &held, shape.changed))
    }

    /// The source's digest, and its manifest where that had to be fetched for it.
    async fn find_source(&self) -> Result<(Digest, Option<Manifest>), TransferError> {
        let reference = ManifestReference::to_fetch(&self.job.source.version);
        let head = self.source.manifest_head(&self.job.source.repository, &reference, false).await;
        if let Some(digest) = head.ok().flatten().and_then(|head| head.digest) {
            return Ok((digest, None));
        }
        // A GET decides: pull-through caches answer 404 to a HEAD of what they would fetch, and some
        // registries know no HEAD.
        let manifest = self.root(None).await?;
        Ok((manifest.raw.digest.clone(), Some(manifest)))
    }

    async fn look_at(&self, reference: &ManifestReference) -> Result<Held, TransferError> {
        let repository = &self.job.destination.repository;
        match self.destination.manifest_head(repository, reference, false).await {
            Ok(None) => Ok(Held::Nothing),
            Ok(Some(head)) => Ok(Held::Something(head.digest)),
            // A repository may be closed to readers, or not be there yet: the push would decide.
            Err(error) if matches!(error.cause.status(), Some(400..=428)) => {
                Ok(Held::Hidden(error))
            }
            Err(error) => Err(TransferError::Destination(error)),
        }
    }

    /// Would a run believe that the destination holds what it shall hold?
    fn is_done(&self, held: &Held, digest: &Digest) -> bool {
        held.is(digest) && !self.run.options.force_recursive
    }

    fn would_stay(&self, source: Digest, destination: Digest) -> Outcome {
        self.with_referrers(already_there(source, destination))
    }

    /// `changed` says why the destination would get another digest than the source has.
    fn would_copy(
        &self,
        source: Digest,
        destination: Digest,
        held: &Held,
        changed: Option<String>,
    ) -> Outcome {
        let mut reason = match held {
            Held::Nothing => "would be copied".to_owned(),
            Held::Something(Some(same)) if *same == destination => {
                "would be looked through, and copied where something is missing".to_owned()
            }
            Held::Something(Some(other)) => format!("would be copied over {other}"),
            Held::Something(None) => "would be copied over what is there".to_owned(),
            Held::Hidden(error) => {
                format!("would be copied; whether it is there cannot be seen: {}", error.cause)
            }
        };
        if let Some(why) = changed {
            reason.push_str("; digest changes: ");
            reason.push_str(&why);
        }
        self.with_referrers(Outcome {
            source_digest: Some(source),
            destination_digest: Some(destination),
            reason: Some(reason),
            ..Outcome::new(Status::DryRun)
        })
    }

    /// `outcome` with what a run would do besides.
    fn with_referrers(&self, mut outcome: Outcome) -> Outcome {
        if let (true, Some(reason)) = (self.run.options.referrers, &mut outcome.reason) {
            reason.push_str("; its referrers would be looked for");
        }
        outcome
    }
}
