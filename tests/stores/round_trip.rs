//! Content of all kinds arrives, bit for bit where nothing is filtered or converted.

use std::os::unix::fs::MetadataExt as _;

use longshore_content::{Blob, Content, Image, Index};

use super::{LIST, image, index};
use crate::odd_content::oddities;
use crate::support::{Kind, Longshore, Pair, Registry, Skopeo, Store, Stores};

for_each_pair!(
    odd_content_arrives_as_it_is,
    a_filtered_index_keeps_its_children,
    indexes_are_converted,
    a_buildkit_cache_arrives,
);
for_each_kind!(rewrites_hold_for_every_destination);

#[test]
fn a_folder_is_read_with_the_list_that_wrote_it() {
    let pair = Pair::embedded();
    let (busybox, app) = (image("linux/amd64", 1), image("linux/amd64", 2));
    pair.source.push("busybox", "1", &busybox);
    pair.source.push("team/app", "1", &app);
    for list in [
        "busybox:1\nteam/app:1\n",
        "docker.io/busybox:1\nteam/app:1\n",
        "busybox busybox 1\nteam/app team/app 1\n",
        "# longshore: tags=^1\nbusybox library/busybox *\nteam/app team/app 1\n",
    ] {
        let run = Longshore::new().mirror().list(list).source(pair.source.address());
        let run = run.args(["-d", "oci:usb"]).run().exits(0);
        let back = Registry::embedded();
        let flags = ["mirror", "-f", "images.txt", "-s", "oci:usb", "-d", back.address()];
        let again = run.again().args(flags).run().exits(0);
        again.sums_up("2 copied, 0 skipped, 0 failed");
        back.assert_complete("library/busybox", "1");
        back.assert_complete("team/app", "1");
        let flags = ["mirror-validate", "-f", "images.txt", "-s", "oci:usb", "-d", back.address()];
        run.again().args(flags).run().exits(0).sums_up("2 valid, 0 skipped, 0 failed");
    }
}

fn odd_content_arrives_as_it_is(source: Kind, destination: Kind) {
    let (Some(stores), Some(skopeo)) = (Stores::new(source, destination), Skopeo::find()) else {
        return;
    };
    let oddities = oddities();
    let mut list = String::new();
    for (name, content) in &oddities {
        stores.source.push(&format!("odd/{name}"), "1", content);
        list += &format!("odd/{name} odd/{name} 1\n");
    }
    let count = oddities.len();
    let mirror = || stores.mirror(&list).run().exits(0);
    mirror().sums_up(&format!("{count} copied, 0 skipped, 0 failed"));
    for (name, content) in &oddities {
        let repository = format!("odd/{name}");
        stores.destination.assert_has(&repository, "1", content);
        assert_eq!(stores.destination.tags(&repository), ["1"]);
        // skopeo does not look for Docker's types in an image layout.
        if destination != Kind::Folder || content.media_type().starts_with("application/vnd.oci") {
            let seen = stores.destination.inspected_by(skopeo, &repository, "1");
            assert!(seen == content.bytes(), "skopeo sees other bytes of {name}");
        }
    }
    mirror().sums_up(&format!("0 copied, {count} skipped, 0 failed"));
    let valid = format!("{count} valid, 0 skipped, 0 failed");
    stores.validate(&list).arg("--deep").run().exits(0).sums_up(&valid);
}

fn a_filtered_index_keeps_its_children(source: Kind, destination: Kind) {
    let Some(stores) = Stores::new(source, destination) else { return };
    let (amd, arm) = (image("linux/amd64", 1), image("linux/arm64", 2));
    let s390x = image("linux/s390x", 3);
    let index = Index::oci().child(&amd).child(&arm).child(&s390x).build();
    stores.source.push("team/app", "1", &index);
    let flags = ["--arch", "arm64,s390x"];
    stores.mirror(LIST).args(flags).run().exits(0).sums_up("1 copied, 0 skipped, 0 failed");
    let kept = Index::oci().child(&arm).child(&s390x).build();
    stores.destination.assert_has("team/app", "1", &kept);
    stores.destination.assert_lacks("team/app", amd.digest());
    stores.mirror(LIST).args(flags).run().exits(0).sums_up("0 copied, 1 skipped, 0 failed");
    stores.validate(LIST).args(flags).arg("--deep").run().exits(0);
    stores.validate(LIST).run().exits(1);
}

