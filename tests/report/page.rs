//! `--report`: when the page is written, and when it is refused.

use std::fs;

use longshore_content::Image;

use crate::support::Pair;

fn pair() -> Pair {
    let pair = Pair::embedded();
    pair.source.push("team/app", "1", &Image::new("linux/amd64").layer(1, 5000).build());
    pair
}

#[test]
fn a_path_that_cannot_be_written_is_refused_before_anything_is_copied() {
    let pair = pair();
    for (path, why, hint) in [
        ("no/such/page.html", "no such directory", "name a writable file with --report"),
        (".", "it is not a file", "name another file with --report"),
        ("-", "it is standard output, which has the summary", "name another file with --report"),
        ("new/", "it is not a file", "name another file with --report"),
        ("/dev/null", "it is not a file", "name another file with --report"),
        ("images.txt", "it is the image list", "name another file with --report"),
        ("./images.txt", "it is the image list", "name another file with --report"),
        ("mirror-failed.txt", "it is the failed list", "name another file with --report"),
    ] {
        let run = pair.mirror("team/app team/app 1\nteam/no team/no 1\n");
        let run = run.args(["--report", path]).run().exits(2);
        let run = run.complains(&format!("failed to write the report {path}: {why}"));
        let run = run.complains(&format!("hint: {hint}"));
        assert_eq!(run.file("mirror-failed.txt"), None, "{path}");
        assert!(run.file("images.txt").is_some_and(|list| list.contains("team/no")), "{path}");
        pair.assert_absent("team/app", "1");
    }
}

#[test]
fn the_page_replaces_an_older_one_only_at_the_end_of_a_run() {
    let pair = pair();
    let list = "team/app team/app 1\n";
    let stopped = pair.mirror("\u{0}").file("page.html", "old").args(["--report", "page.html"]);
    let stopped = stopped.run().exits(2);
    assert_eq!(stopped.file("page.html").as_deref(), Some("old"), "nothing was mirrored");
    for (command, report) in [
        ("mirror --dry-run", "would arrive"),
        ("mirror", "arrived"),
        ("mirror-validate", "is valid"),
        ("mirror validate", "is valid"),
    ] {
        let run = pair.run(command, list).file("page.html", "old");
        let run = run.args(["--report", "page.html"]).run().exits(0);
        let page = run.file("page.html").expect("a page");
        assert!(page.contains(&format!(": the entry {report}</h1>")), "{command}:\n{page}");
        let left = fs::read_dir(run.directory()).expect("a folder").flatten();
        let names: Vec<_> = left.map(|entry| entry.file_name()).collect();
        assert!(
            !names.iter().any(|name| name.to_string_lossy().starts_with(".longshore")),
            "{names:?}"
        );
    }
}

#[test]
fn a_repeated_run_does_not_replace_the_page_of_the_first() {
    let pair = pair();
    let run = pair.mirror("team/no team/no 1\n").args(["--report", "page.html"]).run().exits(1);
    let again =
        run.stdout.lines().find(|line| line.starts_with("repeat with: ")).expect("a command");
    assert!(!again.contains("page.html"), "{again}");
    let page = run.file("page.html").expect("a page");
    assert!(page.contains("team/no:1") && page.contains("check the name and the tag"), "{page}");
}
