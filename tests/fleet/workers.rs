//! Workers that end, hang or are killed.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::{assert_arrived, assert_clean, end, filled, list, start_worker, started, worker};
use crate::kill::slow;
use crate::support::{FaultProxy, Longshore, Nats, Pair, Registry, Rule, Running};

/// Starts a run whose source and destination answer slowly.
fn slow_run(nats: &Nats, pair: &Pair, count: u64) -> (Running, FaultProxy, FaultProxy) {
    let (source, destination) = (slow(&pair.source), slow(&pair.destination));
    let run = Longshore::new()
        .mirror()
        .list(&list(count))
        .source(source.address())
        .destination(destination.address())
        .args(["--fleet", &nats.url()])
        .start();
    (run, source, destination)
}

fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer
}

#[test]
fn a_worker_answers_health_checks_and_prometheus() {
    let Some(nats) = Nats::start() else { return };
    let pair = filled(6);
    let worker = worker(&nats, "w").arg("--listen=127.0.0.1:0").start();
    let address = worker.line(|line| Some(line.split_once("are at http://")?.1.trim().to_owned()));
    assert!(get(&address, "/healthz").ends_with("\r\n\r\nok\n"));
    let gone = "team/gone copies/gone 1\n";
    pair.mirror(&format!("{}{gone}", list(6))).args(["--fleet", &nats.url()]).run().exits(1);
    let mut figures = get(&address, "/metrics");
    let deadline = Instant::now() + Duration::from_secs(10);
    while !figures.contains("longshore_jobs_running 0\n") {
        assert!(Instant::now() < deadline, "jobs are still running\n{figures}");
        figures = get(&address, "/metrics");
    }
    for line in [
        "longshore_jobs_total{status=\"copied\"} 6\n",
        "longshore_jobs_total{status=\"failed\"} 1\n",
        "longshore_claims_total{result=\"won\"} 1\n",
    ] {
        assert!(figures.contains(line), "{line} is missing in\n{figures}");
    }
    assert!(!figures.contains("longshore_bytes_total 0\n"), "{figures}");
    let taken = super::worker(&nats, "w2").args(["--listen", &address]).run().exits(2);
    taken.complains(&format!("listen on {address}: "));
    end(worker);
}

#[test]
fn a_worker_that_ends_gives_its_images_back_at_once() {
    let Some(nats) = Nats::start() else { return };
    let pair = filled(12);
    let first = started(worker(&nats, "first").args(["-j", "1"]));
    let (run, source, _destination) = slow_run(&nats, &pair, 12);
    crate::interrupt::wait_for(&source, "GET", "*/blobs/*");
    first.signal("TERM");
    let started_at = Instant::now();
    let left = first.finish().exits(0);
    assert!(left.stderr.contains("leaves the run"), "{}", left.stderr);
    // The run lasts until somebody takes what was given back.
    let second = worker(&nats, "second").start();
    let ended = run.finish().exits(0);
    assert!(ended.stdout.contains(" 0 failed"), "{}", ended.stdout);
    let ended = ended.complains("the worker first has left the run; it gave its images back");
    // Neither a batch nor a claim was left to lapse.
    assert!(left.stderr.contains(" back"), "{}", left.stderr);
    assert!(started_at.elapsed() < Duration::from_secs(25), "{}", ended.stdout);
    assert_arrived(&pair, 12);
    end(second);
    assert_clean(&nats);
}

/// Starts a worker, and waits until it takes part in the run.
fn start_worker_of_run(nats: &Nats) -> Running {
    let heir = worker(nats, "heir").start();
    heir.line(|line| line.contains("takes part in the run").then_some(()));
    heir
}

#[test]
fn a_worker_that_hangs_is_replaced_and_harms_nothing_when_it_comes_back() {
    let Some(nats) = Nats::start() else { return };
    let pair = filled(6);
    let sleeper = start_worker(&nats, "sleeper");
    let (run, source, _destination) = slow_run(&nats, &pair, 6);
    crate::interrupt::wait_for(&source, "GET", "*/blobs/*");
    sleeper.signal("STOP");
    let heir = start_worker_of_run(&nats);
    let ended = run.finish().exits(0);
    assert!(ended.stdout.contains(" 0 failed"), "{}", ended.stdout);
    let ended = ended.complains("the worker sleeper is silent for 10 s: it ended, hangs or lost");
    assert!(!ended.stderr.contains("heir is silent"), "{}", ended.stderr);
    sleeper.signal("CONT");
    sleeper.line(|line| line.contains("is over for this worker").then_some(()));
    assert_arrived(&pair, 6);
    // It takes part in the next run.
    end(heir);
    let run = pair.mirror(&list(6)).args(["--fleet", &nats.url()]).run().exits(0);
    run.sums_up("0 copied, 6 skipped, 0 failed");
    end(sleeper);
    assert_clean(&nats);
}

