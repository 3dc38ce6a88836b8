//! Complete copies: which source goes to which destination, and with how few requests.

use longshore_content::{Content, Image, Index};

use crate::support::{Longshore, Pair, Registry, Skopeo};

/// Creates an image with its own layer and one shared by all images.
fn image(seed: u64) -> Content {
    Image::new("linux/amd64").layer(0, 2000).layer(seed, 100).build()
}

/// Returns content of all kinds. The default filter selects all of it.
fn all_kinds() -> [Content; 5] {
    let (amd, arm) = (image(1), Image::new("linux/arm64").docker().layer(2, 10).build());
    [
        Index::oci().child(&amd).child(&arm).build(),
        Index::docker().child(&arm).child(&amd).build(),
        Image::artifact("application/vnd.example.thing").build(),
        amd,
        arm,
    ]
}

fn full_copy(pair: &Pair, read: impl Fn(&str) -> Vec<u8>) {
    let contents = all_kinds();
    let mut list = String::new();
    for (number, content) in contents.iter().enumerate() {
        pair.source.push("team/app", &format!("v{number}"), content);
        list += &format!("team/app \t mirrored/app  v{number}\r\n");
    }
    pair.mirror(&list).run().exits(0).sums_up("5 copied, 0 skipped, 0 failed");
    for (number, content) in contents.iter().enumerate() {
        let reference = format!("{}/mirrored/app:v{number}", pair.destination.address());
        assert!(read(&reference) == content.bytes(), "v{number} has other bytes");
        pair.assert_arrived("mirrored/app", &format!("v{number}"), content);
    }
}

#[test]
fn docker_registry_gets_every_kind_of_content_byte_by_byte() {
    let (Some(pair), Some(skopeo)) = (Pair::docker(), Skopeo::find()) else { return };
    full_copy(&pair, |reference| skopeo.inspect_raw(reference));
}

#[test]
fn the_embedded_registry_gets_every_kind_of_content_byte_by_byte() {
    let Some(skopeo) = Skopeo::find() else { return };
    full_copy(&Pair::embedded(), |reference| skopeo.inspect_raw(reference));
}

#[test]
fn a_default_list_keeps_the_path_without_its_host() {
    let pair = Pair::embedded();
    let image = image(1);
    for (repository, tag) in [("app", "latest"), ("team/app", "1.0"), ("deep/er/app", "2")] {
        pair.source.push(repository, tag, &image);
    }
    let host = pair.source.address();
    let list = format!(
        "\u{feff}# images\n  {host}/app\n\n{host}/team/app:1.0\n//no\n{host}/deep/er/app:2"
    );
    let run = Longshore::new().mirror().list(&list).destination(pair.destination.address());
    run.run().exits(0).sums_up("3 copied, 0 skipped, 0 failed");
    pair.assert_arrived("library/app", "latest", &image);
    pair.assert_arrived("team/app", "1.0", &image);
    pair.assert_arrived("deep/er/app", "2", &image);
}

#[test]
fn the_flags_replace_the_hosts_of_the_list() {
    let pair = Pair::embedded();
    let image = image(1);
    pair.source.push("team/app", "1", &image);
    pair.mirror("one.invalid/team/app two.invalid:5000/copy/app 1\n").run().exits(0);
    pair.assert_arrived("copy/app", "1", &image);
}

#[test]
fn without_flags_the_hosts_come_from_the_list() {
    let pair = Pair::embedded();
    let image = image(1);
    pair.source.push("team/app", "1", &image);
    let (source, destination) = (pair.source.address(), pair.destination.address());
    let list = format!("{source}/team/app {destination}/app 1\n");
    Longshore::new().mirror().list(&list).run().exits(0);
    pair.assert_arrived("library/app", "1", &image);
}

#[test]
fn the_flag_beats_the_environment_and_the_environment_the_list() {
    let pair = Pair::embedded();
    let other = Registry::embedded();
    let image = image(1);
    pair.source.push("team/app", "1", &image);
    let list = "team/app list.invalid/team/app 1\n";
    pair.mirror(list).env("DOCKER_REGISTRY", other.address()).run().exits(0);
    pair.assert_arrived("team/app", "1", &image);
    assert_eq!(other.endpoint().manifest("team/app", "1").expect("it answers"), None);

    let run = Longshore::new().mirror().list(list).source(pair.source.address());
    run.destination("").env("DOCKER_REGISTRY", other.address()).run().exits(0);
    assert_eq!(other.manifest("team/app", "1").bytes, image.bytes());
}

