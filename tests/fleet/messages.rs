//! What goes over NATS has no secret in it, and what comes is checked.

use base64::Engine as _;

use super::{assert_arrived, assert_clean, end, filled, list, started, worker};
use crate::support::{Longshore, Nats, Pair, Registry};

/// Docker's configuration with a password for both registries.
fn configuration(pair: &Pair) -> String {
    // team:s3cr3t-of-docker
    let auth = "dGVhbTpzM2NyM3Qtb2YtZG9ja2Vy";
    format!(
        "{{\"auths\":{{\"{}\":{{\"auth\":\"{auth}\"}},\"{}\":{{\"auth\":\"{auth}\"}}}}}}",
        pair.source.address(),
        pair.destination.address()
    )
}

#[test]
fn no_message_has_a_credential() {
    let users = "authorization { users = [ { user: fleet, password: \"s3cr3t-of-nats\" } ] }";
    let Some(nats) = Nats::configured(users) else { return };
    let pair = filled(6);
    let url = format!("nats://fleet:s3cr3t-of-nats@127.0.0.1:{}", nats.port());
    let with_secrets = |run: Longshore| {
        run.file("../home/.docker/config.json", configuration(&pair))
            .env("DOCKER_USERNAME", "team")
            .env("DOCKER_PASSWORD", "s3cr3t-of-environment")
            .env("LONGSHORE_FLEET", &url)
    };
    let worker = started(with_secrets(Longshore::new().args(["worker", "--name=w"])));
    let mut wire = nats.wire_as("fleet", "s3cr3t-of-nats");
    wire.subscribe(">");
    let run = with_secrets(pair.mirror(&list(6))).run().exits(0);
    let ended = end(worker);
    let messages = wire.messages();
    let text: Vec<String> = messages
        .iter()
        .map(|(subject, payload)| format!("{subject} {}", String::from_utf8_lossy(payload)))
        .collect();
    for needed in [".jobs ", ".outcomes ", ".progress ", "$KV.longshore.run.", "-places."] {
        assert!(text.iter().any(|text| text.contains(needed)), "no message on {needed}");
    }
    let everything = text.join("\n") + &run.stderr + &ended.stderr;
    for secret in ["s3cr3t", "dGVhbTpzM2NyM3Qtb2YtZG9ja2Vy", "czNjcjN0"] {
        let found = text.iter().find(|text| text.contains(secret));
        assert_eq!(found, None, "a message has a secret");
        assert!(!everything.contains(secret), "a log has a secret");
    }
}

/// The end of a job, as a worker tells it.
fn ended(job: u32, outcome: &str) -> String {
    let saved = r#"{"mounted":0,"present":0,"shared":0}"#;
    format!("{{\"job\":{job},\"outcome\":{outcome},\"saved\":{saved}}}")
}

/// A message with outcomes of a run.
fn told(run: &str, worker: &str, jobs: &[String]) -> String {
    let jobs = jobs.join(",");
    let effort = r#"{"stores":[]}"#;
    format!("{{\"run\":\"{run}\",\"worker\":{worker},\"jobs\":[{jobs}],\"effort\":{effort}}}")
}

