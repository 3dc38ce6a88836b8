//! Referrers of a source index that gets another digest at the destination: they are not copied, as their subject
//! would be missing there.

use std::collections::HashSet;

use longshore_oci::{Digest, PlatformFilter, Tag};

use crate::counted;
use crate::error::JobError;
use crate::shape::Shape;
use crate::source_reader::SourceReader;

/// Counts the referrers and cosign tags of `subject` at the source, without those whose tag the destination has:
/// another entry of the list may copy it. A signature that is listed and tagged counts once. `held` returns the
/// digest that the destination has for a tag.
///
/// # Errors
/// If a side cannot be asked.
pub(crate) async fn count<E, F>(
    reader: &SourceReader<'_>,
    subject: &Digest,
    held: impl Fn(Tag) -> F,
) -> Result<usize, E>
where
    E: From<JobError>,
    F: Future<Output = Result<Option<Digest>, E>>,
{
    let listed = reader.referrers(subject).await.map_err(JobError::Source)?;
    let mut left: HashSet<Digest> = listed.into_iter().map(|referrer| referrer.digest).collect();
    for (tag, digest) in reader.under_cosign_tags(subject).await.map_err(JobError::Source)? {
        if held(tag).await?.as_ref() == Some(&digest) {
            left.remove(&digest);
        } else {
            left.insert(digest);
        }
    }
    Ok(left.len())
}

/// Says that `count` referrers of the source of `shape` are not copied, and how to copy them if `filter` cut the
/// index.
pub(crate) fn told(count: usize, shape: &Shape, filter: &PlatformFilter) -> String {
    let subject = &shape.source;
    let referrers = counted(count, "referrer", "referrers");
    let are = if count == 1 { "is" } else { "are" };
    let way_out = match (shape.is_cut, filter.names_platforms()) {
        (false, _) => "",
        (true, true) => "; the list names its platforms",
        (true, false) => "; --arch all --os all copies it whole",
    };
    format!(
        "{referrers} of {subject} {are} not copied, as it gets another digest at the destination{way_out}"
    )
}

/// Says in an outcome that `count` referrers stay at the source.
pub(crate) fn reason(count: usize) -> String {
    format!("{} of the source's digest left behind", counted(count, "referrer", "referrers"))
}
