use std::fs;
use std::io::Read as _;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::time::Instant;

use bytes::Bytes;

use super::{FailedEntry, FailedList, FailedListFile, comment, has_entries};
use crate::report::ReportError;

const COMMAND: &str = "longshore mirror -f failed.txt -d r.example.com";

fn entries(count: u32) -> Vec<FailedEntry> {
    (1..=count)
        .map(|number| FailedEntry {
            number,
            text: format!("image-{number}  library/image-{number}\tlatest").into(),
            terms: (number == 2).then(|| "platforms=linux/amd64,linux/arm64".into()),
        })
        .collect()
}

/// A path that the user named.
const fn chosen(path: &Path) -> FailedListFile<'_> {
    FailedListFile { path, is_default: false, is_private: false, run: "" }
}

fn open(path: &Path, count: u32) -> FailedList {
    FailedList::open(chosen(path), COMMAND, &entries(count)).unwrap()
}

/// The names in a folder, temporary files included.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn the_list_holds_what_failed_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("failed.txt");
    let list = open(&path, 3);
    assert_eq!(names(folder.path()).len(), 1, "the entries are written before copying starts");
    assert!(!path.exists(), "nothing failed yet");
    let written =
        list.finish(&[(2, "denied:\nlog in"), (3, "longshore: platforms=all")], |_| {}).unwrap();
    assert_eq!(written.as_deref(), Some(path.as_path()));
    insta::assert_snapshot!(fs::read_to_string(&path).unwrap(), @r"
    # failed list of longshore; repeat the run with: longshore mirror -f failed.txt -d r.example.com
    # denied:\nlog in
    # longshore: platforms=linux/amd64,linux/arm64
    image-2  library/image-2	latest
    # reason: longshore: platforms=all
    image-3  library/image-3	latest
    ");
    assert_eq!(names(folder.path()), ["failed.txt"], "no temporary file is left");
}

#[test]
fn a_success_removes_our_old_list_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("failed.txt");
    open(&path, 1).finish(&[(1, "denied")], |_| {}).unwrap();
    assert_eq!(open(&path, 1).finish(&[], |_| {}).unwrap(), None);
    assert_eq!(names(folder.path()), [""; 0], "our old list is gone");
    fs::write(&path, "a b c\n").unwrap();
    assert_eq!(open(&path, 1).finish(&[], |_| {}).unwrap(), None);
    assert_eq!(fs::read_to_string(&path).unwrap(), "a b c\n");
}

#[test]
fn a_list_written_on_the_way_leaves_another_file_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("list.txt");
    fs::write(&path, "a b c\n").unwrap();
    let mut list = open(&path, 2);
    list.rewrite(&[(1, "not done"), (2, "not done")]).unwrap();
    assert!(fs::read_to_string(&path).unwrap().contains("image-2"), "a kill leaves a list");
    list.rewrite(&[(2, "not done")]).unwrap();
    assert_eq!(list.finish(&[], |_| {}).unwrap(), None);
    assert_eq!(fs::read_to_string(&path).unwrap(), "a b c\n");
    assert_eq!(names(folder.path()), ["list.txt"]);

    let mut list = open(&path, 2);
    list.rewrite(&[(2, "not done")]).unwrap();
    list.finish(&[(1, "denied")], |_| {}).unwrap();
    assert!(fs::read_to_string(&path).unwrap().contains("# denied\nimage-1 "));
    assert_eq!(names(folder.path()), ["list.txt"]);
}

#[test]
fn links_are_followed_and_permissions_stay() {
    let folder = tempfile::tempdir().unwrap();
    let real = folder.path().join("real.txt");
    let link = folder.path().join("link.txt");
    symlink("real.txt", &link).unwrap();
    open(&link, 1).finish(&[(1, "denied")], |_| {}).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink(), "the link is still one");
    assert!(fs::read_to_string(&real).unwrap().contains("image-1"));
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
    open(&link, 1).finish(&[(1, "denied")], |_| {}).unwrap();
    assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o640);
    let circle = folder.path().join("circle");
    symlink("circle", &circle).unwrap();
    let error = FailedList::open(chosen(&circle), COMMAND, &entries(1)).unwrap_err();
    assert!(error.to_string().contains("loop"), "{error}");
}

