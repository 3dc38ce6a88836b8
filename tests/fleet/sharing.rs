//! A run of several workers ends as one of a single machine.

use serde_json::{Value, json};

use super::{assert_arrived, assert_clean, end, fill, filled, image, list, start_worker};
use crate::kill::slow;
use crate::support::{FaultProxy, Longshore, Nats, Pair, Registry, Rule, Run};

/// What two runs of one list have in common: not times, and not which image brought a shared blob.
fn comparable(report: &Value) -> Value {
    let entry = |entry: &Value| {
        let fields =
            ["source", "destination", "status", "sourceDigest", "destinationDigest", "error"];
        fields.map(|field| entry[field].clone())
    };
    let entries = report["entries"].as_array().expect("there are entries").iter().map(entry);
    let totals = ["copied", "skipped", "failed", "bytes", "retries", "pauses"];
    json!([entries.collect::<Vec<_>>(), totals.map(|total| report[total].clone())])
}

fn sum(report: &Value, field: &str) -> u64 {
    let workers = report["workers"].as_array().expect("there are workers");
    workers.iter().filter_map(|worker| worker[field].as_u64()).sum()
}

#[test]
fn three_workers_copy_what_one_machine_copies_and_no_blob_twice() {
    let Some(nats) = Nats::start() else { return };
    let pair = filled(36);
    let proxy = FaultProxy::before(&pair.destination);
    let workers = ["one", "two", "three"].map(|name| start_worker(&nats, name));
    let run = Longshore::new()
        .mirror()
        .list(&list(36))
        .source(pair.source.address())
        .destination(proxy.address())
        .args(["--fleet", &nats.url(), "--output=json"])
        .run()
        .exits(0);
    assert_arrived(&pair, 36);
    let report = run.json();
    assert_eq!(sum(&report, "jobs"), 36, "{report:#}");
    assert_eq!(sum(&report, "bytes"), report["bytes"].as_u64().unwrap());
    let shares = report["workers"].as_array().unwrap().len();
    let shared = longshore_content::digest(&longshore_content::random(1, super::SHARED));
    let uploads = proxy.matching("PUT", "*/blobs/uploads/*");
    let of_shared = uploads.iter().filter(|seen| seen.parameters("digest") == [&*shared]);
    assert_eq!(of_shared.count(), 1, "the shared layer was uploaded more than once");
    assert_clean(&nats);
    let took_part = |ended: &Run| ended.stderr.contains("takes part in the run");
    let parts = workers.into_iter().map(end).filter(took_part).count();
    assert_eq!((parts, shares), (3, 3), "a worker had no part\n{report:#}");
    let alone = Registry::embedded();
    let same = Pair { source: pair.source, destination: alone };
    let local = same.mirror(&list(36)).arg("--output=json").run().exits(0).json();
    let text = |report: &Value, destination: &str| {
        comparable(report).to_string().replace(destination, "DESTINATION")
    };
    let shared = text(&report, proxy.address());
    let alone = text(&local, same.destination.address());
    assert!(shared == alone, "{shared}\n{alone}");
    assert_eq!(local.get("workers"), None, "a run without a fleet has no workers");
}

#[test]
fn the_tags_of_one_repository_are_shared_too() {
    let Some(nats) = Nats::start() else { return };
    for (count, names) in [(8, &["a", "b"][..]), (12, &["a", "b", "c"]), (20, &["a", "b"])] {
        let pair = Pair::embedded();
        let line = |number| format!("team/app copies/app {number}\n");
        for number in 0..count {
            pair.source.push("team/app", &number.to_string(), &image(number));
        }
        let (source, destination) = (slow(&pair.source), slow(&pair.destination));
        let workers: Vec<_> = names.iter().map(|name| start_worker(&nats, name)).collect();
        let run = Longshore::new()
            .mirror()
            .list(&(0..count).map(line).collect::<String>())
            .source(source.address())
            .destination(destination.address())
            .args(["--fleet", &nats.url(), "--output=json"]);
        let report = run.run().exits(0).json();
        assert_eq!(sum(&report, "jobs"), count, "{report:#}");
        let shares = report["workers"].as_array().expect("there are workers");
        assert_eq!(shares.len(), names.len(), "a worker had no part: {report:#}");
        for share in shares {
            let most = count * 3 / 4;
            let jobs = share["jobs"].as_u64().expect("it is a number");
            assert!(jobs <= most, "one worker did {jobs} of {count}: {report:#}");
        }
        // The others know from the worker that sent the layer that it is in the repository.
        let shared = longshore_content::digest(&longshore_content::random(1, super::SHARED));
        let mounts = destination.matching("POST", "*/blobs/uploads/*");
        let mounts = mounts.iter().filter(|seen| seen.parameters("mount") == [&*shared]).count();
        let looks = mounts + destination.count("HEAD", &format!("*/blobs/{shared}"));
        assert!(looks <= 1, "{looks} workers looked for the layer: {}", destination.tally());
        for worker in workers {
            end(worker);
        }
    }
    assert_clean(&nats);
}

