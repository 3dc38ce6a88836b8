//! Requests are the cost of a run: how many each kind of copy sends to both registries.
//!
//! The numbers are the fewest that a copy can do with. An upload consists of two requests.
//! The POST mounts the blob from its own repository to learn whether it exists, and the PUT uploads
//! it. Once per run, longshore repeats the POST to learn whether the registry's response shows this
//! (the calibration). U is the number of blobs that are new to the destination registry, P that of
//! children of an index, and M that of blobs mounted beyond their first repository.

use longshore_content::{Image, Index};

use crate::support::{Answer, FaultProxy, Longshore, Registry, Rule, Run};

/// Two registries, each behind a counting proxy.
struct Ends {
    source: Registry,
    _destination: Registry,
    at_source: FaultProxy,
    at_destination: FaultProxy,
}

impl Ends {
    fn new() -> Self {
        let (source, destination) = (Registry::embedded(), Registry::embedded());
        let (at_source, at_destination) =
            (FaultProxy::before(&source), FaultProxy::before(&destination));
        Self { source, _destination: destination, at_source, at_destination }
    }

    /// Mirrors the list. Returns the requests to the source and to the destination.
    fn mirror(&self, list: &str, arguments: &[&str]) -> (String, String) {
        self.forget();
        self.run(Longshore::new(), list, arguments);
        self.tallies()
    }

    fn run(&self, longshore: Longshore, list: &str, arguments: &[&str]) -> Run {
        self.start(longshore, list, arguments).exits(0)
    }

    fn start(&self, longshore: Longshore, list: &str, arguments: &[&str]) -> Run {
        let (source, destination) = (self.at_source.address(), self.at_destination.address());
        let run = longshore.mirror().list(list).source(source).destination(destination);
        run.args(arguments).run()
    }

    fn forget(&self) {
        self.at_source.forget();
        self.at_destination.forget();
    }

    fn tallies(&self) -> (String, String) {
        (self.at_source.tally(), self.at_destination.tally())
    }
}

/// Returns `(source, destination)` for assertions.
fn both(source: &str, destination: &str) -> (String, String) {
    (source.to_owned(), destination.to_owned())
}

#[test]
fn a_single_image() {
    let ends = Ends::new();
    let image = Image::new("linux/amd64").layer(1, 1000).layer(2, 1000).build();
    ends.source.push("team/app", "1", &image);
    // U = 3. The config is read for its platform and uploaded from memory.
    assert_eq!(
        ends.mirror("team/app team/app 1\n", &[]),
        both(
            "GET blob 3, GET manifest by tag 1",
            "HEAD manifest by tag 1, POST probe 4, PUT manifest by tag 1, PUT upload 3"
        )
    );
    let pinned = format!("team/app team/app 1@{}\n", image.digest());
    assert_eq!(
        ends.mirror("team/app team/app 1\n", &[]),
        both("HEAD manifest by tag 1", "HEAD manifest by tag 1"),
        "warm"
    );
    assert_eq!(ends.mirror(&pinned, &[]), both("", "HEAD manifest by tag 1"), "warm, pinned");
}

#[test]
fn an_index_whose_children_share_a_layer() {
    let ends = Ends::new();
    let amd = Image::new("linux/amd64").layer(1, 1000).layer(2, 1000).build();
    let arm = Image::new("linux/arm64").layer(1, 1000).layer(3, 1000).build();
    ends.source.push("team/app", "1", &Index::oci().child(&amd).child(&arm).build());
    // P = 2, U = 5.
    assert_eq!(
        ends.mirror("team/app team/app 1\n", &[]),
        both(
            "GET blob 5, GET manifest by digest 2, GET manifest by tag 1",
            "HEAD manifest by tag 1, POST probe 6, PUT manifest by digest 2, \
             PUT manifest by tag 1, PUT upload 5"
        )
    );
    assert_eq!(
        ends.mirror("team/app team/app 1\n", &[]),
        both("HEAD manifest by tag 1", "HEAD manifest by tag 1"),
        "warm"
    );
    assert_eq!(
        ends.mirror("team/app team/app 1\n", &["--arch", "amd64"]),
        both("HEAD manifest by tag 1", "HEAD manifest by tag 1"),
        "the whole index is there, whatever the filter"
    );
}