#[test]
fn devices_and_pipes_are_written_and_stay() {
    let null = Path::new("/dev/null");
    let mut list = open(null, 2);
    list.rewrite(&[(1, "not done")]).unwrap();
    list.finish(&[(1, "denied")], |_| {}).unwrap();
    assert!(!fs::metadata(null).unwrap().is_file());

    let full = FailedList::open(chosen(Path::new("/dev/full")), COMMAND, &entries(1));
    if let Ok(full) = full {
        let error = full.finish(&[(1, "denied")], |_| {}).unwrap_err();
        assert!(error.to_string().contains("/dev/full"), "{error}");
    }

    let (mut reader, writer) = std::io::pipe().unwrap();
    let list = open(Path::new(&format!("/dev/fd/{}", writer.as_raw_fd())), 2);
    drop(writer);
    list.finish(&[(2, "denied")], |_| {}).unwrap();
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert!(text.contains("# denied\n# longshore: platforms=linux"), "{text}");
}

#[test]
fn an_impossible_place_is_found_before_anything_is_copied() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    for (path, expected) in [
        (folder.path().to_owned(), "it is a directory"),
        (folder.path().join("new/"), "it is a directory"),
        (folder.path().join("none/failed.txt"), "no such directory"),
        (file.join("failed.txt"), "not a directory"),
    ] {
        let error = FailedList::open(chosen(&path), COMMAND, &entries(1)).unwrap_err();
        assert!(error.to_string().ends_with(expected), "{error}");
        assert!(error.hint().is_some());
    }
    let error = FailedList::open(chosen(folder.path()), COMMAND, &entries(1)).unwrap_err();
    assert!(matches!(error, ReportError::Directory(_)));
}

#[test]
fn where_no_new_file_can_be_made_the_reserve_is_the_list() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("failed.txt");
    let list = open(&path, 3);
    list.replace_by_reserve(&[(3, "the disk is full")]).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(text.ends_with("\nimage-3  library/image-3\tlatest\n"), "{text}");
    assert_eq!(names(folder.path()), ["failed.txt"]);
}

#[test]
fn entries_can_be_added_and_nothing_makes_two_of_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("failed.txt");
    let mut list = open(&path, 0);
    for number in 1..=2 {
        let text = format!("a{number}\nb").into();
        list.add(&[FailedEntry { number, text, terms: None }]).unwrap();
    }
    list.add(&[FailedEntry { number: 3, text: Bytes::new(), terms: None }]).unwrap();
    let no_text = Bytes::from_static(b"a\xff b 1");
    list.add(&[FailedEntry { number: 4, text: no_text, terms: None }]).unwrap();
    list.finish(&[(1, "one"), (2, "two"), (3, "three"), (4, "four")], |_| {}).unwrap();
    let text = fs::read(&path).unwrap();
    let expected = b"\\x0ab\n# three\n# four\na\xff b 1\n";
    assert!(text.ends_with(expected), "{}", text.escape_ascii());
    let entries = text.split(|byte| *byte == b'\n').filter(|line| !line.starts_with(b"#"));
    assert_eq!(entries.count(), 4, "three, and the end: {}", text.escape_ascii());
}

#[test]
fn a_line_that_selects_several_entries_stands_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("failed.txt");
    let list = Bytes::from_static(b"docker pull -a a\nb\ndocker pull -a a");
    let lines = [
        list.slice(0..16),
        list.slice(0..16),
        list.slice(0..16),
        list.slice(17..18),
        list.slice(19..),
    ];
    let entries: Vec<FailedEntry> =
        (1..).zip(lines).map(|(number, text)| FailedEntry { number, text, terms: None }).collect();
    let written = |failures: &[(u32, &str)]| {
        let list = FailedList::open(chosen(&path), COMMAND, &entries).unwrap();
        list.finish(failures, |_| {}).unwrap();
        fs::read_to_string(&path).unwrap().split_once('\n').unwrap().1.to_owned()
    };
    assert_eq!(written(&[(1, "x"), (3, "y"), (4, "z")]), "# x\ndocker pull -a a\n# y\n# z\nb\n");
    assert_eq!(written(&[(3, "y"), (5, "z")]), "# y\ndocker pull -a a\n# z\ndocker pull -a a\n");
}

/// The default path in a folder.
fn default(path: &Path) -> FailedListFile<'_> {
    FailedListFile { is_default: true, ..chosen(path) }
}

