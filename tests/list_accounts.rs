//! A user name and a password before a host, where a reference is expected: refused, and never written down.

use longshore_content::Image;

use crate::support::{Longshore, Pair};

const ACCOUNT: &str = "me:s3cr3t-word@";

#[test]
fn a_list_with_a_password_is_refused_and_not_repeated() {
    let pair = Pair::embedded();
    let good = Image::new("linux/amd64").layer(1, 100).build();
    pair.source.push("team/good", "1", &good);
    let (from, to) = (pair.source.address(), pair.destination.address());
    for (name, list) in [
        ("default", format!("{from}/team/good:1\n{ACCOUNT}{from}/team/app:1\n")),
        (
            "columns",
            format!("{from}/team/good {to}/team/good 1\n{ACCOUNT}{from}/team/app {to}/a 1\n"),
        ),
        (
            "target",
            format!("{from}/team/good {to}/team/good 1\n{from}/team/app {ACCOUNT}{to}/a 1\n"),
        ),
        (
            "compose.yaml",
            format!(
                "services:\n  a:\n    image: {from}/team/good:1\n  b:\n    image: {ACCOUNT}{from}/team/app:1\n"
            ),
        ),
        (
            "regsync.yaml",
            format!(
                "version: 1\nsync:\n- source: {from}/team/good:1\n  target: {to}/team/good:1\n  type: image\n\
                 - source: {ACCOUNT}{from}/team/app:1\n  target: {to}/a:1\n  type: image\n"
            ),
        ),
    ] {
        for command in ["mirror", "mirror-validate"] {
            let run = Longshore::new().file(name, &list).args([command, "-f", name, "-d", to]);
            let run = run.args(["--output", "json", "--report", "r.html", "--debug"]).run();
            let run = run.exits(1).complains("it has a user name");
            let run =
                run.complains("leave the user name out of the list, and log in with longshore");
            let failed =
                run.file(&format!("{command}-failed.txt")).expect("there is a failed list");
            let page = run.file("r.html").expect("there is a page");
            for text in [&failed, &page, &run.stdout, &run.stderr] {
                assert!(!text.contains("s3cr3t"), "{name}: {text}");
            }
            assert!(failed.contains("***@"), "{name}: {failed}");
        }
        pair.assert_arrived("team/good", "1", &good);
    }
}

#[test]
fn commands_refuse_a_reference_with_a_password() {
    let reference = format!("{ACCOUNT}127.0.0.1:9/team/app:1");
    for words in [
        &["inspect", &reference][..],
        &["tags", &reference],
        &["copy", &reference, "127.0.0.1:9/b:1"],
        &["copy", "127.0.0.1:9/b:1", &reference],
        &["mirror-charts", "--why", &reference, "-c", "none.yaml"],
    ] {
        let run = Longshore::new().args(words).run().exits(2);
        assert!(!run.stderr.contains("s3cr3t") && !run.stdout.contains("s3cr3t"), "{}", run.stderr);
        if words[0] != "mirror-charts" {
            run.complains("has a user name");
        }
    }
}