#[test]
fn messages_that_are_no_outcome_are_named_and_ignored() {
    let Some(nats) = Nats::start() else { return };
    let pair = filled(3);
    let run = pair.mirror(&list(3)).args(["--fleet", &nats.url(), "--run=odd"]).start();
    run.line(|line| line.contains("began the run odd").then_some(()));
    let mut wire = nats.wire();
    let worker = r#"{"name":"evil","id":"1","version":"0"}"#;
    let id = wire.run_id("odd");
    let outcome = |job: u32, outcome: &str| told(&id, worker, &[ended(job, outcome)]);
    let copied = r#"{"status":"copied","bytes":1,"took":{"secs":0,"nanos":0}}"#;
    for message in [
        "",
        "{",
        "[1]",
        "\u{0}\u{1b}[31m",
        &outcome(99, copied),
        &outcome(1, r#"{"status":"copied","bytes":1,"destinationDigest":"sha256:zz"}"#),
        &outcome(1, r#"{"status":"done","bytes":1}"#),
        &outcome(1, r#"{"status":"failed","bytes":0,"unfinished":true}"#),
        &"x".repeat(900_000),
    ] {
        wire.publish("longshore.odd.outcomes", message.as_bytes());
        wire.publish("longshore.odd.progress", message.as_bytes());
        wire.publish("longshore.odd.pauses", message.as_bytes());
    }
    run.line(|line| line.contains("outcome of job 99, which the run does not have").then_some(()));
    let worker = started(worker_of(&nats));
    let run = run.finish().exits(0).sums_up("3 copied, 0 skipped, 0 failed");
    assert_arrived(&pair, 3);
    assert!(run.stderr.contains("a message is not an outcome: "), "{}", run.stderr);
    assert!(run.stderr.contains("the worker evil sent no end of job 1"), "{}", run.stderr);
    assert!(!run.stderr.contains('\u{1b}'), "a message steers the terminal");
    end(worker);
    assert_clean(&nats);
}

fn worker_of(nats: &Nats) -> Longshore {
    worker(nats, "good")
}

#[test]
fn messages_that_are_no_batch_are_named_and_ignored() {
    let Some(nats) = Nats::start() else { return };
    let pair = filled(3);
    let run = pair.mirror(&list(3)).args(["--fleet", &nats.url(), "--run=odd"]).start();
    run.line(|line| line.contains("began the run odd").then_some(()));
    let mut wire = nats.wire();
    let elsewhere = Registry::embedded();
    let id = wire.run_id("odd");
    let job = |number: u32, to: &str| {
        format!(
            "{{\"number\":{number},\"line\":1,\"source\":\"{}/team/app-0:0\",\"destination\":\"{to}\",\"filter\":{{\"architectures\":null,\"systems\":null,\"platforms\":null}}}}",
            pair.source.address()
        )
    };
    let many: Vec<String> = (1..40).map(|number| job(number, "127.0.0.1:1/x:1")).collect();
    for message in [
        "",
        "{\"run\":\"x\",\"jobs\":[]}",
        "not json",
        &format!("{{\"run\":\"{id}\",\"jobs\":[{}]}}", job(7, "no reference")),
        &format!("{{\"run\":\"{id}\",\"jobs\":[{}]}}", job(7, "oci:/etc//x:1")),
        &format!("{{\"run\":\"{id}\",\"jobs\":[{}]}}", many.join(",")),
        &"x".repeat(900_000),
    ] {
        wire.publish("longshore.odd.jobs", message.as_bytes());
    }
    // A well-formed batch of a job that the run does not have: its outcome is refused.
    let strange = job(77, &format!("{}/x:1", elsewhere.address()));
    wire.publish(
        "longshore.odd.jobs",
        format!("{{\"run\":\"{id}\",\"jobs\":[{strange}]}}").as_bytes(),
    );
    let worker = started(worker_of(&nats));
    run.finish().exits(0).sums_up("3 copied, 0 skipped, 0 failed");
    assert_arrived(&pair, 3);
    let ended = end(worker);
    assert!(ended.stderr.contains("is not a batch, ignored: it has no job"), "{}", ended.stderr);
    assert!(ended.stderr.contains("39 jobs, and 32 is the most"), "{}", ended.stderr);
    assert!(ended.stderr.contains("900000 bytes"), "{}", ended.stderr);
}

#[test]
fn runs_that_are_not_valid_or_of_another_version_are_refused_by_name() {
    let Some(nats) = Nats::start() else { return };
    // The coordinator creates the bucket.
    let pair = filled(3);
    let worker = started(worker_of(&nats));
    pair.mirror(&list(3)).args(["--fleet", &nats.url()]).run().exits(0);
    let mut wire = nats.wire();
    let head = |name: &str, version: &str| {
        format!(
            "{{\"protocol\":2,\"version\":\"{version}\",\"name\":\"{name}\",\"id\":\"i\",\"plan\":\"p\"}}"
        )
    };
    wire.publish("$KV.longshore.run.garbage", b"garbage");
    wire.publish("$KV.longshore.run.old", head("old", "0.0.1").as_bytes());
    wire.publish("$KV.longshore.run.part", head("part", env!("CARGO_PKG_VERSION")).as_bytes());
    worker.line(|line| {
        line.contains("cannot take part in the run old: it is of longshore 0.0.1").then_some(())
    });
    worker.line(|line| {
        line.contains("cannot take part in the run part: it is not valid").then_some(())
    });
    let run = pair.mirror(&list(3)).args(["--fleet", &nats.url(), "--run=old"]).run().exits(2);
    run.complains("coordinate the run old: it exists with longshore 0.0.1, and this is");
    let run = pair.mirror(&list(3)).args(["--fleet", &nats.url(), "--run=garbage"]).run().exits(2);
    run.complains("it exists with a record that is not valid");
    pair.mirror(&list(3))
        .args(["--fleet", &nats.url()])
        .run()
        .exits(0)
        .sums_up("0 copied, 3 skipped");
    end(worker);
}

#[test]
fn outcomes_that_travel_together_are_checked_one_by_one() {
    let Some(nats) = Nats::start() else { return };
    let pair = filled(4);
    let flags = ["--fleet", &nats.url(), "--run=together", "--output=json"];
    let run = pair.mirror(&list(4)).args(flags).start();
    run.line(|line| line.contains("began the run together").then_some(()));
    let mut wire = nats.wire();
    let id = wire.run_id("together");
    let strange = r#"{"name":"strange","id":"1","version":"0"}"#;
    let skipped = r#"{"status":"skipped","bytes":0}"#;
    let failed = r#"{"status":"failed","bytes":0,"error":"no way"}"#;
    let unfinished = r#"{"status":"copied","bytes":1,"unfinished":true}"#;
    let jobs = [
        ended(2, skipped),
        ended(98, skipped),
        ended(2, failed),
        ended(3, unfinished),
        ended(4, failed),
        ended(4, skipped),
    ];
    wire.publish("longshore.together.outcomes", told(&id, strange, &jobs).as_bytes());
    wire.publish("longshore.together.outcomes", told(&id, strange, &[]).as_bytes());
    wire.publish("longshore.together.outcomes", told("another", strange, &jobs).as_bytes());
    run.line(|line| line.contains("outcome of job 98, which the run does not have").then_some(()));
    run.line(|line| line.contains("the worker strange sent no end of job 3").then_some(()));
    let worker = started(worker_of(&nats));
    let report = run.finish().exits(1).json();
    let entries = report["entries"].as_array().expect("there are entries");
    let statuses: Vec<&str> = entries.iter().filter_map(|entry| entry["status"].as_str()).collect();
    assert_eq!(statuses, ["copied", "skipped", "copied", "failed"], "{report:#}");
    assert_eq!(entries[3]["error"], "no way (on the worker strange)");
    let shares = report["workers"].as_array().expect("there are workers");
    let mut shares: Vec<_> = shares
        .iter()
        .map(|share| (share["name"].as_str(), share["jobs"].as_u64(), share["failed"].as_u64()))
        .collect();
    shares.sort_unstable();
    let expected = [(Some("good"), Some(2), Some(0)), (Some("strange"), Some(2), Some(1))];
    assert_eq!(shares, expected, "{report:#}");
    end(worker);
    assert_clean(&nats);
}

#[test]
fn messages_that_come_twice_or_out_of_order_count_once() {
    let Some(nats) = Nats::start() else { return };
    let pair = filled(6);
    let flags = ["--fleet", &nats.url(), "--run=twice", "--output=json"];
    let run = pair.mirror(&list(6)).args(flags).start();
    run.line(|line| line.contains("began the run twice").then_some(()));
    let mut wire = nats.wire();
    wire.published("twice");
    let batches: Vec<Vec<u8>> = (1..=2)
        .map(|sequence| {
            let asked = format!("{{\"seq\":{sequence}}}");
            let message = wire.api("STREAM.MSG.GET.longshore-twice-jobs", &asked);
            let data = message["message"]["data"].as_str().expect("it has a batch");
            base64::engine::general_purpose::STANDARD.decode(data).expect("it is base64")
        })
        .collect();
    // The last batch first, and both again.
    for batch in batches.iter().rev().chain(&batches) {
        wire.publish("longshore.twice.jobs", batch);
    }
    // An outcome before its job was given out, and again.
    let id = wire.run_id("twice");
    let worker_of_outcome = r#"{"name":"early","id":"1","version":"0"}"#;
    let outcome = told(&id, worker_of_outcome, &[ended(6, r#"{"status":"skipped","bytes":0}"#)]);
    for _ in 0..3 {
        wire.publish("longshore.twice.outcomes", outcome.as_bytes());
    }
    let workers = ["one", "two"].map(|name| started(worker(&nats, name)));
    let report = run.finish().exits(0).json();
    assert_eq!(report["entries"].as_array().map(Vec::len), Some(6), "{report:#}");
    let counts = ["copied", "skipped", "failed"].map(|count| report[count].as_u64());
    assert_eq!(counts, [Some(5), Some(1), Some(0)], "{report:#}");
    let shares = report["workers"].as_array().expect("there are workers");
    let jobs: u64 = shares.iter().filter_map(|worker| worker["jobs"].as_u64()).sum();
    assert_eq!(jobs, 6, "an outcome counted twice: {report:#}");
    for worker in workers {
        end(worker);
    }
    assert_clean(&nats);
}
