//! Hints are blob locations that a run caches for later runs. longshore mounts such blobs from
//! another repository of the same registry instead of uploading them. Hints may be wrong, and
//! longshore works without them.

use std::path::PathBuf;
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use longshore_content::{Content, Image};

use crate::support::{Answer, FaultProxy, Longshore, Registry, Rule, Run};

/// Requests for the upload of a config, which images never share, and for the calibration after it.
const CONFIGURATION: &str = "POST probe 2, PUT manifest by tag 1, PUT upload 1";
/// The same requests, plus the upload of a layer.
const ALL: &str = "HEAD manifest by tag 1, POST probe 3, PUT manifest by tag 1, PUT upload 2";

/// Two registries, with a counting proxy in front of the destination.
struct Ends {
    source: Registry,
    destination: Registry,
    counting: FaultProxy,
}

impl Ends {
    /// Pushes images to the source. Each has its own layer and one shared by all.
    fn with(names: &[&str]) -> Self {
        let (source, destination) = (Registry::embedded(), Registry::embedded());
        for name in names {
            source.push(&repository(name), "1", &image(name));
        }
        let counting = FaultProxy::before(&destination);
        Self { source, destination, counting }
    }

    /// Prepares a run that copies the images.
    fn of(&self, longshore: Longshore, names: &[&str]) -> Longshore {
        let lines = names.iter().map(|name| format!("team/{name} team/{name} 1\n"));
        let run = longshore.mirror().list(&lines.collect::<String>()).args(["-j", "1"]);
        run.source(self.source.address()).destination(self.counting.address())
    }

    /// Copies the images. Also returns the requests to the destination.
    #[track_caller]
    fn copy(&self, longshore: Longshore, names: &[&str]) -> (Run, String) {
        self.counting.forget();
        let run = self.of(longshore, names).run().exits(0);
        assert_eq!(run.complaints(), Vec::<&str>::new());
        let tally = self.counting.tally();
        for name in names {
            self.destination.assert_complete(&repository(name), "1");
        }
        (run, tally)
    }

    /// Returns the repositories that blobs were mounted from, in order.
    fn mount_sources(&self) -> Vec<String> {
        let asked = self.counting.matching("POST", "*/blobs/uploads/?*from=*").into_iter();
        let mount_sources = asked.filter_map(|seen| {
            let from = seen.parameters("from").remove(0);
            (seen.path != format!("/v2/{from}/blobs/uploads/")).then_some(from)
        });
        mount_sources.collect()
    }

    /// Removes the layer of this image, as a garbage collector would.
    fn collect(&self, name: &str) {
        self.destination.lose(&repository(name), &layer(name));
    }
}

fn repository(name: &str) -> String {
    format!("team/{name}")
}

/// Creates an image with the shared layer.
fn image(name: &str) -> Content {
    Image::new("linux/amd64").layer(1, 1000).label("name", name).build()
}

fn layer(name: &str) -> String {
    image(name).blobs()[1].digest().to_owned()
}

/// Returns the folder with the run's hints.
fn folder(run: &Run) -> PathBuf {
    run.directory().join("../cache/hints")
}

/// Lists the hint files.
fn files(run: &Run) -> Vec<PathBuf> {
    let entries = folder(run).read_dir().expect("it is remembered where blobs are");
    entries.map(|entry| entry.expect("it can be read").path()).collect()
}

/// Returns the expected requests with this many mounts and the upload of the config. This run has not
/// written what it mounts, so it compares the sizes.
fn with_mounts(count: usize) -> String {
    format!("HEAD blob {count}, HEAD manifest by tag 1, POST mount {count}, {CONFIGURATION}")
}

