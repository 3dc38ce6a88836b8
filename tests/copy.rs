//! `copy`: one image or the tags of one repository, without a list.

use longshore_content::{Content, Image, Index};

use crate::support::{Longshore, Pair, Registry, Skopeo};

/// An index of three images. The default filter of lists would select two.
fn index() -> Content {
    let child = |platform: &str, seed| Image::new(platform).layer(seed, 100).build();
    Index::oci()
        .child(&child("linux/amd64", 1))
        .child(&child("linux/arm64", 2))
        .child(&child("linux/s390x", 3))
        .build()
}

fn image(seed: u64) -> Content {
    Image::new("linux/amd64").layer(seed, 100).build()
}

fn copy(source: &str, destination: &str) -> Longshore {
    Longshore::new().args(["copy", source, destination])
}

#[test]
fn an_image_keeps_all_platforms_its_digest_and_its_tag() {
    let Some(pair) = Pair::docker() else { return };
    let index = index();
    pair.source.push("team/app", "1", &index);
    let (from, to) = (pair.source.address(), pair.destination.address());
    for (source, destination, repository, tag) in [
        (format!("{from}/team/app:1"), format!("{to}/a/app"), "a/app", "1"),
        (format!("{from}/team/app:1"), format!("{to}/a/app:stable"), "a/app", "stable"),
        (format!("docker://{from}/team/app:1"), format!("docker://{to}/b:2"), "b", "2"),
        (format!("{from}/team/app:1"), to.to_owned(), "team/app", "1"),
        (format!("{from}/team/app@{}", index.digest()), format!("{to}/c:3"), "c", "3"),
        (format!("{from}/team/app:1@{}", index.digest()), format!("{to}/d"), "d", "1"),
        (format!("{from}/team/app:1"), format!("{to}/docker.io/x:1"), "docker.io/x", "1"),
    ] {
        let run = copy(&source, &destination).run().exits(0);
        run.sums_up("1 copied, 0 skipped, 0 failed");
        pair.assert_arrived(repository, tag, &index);
    }
    let again = copy(&format!("{from}/team/app:1"), &format!("{to}/a/app")).run().exits(0);
    again.sums_up("0 copied, 1 skipped, 0 failed");
}

#[test]
fn a_digest_alone_gets_no_tag_and_a_warning() {
    let pair = Pair::embedded();
    let image = image(1);
    pair.source.push("team/app", "1", &image);
    let source = format!("{}/team/app@{}", pair.source.address(), image.digest());
    let to = format!("{}/team/app", pair.destination.address());
    for destination in [to.clone(), format!("{to}@{}", image.digest())] {
        copy(&source, &destination).run().exits(0).complains("the destination gets no tag");
        pair.assert_arrived("team/app", image.digest(), &image);
    }
    pair.assert_absent("team/app", "1");
    let other = format!("{to}@{}", Image::new("linux/arm").build().digest());
    copy(&source, &other).run().exits(2).complains("a digest that the source does not have");
}

#[test]
fn platforms_are_selected_only_if_asked_for() {
    let pair = Pair::embedded();
    let index = index();
    pair.source.push("team/app", "1", &index);
    let source = format!("{}/team/app:1", pair.source.address());
    let destination = format!("{}/team/app", pair.destination.address());
    copy(&source, &destination).args(["--arch=arm64"]).run().exits(0);
    let found = pair.destination.manifest("team/app", "1");
    assert_ne!(found.digest, index.digest());
    copy(&source, &destination).run().exits(0);
    pair.assert_arrived("team/app", "1", &index);
}

