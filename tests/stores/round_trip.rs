//! Content of all kinds arrives, bit for bit where nothing is filtered or converted.

use longshore_content::{Blob, Index};

use super::{LIST, image};
use crate::odd_content::oddities;
use crate::support::{Kind, Skopeo, Stores};

for_each_pair!(
    odd_content_arrives_as_it_is,
    a_filtered_index_keeps_its_children,
    indexes_are_converted,
    a_buildkit_cache_arrives,
);

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
        let seen = stores.destination.inspected_by(skopeo, &repository, "1");
        assert!(seen == content.bytes(), "skopeo sees other bytes of {name}");
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
        let list: String = ["image", "docker", "oci"]
            .map(|tag| format!("team/app {mode}/app {tag}\n"))
            .concat();
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

/// BuildKit writes its cache as an index whose children are layers and a config, not manifests.
fn a_buildkit_cache_arrives(source: Kind, destination: Kind) {
    let Some(stores) = Stores::new(source, destination) else { return };
    let layer = Blob::new("application/vnd.oci.image.layer.v1.tar+gzip", vec![7; 3000]);
    let config = Blob::new("application/vnd.buildkit.cacheconfig.v0", b"{\"layers\":[]}".to_vec());
    let cache = Index::oci().blob(&layer).blob(&config).build();
    stores.source.push("team/app", "1", &cache);
    let dry = stores.mirror(LIST).arg("--dry-run").run().exits(0);
    dry.sums_up("1 to copy, 0 skipped, 0 failed");
    stores.destination.assert_lacks("team/app", "1");
    stores.mirror(LIST).run().exits(0).sums_up("1 copied, 0 skipped, 0 failed");
    stores.destination.assert_has("team/app", "1", &cache);
    let dry = stores.mirror(LIST).arg("--dry-run").run().exits(0);
    dry.sums_up("0 to copy, 1 skipped, 0 failed");
    stores.validate(LIST).arg("--deep").run().exits(0).sums_up("1 valid, 0 skipped, 0 failed");

    let file = stores.destination.stored("team/app", layer.digest());
    std::fs::remove_file(file).expect("the layer is there");
    stores.validate(LIST).run().exits(1).complains(layer.digest());
}
