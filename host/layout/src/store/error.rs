//! The errors of a folder, with advice for the user.

use std::fs;
use std::io::{self, ErrorKind::NotFound};
use std::path::{Path, PathBuf};

use longshore_oci::{LayoutsName, Repository};
use longshore_store::{Fault, Operation, StoreError};

use crate::folder::{BehindLink, OpenError};

/// `operation` on the folder `root` failed with `error`. No such error goes away by itself.
pub(super) fn failed(operation: Operation, root: &Path, error: &io::Error) -> StoreError {
    let root = root.display();
    let message = match error.kind() {
        io::ErrorKind::StorageFull => format!("the disk that holds {root} is full"),
        io::ErrorKind::QuotaExceeded => format!("the disk quota for {root} is used up"),
        _ => error.to_string(),
    };
    let hint = match error.kind() {
        _ if error.get_ref().is_some_and(|inner| inner.is::<BehindLink>()) => Some(
            "longshore writes through no link below the folder: replace the link by a folder"
                .to_owned(),
        ),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            Some("free space there, or name a folder on another disk".to_owned())
        }
        io::ErrorKind::PermissionDenied => {
            Some(format!("run as a user who may read and write {root}, or change its permissions"))
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            Some(format!("remount the disk that holds {root} so that it can be written"))
        }
        io::ErrorKind::InvalidData => {
            Some("remove the repository's folder and mirror it again".to_owned())
        }
        _ => None,
    };
    let error = StoreError::new(operation, Fault::Other, message);
    match hint {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}

/// The store does not have what `operation` is about.
pub(super) fn not_found(operation: Operation) -> StoreError {
    StoreError::new(operation, Fault::NotFound, Fault::NotFound.to_string())
}

/// The most repositories to name that may be meant.
const MOST_NEAR: usize = 3;

/// Says that the folder of `repository` has no image layout, and which repositories among `known` have nearly this
/// name: a path before it, or without its own.
pub(super) fn no_layout(root: &Path, repository: &Repository, known: &[String]) -> String {
    let wanted = repository.as_str();
    let ends_with = |long: &str, short: &str| {
        long.strip_suffix(short).is_some_and(|before| before.ends_with('/'))
    };
    let near = known.iter().filter(|name| ends_with(name, wanted) || ends_with(wanted, name));
    let near: Vec<&str> = near.take(MOST_NEAR).map(String::as_str).collect();
    let path = root.join(wanted);
    let near = match near.as_slice() {
        [] => String::new(),
        near => format!("; the folder has {}", near.join(", ")),
    };
    format!("not found; there is no image layout at {}{near}", path.display())
}

/// Returns the first symbolic link in `path` whose target does not exist, and the target.
fn dead_link(path: &Path) -> Option<(&Path, PathBuf)> {
    let mut parts: Vec<&Path> = path.ancestors().collect();
    parts.reverse();
    let dead = |part: &&Path| fs::metadata(part).is_err_and(|error| error.kind() == NotFound);
    parts.into_iter().filter(dead).find_map(|part| Some((part, part.read_link().ok()?)))
}

/// Returns the error for a folder `name` whose path leads through a dead symbolic link.
pub(super) fn behind_dead_link(name: &LayoutsName) -> Option<StoreError> {
    let (link, target) = dead_link(name.path())?;
    let operation = Operation::new("open", format!("oci:{}", name.path().display()));
    let (link, target) = (link.display(), target.display());
    let message = format!("{link} is a symbolic link to {target}, which does not exist");
    let hint = format!("create {target}, or remove the link");
    Some(StoreError::new(operation, Fault::NotFound, message).with_hint(hint))
}

/// The folder `name` cannot be opened.
pub(super) fn not_opened(name: &LayoutsName, error: OpenError) -> StoreError {
    let root = name.path();
    let operation = Operation::new("open", format!("oci:{}", root.display()));
    if let (OpenError::Missing | OpenError::Unusable(_), Some(dead)) =
        (&error, behind_dead_link(name))
    {
        return dead;
    }
    match error {
        OpenError::Missing => {
            StoreError::new(operation, Fault::NotFound, "the folder does not exist")
                .with_hint("check the path; only a destination is created where it is missing")
        }
        OpenError::IsLayout => {
            let above = match root.parent() {
                Some(above) if root.file_name().is_some() && above.as_os_str().is_empty() => ".",
                Some(above) if root.file_name().is_some() => &above.to_string_lossy(),
                _ => "..",
            };
            let message = "the folder is one image layout, not a folder of repositories";
            StoreError::new(operation, Fault::Refused, message)
                .with_hint(format!("name the folder above it: oci:{above}"))
        }
        OpenError::Unusable(cause) => failed(operation, root, &cause),
    }
}
