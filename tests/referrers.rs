//! `--referrers`: signatures, SBOMs and all other referrers arrive with an image, and another
//! client finds them.

mod fallback;
mod lists;

use longshore_content::{Content, Image, Index};

use crate::support::{Answer, FaultProxy, Longshore, Pair, Regctl, Registry, Rule};

const SIGNATURE: &str = "application/vnd.example.signature.v1+json";
const SBOM: &str = "application/vnd.example.sbom.v1+json";

/// Creates an artifact that refers to a manifest. The seed makes it unique.
fn artifact(kind: &str, seed: u64, subject: &Content) -> Content {
    Image::artifact(kind)
        .layer(seed, 300)
        .annotation("seed", &seed.to_string())
        .subject(subject)
        .build()
}

/// Returns the fallback tag, or with an ending one of cosign's tags.
fn tag_of(subject: &Content, ending: &str) -> String {
    format!("{}{ending}", subject.digest().replace(':', "-"))
}

/// An image for two platforms with all kinds of referrers.
struct Signed {
    amd: Content,
    arm: Content,
    index: Content,
    /// Subject and referrer.
    referrers: Vec<(Content, Content)>,
    /// Cosign's tags and their content.
    tags: Vec<(String, Content)>,
}

impl Signed {
    fn new() -> Self {
        let amd = Image::new("linux/amd64").layer(1, 400).build();
        let arm = Image::new("linux/arm64").layer(2, 400).build();
        let index = Index::oci().child(&amd).child(&arm).build();
        let plain = |seed| Image::artifact(SIGNATURE).layer(seed, 100).build();
        let sbom = artifact(SBOM, 10, &amd);
        let part = Image::artifact(SBOM).layer(11, 200).build();
        let bundle = Index::oci().child_without_platform(&part).artifact_type(SBOM).subject(&arm);
        let referrers = vec![
            (index.clone(), artifact(SIGNATURE, 12, &index)),
            (index.clone(), artifact(SIGNATURE, 13, &index)),
            (sbom.clone(), artifact(SIGNATURE, 14, &sbom)),
            (amd.clone(), sbom),
            (arm.clone(), bundle.build()),
            (plain(22), artifact(SIGNATURE, 15, &plain(22))),
        ];
        let tags = vec![
            (tag_of(&index, ".sig"), plain(20)),
            (tag_of(&amd, ".att"), plain(21)),
            (tag_of(&arm, ".sbom"), plain(22)),
            (tag_of(&plain(22), ".sig"), plain(23)),
            (tag_of(&referrers[3].1, ".sig"), plain(24)),
        ];
        Self { amd, arm, index, referrers, tags }
    }

    /// Pushes everything, and fallback indexes if the registry lacks the API.
    fn push(&self, registry: &Registry, repository: &str) {
        registry.push(repository, "1", &self.index);
        for (subject, referrer) in &self.referrers {
            registry.push(repository, referrer.digest(), referrer);
            let listed = registry.endpoint().referrers(repository, subject.digest());
            if listed.expect("the registry answers").is_none() {
                let of_subject =
                    self.referrers.iter().filter(|(of, _)| of.digest() == subject.digest());
                let index = of_subject.fold(Index::oci(), |index, (_, referrer)| {
                    index.child_without_platform(referrer)
                });
                registry.push(repository, &tag_of(subject, ""), &index.build());
            }
        }
        for (tag, content) in &self.tags {
            registry.push(repository, tag, content);
        }
    }

    /// Returns the digests of the referrers of `subject`, sorted.
    fn of(&self, subject: &Content) -> Vec<String> {
        let of_subject = self.referrers.iter().filter(|(of, _)| of.digest() == subject.digest());
        let mut digests: Vec<String> =
            of_subject.map(|(_, referrer)| referrer.digest().to_owned()).collect();
        digests.sort();
        digests
    }

    /// Checks with regctl that everything arrived and can be found.
    #[track_caller]
    fn assert_found(&self, registry: &Registry, repository: &str, regctl: &Regctl) {
        for (subject, referrer) in &self.referrers {
            let found = regctl.referrers(registry.address(), repository, subject.digest());
            assert_eq!(found, self.of(subject), "what refers to {}", subject.digest());
            registry.assert_complete(repository, referrer.digest());
        }
        for (tag, content) in &self.tags {
            assert_eq!(registry.manifest(repository, tag).digest, content.digest(), "{tag}");
            registry.assert_complete(repository, tag);
        }
        registry.assert_complete(repository, "1");
    }
}

