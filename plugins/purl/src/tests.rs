//! Purls as in the specification and as common tools write them.

use super::Image;

fn image(purl: &str) -> Image {
    let read = Image::of(purl).unwrap_or_else(|| panic!("{purl} names an image"));
    read.unwrap_or_else(|error| panic!("{purl}: {error}"))
}

#[test]
fn purls_give_the_image_location() {
    for (purl, reference) in [
        (
            "pkg:oci/debian@sha256%3A244f?repository_url=docker.io/library/debian&arch=amd64&tag=latest",
            "docker.io/library/debian:latest@sha256:244f",
        ),
        (
            "pkg:oci/debian@sha256:244f?repository_url=ghcr.io&tag=bullseye",
            "ghcr.io/debian:bullseye@sha256:244f",
        ),
        (
            "pkg:oci/static@sha256%3A244f?repository_url=gcr.io%2Fdistroless%2Fstatic",
            "gcr.io/distroless/static@sha256:244f",
        ),
        ("pkg:oci/App?tag=1&repository_url=https://h:5000/team/App/", "h:5000/team/App:1"),
        ("pkg:docker/cassandra@latest", "docker.io/cassandra:latest"),
        ("PKG:OCI/App?tag=1&repository_url=h:5000/team/app", "h:5000/team/app:1"),
        ("Pkg://docker/cassandra@1", "docker.io/cassandra:1"),
        (" pkg:Docker/a@1 ", "docker.io/a:1"),
        ("pkg:docker/smartentry/debian@dc437cc87d10", "docker.io/smartentry/debian:dc437cc87d10"),
        ("pkg:docker/customer/image@1?repository_url=gcr.io", "gcr.io/customer/image:1"),
        ("pkg:docker/a@1?repository_url=https://hub.docker.com", "docker.io/a:1"),
        ("pkg:docker/ghcr.io/team/app@1?platform=linux%2Farm64", "ghcr.io/team/app:1"),
        ("pkg:docker/localhost:5000/a@1?digest=sha256:00", "localhost:5000/a:1@sha256:00"),
        ("pkg:docker/a?digest=sha256:00", "docker.io/a@sha256:00"),
    ] {
        let image = image(purl);
        assert_eq!(image.reference, reference, "{purl}");
        assert_eq!(image.warnings, [""; 0], "{purl}");
        assert_eq!(image.has_architecture, purl.contains("arch="), "{purl}");
        let platform = purl.contains("platform=").then_some("linux/arm64");
        assert_eq!(image.platform.as_deref(), platform, "{purl}");
    }
}

#[test]
fn ambiguous_purls_get_a_warning() {
    for (purl, reference, warning) in [
        (
            "pkg:oci/a@1.2?repository_url=r.io/a",
            "r.io/a:1.2",
            "version `1.2` of the purl is read as a tag",
        ),
        ("pkg:oci/a?repository_url=r.io/a", "r.io/a", "`latest` is used"),
        ("pkg:oci/a@sha256:0?repository_url=r.io/b", "r.io/b/a@sha256:0", "so `r.io/b/a` is used"),
        ("pkg:docker/a@sha256%3A00", "docker.io/a@sha256:00", "may be an image's id"),
        ("pkg:docker/t/a@1?repository_url=r.io/t/a", "r.io/t/a:1", "so `r.io/t/a` is used"),
        ("pkg:docker/a", "docker.io/a", "`latest` is used"),
    ] {
        let image = image(purl);
        assert_eq!(image.reference, reference, "{purl}");
        let [found] = &image.warnings[..] else { panic!("{purl}: {:?}", image.warnings) };
        assert!(found.contains(warning), "{purl}: {found}");
    }
}

#[test]
fn purls_without_a_location_are_rejected_and_other_types_skipped() {
    for (purl, part) in [
        ("pkg:oci/a@sha256:0", "no repository_url"),
        (
            "pkg:oci/a@1?tag=2&repository_url=r.io",
            "its version `1` is not a digest, and its tag is `2`",
        ),
        ("pkg:oci/a?repository_url=https://u:p@r.io/a", "not a registry or repository"),
        ("pkg:oci/", "missing name"),
        ("pkg:oci", "missing type"),
        ("pkg:docker/r.io/a@1?repository_url=q.io", "`r.io` and the repository_url `q.io`"),
        ("pkg:docker/a@sha256:0?digest=sha256:1", "digests, `sha256:0` and `sha256:1`"),
        ("pkg:docker/a@%ff", "utf-8"),
    ] {
        let error = Image::of(purl).expect(purl).expect_err(purl);
        assert!(error.contains(part), "{purl}: {error}");
    }
    for other in ["pkg:npm/oci@1", "pkg:deb/debian/curl@1", "oci/a", "", "pkg:"] {
        assert_eq!(Image::of(other), None, "{other}");
    }
}
