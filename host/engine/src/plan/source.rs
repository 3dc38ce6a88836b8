//! Completes sources: the store, and the repository's name in that store.

use longshore_oci::{Name, ReferenceError, Registry, Repository, StoreName};

/// Completes a source.
///
/// `-s` replaces its store; the default store is Docker Hub, where a name with one part is in
/// `library`.
///
/// # Errors
/// If the completed repository is too long.
pub(super) fn complete(
    name: Name,
    source: Option<&StoreName>,
) -> Result<(StoreName, Repository), ReferenceError> {
    let store = source.cloned().or(name.store).unwrap_or_else(|| Registry::docker_hub().into());
    let repository = if store.is_docker_hub() && name.repository.is_one_part() {
        name.repository.inside("library")?
    } else {
        name.repository
    };
    Ok((store, repository))
}
