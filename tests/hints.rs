//! Where blobs are is remembered from run to run: into another repository of the same registry they
//! are mounted, and not uploaded again. What is remembered may be wrong, and is never needed.

use std::path::PathBuf;
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use longshore_content::{Content, Image};

use crate::support::{Answer, Longshore, Lying, Registry, Rule, Run};

/// An upload of the configuration, which two images never share, and what that makes known.
const CONFIGURATION: &str = "POST probe 2, PUT manifest by tag 1, PUT upload 1";
/// The same, and the upload of a layer.
const ALL: &str = "HEAD manifest by tag 1, POST probe 3, PUT manifest by tag 1, PUT upload 2";

/// Two registries, and who counts before the destination.
struct Ends {
    source: Registry,
    destination: Registry,
    counting: Lying,
}

impl Ends {
    /// Images with one layer of their own and one that all share.
    fn with(names: &[&str]) -> Self {
        let (source, destination) = (Registry::embedded(), Registry::embedded());
        for name in names {
            source.push(&repository(name), "1", &image(name));
        }
        let counting = Lying::before(&destination);
        Self { source, destination, counting }
    }

    /// A run that copies the images.
    fn of(&self, longshore: Longshore, names: &[&str]) -> Longshore {
        let lines = names.iter().map(|name| format!("team/{name} team/{name} 1\n"));
        let run = longshore.mirror().list(&lines.collect::<String>()).args(["-j", "1"]);
        run.source(self.source.address()).destination(self.counting.address())
    }

    /// Copies the images, and answers with the requests at the destination too.
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

    /// The repositories that were mounted from, in their order.
    fn homes(&self) -> Vec<String> {
        let asked = self.counting.matching("POST", "*/blobs/uploads/?*from=*").into_iter();
        let homes = asked.filter_map(|seen| {
            let from = seen.parameters("from").remove(0);
            (seen.path != format!("/v2/{from}/blobs/uploads/")).then_some(from)
        });
        homes.collect()
    }

    /// The registry has collected the layer of this image.
    fn collect(&self, name: &str) {
        let endpoint = self.destination.endpoint();
        endpoint.delete_blob(&repository(name), &layer(name)).expect("blobs can be deleted");
    }
}

fn repository(name: &str) -> String {
    format!("team/{name}")
}

/// An image whose layer all have.
fn image(name: &str) -> Content {
    Image::new("linux/amd64").layer(1, 1000).label("name", name).build()
}

fn layer(name: &str) -> String {
    image(name).blobs()[1].digest().to_owned()
}

/// The folder in which the run kept its hints.
fn folder(run: &Run) -> PathBuf {
    run.directory().join("../cache/hints")
}

/// The files in it.
fn files(run: &Run) -> Vec<PathBuf> {
    let entries = folder(run).read_dir().expect("it is remembered where blobs are");
    entries.map(|entry| entry.expect("it can be read").path()).collect()
}

/// A tally with so many mounts beside what the configuration costs.
fn with_mounts(count: usize) -> String {
    format!("HEAD manifest by tag 1, POST mount {count}, {CONFIGURATION}")
}

#[test]
fn a_later_run_mounts_what_an_earlier_one_has_brought() {
    let ends = Ends::with(&["one", "two", "three", "four"]);
    let (first, tally) = ends.copy(Longshore::new().remembering(), &["one"]);
    assert_eq!(tally, ALL, "the first run knows nothing");
    let (second, tally) = ends.copy(first.again().remembering(), &["two"]);
    assert_eq!((tally, ends.homes()), (with_mounts(1), vec![repository("one")]));
    // What a hint has led to is a home of this run.
    ends.copy(second.again().remembering(), &["three", "four"]);
    assert_eq!(ends.homes(), [repository("two"), repository("two")]);
    assert_eq!(ends.counting.count("PUT", "*/blobs/uploads/*"), 2, "two configurations");
    let (_, tally) = ends.copy(Longshore::new().remembering(), &["four"]);
    assert_eq!(tally, "HEAD manifest by tag 1", "nothing is needed of what is there");
}

/// A registry that mounts a blob only once a manifest names it.
fn named_first(run: Longshore) -> Longshore {
    let run = run.file("describes.wasm", crate::plugin::component("describes"));
    run.args(["--repo-type", "./describes.wasm"])
}

