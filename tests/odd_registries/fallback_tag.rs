//! Registries that answer a fallback tag `sha256-HEX` with the manifest of that digest.

use longshore_content::{Content, Image, Index};

use crate::support::{Answer, FaultProxy, Longshore, Registry, Rule};

/// Takes the referrers API from a registry.
fn has_no_referrers_api(proxy: &FaultProxy) {
    proxy.rule(Rule::on("GET", "*/referrers/*").answers(Answer::status(404)));
    proxy.rule(Rule::on("PUT", "*/manifests/*").alters(|answer| answer.without("oci-subject")));
}

/// Makes a registry read a fallback tag as a digest, and have no referrers API.
fn reads_tags_as_digests(proxy: &FaultProxy, contents: &[&Content]) {
    has_no_referrers_api(proxy);
    for content in contents {
        let tag = content.digest().replace(':', "-");
        let answer = Answer::status(200)
            .header("content-type", content.media_type())
            .header("docker-content-digest", content.digest())
            .body(content.bytes().to_vec());
        for method in ["GET", "HEAD"] {
            proxy.rule(Rule::on(method, &format!("*/manifests/{tag}")).answers(answer.clone()));
        }
    }
}

struct Signed {
    source: Registry,
    destination: Registry,
    index: Content,
    signature: Content,
}

fn signed() -> Signed {
    let (source, destination) = (Registry::embedded(), Registry::embedded());
    let amd = Image::new("linux/amd64").layer(1, 100).build();
    let index = Index::oci().child(&amd).build();
    let signature = Image::artifact("a/b").layer(2, 50).subject(&index).build();
    source.push("team/app", "1", &index);
    source.push("team/app", signature.digest(), &signature);
    Signed { source, destination, index, signature }
}

fn mirror(source: &str, destination: &str) -> Longshore {
    let run = Longshore::new().mirror().list("team/app team/app 1\n").arg("--referrers");
    run.source(source).destination(destination)
}

#[test]
fn a_destination_that_answers_with_the_image_gets_image_and_signature() {
    let Signed { source, destination, index, signature } = signed();
    let proxy = FaultProxy::before(&destination);
    reads_tags_as_digests(&proxy, &[&index, &index.children()[0], &signature]);
    let run = mirror(source.address(), proxy.address()).run().exits(0);
    run.complains("keeps no lists of referrers");
    destination.assert_complete("team/app", "1");
    destination.assert_complete("team/app", signature.digest());
    // No list leads to the signature, so its digest does.
    let validate = |of: &Registry| {
        let run = Longshore::new().validate().list("team/app team/app 1\n").arg("--referrers");
        let proxy = FaultProxy::before(of);
        reads_tags_as_digests(&proxy, &[&index, &index.children()[0], &signature]);
        run.source(source.address()).destination(proxy.address()).run()
    };
    validate(&destination).exits(0);
    let sbom = Image::artifact("c/d").layer(3, 50).subject(&index).build();
    source.push("team/app", sbom.digest(), &sbom);
    validate(&destination).exits(1).complains("referrer");
    mirror(source.address(), proxy.address()).run().exits(0);
    validate(&destination).exits(0);
    let without = Registry::embedded();
    without.push("team/app", "1", &index);
    validate(&without).exits(1).complains("referrer");
}

/// Nothing that is written there is shown, so nothing is written again.
#[test]
fn a_destination_that_keeps_no_lists_is_written_to_once() {
    let Signed { source, destination, index, signature } = signed();
    let sbom = Image::artifact("c/d").layer(3, 50).subject(&index).build();
    let of_child = Image::artifact("e/f").layer(4, 50).subject(&index.children()[0]).build();
    for more in [&sbom, &of_child] {
        source.push("team/app", more.digest(), more);
    }
    let proxy = FaultProxy::before(&destination);
    let contents = [&index, &index.children()[0], &signature, &sbom, &of_child];
    reads_tags_as_digests(&proxy, &contents);
    for run in 1..=3 {
        let done = mirror(source.address(), proxy.address()).run().exits(0);
        let warnings = done.stderr.matches("keeps no lists of referrers").count();
        assert_eq!(warnings, 1, "run {run}: {}", done.stderr);
        for content in [&signature, &sbom, &of_child] {
            destination.assert_complete("team/app", content.digest());
        }
        if run > 1 {
            done.sums_up("0 copied, 1 skipped, 0 failed");
            for method in ["PUT", "POST", "PATCH"] {
                assert_eq!(proxy.count(method, "*"), 0, "run {run}: {}", proxy.tally());
            }
        }
        proxy.forget();
    }
    // What was lost is sent again, and a new signature too.
    let new = Image::artifact("a/b").layer(5, 50).subject(&index).build();
    source.push("team/app", new.digest(), &new);
    reads_tags_as_digests(&proxy, &[&new]);
    mirror(source.address(), proxy.address()).run().exits(0).sums_up("1 copied, 0 skipped");
    destination.assert_complete("team/app", new.digest());
}

#[test]
fn a_destination_that_answers_so_until_it_is_told_otherwise_gets_the_list() {
    let Signed { source, destination, index, signature } = signed();
    let proxy = FaultProxy::before(&destination);
    has_no_referrers_api(&proxy);
    destination.push("team/app", &index.digest().replace(':', "-"), &index);
    mirror(source.address(), proxy.address()).run().exits(0);
    let listed = destination.manifest("team/app", &index.digest().replace(':', "-"));
    let text = String::from_utf8(listed.bytes).expect("it is text");
    assert!(text.contains(signature.digest()), "{text}");
}

#[test]
fn a_source_that_answers_with_the_image_has_no_referrers() {
    let Signed { source, destination, index, .. } = signed();
    let proxy = FaultProxy::before(&source);
    reads_tags_as_digests(&proxy, &[&index, &index.children()[0]]);
    mirror(proxy.address(), destination.address()).run().exits(0);
    destination.assert_complete("team/app", "1");
    let run = Longshore::new().validate().list("team/app team/app 1\n").arg("--referrers");
    run.source(proxy.address()).destination(destination.address()).run().exits(0);
}

/// Nothing there is a list of referrers, so there is none.
#[test]
fn a_source_with_another_image_under_the_fallback_tag_has_no_referrers() {
    let other = Image::new("linux/amd64").layer(7, 100).build();
    let artifact = Image::artifact("c/d").layer(8, 100).build();
    for under_tag in [&other, &artifact] {
        let Signed { source, destination, index, .. } = signed();
        let proxy = FaultProxy::before(&source);
        has_no_referrers_api(&proxy);
        source.push("team/app", &index.digest().replace(':', "-"), under_tag);
        let run = mirror(proxy.address(), destination.address()).run().exits(0);
        run.complains("holds an image in the place of a list of referrers");
        destination.assert_complete("team/app", "1");
        let run = Longshore::new().validate().list("team/app team/app 1\n").arg("--referrers");
        run.source(proxy.address()).destination(destination.address()).run().exits(0);
    }
}

#[test]
fn a_destination_with_another_image_under_the_fallback_tag_keeps_it() {
    let Signed { source, destination, index, .. } = signed();
    let other = Image::new("linux/amd64").layer(7, 100).build();
    let tag = index.digest().replace(':', "-");
    destination.push("team/app", &tag, &other);
    let proxy = FaultProxy::before(&destination);
    has_no_referrers_api(&proxy);
    let run = mirror(source.address(), proxy.address()).run().exits(1);
    run.complains("it is not an index of referrers").complains("hint: delete this tag");
    assert_eq!(destination.manifest("team/app", &tag).digest, other.digest());
}
