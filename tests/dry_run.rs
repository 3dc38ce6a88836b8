//! `--dry-run`: reports what a run would do, and changes nothing.

use longshore_content::{Content, Image, Index};

use crate::support::{Answer, FaultProxy, Longshore, Pair, Registry, Rule};

fn image(seed: u64) -> Content {
    Image::new("linux/amd64").layer(seed, 100).build()
}

/// Returns the requests that could change something in the registry.
fn writes(registry: &Registry) -> Vec<String> {
    let mut requests = registry.requests();
    let reads = ["\"GET ", "\"HEAD ", "\"OPTIONS "];
    requests.retain(|line| {
        line.contains("\" ")
            && line.contains(" /v2/")
            && !reads.iter().any(|read| line.contains(read))
    });
    requests
}

#[test]
fn a_dry_run_changes_nothing_and_reports_everything() {
    let Some(pair) = Pair::docker() else { return };
    for tag in ["new", "same", "changed"] {
        pair.source.push("team/app", tag, &image(1));
    }
    pair.destination.push("team/app", "same", &image(1));
    pair.destination.push("team/app", "changed", &image(2));
    let before = writes(&pair.destination).len();
    let list = "team/app team/app new\nteam/app team/app same\nteam/app team/app changed\n";
    let run = pair.mirror(list).arg("--dry-run").run().exits(0);
    let (source, destination) = (pair.source.address(), pair.destination.address());
    let row = |tag: &str, what: &str| {
        format!("{source}/team/app:{tag} → {destination}/team/app:{tag}: {what}")
    };
    let lines: Vec<&str> = run.stdout.lines().take(3).collect();
    assert_eq!(
        lines,
        [
            row("new", "would be copied"),
            row("same", "skipped: already at the destination"),
            row("changed", &format!("would be copied over {}", image(2).digest())),
        ]
    );
    run.sums_up("2 to copy, 1 skipped, 0 failed");
    assert_eq!(writes(&pair.destination).split_off(before), [""; 0], "it wrote");
    pair.assert_absent("team/app", "new");
    pair.assert_arrived("team/app", "changed", &image(2));
}

#[test]
fn the_platform_filter_holds_as_in_a_real_run() {
    let pair = Pair::embedded();
    let (amd64, s390x) = (image(1), Image::new("linux/s390x").layer(2, 100).build());
    let both = Index::oci().child(&amd64).child(&s390x).build();
    let part = Index::oci().child(&s390x).build();
    for (tag, content) in [("both", &both), ("whole", &both), ("part", &part), ("one", &s390x)] {
        pair.source.push("team/app", tag, content);
    }
    pair.destination.push("team/app", "whole", &both);
    let list: String =
        ["both", "whole", "part", "one"].map(|tag| format!("team/app team/app {tag}\n")).concat();
    let looked = || pair.mirror(&list).args(["--dry-run", "--output", "json"]).run();
    let would = |dry: &crate::support::Run| -> Vec<(String, String)> {
        let document = dry.json();
        let entries = document["entries"].as_array().expect("a list").iter();
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        entries.map(|entry| (text(&entry["status"]), text(&entry["reason"]))).collect()
    };
    let filter = "(arch amd64,arm64, os linux,windows)";
    let nothing = ("skipped".to_owned(), format!("no platform satisfies the filter {filter}"));
    let there = ("skipped".to_owned(), "already at the destination".to_owned());
    let changed = format!(
        "would be copied; digest changes: the platform filter keeps 1 of 2 manifests {filter}"
    );
    let copied = ("dry-run".to_owned(), changed);
    let before = looked().exits(0);
    assert_eq!(would(&before), [copied, there.clone(), nothing.clone(), nothing.clone()]);
    let promised = before.json()["entries"][0]["destinationDigest"].clone();

    pair.mirror(&list).run().exits(0).sums_up("1 copied, 3 skipped, 0 failed");
    assert_eq!(pair.destination.manifest("team/app", "both").digest, promised);
    assert_eq!(would(&looked().exits(0)), [there.clone(), there, nothing.clone(), nothing]);

    let forced = pair.mirror(&list).args(["--dry-run", "--force-recursive"]).run().exits(0);
    let forced = forced.sums_up("2 to copy, 2 skipped, 0 failed");
    let would = "would be looked through, and copied where something is missing";
    assert!(forced.stdout.contains(would), "{}", forced.stdout);

    let failing = pair.mirror(&list).args(["--dry-run", "--no-arch-os-fail"]).run().exits(1);
    failing.sums_up("0 to copy, 2 skipped, 2 failed");
}