#[test]
fn a_later_run_mounts_what_an_earlier_one_has_brought() {
    let ends = Ends::with(&["one", "two", "three", "four"]);
    let (first, tally) = ends.copy(Longshore::new().with_caches(), &["one"]);
    assert_eq!(tally, ALL, "the first run knows nothing");
    let (second, tally) = ends.copy(first.again().with_caches(), &["two"]);
    assert_eq!((tally, ends.mount_sources()), (with_mounts(1), vec![repository("one")]));
    // A mount from a hint makes its repository a mount source for this run.
    ends.copy(second.again().with_caches(), &["three", "four"]);
    assert_eq!(ends.mount_sources(), [repository("two"), repository("two")]);
    assert_eq!(ends.counting.count("PUT", "*/blobs/uploads/*"), 2, "two configurations");
    let (_, tally) = ends.copy(Longshore::new().with_caches(), &["four"]);
    assert_eq!(tally, "HEAD manifest by tag 1", "existing content needs no requests");
}

/// Prepares a run with a registry that can mount a blob only after a manifest names it.
fn named_first(run: Longshore) -> Longshore {
    let run = run.file("describes.wasm", crate::plugin::component("describes"));
    run.args(["--repo-type", "./describes.wasm"])
}

#[test]
fn a_blob_without_a_manifest_may_not_be_mountable() {
    let names = ["one", "two", "three"];
    let usual: fn(Longshore) -> Longshore = |run| run;
    for (kind, mount_sources) in [(usual, ["one", "one"].as_slice()), (named_first, &["two"])] {
        let ends = Ends::with(&names);
        // The layer stays in the repository, but no manifest there names it.
        let denied = Rule::on("PUT", "/v2/team/one/manifests/*");
        ends.counting.rule(denied.answers(Answer::error(403, "DENIED")));
        kind(ends.of(Longshore::new(), &names)).run().exits(1);
        let mount_sources: Vec<String> =
            mount_sources.iter().map(|name| repository(name)).collect();
        assert_eq!(ends.mount_sources(), mount_sources);
        for name in &names[1..] {
            ends.destination.assert_complete(&repository(name), "1");
        }
    }
}

#[test]
fn content_mounted_by_a_hint_is_named() {
    let ends = Ends::with(&["one", "two", "three"]);
    let first = named_first(ends.of(Longshore::new().with_caches(), &["one"])).run().exits(0);
    named_first(ends.of(first.again().with_caches(), &["two", "three"])).run().exits(0);
    assert_eq!(ends.mount_sources(), [repository("one"), repository("one")]);
}

#[test]
fn a_repository_that_has_the_blob_is_asked_itself() {
    let ends = Ends::with(&["one"]);
    let (first, _) = ends.copy(Longshore::new().with_caches(), &["one"]);
    ends.source.push("team/one", "2", &Image::new("linux/amd64").layer(1, 1000).build());
    ends.counting.forget();
    let list = "team/one team/one 2\n";
    let run = first.again().with_caches().mirror().list(list).source(ends.source.address());
    run.destination(ends.counting.address()).run().exits(0);
    assert_eq!(ends.mount_sources(), Vec::<String>::new());
    assert_eq!(ends.counting.count("PUT", "*/blobs/uploads/*"), 1, "the layer is found");
}

#[test]
fn an_outdated_hint_is_refused_once() {
    let ends = Ends::with(&["one", "two", "three"]);
    let (first, _) = ends.copy(Longshore::new().with_caches(), &["one"]);
    ends.collect("one");
    let (second, tally) = ends.copy(first.again().with_caches(), &["two"]);
    assert_eq!(
        tally,
        "HEAD manifest by tag 1, POST mount 1, POST probe 2, PUT manifest by tag 1, PUT upload 2",
        "the session that the registry opens instead is used"
    );
    ends.copy(second.again().with_caches(), &["three"]);
    assert_eq!(ends.mount_sources(), [repository("two")], "where it was brought again");
}

