//! Artifacts that are no plugins, or lie about themselves: each is refused, and nothing is kept of it.

use serde_json::{Value, json};

use super::{plugin, zarf};
use crate::support::{Answer, FaultProxy, Longshore, Registry, Rule, Run};
use longshore_content::{Blob, Image, Index, digest};

const CONFIG: &str = "application/vnd.wasm.config.v0+json";
const LAYER: &str = "application/wasm";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// Returns the descriptor of bytes.
fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": digest(bytes), "size": bytes.len()})
}

/// Returns a manifest with these layers.
fn manifest(config: &str, layers: &[Value]) -> Vec<u8> {
    let config = descriptor(config, b"{}");
    let manifest =
        json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers});
    manifest.to_string().into_bytes()
}

/// A registry with the component of `zarf`, and other blobs.
fn registry(blobs: &[&[u8]]) -> Registry {
    let registry = Registry::embedded();
    for bytes in blobs.iter().copied().chain([&zarf("1.0.0")[..], b"{}"]) {
        let pushed = registry.endpoint().push_blob("p/x", &Blob::new(LAYER, bytes.to_vec()));
        pushed.expect("it is pushed");
    }
    registry
}

/// Adds `p/x:1`, which must fail for this reason. Nothing is locked and nothing is kept.
#[track_caller]
fn refused(address: &str, why: &str) -> Run {
    let source = format!("oci://{address}/p/x:1");
    let run = plugin(Longshore::new(), &["add", &source, "--yes"]).run().exits(2).complains(why);
    assert_eq!(run.file("../home/.config/longshore.lock"), None, "it was locked");
    let kept = run.directory().join("../home/.local/share/longshore");
    assert!(!kept.exists(), "something was kept");
    assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
    run
}

#[test]
fn manifests_of_other_shapes_are_refused() {
    let component = zarf("1.0.0");
    let layer = descriptor(LAYER, &component);
    let odd = |media_type: &str| descriptor(media_type, &component);
    let registry = registry(&[]);
    for (bytes, why) in [
        (
            manifest("application/vnd.oci.image.config.v1+json", std::slice::from_ref(&layer)),
            "its config has the type",
        ),
        (manifest(CONFIG, &[]), "it has 0 layers, and a plugin has one"),
        (
            manifest(CONFIG, &[layer.clone(), layer.clone()]),
            "it has 2 layers, and a plugin has one",
        ),
        (
            manifest(CONFIG, &[odd("application/vnd.oci.image.layer.v1.tar+gzip")]),
            "its layer has the type \"application/vnd.oci.image.layer.v1.tar+gzip\"",
        ),
        (manifest(CONFIG, &[odd("application/wasm+gzip")]), "its layer has the type"),
        (manifest(CONFIG, &[odd("a\u{1b}[2J")]), "its layer has the type \"a\\u{1b}[2J\""),
    ] {
        let pushed = registry.endpoint().push_manifest("p/x", "1", MANIFEST, &bytes);
        pushed.expect("it is pushed");
        let run = refused(registry.address(), why);
        assert!(!run.stderr.contains('\u{1b}'), "{:?}", run.stderr);
        run.complains("hint: push plugins with longshore plugin push");
    }
    let image = Image::new("linux/amd64").layer(1, 100).build();
    registry.push("p/x", "1", &image);
    refused(registry.address(), "its config has the type");
    registry.push("p/x", "1", &Index::oci().child(&image).build());
    refused(registry.address(), "it is an index, and a plugin has one manifest");
}

#[test]
fn layers_that_are_no_components_are_refused() {
    let mut gzip = b"\x1f\x8b\x08\0".to_vec();
    gzip.extend(zarf("1.0.0"));
    let text = b"#!/bin/sh\n".to_vec();
    let module = b"\0asm\x01\0\0\0".to_vec();
    let mut cut = zarf("1.0.0");
    cut.truncate(cut.len() - 7);
    let registry = registry(&[&gzip, &text, &module, &cut]);
    for (bytes, why) in [
        (gzip, "the bytes are not a WebAssembly binary"),
        (text, "the bytes are not a WebAssembly binary"),
        (module, "this is a core WebAssembly module, not a component"),
        (cut, "read a component: truncated"),
    ] {
        let manifest = manifest(CONFIG, &[descriptor(LAYER, &bytes)]);
        let pushed = registry.endpoint().push_manifest("p/x", "1", MANIFEST, &manifest);
        pushed.expect("it is pushed");
        refused(registry.address(), why);
    }
}

#[test]
fn sizes_and_digests_that_lie_are_found() {
    let component = zarf("1.0.0");
    let registry = registry(&[]);
    for (field, value, why) in [
        ("size", json!(component.len() - 1), "p/x"),
        ("size", json!(component.len() + 1), "p/x"),
        ("size", json!(65 * 1024 * 1024), "at most 67108864 are allowed"),
        ("size", json!(u64::MAX), "p/x"),
        ("size", json!(-1), "p/x"),
        ("digest", json!(format!("sha256:{}", "0".repeat(64))), "p/x"),
        ("digest", json!("sha256:../../../etc/passwd"), "p/x"),
    ] {
        let mut layer = descriptor(LAYER, &component);
        layer[field] = value.clone();
        let bytes = manifest(CONFIG, &[layer]);
        let proxy = FaultProxy::before(&registry);
        let answer = Answer::status(200).header("content-type", MANIFEST).body(bytes.clone());
        let answer = answer.header("docker-content-digest", &digest(&bytes));
        proxy.rule(Rule::on("GET", "*/manifests/*").answers(answer.clone()));
        proxy.rule(Rule::on("HEAD", "*/manifests/*").answers(answer));
        let run = refused(proxy.address(), why);
        assert!(run.stderr.contains("[ERRO] failed to "), "{field} {value}: {}", run.stderr);
    }
    // The blob is another one than its digest says.
    let proxy = FaultProxy::before(&registry);
    let bytes = manifest(CONFIG, &[descriptor(LAYER, &component)]);
    let pushed = registry.endpoint().push_manifest("p/x", "1", MANIFEST, &bytes);
    pushed.expect("it is pushed");
    let other = Answer::status(200).body(zarf("6.6.6"));
    proxy.rule(Rule::on("GET", "*/blobs/*").answers(other));
    refused(proxy.address(), "sha256:");
}