#[test]
fn an_unreadable_destination_is_not_treated_as_empty() {
    let Some(destination) = Registry::docker().htpasswd("jo", "secret").start() else { return };
    let source = Registry::embedded();
    source.push("team/app", "1", &image(1));
    let run = Longshore::new().mirror().list("team/app team/app 1\n").source(source.address());
    let run = run.destination(destination.address()).arg("--dry-run").run().exits(1);
    let run = run.sums_up("0 to copy, 0 skipped, 1 failed");
    run.complains("a push would be refused: no credential is known for");
}

#[test]
fn a_push_that_would_be_refused_is_said_to_be_once_for_all() {
    let Some(destination) = Registry::docker().htpasswd("jo", "secret").start() else { return };
    let source = Registry::embedded();
    for (seed, tag) in [(1, "a"), (2, "b"), (3, "c")] {
        source.push(&format!("team/{tag}"), "1", &image(seed));
    }
    destination.push("team/b", "1", &image(2));
    let list = "team/a team/a 1\nteam/b team/b 1\nteam/c other/c 1\n";
    let run = |login: Option<(&str, &str)>, flag: &str| {
        let mut run = Longshore::new().mirror().list(list).source(source.address());
        if let Some((user, password)) = login {
            run = run.env("DOCKER_USERNAME", user).env("DOCKER_PASSWORD", password);
        }
        run.destination(destination.address()).args(["-j", "1", flag]).run()
    };
    for (login, why) in [
        (None, "no credential is known for "),
        (Some(("jo", "wrong")), "the credential for "),
        (Some(("who", "secret")), "the credential for "),
    ] {
        let dry = run(login, "--dry-run").exits(1).sums_up("0 to copy, 0 skipped, 3 failed");
        let said: Vec<&str> = dry.stdout.lines().filter(|line| line.contains(why)).collect();
        assert_eq!(said.len(), 3, "the same fault has the same answer:\n{}", dry.stdout);
        assert!(said.iter().all(|line| line.contains("failed: destination: push to ")), "{said:?}");
        // The run itself fails too.
        run(login, "--debug=false").exits(1).sums_up("0 copied, 0 skipped, 3 failed");
    }
    let right = run(Some(("jo", "secret")), "--dry-run").exits(0);
    right.sums_up("2 to copy, 1 skipped, 0 failed");
}

#[test]
fn an_entry_that_the_filter_skips_needs_no_login() {
    let Some(destination) = Registry::docker().htpasswd("jo", "secret").start() else { return };
    let source = Registry::embedded();
    let s390x = Image::new("linux/s390x").layer(1, 100).build();
    source.push("team/app", "1", &Index::oci().child(&s390x).build());
    let run = |flags: &[&str]| {
        let run = Longshore::new().mirror().list("team/app team/app 1\n").source(source.address());
        run.destination(destination.address()).args(flags).run()
    };
    run(&["--dry-run"]).exits(0).sums_up("0 to copy, 1 skipped, 0 failed");
    run(&[]).exits(0).sums_up("0 copied, 1 skipped, 0 failed");
    for flags in [&["--dry-run", "--no-arch-os-fail"][..], &["--no-arch-os-fail"]] {
        run(flags).exits(1).complains("no platform of the source satisfies the filter");
    }
    let kept = run(&["--dry-run", "-a", "s390x"]).exits(1);
    kept.complains("a push would be refused: no credential is known for");
}