#[test]
fn tags_are_copied_by_pattern_or_all_of_them() {
    let Some(pair) = Pair::docker() else { return };
    for (seed, tag) in (1..).zip(["1.0", "1.1", "2.0", "latest"]) {
        pair.source.push("team/app", tag, &image(seed));
    }
    let (from, to) = (pair.source.address(), pair.destination.address());
    let tags = |repository: &str| {
        let name = format!("{to}/{repository}");
        let listed = Longshore::new().args(["tags", &name]).run().exits(0).stdout;
        let mut tags: Vec<String> = listed.lines().map(str::to_owned).collect();
        tags.sort_unstable();
        tags
    };
    let source = format!("{from}/team/app");
    for (flags, repository, expected) in [
        (&["--tags=^1\\."][..], "one", &["1.0", "1.1"][..]),
        (&["--tags=^1\\.1$", "--tags=^lat"], "two", &["1.1", "latest"]),
        (&["--all-tags"], "all", &["1.0", "1.1", "2.0", "latest"]),
    ] {
        copy(&source, &format!("{to}/{repository}")).args(flags).run().exits(0);
        assert_eq!(tags(repository), expected);
    }
    copy(&source, to).args(["--tags", "2"]).run().exits(0);
    assert_eq!(tags("team/app"), ["2.0"]);
    for flags in [&["--tags=^3"][..], &["--tags=^3", "--dry-run"], &["--tags=^3", "--output=json"]]
    {
        let none = copy(&source, to).args(flags).run().exits(1);
        none.complains("none of 4 tags");
    }
    for (pattern, why) in [("*", "missing expression"), ("[", "unclosed"), ("(?=a)", "look-around")]
    {
        let wrong = copy(&source, to).args(["--tags=^1", "--tags", pattern]).run().exits(2);
        let wrong = wrong.complains(&format!("use --tags {pattern:?}: ")).complains(why);
        let wrong = wrong.complains("RE2 syntax");
        assert_eq!(wrong.file("copy-failed.txt"), None);
    }
}

#[test]
fn a_platform_that_the_image_does_not_have_is_a_failure() {
    let pair = Pair::embedded();
    pair.source.push("team/app", "1", &index());
    let source = format!("{}/team/app:1", pair.source.address());
    let run = copy(&source, pair.destination.address()).args(["--arch=riscv64"]).run().exits(1);
    run.complains("no platform satisfies the filter").sums_up("0 copied, 1 skipped, 0 failed");
}

#[test]
fn tags_of_referrers_are_left_to_their_flag() {
    let pair = Pair::embedded();
    let (image, signature) = (image(1), image(2));
    let hex = image.digest().replace(':', "-");
    for tag in ["1.0", "sha256-short", &hex, &format!("{hex}.sig"), &format!("{hex}.att")] {
        let content = if tag == "1.0" { &image } else { &signature };
        pair.source.push("team/app", tag, content);
    }
    let (from, to) = (pair.source.address(), pair.destination.address());
    let source = format!("{from}/team/app");
    let run = copy(&source, &format!("{to}/all")).arg("--all-tags").run().exits(0);
    let run = run.sums_up("2 copied, 0 skipped, 0 failed");
    run.complains("2 of 2 tags").complains("; 3 tags of referrers are left to --referrers");
    pair.assert_arrived("all", "sha256-short", &signature);
    pair.assert_absent("all", &hex);
    // A pattern that names them selects them.
    copy(&source, &format!("{to}/named")).arg("--tags=^sha256-.*sig$").run().exits(0);
    pair.assert_arrived("named", &format!("{hex}.sig"), &signature);
    let list = "team/app x/listed *\n";
    let listed = pair.mirror(list).arg("--referrers").run().exits(0);
    listed.complains("3 tags of referrers").sums_up("2 copied, 0 skipped, 0 failed");
    pair.assert_arrived("x/listed", &format!("{hex}.sig"), &signature);
    let only = format!("{from}/only");
    pair.source.push("only", &hex, &signature);
    copy(&only, to).arg("--all-tags").run().exits(1).complains("has only tags of signatures");
}

#[test]
fn a_folder_is_source_and_destination_as_other_tools_write_it() {
    let (pair, skopeo) = (Pair::embedded(), Skopeo::find());
    let image = image(1);
    pair.source.push("team/app", "1", &image);
    let folder = tempfile::tempdir().expect("a scratch directory can be made");
    let folder = folder.path().to_str().expect("it is UTF-8");
    let source = format!("{}/team/app:1", pair.source.address());
    copy(&source, &format!("oci:{folder}/usb/app:9")).run().exits(0);
    copy(&source, &format!("oci:{folder}/whole")).run().exits(0);
    for (layout, tag) in [("usb/app", "9"), ("whole/team/app", "1")] {
        let name = format!("oci:{folder}/{layout}:{tag}");
        if let Some(skopeo) = skopeo {
            assert_eq!(skopeo.inspect_raw_at(&name), image.bytes(), "{name}");
        }
        let to = format!("{}/back/{layout}", pair.destination.address());
        copy(&name, &to).run().exits(0);
        pair.assert_arrived(&format!("back/{layout}"), tag, &image);
    }
    // A layout that exists needs no tag, and neither does one in a folder of longshore.
    let to = pair.destination.address();
    let layout = format!("oci:{folder}/whole/team/app");
    copy(&layout, &format!("{to}/every")).args(["--all-tags"]).run().exits(0);
    pair.assert_arrived("every", "1", &image);
    copy(&source, &format!("oci:{folder}/whole/other")).run().exits(0);
    copy(&format!("oci:{folder}/whole/other:1"), to).run().exits(0);
    pair.assert_arrived("other", "1", &image);
    let whole = copy(&format!("oci:{folder}/whole"), to).run().exits(2);
    whole.complains("it names no repository").complains("/whole/REPOSITORY:TAG");
}

