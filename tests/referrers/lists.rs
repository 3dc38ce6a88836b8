//! Lists of referrers and tags in the forms that registries return.

use longshore_content::{Content, Image};
use serde_json::{Value, json};

use super::{SIGNATURE, artifact, tag_of};
use crate::support::{Answer, FaultProxy, Longshore, Pair, Rule, Run};

/// An image with signatures at a source behind a fault proxy.
struct Source {
    pair: Pair,
    proxy: FaultProxy,
    signatures: Vec<Content>,
    image: Content,
}

impl Source {
    fn new(signatures: u64) -> Self {
        let pair = Pair::embedded();
        let image = Image::new("linux/amd64").layer(1, 100).build();
        pair.source.push("team/app", "1", &image);
        let signatures: Vec<Content> =
            (0..signatures).map(|seed| artifact(SIGNATURE, seed, &image)).collect();
        for signature in &signatures {
            pair.source.push("team/app", signature.digest(), signature);
        }
        let proxy = FaultProxy::before(&pair.source);
        Self { pair, proxy, signatures, image }
    }

    fn mirror(&self) -> Run {
        let run = Longshore::new().mirror().list("team/app team/app 1\n").arg("--referrers");
        run.source(self.proxy.address()).destination(self.pair.destination.address()).run()
    }

    #[track_caller]
    fn assert_all_arrived(&self) {
        for signature in &self.signatures {
            self.pair.assert_arrived("team/app", signature.digest(), signature);
        }
    }
}

/// Cuts a list to one entry and adds a link to the next page.
fn page(answer: Answer, at: usize, link: &str) -> Answer {
    let mut list: Value = serde_json::from_slice(&answer.body).expect("a list is JSON");
    list["manifests"] = json!([list["manifests"][at]]);
    answer.body(list.to_string()).header("link", link)
}

#[test]
fn all_pages_are_read() {
    let source = Source::new(2);
    let subject = source.image.digest().to_owned();
    let next = format!("</v2/team/app/referrers/{subject}?token=2>; rel=\"next\"");
    let last = format!("*/referrers/{subject}?token=2");
    source.proxy.rule(Rule::on("GET", &last).alters(|answer| page(answer, 1, "</>; rel=\"prev\"")));
    let first = Rule::on("GET", &format!("*/referrers/{subject}"));
    source.proxy.rule(first.alters(move |answer| page(answer, 0, &next)));
    source.mirror().exits(0).complains("2 referrers copied");
    source.assert_all_arrived();
}

#[test]
fn pages_without_end_are_a_failure() {
    let source = Source::new(1);
    let subject = source.image.digest().to_owned();
    let next = format!("</v2/team/app/referrers/{subject}?again>; rel=\"next\"");
    let always = Rule::on("GET", &format!("*/referrers/{subject}"));
    source.proxy.rule(always.alters(move |answer| page(answer, 0, &next)));
    source.mirror().exits(1).complains("its pages go round in a circle");
    source.pair.assert_absent("team/app", "1");
}

#[test]
fn only_404_means_that_the_api_is_missing() {
    for status in [400, 403, 500] {
        let source = Source::new(1);
        source.proxy.rule(Rule::on("GET", "*/referrers/*").answers(Answer::status(status)));
        source.mirror().exits(1).complains("list referrers of");
        source.pair.assert_absent("team/app", "1");
    }
    let source = Source::new(1);
    let page = Answer::status(200).header("content-type", "text/html").body("<html>");
    source.proxy.rule(Rule::on("GET", "*/referrers/*").answers(page));
    source.mirror().exits(1).complains("answered with a web page");
}

#[test]
fn after_404_the_fallback_tag_is_read_if_there_is_one() {
    let source = Source::new(1);
    source.proxy.rule(Rule::on("GET", "*/referrers/*").answers(Answer::status(404)));
    source.mirror().exits(0).sums_up("1 copied, 0 skipped, 0 failed");
    source.pair.assert_absent("team/app", source.signatures[0].digest());
    let index = longshore_content::Index::oci().child_without_platform(&source.signatures[0]);
    source.pair.source.push("team/app", &tag_of(&source.image, ""), &index.build());
    source.mirror().exits(0).complains("1 referrer copied");
    source.assert_all_arrived();
}

#[test]
fn tags_that_cannot_be_listed_are_a_failure() {
    let source = Source::new(0);
    source.proxy.rule(Rule::on("GET", "*/tags/list").answers(Answer::error(403, "DENIED")));
    source.mirror().exits(1).complains("list the tags of");
    source.pair.assert_absent("team/app", "1");
}

#[test]
fn tags_are_listed_once_however_many_images_a_repository_has() {
    let source = Source::new(0);
    let tag = tag_of(&source.image, ".sig");
    let signature = Image::artifact(SIGNATURE).layer(9, 10).build();
    source.pair.source.push("team/app", &tag, &signature);
    source.pair.source.push("team/app", "2", &Image::new("linux/arm64").layer(2, 100).build());
    let next = "</v2/team/app/tags/list?n=1&last=0>; rel=\"next\"";
    let first = Rule::on("GET", "*/tags/list?n=1000");
    source.proxy.rule(first.answers(
        Answer::status(200).header("link", next).body(r#"{"name":"team/app","tags":null}"#),
    ));
    let whole = Rule::on("GET", "*/tags/list").alters(move |answer| {
        let body = format!(r#"{{"tags":["1","2","{tag}"]}}"#);
        answer.without("link").body(body)
    });
    source.proxy.rule(whole);
    let run = Longshore::new().mirror().list("team/app team/app 1\nteam/app team/app 2\n");
    let run = run.source(source.proxy.address()).destination(source.pair.destination.address());
    run.arg("--referrers").run().exits(0).complains("1 referrer copied");
    source.pair.assert_arrived("team/app", &tag_of(&source.image, ".sig"), &signature);
    assert_eq!(source.proxy.count("GET", "*/tags/list"), 2, "two pages");
}

#[test]
fn entries_for_other_subjects_are_left_out() {
    let source = Source::new(1);
    let other = Image::new("linux/amd64").layer(7, 100).build();
    let stray = artifact(SIGNATURE, 8, &other);
    source.pair.source.push("team/app", stray.digest(), &stray);
    let digest = stray.digest().to_owned();
    let add = Rule::on("GET", &format!("*/referrers/{}", source.image.digest()));
    source.proxy.rule(add.alters(move |answer| {
        let mut list: Value = serde_json::from_slice(&answer.body).expect("a list is JSON");
        let mut second = list["manifests"][0].clone();
        second["digest"] = json!(digest);
        list["manifests"].as_array_mut().expect("it has manifests").push(second);
        answer.body(list.to_string())
    }));
    source.mirror().exits(0).complains("does not name it");
    source.assert_all_arrived();
    source.pair.assert_absent("team/app", stray.digest());
}