/// Mirrors the image between the two registries, twice.
fn everything_arrives(source: &Registry, destination: &Registry) {
    let Some(regctl) = Regctl::find() else { return };
    let signed = Signed::new();
    signed.push(source, "team/app");
    let mirror = || {
        let run = Longshore::new().mirror().list("team/app copy/app 1\n").arg("--referrers");
        run.source(source.address()).destination(destination.address()).run().exits(0)
    };
    mirror().sums_up("1 copied, 0 skipped, 0 failed").complains("11 referrers copied");
    signed.assert_found(destination, "copy/app", &regctl);
    mirror().sums_up("0 copied, 1 skipped, 0 failed");
    signed.assert_found(destination, "copy/app", &regctl);
}

#[test]
fn between_registries_with_the_api() {
    let pair = Pair::embedded();
    everything_arrives(&pair.source, &pair.destination);
    let tags = pair.destination.endpoint().tags("copy/app").expect("it answers");
    assert_eq!(tags.len(), 6, "no fallback tag is made where the API is there: {tags:?}");
}

#[test]
fn from_the_api_to_fallback_tags() {
    let Some(pair) = Pair::docker() else { return };
    everything_arrives(&pair.source, &pair.destination);
    let signed = Signed::new();
    let index = pair.destination.manifest("copy/app", &tag_of(&signed.index, ""));
    let index: serde_json::Value = serde_json::from_slice(&index.bytes).expect("it is JSON");
    assert_eq!(index["manifests"][0]["artifactType"], SIGNATURE);
    assert!(index["manifests"][0]["annotations"]["seed"].is_string(), "{index}");
}

#[test]
fn from_fallback_tags_to_the_api() {
    let Some(source) = Registry::docker().start() else { return };
    everything_arrives(&source, &Registry::embedded());
}

#[test]
fn between_registries_with_fallback_tags() {
    let Some(source) = Registry::docker().start() else { return };
    let Some(destination) = Registry::docker().start() else { return };
    everything_arrives(&source, &destination);
}

#[test]
fn a_later_signature_is_copied_to_an_existing_image() {
    let pair = Pair::embedded();
    let signed = Signed::new();
    pair.source.push("team/app", "1", &signed.index);
    let list = "team/app team/app 1\n";
    pair.mirror(list).run().exits(0).sums_up("1 copied, 0 skipped, 0 failed");
    signed.push(&pair.source, "team/app");
    pair.mirror(list).run().exits(0).sums_up("0 copied, 1 skipped, 0 failed");
    pair.assert_absent("team/app", signed.referrers[0].1.digest());
    let later = pair.mirror(list).arg("--referrers").args(["--output", "json"]).run().exits(0);
    let entry = &later.json()["entries"][0];
    assert_eq!(entry["status"], "copied");
    assert_eq!(entry["reason"], "already at the destination; 11 referrers copied");
    for (_, referrer) in &signed.referrers {
        pair.assert_arrived("team/app", referrer.digest(), referrer);
    }
}

#[test]
fn a_filtered_index_copies_only_referrers_of_its_children() {
    let pair = Pair::embedded();
    let signed = Signed::new();
    signed.push(&pair.source, "team/app");
    let filtered = || {
        let run = pair.mirror("team/app team/app 1\n").args(["--referrers", "--arch", "amd64"]);
        run.args(["--output", "json"]).run().exits(0)
    };
    let run =
        filtered().complains(&format!("3 referrers of {} are not copied", signed.index.digest()));
    let reason = run.json()["entries"][0]["reason"].to_string();
    assert!(
        reason.contains("4 referrers copied; 3 referrers of the source's digest left"),
        "{reason}"
    );
    for (subject, referrer) in &signed.referrers {
        let listed = pair.destination.endpoint().referrers("team/app", subject.digest());
        let listed = listed.expect("it answers").expect("it has the API");
        let left = [&signed.index, &signed.arm, &signed.tags[2].1];
        let is_left = left.iter().any(|left| left.digest() == subject.digest());
        assert_eq!(listed.is_empty(), is_left, "of {}: {}", subject.digest(), referrer.digest());
    }
    pair.assert_absent("team/app", &tag_of(&signed.index, ".sig"));
    pair.assert_absent("team/app", &tag_of(&signed.arm, ".sbom"));
    pair.assert_absent("team/app", &signed.tags[3].0);
    pair.assert_arrived("team/app", &tag_of(&signed.amd, ".att"), &signed.tags[1].1);
    pair.assert_arrived("team/app", &signed.tags[4].0, &signed.tags[4].1);
    let again = filtered();
    assert_eq!(again.json()["entries"][0]["status"], "skipped");
}

