//! Coordinators and workers of other versions or protocols: each says so, and no image is lost.

use serde_json::Value;

use super::{assert_arrived, assert_clean, end, filled, list, started, worker};
use crate::support::Nats;

const THIS: &str = env!("CARGO_PKG_VERSION");

/// The record of a run, as a coordinator of this version and protocol writes its first fields.
fn record(name: &str, version: &str, protocol: u32) -> String {
    format!(
        "{{\"protocol\":{protocol},\"version\":\"{version}\",\"name\":\"{name}\",\"id\":\"i\",\"plan\":\"p\",\"jobs\":{{\"first\":1}},\"state\":\"paused\",\"zone\":\"a\"}}"
    )
}

/// The name of a run of another version or protocol, and why a worker of this one refuses it.
fn others() -> [(String, String, String); 4] {
    [("older", "0.0.9", 1), ("newer", "9.1.0", 2), ("newest", "9.1.0", 7), ("built", THIS, 3)].map(
        |(name, version, protocol)| {
            let why = match version == THIS {
                true => format!("the protocol {protocol}, and this has 2"),
                false => format!("longshore {version}, and this is {THIS}"),
            };
            (name.to_owned(), record(name, version, protocol), why)
        },
    )
}

#[test]
fn a_worker_refuses_runs_of_other_versions_and_tells_their_coordinators() {
    let Some(nats) = Nats::start() else { return };
    let pair = filled(3);
    let worker = started(worker(&nats, "w"));
    // The coordinator creates the bucket.
    pair.mirror(&list(3)).args(["--fleet", &nats.url()]).run().exits(0);
    let mut wire = nats.wire();
    wire.subscribe("longshore.*.progress");
    for (name, record, _) in &others() {
        wire.publish(&format!("$KV.longshore.run.{name}"), record.as_bytes());
    }
    let advice = "use the same version on all machines";
    for (name, _, why) in &others() {
        let expected = format!("cannot take part in the run {name}: it is of {why}; {advice}");
        worker.line(|line| line.contains(&expected).then_some(()));
    }
    let told = wire.messages();
    for (name, _, why) in &others() {
        let of_run =
            told.iter().find(|(subject, _)| *subject == format!("longshore.{name}.progress"));
        let (_, payload) = of_run.expect("the coordinator is told");
        let told: Value = serde_json::from_slice(payload).expect("it is JSON");
        assert_eq!(told["refused"], format!("it is of {why}; {advice}"));
        assert_eq!(
            (&told["worker"]["name"], &told["worker"]["version"]),
            (&"w".into(), &THIS.into())
        );
    }
    // It works for the runs of its own version.
    let run = pair.mirror(&list(3)).args(["--fleet", &nats.url()]).run().exits(0);
    run.sums_up("0 copied, 3 skipped, 0 failed");
    end(worker);
}

#[test]
fn a_coordinator_leaves_a_run_of_another_version_alone() {
    let Some(nats) = Nats::start() else { return };
    let pair = filled(3);
    let worker = started(worker(&nats, "w"));
    pair.mirror(&list(3)).args(["--fleet", &nats.url()]).run().exits(0);
    let mut wire = nats.wire();
    for (name, record, why) in &others() {
        wire.publish(&format!("$KV.longshore.run.{name}"), record.as_bytes());
        let run = pair.mirror(&list(3)).args(["--fleet", &nats.url(), "--run", name]).run();
        let run = run.exits(2).complains(&format!("the run {name}: it exists with {why}"));
        run.complains("give this run another name with --run NAME");
        assert_eq!(wire.record(name)["zone"], "a", "the record of {name} was changed");
    }
    end(worker);
}

#[test]
fn a_coordinator_names_workers_of_other_versions() {
    let Some(nats) = Nats::start() else { return };
    let pair = filled(3);
    let flags = ["--fleet", &nats.url(), "--run=named", "--output=json"];
    let run = pair.mirror(&list(3)).args(flags).start();
    run.line(|line| line.contains("began the run named").then_some(()));
    let mut wire = nats.wire();
    // It listens to workers by then.
    wire.published("named");
    let name = |name: &str, version: &str| {
        format!(
            "\"worker\":{{\"name\":\"{name}\",\"id\":\"{name}\",\"version\":\"{version}\",\"zone\":1}}"
        )
    };
    for message in [
        // One that refuses, with fields of its own.
        format!(
            "{{{},\"refused\":\"it is of longshore {THIS}, and this is 0.0.9\",\"left\":true}}",
            name("older", "0.0.9")
        ),
        format!(
            "{{{},\"refused\":\"no such luck\",\"running\":{{\"images\":0}}}}",
            name("newer", "9.1.0")
        ),
        // One that takes part.
        format!("{{{},\"running\":{{\"images\":3}}}}", name("bold", "9.2.0")),
    ] {
        wire.publish("longshore.named.progress", message.as_bytes());
    }
    for expected in [
        format!("the worker older cannot take part: it is of longshore {THIS}, and this is 0.0.9"),
        "the worker newer cannot take part: no such luck".to_owned(),
        format!("the worker bold cannot take part: it is of longshore 9.2.0, and this is {THIS}"),
    ] {
        run.line(|line| line.contains(&expected).then_some(()));
    }
    let worker = started(worker(&nats, "w"));
    let report = run.finish().exits(0).json();
    let workers: Vec<_> = report["workers"].as_array().expect("there are workers").iter().collect();
    assert_eq!((report["copied"].as_u64(), workers.len()), (Some(3), 1), "{report:#}");
    assert_arrived(&pair, 3);
    end(worker);
    assert_clean(&nats);
}

#[test]
fn images_that_a_worker_of_another_version_took_are_not_lost() {
    let Some(nats) = Nats::start() else { return };
    let pair = filled(3);
    let flags = ["--fleet", &nats.url(), "--run=taken", "--output=json"];
    let run = pair.mirror(&list(3)).args(flags).start();
    run.line(|line| line.contains("began the run taken").then_some(()));
    let mut wire = nats.wire();
    wire.published("taken");
    wire.subscribe("_INBOX.other");
    let acknowledge = wire.next_batch("longshore-taken-jobs", "_INBOX.other");
    // It reports outcomes of a kind that this version does not know, and is done with its batch.
    let id = wire.run_id("taken");
    let outcome = format!(
        "{{\"run\":\"{id}\",\"worker\":{{\"name\":\"other\",\"id\":\"o\",\"version\":\"9.1.0\"}},\"jobs\":[{{\"job\":1,\"outcome\":{{\"status\":\"archived\",\"bytes\":1}}}}],\"effort\":{{\"stores\":[]}}}}"
    );
    wire.publish("longshore.taken.outcomes", outcome.as_bytes());
    wire.publish(&acknowledge, b"+ACK");
    run.line(|line| {
        line.contains("the worker other cannot take part: it is of longshore 9.1.0, and this is ")
            .then_some(())
    });
    run.line(|line| {
        line.contains("3 jobs are in no batch any more; publishing again").then_some(())
    });
    let worker = started(worker(&nats, "w"));
    let report = run.finish().exits(0).json();
    assert_eq!((&report["copied"], &report["failed"]), (&3.into(), &0.into()), "{report:#}");
    assert_arrived(&pair, 3);
    end(worker);
    assert_clean(&nats);
}