#[test]
fn a_filtered_index() {
    let ends = Ends::new();
    let amd = Image::new("linux/amd64").layer(1, 1000).build();
    let arm = Image::new("linux/arm64").layer(2, 1000).build();
    ends.source.push("team/app", "1", &Index::oci().child(&amd).child(&arm).build());
    let filtered = || ends.mirror("team/app team/app 1\n", &["--arch", "amd64"]);
    // P = 1, U = 2.
    assert_eq!(
        filtered(),
        both(
            "GET blob 2, GET manifest by digest 1, GET manifest by tag 1",
            "HEAD manifest by tag 1, POST probe 3, PUT manifest by digest 1, \
             PUT manifest by tag 1, PUT upload 2"
        )
    );
    // Without cached manifests the index must be fetched to be filtered again.
    assert_eq!(
        filtered(),
        both("GET manifest by tag 1, HEAD manifest by tag 1", "HEAD manifest by tag 1"),
        "warm"
    );
    // The complete index over the filtered one. The existing child is trusted, P = 1 new, U = 2.
    assert_eq!(
        ends.mirror("team/app team/app 1\n", &[]),
        both(
            "GET blob 2, GET manifest by digest 1, GET manifest by tag 1, HEAD manifest by tag 1",
            "HEAD manifest by digest 2, HEAD manifest by tag 1, POST probe 3, \
             PUT manifest by digest 1, PUT manifest by tag 1, PUT upload 2"
        ),
        "the rest"
    );
}

#[test]
fn a_cold_run_fills_the_cache() {
    let ends = Ends::new();
    let amd = Image::new("linux/amd64").layer(1, 1000).build();
    let arm = Image::new("linux/arm64").layer(2, 1000).build();
    let index = Index::oci().child(&amd).child(&arm).build();
    ends.source.push("team/app", "1", &index);
    let list = "team/app team/app 1\n";
    let cold = ends.run(Longshore::new().with_caches(), list, &["--arch", "amd64"]);
    let warm = |list: &str, arguments: &[&str]| {
        ends.forget();
        ends.run(cold.again().with_caches(), list, arguments);
        ends.tallies()
    };
    let heads = || both("HEAD manifest by tag 1", "HEAD manifest by tag 1");
    assert_eq!(warm(list, &["--arch", "amd64"]), heads(), "filtered warm");
    let pinned = format!("team/app team/app 1@{}\n", index.digest());
    assert_eq!(
        warm(&pinned, &["--arch", "amd64"]),
        both("HEAD manifest by digest 1", "HEAD manifest by tag 1"),
        "the source is asked before what it once showed is believed"
    );
    // The child that the filter excluded was not fetched. The index and the other child were.
    assert_eq!(
        warm(list, &["--arch", "arm64"]),
        both(
            "GET blob 2, GET manifest by digest 1, HEAD manifest by tag 1",
            "GET manifest by digest 1, HEAD manifest by digest 1, HEAD manifest by tag 1, POST probe 3, \
             PUT manifest by digest 1, PUT manifest by tag 1, PUT upload 2"
        ),
        "another filter, and the platforms that the tag loses"
    );
    assert_eq!(warm(list, &["--arch", "arm64"]), heads(), "filtered warm, once more");
    // A wrapped single image needs its config too.
    ends.source.push("team/app", "1", &amd);
    warm(list, &["--index", "docker"]);
    assert_eq!(warm(list, &["--index", "docker"]), heads(), "wrapped warm");
    ends.source.push("team/app", "1", &arm);
    let new = warm(list, &["--index", "docker"]);
    assert!(new.0.starts_with("GET blob 1, HEAD manifest by tag 1"), "{}", new.0);
}

#[test]
fn the_cache_does_not_bypass_the_source() {
    let ends = Ends::new();
    let amd = Image::new("linux/amd64").layer(1, 1000).build();
    let arm = Image::new("linux/arm64").layer(2, 1000).build();
    let index = Index::oci().child(&amd).child(&arm).build();
    ends.source.push("team/app", "1", &index);
    let pinned = format!("team/app team/app 1@{}\n", index.digest());
    let cold = ends.run(Longshore::new().with_caches(), &pinned, &["--arch", "amd64"]);
    ends.at_source.rule(Rule::on("*", "*/manifests/*").answers(Answer::status(403)));
    let refused = ends.start(cold.again().with_caches(), &pinned, &["--arch", "amd64"]);
    refused.exits(1).complains("denied (403)");
}

