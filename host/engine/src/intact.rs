//! Whether the content of a blob at a destination is what its digest says.

use longshore_oci::{Descriptor, Repository};
use longshore_store::{BlobPresence, Destination, StoreError};

/// Reads and hashes a blob of the destination.
///
/// The digest decides: a blob of another size than the descriptor's is present if its digest is right,
/// because the descriptor is then wrong at the source too.
///
/// # Errors
/// If the store does not answer, or refuses.
pub(crate) async fn hashed(
    destination: &dyn Destination,
    repository: &Repository,
    blob: &Descriptor,
) -> Result<BlobPresence, StoreError> {
    let found = destination.blob_content(repository, blob).await?;
    if !matches!(found, BlobPresence::OtherSize(_)) {
        return Ok(found);
    }
    // A longer blob was not read to its end, so the found size is not its size.
    match destination.blob_presence(repository, blob).await? {
        BlobPresence::OtherSize(size)
            if has_digest(destination, repository, blob, size).await? =>
        {
            Ok(BlobPresence::Present)
        }
        _ => Ok(found),
    }
}

/// Whether the digest of a blob with this actual size is right.
///
/// # Errors
/// If the store does not answer, or refuses.
pub(crate) async fn has_digest(
    destination: &dyn Destination,
    repository: &Repository,
    blob: &Descriptor,
    size: u64,
) -> Result<bool, StoreError> {
    let actual = Descriptor { size, ..blob.clone() };
    Ok(destination.blob_content(repository, &actual).await? == BlobPresence::Present)
}