#[test]
fn a_batch_that_no_worker_ends_fails_by_name() {
    let Some(nats) = Nats::start() else { return };
    let pair = filled(3);
    let run = pair.mirror(&list(3)).args(["--fleet", &nats.url(), "--run=poison"]).start();
    run.line(|line| line.contains("began the run poison").then_some(()));
    let mut wire = nats.wire();
    wire.stream("poison-jobs");
    // Five workers that take the batch and die: the lease is shortened by a refusal.
    let inbox = "_INBOX.poison";
    wire.subscribe(inbox);
    for _ in 0..5 {
        let acknowledge = wire.next_batch("longshore-poison-jobs", inbox);
        wire.publish(&acknowledge, b"-NAK");
    }
    let worker = worker(&nats, "w").start();
    let run = run.finish().exits(1).sums_up("0 copied, 0 skipped, 3 failed");
    let run = run.complains("5 workers ended or hung while they worked on its batch");
    let failed = run.file("mirror-failed.txt").expect("there is a failed list");
    assert_eq!(failed.lines().filter(|line| !line.starts_with('#')).count(), 3, "{failed}");
    end(worker);
    assert_clean(&nats);
}

#[test]
fn a_pause_is_shared() {
    let Some(nats) = Nats::start() else { return };
    let pair = filled(3);
    let proxy = FaultProxy::before(&pair.source);
    let throttled = crate::support::Answer::status(429).header("Retry-After", "2");
    proxy.rule(Rule::on("GET", "*/manifests/*").first(1).answers(throttled));
    let mut wire = nats.wire();
    wire.subscribe("longshore.*.pauses");
    let worker = started(worker(&nats, "w"));
    let run = Longshore::new().mirror().list(&list(3)).source(proxy.address());
    let run = run.destination(pair.destination.address());
    let report = run.args(["--fleet", &nats.url(), "--output=json"]).run().exits(0).json();
    assert_eq!(report["pauses"], 1, "{report:#}");
    let told = wire.messages();
    assert_eq!(told.len(), 1, "{told:?}");
    let pause: serde_json::Value = serde_json::from_slice(&told[0].1).expect("it is JSON");
    assert_eq!(pause["pause"]["registry"], proxy.address());
    assert_eq!(pause["pause"]["classes"][0], "manifest-get");
    end(worker);
}

/// The login at the coordinator does not help a worker without one.
fn refused_login_names_the_worker(nats: &Nats) {
    let Some(destination) = Registry::docker().htpasswd("jo", "secret").start() else { return };
    let source = filled(2).source;
    let poor = start_worker(nats, "poor");
    for command in ["mirror", "mirror-validate"] {
        let run = Longshore::new().args([command]).list(&list(2)).source(source.address());
        let run = run.destination(destination.address()).args(["--fleet", &nats.url()]);
        let run = run.env("DOCKER_USERNAME", "jo").env("DOCKER_PASSWORD", "secret").run().exits(1);
        run.complains("(on the worker poor)").complains("on the machine of the worker poor: ");
    }
    end(poor);
}

#[test]
fn a_worker_without_credentials_says_so_in_the_failed_entries() {
    let Some(nats) = Nats::start() else { return };
    let pair = filled(3);
    let proxy = FaultProxy::before(&pair.destination);
    proxy.rule(Rule::on("*", "/v2/copies/*").answers(crate::support::Answer::error(403, "DENIED")));
    let poor = start_worker(&nats, "poor");
    let run = Longshore::new().mirror().list(&list(3)).source(pair.source.address());
    let run = run.destination(proxy.address()).args(["--fleet", &nats.url()]).run().exits(1);
    run.sums_up("0 copied, 0 skipped, 3 failed").complains("(on the worker poor)");
    end(poor);
    refused_login_names_the_worker(&nats);
    let broken = worker(&nats, "broken").env("SSL_CERT_FILE", "missing.pem").run().exits(2);
    broken.complains("missing.pem");
    let half = worker(&nats, "half").env("DOCKER_USERNAME", "me").run().exits(2);
    half.complains("DOCKER_PASSWORD");
    let unread = worker(&nats, "unread").file("auth.json", "{");
    let unread = started(unread.env("REGISTRY_AUTH_FILE", "auth.json"));
    let expected = "[WARN] failed to read authentication file auth.json: invalid JSON at line 1";
    unread.line(|line| line.contains(expected).then_some(()));
    unread.line(|line| line.contains("hint: correct the file, or move it away").then_some(()));
    end(unread);
}