#[test]
fn what_cannot_be_copied_is_refused_before_the_run() {
    let registry = Registry::embedded();
    let name = format!("{}/team/app:1", registry.address());
    for (source, destination, flags, why) in [
        (&*name, "team/app", &[][..], "begin with the registry, such as docker.io/team/app"),
        (&name, &name, &[], "it is the source itself"),
        (&name, "oci:~/x:1", &[], "is not expanded"),
        ("docker-daemon:app:1", "localhost:1", &[], "run skopeo copy docker-daemon:app:1"),
        ("https://ghcr.io/team/app", "localhost:1", &[], "write ghcr.io/team/app"),
        (&name, "localhost:1/a", &["--all-tags"], "leave the tag out"),
        (&name, "localhost:1/a", &["--tags=1", "--all-tags"], "cannot be used with"),
    ] {
        let run = copy(source, destination).args(flags).run().exits(2);
        let said = run.stderr.contains(why);
        assert!(said, "{source} {destination}: {}", run.stderr);
    }
    assert!(registry.requests().is_empty(), "{:?}", registry.requests());
}

#[test]
fn a_failure_names_the_command_that_repeats_it() {
    let pair = Pair::embedded();
    let (source, to) = (format!("{}/a:1", pair.source.address()), pair.destination.address());
    let run = copy(&source, to).args(["--arch", "arm64"]).run().exits(1);
    let run = run.complains("not found (404)").sums_up("0 copied, 0 skipped, 1 failed");
    assert_eq!(run.file("copy-failed.txt"), None);
    let line =
        run.stderr.lines().find_map(|line| line.split_once("repeat with: ")).expect("said").1;
    assert_eq!(line, format!("longshore copy {source} {to} --arch=arm64"));
    pair.source.push("a", "1", &index());
    run.shell(line).exits(0).sums_up("1 copied");
}

#[test]
fn failed_tags_are_a_list_that_mirror_repeats() {
    let pair = Pair::embedded();
    let (good, bad) = (index(), image(7));
    pair.source.push("docker.io/app", "1", &good);
    pair.source.push("docker.io/app", "2", &bad);
    pair.source.lose("docker.io/app", bad.digest());
    let source = format!("{}/docker.io/app", pair.source.address());
    let run = copy(&source, &format!("{}/b", pair.destination.address()))
        .args(["--all-tags"])
        .run()
        .exits(1);
    let run = run.sums_up("1 copied, 0 skipped, 1 failed");
    pair.assert_arrived("b", "1", &good);
    let list = run.file("copy-failed.txt").expect("there is a failed list");
    assert!(list.contains("docker.io/app") && list.contains("platforms=all"), "{list}");
    pair.source.push("docker.io/app", "2", &index());
    let repeated = run.repeated("copy-failed.txt").exits(0);
    let repeated = repeated.sums_up("1 copied, 0 skipped, 0 failed");
    pair.assert_arrived("b", "2", &index());
    assert_eq!(repeated.file("copy-failed.txt"), None, "nothing failed");
}

#[test]
fn a_dry_run_copies_nothing() {
    let pair = Pair::embedded();
    pair.source.push("a", "1", &image(1));
    let source = format!("{}/a:1", pair.source.address());
    let run = copy(&source, pair.destination.address()).args(["--dry-run"]).run().exits(0);
    assert!(run.stdout.contains("would be copied"), "{}", run.stdout);
    pair.assert_absent("a", "1");
}

#[test]
fn a_failed_dry_run_is_not_repeated_as_a_copy() {
    for flags in [&["--dry-run"][..], &["--dry-run", "--arch=arm64"], &["--dry-run=true"]] {
        let pair = Pair::embedded();
        let (source, to) = (format!("{}/a:1", pair.source.address()), pair.destination.address());
        let run = copy(&source, to).args(flags).run().exits(1);
        let said = run.stderr.lines().find_map(|line| line.split_once("repeat with: "));
        let (_, line) = said.expect("it is said");
        assert!(line.contains(" --dry-run=true"), "{line}");
        pair.source.push("a", "1", &index());
        run.shell(line).exits(0).sums_up("1 to copy, 0 skipped, 0 failed");
        pair.assert_absent("a", "1");
    }
}