#[test]
fn a_destination_of_one_part_gets_the_default_project() {
    let pair = Pair::embedded();
    let image = image(1);
    pair.source.push("app", "1", &image);
    let list = "app app 1\napp a/b/c 1\n";
    pair.mirror(list).run().exits(0);
    pair.assert_arrived("library/app", "1", &image);
    pair.assert_arrived("a/b/c", "1", &image);
    pair.mirror(list).args(["--default-project", "infra"]).run().exits(0);
    pair.assert_arrived("infra/app", "1", &image);
}

#[test]
fn a_pinned_tag_is_fetched_by_digest_and_pushed_under_the_tag() {
    let pair = Pair::embedded();
    let (old, new) = (image(1), image(2));
    pair.source.push("team/app", "1", &old);
    pair.source.push("team/app", "1", &new);
    let digest = old.digest();
    pair.mirror(&format!("team/app team/app 1@{digest}\n")).run().exits(0);
    pair.assert_arrived("team/app", "1", &old);
    pair.mirror(&format!("team/app:2@{digest}\n")).run().exits(0);
    pair.assert_arrived("team/app", "2", &old);
}

#[test]
fn a_digest_alone_arrives_without_a_tag_and_with_a_warning() {
    let Some(pair) = Pair::docker() else { return };
    let image = image(1);
    pair.source.push("team/app", "1", &image);
    let list = format!("team/app team/app {}\n", image.digest());
    let run = pair.mirror(&list).run().exits(0);
    let warning = "[WARN] images.txt:1:19: the destination gets no tag, as only a digest is given";
    assert_eq!(run.complaints(), [warning]);
    pair.assert_arrived("team/app", image.digest(), &image);
    let tags = pair.destination.endpoint().tags("team/app").expect("it answers");
    assert!(tags.is_empty(), "tags came out of nothing: {tags:?}");
}

/// Counts the requests with this method that `docker-registry` has answered with this status.
fn count(registry: &Registry, method: &str, path: &str, status: &str) -> usize {
    let requests = registry.requests();
    let wanted = |line: &&String| {
        line.contains(&format!("\"{method} /v2/"))
            && line.contains(path)
            && line.contains(&format!("\" {status} "))
    };
    requests.iter().filter(wanted).count()
}

#[test]
fn identical_lines_are_copied_once() {
    let Some(pair) = Pair::docker() else { return };
    pair.source.push("team/app", "1", &image(1));
    let run =
        pair.mirror("team/app team/app 1\n# again\nteam/app\tteam/app 1\nteam/app team/app 1\n");
    run.run().exits(0).sums_up("1 copied, 2 skipped, 0 failed").complains("the same as line 1");
    assert_eq!(count(&pair.destination, "PUT", "/manifests/", "201"), 1, "one push");
}

#[test]
fn five_tags_of_one_image_copy_its_blobs_once() {
    let Some(pair) = Pair::docker() else { return };
    let image = image(1);
    let tags = ["1", "1.2", "1.2.3", "latest", "stable"];
    for tag in tags {
        pair.source.push("team/app", tag, &image);
    }
    let list: String = tags.iter().map(|tag| format!("team/app team/app {tag}\n")).collect();
    pair.mirror(&list).run().exits(0).sums_up("5 copied, 0 skipped, 0 failed");
    for tag in tags {
        pair.assert_arrived("team/app", tag, &image);
    }
    assert_eq!(count(&pair.destination, "PUT", "/blobs/uploads/", "201"), image.blobs().len());
}

#[test]
fn layers_that_repositories_share_are_mounted() {
    let Some(pair) = Pair::docker() else { return };
    let mut list = String::new();
    for number in 1..=3 {
        pair.source.push(&format!("team/app{number}"), "1", &image(number));
        list += &format!("team/app{number} team/app{number} 1\n");
    }
    pair.mirror(&list).run().exits(0);
    for number in 1..=3 {
        pair.assert_arrived(&format!("team/app{number}"), "1", &image(number));
    }
    let uploads = count(&pair.destination, "PUT", "/blobs/uploads/", "201");
    assert_eq!(uploads, 1 + 3 + 3, "the shared layer once, an own layer and a config each");
    // The first upload is requested again, to learn whether the response tells that the blob
    // exists.
    assert_eq!(count(&pair.destination, "POST", "mount=sha256", "201"), 2 + 1, "mounts");
}

