//! Replaces files as a whole.

use std::fs::{Permissions, canonicalize, create_dir_all};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// Replaces the file at `path` by one with this text, and makes its folder if it is missing. Others see the
/// old file or the new one. A symbolic link that the user chose stays; its target is replaced.
///
/// Without `permissions`, the file gets those of a new file.
///
/// # Errors
/// If the file cannot be written. The older file is then unchanged.
pub fn replace_text(path: &Path, text: &str, permissions: Option<Permissions>) -> io::Result<()> {
    let path = canonicalize(path).unwrap_or_else(|_| path.to_owned());
    create_dir_all(folder_of(&path))?;
    replace_at(&path, text.as_bytes(), Permissions::from_mode(0o666), permissions)
}

/// Replaces what is at `path`, a symbolic link too, by a file with this content. Others see the old file or the new
/// one.
///
/// The file is created with the permissions `created`, less the process's umask. `permissions` are then set as
/// they are.
///
/// # Errors
/// If the file cannot be written. The older one is then unchanged.
pub fn replace_at(
    path: &Path,
    content: &[u8],
    created: Permissions,
    permissions: Option<Permissions>,
) -> io::Result<()> {
    let mut file = tempfile::Builder::new()
        .prefix(".longshore-")
        .permissions(created)
        .tempfile_in(folder_of(path))?;
    if let Some(permissions) = permissions {
        file.as_file().set_permissions(permissions)?;
    }
    file.write_all(content)?;
    file.as_file().sync_data()?;
    file.persist(path).map(drop).map_err(|error| error.error)
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::replace_text;

    #[test]
    fn a_link_stays_and_its_target_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let [target, link] = ["target", "link"].map(|name| folder.path().join(name));
        fs::write(&target, "old").unwrap();
        symlink(&target, &link).unwrap();
        replace_text(&link, "new", Some(Permissions::from_mode(0o600))).unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "new");
        assert!(link.is_symlink());
        assert_eq!(target.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing else is left");
    }

    #[test]
    fn a_missing_folder_is_made_and_a_failure_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/file");
        replace_text(&path, "text", None).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "text");
        assert!(replace_text(&path.join("below"), "x", None).is_err());
        assert!(replace_text(&folder.path().join("a"), "x", None).is_err(), "it is a folder");
        assert_eq!(fs::read_to_string(&path).unwrap(), "text");
    }
}
