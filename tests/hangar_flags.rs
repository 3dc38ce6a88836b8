//! Flags of Hangar in scripts: each does what it says, or an error names what replaces it.

use std::time::Duration;

use longshore_content::{Content, Image};

use crate::support::{Answer, FaultProxy, Longshore, Pair, Registry, Rule};

fn image() -> Content {
    Image::new("linux/amd64").layer(1, 1000).build()
}

/// Runs of `mirror`, `mirror-validate` and `convert-list` with the same flags.
fn of_all(flags: &[&str]) -> [Longshore; 3] {
    let lists = || Longshore::new().file("list", "team/app team/app 1\n");
    let ends = ["-s", "127.0.0.1:9", "-d", "127.0.0.1:9"];
    [
        lists().mirror().args(["-f", "list"]).args(ends).args(flags),
        lists().validate().args(["-f", "list"]).args(ends).args(flags),
        lists().args(["convert-list", "-i", "list", "-o", "-"]).args(ends).args(flags),
    ]
}

#[test]
fn flags_that_ask_for_what_longshore_does_are_accepted() {
    for (flag, note) in [
        ("--skip-login", "--skip-login changes nothing: longshore never asks for a login"),
        ("--skip-login=true", "--skip-login changes nothing"),
        ("--overwrite-existing", "--overwrite changes nothing: mirror always replaces a tag"),
        ("--overwrite", "--overwrite changes nothing: mirror always replaces a tag that differs"),
        ("--provenance=true", "--provenance changes nothing: the attestations in an index are"),
        ("--remove-signatures", "--remove-signatures changes nothing: signatures are copied only"),
        ("--insecure-policy", "--insecure-policy changes nothing: longshore reads no signature"),
    ] {
        let [mirror, validate, convert] = of_all(&[flag]);
        for run in [mirror, validate] {
            let run = run.run().exits(1).complains(&format!("[INFO] {note}"));
            assert!(!run.stdout.contains(flag.trim_end_matches("=true")), "{}", run.stdout);
        }
        convert.run().exits(0).complains(&format!("[INFO] {note}"));
    }
}

#[test]
fn flags_that_longshore_cannot_follow_name_a_replacement() {
    for (flag, why, instead) in [
        (
            "--skip-login=false",
            "longshore never asks for a login",
            "log in first with docker login",
        ),
        ("--overwrite=false", "mirror always replaces a tag", "leave it out"),
        ("--provenance=false", "are always copied with their images", "leave it out"),
        ("--remove-signatures=false", "only with --referrers", "give --referrers"),
        ("--sigstore-private-key=k", "longshore signs no images", "cosign sign --key FILE"),
        ("--sigstore-passphrase-file=p", "longshore signs no images", "cosign sign --key FILE"),
    ] {
        for run in of_all(&[flag]) {
            let run = run.run().exits(2).complains(why).complains("[ERRO] hint: ");
            let run = run.complains(instead);
            assert_eq!(run.stdout, "", "{flag}");
        }
    }
    let [mirror, validate, _] = of_all(&["--remove-signatures", "--referrers"]);
    for run in [mirror, validate] {
        run.run().exits(2).complains("hint: leave --referrers out to copy no signatures");
    }
}

#[test]
fn the_log_has_no_time_if_hangar_s_flag_says_so() {
    for (flag, hides) in [
        ("--hide-log-time", true),
        ("--hide-log-time=true", true),
        ("--hide-log-time=false", false),
    ] {
        for run in of_all(&[flag]) {
            let run = run.run();
            let all = run.stderr.lines().all(|line| line.starts_with('[') == hides);
            assert!(all && !run.stderr.is_empty(), "{flag}: {}", run.stderr);
        }
    }
}

#[test]
fn platforms_in_several_flags_are_one_list() {
    let pair = Pair::embedded();
    let [amd64, arm64, s390x] = [(1, "linux/amd64"), (2, "linux/arm64"), (3, "windows/s390x")]
        .map(|(seed, platform)| Image::new(platform).layer(seed, 100).build());
    let index = longshore_content::Index::oci().child(&amd64).child(&arm64).child(&s390x).build();
    pair.source.push("team/app", "1", &index);
    for (number, (flags, kept)) in [
        (&["-a", "amd64", "-a", "arm64"][..], Some(2)),
        (&["--arch=amd64,arm64", "--arch", "s390x", "--os=linux"], Some(2)),
        (&["-a", "amd64", "--arch=s390x", "--os", "linux", "--os=windows"], Some(2)),
        (&["-a", "arm64"], Some(1)),
        (&["-a", "amd64", "-a", "arm64", "-a", "s390x", "--os=all"], None),
    ]
    .into_iter()
    .enumerate()
    {
        let list = format!("team/app to{number}/app 1\n");
        let run = pair.mirror(&list).args(flags).args(["--output", "json"]).run().exits(0);
        let change = run.json()["entries"][0]["digestChange"].clone();
        let change = change.as_str();
        let said = kept.map(|kept| format!("keeps {kept} of 3 manifests"));
        assert_eq!(change.is_some(), said.is_some(), "{flags:?}: {change:?}");
        assert!(
            change.is_none_or(|change| change.contains(&said.unwrap_or_default())),
            "{change:?}"
        );
        pair.run("mirror-validate", &list).args(flags).run().exits(0);
    }
    let run = Longshore::new().mirror().list("a a 1\n").destination("127.0.0.1:9");
    let run = run.args(["-a", "amd64", "-a", "amd46"]).run().exits(2);
    run.complains("amd46");
}