#[test]
fn the_default_path_has_a_failed_list_or_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (path, target) = (folder.path().join("failed.txt"), folder.path().join("target"));
    let refused = |what: &str| {
        let error = FailedList::open(default(&path), COMMAND, &entries(1)).unwrap_err();
        assert!(error.to_string().ends_with(what), "{error}");
        assert!(error.hint().unwrap().contains("-o"), "{error}");
    };
    for text in ["my notes\n", "", "# failed list of another tool\n"] {
        fs::write(&path, text).unwrap();
        refused("it is not a failed list of longshore");
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
    fs::write(&target, "my notes\n").unwrap();
    fs::remove_file(&path).unwrap();
    fs::hard_link(&target, &path).unwrap();
    refused("it is not a failed list of longshore");
    for to in ["target", "none", "failed.txt", "/dev/null"] {
        fs::remove_file(&path).unwrap();
        symlink(to, &path).unwrap();
        refused("it is a symbolic link");
    }
    fs::remove_file(&path).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&path).status();
    assert!(made.is_ok_and(|status| status.success()), "no pipe could be made");
    refused("it is a pipe, a socket or a device");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    refused("it is a directory");
    assert_eq!(names(folder.path()), ["failed.txt", "target"], "nothing is left behind");
}

#[test]
fn another_name_of_our_list_keeps_its_content() {
    let folder = tempfile::tempdir().unwrap();
    let (path, other) = (folder.path().join("failed.txt"), folder.path().join("other"));
    open(&path, 1).finish(&[(1, "denied")], |_| {}).unwrap();
    fs::hard_link(&path, &other).unwrap();
    let old = fs::read_to_string(&other).unwrap();
    let list = FailedList::open(default(&path), COMMAND, &entries(2)).unwrap();
    list.finish(&[(2, "denied")], |_| {}).unwrap();
    assert_eq!(fs::read_to_string(&other).unwrap(), old);
    assert!(fs::read_to_string(&path).unwrap().contains("image-2"));
}

#[test]
fn what_appears_at_the_default_path_is_kept_and_so_is_the_list() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("failed.txt");
    for link in [false, true] {
        let mut list = FailedList::open(default(&path), COMMAND, &entries(2)).unwrap();
        if link {
            symlink("target", &path).unwrap();
        } else {
            fs::write(&path, "my notes\n").unwrap();
        }
        let error = list.rewrite(&[(1, "not done")]).unwrap_err().to_string();
        assert!(error.ends_with(": another file took its place"), "{error}");
        let error = list.finish(&[(2, "denied")], |_| {}).unwrap_err();
        let ReportError::Displaced { kept, .. } = error else { panic!("{error}") };
        assert!(fs::read_to_string(&kept).unwrap().contains("image-2"));
        fs::remove_file(kept).unwrap();
        if !link {
            assert_eq!(fs::read_to_string(&path).unwrap(), "my notes\n");
            let list = FailedList::open(chosen(&path), COMMAND, &entries(1)).unwrap();
            list.finish(&[], |_| {}).unwrap();
        }
        assert_eq!(names(folder.path()), ["failed.txt"]);
        fs::remove_file(&path).unwrap();
    }
}

#[test]
fn a_list_of_a_private_list_is_private() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("failed.txt");
    let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    for is_default in [true, false] {
        for before in [None, Some(0o644), Some(0o640)] {
            if let Some(before) = before {
                open(&path, 1).finish(&[(1, "denied")], |_| {}).unwrap();
                fs::set_permissions(&path, fs::Permissions::from_mode(before)).unwrap();
            }
            let file = FailedListFile { path: &path, is_default, is_private: true, run: "" };
            let mut list = FailedList::open(file, COMMAND, &entries(1)).unwrap();
            for name in names(folder.path()).iter().filter(|name| name.starts_with('.')) {
                let found = fs::metadata(folder.path().join(name)).unwrap();
                assert_eq!(found.permissions().mode() & 0o077, 0, "{name}");
            }
            list.rewrite(&[(1, "not done")]).unwrap();
            assert_eq!(mode(), 0o600);
            list.finish(&[(1, "denied")], |_| {}).unwrap();
            assert_eq!(mode(), 0o600);
            fs::remove_file(&path).unwrap();
        }
    }
}

#[test]
fn a_list_says_whether_anything_in_it_can_be_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("failed.txt");
    for (text, expected) in [("# a\n? b.yml:1: c\n\n", false), ("? b.yml:1: c\na b *\n", true)] {
        fs::write(&path, text).unwrap();
        assert_eq!(has_entries(&path), expected, "{text}");
    }
}