#[test]
fn a_claim_that_was_renewed_at_its_end_is_placed() {
    let Some(nats) = Nats::start() else { return };
    let pair = Pair::embedded();
    let lines = "team/app-0 copies/app-0 0\nteam/app-1 copies/app-1 3\n";
    for number in [0, 3] {
        pair.source.push(&format!("team/app-{}", number / 3), &number.to_string(), &image(number));
    }
    let source = slow(&pair.source);
    let pause = std::time::Duration::from_millis(60);
    let blobs = Rule::on("GET", "*/blobs/*");
    source.rule(blobs.alters(move |answer| answer.dripping(8_000, pause)));
    let mut wire = nats.wire();
    wire.subscribe("$KV.longshore-renewed-places.>");
    let workers = ["one", "two"].map(|name| start_worker(&nats, name));
    let run = Longshore::new().mirror().list(lines).source(source.address());
    let run = run.destination(pair.destination.address());
    let run = run.args(["--fleet", &nats.url(), "--run=renewed"]).start();
    run.line(|line| line.contains("began the run renewed").then_some(()));
    let (key, claim) = loop {
        // The headers come first.
        let claimed = |(key, message): (String, Vec<u8>)| {
            let message = String::from_utf8(message).ok()?;
            let at = message.find("{\"claimed\"")?;
            Some((key, message[at..].to_owned()))
        };
        if let Some(found) = wire.messages().into_iter().find_map(claimed) {
            break found;
        }
    };
    // As a renewal does whose answer the worker does not wait for, but it never lapses.
    wire.publish(&key, claim.as_bytes());
    run.finish().exits(0).sums_up("2 copied, 0 skipped, 0 failed");
    for worker in workers {
        end(worker);
    }
    assert_clean(&nats);
}

#[test]
fn failures_are_in_the_failed_list_and_the_exit_code() {
    let Some(nats) = Nats::start() else { return };
    let pair = filled(6);
    let worker = start_worker(&nats, "w1");
    let list = format!("{}team/gone copies/gone 1\n", list(6));
    let run = pair.mirror(&list).args(["--fleet", &nats.url()]).run().exits(1);
    let run = run.sums_up("6 copied, 0 skipped, 1 failed");
    let run = run.complains("(on the worker w1)");
    let failed = run.file("mirror-failed.txt").expect("there is a failed list");
    let entries: Vec<&str> = failed.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(entries, ["team/gone copies/gone 1"]);
    assert!(!failed.contains("--fleet"), "the address may have a password: {failed}");
    // The same command again is a new run.
    let again = pair.mirror(&list).args(["--fleet", &nats.url()]).run().exits(1);
    again.sums_up("0 copied, 6 skipped, 1 failed");
    // The worker's log names images and units, as the coordinator's does.
    let [source, destination] = [&pair.source, &pair.destination].map(|end| end.address());
    let log = end(worker).complains(" KiB moved)");
    for (word, after) in [("copied", " (sha256:"), ("skipped", ": already at the destination")] {
        let line = format!("{word} {source}/team/app-1:4 → {destination}/copies/app-1:4{after}");
        assert!(log.stderr.contains(&line), "no `{line}` in\n{}", log.stderr);
    }
    assert_clean(&nats);
}

