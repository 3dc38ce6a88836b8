//! Large manifests: any number of them is copied in little memory, whatever their descriptors say.

use std::collections::HashMap;
use std::fmt::Write as _;

use longshore_content::digest;

use super::within_memory;
use crate::support::{Answer, FaultProxy, Longshore, Registry, Rule};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// The size of a large manifest.
const LARGE: usize = 4 * 1024 * 1024 - 1024;

/// A manifest without content but the empty object, filled up to `size`.
fn manifest(number: usize, size: usize) -> String {
    let start = format!(
        r#"{{"schemaVersion":2,"mediaType":"{MANIFEST}","config":{{"mediaType":"application/vnd.oci.empty.v1+json","digest":"{}","size":2}},"layers":[],"annotations":{{"number":"{number}","fill":""#,
        digest(b"{}")
    );
    let fill = "x".repeat(size.saturating_sub(start.len() + 3));
    format!("{start}{fill}\"}}}}")
}

/// An index of the children with these digests, which claims that each has `size` bytes.
fn index(children: &[String], size: usize) -> String {
    let mut text = format!(r#"{{"schemaVersion":2,"mediaType":"{INDEX}","manifests":["#);
    for (at, child) in children.iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        write!(text, r#"{comma}{{"mediaType":"{MANIFEST}","digest":"{child}","size":{size}}}"#)
            .unwrap();
    }
    text + "]}"
}

/// A registry that makes up its manifests: `named` is asked for the last part of the path.
fn registry(named: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> FaultProxy {
    let registry = FaultProxy::without_upstream();
    registry.rule(Rule::on("GET", "*/manifests/*").answers_by(move |seen| {
        let name = seen.path.rsplit('/').next()?;
        let text = named(name)?;
        let kind = if text.contains(r#""manifests""#) { INDEX } else { MANIFEST };
        Some(Answer::status(200).header("content-type", kind).body(text))
    }));
    registry.rule(Rule::on("GET", "*/blobs/*").answers(Answer::status(200).body("{}")));
    registry
}

/// Mirrors the tags 0 to `count` of one repository.
fn mirror(source: &FaultProxy, destination: &Registry, count: usize) -> Longshore {
    let list: String = (0..count).map(|tag| format!("team/app team/app {tag}\n")).collect();
    let run = Longshore::new().mirror().list(&list).args(["-j", "32", "--arch", "all"]);
    run.source(source.address()).destination(destination.address())
}

#[test]
fn many_large_manifests_are_copied_one_after_the_other() {
    let source = registry(|tag| Some(manifest(tag.parse().ok()?, LARGE)));
    let destination = Registry::embedded();
    let run = within_memory(mirror(&source, &destination, 80)).exits(0);
    run.sums_up("80 copied, 0 skipped, 0 failed");
    let last = manifest(79, LARGE);
    assert!(destination.manifest("team/app", "79").bytes == last.as_bytes(), "the bytes arrive");
}

#[test]
fn small_images_are_copied_beside_large_ones() {
    let size = |tag: usize| if tag.is_multiple_of(2) { 1024 } else { LARGE };
    let source = registry(move |tag| {
        let tag = tag.parse().ok()?;
        Some(manifest(tag, size(tag)))
    });
    let destination = Registry::embedded();
    let run = within_memory(mirror(&source, &destination, 40)).exits(0);
    run.sums_up("40 copied, 0 skipped, 0 failed");
}

#[test]
fn children_that_are_larger_than_announced_take_no_more_memory() {
    const CHILDREN: usize = 4;
    for claimed in [LARGE, 100] {
        let mut children = HashMap::new();
        let mut indexes = Vec::new();
        for image in 0..20 {
            let of_image: Vec<String> = (0..CHILDREN)
                .map(|child| {
                    let number = image * CHILDREN + child;
                    let digest = digest(manifest(number, LARGE).as_bytes()).to_string();
                    children.insert(digest.clone(), number);
                    digest
                })
                .collect();
            indexes.push(index(&of_image, claimed));
        }
        let source = registry(move |name| match name.parse::<usize>() {
            Ok(tag) => indexes.get(tag).cloned(),
            Err(_) => children.get(name).map(|number| manifest(*number, LARGE)),
        });
        let destination = Registry::embedded();
        let run = within_memory(mirror(&source, &destination, 20)).exits(0);
        run.sums_up("20 copied, 0 skipped, 0 failed");
    }
}

#[test]
fn a_dry_run_of_large_indexes_takes_no_more_memory() {
    let children: Vec<String> =
        (0..4000).map(|number: usize| digest(number.to_string().as_bytes()).to_string()).collect();
    let source = registry(move |tag| {
        let tag: usize = tag.parse().ok()?;
        let text = index(&children, 100 + tag);
        let fill = " ".repeat(LARGE - text.len());
        Some(text + &fill)
    });
    let destination = Registry::embedded();
    let run = within_memory(mirror(&source, &destination, 60).arg("--dry-run")).exits(0);
    run.sums_up("60 to copy, 0 skipped, 0 failed");
}

/// A manifest of about `size` bytes with as many layers as fit.
fn layers(number: usize, size: usize) -> String {
    let config = digest(b"{}");
    let mut text = format!(
        r#"{{"schemaVersion":2,"mediaType":"{MANIFEST}","config":{{"mediaType":"application/vnd.oci.empty.v1+json","digest":"{config}","size":2}},"layers":["#
    );
    for layer in 0.. {
        if text.len() > size - 200 {
            break;
        }
        let comma = if layer == 0 { "" } else { "," };
        write!(
            text,
            r#"{comma}{{"mediaType":"a/b","digest":"sha256:{number:032x}{layer:032x}","size":1}}"#
        )
        .unwrap();
    }
    text + "]}"
}

#[test]
fn an_inspection_keeps_no_manifests() {
    type Make = fn(usize, usize) -> String;
    let made: [(Make, usize, _); 2] = [(manifest, 90, None), (layers, 10, Some("65536"))];
    for (make, count, limit) in made {
        let children: HashMap<String, usize> = (0..count)
            .map(|number| (digest(make(number, LARGE).as_bytes()).to_string(), number))
            .collect();
        let digests: Vec<String> = children.keys().cloned().collect();
        let source = registry(move |name| match children.get(name) {
            Some(number) => Some(make(*number, LARGE)),
            None => (name == "1").then(|| index(&digests, LARGE)),
        });
        let reference = format!("{}/team/app:1", source.address());
        let run = within_memory(Longshore::new().args(["inspect", &reference]));
        match limit {
            None => _ = run.exits(0),
            Some(limit) => {
                run.exits(1).complains(&format!("names more than {limit} manifests and blobs"));
            }
        }
    }
}
