//! Referrers of a source index that gets another digest at the destination: they are not copied, as their subject
//! would be missing there.

use std::collections::HashSet;

use longshore_oci::{Digest, Tag};
use longshore_store::StoreError;

use crate::counted;
use crate::source_reader::SourceReader;

/// Collects the referrers and cosign tags of a source index, without those that the destination has: another entry
/// of the list may copy a tag.
#[derive(Debug)]
pub(crate) struct LeftBehind {
    digests: HashSet<Digest>,
    tagged: Vec<(Tag, Digest)>,
}

impl LeftBehind {
    /// Lists the referrers and cosign tags of `subject` at the source.
    ///
    /// # Errors
    /// If the source cannot be asked.
    pub(crate) async fn of(
        reader: &SourceReader<'_>,
        subject: &Digest,
    ) -> Result<Self, StoreError> {
        let listed = reader.referrers(subject).await?;
        let digests = listed.into_iter().map(|referrer| referrer.digest).collect();
        Ok(Self { digests, tagged: reader.under_cosign_tags(subject).await? })
    }

    /// Takes the cosign tags. Give each to [`Self::see`] with the digest that the destination has for it.
    pub(crate) fn take_tagged(&mut self) -> Vec<(Tag, Digest)> {
        std::mem::take(&mut self.tagged)
    }

    /// Adds what a cosign tag names, unless the destination holds the same. A signature that is listed and tagged
    /// counts once.
    pub(crate) fn see(&mut self, digest: Digest, held: Option<&Digest>) {
        if held == Some(&digest) {
            self.digests.remove(&digest);
        } else {
            self.digests.insert(digest);
        }
    }

    /// Returns the number of referrers.
    pub(crate) fn count(&self) -> usize {
        self.digests.len()
    }
}

/// Says that `count` referrers of `subject` are not copied, and how to copy them if a filter `is_cut` the index.
pub(crate) fn told(count: usize, subject: &Digest, is_cut: bool) -> String {
    let referrers = counted(count, "referrer", "referrers");
    let are = if count == 1 { "is" } else { "are" };
    let way_out = if is_cut { "; --arch all --os all copies it whole" } else { "" };
    format!(
        "{referrers} of {subject} {are} not copied, as it gets another digest at the destination{way_out}"
    )
}

/// Says in an outcome that `count` referrers stay at the source.
pub(crate) fn reason(count: usize) -> String {
    format!("{} of the source's digest left behind", counted(count, "referrer", "referrers"))
}
