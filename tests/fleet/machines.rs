//! Workers on machines that lack something: room, or a way to a registry.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use longshore_content::Image;
use serde_json::Value;

use super::{assert_arrived, assert_clean, end, filled, list, started, worker};
use crate::support::{Answer, FaultProxy, Longshore, Nats, Pair, Registry, Rule};

/// The name of the source, which only a proxy knows.
const NAME: &str = "registry.test";

/// A source that can be reached through `proxy` only, and its copy.
struct Behind {
    pair: Pair,
    proxy: FaultProxy,
    /// Nobody listens there.
    closed: String,
}

impl Behind {
    fn new(count: u64) -> Self {
        let serve = ["serve", "registry", "--listen", "127.0.0.1:0", "--host", NAME];
        let source = Registry::embedded_by(Longshore::new().args(serve));
        super::fill(&source, count);
        let proxy = FaultProxy::before(&source);
        proxy.rule(Rule::on("CONNECT", "*").answers(Answer::status(403)));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let closed = listener.local_addr().expect("it has an address").to_string();
        Self { pair: Pair { source, destination: Registry::embedded() }, proxy, closed }
    }

    /// Gives a command the way to the source, or one that leads nowhere.
    fn way(&self, run: Longshore, leads_there: bool) -> Longshore {
        let to = if leads_there { self.proxy.address() } else { &self.closed };
        let url = format!("http://{to}");
        run.env("HTTP_PROXY", &url).env("HTTPS_PROXY", &url)
    }

    fn command(&self, nats: &Nats, command: &str, count: u64) -> Longshore {
        let run = Longshore::new().arg(command).list(&list(count)).source(NAME);
        let run = run.destination(self.pair.destination.address());
        let flags = ["--tls-verify=false", "--retries=0", "--output=json", "--fleet", &nats.url()];
        self.way(run.args(flags), true)
    }
}

fn jobs(report: &Value, name: &str) -> u64 {
    let workers = report["workers"].as_array().expect("there are workers");
    let of_name = workers.iter().filter(|worker| worker["name"] == name);
    of_name.filter_map(|worker| worker["jobs"].as_u64()).sum()
}

#[test]
fn a_worker_that_cannot_reach_a_registry_leaves_it_to_another() {
    let Some(nats) = Nats::start() else { return };
    let behind = Behind::new(9);
    let walled = started(behind.way(worker(&nats, "walled"), false));
    let open = started(behind.way(worker(&nats, "open").args(["-j", "1"]), true));
    // The one that reaches the source waits with its first image for the other to take some.
    let has_tried = Arc::new(AtomicBool::new(false));
    let gate = Arc::clone(&has_tried);
    behind.proxy.rule(Rule::on("*", "/v2/*").alters(move |answer| {
        while !gate.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(10));
        }
        answer
    }));
    let run = behind.command(&nats, "mirror", 9).start();
    walled.line(|line| line.contains("another worker tries it").then_some(()));
    has_tried.store(true, Ordering::Relaxed);
    let report = run.finish().exits(0).json();
    assert_eq!((jobs(&report, "open"), &report["failed"]), (9, &0.into()), "{report:#}");
    assert_arrived(&behind.pair, 9);
    let valid = behind.command(&nats, "mirror-validate", 9).run().exits(0).json();
    assert_eq!((&valid["valid"], jobs(&valid, "open")), (&9.into(), 9), "{valid:#}");
    let ended = end(walled);
    assert!(ended.stderr.contains("cannot reach registry.test"), "{}", ended.stderr);
    assert!(ended.stderr.contains("another worker tries it"), "{}", ended.stderr);
    end(open);
    assert_clean(&nats);
}

#[test]
fn a_registry_that_no_worker_reaches_fails_its_images_once() {
    let Some(nats) = Nats::start() else { return };
    let behind = Behind::new(4);
    for names in [&["one"][..], &["one", "two", "three"]] {
        let workers: Vec<_> =
            names.iter().map(|name| started(behind.way(worker(&nats, name), false))).collect();
        let run = behind.command(&nats, "mirror", 4).run().exits(1);
        let report = run.json();
        assert_eq!((&report["failed"], &report["copied"]), (&4.into(), &0.into()), "{report:#}");
        for entry in report["entries"].as_array().expect("there are entries") {
            let error = entry["error"].as_str().expect("it failed");
            assert!(error.contains("cannot reach registry.test"), "{error}");
            assert!(error.contains("(on the worker "), "{error}");
        }
        let failed = run.file("mirror-failed.txt").expect("there is a failed list");
        assert_eq!(failed.lines().filter(|line| !line.starts_with('#')).count(), 4, "{failed}");
        for worker in workers {
            end(worker);
        }
        assert_clean(&nats);
    }
}

#[test]
fn a_worker_whose_disk_is_full_goes_on_without_its_cache() {
    let Some(nats) = Nats::start() else { return };
    let pair = filled(6);
    let script = "mkdir disk; mount -t tmpfs -o size=64k tmpfs disk; head -c 100000 /dev/zero > disk/filler || true";
    let full = worker(&nats, "full").env("LONGSHORE_CACHE_DIR", "disk/cache");
    let Some(full) = full.mounting(script) else { return };
    let full = started(full);
    let run = pair.mirror(&list(6)).args(["--fleet", &nats.url()]).run();
    run.exits(0).sums_up("6 copied, 0 skipped, 0 failed");
    assert_arrived(&pair, 6);
    end(full);
    assert_clean(&nats);
}

