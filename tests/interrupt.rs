//! Ctrl-C: the run stops cleanly and reports unfinished entries. A second Ctrl-C ends it at once.

use std::time::{Duration, Instant};

use longshore_content::Image;

use crate::support::{Answer, FaultProxy, Longshore, Registry, Rule};

pub(crate) const LIST: &str = "\
# a list with three entries
team/quick team/quick 1
team/slow  team/slow  1
team/next team/next 1
";

/// Creates a source with three images. The second one takes a minute to fetch.
pub(crate) fn source() -> (Registry, FaultProxy) {
    let source = Registry::embedded();
    for (seed, name) in (1..).zip(["quick", "slow", "next"]) {
        let image = Image::new("linux/amd64").layer(seed, 50_000).build();
        source.push(&format!("team/{name}"), "1", &image);
    }
    let proxy = FaultProxy::before(&source);
    let pause = Duration::from_secs(6);
    proxy.rule(
        Rule::on("GET", "/v2/team/slow/blobs/*")
            .alters(move |answer| answer.dripping(5_000, pause)),
    );
    (source, proxy)
}

/// Waits until the proxy gets such a request.
pub(crate) fn wait_for(proxy: &FaultProxy, method: &str, pattern: &str) {
    wait_for_some(proxy, method, pattern, 1);
}

/// Waits until the proxy gets so many requests of this kind.
pub(crate) fn wait_for_some(proxy: &FaultProxy, method: &str, pattern: &str, count: usize) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while proxy.count(method, pattern) < count {
        assert!(Instant::now() < deadline, "no {method} {pattern} arrived");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn unfinished_entries_can_be_repeated() {
    let (source, proxy) = source();
    let destination = Registry::embedded();
    let running = Longshore::new()
        .mirror()
        .list(LIST)
        .source(proxy.address())
        .destination(destination.address())
        .args(["-j", "1"])
        .start();
    wait_for(&proxy, "GET", "/v2/team/slow/blobs/*");
    let started = Instant::now();
    running.interrupt();
    // The parent process may forward the signal that the terminal has sent to both processes.
    std::thread::sleep(Duration::from_millis(20));
    running.interrupt();
    let run = running.finish().exits(130);
    let took = started.elapsed();
    assert!(took < Duration::from_secs(12), "it took {took:?} to stop");
    let tags = |name: &str| destination.endpoint().tags(name).expect("it answers");
    assert_eq!(tags("team/quick"), ["1"], "the finished entry stays");
    assert_eq!(tags("team/slow"), Vec::<String>::new(), "the unfinished entry has no tag");

    let failed = run.file("mirror-failed.txt").expect("a failed list is written");
    let entries: Vec<&str> =
        failed.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
    assert_eq!(entries, ["team/slow  team/slow  1", "team/next team/next 1"], "{failed}");
    assert!(failed.contains("interrupted"), "{failed}");
    Longshore::new()
        .mirror()
        .list(&failed)
        .source(source.address())
        .destination(destination.address())
        .run()
        .exits(0);
    for name in ["quick", "slow", "next"] {
        destination.assert_complete(&format!("team/{name}"), "1");
    }
}

#[test]
fn a_run_that_waits_to_try_again_stops_too() {
    let (_source, proxy) = source();
    let destination = Registry::embedded();
    let busy = Answer::status(429).header("retry-after", "600");
    proxy.clear_rules();
    proxy.rule(Rule::on("GET", "*/manifests/*").answers(busy));
    let running = Longshore::new()
        .mirror()
        .list(LIST)
        .source(proxy.address())
        .destination(destination.address())
        .start();
    wait_for(&proxy, "GET", "*/manifests/*");
    std::thread::sleep(Duration::from_millis(100));
    let started = Instant::now();
    running.interrupt();
    running.finish().exits(130);
    let took = started.elapsed();
    assert!(took < Duration::from_secs(60), "it took {took:?} to stop");
}

#[test]
fn an_open_upload_is_cancelled_at_its_current_location() {
    let (source, proxy) = source();
    let destination = Registry::embedded();
    let at_destination = FaultProxy::before(&destination);
    // Distribution 3 answers this way if bytes arrived after it returned the location.
    at_destination
        .rule(Rule::on("DELETE", "*/blobs/uploads/*").first(1).answers(Answer::status(416)));
    let running = Longshore::new()
        .mirror()
        .list("team/slow team/slow 1\n")
        .source(proxy.address())
        .destination(at_destination.address())
        .start();
    wait_for(&proxy, "GET", "/v2/team/slow/blobs/*");
    wait_for(&at_destination, "POST", "*/blobs/uploads/*");
    std::thread::sleep(Duration::from_millis(300));
    running.interrupt();
    running.finish().exits(130);
    let asked = |method| at_destination.count(method, "*/blobs/uploads/*");
    assert_eq!(asked("GET"), 1, "where the upload is now");
    assert!(asked("DELETE") >= 2, "{} times", asked("DELETE"));
    drop(source);
}

#[test]
fn a_second_interrupt_ends_at_once() {
    let run = Longshore::new().mirror().args(["-f", "pipe", "-s", "127.0.0.1:9"]);
    // Nothing writes to the pipe, so reading the list blocks forever.
    let pipe = run.directory().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.is_ok_and(|status| status.success()), "no pipe could be made");
    let running = run.args(["-d", "127.0.0.1:9"]).start();
    std::thread::sleep(Duration::from_millis(500));
    let started = Instant::now();
    running.interrupt();
    std::thread::sleep(Duration::from_millis(600));
    running.interrupt();
    running.finish().exits(130);
    let took = started.elapsed();
    assert!(took < Duration::from_secs(60), "it took {took:?} to end");
}