#[test]
fn what_only_a_push_can_tell_is_not_counted_as_to_copy() {
    let Some(destination) = Registry::docker().htpasswd("jo", "secret").start() else { return };
    let source = Registry::embedded();
    for tag in ["a", "b"] {
        source.push(&format!("team/{tag}"), "1", &image(1));
    }
    let proxy = FaultProxy::before(&destination);
    for method in ["HEAD", "GET"] {
        let refused = Rule::on(method, "/v2/team/b/manifests/*").answers(Answer::status(403));
        proxy.rule(refused);
    }
    let run = Longshore::new().mirror().list("team/a team/a 1\nteam/b team/b 1\n");
    let run = run.env("DOCKER_USERNAME", "jo").env("DOCKER_PASSWORD", "secret");
    let run = run.source(source.address()).destination(proxy.address());
    let run = run.args(["--dry-run", "-j", "1"]).run().exits(0);
    let run = run.sums_up("1 to copy, 0 skipped, 0 failed");
    assert!(run.stdout.contains("not looked at: 1; only a push can tell"), "{}", run.stdout);
    let said = "team/b:1: could not be looked at, so only a push can tell: ";
    assert!(run.stdout.contains(said), "{}", run.stdout);
}

#[test]
fn a_failed_copy_exits_1_without_a_failed_list() {
    let pair = Pair::embedded();
    pair.source.push("team/app", "1", &image(1));
    let old = "# failed list of longshore; an older one\n";
    let list = "team/app team/app 1\nteam/app team/app 2\nhalf line\n";
    let run = pair.mirror(list).arg("--dry-run").file("mirror-failed.txt", old).run().exits(1);
    let run = run.sums_up("1 to copy, 0 skipped, 2 failed");
    assert_eq!(run.file("mirror-failed.txt").as_deref(), Some(old), "it is not touched");
    assert!(!run.stdout.contains("repeat with"), "{}", run.stdout);
    pair.assert_absent("team/app", "1");
}

#[test]
fn the_document_has_a_status_of_its_own() {
    let pair = Pair::embedded();
    pair.source.push("team/app", "1", &image(1));
    let run = pair.mirror("team/app team/app 1\n").args(["--dry-run", "--output", "json"]);
    let document = run.run().exits(0).json();
    let entry = &document["entries"][0];
    assert_eq!(entry["status"], "dry-run", "{document:#}");
    assert_eq!(entry["sourceDigest"], image(1).digest(), "{document:#}");
    assert_eq!(entry["reason"], "would be copied", "{document:#}");
    assert_eq!((&document["copied"], &document["failed"]), (&0.into(), &0.into()));
}

#[test]
fn an_unusable_list_exits_2() {
    let pair = Pair::embedded();
    pair.mirror("# nothing\n").arg("--dry-run").run().exits(2).complains("no entries");
    pair.mirror("a x 1\nb x 1\n").arg("--dry-run").run().exits(2).complains("lines 1 and 2");
    pair.mirror("team/app team/app 1\n").args(["--dry-run=false"]).run().exits(1);
}

#[test]
fn a_dry_run_says_how_much_would_move_at_most() {
    let pair = Pair::embedded();
    let large = |seed| Image::new("linux/amd64").layer(seed, 3 << 20).build();
    pair.source.push("team/app", "1", &large(1));
    pair.source.push("team/app", "2", &large(1));
    pair.source.push("team/index", "1", &Index::oci().child(&large(2)).build());
    let dry = |list: &str| pair.mirror(list).arg("--dry-run").run().exits(0).stdout;
    let said = dry("team/app team/app 1\nteam/app team/app 2\n");
    assert!(said.contains("\nat most 3.0") && said.contains(" MiB would move\n"), "once: {said}");
    let said = dry("team/app team/app 1\nteam/index team/index 1\n");
    assert!(
        said.contains(" would move, without 1 entry whose manifests were not read\n"),
        "{said}"
    );
    assert!(dry("team/index team/index 1\n").contains("the size of 1 entry is not known"));
    pair.mirror("team/app team/app 1\n").run().exits(0);
    assert!(!dry("team/app team/app 1\n").contains("would move"), "nothing would");
}

