//! Compares Helm charts by their archives, because Helm writes the time of a push into the manifest.

use longshore_oci::{Digest, ManifestReference};

use super::work::Work;

/// Whether the destination's manifest `held` is a chart with this archive.
///
/// A manifest that cannot be read counts as another one: the push decides.
pub(super) async fn is_held(work: &Work<'_>, held: &Digest, archive: &Digest) -> bool {
    let reference = ManifestReference::Digest(held.clone());
    let read = work.destination.manifest(work.repository(), &reference).await;
    read.is_ok_and(|manifest| manifest.content.chart_archive() == Some(archive))
}
