//! `--referrers`: signatures and SBOMs arrive, and their absence is found.

use longshore_content::{Content, Image, Index};

use super::{LIST, image};
use crate::support::{Kind, Regctl, Store, Stores};

for_each_pair!(referrers_and_cosign_tags_arrive, a_missing_signature_is_found_and_repaired);

const SIGNATURE: &str = "application/vnd.example.signature.v1+json";

fn signature(seed: u64, subject: &Content) -> Content {
    Image::artifact(SIGNATURE).layer(seed, 300).subject(subject).build()
}

/// An index with a signature, an SBOM of its first child, and a signature of the SBOM.
struct Signed {
    index: Content,
    /// Subject and referrer.
    referrers: [(Content, Content); 3],
    /// One of cosign's tags and its content.
    tag: (String, Content),
}

impl Signed {
    fn new() -> Self {
        let amd = image("linux/amd64", 1);
        let index = Index::oci().child(&amd).child(&image("linux/arm64", 2)).build();
        let sbom = Image::artifact("application/vnd.example.sbom.v1+json")
            .layer(10, 300)
            .subject(&amd)
            .build();
        let referrers = [
            (index.clone(), signature(11, &index)),
            (sbom.clone(), signature(12, &sbom)),
            (amd, sbom),
        ];
        let tag = format!("{}.sig", index.digest().replace(':', "-"));
        let signed_by_tag = Image::artifact(SIGNATURE).layer(13, 100).build();
        Self { index, referrers, tag: (tag, signed_by_tag) }
    }

    /// Pushes everything, and fallback indexes to a registry without the API.
    fn push(&self, store: &Store) {
        store.push("team/app", "1", &self.index);
        for (subject, referrer) in &self.referrers {
            store.push("team/app", referrer.digest(), referrer);
            if store.referrers("team/app", subject.digest()).is_empty() {
                let index = Index::oci().child_without_platform(referrer).build();
                store.push("team/app", &subject.digest().replace(':', "-"), &index);
            }
        }
        store.push("team/app", &self.tag.0, &self.tag.1);
    }
}

fn referrers_and_cosign_tags_arrive(source: Kind, destination: Kind) {
    let Some(stores) = Stores::new(source, destination) else { return };
    let signed = Signed::new();
    signed.push(&stores.source);
    let mirror = || stores.mirror(LIST).arg("--referrers").run().exits(0);
    mirror().sums_up("1 copied, 0 skipped, 0 failed").complains("4 referrers copied");
    stores.destination.assert_has("team/app", "1", &signed.index);
    for (subject, referrer) in &signed.referrers {
        let found = stores.destination.referrers("team/app", subject.digest());
        assert_eq!(found, [referrer.digest()], "what refers to {}", subject.digest());
        stores.destination.assert_has("team/app", referrer.digest(), referrer);
        if let Store::Registry(registry) = &stores.destination
            && let Some(regctl) = Regctl::find()
        {
            let seen = regctl.referrers(registry.address(), "team/app", subject.digest());
            assert_eq!(seen, found, "regctl finds others");
        }
    }
    stores.destination.assert_has("team/app", &signed.tag.0, &signed.tag.1);
    mirror().sums_up("0 copied, 1 skipped, 0 failed");
    stores.validate(LIST).args(["--referrers", "--deep"]).run().exits(0);
}

fn a_missing_signature_is_found_and_repaired(source: Kind, destination: Kind) {
    let Some(stores) = Stores::new(source, destination) else { return };
    let signed = Signed::new();
    signed.push(&stores.source);
    stores.mirror(LIST).run().exits(0);
    stores.validate(LIST).run().exits(0);
    let validate = || stores.validate(LIST).arg("--referrers").run();
    let run = validate().exits(1).complains(&format!("lacks tag {}", signed.tag.0));
    for (subject, referrer) in &signed.referrers[..1] {
        let what = format!("lacks referrer {} of {}", referrer.digest(), subject.digest());
        assert!(run.stdout.contains(&what), "no `{what}` in\n{}", run.stdout);
    }
    run.repaired().exits(0);
    validate().exits(0);
    for (_, referrer) in &signed.referrers {
        stores.destination.assert_has("team/app", referrer.digest(), referrer);
    }
}
