//! What is known of referrers at both ends: lists by subject, and cosign's tags.

use std::collections::HashSet;

use tokio::sync::{Mutex, OnceCell};

use super::TransferError;
use super::blob::Trust;
use super::copy::Copy;
use super::known::Keys;
use super::memo::Memo;
use super::slot::{Slot, Slots};
use crate::oci::{Digest, Name, Tag};
use crate::registry::{cosign_tags, referrers_tag};

/// What a run knows of referrers.
#[derive(Debug, Default)]
pub(super) struct Referrals {
    keys: Keys,
    brought: Slots<Vec<Digest>>,
    /// Held while the fallback index of a subject is changed.
    pub(super) indexes: Memo<(Name, Digest), Mutex<()>>,
    /// The tags of a source that are made of digests.
    tags: Memo<Name, OnceCell<HashSet<Tag>>>,
}

impl Referrals {
    /// What refers to a manifest of `source`, once all of it is in `destination`.
    pub(super) fn brought(
        &self,
        source: &Name,
        destination: &Name,
        subject: &Digest,
    ) -> Slot<'_, Vec<Digest>> {
        self.brought.at(self.keys.of((source, destination, subject)))
    }
}

impl Copy<'_> {
    /// What refers to `subject` at the source: by the API, else by the index under its fallback tag.
    pub(super) async fn referrers_at_source(
        &self,
        subject: &Digest,
    ) -> Result<Vec<Digest>, TransferError> {
        let repository = &self.job.source.repository;
        let listed = self.source.referrers(repository, subject, false).await;
        let listed = match listed.map_err(TransferError::Source)? {
            Some(listed) => listed,
            None if self.has_tag(referrers_tag(subject)).await? => {
                let listed = self.source.tagged_referrers(repository, subject, false).await;
                listed.map_err(TransferError::Source)?
            }
            None => Vec::new(),
        };
        Ok(listed.into_iter().map(|referrer| referrer.digest).collect())
    }

    /// What the destination lists already. A refusal means nothing: the push decides.
    pub(super) async fn referrers_at_destination(
        &self,
        subject: &Digest,
    ) -> Result<HashSet<Digest>, TransferError> {
        if self.trust == Trust::Nothing || self.run.options.force_recursive {
            return Ok(HashSet::new());
        }
        let repository = &self.job.destination.repository;
        let listed = match self.destination.referrers(repository, subject, true).await {
            Ok(Some(listed)) => Ok(listed),
            Ok(None) => self.destination.tagged_referrers(repository, subject, true).await,
            Err(error) => Err(error),
        };
        match listed {
            Ok(listed) => Ok(listed.into_iter().map(|referrer| referrer.digest).collect()),
            Err(error) if matches!(error.cause.status(), Some(400..=428)) => Ok(HashSet::new()),
            Err(error) => Err(self.at_destination(error)),
        }
    }

    /// How many manifests and tags of the source are about `subject`.
    pub(super) async fn count_referrers(&self, subject: &Digest) -> Result<usize, TransferError> {
        let mut count = self.referrers_at_source(subject).await?.len();
        for tag in cosign_tags(subject) {
            count += usize::from(self.has_tag(Some(tag)).await?);
        }
        Ok(count)
    }

    /// Is there such a tag at the source? One list for each repository and run answers that.
    pub(super) async fn has_tag(&self, tag: Option<Tag>) -> Result<bool, TransferError> {
        let Some(tag) = tag else { return Ok(false) };
        let tags = self.run.referrals.tags.of(self.job.source.name());
        let list = || self.source.digest_tags(&self.job.source.repository);
        let tags = tags.get_or_try_init(list).await.map_err(TransferError::Source)?;
        Ok(tags.contains(&tag))
    }
}