fn indexes_are_converted(source: Kind, destination: Kind) {
    let Some(stores) = Stores::new(source, destination) else { return };
    let amd = image("linux/amd64", 1);
    let docker = Index::docker().child(&amd).build();
    let oci = Index::oci().child(&amd).build();
    for (tag, content) in [("image", &amd), ("docker", &docker), ("oci", &oci)] {
        stores.source.push("team/app", tag, content);
    }
    for (mode, expected) in [("docker", &docker), ("oci", &oci)] {
        let list: String =
            ["image", "docker", "oci"].map(|tag| format!("team/app {mode}/app {tag}\n")).concat();
        let flags = ["--index", mode];
        stores.mirror(&list).args(flags).run().exits(0).sums_up("3 copied, 0 skipped, 0 failed");
        let repository = format!("{mode}/app");
        for tag in ["image", "docker", "oci"] {
            let found = stores.destination.manifest(&repository, tag);
            assert_eq!(found.media_type, expected.media_type(), "{tag} as {mode}");
            assert_eq!(stores.destination.broken(&repository, tag), [""; 0], "{tag} as {mode}");
        }
        stores.destination.assert_has(&repository, mode, expected);
        stores.mirror(&list).args(flags).run().exits(0).sums_up("0 copied, 3 skipped, 0 failed");
        stores.validate(&list).args(flags).arg("--deep").run().exits(0);
    }
}

const CACHE: &str = "application/vnd.buildkit.cacheconfig.v0";

/// Creates a cache like BuildKit's, with an image in it. The descriptors of its blobs have these media types.
/// Returns its layer, too.
fn cache(layer: &str, config: &str, size: usize) -> (Blob, Content) {
    let layer = Blob::new(layer, vec![7; size]);
    let config = Blob::new(config, format!("{{\"layers\":[],\"size\":{size}}}").into_bytes());
    let image = image("linux/amd64", 3);
    let cache = Index::oci().blob(&layer).child(&image).blob(&config).build();
    (layer, cache)
}

/// BuildKit writes its cache as an index whose children are layers and a config, not manifests.
fn a_buildkit_cache_arrives(source: Kind, destination: Kind) {
    let (Some(source), Some(destination)) =
        (Store::for_caches(source), Store::for_caches(destination))
    else {
        return;
    };
    let stores = Stores { source, destination };
    let gzip = "application/vnd.oci.image.layer.v1.tar+gzip";
    // The other descriptors do not say what they describe.
    let caches = [
        cache(gzip, CACHE, 3000),
        cache("", "", 3001),
        cache("application/vnd.example.index", "", 5 << 20),
        cache("", "application/vnd.example.manifest.v9+json", 0),
    ];
    let mut list = String::new();
    for (tag, (_, cache)) in caches.iter().enumerate() {
        stores.source.push("team/app", &tag.to_string(), cache);
        list += &format!("team/app team/app {tag}\n");
    }
    let every = ["--arch=all", "--os=all"];
    let dry = stores.mirror(&list).args(every).arg("--dry-run").run().exits(0);
    dry.sums_up("4 to copy, 0 skipped, 0 failed");
    stores.destination.assert_lacks("team/app", "1");
    let dry = stores.mirror(&list).arg("--dry-run").run().exits(0);
    dry.sums_up("4 to copy, 0 skipped, 0 failed");
    stores.mirror(&list).run().exits(0).sums_up("4 copied, 0 skipped, 0 failed");
    for (tag, (_, cache)) in caches.iter().enumerate() {
        stores.destination.assert_has("team/app", &tag.to_string(), cache);
    }
    let dry = stores.mirror(&list).arg("--dry-run").run().exits(0);
    dry.sums_up("0 to copy, 4 skipped, 0 failed");
    stores.mirror(&list).arg("--referrers").run().exits(0);
    stores.validate(&list).args(["--deep", "--referrers"]).run().exits(0);

    for (layer, _) in &caches[..3] {
        let file = stores.destination.stored("team/app", layer.digest());
        std::fs::remove_file(file).expect("the layer is there");
    }
    let mut run = stores.validate(&list).run().exits(1);
    for (layer, _) in &caches[..3] {
        run = run.complains(layer.digest());
    }
}