#[test]
fn a_second_run_skips_everything_and_writes_nothing() {
    let Some(pair) = Pair::docker() else { return };
    let mut list = String::new();
    for (number, content) in all_kinds().iter().enumerate() {
        pair.source.push("team/app", &format!("v{number}"), content);
        list += &format!("team/app team/app v{number}\n");
    }
    pair.mirror(&list).run().exits(0);
    let before = pair.destination.requests().len();
    pair.mirror(&list).run().exits(0).sums_up("0 copied, 5 skipped, 0 failed");
    let after = pair.destination.requests().split_off(before);
    let ping = |line: &&String| line.contains("\"GET /v2/ ");
    let other: Vec<&String> =
        after.iter().filter(|line| !line.contains("\"HEAD /v2/") && !ping(line)).collect();
    // Two reads of what cannot exist tell, once a run, whether this is a pull-through cache.
    let is_read = other.iter().all(|line| line.contains("\"GET /v2/"));
    assert!(is_read && other.len() <= 2, "more than looks: {other:#?}");
}

#[test]
fn one_registry_can_be_source_and_destination() {
    let Some(registry) = Registry::docker().start() else { return };
    let image = image(1);
    registry.push("team/app", "1", &image);
    let before = count(&registry, "PUT", "/blobs/uploads/", "201");
    let run = Longshore::new().mirror().list("team/app copy/app 1\n").source(registry.address());
    run.destination(registry.address()).run().exits(0).sums_up("1 copied, 0 skipped, 0 failed");
    registry.assert_complete("copy/app", "1");
    assert_eq!(registry.manifest("copy/app", "1").bytes, image.bytes());
    assert_eq!(count(&registry, "PUT", "/blobs/uploads/", "201"), before, "blobs were moved");
}

#[test]
fn without_f_the_list_comes_from_standard_input() {
    let pair = Pair::embedded();
    let image = image(1);
    pair.source.push("team/app", "1", &image);
    let run =
        Longshore::new().mirror().stdin("team/app team/app 1\n").source(pair.source.address());
    run.destination(pair.destination.address()).run().exits(0);
    pair.assert_arrived("team/app", "1", &image);
}

#[test]
fn the_report_is_on_standard_output_and_the_log_on_standard_error() {
    let pair = Pair::embedded();
    let image = image(1);
    pair.source.push("team/app", "1", &image);
    let run = pair.mirror("team/app team/app 1\n").run().exits(0);
    assert!(!run.stdout.contains('['), "log lines on standard output:\n{}", run.stdout);
    let from_to =
        format!("{}/team/app:1 → {}/team/app:1", pair.source.address(), pair.destination.address());
    let of_entries = run.stderr.lines().filter(|line| line.contains("[M_ID:"));
    let lines: Vec<&str> = of_entries.map(|line| &line[9..]).collect();
    let copied = format!("[INFO] [M_ID:1] copied {from_to} ({}, ", image.digest());
    assert!(lines[0].starts_with(&copied), "{}", run.stderr);
    assert_eq!(lines.len(), 1, "an entry is told once\n{}", run.stderr);
}

#[test]
fn a_short_name_that_the_source_has_below_library_gets_a_hint() {
    let pair = Pair::embedded();
    pair.source.push("library/busybox", "1.36", &image(1));
    pair.source.push("alpine", "3", &image(2));
    let list = "busybox copies/busybox 1.36\nalpine copies/alpine 3\nbusybox copies/other 2\n";
    let run = pair.mirror(list).args(["-j", "1"]).run().exits(1);
    let run = run.sums_up("1 copied, 0 skipped, 2 failed");
    let run =
        run.complains("hint: the source has library/busybox: write library/busybox in the list");
    assert_eq!(run.stderr.matches("the source has library/").count(), 1, "{}", run.stderr);
    pair.mirror(list).arg("--dry-run").run().exits(1).complains("the source has library/busybox");
    pair.validate(list).run().exits(1).complains("the source has library/busybox");
    // A name without a tag in one column of the other format.
    let run = Longshore::new().mirror().list("busybox:1.36\n").source(pair.source.address());
    run.destination(pair.destination.address()).run().exits(1).complains("write library/busybox");
}
