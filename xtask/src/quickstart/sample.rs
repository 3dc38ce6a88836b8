//! The synthetic images of the quickstart: small and the same on every machine.

use longshore_content::{Content, Image, Index};

/// A tag of the source registry, and its destination in the list.
pub(crate) struct Sample {
    /// Repository at the source.
    pub(crate) repository: &'static str,
    /// Tag at both ends.
    pub(crate) tag: &'static str,
    /// Repository at the destination, with the default project.
    pub(crate) destination: &'static str,
    /// Description for the user.
    pub(crate) what: &'static str,
    /// The manifest and everything below it.
    pub(crate) content: Content,
}

/// Returns the content of the source registry.
pub(crate) fn samples() -> Vec<Sample> {
    // Four images share the base, so it is uploaded once and then mounted.
    let base = |platform: &str| Image::new(platform).layer(1, 400_000);
    let both = |seed: u64, name: &str| {
        Index::oci()
            .child(&base("linux/amd64").layer(seed, 60_000).label("name", name).build())
            .child(&base("linux/arm64").layer(seed + 1, 60_000).label("name", name).build())
            .build()
    };
    let legacy = |platform: &str| Image::new(platform).docker().layer(40, 30_000).build();
    let legacy = Index::docker().child(&legacy("linux/amd64")).child(&legacy("linux/arm64"));
    let chart = Image::artifact("application/vnd.cncf.helm.chart.v1")
        .typed_layer("application/vnd.cncf.helm.chart.content.v1.tar+gzip", 50, 4_000)
        .build();
    vec![
        Sample {
            repository: "team/web",
            tag: "1.0",
            destination: "team/web",
            what: "an OCI index for amd64 and arm64",
            content: both(10, "web"),
        },
        Sample {
            repository: "team/api",
            tag: "2.1",
            destination: "prod/api",
            what: "another one, with the base layer of the first",
            content: both(20, "api"),
        },
        Sample {
            repository: "hello",
            tag: "latest",
            destination: "library/hello",
            what: "a single manifest, which gets the default project",
            content: Image::new("linux/amd64").layer(30, 2_000).build(),
        },
        Sample {
            repository: "team/legacy",
            tag: "0.9",
            destination: "team/legacy",
            what: "a Docker manifest list",
            content: legacy.build(),
        },
        Sample {
            repository: "charts/hello",
            tag: "0.1.0",
            destination: "charts/hello",
            what: "an artifact, shaped like a Helm chart",
            content: chart,
        },
    ]
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::samples;
    use crate::quickstart::LIST;

    #[test]
    fn the_list_names_the_samples() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let text = std::fs::read_to_string(root.join(LIST)).expect("the list is readable");
        let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        let listed: Vec<(&str, &str)> = lines
            .map(|line| {
                let fields: Vec<&str> = line.split_whitespace().collect();
                assert_eq!(fields.len(), 3, "{line}");
                (fields[0], fields[2])
            })
            .collect();
        let made: Vec<(&str, &str)> =
            samples().iter().map(|sample| (sample.repository, sample.tag)).collect();
        assert_eq!(listed, made);
    }
}
