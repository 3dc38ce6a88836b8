//! Where a source is: its registry and repository as the registry itself knows them.

use crate::oci::{Name, ReferenceError, Registry, Repository};

/// Completes a source: `-s` replaces its registry, none is Docker Hub, and one part there is in
/// `library`.
///
/// # Errors
/// Where the completed repository is too long.
pub(super) fn complete(
    name: Name,
    source: Option<&Registry>,
) -> Result<(Registry, Repository), ReferenceError> {
    let registry = source.cloned().or(name.registry).unwrap_or_else(Registry::docker_hub);
    let repository = if registry.is_docker_hub() && name.repository.is_one_part() {
        name.repository.inside("library")?
    } else {
        name.repository
    };
    Ok((registry, repository))
}
