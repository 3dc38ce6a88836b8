//! Harbor lists what has cosign's tag for an image among its referrers.

use longshore_content::{Content, Image, Index};

use crate::support::harbor::{Behaviour, Harbor, PASSWORD, USER};
use crate::support::{Answer, FaultProxy, Longshore, Registry, Rule};

struct Signed {
    source: Registry,
    destination: Registry,
    image: Content,
}

impl Signed {
    /// An image with a signature under cosign's tag, and one that names its subject.
    fn new() -> Self {
        let (source, destination) = (Registry::embedded(), Registry::embedded());
        let image = Image::new("linux/amd64").layer(1, 100).build();
        let signature = Image::artifact("application/vnd.dev.cosign").layer(2, 100).build();
        let sbom = Image::artifact("application/spdx+json").layer(3, 100).subject(&image).build();
        source.push("team/app", "1", &image);
        source.push("team/app", &tag(&image), &signature);
        source.push("team/app", sbom.digest(), &sbom);
        Self { source, destination, image }
    }

    fn harbor(&self) -> Harbor {
        let behaviour = Behaviour { lists_signatures: true, ..Behaviour::default() };
        Harbor::start(self.source.address(), behaviour).with_project("team")
    }

    fn from(&self, harbor: &Harbor, run: Longshore) -> Longshore {
        let pair = format!("{USER}:{PASSWORD}");
        let pair = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, pair);
        let known = format!(r#"{{"auths":{{"{}":{{"auth":"{pair}"}}}}}}"#, harbor.address());
        run.list("team/app team/app 1\n")
            .source(harbor.address())
            .destination(self.destination.address())
            .file("../home/.docker/config.json", known)
            .arg("--referrers")
    }
}

fn tag(image: &Content) -> String {
    format!("{}.sig", image.digest().replace(':', "-"))
}

#[test]
fn a_signature_that_is_copied_under_its_tag_is_not_said_to_be_left_behind() {
    let signed = Signed::new();
    let harbor = signed.harbor();
    let run = signed.from(&harbor, Longshore::new().mirror()).run().exits(0);
    for untrue in ["is not copied", "left behind", "does not name it"] {
        assert!(!run.stderr.contains(untrue), "{}", run.stderr);
    }
    signed.destination.assert_complete("team/app", &tag(&signed.image));
    signed.from(&harbor, Longshore::new().validate()).run().exits(0);
}

#[test]
fn a_referrer_that_names_no_subject_and_has_no_tag_is_still_reported() {
    let signed = Signed::new();
    let front = FaultProxy::before(&signed.source);
    let stray = Image::artifact("application/x").layer(7, 100).build();
    signed.source.push("team/app", "stray", &stray);
    let listed = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [{
            "mediaType": stray.media_type(),
            "digest": stray.digest(),
            "size": stray.bytes().len(),
        }],
    });
    let path = format!("/v2/team/app/referrers/{}*", signed.image.digest());
    let answer = Answer::status(200)
        .header("content-type", "application/vnd.oci.image.index.v1+json")
        .body(listed.to_string());
    front.rule(Rule::on("GET", &path).answers(answer));
    let run = Longshore::new().mirror().list("team/app team/app 1\n").arg("--referrers");
    let run = run.source(front.address()).destination(signed.destination.address()).run();
    let stray = format!("{} is listed as a referrer", stray.digest());
    run.exits(0).complains(&stray).complains("does not name it, and is not copied");
}

#[test]
fn a_signature_that_is_listed_and_tagged_counts_once() {
    let signed = Signed::new();
    // A filter changes the index, so what refers to it stays behind.
    let other = Image::new("linux/s390x").layer(4, 100).build();
    let index = Index::oci().child(&signed.image).child(&other).build();
    signed.source.push("team/app", "1", &index);
    let signature = Image::artifact("application/vnd.dev.cosign").layer(5, 100).build();
    signed.source.push("team/app", &tag(&index), &signature);
    let harbor = signed.harbor();
    let run = signed.from(&harbor, Longshore::new().mirror()).run().exits(0);
    run.complains(&format!("1 referrer of {} is not copied", index.digest()));
    // Once another entry has copied the tag, nothing is left behind.
    signed.destination.push("team/app", &tag(&index), &signature);
    let run = signed.from(&harbor, Longshore::new().mirror()).arg("--force-recursive").run();
    let run = run.exits(0);
    assert!(!run.stderr.contains("not copied"), "{}", run.stderr);
}
