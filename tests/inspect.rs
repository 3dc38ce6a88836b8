//! `tags` and `inspect`: one repository and one image, without copying.

use longshore_content::{Content, Image, Index};

use crate::support::{Longshore, Pair, Registry};

const SIGNATURE: &str = "application/vnd.example.signature.v1+json";

/// An index of two images with a shared layer, and an attestation.
fn index() -> (Content, Content, Content) {
    let amd = Image::new("linux/amd64").layer(1, 1000).layer(2, 100).build();
    let arm = Image::new("linux/arm64/v8").layer(1, 1000).layer(3, 10).build();
    let attestation = Image::artifact("application/vnd.in-toto+json").layer(4, 50).build();
    let index = Index::oci().child(&amd).child(&arm).attestation(&attestation, &amd).build();
    (index, amd, arm)
}

fn signature(subject: &Content) -> Content {
    Image::artifact(SIGNATURE).layer(9, 20).subject(subject).build()
}

fn inspect(reference: &str) -> Longshore {
    Longshore::new().args(["inspect", reference])
}

#[test]
fn tags_are_listed_one_a_line() {
    let registry = Registry::embedded();
    let image = Image::new("linux/amd64").layer(1, 10).build();
    for tag in ["2", "1.0", "latest"] {
        registry.push("team/app", tag, &image);
    }
    let name = format!("{}/team/app", registry.address());
    let run = Longshore::new().args(["tags", &name]).run().exits(0);
    let mut tags: Vec<&str> = run.stdout.lines().collect();
    tags.sort_unstable();
    assert_eq!(tags, ["1.0", "2", "latest"]);
    let json =
        Longshore::new().args(["tags", "team/app", "--output=json", "-s", registry.address()]);
    assert_eq!(json.run().exits(0).json()["tags"].as_array().map(Vec::len), Some(3));
    for tag in ["1.10", "v1.9", "1.10-rc.1", "nightly"] {
        registry.push("team/app", tag, &image);
    }
    let sorted = Longshore::new().args(["tags", &name]).run().exits(0).stdout;
    let sorted: Vec<&str> = sorted.lines().collect();
    assert_eq!(sorted, ["1.0", "v1.9", "1.10-rc.1", "1.10", "2", "latest", "nightly"]);
    for wrong in [format!("{name}:1.0"), format!("{name}@{}", image.digest())] {
        let run = Longshore::new().args(["tags", &wrong]).run().exits(2);
        run.complains("it has a tag or a digest");
    }
    let run = Longshore::new().args(["tags", &format!("{}/team/none", registry.address())]).run();
    run.exits(1).complains("list the tags of").complains("not found (404)");
}

#[test]
fn a_short_name_is_looked_for_below_library() {
    let pair = Pair::embedded();
    let image = Image::new("linux/amd64").layer(1, 10).build();
    pair.source.push("library/busybox", "1.36", &image);
    let (from, to) = (pair.source.address(), pair.destination.address());
    let busybox = format!("{from}/busybox");
    let hint = "the source has library/busybox: write library/busybox in the list or the command";
    for words in [
        &["tags", &busybox][..],
        &["tags", "busybox", "-s", from],
        &["inspect", &format!("{busybox}:1.36")],
        &["copy", &busybox, to, "--all-tags"],
    ] {
        Longshore::new().args(words.iter().copied()).run().exits(1).complains(hint);
    }
    let list = "# longshore: tags=^1\nbusybox copies/busybox *\n";
    pair.mirror(list).run().exits(1).complains(hint);
    for other in ["alpine", "team/busybox"] {
        let run = Longshore::new().args(["tags", other, "-s", from]).run().exits(1);
        assert!(!run.stderr.contains("library"), "{}", run.stderr);
    }
}

#[test]
fn an_image_is_shown_with_platforms_sizes_and_referrers() {
    let registry = Registry::embedded();
    let (index, amd, arm) = index();
    registry.push("team/app", "1", &index);
    let signature = signature(&index);
    registry.push("team/app", signature.digest(), &signature);
    let reference = format!("{}/team/app:1", registry.address());
    let report = inspect(&reference).arg("--output=json").run().exits(0).json();
    assert_eq!(report["digest"], index.digest());
    assert_eq!(report["isIndex"], true);
    let manifests = report["manifests"].as_array().expect("there are manifests");
    let shown = |key: &str| manifests.iter().map(|found| found[key].clone()).collect::<Vec<_>>();
    assert_eq!(shown("digest")[..2], [amd.digest(), arm.digest()]);
    assert_eq!(shown("platform")[..2], ["linux/amd64", "linux/arm64/v8"]);
    assert_eq!(shown("layers"), [2, 2, 1]);
    assert_eq!(manifests[2]["attestationOf"], amd.digest());
    assert!(manifests[2]["platform"].is_null());
    assert_eq!(report["referrers"][0]["digest"], signature.digest());
    assert_eq!(report["referrers"][0]["artifactType"], SIGNATURE);
    assert_eq!(report["referrers"][0]["subject"], index.digest());
    assert!(report["destination"].is_null());
    let run = inspect(&reference).run().exits(0);
    assert!(run.stdout.contains("linux/arm64/v8, 2 layers, "), "{}", run.stdout);
    // The shared layer counts once.
    let blobs = |content: &Content| content.blob_bytes();
    let both = report["bytes"].as_u64().expect("it is a number");
    assert!(both < blobs(&index) + 10_000 && both > 1_160, "{both}");
}