#[test]
fn a_login_that_is_refused_to_all_is_told_once() {
    let Some(destination) = Registry::docker().htpasswd("jo", "secret").start() else { return };
    let source = Registry::embedded();
    let mut list = String::new();
    for seed in 1..=12 {
        source.push(&format!("team/a{seed}"), "1", &image(seed));
        list += &format!("team/a{seed} team/a{seed} 1\n");
    }
    for (login, why) in
        [(None, "401"), (Some("wrong"), "was refused"), (Some("wr0ng"), "was refused")]
    {
        let run = Longshore::new().mirror().list(&list).source(source.address());
        let run = run.destination(destination.address()).args(["-j", "1"]);
        let run = match login {
            Some(password) => run.env("DOCKER_USERNAME", "jo").env("DOCKER_PASSWORD", password),
            None => run,
        };
        let run = run.run().exits(1).sums_up("0 copied, 0 skipped, 12 failed");
        let told = run
            .stderr
            .lines()
            .filter(|line| line.contains("] failed ") || line.contains(": failed "));
        assert_eq!(told.filter(|line| line.contains("[ERRO]")).count(), 1, "{}", run.stderr);
        let run = run
            .complains(why)
            .complains("11 more entries failed, because the destination refuses the login to all");
        let failed = run.file("mirror-failed.txt").expect("there is a failed list");
        let entries = failed.lines().filter(|line| line.starts_with("team/")).count();
        assert_eq!(entries, 12, "{failed}");
    }
}

#[test]
fn the_document_of_a_dry_run_says_what_a_run_would_copy() {
    let pair = Pair::embedded();
    for (seed, tag) in [(1, "a"), (2, "b"), (3, "there")] {
        pair.source.push("team/app", tag, &image(seed));
    }
    pair.destination.push("team/app", "there", &image(3));
    let list = "team/app team/app a\nteam/app team/app b\nteam/app team/app there\n\
                team/app team/app a\nteam/app team/app gone\n";
    let keys = |run: &crate::support::Run, keys: [&str; 6]| {
        let document = run.json();
        keys.map(|key| document[key].as_u64().unwrap_or(999))
    };
    let all = ["toCopy", "unknown", "copied", "skipped", "duplicates", "failed"];
    let dry = pair.mirror(list).args(["--dry-run", "--output", "json"]).run().exits(1);
    assert_eq!(keys(&dry, all), [2, 0, 0, 2, 1, 1]);
    assert!(dry.json()["bytesAtMost"].as_u64() >= Some(200), "{}", dry.stdout);
    assert!(dry.json()["unsizedEntries"].is_u64(), "{}", dry.stdout);
    let run = pair.mirror(list).args(["--output", "json"]).run().exits(1);
    assert_eq!(keys(&run, all), [999, 999, 2, 2, 1, 1], "it is no dry run");
    assert!(run.json()["leftOut"].is_null(), "a duplicate is at the destination: {}", run.stdout);
}