#[test]
fn where_no_manifest_names_a_blob_it_may_have_no_home() {
    let names = ["one", "two", "three"];
    let usual: fn(Longshore) -> Longshore = |run| run;
    for (kind, homes) in [(usual, ["one", "one"].as_slice()), (named_first, &["two"])] {
        let ends = Ends::with(&names);
        // The layer stays where it is, but nothing there names it.
        let denied = Rule::on("PUT", "/v2/team/one/manifests/*");
        ends.counting.rule(denied.answers(Answer::error(403, "DENIED")));
        kind(ends.of(Longshore::new(), &names)).run().exits(1);
        let homes: Vec<String> = homes.iter().map(|name| repository(name)).collect();
        assert_eq!(ends.homes(), homes);
        for name in &names[1..] {
            ends.destination.assert_complete(&repository(name), "1");
        }
    }
}

#[test]
fn what_a_hint_leads_to_is_named() {
    let ends = Ends::with(&["one", "two", "three"]);
    let first = named_first(ends.of(Longshore::new().remembering(), &["one"])).run().exits(0);
    named_first(ends.of(first.again().remembering(), &["two", "three"])).run().exits(0);
    assert_eq!(ends.homes(), [repository("one"), repository("one")]);
}

#[test]
fn a_repository_that_has_the_blob_is_asked_itself() {
    let ends = Ends::with(&["one"]);
    let (first, _) = ends.copy(Longshore::new().remembering(), &["one"]);
    ends.source.push("team/one", "2", &Image::new("linux/amd64").layer(1, 1000).build());
    ends.counting.forget();
    let list = "team/one team/one 2\n";
    let run = first.again().remembering().mirror().list(list).source(ends.source.address());
    run.destination(ends.counting.address()).run().exits(0);
    assert_eq!(ends.homes(), Vec::<String>::new());
    assert_eq!(ends.counting.count("PUT", "*/blobs/uploads/*"), 1, "the layer is found");
}

#[test]
fn a_hint_that_no_longer_holds_is_refused_once() {
    let ends = Ends::with(&["one", "two", "three"]);
    let (first, _) = ends.copy(Longshore::new().remembering(), &["one"]);
    ends.collect("one");
    let (second, tally) = ends.copy(first.again().remembering(), &["two"]);
    assert_eq!(
        tally,
        "HEAD manifest by tag 1, POST mount 1, POST probe 2, PUT manifest by tag 1, PUT upload 2",
        "the session that the registry opens instead is used"
    );
    ends.copy(second.again().remembering(), &["three"]);
    assert_eq!(ends.homes(), [repository("two")], "where it was brought again");
}

#[test]
fn a_hint_that_was_refused_is_forgotten() {
    let refusals = [202, 403, 404, 500];
    for status in refusals {
        let ends = Ends::with(&["one", "two", "three"]);
        let (first, _) = ends.copy(Longshore::new().remembering(), &["one"]);
        let mount = "/v2/team/two/blobs/uploads/?*from=team%2Fone*";
        if status == 202 {
            ends.collect("one");
        } else {
            ends.counting.rule(Rule::on("POST", mount).answers(Answer::status(status)));
        }
        let denied = Answer::error(403, "DENIED");
        ends.counting.rule(Rule::on("PUT", "/v2/team/two/manifests/*").answers(denied));
        ends.counting.forget();
        let second = ends.of(first.again().remembering(), &["two"]).run().exits(1);
        assert_eq!(ends.homes(), [repository("one")], "{status}");
        assert_eq!(ends.counting.count("PUT", "*/blobs/uploads/*"), 2, "{status}");
        // Nothing at the destination names the layer in the second repository: it is no hint.
        let (_, tally) = ends.copy(second.again().remembering(), &["three"]);
        assert_eq!(tally, ALL, "{status}");
    }
}

#[test]
fn what_is_too_busy_has_not_refused() {
    let ends = Ends::with(&["one", "two", "three"]);
    let (first, _) = ends.copy(Longshore::new().remembering(), &["one"]);
    let mount = "/v2/team/two/blobs/uploads/?*from=team%2Fone*";
    ends.counting.rule(Rule::on("POST", mount).answers(Answer::status(503)));
    let denied = Answer::error(403, "DENIED");
    ends.counting.rule(Rule::on("PUT", "/v2/team/two/manifests/*").answers(denied));
    let second = ends.of(first.again().remembering(), &["two"]).run().exits(1);
    assert_eq!(ends.counting.count("PUT", "/v2/team/two/blobs/uploads/*"), 2, "it goes on without");
    ends.copy(second.again().remembering(), &["three"]);
    assert_eq!(ends.counting.count("PUT", "/v2/team/three/blobs/uploads/*"), 1, "the hint is left");
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
    let (first, _) = ends.copy(Longshore::new().remembering(), &["all"]);
    let mounts = "*/blobs/uploads/?*from=team%2Fall*";
    ends.counting.rule(Rule::on("POST", mounts).answers(Answer::status(404)));
    ends.copy(first.again().remembering(), &names);
    assert_eq!(ends.homes(), ["team/all"; 3]);
}