#[test]
fn a_registry_whose_disk_is_full_fails_what_does_not_fit() {
    let Some(nats) = Nats::start() else { return };
    let source = Registry::embedded();
    let image = |seed, size| Image::new("linux/amd64").layer(seed, size).build();
    for (name, content) in
        [("a", image(1, 20_000)), ("large", image(2, 1_500_000)), ("z", image(3, 20_000))]
    {
        source.push(&format!("team/{name}"), "1", &content);
    }
    let serve = Longshore::new().args(["serve", "registry", "--listen", "127.0.0.1:0"]);
    let Some(serve) = serve.mounting("mkdir registry; mount -t tmpfs -o size=1m tmpfs registry")
    else {
        return;
    };
    let pair = Pair { source, destination: Registry::embedded_by(serve) };
    let workers = ["one", "two"].map(|name| started(worker(&nats, name)));
    let list = "team/a copies/a 1\nteam/large copies/large 1\nteam/z copies/z 1\n";
    let run = pair.mirror(list).args(["--fleet", &nats.url()]).run().exits(1);
    let run = run.sums_up("2 copied, 0 skipped, 1 failed").complains("No space left on device");
    let run = run.complains("(on the worker ");
    let failed = run.file("mirror-failed.txt").expect("there is a failed list");
    assert!(failed.ends_with("team/large copies/large 1\n"), "{failed}");
    pair.destination.assert_complete("copies/a", "1");
    pair.destination.assert_complete("copies/z", "1");
    pair.assert_absent("copies/large", "1");
    for worker in workers {
        end(worker);
    }
    assert_clean(&nats);
}

#[test]
fn a_server_whose_storage_is_full_is_named() {
    let limit = "jetstream { store_dir: \"store\", max_file_store: 3000 }";
    let configured = |folder: &std::path::Path| {
        limit.replace("\"store\"", &format!("\"{}\"", folder.join("store").display()))
    };
    let Some(nats) = Nats::configured_by(configured) else { return };
    let pair = filled(30);
    let flags = ["--max-wait=2s", "--run=full", "--fleet", &nats.url()];
    let run = pair.mirror(&list(30)).args(flags).run();
    assert!([1, 2].contains(&run.exit), "{}", run.stderr);
    run.complains(" on NATS: ").complains("its storage may be full");
}

#[test]
fn a_server_whose_storage_gets_full_ends_the_run_and_is_left_clean() {
    let configured = |folder: &std::path::Path| {
        let store = folder.join("store").display().to_string();
        format!("jetstream {{ store_dir: \"{store}\", max_file_store: 300000 }}")
    };
    let Some(nats) = Nats::configured_by(configured) else { return };
    let pair = filled(3);
    let flags = ["--max-wait=2s", "--run=full", "--fleet", &nats.url()];
    let run = pair.mirror(&list(30)).args(flags).start();
    run.line(|line| line.contains("began the run full").then_some(()));
    let mut wire = nats.wire();
    wire.published("full");
    // The batches are in the storage; outcomes do not fit any more.
    for _ in 0..3 {
        wire.publish("longshore.full.outcomes", &[b'x'; 200_000]);
    }
    let run = run.finish().exits(1).complains("its storage may be full");
    let failed = run.file("mirror-failed.txt").expect("there is a failed list");
    let failed = failed.lines().filter(|line| !line.starts_with('#')).count();
    assert_eq!(failed, 30, "{}", run.stderr);
    assert_clean(&nats);
}

#[test]
fn a_server_with_too_small_messages_is_refused() {
    let Some(nats) = Nats::configured("max_payload: 65536") else { return };
    let pair = filled(1);
    let run = pair.mirror(&list(1)).args(["--fleet", &nats.url()]).run().exits(2);
    run.complains("its max_payload is 65536 bytes, and 802816 bytes are the least");
    worker(&nats, "w").run().exits(2).complains("its max_payload is 65536 bytes");
}

#[test]
fn the_rate_of_a_run_is_that_of_all_workers() {
    let Some(nats) = Nats::start() else { return };
    let pair = Pair::embedded();
    let mut list = String::new();
    for seed in 1..=4 {
        let image = Image::new("linux/amd64").layer(seed, 100_000).build();
        pair.source.push(&format!("team/app-{seed}"), "1", &image);
        list += &format!("team/app-{seed} copies/app-{seed} 1\n");
    }
    let workers = ["one", "two"].map(|name| started(worker(&nats, name).args(["-j", "2"])));
    let began = std::time::Instant::now();
    let run = pair.mirror(&list).args(["--limit-rate=100kB/s", "--fleet", &nats.url()]);
    run.run().exits(0).sums_up("4 copied, 0 skipped, 0 failed");
    assert!(began.elapsed().as_millis() > 3_500, "400 kB at 100 kB/s: {:?}", began.elapsed());
    for worker in workers {
        end(worker);
    }
}
