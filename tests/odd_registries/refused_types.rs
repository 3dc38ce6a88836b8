//! Registries that do not take a type of manifest: the hint names the type and what helps.

use longshore_content::{Blob, Content, Image, Index};

use crate::support::{Answer, FaultProxy, Longshore, Registry, Rule};

/// Copies the content to a registry that refuses every manifest of this type.
fn refused(content: &Content, refused_type: &str, answer: Answer, flags: &[&str]) -> (i32, String) {
    let (source, destination) = (Registry::embedded(), Registry::embedded());
    source.push("team/app", "1", content);
    let proxy = FaultProxy::before(&destination);
    let refused_type = refused_type.to_owned();
    proxy.rule(Rule::on("PUT", "/v2/team/app/manifests/*").answers_by(move |seen| {
        (seen.header("content-type") == Some(&refused_type)).then(|| answer.clone())
    }));
    let run = Longshore::new().mirror().list("team/app team/app 1\n").source(source.address());
    let run = run.destination(proxy.address()).args(flags).run();
    (run.exit, run.stderr)
}

const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";

#[test]
fn the_hint_names_the_type_and_what_helps() {
    let oci = Image::new("linux/amd64").layer(1, 100).build();
    let docker = Image::new("linux/arm64").docker().layer(2, 100).build();
    let artifact = Image::artifact("application/vnd.example.thing").build();
    for (content, refused_type, hint) in [
        (Index::docker().child(&oci).build(), DOCKER_LIST, "--index oci writes OCI indexes"),
        (
            Index::oci().child(&docker).build(),
            OCI_INDEX,
            "--index docker writes Docker manifest lists",
        ),
        (docker, DOCKER_MANIFEST, "convert it first, such as with skopeo copy --all --format oci"),
        (oci, OCI_MANIFEST, "convert it first, such as with skopeo copy --all --format v2s2"),
        (artifact, OCI_MANIFEST, "one of the type application/vnd.example.thing"),
    ] {
        for answer in [
            Answer::error(415, "UNSUPPORTED"),
            Answer::error(400, "MANIFEST_INVALID"),
            Answer::status(415),
        ] {
            let (exit, stderr) = refused(&content, refused_type, answer, &[]);
            assert_eq!(exit, 1, "{stderr}");
            let hints: Vec<&str> = stderr.lines().filter(|line| line.contains("hint: ")).collect();
            assert!(hints.iter().any(|line| line.contains(hint)), "no {hint}\n{stderr}");
            assert!(hints[0].contains(refused_type), "{stderr}");
        }
    }
}

#[test]
fn the_hint_about_indexes_works() {
    let oci = Image::new("linux/amd64").layer(1, 100).build();
    for (index, refused_type, flag) in [
        (Index::docker().child(&oci).build(), DOCKER_LIST, "oci"),
        (Index::oci().child(&oci).build(), OCI_INDEX, "docker"),
    ] {
        let answer = Answer::error(415, "UNSUPPORTED");
        let (exit, stderr) = refused(&index, refused_type, answer, &["--index", flag]);
        assert_eq!(exit, 0, "{stderr}");
    }
}

#[test]
fn another_refusal_gets_its_own_hint() {
    let image = Image::new("linux/amd64").layer(1, 100).build();
    for answer in [Answer::error(403, "DENIED"), Answer::error(413, "SIZE_INVALID")] {
        let (_, stderr) = refused(&image, OCI_MANIFEST, answer, &[]);
        assert!(!stderr.contains("skopeo"), "{stderr}");
    }
}

#[test]
fn distribution_3_refuses_a_cache_unless_it_is_configured() {
    let Some(destination) = Registry::distribution().start() else { return };
    let source = Registry::embedded();
    let layer = Blob::new("application/vnd.oci.image.layer.v1.tar+gzip", vec![7; 3000]);
    let config = Blob::new("application/vnd.buildkit.cacheconfig.v0", b"{\"layers\":[]}".to_vec());
    source.push("team/app", "cache", &Index::oci().blob(&layer).blob(&config).build());
    let run = Longshore::new().mirror().list("team/app team/app cache\n").source(source.address());
    let run = run.destination(destination.address()).run().exits(1);
    run.complains("hint: this is an index of blobs, such as a BuildKit cache; distribution 3 takes it if its configuration says validation.manifests.indexes.platforms: none");
}