#[test]
fn a_wrapped_image_copies_all_referrers() {
    let pair = Pair::embedded();
    let image = Image::new("linux/amd64").layer(1, 100).build();
    let signature = artifact(SIGNATURE, 1, &image);
    pair.source.push("team/app", "1", &image);
    pair.source.push("team/app", "signature", &signature);
    let run = pair.mirror("team/app team/app 1\n").args(["--referrers", "--index", "docker"]).run();
    run.exits(0).complains("1 referrer copied");
    pair.assert_arrived("team/app", signature.digest(), &signature);
}

#[test]
fn a_signature_that_is_an_entry_of_its_own_is_found_too() {
    let (Some(pair), Some(regctl)) = (Pair::docker(), Regctl::find()) else { return };
    let image = Image::new("linux/amd64").layer(1, 100).build();
    let signature = artifact(SIGNATURE, 1, &image);
    pair.source.push("team/app", "signature", &signature);
    pair.mirror("team/app team/app signature\n").arg("--referrers").run().exits(0);
    let found = regctl.referrers(pair.destination.address(), "team/app", image.digest());
    assert_eq!(found, [signature.digest()]);
}

#[test]
fn an_image_is_not_tagged_before_its_signature_is_there() {
    let pair = Pair::embedded();
    let signed = Signed::new();
    signed.push(&pair.source, "team/app");
    let at_source = FaultProxy::before(&pair.source);
    let blob = signed.referrers[2].1.blobs()[1].digest();
    at_source.rule(Rule::on("GET", &format!("*/blobs/{blob}")).answers(Answer::status(404)));
    let run = Longshore::new().mirror().list("team/app team/app 1\n").arg("--referrers");
    let run = run.source(at_source.address()).destination(pair.destination.address()).run();
    run.exits(1).complains(blob);
    pair.assert_absent("team/app", "1");
}

#[test]
fn without_the_flag_one_line_says_that_referrers_are_not_copied() {
    let pair = Pair::embedded();
    let signed = Signed::new();
    signed.push(&pair.source, "team/app");
    let at_source = FaultProxy::before(&pair.source);
    let run = Longshore::new().mirror().list("team/app a/app 1\nteam/app b/app 1\n");
    let run =
        run.source(at_source.address()).destination(pair.destination.address()).run().exits(0);
    let said = format!("{}{}", run.stdout, run.stderr);
    assert_eq!(said.matches("--referrers copies them too").count(), 1, "{said}");
    assert_eq!(at_source.count("GET", "*/referrers/*") + at_source.count("GET", "*/tags/list"), 0);
    pair.assert_absent("a/app", &tag_of(&signed.index, ".sig"));
}

#[test]
fn a_signature_whose_layer_the_registry_collected_is_sent_again() {
    let pair = Pair::embedded();
    let signed = Signed::new();
    signed.push(&pair.source, "team/app");
    let at_destination = FaultProxy::before(&pair.destination);
    let signature = &signed.referrers[2].1;
    let put = Rule::on("PUT", &format!("*/manifests/{}", signature.digest())).first(2);
    at_destination.rule(put.answers(Answer::error(400, "MANIFEST_BLOB_UNKNOWN")));
    let run = Longshore::new().mirror().list("team/app team/app 1\n").arg("--referrers");
    let run = run.source(pair.source.address()).destination(at_destination.address()).run();
    run.exits(0).sums_up("1 copied, 0 skipped, 0 failed");
    for (_, referrer) in &signed.referrers {
        pair.assert_arrived("team/app", referrer.digest(), referrer);
    }
    let layer = signature.blobs()[1].digest().replace("sha256:", "");
    assert_eq!(at_destination.count("PUT", &format!("*/blobs/uploads/*?*{layer}")), 2);
}

