//! Opens a folder by a path that nobody else can change.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Component, Path};

use rustix::fs::{CWD, Mode, OFlags, Stat, fstat, openat};

/// How folders above are opened. They need not be readable.
#[cfg(target_os = "linux")]
const PARENT: OFlags = FOLDER.union(OFlags::PATH);
#[cfg(not(target_os = "linux"))]
const PARENT: OFlags = FOLDER;

/// How folders are opened: without following a link that was just put in their place.
pub(crate) const FOLDER: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// The bit of folders whose files only their owners rename and remove.
const STICKY: u32 = 0o1000;

/// Opens the folder at `path`, and each folder above it relative to the one before.
///
/// # Errors
/// If one of them can be changed by others than this user and root.
pub(crate) fn open(path: &Path) -> io::Result<OwnedFd> {
    // Links are followed here. If somebody puts a link into the path now, it is not followed below.
    let path = path.canonicalize()?;
    let mut at = openat(CWD, "/", PARENT, Mode::empty())?;
    check(&at, Path::new("/"))?;
    let mut opened = std::path::PathBuf::from("/");
    for part in path.components() {
        let Component::Normal(name) = part else { continue };
        opened.push(name);
        at = openat(&at, name, PARENT, Mode::empty())?;
        check(&at, &opened)?;
    }
    Ok(at)
}

/// Fails if others may rename or replace what is in the folder.
fn check(folder: &OwnedFd, path: &Path) -> io::Result<()> {
    if is_safe(&fstat(folder)?, rustix::process::geteuid().as_raw()) {
        return Ok(());
    }
    let why = format!("others may change what is in {}", path.display());
    Err(io::Error::new(io::ErrorKind::PermissionDenied, why))
}

/// Whether only root and the user with this ID can rename and replace what is in a folder. In a folder
/// with the sticky bit, they can do so with their own files.
fn is_safe(folder: &Stat, user: u32) -> bool {
    let mode = folder.st_mode;
    if folder.st_uid != 0 && folder.st_uid != user {
        return false;
    }
    // Many systems give each user a group of its own, with the same number.
    let own_group = folder.st_gid == user && folder.st_uid == user;
    let others = if own_group { 0o002 } else { 0o022 };
    mode & others == 0 || mode & STICKY != 0
}

#[cfg(test)]
mod tests {
    use rustix::fs::{CWD, Stat};

    use super::is_safe;

    /// A folder with this owner, group and mode.
    fn folder(owner: u32, group: u32, mode: u32) -> Stat {
        let mut stat = rustix::fs::statat(CWD, "/", rustix::fs::AtFlags::empty()).unwrap();
        (stat.st_uid, stat.st_gid, stat.st_mode) = (owner, group, 0o040_000 | mode);
        stat
    }

    #[test]
    fn folders_that_others_can_change_are_not_safe() {
        let (me, staff, other) = (1000, 50, 1001);
        for (owner, group, mode, safe) in [
            (me, me, 0o755, true),
            (me, me, 0o700, true),
            (me, me, 0o775, true),
            (me, staff, 0o755, true),
            (0, 0, 0o755, true),
            (0, 0, 0o1777, true),
            (me, staff, 0o1777, true),
            (me, staff, 0o775, false),
            (me, me, 0o777, false),
            (0, 0, 0o777, false),
            (0, me, 0o775, false),
            (0, staff, 0o775, false),
            (other, other, 0o755, false),
            (other, me, 0o700, false),
            (other, other, 0o1777, false),
        ] {
            assert_eq!(is_safe(&folder(owner, group, mode), me), safe, "{owner} {group} {mode:o}");
        }
    }
}