#[test]
fn one_platform_is_its_manifest_without_an_index() {
    let pair = Pair::embedded();
    let child = |platform: &str, seed| Image::new(platform).layer(seed, 100).build();
    let (amd, arm, v7) =
        (child("linux/amd64", 1), child("linux/arm64/v8", 2), child("linux/arm/v7", 3));
    let attestation = Image::artifact("application/vnd.in-toto+json").layer(4, 50).build();
    let index = Index::oci().child(&amd).child(&arm).child(&v7).attestation(&attestation, &amd);
    let index = index.build();
    pair.source.push("team/app", "1", &index);
    pair.source.push("team/single", "1", &v7);
    let (from, to) = (pair.source.address(), pair.destination.address());
    for (source, platform, child) in [
        ("team/app:1", "linux/amd64", &amd),
        ("team/app:1", "linux/arm64", &arm),
        ("team/app:1", "linux/arm/v7", &v7),
        ("team/app:1", "linux/arm", &v7),
        ("team/single:1", "linux/arm/v7", &v7),
        (&format!("team/app:1@{}", index.digest()), "linux/amd64", &amd),
    ] {
        let run = copy(&format!("{from}/{source}"), &format!("{to}/x")).arg("--platform");
        run.arg(platform).run().exits(0);
        pair.assert_arrived("x", "1", child);
    }
    let lost = "and not those of the index";
    for (source, flags, warns) in [
        ("team/app:1", &["--referrers", "--dry-run"][..], true),
        ("team/app:1", &["--referrers"], true),
        ("team/app:1", &[], false),
        ("team/single:1", &["--referrers"], false),
    ] {
        let platform = if source.contains("single") { "linux/arm/v7" } else { "linux/arm64" };
        let run = copy(&format!("{from}/{source}"), &format!("{to}/z")).args(flags);
        let run = run.args(["--platform", platform]).run().exits(0);
        assert_eq!(run.stderr.contains(lost), warns, "{source} {flags:?}: {}", run.stderr);
    }
    let by_digest = format!("{from}/team/app@{}", index.digest());
    copy(&by_digest, &format!("{to}/y:2")).arg("--platform=linux/arm64").run().exits(0);
    pair.assert_arrived("y", "2", &arm);
    let source = format!("{from}/team/app:1");
    for platform in ["linux/s390x", "windows/amd64", "linux/amd46"] {
        let run = copy(&source, to).args(["--platform", platform]).run().exits(1);
        let text = format!(
            "copy {platform} of {source}: its platforms are linux/amd64, linux/arm64/v8, linux/arm/v7"
        );
        run.complains(&text).complains("hint: name one of them with --platform");
    }
    copy(&format!("{from}/none:1"), to)
        .arg("--platform=linux/amd64")
        .run()
        .exits(1)
        .complains("404");
    copy(&source, to).arg("--platform=arm64").run().exits(2).complains("write os/architecture");
    for other in ["--all-tags", "--tags=1", "--arch=arm64", "--os=linux"] {
        copy(&source, to)
            .args(["--platform=linux/arm64", other])
            .run()
            .exits(2)
            .complains("cannot be used");
    }
}