#[test]
fn projects_are_replaced_in_every_command() {
    let pair = Pair::embedded();
    for path in ["new/app", "new/deep/web", "new/nginx"] {
        pair.source.push(path, "1", &image());
    }
    let list = "team/app:1\nold/deep/web:1\nnginx:1\n";
    let projects = ["--source-project", "new", "--destination-project=copies"];
    let run = || pair.mirror(list).args(projects);
    run().run().exits(0).sums_up("3 copied, 0 skipped, 0 failed");
    for path in ["copies/app", "copies/deep/web", "copies/nginx"] {
        pair.assert_arrived(path, "1", &image());
    }
    run().arg("--dry-run").run().exits(0).sums_up("0 to copy, 3 skipped, 0 failed");
    let validate = || Longshore::new().validate().list(list).source(pair.source.address());
    let validate = || validate().destination(pair.destination.address()).args(projects);
    validate().run().exits(0).sums_up("3 valid, 0 skipped, 0 failed");
    let address = pair.destination.address();
    let convert = Longshore::new().args(["convert-list", "-i", "-", "-d", address]).stdin(list);
    let convert = convert.args(projects).run().exits(0);
    let expected =
        ["app", "deep/web", "nginx"].map(|path| format!("new/{path} {address}/copies/{path} 1\n"));
    assert_eq!(convert.stdout, expected.concat());
    let again = Longshore::new().mirror().list(&convert.stdout).source(pair.source.address());
    again.run().exits(0).sums_up("0 copied, 3 skipped, 0 failed");
}

#[test]
fn a_failed_run_with_projects_repeats_them() {
    let pair = Pair::embedded();
    let flags = ["--source-project=new", "--destination-project=copies"];
    let run = pair.mirror("team/app team/app 1\n").args(flags).run().exits(1);
    pair.source.push("new/app", "1", &image());
    run.repeated("mirror-failed.txt").exits(0).sums_up("1 copied, 0 skipped, 0 failed");
    pair.assert_arrived("copies/app", "1", &image());
}

#[test]
fn a_project_is_one_component_and_meets_no_other_image() {
    for run in of_all(&["--destination-project", "a/b"]) {
        run.run().exits(2).complains("a project is one component without a slash");
    }
    for run in of_all(&["--source-project", "Team"]) {
        run.run().exits(2).complains("upper-case letter");
    }
    let run = Longshore::new().mirror().list("a/nginx:1\nb/nginx:1\n").destination("127.0.0.1:9");
    let run = run.args(["--destination-project", "c"]).run().exits(2);
    run.complains("would both become 127.0.0.1:9/c/nginx:1");
}

#[test]
fn a_source_project_selects_tags_and_repositories() {
    let source = Registry::embedded();
    for (path, tag) in [("new/app", "1"), ("new/app", "2"), ("new/web", "1"), ("other/app", "3")] {
        source.push(path, tag, &image());
    }
    let destination = Registry::embedded();
    let (from, to) = (source.address(), destination.address());
    let list = format!(
        "sync:\n- {{source: {from}/old/app, target: {to}/x/app, type: repository}}\n\
         - {{source: {from}, target: {to}/y, type: registry}}\n"
    );
    let run = Longshore::new().mirror().list(&list).args(["--source-project", "new"]).run();
    run.exits(0).sums_up("5 copied, 0 skipped, 0 failed");
    assert_eq!(destination.endpoint().tags("x/app").unwrap(), ["1", "2"]);
    assert_eq!(destination.endpoint().tags("y/web").unwrap(), ["1"]);
}

#[test]
fn an_image_that_takes_longer_than_its_time_fails_and_the_others_go_on() {
    let pair = Pair::embedded();
    pair.source.push("team/slow", "1", &Image::new("linux/amd64").layer(2, 50_000).build());
    pair.source.push("team/app", "1", &image());
    let slow = FaultProxy::before(&pair.source);
    let drips = |answer: Answer| answer.dripping(100, Duration::from_secs(60));
    slow.rule(Rule::on("GET", "/v2/team/slow/blobs/*").alters(drips));
    let run = |flags: &[&str]| {
        let run = Longshore::new().mirror().list("team/slow team/slow 1\nteam/app team/app 1\n");
        let run = run.source(slow.address()).destination(pair.destination.address());
        run.args(flags).run()
    };
    let late = run(&["--timeout", "2s"]).exits(1).sums_up("1 copied, 0 skipped, 1 failed");
    let late = late.complains("it was not done within 2s (--timeout)");
    late.complains("hint: give a longer --timeout, or leave it out");
    pair.assert_arrived("team/app", "1", &image());
    slow.clear_rules();
    for time in ["10m0s", "0", "1h"] {
        run(&["--timeout", time]).exits(0);
    }
    run(&["--timeout", "soon"]).exits(2).complains("it must be a duration such as 90s, 15m or 2h");
}

#[test]
fn long_flags_behind_one_dash_work() {
    let pair = Pair::embedded();
    pair.source.push("team/app", "1", &image());
    let run = Longshore::new().mirror().list("app:1\n").args(["-source", pair.source.address()]);
    let run = run.args(["-destination", pair.destination.address(), "-default-project=team"]);
    let run = run.args(["-no-arch-os-fail", "-source-project=team", "-harbor-https=false"]).run();
    run.exits(0).sums_up("1 copied, 0 skipped, 0 failed");
    pair.assert_arrived("team/app", "1", &image());
}