#[test]
fn a_hint_that_was_refused_is_forgotten() {
    let refusals = [202, 403, 404, 500];
    for status in refusals {
        let ends = Ends::with(&["one", "two", "three"]);
        let (first, _) = ends.copy(Longshore::new().with_caches(), &["one"]);
        let mount = "/v2/team/two/blobs/uploads/?*from=team%2Fone*";
        if status == 202 {
            ends.collect("one");
        } else {
            ends.counting.rule(Rule::on("POST", mount).answers(Answer::status(status)));
        }
        let denied = Answer::error(403, "DENIED");
        ends.counting.rule(Rule::on("PUT", "/v2/team/two/manifests/*").answers(denied));
        ends.counting.forget();
        let second = ends.of(first.again().with_caches(), &["two"]).run().exits(1);
        assert_eq!(ends.mount_sources(), [repository("one")], "{status}");
        assert_eq!(ends.counting.count("PUT", "*/blobs/uploads/*"), 2, "{status}");
        // No manifest at the destination names the layer in the second repository, so it is not a
        // hint.
        let (_, tally) = ends.copy(second.again().with_caches(), &["three"]);
        assert_eq!(tally, ALL, "{status}");
    }
}

#[test]
fn a_throttled_mount_is_not_a_refused_mount() {
    let ends = Ends::with(&["one", "two", "three"]);
    let (first, _) = ends.copy(Longshore::new().with_caches(), &["one"]);
    let mount = "/v2/team/two/blobs/uploads/?*from=team%2Fone*";
    ends.counting.rule(Rule::on("POST", mount).answers(Answer::status(503)));
    let denied = Answer::error(403, "DENIED");
    ends.counting.rule(Rule::on("PUT", "/v2/team/two/manifests/*").answers(denied));
    let second = ends.of(first.again().with_caches(), &["two"]).run().exits(1);
    assert_eq!(
        ends.counting.count("PUT", "/v2/team/two/blobs/uploads/*"),
        2,
        "it continues with an upload"
    );
    ends.copy(second.again().with_caches(), &["three"]);
    assert_eq!(ends.counting.count("PUT", "/v2/team/three/blobs/uploads/*"), 1, "the hint is kept");
}

#[test]
fn a_registry_that_keeps_refusing_is_asked_three_times() {
    let ends = Ends::with(&[]);
    let all = Image::new("linux/amd64");
    let all = (1..=6).fold(all, |image, seed| image.layer(seed, 100)).build();
    ends.source.push("team/all", "1", &all);
    let names = ["a", "b", "c", "d", "e", "f"];
    for (seed, name) in (1..).zip(names) {
        ends.source.push(
            &repository(name),
            "1",
            &Image::new("linux/amd64").layer(seed, 100).build(),
        );
    }
    let (first, _) = ends.copy(Longshore::new().with_caches(), &["all"]);
    let mounts = "*/blobs/uploads/?*from=team%2Fall*";
    ends.counting.rule(Rule::on("POST", mounts).answers(Answer::status(404)));
    ends.copy(first.again().with_caches(), &names);
    assert_eq!(ends.mount_sources(), ["team/all"; 3]);
}

#[test]
fn another_account_has_other_hints() {
    let ends = Ends::with(&["one", "two", "three"]);
    let (first, _) = ends.copy(Longshore::new().with_caches(), &["one"]);
    let as_jo = |run: Longshore| run.env("DOCKER_USERNAME", "jo").env("DOCKER_PASSWORD", "pa55");
    let (second, tally) = ends.copy(as_jo(first.again().with_caches()), &["two"]);
    assert_eq!(tally, ALL);
    for file in files(&second) {
        let bytes = std::fs::read(&file).expect("it can be read");
        let text = format!("{} {}", file.display(), String::from_utf8_lossy(&bytes));
        let names = ["pa55", ends.counting.address()];
        assert!(!names.iter().any(|name| text.contains(name)), "{text}");
    }
    assert_eq!(files(&second).len(), 4, "hints and the last push, for each account");
    ends.copy(second.again().with_caches(), &["three"]);
    assert_eq!(ends.mount_sources(), [repository("one")], "without an account");
}