#[test]
fn another_account_has_other_hints() {
    let ends = Ends::with(&["one", "two", "three"]);
    let (first, _) = ends.copy(Longshore::new().remembering(), &["one"]);
    let as_jo = |run: Longshore| run.env("DOCKER_USERNAME", "jo").env("DOCKER_PASSWORD", "pa55");
    let (second, tally) = ends.copy(as_jo(first.again().remembering()), &["two"]);
    assert_eq!(tally, ALL);
    for file in files(&second) {
        let bytes = std::fs::read(&file).expect("it can be read");
        let text = format!("{} {}", file.display(), String::from_utf8_lossy(&bytes));
        let names = ["pa55", ends.counting.address()];
        assert!(!names.iter().any(|name| text.contains(name)), "{text}");
    }
    assert_eq!(files(&second).len(), 2, "one for each account");
    ends.copy(second.again().remembering(), &["three"]);
    assert_eq!(ends.homes(), [repository("one")], "without an account");
}

#[test]
fn damaged_hints_are_as_good_as_none() {
    let ends = Ends::with(&["one", "two", "three"]);
    let (first, _) = ends.copy(Longshore::new().remembering(), &["one"]);
    for file in files(&first) {
        let mut bytes = std::fs::read(&file).expect("it can be read");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&file, bytes).expect("it can be written");
    }
    let (second, tally) = ends.copy(first.again().remembering(), &["two"]);
    assert_eq!(tally, ALL);
    let (_, tally) = ends.copy(second.again().remembering(), &["three"]);
    assert_eq!(tally, with_mounts(1), "they were put right");
}

#[test]
fn two_runs_at_once_both_remember() {
    let ends = Ends::with(&[]);
    for (seed, name) in (1..).zip(["one", "two"]) {
        let image = Image::new("linux/amd64").layer(seed, 1000).build();
        ends.source.push(&repository(name), "1", &image);
    }
    let both = Image::new("linux/amd64").layer(1, 1000).layer(2, 1000).build();
    ends.source.push("team/both", "1", &both);
    // Neither goes on before the other is as far.
    let slow = Lying::before(&ends.source);
    let barrier = Arc::new(Barrier::new(2));
    for (name, blob) in ["one", "two"].iter().zip(&both.blobs()[1..]) {
        let barrier = Arc::clone(&barrier);
        let path = format!("/v2/{}/blobs/{}", repository(name), blob.digest());
        slow.rule(Rule::on("GET", &path).first(1).alters(move |answer| {
            barrier.wait();
            answer
        }));
    }
    let third = Longshore::new().remembering();
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
fn an_interrupted_run_remembers_too() {
    let ends = Ends::with(&["one", "two"]);
    let slow = Lying::before(&ends.source);
    let own = Image::new("linux/amd64").layer(9, 50_000).build();
    ends.source.push("team/slow", "1", &own);
    let drips = |answer: Answer| answer.dripping(5_000, Duration::from_secs(6));
    slow.rule(Rule::on("GET", "/v2/team/slow/blobs/*").alters(drips));
    let list = "team/one team/one 1\nteam/slow team/slow 1\n";
    let run = Longshore::new().remembering().mirror().list(list).source(slow.address());
    let running = run.destination(ends.counting.address()).args(["-j", "1"]).start();
    let deadline = Instant::now() + Duration::from_secs(30);
    while slow.count("GET", "/v2/team/slow/blobs/*") == 0 {
        assert!(Instant::now() < deadline, "nobody asks for the slow blob");
        std::thread::sleep(Duration::from_millis(10));
    }
    running.interrupt();
    let run = running.finish().exits(130);
    let (_, tally) = ends.copy(run.again().remembering(), &["two"]);
    assert_eq!(tally, with_mounts(1));
}

#[test]
fn on_one_registry_the_source_is_the_home() {
    let ends = Ends::with(&[]);
    ends.destination.push("team/app", "1", &image("app"));
    let mut last: Option<Run> = None;
    for name in ["one", "two"] {
        let longshore = last.as_ref().map_or_else(Longshore::new, Run::again).remembering();
        ends.counting.forget();
        let address = ends.counting.address();
        let list = format!("team/app copy/{name} 1\n");
        let run = longshore.mirror().list(&list).source(address).destination(address).run();
        last = Some(run.exits(0));
        assert_eq!(ends.homes(), ["team/app", "team/app"], "{name}");
    }
}
