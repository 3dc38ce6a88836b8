//! Unusual but valid content arrives unchanged.

use longshore_content::{Content, Image, Index, Platform};

use crate::support::{Pair, Skopeo};

fn image(seed: u64) -> Content {
    Image::new("linux/amd64").layer(seed, 100).build()
}

/// Returns unusual content with a name for each kind. The default filter selects all of it.
pub(crate) fn oddities() -> Vec<(&'static str, Content)> {
    let amd = image(1);
    let arm = Image::new("linux/arm64").docker().layer(2, 100).build();
    let linux = Platform::new("linux/amd64");
    let proof = Image::artifact("application/vnd.in-toto+json").build();
    let inner = Index::docker().child(&arm).build();
    let middle = Index::oci().child_without_platform(&inner).child(&amd).build();
    let empty = Index::oci().build();
    let zstd = "application/vnd.oci.image.layer.v1.tar+zstd";
    vec![
        ("nested", Index::oci().child_as(&middle, &linux).child_without_platform(&inner).build()),
        ("attested", Index::oci().child(&amd).attestation(&proof, &amd).build()),
        ("orphan-attestation", Index::oci().child(&amd).attestation(&proof, &image(77)).build()),
        ("no-platform", Index::oci().child_without_platform(&amd).build()),
        ("same-child-twice", Index::oci().child(&amd).child(&arm).child(&amd).build()),
        ("two-indexes-of-one-child", Index::oci().child_as(&inner, &linux).child(&arm).build()),
        ("no-children", Index::oci().child_without_platform(&empty).child(&amd).build()),
        (
            "layer-three-times",
            Image::new("linux/amd64").layer(3, 99).layer(3, 99).layer(4, 9).layer(3, 99).build(),
        ),
        ("no-layers", Image::new("linux/amd64").build()),
        ("empty-layer", Image::new("linux/amd64").layer(5, 0).layer(6, 10).build()),
        ("zstd", Image::new("linux/amd64").typed_layer(zstd, 7, 50).build()),
        ("artifact", Image::artifact("application/vnd.example.thing").build()),
        ("artifact-with-layers", Image::artifact("application/vnd.example.x").layer(8, 7).build()),
        ("odd-layer-type", Image::artifact("a/b").typed_layer("text/x-odd; a=\"b\"", 9, 7).build()),
        ("white-space", Image::new("linux/amd64").layer(1, 100).odd_white_space().build()),
        ("white-space-index", Index::docker().child(&arm).odd_white_space().build()),
        ("large-image", Image::new("linux/amd64").layer(1, 100).padded(3 << 20).build()),
        ("large-index", Index::oci().child(&amd).child(&arm).padded(3 << 20).build()),
        ("annotated", Image::new("linux/amd64").annotation("ä\u{202e}\n", "\u{0}<&>").build()),
    ]
}

fn arrives(pair: &Pair, skopeo: Option<Skopeo>) {
    let oddities = oddities();
    let mut list = String::new();
    for (name, content) in &oddities {
        pair.source.push(&format!("odd/{name}"), "1", content);
        list += &format!("odd/{name} odd/{name} 1\n");
    }
    let counts = format!("{} copied, 0 skipped, 0 failed", oddities.len());
    pair.mirror(&list).run().exits(0).sums_up(&counts);
    for (name, content) in &oddities {
        let reference = format!("{}/odd/{name}:1", pair.destination.address());
        if let Some(skopeo) = skopeo {
            assert!(skopeo.inspect_raw(&reference) == content.bytes(), "{name} has other bytes");
        }
        pair.assert_arrived(&format!("odd/{name}"), "1", content);
    }
    let counts = format!("{} valid, 0 skipped, 0 failed", oddities.len());
    pair.validate(&list).run().exits(0).sums_up(&counts);
}

#[test]
fn docker_registry_gets_odd_content_as_it_is() {
    let (Some(pair), Some(skopeo)) = (Pair::docker(), Skopeo::find()) else { return };
    arrives(&pair, Some(skopeo));
}

#[test]
fn the_embedded_registry_gets_odd_content_as_it_is() {
    arrives(&Pair::embedded(), None);
}

/// `docker-registry` rejects URLs that its configuration does not allow.
#[test]
fn foreign_layers_keep_their_url_and_are_not_fetched() {
    let pair = Pair::embedded();
    let url = "http://127.0.0.1:9/never/asked";
    let windows = Image::new("windows/amd64").foreign_layer(url, 1, 10).layer(2, 10);
    let (oci, docker) = (windows.clone().build(), windows.docker().build());
    pair.source.push("team/app", "oci", &oci);
    pair.source.push("team/app", "docker", &docker);
    let run = pair.mirror("team/app team/app oci\nteam/app team/app docker\n").run();
    run.exits(0).sums_up("2 copied, 0 skipped, 0 failed");
    pair.assert_arrived("team/app", "oci", &oci);
    pair.assert_arrived("team/app", "docker", &docker);
}

#[test]
fn an_index_in_an_index_is_kept_or_dropped_whole() {
    let pair = Pair::embedded();
    let amd = image(1);
    let s390x = Image::new("linux/s390x").layer(2, 10).build();
    let of_amd = Index::oci().child(&amd).child(&s390x).build();
    let of_s390x = Index::docker().child(&s390x).child(&amd).build();
    let outer = Index::oci()
        .child_as(&of_amd, &Platform::new("linux/amd64"))
        .child_as(&of_s390x, &Platform::new("linux/s390x"))
        .build();
    pair.source.push("team/app", "1", &outer);
    pair.mirror("team/app team/app 1\n").run().exits(0);
    let expected = Index::oci().child_as(&of_amd, &Platform::new("linux/amd64")).build();
    pair.assert_arrived("team/app", "1", &expected);
    pair.assert_arrived("team/app", s390x.digest(), &s390x);
    pair.assert_absent("team/app", of_s390x.digest());
}
