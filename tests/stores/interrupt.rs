//! Ctrl-C leaves a failed list whose command completes the run.

use std::time::{Duration, Instant};

use crate::interrupt::{LIST, source, wait_for};
use crate::support::{Kind, Longshore, Store};

for_each_kind!(an_interrupted_run_can_be_repeated);

fn an_interrupted_run_can_be_repeated(kind: Kind) {
    let Some(destination) = Store::new(kind) else { return };
    let (source, proxy) = source();
    let run = Longshore::new().mirror().list(LIST).args(["-j", "1"]);
    let running = run.source(proxy.address()).destination(&destination.name()).start();
    wait_for(&proxy, "GET", "/v2/team/slow/blobs/*");
    let started = Instant::now();
    running.interrupt();
    let run = running.finish().exits(130);
    let took = started.elapsed();
    assert!(took < Duration::from_secs(12), "it took {took:?} to stop");
    assert_eq!(destination.assert_whole(&["team/quick", "team/slow", "team/next"]), 1);

    proxy.clear_rules();
    let run = run.repeated("mirror-failed.txt").exits(0);
    let run = run.sums_up("2 copied, 0 skipped, 0 failed");
    assert_eq!(run.file("mirror-failed.txt"), None, "nothing failed any more");
    assert_eq!(destination.assert_whole(&["team/quick", "team/slow", "team/next"]), 3);
    if let Store::Folder(layouts, _) = &destination {
        let incoming = layouts.root().join(".longshore/incoming");
        assert_eq!(incoming.read_dir().expect("it is readable").count(), 0);
    }
    drop(source);
}
