//! Descriptors with wrong sizes: the digest decides, and the bytes of the manifest are kept.

use longshore_content::{Blob, Content, Image, Index};
use serde_json::{Value, json};

use crate::support::{Answer, FaultProxy, Longshore, Pair, Rule};

/// Replaces the size of a descriptor. `None` removes it.
type Lie = Option<Value>;

fn lies() -> Vec<(&'static str, Lie)> {
    vec![
        ("none", None),
        ("null", Some(Value::Null)),
        ("negative", Some(json!(-1))),
        ("zero", Some(json!(0))),
        ("small", Some(json!(7))),
        ("large", Some(json!(100_000))),
        ("enormous", Some(json!(u64::MAX))),
        ("text", Some(json!("5000"))),
    ]
}

fn set_size(descriptor: &mut Value, lie: &Lie) {
    let fields = descriptor.as_object_mut().expect("a descriptor is an object");
    match lie {
        Some(size) => fields.insert("size".to_owned(), size.clone()),
        None => fields.remove("size"),
    };
}

/// Pushes content to the source with a manifest that `change` has altered. Returns its bytes.
fn push_altered(
    pair: &Pair,
    repository: &str,
    content: &Content,
    change: impl Fn(&mut Value),
) -> Vec<u8> {
    let mut manifest: Value = serde_json::from_slice(content.bytes()).expect("it is JSON");
    change(&mut manifest);
    let bytes = serde_json::to_vec(&manifest).expect("it is JSON");
    pair.source.push(repository, "right", content);
    let pushed =
        pair.source.endpoint().push_manifest(repository, "1", content.media_type(), &bytes);
    pushed.unwrap_or_else(|error| panic!("{repository}: {error}"));
    bytes
}

fn assert_same(pair: &Pair, repository: &str, bytes: &[u8]) {
    let found = pair.destination.manifest(repository, "1");
    assert!(found.bytes == bytes, "{repository} has other bytes");
}

#[test]
fn a_wrong_size_of_a_layer_does_not_stop_a_copy() {
    let pair = Pair::embedded();
    let mut expected = Vec::new();
    let mut list = String::new();
    for (number, (name, lie)) in lies().into_iter().enumerate() {
        let seed = 10 + number as u64;
        let image = Image::new("linux/amd64").layer(seed, 5000).layer(seed + 50, 300).build();
        let repository = format!("layer/{name}");
        let bytes = push_altered(&pair, &repository, &image, |manifest| {
            set_size(&mut manifest["layers"][0], &lie);
        });
        list += &format!("{repository} {repository} 1\n");
        expected.push((repository, bytes, image));
    }
    let run = pair.mirror(&list).run().exits(0).sums_up("8 copied, 0 skipped, 0 failed");
    run.complains("the digest decides")
        .complains("the manifest says 100000 bytes, the source has 5000 bytes")
        .complains("the manifest gives no usable size, the source has 5000 bytes");
    for (repository, bytes, image) in &expected {
        assert_same(&pair, repository, bytes);
        for blob in image.blobs() {
            let found = pair.destination.endpoint().blob(repository, blob.digest());
            assert!(found.unwrap().as_deref() == Some(blob.bytes()), "{repository}");
        }
    }
    pair.validate(&list).run().exits(0).sums_up("8 valid, 0 skipped, 0 failed");
    pair.validate(&list).arg("--deep").run().exits(0).sums_up("8 valid, 0 skipped, 0 failed");
    pair.mirror(&list).arg("--force-recursive").run().exits(0);
}

#[test]
fn a_wrong_size_of_a_config_or_child_does_not_stop_a_copy() {
    let pair = Pair::embedded();
    let image = Image::new("linux/amd64").layer(1, 500).build();
    let index = Index::oci().child(&image).build();
    let mut expected = Vec::new();
    let mut list = String::new();
    for (name, lie) in lies() {
        let repository = format!("config/{name}");
        let bytes = push_altered(&pair, &repository, &image, |manifest| {
            set_size(&mut manifest["config"], &lie);
        });
        list += &format!("{repository} {repository} 1\n");
        expected.push((repository, bytes));
        let repository = format!("child/{name}");
        let bytes = push_altered(&pair, &repository, &index, |manifest| {
            set_size(&mut manifest["manifests"][0], &lie);
        });
        list += &format!("{repository} {repository} 1\n");
        expected.push((repository, bytes));
    }
    let mut run = pair.mirror(&list).run().exits(0).sums_up("16 copied, 0 skipped, 0 failed");
    let child = index.children()[0].bytes().len();
    for said in ["gives no usable size", "says 7 bytes", "says 100000 bytes"] {
        run = run
            .complains(&format!("the manifest {said}, the source has {child} bytes; the digest"));
    }
    for (repository, bytes) in &expected {
        assert_same(&pair, repository, bytes);
    }
    pair.validate(&list).run().exits(0).sums_up("16 valid, 0 skipped, 0 failed");
}

/// With the right size the content decides, and with a wrong one as well.
#[test]
fn a_wrong_digest_is_reported_with_its_repository() {
    for lie in [Some(json!(300)), Some(json!(9)), None] {
        let pair = Pair::embedded();
        let image = Image::new("linux/amd64").layer(1, 300).build();
        let other = Blob::new("text/plain", vec![b'x'; 300]);
        push_altered(&pair, "team/app", &image, |manifest| {
            set_size(&mut manifest["layers"][0], &lie);
        });
        let wanted = image.blobs()[1].digest();
        let proxy = FaultProxy::before(&pair.source);
        let bytes = other.bytes().to_vec();
        proxy.rule(
            Rule::on("GET", &format!("*/blobs/{wanted}")).answers(Answer::status(200).body(bytes)),
        );
        let run = Longshore::new()
            .mirror()
            .list("team/app team/app 1\n")
            .source(proxy.address())
            .destination(pair.destination.address())
            .run()
            .exits(1);
        run.complains(other.digest()).complains(&format!("{}/team/app", proxy.address()));
    }
}

/// Without content there is no last piece that could be withheld.
#[test]
fn an_empty_answer_is_reported_with_its_repository() {
    for lie in [Some(json!(300)), Some(json!(0)), Some(json!(-1)), None] {
        let pair = Pair::embedded();
        let image = Image::new("linux/amd64").layer(1, 300).build();
        push_altered(&pair, "team/app", &image, |manifest| {
            set_size(&mut manifest["layers"][0], &lie);
        });
        let wanted = image.blobs()[1].digest();
        let proxy = FaultProxy::before(&pair.source);
        for method in ["GET", "HEAD"] {
            let rule = Rule::on(method, &format!("*/blobs/{wanted}"));
            proxy.rule(rule.answers(Answer::status(200).body(Vec::new())));
        }
        let run = Longshore::new().mirror().list("team/app team/app 1\n");
        let run = run.source(proxy.address()).destination(pair.destination.address());
        let blob = format!("fetch blob {wanted} of {}/team/app: content has", proxy.address());
        run.run().exits(1).complains(&blob);
    }
}