/// Nothing is lost, so nothing is copied. Then one manifest of each kind of referrer is lost.
#[test]
fn a_forced_run_counts_only_the_referrers_that_were_lost() {
    let pair = Pair::embedded();
    let signed = Signed::new();
    signed.push(&pair.source, "team/app");
    let mirror = || pair.mirror("team/app team/app 1\n").arg("--referrers");
    mirror().run().exits(0).sums_up("1 copied, 0 skipped, 0 failed");
    for flag in ["--force-recursive", "--deep"] {
        let run = mirror().arg(flag).run().exits(0).sums_up("0 copied, 1 skipped, 0 failed");
        run.complains("checked; the destination has everything");
        for lost in [&signed.referrers[0].1, &signed.referrers[2].1, &signed.tags[0].1] {
            let hex = lost.digest().strip_prefix("sha256:").expect("it is SHA-256");
            let folder = pair.destination.directory().join("team/app/blobs/sha256");
            std::fs::remove_file(folder.join(hex)).expect("it is there");
            let run = mirror().arg(flag).run().exits(0).sums_up("1 copied, 0 skipped, 0 failed");
            run.complains("mended: 1 manifest sent again; 1 referrer copied");
            pair.assert_arrived("team/app", lost.digest(), lost);
        }
    }
}

/// A list under a fallback tag is lost apart from the referrers.
#[test]
fn a_forced_run_counts_referrers_that_were_no_longer_listed() {
    let Some(pair) = Pair::docker() else { return };
    let signed = Signed::new();
    signed.push(&pair.source, "team/app");
    let mirror = || pair.mirror("team/app team/app 1\n").args(["--referrers", "--force-recursive"]);
    mirror().run().exits(0).sums_up("1 copied, 0 skipped, 0 failed");
    mirror().run().exits(0).sums_up("0 copied, 1 skipped, 0 failed");
    pair.destination.push("team/app", &tag_of(&signed.index, ""), &Index::oci().build());
    let run = mirror().run().exits(0).sums_up("1 copied, 0 skipped, 0 failed");
    run.complains("2 referrers copied");
    mirror().run().exits(0).sums_up("0 copied, 1 skipped, 0 failed");
}

#[test]
fn a_dry_run_counts_the_referrers_that_a_run_copies() {
    let pair = Pair::embedded();
    let signed = Signed::new();
    signed.push(&pair.source, "team/app");
    let list = "team/app team/app 1\n";
    let run = |flags: &[&str]| pair.mirror(list).arg("--referrers").args(flags).run().exits(0);
    let dry = run(&["--dry-run"]).sums_up("1 to copy, 0 skipped, 0 failed");
    assert!(
        dry.stdout.contains(": would be copied; 11 referrers would be copied"),
        "{}",
        dry.stdout
    );
    let cut = run(&["--dry-run", "--arch", "amd64"]);
    assert!(cut.stdout.contains("; 4 referrers would be copied; 3 referrers of"), "{}", cut.stdout);

    pair.mirror(list).run().exits(0).sums_up("1 copied, 0 skipped, 0 failed");
    let dry = run(&["--dry-run"]).sums_up("1 to copy, 0 skipped, 0 failed");
    let there = ": already at the destination; 11 referrers would be copied";
    assert!(dry.stdout.contains(there), "{}", dry.stdout);
    pair.assert_absent("team/app", signed.referrers[0].1.digest());
    // Two of them are there already.
    for (_, referrer) in &signed.referrers[..2] {
        pair.destination.push("team/app", referrer.digest(), referrer);
    }
    let dry = run(&["--dry-run"]);
    assert!(dry.stdout.contains("; 9 referrers would be copied"), "{}", dry.stdout);
    run(&[]).sums_up("1 copied, 0 skipped, 0 failed").complains("; 9 referrers copied");
    let dry = run(&["--dry-run"]).sums_up("0 to copy, 1 skipped, 0 failed");
    assert!(!dry.stdout.contains("would be copied"), "{}", dry.stdout);
}
