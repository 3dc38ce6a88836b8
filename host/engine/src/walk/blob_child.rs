//! Tells whether a child of an index is a blob if its descriptor does not.
//!
//! A descriptor without a media type, or with an unknown one, may describe a manifest or a blob. Asking for
//! the manifest does not tell: registries answer 404 or 500 for a blob, and some send it.

use longshore_oci::{Descriptor, LARGEST_MANIFEST, Repository};
use longshore_store::{BlobPresence, Source};
use serde::Deserialize;
use serde::de::IgnoredAny;

/// The field that manifests have and blobs do not (image-spec, "Image Manifest Property Descriptions").
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ManifestField {
    #[expect(dead_code, reason = "only its presence counts")]
    schema_version: IgnoredAny,
}

/// Whether `child` is a blob in a repository of `store`. A descriptor with a known type needs no request.
pub(crate) async fn is_blob(
    store: &dyn Source,
    repository: &Repository,
    child: &Descriptor,
) -> bool {
    if !child.is_unclear() {
        return false;
    }
    let size = match store.blob_presence(repository, child).await {
        Ok(BlobPresence::Present) => child.size,
        Ok(BlobPresence::OtherSize(size)) => size,
        // The request for the manifest reports an error.
        Ok(_) | Err(_) => return false,
    };
    let most = LARGEST_MANIFEST as u64;
    if size > most {
        return true;
    }
    // Some stores show manifests as blobs too: the content decides.
    let blob = Descriptor { size, ..child.clone() };
    match store.small_blob(repository, &blob, most).await {
        Ok(bytes) => serde_json::from_slice::<ManifestField>(&bytes).is_err(),
        Err(_) => false,
    }
}
