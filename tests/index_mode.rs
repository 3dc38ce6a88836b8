//! `--index docker|oci`: which manifests are wrapped in an index, and of which type.

use longshore_content::{Content, Image, Index, Platform};
use serde_json::{Value, json};

use crate::support::{Pair, Skopeo};

const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";

fn wrapper(media_type: &str, image: &Content, platform: &Value) -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": media_type,
        "manifests": [{
            "mediaType": image.media_type(),
            "size": image.bytes().len(),
            "digest": image.digest(),
            "platform": platform,
        }],
    })
}

#[test]
fn single_images_are_wrapped_in_the_index_that_is_asked_for() {
    let (Some(pair), Some(skopeo)) = (Pair::docker(), Skopeo::find()) else { return };
    let linux = Image::new("linux/arm64/v8").docker().layer(1, 10).build();
    let windows = Platform::new("windows/amd64").os_version("10.0.1");
    let windows = Image::for_platform(windows).layer(2, 10).build();
    pair.source.push("team/app", "linux", &linux);
    pair.source.push("team/app", "windows", &windows);
    for (mode, media_type) in [("docker", DOCKER_LIST), ("oci", OCI_INDEX)] {
        let list = format!("team/app {mode}/app linux\nteam/app {mode}/app windows\n");
        let flags = ["--index", mode];
        pair.mirror(&list).args(flags).run().exits(0).sums_up("2 copied, 0 skipped, 0 failed");
        let read = |tag| {
            let reference = format!("{}/{mode}/app:{tag}", pair.destination.address());
            let raw = skopeo.inspect_raw(&reference);
            serde_json::from_slice::<Value>(&raw).expect("an index is JSON")
        };
        let platform = json!({"architecture": "arm64", "os": "linux", "variant": "v8"});
        assert_eq!(read("linux"), wrapper(media_type, &linux, &platform));
        let platform = json!({"architecture": "amd64", "os": "windows", "os.version": "10.0.1"});
        assert_eq!(read("windows"), wrapper(media_type, &windows, &platform));
        pair.destination.assert_complete(&format!("{mode}/app"), "linux");
        pair.destination.assert_complete(&format!("{mode}/app"), "windows");

        pair.mirror(&list).args(flags).run().exits(0).sums_up("0 copied, 2 skipped, 0 failed");
        pair.validate(&list).args(flags).run().exits(0).sums_up("2 valid, 0 skipped, 0 failed");
        pair.validate(&list).run().exits(1).sums_up("0 valid, 0 skipped, 2 failed");
    }
}

#[test]
fn artifacts_stay_as_they_are() {
    let pair = Pair::embedded();
    let artifact = Image::artifact("application/vnd.example.thing").build();
    let several = Index::oci().child_without_platform(&artifact).build();
    pair.source.push("team/app", "artifact", &artifact);
    pair.source.push("team/app", "several", &several);
    let list = "team/app team/app artifact\nteam/app team/app several\n";
    pair.mirror(list).args(["--index", "docker"]).run().exits(0);
    pair.assert_arrived("team/app", "artifact", &artifact);
    pair.assert_arrived("team/app", "several", &several);
}

#[test]
fn an_index_of_images_changes_its_type_and_nothing_else() {
    let pair = Pair::embedded();
    let amd = Image::new("linux/amd64").layer(1, 10).build();
    let arm = Image::new("linux/arm64").layer(2, 10).build();
    let index = Index::oci().child(&amd).child(&arm).annotation("a", "b").build();
    pair.source.push("team/app", "1", &index);
    pair.mirror("team/app team/app 1\n").args(["--index", "docker"]).run().exits(0);
    let found = pair.destination.manifest("team/app", "1");
    assert_eq!(found.media_type, DOCKER_LIST);
    let mut expected: Value = serde_json::from_slice(index.bytes()).expect("an index is JSON");
    expected["mediaType"] = json!(DOCKER_LIST);
    let found: Value = serde_json::from_slice(&found.bytes).expect("an index is JSON");
    assert_eq!(found, expected);
    pair.destination.assert_complete("team/app", "1");

    pair.mirror("team/app oci/app 1\n").args(["--index", "oci"]).run().exits(0);
    pair.assert_arrived("oci/app", "1", &index);
}