#[test]
fn damaged_hints_are_ignored() {
    let ends = Ends::with(&["one", "two", "three"]);
    let (first, _) = ends.copy(Longshore::new().with_caches(), &["one"]);
    for file in files(&first) {
        let mut bytes = std::fs::read(&file).expect("it can be read");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&file, bytes).expect("it can be written");
    }
    let (second, tally) = ends.copy(first.again().with_caches(), &["two"]);
    assert_eq!(tally, ALL);
    let (_, tally) = ends.copy(second.again().with_caches(), &["three"]);
    assert_eq!(tally, with_mounts(1), "they were put right");
}

#[test]
fn two_concurrent_runs_both_save_their_hints() {
    let ends = Ends::with(&[]);
    for (seed, name) in (1..).zip(["one", "two"]) {
        let image = Image::new("linux/amd64").layer(seed, 1000).build();
        ends.source.push(&repository(name), "1", &image);
    }
    let both = Image::new("linux/amd64").layer(1, 1000).layer(2, 1000).build();
    ends.source.push("team/both", "1", &both);
    // Makes both runs wait for each other.
    let slow = FaultProxy::before(&ends.source);
    let barrier = Arc::new(Barrier::new(2));
    for (name, blob) in ["one", "two"].iter().zip(&both.blobs()[1..]) {
        let barrier = Arc::clone(&barrier);
        let path = format!("/v2/{}/blobs/{}", repository(name), blob.digest());
        slow.rule(Rule::on("GET", &path).first(1).alters(move |answer| {
            barrier.wait();
            answer
        }));
    }
    let third = Longshore::new().with_caches();
    let running = ["one", "two"].map(|name| {
        let list = format!("team/{name} team/{name} 1\n");
        let run = Longshore::new().env("LONGSHORE_CACHE_DIR", third.directory().join("../cache"));
        let run = run.mirror().list(&list).source(slow.address());
        run.destination(ends.counting.address()).start()
    });
    for running in running {
        running.finish().exits(0);
    }
    let (_, tally) = ends.copy(third, &["both"]);
    assert_eq!(tally, with_mounts(2));
}

#[test]
fn an_interrupted_run_saves_its_hints() {
    let ends = Ends::with(&["one", "two"]);
    let slow = FaultProxy::before(&ends.source);
    let own = Image::new("linux/amd64").layer(9, 50_000).build();
    ends.source.push("team/slow", "1", &own);
    let drips = |answer: Answer| answer.dripping(5_000, Duration::from_secs(6));
    slow.rule(Rule::on("GET", "/v2/team/slow/blobs/*").alters(drips));
    let list = "team/one team/one 1\nteam/slow team/slow 1\n";
    let run = Longshore::new().with_caches().mirror().list(list).source(slow.address());
    let running = run.destination(ends.counting.address()).args(["-j", "1"]).start();
    let deadline = Instant::now() + Duration::from_secs(30);
    while slow.count("GET", "/v2/team/slow/blobs/*") == 0 {
        assert!(Instant::now() < deadline, "no request for the slow blob");
        std::thread::sleep(Duration::from_millis(10));
    }
    running.interrupt();
    let run = running.finish().exits(130);
    let (_, tally) = ends.copy(run.again().with_caches(), &["two"]);
    assert_eq!(tally, with_mounts(1));
}

#[test]
fn on_one_registry_blobs_are_mounted_from_the_source() {
    let ends = Ends::with(&[]);
    ends.destination.push("team/app", "1", &image("app"));
    let mut last: Option<Run> = None;
    for name in ["one", "two"] {
        let longshore = last.as_ref().map_or_else(Longshore::new, Run::again).with_caches();
        ends.counting.forget();
        let address = ends.counting.address();
        let list = format!("team/app copy/{name} 1\n");
        let run = longshore.mirror().list(&list).source(address).destination(address).run();
        last = Some(run.exits(0));
        assert_eq!(ends.mount_sources(), ["team/app", "team/app"], "{name}");
    }
}