#[test]
fn a_duplicate_is_not_said_to_be_left_out() {
    let pair = Pair::embedded();
    pair.source.push("team/app", "1", &image(1));
    let again = "team/app team/app 1\n";
    for (list, flags, said) in [
        (again.repeat(2), &[][..], "of the skipped: 1 the same as an earlier line\n"),
        (
            again.repeat(3),
            &["--dry-run"],
            "of the skipped: 1 at the destination already, 2 the same",
        ),
        (again.repeat(3), &[], "already, 2 the same as earlier lines\n"),
    ] {
        let run = pair.mirror(&list).args(flags).run().exits(0);
        assert!(run.stdout.contains(said), "{}", run.stdout);
        assert!(!run.stdout.contains("not mirrored"), "{}", run.stdout);
    }
    let pulls = "docker pull --platform=linux/arm64 team/app:1\ndocker pull --platform=linux/amd64 team/app:1\n";
    let run = pair.mirror(pulls).run().exits(0);
    assert!(run.stdout.contains("the same as an earlier line\n"), "{}", run.stdout);
    let odd = "team/app other/app 1\n".repeat(2);
    let run = pair.mirror(&odd).args(["-a", "s390x"]).run().exits(0);
    assert!(
        run.stdout.contains("nothing was copied: all 2 entries were skipped"),
        "{}",
        run.stdout
    );
}

#[test]
fn a_registry_that_takes_no_uploads_fails_what_would_be_copied() {
    let source = Registry::embedded();
    for seed in [1, 2] {
        source.push("team/app", &seed.to_string(), &image(seed));
    }
    let serve = ["serve", "registry", "--listen", "127.0.0.1:0"];
    let filled = Registry::embedded();
    filled.push("team/app", "1", &image(1));
    let again = filled.killed().args(serve).arg("--read-only");
    let read_only = [
        Some(Registry::embedded_by(again)),
        Registry::docker().read_only().start(),
        Registry::distribution().read_only().start(),
    ];
    let list = "team/app team/app 1\nteam/app team/app 2\n";
    for (position, registry) in read_only.iter().flatten().enumerate() {
        if position > 0 {
            registry.push("team/app", "1", &image(1));
        }
        let run = |flags: &[&str]| {
            let run = Longshore::new().mirror().list(list).args(flags);
            run.source(source.address()).destination(registry.address()).run()
        };
        let dry = run(&["--dry-run"]).exits(1).sums_up("0 to copy, 1 skipped, 1 failed");
        dry.complains("the registry takes no uploads: it allows only GET, HEAD there")
            .complains("hint: the registry is read-only: end its maintenance");
        run(&[]).exits(1).sums_up("0 copied, 1 skipped, 1 failed");
    }
}

#[test]
fn only_a_registry_that_says_so_takes_no_uploads() {
    let pair = Pair::embedded();
    pair.source.push("team/app", "1", &image(1));
    let plain = |status: u16, allow: &str| Answer::status(status).header("allow", allow);
    let own = |status: u16, allow: &str| {
        plain(status, allow).header("docker-distribution-api-version", "registry/2.0")
    };
    for (answer, exit) in [
        (own(405, "GET, HEAD"), 1),
        (own(200, "GET,HEAD,OPTIONS"), 1),
        (own(200, "GET, HEAD, POST"), 0),
        (own(405, "POST"), 0),
        (own(403, "GET, HEAD"), 0),
        (own(200, ""), 0),
        (plain(405, "GET, HEAD"), 0),
        (Answer::status(404), 0),
        (Answer::status(500), 0),
    ] {
        let proxy = FaultProxy::before(&pair.destination);
        proxy.rule(Rule::on("OPTIONS", "*").answers(answer));
        // As of a registry that says nothing of its own accord.
        proxy.rule(Rule::on("HEAD", "*/manifests/*").answers(Answer::status(404)));
        let run = Longshore::new().mirror().list("team/app team/app 1\nteam/app team/other 1\n");
        let run = run.source(pair.source.address()).destination(proxy.address());
        let run = run.args(["--dry-run", "--retries=0"]).run();
        let asked = proxy.count("OPTIONS", "*/blobs/uploads/*");
        assert_eq!((run.exit, asked), (exit, 1), "{}\n{}", run.stdout, run.stderr);
    }
}