#[test]
fn a_single_image_has_the_platform_of_its_configuration() {
    let registry = Registry::embedded();
    let image = Image::new("linux/arm/v7").layer(1, 10).build();
    registry.push("app", "1", &image);
    let reference = format!("{}/app:1", registry.address());
    let report = inspect(&reference).arg("--output=yaml").run().exits(0);
    assert!(report.stdout.contains("platform: linux/arm/v7"), "{}", report.stdout);
    assert!(report.stdout.contains("isIndex: false"), "{}", report.stdout);
    let artifact = Image::artifact(SIGNATURE).layer(1, 10).build();
    registry.push("app", "sig", &artifact);
    let run = inspect(&format!("{}/app:sig", registry.address())).run().exits(0);
    assert!(run.stdout.contains("no platform, 1 layer, "), "{}", run.stdout);
}

#[test]
fn the_destination_has_all_some_or_nothing_of_it() {
    let pair = Pair::embedded();
    let (index, amd, _) = index();
    pair.source.push("team/app", "1", &index);
    let reference = format!("{}/team/app:1", pair.source.address());
    let status = || {
        let run = inspect(&reference).args(["--output=json", "-d", pair.destination.address()]);
        let found = run.run().exits(0).json()["destination"].clone();
        let status = found["status"].as_str().expect("it is text").to_owned();
        (status, found["manifests"].as_u64().expect("it is a number"))
    };
    assert_eq!(status(), ("missing".to_owned(), 0));
    pair.destination.push("team/app", "other", &amd);
    assert_eq!(status(), ("missing".to_owned(), 1));
    pair.destination.push("team/app", "1", &amd);
    assert_eq!(status(), ("other".to_owned(), 1));
    pair.mirror("team/app team/app 1\n").run().exits(0);
    assert_eq!(status(), ("same".to_owned(), 3));
    let run = inspect(&reference).args(["-d", pair.destination.address()]).run().exits(0);
    assert!(run.stdout.ends_with("/team/app:1: the same digest\n"), "{}", run.stdout);
}

#[test]
fn what_the_tag_has_is_told_from_what_lies_beside_it() {
    let pair = Pair::embedded();
    let (index, amd, arm) = index();
    pair.source.push("team/app", "1", &index);
    let reference = format!("{}/team/app:1", pair.source.address());
    let told = || {
        let run = || inspect(&reference).args(["-d", pair.destination.address()]);
        let text = run().run().exits(0).stdout;
        let json = run().arg("--output=json").run().exits(0).json()["destination"].clone();
        let tagged = json["tagged"].as_array().expect("a list").clone();
        let line = text.lines().last().expect("a line").to_owned();
        (line, tagged, json["manifests"].as_u64().expect("a number"))
    };
    let (line, tagged, _) = told();
    assert!(line.ends_with("/team/app:1: missing") && tagged.is_empty(), "{line}");

    // A run with a filter writes an index of its own.
    pair.mirror("team/app team/app 1\n").args(["-a", "arm64"]).run().exits(0);
    let (line, tagged, there) = told();
    assert!(line.ends_with("; the tag has 1 of 3 manifests (linux/arm64/v8)"), "{line}");
    assert_eq!((&tagged[..], there), (&[arm.digest().into()][..], 1));

    // The whole image lies beside it by now.
    pair.destination.push("team/app", "whole", &index);
    let (line, tagged, there) = told();
    let end = "; the tag has 1 of 3 manifests (linux/arm64/v8); 2 more in the repository, not under this tag";
    assert!(line.contains(": another digest, sha256:") && line.ends_with(end), "{line}");
    assert_eq!((tagged.len(), there), (1, 3));

    // A single image, and one that has nothing of it.
    pair.destination.push("team/app", "1", &amd);
    let (line, tagged, _) = told();
    assert!(line.contains("the tag has 1 of 3 manifests (linux/amd64); 2 more"), "{line}");
    assert_eq!(tagged, [amd.digest()]);
    pair.destination.push("team/app", "1", &Image::new("linux/amd64").layer(77, 10).build());
    let (line, tagged, there) = told();
    assert!(line.contains("the tag has no manifest of this image; 3 more in"), "{line}");
    assert_eq!((tagged.len(), there), (0, 3));
}

