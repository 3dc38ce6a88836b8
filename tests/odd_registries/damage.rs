//! Blobs at the destination that are damaged: they are sent again, or the run says so.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

use longshore_content::{Content, Image};

use crate::support::{Answer, FaultProxy, Longshore, Pair, Registry, Rule};

fn image(name: &str) -> Content {
    Image::new("linux/amd64").layer(1, 5000).label("name", name).build()
}

/// Makes a registry say that a blob has another size.
fn says(proxy: &FaultProxy, repository: &str, content: &Content, size: &str, times: usize) {
    let pattern = format!("/v2/{repository}/blobs/{}", content.blobs()[1].digest());
    let answer = Answer::status(200).header("content-length", size);
    proxy.rule(Rule::on("HEAD", &pattern).first(times).answers(answer));
}

/// A registry that keeps a damaged blob whatever it is sent.
#[test]
fn force_recursive_says_that_a_registry_keeps_a_damaged_blob() {
    for size in ["4000", "0", "5001"] {
        let pair = Pair::embedded();
        let image = image("one");
        pair.source.push("team/app", "1", &image);
        pair.mirror("team/app team/app 1\n").run().exits(0);
        let proxy = FaultProxy::before(&pair.destination);
        says(&proxy, "team/app", &image, size, usize::MAX);
        let run = Longshore::new()
            .mirror()
            .list("team/app team/app 1\n")
            .source(pair.source.address())
            .destination(proxy.address())
            .arg("--force-recursive")
            .run()
            .exits(1);
        run.complains(&format!("it has {size} bytes there, expected 5000"))
            .complains("delete the blob from the registry's storage")
            .complains("docker-registry keeps it in docker/registry/v2/blobs/sha256/");
    }
}

#[test]
fn a_mount_of_a_damaged_blob_of_an_earlier_run_is_sent_again() {
    let pair = Pair::embedded();
    let (one, two) = (image("one"), image("two"));
    pair.source.push("team/one", "1", &one);
    pair.source.push("team/two", "1", &two);
    let first = pair.mirror("team/one team/one 1\n").with_caches().run().exits(0);
    let proxy = FaultProxy::before(&pair.destination);
    // In the repository that it was mounted into.
    says(&proxy, "team/two", &two, "4000", 1);
    drop(first);
    Longshore::new()
        .mirror()
        .list("team/one team/one 1\nteam/two team/two 1\n")
        .args(["-j", "1"])
        .source(pair.source.address())
        .destination(proxy.address())
        .run()
        .exits(0);
    assert_eq!(proxy.count("PUT", "/v2/team/two/blobs/uploads/*"), 2, "config and layer are sent");
    pair.destination.assert_complete("team/two", "1");
}

/// Cuts the file of a blob in the storage of Debian's `docker-registry`.
fn cut(storage: &Path, blob: &str) {
    let hex = blob.trim_start_matches("sha256:");
    let file: PathBuf =
        storage.join("docker/registry/v2/blobs/sha256").join(&hex[..2]).join(hex).join("data");
    let opened = OpenOptions::new().write(true).open(&file);
    opened.and_then(|file| file.set_len(100)).unwrap_or_else(|error| panic!("{file:?}: {error}"));
    assert_eq!(fs::metadata(&file).expect("it is there").len(), 100);
}

/// Without force, a blob that the destination says it has is not checked. But it does not spread, and
/// `mirror-validate` tells it.
#[test]
fn a_cut_blob_does_not_spread_and_is_found_by_its_size() {
    let Some(destination) = Registry::docker().start() else { return };
    let pair = Pair { source: Registry::embedded(), destination };
    for (repository, tag) in [("team/app", "1"), ("team/app", "2"), ("team/two", "1")] {
        pair.source.push(repository, tag, &image(&format!("{repository}:{tag}")));
    }
    let layer = image("team/two:1").blobs()[1].digest().to_owned();
    pair.mirror("team/app team/app 1\n").run().exits(0);
    cut(&pair.destination.directory(), &layer);
    // The layer is in the repository of the second image, and the third image mounts it.
    let list = "team/app team/app 2\nteam/two team/two 1\n";
    let run = pair.mirror(list).args(["-j", "1"]).run();
    match run.exit {
        0 => pair.destination.assert_complete("team/two", "1"),
        _ => drop(run.exits(1).complains("it has 100 bytes there, expected 5000")),
    }
    let run = pair.validate("team/app team/app 1\n").run().exits(1);
    assert!(run.stdout.contains("broken"), "{}", run.stdout);
    assert!(run.stdout.contains(&layer) && run.stdout.contains("\"100\""), "{}", run.stdout);
}

#[test]
fn docker_registry_with_a_cut_blob_is_not_called_mended() {
    let Some(destination) = Registry::docker().start() else { return };
    let pair = Pair { source: Registry::embedded(), destination };
    let image = image("one");
    pair.source.push("team/app", "1", &image);
    pair.mirror("team/app team/app 1\n").run().exits(0);
    cut(&pair.destination.directory(), image.blobs()[1].digest());
    let run = pair.mirror("team/app team/app 1\n").arg("--force-recursive").run();
    match run.exit {
        0 => pair.destination.assert_complete("team/app", "1"),
        _ => drop(run.exits(1).complains("it has 100 bytes there, expected 5000")),
    }
}
