//! `mirror-validate --referrers`: signatures and attestations that are missing or damaged.

use longshore_content::{Content, Image, Index};
use serde_json::Value;

use crate::support::{Pair, Run};

const LIST: &str = "team/app team/app 1\n";
const SIGNATURE: &str = "application/vnd.example.signature.v1+json";

fn image(platform: &str, seed: u64) -> Content {
    Image::new(platform).layer(seed, 100).build()
}

fn signature(seed: u64, subject: &Content) -> Content {
    Image::artifact(SIGNATURE).layer(seed, 300).subject(subject).build()
}

/// An index, its signature, and a signature of its first child.
struct Signed {
    index: Content,
    of_index: Content,
    of_child: Content,
}

impl Signed {
    fn new() -> Self {
        let amd = image("linux/amd64", 1);
        let index = Index::oci().child(&amd).child(&image("linux/arm64", 2)).build();
        Self { of_index: signature(10, &index), of_child: signature(11, &amd), index }
    }

    fn push(&self, pair: &Pair) {
        pair.source.push("team/app", "1", &self.index);
        for referrer in [&self.of_index, &self.of_child] {
            pair.source.push("team/app", referrer.digest(), referrer);
        }
    }
}

fn validate(pair: &Pair) -> Run {
    pair.validate(LIST).args(["--referrers", "--output", "json"]).run()
}

#[track_caller]
fn mend(pair: &Pair) {
    let run = pair.validate(LIST).arg("--referrers").run().exits(1);
    run.repaired().exits(0);
    pair.validate(LIST).arg("--referrers").run().exits(0);
}

fn texts(entry: &Value) -> Vec<&str> {
    let findings = entry["findings"].as_array().expect("there are findings");
    findings.iter().filter_map(|finding| finding["text"].as_str()).collect()
}

#[test]
fn a_missing_signature_is_found_and_named() {
    for pair in [Some(Pair::embedded()), Pair::docker()].into_iter().flatten() {
        let signed = Signed::new();
        signed.push(&pair);
        pair.mirror(LIST).run().exits(0);
        pair.validate(LIST).run().exits(0);
        let run = validate(&pair).exits(1);
        let entry = run.json()["entries"][0].clone();
        let (amd, index) = (image("linux/amd64", 1), &signed.index);
        let expected = [
            format!(
                "destination lacks referrer {} of {}",
                signed.of_index.digest(),
                index.digest()
            ),
            format!(
                "destination lacks referrer {} of {} (linux/amd64)",
                signed.of_child.digest(),
                amd.digest()
            ),
        ];
        assert_eq!(texts(&entry), expected);
        assert_eq!(entry["verdict"], "moved-on");
        assert_eq!(entry["findings"][1]["source"], signed.of_child.digest());
        mend(&pair);
    }
}

#[test]
fn a_damaged_signature_is_broken() {
    let pair = Pair::embedded();
    let signed = Signed::new();
    signed.push(&pair);
    pair.mirror(LIST).arg("--referrers").run().exits(0);
    validate(&pair).exits(0);
    let layer = signed.of_index.blobs()[1].digest();
    let hex = layer.strip_prefix("sha256:").expect("it is SHA-256");
    let path = pair.destination.directory().join("team/app/blobs/sha256").join(hex);
    std::fs::remove_file(path).expect("it is there");
    let run = validate(&pair).exits(1);
    let entry = run.json()["entries"][0].clone();
    assert_eq!(texts(&entry), [format!("destination lacks blob {layer}")]);
    assert_eq!(entry["verdict"], "broken");
    pair.validate(LIST).run().exits(0);
    mend(&pair);
}

#[test]
fn cosign_s_tags_are_compared() {
    let pair = Pair::embedded();
    let amd = image("linux/amd64", 1);
    pair.source.push("team/app", "1", &amd);
    let tag = format!("{}.sig", amd.digest().replace(':', "-"));
    let of = |seed| Image::artifact(SIGNATURE).layer(seed, 100).build();
    pair.source.push("team/app", &tag, &of(1));
    pair.mirror(LIST).run().exits(0);
    let lacking = validate(&pair).exits(1).json()["entries"][0].clone();
    assert_eq!(texts(&lacking), [format!("destination lacks tag {tag}")]);
    pair.destination.push("team/app", &tag, &of(2));
    let other = validate(&pair).exits(1).json()["entries"][0].clone();
    let parts = ["field", "source", "destination"].map(|part| other["findings"][0][part].clone());
    assert_eq!(parts, ["referrer", of(1).digest(), of(2).digest()]);
    assert_eq!(other["verdict"], "altered", "the source never had it");
    mend(&pair);
}

#[test]
fn a_filtered_index_is_compared_by_its_children() {
    let pair = Pair::embedded();
    let signed = Signed::new();
    signed.push(&pair);
    for arguments in [&["-a", "amd64"][..], &["--index", "docker"]] {
        let list = format!("team/app {}/app 1\n", arguments[1]);
        let run = |command: &str| pair.run(command, &list).args(arguments).arg("--referrers").run();
        run("mirror").exits(0);
        run("mirror-validate").exits(0);
        let plain = pair.run("mirror", "team/app plain/app 1\n").args(arguments).run().exits(0);
        let plain = plain.again().validate().list("team/app plain/app 1\n").args(arguments);
        let plain = plain.source(pair.source.address()).destination(pair.destination.address());
        let plain = plain.args(["--referrers", "--output", "json"]).run().exits(1);
        let findings = plain.json()["entries"][0]["findings"].clone();
        assert_eq!(findings.as_array().map(Vec::len), Some(1), "{findings:#}");
        assert_eq!(findings[0]["source"], signed.of_child.digest());
    }
}