#[test]
fn a_folder_is_inspected_like_a_registry() {
    let registry = Registry::embedded();
    let image = Image::new("linux/amd64").layer(1, 10).build();
    registry.push("team/app", "1", &image);
    let folder = format!("oci:{}", registry.directory().display());
    let run = inspect("team/app:1").args(["-s", &folder, "-d", registry.address()]).run().exits(0);
    assert!(run.stdout.contains("the same digest"), "{}", run.stdout);
    let run = Longshore::new().args(["tags", "team/app", "-s", &folder]).run().exits(0);
    assert_eq!(run.stdout, "1\n");
}

#[test]
fn what_is_missing_or_no_reference_is_named() {
    let registry = Registry::embedded();
    let run = inspect(&format!("{}/team/app:1", registry.address())).run().exits(1);
    run.complains("fetch manifest").complains("not found (404)");
    for wrong in ["UPPER", "https://ghcr.io/team/app:1", "a b", "app:1:2"] {
        let run = inspect(wrong).run().exits(2);
        run.complains("read the reference").complains("hint: write [REGISTRY/]REPOSITORY");
    }
}

#[test]
fn referrers_of_manifests_and_cosign_s_tags_are_shown_with_their_types() {
    let (registry, (index, amd, arm)) = (Registry::embedded(), index());
    registry.push("team/app", "1", &index);
    let of_index = signature(&index);
    let sbom = Image::artifact("application/vnd.example.sbom").layer(5, 20).subject(&amd).build();
    for referrer in [&of_index, &sbom] {
        registry.push("team/app", referrer.digest(), referrer);
    }
    let (sig, att) =
        (Image::artifact(SIGNATURE).layer(6, 9).build(), Image::artifact("x/y").build());
    let tag = |of: &Content, end: &str| format!("{}.{end}", of.digest().replace(':', "-"));
    registry.push("team/app", &tag(&index, "sig"), &sig);
    registry.push("team/app", &tag(&arm, "att"), &att);
    // A signature that is listed and tagged is shown once.
    registry.push("team/app", &tag(&amd, "sbom"), &sbom);
    let reference = format!("{}/team/app:1", registry.address());
    let report = inspect(&reference).arg("--output=json").run().exits(0).json();
    let referrers = report["referrers"].as_array().expect("a list");
    let of = |content: &Content| {
        let mut found = referrers.iter().filter(|found| found["digest"] == content.digest());
        let only = found.next().unwrap_or_else(|| panic!("{report:#}"));
        assert!(found.next().is_none(), "it is shown once: {report:#}");
        only.clone()
    };
    assert_eq!(referrers.len(), 4, "{report:#}");
    assert_eq!(of(&of_index)["tag"], serde_json::Value::Null);
    assert_eq!(of(&sbom)["artifactType"], "application/vnd.example.sbom");
    assert_eq!(of(&sbom)["subject"], amd.digest());
    assert_eq!(of(&sig)["tag"], *tag(&index, "sig"));
    assert_eq!(of(&att)["subject"], arm.digest());
    let text = inspect(&reference).run().exits(0).stdout;
    for part in [
        &format!("  {SIGNATURE}, "),
        "application/vnd.example.sbom, ",
        ", of linux/amd64\n",
        ", of linux/arm64/v8, by cosign's tag .att\n",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn the_destination_is_where_mirror_puts_the_image() {
    let pair = Pair::embedded();
    let image = Image::new("linux/amd64").layer(1, 10).build();
    for path in ["app", "team/app"] {
        pair.source.push(path, "1", &image);
    }
    pair.mirror("app app 1\nteam/app team/app 1\n").run().exits(0);
    let to = pair.destination.address();
    let place = |path: &str, flags: &[&str]| {
        let run = inspect(&format!("{}/{path}:1", pair.source.address())).args(["-d", to]);
        let text = run.args(flags).run().exits(0).stdout;
        text.lines().last().and_then(|line| line.split_once("/")).expect("a line").1.to_owned()
    };
    assert_eq!(place("app", &[]), "library/app:1: the same digest");
    assert_eq!(place("team/app", &[]), "team/app:1: the same digest");
    assert_eq!(place("app", &["--default-project=-"]), "app:1: missing");
    assert_eq!(place("app", &["--default-project=team"]), "team/app:1: the same digest");
    let settings = "destination = \"TO\"\ndefault-project = \"team\"\n".replace("TO", to);
    let run = inspect(&format!("{}/app:1", pair.source.address())).file("s.toml", settings);
    let run = run.args(["--settings", "s.toml"]).run().exits(0);
    assert!(run.stdout.contains("/team/app:1: the same digest"), "{}", run.stdout);
}

#[test]
fn referrers_that_the_destination_lacks_are_told() {
    let pair = Pair::embedded();
    let (index, amd, _) = index();
    pair.source.push("team/app", "1", &index);
    let sbom = Image::artifact("application/vnd.example.sbom").layer(5, 20).subject(&amd).build();
    for referrer in [&signature(&index), &sbom] {
        pair.source.push("team/app", referrer.digest(), referrer);
    }
    let tag = format!("{}.sig", index.digest().replace(':', "-"));
    pair.source.push("team/app", &tag, &Image::artifact(SIGNATURE).layer(6, 9).build());
    let told = || {
        let reference = format!("{}/team/app:1", pair.source.address());
        let run = || inspect(&reference).args(["-d", pair.destination.address()]);
        let text = run().run().exits(0).stdout;
        let line = text.lines().last().expect("a line").to_owned();
        let json = run().arg("--output=json").run().exits(0).json();
        let held = json["destination"]["referrers"].as_u64().expect("a number");
        (line.split_once(":1: ").expect("a reference").1.to_owned(), held)
    };
    pair.mirror("team/app team/app 1\n").args(["-a", "all", "--os", "all"]).run().exits(0);
    assert_eq!(told(), ("the same digest; without its 3 referrers".to_owned(), 0));
    pair.destination.push("team/app", sbom.digest(), &sbom);
    assert_eq!(told(), ("the same digest; without 2 of its 3 referrers".to_owned(), 1));
    let run = pair.mirror("team/app team/app 1\n").arg("--referrers");
    run.args(["-a", "all", "--os", "all"]).run().exits(0);
    assert_eq!(told(), ("the same digest".to_owned(), 3));
}

#[test]
fn the_source_is_shown_if_the_destination_is_not_there() {
    let registry = Registry::embedded();
    let image = Image::new("linux/amd64").layer(1, 10).build();
    registry.push("team/app", "1", &image);
    let reference = format!("{}/team/app:1", registry.address());
    let digest = format!("digest      {}\n", image.digest());
    for settings in ["", "destination = \"127.0.0.1:9\"\n"] {
        let flags: &[&str] = if settings.is_empty() { &["-d", "127.0.0.1:9"] } else { &[] };
        let run = || inspect(&reference).file("s.toml", settings).args(["--settings", "s.toml"]);
        let text = run().args(flags).run().exits(1);
        assert!(text.stdout.contains(&digest), "{}", text.stdout);
        assert!(text.stdout.ends_with("/team/app:1: it could not be read\n"), "{}", text.stdout);
        let text = text.complains("failed to look up manifest 127.0.0.1:9/team/app:1");
        assert!(!text.stderr.contains("failed to destination"), "{}", text.stderr);
        let json = run().args(flags).arg("--output=json").run().exits(1).json();
        assert_eq!(json["digest"], image.digest());
        assert_eq!(json["destination"]["status"], "failed");
    }
    // A folder that a copy would create.
    let run = inspect(&reference).args(["-d", "oci:new/folder"]).run().exits(0);
    assert!(run.stdout.ends_with("oci:new/folder/team/app:1: missing\n"), "{}", run.stdout);
    let absent = inspect(&format!("{}/none:1", registry.address())).run().exits(1);
    absent.complains("failed to fetch manifest");
}

#[test]
fn the_source_of_the_settings_file_is_for_names_without_a_registry() {
    let (registry, other) = (Registry::embedded(), Registry::embedded());
    let image = |seed| Image::new("linux/amd64").layer(seed, 10).build();
    registry.push("team/app", "1.0", &image(1));
    other.push("team/app", "2.0", &image(2));
    let settings = format!("source = \"{}\"\n", other.address());
    let run = |arguments: &[&str]| {
        let run = Longshore::new().file("s.toml", &settings).args(["--settings", "s.toml"]);
        run.args(arguments).run().exits(0).stdout
    };
    let explicit = format!("{}/team/app", registry.address());
    let layout = format!("oci:{}/team/app", registry.directory().display());
    assert_eq!(run(&["tags", "team/app"]), "2.0\n");
    assert_eq!(run(&["tags", &explicit]), "1.0\n");
    assert_eq!(run(&["tags", &format!("docker://{explicit}")]), "1.0\n");
    assert_eq!(run(&["tags", &layout]), "1.0\n");
    assert!(run(&["inspect", &format!("{explicit}:1.0")]).contains(image(1).digest()));
    assert!(run(&["inspect", &format!("docker://{explicit}:1.0")]).contains(image(1).digest()));
    assert!(run(&["inspect", "team/app:2.0"]).contains(image(2).digest()));
    // -s replaces the registry, as in `mirror`.
    assert_eq!(run(&["tags", &explicit, "-s", other.address()]), "2.0\n");
}

#[test]
fn a_registry_alone_is_no_repository() {
    for command in ["tags", "inspect"] {
        let ipv6 = ["[::1]:5601", "[fd00::1]"];
        for registry in ["localhost:5601", "registry.example.com", "docker.io", "127.0.0.1:1"]
            .iter()
            .chain(&ipv6)
        {
            let run = Longshore::new().args([command, registry]).run().exits(2);
            let run = run.complains("it is a registry without a repository");
            run.complains(&format!("hint: write {registry}/REPOSITORY"));
        }
        let run = Longshore::new().args([command, "oci:/no/such"]).run().exits(2);
        let run = run.complains("there is no image layout at /no/such");
        assert!(!run.stderr.contains("REPOSITORY"), "{}", run.stderr);
    }
}

#[test]
fn configurations_are_shown_if_that_is_asked_for() {
    let registry = Registry::embedded();
    let image = |platform: &str, label: &str| {
        Image::new(platform).label("org.example.name", label).layer(1, 10).build()
    };
    let (amd, arm) = (image("linux/amd64", "one"), image("linux/arm64", "two \u{1b}[31m"));
    let proof = Image::artifact("application/vnd.in-toto+json").layer(4, 50).build();
    let index = Index::oci().child(&amd).child(&arm).attestation(&proof, &amd).build();
    registry.push("team/app", "1", &index);
    registry.push("team/app", "single", &amd);
    registry.push("team/app", "artifact", &proof);
    let look = |tag: &str| inspect(&format!("{}/team/app:{tag}", registry.address()));
    let run = look("1").arg("--config").run().exits(0);
    for text in [
        "config      linux/amd64\n",
        "config      linux/arm64\n",
        "  label       org.example.name=one\n",
        "  label       org.example.name=two \\u{1b}[31m\n",
    ] {
        assert!(run.stdout.contains(text), "no {text:?} in {}", run.stdout);
    }
    assert_eq!(run.stdout.matches("config  ").count(), 2, "{}", run.stdout);
    let manifests = look("1").args(["--config", "--output=json"]).run().exits(0).json();
    let manifests = manifests["manifests"].as_array().unwrap();
    let labels = |at: usize| &manifests[at]["configuration"]["config"]["Labels"];
    assert_eq!(labels(0)["org.example.name"], "one");
    assert_eq!(labels(1)["org.example.name"], "two \u{1b}[31m");
    assert_eq!(manifests[1]["configuration"]["architecture"], "arm64");
    assert!(manifests[2]["configuration"].is_null(), "{manifests:?}");
    let single = look("single").args(["--config", "--output=json"]).run().exits(0).json();
    assert_eq!(single["manifests"][0]["configuration"]["os"], "linux");
    let artifact = look("artifact").arg("--config").run().exits(0);
    assert!(!artifact.stdout.contains("config  "), "{}", artifact.stdout);
    let without = look("1").arg("--output=json").run().exits(0).json();
    assert!(without["manifests"][0].get("configuration").is_none(), "{without}");
    assert!(!look("1").run().exits(0).stdout.contains("org.example"));
}

#[test]
fn a_configuration_that_is_lost_or_large_is_an_error() {
    let registry = Registry::embedded();
    let image = Image::new("linux/amd64").layer(1, 10).build();
    registry.push("team/app", "1", &Index::oci().child(&image).build());
    let config: serde_json::Value = serde_json::from_slice(image.bytes()).unwrap();
    let digest = config["config"]["digest"].as_str().unwrap();
    registry.lose("team/app", digest);
    let reference = format!("{}/team/app:1", registry.address());
    inspect(&reference).run().exits(0);
    inspect(&reference).arg("--config").run().exits(1).complains(digest);
    let large = Image::new("linux/amd64").label("a", &"x".repeat(17 << 20)).build();
    registry.push("team/app", "large", &Index::oci().child(&large).build());
    let run = inspect(&format!("{}/team/app:large", registry.address())).arg("--config").run();
    run.exits(1).complains("the configurations have more than 16777216 bytes together");
}
