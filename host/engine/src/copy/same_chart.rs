//! Compares Helm charts by their archives, because Helm writes the time of a push into the manifest.

use longshore_oci::{Content, Digest, Manifest, ManifestReference};

use super::work::Work;

/// The digest of a chart's archive, if `manifest` is a chart.
pub(super) fn archive_of(manifest: &Manifest) -> Option<Digest> {
    match &manifest.content {
        Content::Single(single) => single.chart_content().map(|layer| layer.digest.clone()),
        Content::Index(_) => None,
    }
}

/// Whether the destination's manifest `held` is a chart with this archive.
///
/// A manifest that cannot be read counts as another one: the push decides.
pub(super) async fn is_held(work: &Work<'_>, held: &Digest, archive: &Digest) -> bool {
    let reference = ManifestReference::Digest(held.clone());
    let read = work.destination.manifest(work.repository(), &reference).await;
    read.is_ok_and(|manifest| archive_of(&manifest).as_ref() == Some(archive))
}