#[test]
fn options_travel_with_the_run() {
    let Some(nats) = Nats::start() else { return };
    let pair = filled(3);
    let worker = start_worker(&nats, "w1");
    let fleet = ["--fleet", &nats.url(), "--run", "nightly-1"];
    let run =
        pair.mirror(&list(3)).args(fleet).args(["--index=oci", "--output=json"]).run().exits(0);
    let found = pair.destination.manifest("copies/app-0", "1");
    assert_eq!(found.media_type, "application/vnd.oci.image.index.v1+json");
    assert_ne!(found.digest, image(1).digest());
    assert!(run.stderr.contains("began the run nightly-1 at nats://127.0.0.1"), "{}", run.stderr);
    let arch = pair.mirror(&list(3)).args(fleet);
    arch.args(["--arch=s390x", "--no-arch-os-fail"])
        .run()
        .exits(1)
        .sums_up("0 copied, 0 skipped, 3 failed");
    end(worker);
}

#[test]
fn validation_is_shared_too() {
    let Some(nats) = Nats::start() else { return };
    let pair = filled(9);
    pair.mirror(&list(9)).run().exits(0);
    let workers = ["one", "two"].map(|name| start_worker(&nats, name));
    let fleet = ["--fleet", &nats.url(), "--output=json"];
    let valid = pair.validate(&list(9)).args(fleet).run().exits(0).json();
    assert_eq!((valid["valid"].as_u64(), sum(&valid, "jobs")), (Some(9), 9));
    pair.destination.push("copies/app-1", "4", &image(77));
    let blob = longshore_content::digest(&longshore_content::random(1000, 20_000));
    pair.destination.lose("copies/app-0", &blob);
    let shared = pair.validate(&list(9)).args(fleet).run().exits(1).json();
    let local = pair.validate(&list(9)).arg("--output=json").run().exits(1).json();
    let verdicts = |report: &Value| {
        let entries = report["entries"].as_array().unwrap();
        let entries = entries.iter().map(|entry| json!([entry["status"], entry["findings"]]));
        entries.collect::<Vec<Value>>()
    };
    assert!(verdicts(&shared) == verdicts(&local), "{shared:#}\n{local:#}");
    assert_eq!((&shared["altered"], &shared["broken"]), (&local["altered"], &local["broken"]));
    for worker in workers {
        end(worker);
    }
    assert_clean(&nats);
}

#[test]
fn a_run_waits_for_a_worker_and_a_worker_for_the_server() {
    let Some(mut nats) = Nats::start() else { return };
    nats.kill();
    let worker = super::worker(&nats, "early").start();
    worker.line(|line| line.contains("trying again in").then_some(()));
    nats.again();
    worker.line(|line| line.contains("waiting for a run").then_some(()));
    end(worker);
    let pair = filled(3);
    let run = pair.mirror(&list(3)).args(["--fleet", &nats.url()]).start();
    run.line(|line| line.contains("began the run").then_some(()));
    let worker = super::worker(&nats, "late").start();
    run.finish().exits(0).sums_up("3 copied");
    end(worker);
}

#[test]
fn a_folder_of_this_machine_is_refused() {
    let Some(nats) = Nats::start() else { return };
    let source = Registry::embedded();
    fill(&source, 1);
    for (from, to) in [(source.address(), "oci:copies"), ("oci:.", "127.0.0.1:1")] {
        let run = Longshore::new().mirror().list(&list(1)).source(from).destination(to);
        let run = run.args(["--fleet", &nats.url()]).run().exits(2);
        run.complains("is a folder of this machine");
    }
}

#[test]
fn a_run_is_announced_to_workers() {
    let Some(nats) = Nats::start() else { return };
    let pair = filled(3);
    let mut wire = nats.wire();
    wire.subscribe("longshore.runs");
    let worker = super::started(super::worker(&nats, "w").arg("--debug"));
    // Runs that are shorter than the time between two looks.
    for (name, list) in [("first", list(3)), ("second", list(2)), ("third", list(1))] {
        let run = pair.mirror(&list).args(["--fleet", &nats.url(), "--run", name]).run();
        run.exits(0);
        worker.line(|line| line.contains(&format!("{name} was announced")).then_some(()));
        worker.line(|line| line.contains(&format!("the run {name} is over")).then_some(()));
    }
    let told = wire.messages();
    let of = |name: &str| told.iter().filter(|(_, payload)| payload == name.as_bytes()).count();
    for name in ["first", "second", "third"] {
        assert!(of(name) >= 2, "{name} has a beginning and an end: {told:?}");
    }
    end(worker);
    assert_clean(&nats);
}