fn rewrites_hold_for_every_destination(kind: Kind) {
    let Some(stores) = Stores::new(Kind::Serve, kind) else { return };
    let image = image("linux/amd64", 1);
    stores.source.push("team/app", "1", &image);
    // The destination's registry in the list gives way to `-d`.
    let list = "team/app other.example.com:5000/team/app 1\n";
    let flags = ["--rewrite", "prefix", "--plugin-config", "prefix.prefix=it"];
    stores.mirror(list).args(flags).run().exits(0);
    stores.destination.assert_has("it/team/app", "1", &image);
    stores.validate(list).args(flags).run().exits(0);
    stores.mirror(list).args(["--rewrite", "flatten"]).run().exits(0);
    stores.destination.assert_has("team-app", "1", &image);

    stores.source.push("team/other", "1", &image);
    let list = "team/app a/app 1\nteam/other a/app 1\n";
    let run = stores.mirror(list).run().exits(2);
    run.complains(&format!("would both become {}/a/app:1", stores.destination.name()));
    stores.destination.assert_lacks("a/app", "1");
}

#[test]
fn a_cache_that_distribution_refuses_is_a_failed_entry() {
    let Some(stores) = Stores::new(Kind::Folder, Kind::Distribution) else { return };
    let (layer, cache) = cache("application/vnd.oci.image.layer.v1.tar+gzip", CACHE, 3000);
    stores.source.push("team/app", "1", &cache);
    let run = stores.mirror(LIST).run().exits(1).sums_up("0 copied, 0 skipped, 1 failed");
    run.complains("MANIFEST_BLOB_UNKNOWN").complains(layer.digest());
    stores.destination.assert_lacks("team/app", "1");
}

#[test]
fn skopeo_copies_out_of_a_folder() {
    let (Some(stores), Some(skopeo)) = (Stores::new(Kind::Serve, Kind::Folder), Skopeo::find())
    else {
        return;
    };
    stores.source.push("team/app", "1", &index());
    stores.mirror(LIST).run().exits(0);
    let other = Store::new(Kind::Serve).expect("it needs no other program");
    let from = stores.destination.transport("team/app", "1");
    skopeo.copy_all(&from, &other.transport("team/app", "1"));
    other.assert_has("team/app", "1", &index());
}

#[test]
fn longshore_reads_what_skopeo_wrote_into_a_folder() {
    let (Some(stores), Some(skopeo)) = (Stores::new(Kind::Folder, Kind::Serve), Skopeo::find())
    else {
        return;
    };
    let other = Store::new(Kind::Serve).expect("it needs no other program");
    // skopeo compresses layers that do not look like gzip.
    let image = Image::new("linux/amd64").gzip_layer(1, 100).build();
    let Store::Folder(layouts, _) = &stores.source else { unreachable!("the source is a folder") };
    std::fs::create_dir_all(layouts.root().join("team")).expect("the folder can be made");
    for tag in ["1", "2"] {
        other.push("team/app", tag, &image);
        skopeo
            .copy_all(&other.transport("team/app", tag), &stores.source.transport("team/app", tag));
    }
    stores.mirror("team/app team/app 1\nteam/app team/app 2\n").run().exits(0);
    stores.destination.assert_has("team/app", "1", &image);
    stores.destination.assert_has("team/app", "2", &image);
}

#[test]
fn repositories_of_a_folder_share_the_file_of_an_image() {
    let Some(stores) = Stores::new(Kind::Serve, Kind::Folder) else { return };
    let image = image("linux/amd64", 1);
    stores.source.push("team/app", "1", &image);
    let run = stores.mirror("team/app a/app 1\nteam/app b/app 1\n").args(["-j", "1"]).run();
    run.exits(0).sums_up("2 copied, 0 skipped, 0 failed");
    for blob in image.blobs() {
        let file = |repository| {
            let path = stores.destination.stored(repository, blob.digest());
            let found = std::fs::metadata(path).expect("the blob is there");
            (found.ino(), found.nlink())
        };
        assert_eq!(file("a/app"), file("b/app"));
        assert_eq!(file("a/app").1, 2);
    }
    // The same folder as source and destination moves nothing either.
    let folder = stores.destination.name();
    let run = Longshore::new().mirror().list("a/app c/app 1\n").source(&folder);
    run.destination(&folder).run().exits(0);
    stores.destination.assert_has("c/app", "1", &image);
    let layer = stores.destination.stored("c/app", image.blobs()[1].digest());
    assert_eq!(std::fs::metadata(layer).expect("it is there").nlink(), 3);
}