#[test]
fn a_layer_that_two_repositories_share() {
    let ends = Ends::new();
    for name in ["one", "two"] {
        let image = Image::new("linux/amd64").layer(1, 1000).label("name", name).build();
        ends.source.push(&format!("team/{name}"), "1", &image);
    }
    // U = 3, M = 1: one download of the layer, one mount.
    assert_eq!(
        ends.mirror("team/one team/one 1\nteam/two team/two 1\n", &[]),
        both(
            "GET blob 3, GET manifest by tag 2",
            "HEAD manifest by tag 2, POST mount 1, POST probe 4, \
             PUT manifest by tag 2, PUT upload 3"
        )
    );
}

#[test]
fn existing_layers_are_not_uploaded() {
    let ends = Ends::new();
    let image = |label| {
        let image = Image::new("linux/amd64").label("x", label);
        image.layer(1, 200_000).layer(2, 200_000).build()
    };
    ends.source.push("team/app", "1", &image("one"));
    ends.source.push("team/app", "2", &image("two"));
    ends.mirror("team/app team/app 1\n", &[]);
    // U = 1, the config. B = 2, found by a check that would otherwise have opened an upload.
    assert_eq!(
        ends.mirror("team/app team/app 2\n", &[]),
        both(
            "GET blob 1, GET manifest by tag 1",
            "HEAD manifest by tag 1, POST probe 4, PUT manifest by tag 1, PUT upload 1"
        )
    );
}

#[test]
fn five_tags_of_one_image() {
    let ends = Ends::new();
    let image = Image::new("linux/amd64").layer(1, 1000).build();
    let index = Index::oci().child(&image).build();
    let mut list = String::new();
    for tag in 1..=5 {
        ends.source.push("team/app", &tag.to_string(), &index);
        list.push_str(&format!("team/app team/app {tag}\n"));
    }
    // P = 1 and U = 2 once; a GET, a HEAD and a PUT for each tag.
    assert_eq!(
        ends.mirror(&list, &[]),
        both(
            "GET blob 2, GET manifest by digest 1, GET manifest by tag 5",
            "HEAD manifest by tag 5, POST probe 3, PUT manifest by digest 1, \
             PUT manifest by tag 5, PUT upload 2"
        )
    );
}

#[test]
fn five_tags_of_one_single_image() {
    let ends = Ends::new();
    let image = Image::new("linux/amd64").layer(1, 1000).build();
    let mut list = String::new();
    for tag in 1..=5 {
        ends.source.push("team/app", &tag.to_string(), &image);
        list.push_str(&format!("team/app team/app {tag}\n"));
    }
    // The config is read once for its platform and uploaded from memory.
    assert_eq!(
        ends.mirror(&list, &[]),
        both(
            "GET blob 2, GET manifest by tag 5",
            "HEAD manifest by tag 5, POST probe 3, PUT manifest by tag 5, \
             PUT upload 2"
        )
    );
    assert_eq!(
        ends.mirror(&list, &[]),
        both("HEAD manifest by tag 5", "HEAD manifest by tag 5"),
        "warm"
    );
}

#[test]
fn one_registry_on_both_ends() {
    let registry = Registry::embedded();
    let counting = FaultProxy::before(&registry);
    let image = Image::new("linux/amd64").layer(1, 1000).build();
    registry.push("team/app", "1", &Index::oci().child(&image).build());
    Longshore::new()
        .mirror()
        .list("team/app copy/app 1\n")
        .source(counting.address())
        .destination(counting.address())
        .run()
        .exits(0);
    // U = 0 and M = 2: both blobs are mounted from the source's repository.
    assert_eq!(
        counting.tally(),
        // The blobs that are mounted were not written by this run: their sizes are compared.
        "GET manifest by digest 1, GET manifest by tag 1, HEAD blob 2, HEAD manifest by tag 1, \
         POST mount 2, PUT manifest by digest 1, PUT manifest by tag 1"
    );
    registry.assert_complete("copy/app", "1");
}

#[test]
fn a_dry_run_only_reads() {
    let ends = Ends::new();
    ends.source.push("team/app", "1", &Image::new("linux/amd64").layer(1, 1000).build());
    let list = "team/app team/app 1\n";
    let head = "HEAD manifest by tag 1";
    assert_eq!(ends.mirror(list, &["--dry-run", "-a", "all", "--os", "all"]), both(head, head));
    // Only the manifest and the config tell whether the default filter keeps the image.
    let source = "GET blob 1, GET manifest by tag 1, HEAD manifest by tag 1";
    assert_eq!(ends.mirror(list, &["--dry-run"]), both(source, head));
}
