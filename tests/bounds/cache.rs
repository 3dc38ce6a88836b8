//! The user's cache: nothing in it is used if others could exchange it.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::support::Longshore;

/// Runs with a cache at `cache`, and returns whether it keeps compiled code there.
fn is_used(cache: &Path) -> bool {
    let run = Longshore::new().mirror().list("team/app team/app 1\n");
    let run = run.args(["-s", "127.0.0.1:9", "-d", "127.0.0.1:9"]);
    run.env("LONGSHORE_CACHE_DIR", cache.to_str().expect("a path")).run().exits(1);
    let compiled = fs::read_dir(cache.join("compiled"));
    compiled.is_ok_and(|mut files| files.next().is_some())
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("the folder is ours");
}

#[test]
fn a_cache_below_a_folder_that_others_may_write_is_not_used() {
    let root = tempfile::tempdir().expect("a folder");
    let shared = root.path().join("shared");
    for (folder, open, used) in [
        ("own", 0o755, true),
        ("sticky", 0o1777, true),
        ("all", 0o777, false),
        ("others", 0o757, false),
    ] {
        let above = shared.join(folder);
        fs::create_dir_all(above.join("user")).expect("it is new");
        mode(&above, open);
        let cache = above.join("user/cache");
        assert_eq!(is_used(&cache), used, "{folder}");
    }
    mode(&shared, 0o777);
    assert!(!is_used(&shared.join("own/user/other")), "two folders above");
}

#[test]
fn a_cache_is_a_folder_and_its_files_are_files() {
    let root = tempfile::tempdir().expect("a folder");
    let other = root.path().join("other");
    fs::create_dir(&other).expect("it is new");
    mode(&other, 0o700);
    let cache = root.path().join("cache");
    fs::create_dir(&cache).expect("it is new");
    std::os::unix::fs::symlink(&other, cache.join("compiled")).expect("a link");
    is_used(&cache);
    assert_eq!(fs::read_dir(&other).expect("a folder").count(), 0, "the link was followed");
}
