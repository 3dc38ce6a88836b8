//! `--every`: runs that follow each other, the signals in between, and what `--listen` answers.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use longshore_content::Image;

use crate::interrupt::wait_for;
use crate::support::{Longshore, Pair, Registry, Running};

/// Starts a run every hour that answers on a free port. Returns it with its address.
fn start(pair: &Pair, list: &str) -> (Running, String) {
    let run = pair.mirror(list).args(["--every", "1h", "--listen", "127.0.0.1:0"]).start();
    let address = run.line(|line| Some(line.split_once("are at http://")?.1.to_owned()));
    (run, address)
}

/// Asks for a path. Returns the status and the body.
fn get(address: &str, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).expect("it listens");
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    let (head, body) = answer.split_once("\r\n\r\n").expect("it is HTTP");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.expect("there is a status"), body.to_owned())
}

/// Waits for the end of the run with this number.
fn wait_for_run(run: &Running, number: u32) {
    let text = format!("run {number} is over; the next one starts in");
    run.line(|line| line.contains(&text).then_some(()));
}

fn pair() -> Pair {
    let pair = Pair::embedded();
    for (seed, name) in (1..).zip(["app", "web"]) {
        let image = Image::new("linux/amd64").layer(seed, 100).build();
        pair.source.push(&format!("team/{name}"), "1", &image);
    }
    pair
}

#[test]
fn a_hangup_reads_the_list_again_and_a_termination_ends_it() {
    let pair = pair();
    let (run, address) = start(&pair, "team/app team/app 1\n");
    wait_for_run(&run, 1);
    pair.destination.assert_complete("team/app", "1");
    pair.assert_absent("team/web", "1");
    assert_eq!(get(&address, "/healthz"), (200, "ok\n".to_owned()));
    assert_eq!(get(&address, "/readyz"), (200, "ok\n".to_owned()));
    let metrics = get(&address, "/metrics").1;
    assert!(metrics.contains("longshore_runs_total{result=\"done\"} 1\n"), "{metrics}");
    assert!(metrics.contains("longshore_last_run_entries{status=\"done\"} 1\n"), "{metrics}");

    let list = run.directory().join("images.txt");
    std::fs::write(&list, "team/app team/app 1\nteam/web team/web 1\n").expect("it is written");
    run.signal("HUP");
    wait_for_run(&run, 2);
    pair.destination.assert_complete("team/web", "1");
    let metrics = get(&address, "/metrics").1;
    assert!(metrics.contains("longshore_runs_total{result=\"done\"} 2\n"), "{metrics}");
    assert!(metrics.contains("longshore_last_run_entries{status=\"skipped\"} 1\n"), "{metrics}");
    run.signal("TERM");
    run.finish().exits(0);
}

#[test]
fn a_list_that_breaks_later_is_reported_and_read_again() {
    let pair = pair();
    let (run, address) = start(&pair, "team/app team/app 1\n");
    wait_for_run(&run, 1);
    let list = run.directory().join("images.txt");
    std::fs::remove_file(&list).expect("it is there");
    run.signal("HUP");
    run.line(|line| line.contains("nothing was done in this run").then_some(()));
    wait_for_run(&run, 2);
    assert_eq!(get(&address, "/readyz").0, 503);
    assert_eq!(get(&address, "/healthz").0, 200);
    std::fs::write(&list, "team/web team/web 1\nteam/none team/none 1\n").expect("it is written");
    run.signal("HUP");
    wait_for_run(&run, 3);
    assert_eq!(get(&address, "/readyz").0, 200);
    let metrics = get(&address, "/metrics").1;
    for line in ["{result=\"done\"} 1", "{result=\"failed\"} 1", "{result=\"error\"} 1"] {
        assert!(metrics.contains(&format!("longshore_runs_total{line}\n")), "{metrics}");
    }
    run.signal("TERM");
    let run = run.finish().exits(0);
    let failed = run.file("mirror-failed.txt").expect("an entry failed");
    assert!(failed.contains("team/none"), "{failed}");
    assert!(!failed.contains("--every") && !failed.contains("--listen"), "one repeat: {failed}");
    pair.destination.assert_complete("team/web", "1");
}

#[test]
fn runs_follow_each_other_without_a_signal() {
    let pair = pair();
    let run = pair.mirror("team/app team/app 1\n").args(["--every", "1s"]).start();
    for number in 1..=3 {
        wait_for_run(&run, number);
    }
    run.signal("TERM");
    run.finish().exits(0);
}

#[test]
fn an_interrupted_run_keeps_its_entries() {
    let (source, proxy) = crate::interrupt::source();
    let destination = Registry::embedded();
    let run = Longshore::new().mirror().list(crate::interrupt::LIST).source(proxy.address());
    let run = run.destination(destination.address()).args(["-j1", "--every", "1h"]).start();
    wait_for(&proxy, "GET", "/v2/team/slow/blobs/*");
    // This one only asks for another run.
    run.signal("HUP");
    run.signal("TERM");
    let run = run.finish().exits(130);
    let failed = run.file("mirror-failed.txt").expect("entries are left");
    assert!(failed.contains("team/slow") && failed.contains("team/next"), "{failed}");
    drop(source);
}

#[test]
fn what_cannot_be_repeated_is_refused() {
    for (flags, why) in [
        (&["--every", "1h"][..], "it needs a list that can be read again"),
        (&["--every", "1h", "-f", "-"], "it needs a list that can be read again"),
        (&["--every", "0", "-f", "x"], "it must be at least 1s"),
        (&["--every", "never", "-f", "x"], "such as 90s"),
        (&["--every", "6", "-f", "x"], "it needs a unit: 6s, 6m or 6h"),
        (&["--every=90", "-f", "x"], "it needs a unit: 90s, 90m or 90h"),
        (&["--every", " 1 ", "-f", "x"], "it needs a unit: 1s, 1m or 1h"),
        (&["--listen", "127.0.0.1:0", "-f", "x"], "--every"),
        (&["--every", "1h", "-f", "missing.txt"], "missing.txt"),
    ] {
        let run = Longshore::new().mirror().args(flags).destination("127.0.0.1:9").run().exits(2);
        assert!(run.stderr.contains(why), "{flags:?}: {}", run.stderr);
    }
    let pair = pair();
    let taken = pair.source.address().to_owned();
    let run = pair.mirror("team/app team/app 1\n").args(["--every=1h", "--listen", &taken]);
    run.run().exits(2).complains(&format!("listen on {taken}"));
    pair.assert_absent("team/app", "1");
}
