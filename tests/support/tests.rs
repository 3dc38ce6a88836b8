//! Tests of the test support itself.

use longshore_content::{Endpoint, Image, Index};

use super::{Registry, Skopeo};

#[test]
fn docker_registry_serves_the_bytes_that_were_pushed() {
    let (Some(registry), Some(skopeo)) = (Registry::docker().start(), Skopeo::find()) else {
        return;
    };
    let arm = Image::new("linux/arm64").layer(1, 5000).layer(2, 0).odd_white_space().build();
    let amd = Image::new("linux/amd64").layer(1, 5000).docker().build();
    let inner = Index::docker().child(&amd).build();
    let index = Index::oci().child(&arm).child(&inner).child(&arm).padded(3 << 20).build();
    registry.push("team/app", "1.0", &index);

    let reference = format!("{}/team/app:1.0", registry.address());
    assert!(skopeo.inspect_raw(&reference) == index.bytes(), "skopeo reads other bytes");
    let fetched = registry.manifest("team/app", "1.0");
    assert_eq!(fetched.media_type, index.media_type());
    assert_eq!(fetched.announced.as_deref(), Some(index.digest()));
    assert_eq!(registry.endpoint().tags("team/app").expect("it has tags"), ["1.0"]);
    registry.assert_complete("team/app", "1.0");
    let puts = registry.requests().iter().filter(|line| line.contains("\"PUT ")).count();
    assert_eq!(puts, 4 + 4, "4 blobs and 4 manifests, each once");
}

#[test]
fn missing_content_below_a_tag_is_found() {
    let Some(registry) = Registry::docker().start() else {
        return;
    };
    let image = Image::new("linux/amd64").layer(1, 500).build();
    registry.push("app", "1", &image);
    let digest = image.blobs()[1].digest();
    registry.endpoint().delete_blob("app", digest).expect("deletion is enabled");
    let broken = registry.endpoint().broken("app", "1").expect("it answers");
    assert_eq!(broken, [format!("app: blob {digest} is missing")]);
}

#[test]
fn only_the_front_server_requires_a_password() {
    let Some(registry) = Registry::docker().htpasswd("jo", "se cret").start() else {
        return;
    };
    registry.push("app", "1", &Image::new("linux/amd64").build());
    let front = Endpoint::new(registry.address());
    assert!(front.manifest("app", "1").is_err(), "it must require a password");
    let front = front.with_basic("jo", "se cret");
    assert!(front.manifest("app", "1").expect("the password is right").is_some());
}

#[test]
fn tls_is_spoken_in_front() {
    let (Some(registry), Some(skopeo)) = (Registry::docker().tls().start(), Skopeo::find()) else {
        return;
    };
    let image = Image::new("linux/amd64").build();
    registry.push("app", "1", &image);
    let authority = registry.authority().expect("a registry with TLS has an authority");
    assert!(std::fs::read_to_string(authority).is_ok_and(|pem| pem.contains("BEGIN CERTIFICATE")));
    let plain = Endpoint::new(registry.address()).manifest("app", "1");
    assert!(plain.is_err(), "it must not speak plain HTTP");
    let reference = format!("{}/app:1", registry.address());
    assert_eq!(skopeo.inspect_raw(&reference), image.bytes());
}
