//! Flags of a fleet, and servers that cannot be used.

use super::{filled, list};
use crate::support::{Longshore, Nats, Pair};

#[test]
fn wrong_addresses_are_refused_before_anything_is_copied() {
    let pair = Pair::embedded();
    for (url, complaint) in [
        ("http://127.0.0.1:4222", "scheme"),
        ("nats://me:secret@127.0.0.1:1", "connect to NATS at nats://127.0.0.1:1: "),
        ("nats://", "use --fleet \"nats://\""),
    ] {
        let run = pair.mirror(&list(1)).args(["--fleet", url]).run().exits(2);
        let run = run.complains(complaint);
        assert!(!run.stderr.contains("secret"), "{}", run.stderr);
        let failed = run.file("mirror-failed.txt").unwrap_or_default();
        assert!(!failed.contains("secret"), "{failed}");
    }
}

#[test]
fn flags_of_a_fleet_need_one() {
    let pair = Pair::embedded();
    for flag in ["--run=x", "--fleet-creds=x.creds"] {
        let run = pair.mirror(&list(1)).arg(flag).run().exits(2);
        run.complains("this run has no --fleet");
    }
    pair.mirror(&list(1))
        .args(["--fleet=nats://x", "--run=a.b"])
        .run()
        .exits(2)
        .complains("letters");
    Longshore::new().arg("worker").run().exits(2).complains("--fleet");
    let worker =
        Longshore::new().args(["worker", "--fleet=nats://127.0.0.1:1", "--tls-verify=false"]);
    worker.run().exits(2).complains("no effect");
    let missing = ["worker", "--fleet=nats://127.0.0.1:1", "--fleet-creds=missing.creds"];
    Longshore::new()
        .args(missing)
        .run()
        .exits(2)
        .complains("read the NATS credentials missing.creds");
}

#[test]
fn a_dry_run_needs_no_fleet() {
    let pair = filled(1);
    let run =
        pair.mirror(&list(1)).args(["--fleet=nats://127.0.0.1:1", "--dry-run"]).run().exits(0);
    run.complains("a dry run is done by this machine");
}

#[test]
fn a_flag_that_workers_have_themselves_is_told() {
    let pair = Pair::embedded();
    let run = |flags: &[&str]| {
        pair.mirror(&list(1)).arg("--fleet=nats://127.0.0.1:1").args(flags).run().exits(2)
    };
    for flags in [&["-j", "3"][..], &["--jobs=9"]] {
        run(flags).complains("each worker of the fleet has a -j of its own");
    }
    let run = run(&[]);
    assert!(!run.stderr.contains("-j of its own"), "{}", run.stderr);
}

#[test]
fn a_server_without_jetstream_is_named() {
    let Some(nats) = Nats::configured("jetstream: disabled\n") else { return };
    let pair = Pair::embedded();
    let run = pair.mirror(&list(1)).args(["--fleet", &nats.url()]).run().exits(2);
    run.complains("JetStream is off");
}

#[test]
fn the_variable_names_the_fleet() {
    let pair = Pair::embedded();
    let run = pair.mirror(&list(1)).env("LONGSHORE_FLEET", "nats://127.0.0.1:1").run().exits(2);
    run.complains("connect to NATS at nats://127.0.0.1:1");
}