#[test]
fn an_image_layout_without_a_tag_has_one_or_is_asked_for_it() {
    let pair = Pair::embedded();
    let (one, other) = (image(1), image(2));
    pair.source.push("team/app", "1.0", &one);
    pair.source.push("team/app", "latest", &other);
    pair.source.push("team/app", "2.0", &other);
    let folder = tempfile::tempdir().expect("a scratch directory can be made");
    let layout = format!("oci:{}/usb/app", folder.path().display());
    let (from, to) = (format!("{}/team/app", pair.source.address()), pair.destination.address());
    let put = |tag: &str| {
        copy(&format!("{from}:{tag}"), &format!("{layout}:{tag}")).run().exits(0);
    };
    put("1.0");
    copy(&layout, &format!("{to}/a")).run().exits(0);
    pair.assert_arrived("a", "1.0", &one);
    let shown = Longshore::new().args(["inspect", &layout]).run().exits(0).stdout;
    assert!(shown.contains(one.digest()), "{shown}");
    put("2.0");
    let error = ": it has the tags 1.0, 2.0";
    for command in ["copy", "inspect"] {
        let to = format!("{to}/b");
        let run = Longshore::new().args([command, &layout]);
        let run = if command == "copy" { run.arg(&to) } else { run };
        let run = run.run().exits(2).complains(error);
        run.complains(&format!("hint: write {layout}:TAG"));
    }
    put("latest");
    copy(&layout, &format!("{to}/b")).run().exits(0);
    pair.assert_arrived("b", "latest", &other);
    let tags = Longshore::new().args(["tags", &layout]).run().exits(0).stdout;
    assert_eq!(tags, "1.0\n2.0\nlatest\n");
    let tagged = Longshore::new().args(["tags", &format!("{layout}:1.0")]).run().exits(2);
    tagged.complains("it has a tag or a digest");
    let missing = copy(&format!("{layout}:3"), &format!("{to}/c")).run().exits(1);
    missing.complains("not found; the image layout has the tags 1.0, 2.0, latest");
    let nowhere = format!("oci:{}/usb/none", folder.path().display());
    let place = format!("there is no image layout at {}/usb/none", folder.path().display());
    copy(&format!("{nowhere}:1"), &format!("{to}/c")).run().exits(1).complains(&place);
    for command in ["tags", "inspect"] {
        let name = if command == "tags" { nowhere.clone() } else { format!("{nowhere}:1") };
        let run = Longshore::new().args([command, &name]).run();
        assert!(
            run.stderr.contains("no image layout at") || run.stderr.contains("names no repository"),
            "{}",
            run.stderr
        );
    }
}

#[test]
fn docker_s_types_in_a_folder_are_told_once() {
    let pair = Pair::embedded();
    let docker = Image::new("linux/amd64").docker().layer(1, 10).build();
    pair.source.push("team/docker", "1", &docker);
    pair.source.push("team/docker", "2", &docker);
    pair.source.push("team/oci", "1", &image(2));
    let folder = tempfile::tempdir().expect("a scratch directory can be made");
    let to = format!("oci:{}", folder.path().display());
    let told = |list: &str, to: &str| {
        let run = Longshore::new().mirror().list(list).source(pair.source.address());
        let run = run.destination(to).run().exits(0);
        run.stderr.matches("has Docker's media type").count()
    };
    assert_eq!(told("team/oci team/oci 1\n", &to), 0);
    let all = "team/docker more/docker 1\nteam/docker more/docker 2\nteam/oci more/oci 1\n";
    let run = Longshore::new().mirror().list(all).source(pair.source.address());
    let run = run.destination(&to).run().exits(0);
    run.complains(
        "[WARN] 2 images in folders have Docker's media types, which skopeo does not read",
    );
    assert_eq!(told("team/docker team/docker 1\nteam/docker team/docker 2\n", &to), 1);
    assert_eq!(told("team/docker team/docker 1\n", pair.destination.address()), 0);
    let source = format!("{}/team/docker:1", pair.source.address());
    let run = copy(&source, &format!("{to}/one/app:1")).run().exits(0);
    run.complains(&format!("skopeo copy docker://{source} oci:DIR:TAG converts it"));
    let other = tempfile::tempdir().expect("a scratch directory can be made");
    let other = format!("oci:{}/usb/app:1", other.path().display());
    let run = copy(&format!("{to}/one/app:1"), &other).run().exits(0);
    let run = run
        .complains("skopeo copy docker://… converts it from a registry, such as longshore serve");
    assert!(!run.stderr.contains("docker://oci:"), "{}", run.stderr);
    let archive = copy(&source, "docker-archive:foo.tar").run().exits(2);
    archive
        .complains("hint: run skopeo copy docker://REGISTRY/REPOSITORY:TAG docker-archive:foo.tar");
}

/// Rewrites the `index.json` of a layout, so that its manifests have no tags or other names.
fn rename(layout: &str, name: &str) {
    let path = format!("{layout}/index.json");
    let text = std::fs::read_to_string(&path).expect("there is an index");
    let mut index: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
    for manifest in index["manifests"].as_array_mut().expect("it is a list") {
        manifest["annotations"] = match name {
            "" => serde_json::Value::Null,
            name => serde_json::json!({ "org.opencontainers.image.ref.name": name }),
        };
        if name.is_empty() {
            manifest.as_object_mut().expect("it is an object").remove("annotations");
        }
    }
    std::fs::write(&path, index.to_string()).expect("it is written");
}