#[test]
fn a_hundred_thousand_entries_are_no_trouble() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("failed.txt");
    let started = Instant::now();
    let list = open(&path, 100_000);
    let failures: Vec<(u32, &str)> = (1..=100_000).map(|number| (number, "denied")).collect();
    list.finish(&failures, |_| {}).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().count(), 200_002);
    assert!(started.elapsed().as_secs() < 20, "it took {:?}", started.elapsed());
}

#[test]
fn reasons_are_never_taken_for_directives() {
    assert_eq!(comment("  longshore: platforms=all"), "reason: longshore: platforms=all");
    assert_eq!(comment("denied"), "denied");
}

/// A failed list of the run with this name.
fn of_run(path: &Path, run: &str) -> FailedList {
    let file = FailedListFile { run, ..default(path) };
    FailedList::open(file, COMMAND, &entries(2)).unwrap()
}

/// Ends the list, and returns what it tells.
fn told(list: FailedList, failures: &[(u32, &str)]) -> String {
    let mut told = String::new();
    list.finish(failures, |remark| told = remark.to_string()).unwrap();
    told
}

#[test]
fn a_list_of_another_run_is_not_removed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("failed.txt");
    assert_eq!(told(of_run(&path, "a to r"), &[(1, "denied")]), "");
    let first = fs::read_to_string(&path).unwrap();
    assert!(first.starts_with("# failed list of longshore; repeat the run with: "));
    assert!(first.lines().next().is_some_and(|line| line.ends_with(" # run: a to r")), "{first}");
    assert!(told(of_run(&path, "b to r"), &[]).ends_with(" stays: it is of another run (a to r)"));
    assert!(told(of_run(&path, "a to s"), &[]).ends_with(" stays: it is of another run (a to r)"));
    let mut killed = of_run(&path, "b to r");
    killed.rewrite(&[(1, "not done")]).unwrap();
    assert_ne!(fs::read_to_string(&path).unwrap(), first, "a kill leaves the list of this run");
    assert_eq!(told(killed, &[]), "");
    assert_eq!(fs::read_to_string(&path).unwrap(), first, "nothing failed in the end");
    assert_eq!(names(folder.path()), ["failed.txt"]);
    assert_eq!(told(of_run(&path, "a to r"), &[]), "", "its own run removes it");
    assert!(!path.exists());
    open(&path, 1).finish(&[(1, "denied")], |_| {}).unwrap();
    assert!(
        told(of_run(&path, "a to r"), &[]).starts_with("removed "),
        "nobody knows whose it was"
    );
}

#[test]
fn replacing_the_list_of_another_run_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("failed.txt");
    for on_the_way in [false, true] {
        told(of_run(&path, "a to r"), &[(1, "denied")]);
        let mut list = of_run(&path, "b to r");
        if on_the_way {
            list.rewrite(&[(2, "not done")]).unwrap();
        }
        let told = told(list, &[(2, "denied")]);
        assert!(
            told.contains("of another run (a to r) and was replaced; -o (--failed in"),
            "{told}"
        );
        assert!(fs::read_to_string(&path).unwrap().contains(" # run: b to r\n"));
        assert_eq!(names(folder.path()), ["failed.txt"]);
        fs::remove_file(&path).unwrap();
    }
}

#[test]
fn two_runs_at_once_keep_both_lists() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("failed.txt");
    let (first, second) = (of_run(&path, "a to r"), of_run(&path, "b to r"));
    let third = of_run(&path, "c to r");
    told(first, &[(1, "denied")]);
    let error = second.finish(&[(2, "denied")], |_| {}).unwrap_err();
    let ReportError::Displaced { kept, .. } = &error else { panic!("{error}") };
    assert!(fs::read_to_string(kept).unwrap().contains("image-2"), "{error}");
    assert!(fs::read_to_string(&path).unwrap().contains(" # run: a to r\n"), "the first one stays");
    assert!(told(third, &[]).ends_with(" stays: it is of another run (a to r)"));
    // Two runs of one list write the same.
    let (one, other) = (of_run(&path, "a to r"), of_run(&path, "a to r"));
    assert_eq!((told(one, &[(1, "denied")]), told(other, &[(2, "denied")])), Default::default());
}