#[test]
fn the_only_image_of_a_layout_needs_no_tag() {
    let pair = Pair::embedded();
    let (single, index) = (image(7), index());
    pair.source.push("a", "1", &single);
    pair.source.push("b", "1", &index);
    let (from, to) = (pair.source.address(), pair.destination.address());
    let folder = tempfile::tempdir().expect("a scratch directory can be made");
    // Without a name, as `crane pull --format oci` writes it, and with one that is not a tag.
    for (at, name, path, image) in [
        (1, "", "a", &single),
        (2, "", "b", &index),
        (3, "localhost:5601/team/app:1.0", "a", &single),
    ] {
        let layout = format!("{}/l{at}/x", folder.path().display());
        copy(&format!("{from}/{path}:1"), &format!("oci:{layout}:1")).run().exits(0);
        rename(&layout, name);
        let layout = format!("oci:{layout}");
        copy(&layout, &format!("{to}/c{at}:9")).run().exits(0);
        pair.assert_arrived(&format!("c{at}"), "9", image);
        copy(&layout, &format!("{to}/d{at}")).run().exits(0);
        pair.assert_arrived(&format!("d{at}"), "latest", image);
        let shown = Longshore::new().args(["inspect", &layout]).run().exits(0).stdout;
        assert!(shown.contains(image.digest()), "{shown}");
        let tags = Longshore::new().args(["tags", &layout]).run().exits(0);
        assert_eq!(tags.stdout, "");
        tags.complains(&format!(
            "has no tags, but 1 manifest without one; name it as {layout}@sha256:"
        ));
        let wrong = copy(&format!("{layout}:1"), &format!("{to}/e")).run().exits(1);
        wrong.complains(&format!("the image layout has no tags, but {}", image.digest()));
    }
    let platform = copy(&format!("oci:{}/l2/x", folder.path().display()), &format!("{to}/f"));
    platform.arg("--platform=linux/arm64").run().exits(0);
    assert_eq!(pair.destination.endpoint().tags("f").expect("it answers"), ["latest"]);
    // Two images: one has to be chosen.
    let both = format!("{}/l1/x", folder.path().display());
    copy(&format!("{from}/b:1"), &format!("oci:{both}:2")).run().exits(0);
    rename(&both, "");
    let run = copy(&format!("oci:{both}"), &format!("{to}/g")).run().exits(2);
    let run = run.complains("it has no tags, and the manifests sha256:");
    run.complains(&format!("hint: write oci:{both}@DIGEST"));
    let chosen = format!("oci:{both}@{}", index.digest());
    copy(&chosen, &format!("{to}/g:1")).run().exits(0);
    pair.assert_arrived("g", "1", &index);
}

#[test]
fn a_colon_makes_a_new_folder_an_image_layout() {
    let pair = Pair::embedded();
    for tag in ["1", "2"] {
        pair.source.push("team/app", tag, &image(1));
    }
    let source = format!("{}/team/app", pair.source.address());
    let folder = tempfile::tempdir().expect("a scratch directory can be made");
    let place = |path: &str| folder.path().join(path).join("index.json").is_file();
    let to = |path: &str| format!("oci:{}/{path}", folder.path().display());
    copy(&source, &to("new/app:")).arg("--all-tags").run().exits(0);
    assert!(place("new/app") && !place("new/app/team/app"));
    let tags = Longshore::new().args(["tags", &to("new/app")]).run().exits(0).stdout;
    assert_eq!(tags, "1\n2\n");
    copy(&source, &to("other")).arg("--all-tags").run().exits(0);
    assert!(place("other/team/app"), "without the colon, it is a folder of layouts");
    copy(&format!("{source}:2"), &to("third/x:")).run().exits(0);
    assert_eq!(Longshore::new().args(["tags", &to("third/x")]).run().exits(0).stdout, "2\n");
}

#[test]
fn a_digest_at_the_destination_is_told_from_a_wrong_one() {
    let registry = Registry::embedded();
    let (digest, other) = (image(1).digest().to_owned(), image(2).digest().to_owned());
    let to = format!("{}/b@{digest}", registry.address());
    for source in ["a:1.0", "a"] {
        let run = copy(&format!("{}/{source}", registry.address()), &to).run().exits(2);
        run.complains("it has a digest, and the source does not name one");
    }
    let run = copy(&format!("{}/a@{other}", registry.address()), &to).run().exits(2);
    run.complains("it has a digest that the source does not have");
}
