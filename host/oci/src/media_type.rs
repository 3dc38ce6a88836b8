//! Media types of manifests, configurations and layers.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A media type without parameters.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MediaType(Cow<'static, str>);

impl MediaType {
    /// An OCI image index (image-spec, image-index.md).
    pub const OCI_INDEX: Self = Self(Cow::Borrowed("application/vnd.oci.image.index.v1+json"));
    /// An OCI image manifest (image-spec, manifest.md).
    pub const OCI_MANIFEST: Self =
        Self(Cow::Borrowed("application/vnd.oci.image.manifest.v1+json"));
    /// The artifact manifest of image-spec 1.1-rc, which some registries still hold.
    pub const OCI_ARTIFACT: Self =
        Self(Cow::Borrowed("application/vnd.oci.artifact.manifest.v1+json"));
    /// A Docker manifest list.
    pub const DOCKER_LIST: Self =
        Self(Cow::Borrowed("application/vnd.docker.distribution.manifest.list.v2+json"));
    /// A Docker v2 schema 2 manifest.
    pub const DOCKER_MANIFEST: Self =
        Self(Cow::Borrowed("application/vnd.docker.distribution.manifest.v2+json"));
    /// A signed Docker schema 1 manifest.
    pub const DOCKER_SCHEMA1_SIGNED: Self =
        Self(Cow::Borrowed("application/vnd.docker.distribution.manifest.v1+prettyjws"));
    /// An unsigned Docker schema 1 manifest.
    pub const DOCKER_SCHEMA1: Self =
        Self(Cow::Borrowed("application/vnd.docker.distribution.manifest.v1+json"));

    /// The configuration of a Helm chart.
    pub const HELM_CONFIG: Self = Self(Cow::Borrowed("application/vnd.cncf.helm.config.v1+json"));
    /// The layer with the archive of a Helm chart.
    pub const HELM_CONTENT: Self =
        Self(Cow::Borrowed("application/vnd.cncf.helm.chart.content.v1.tar+gzip"));
    /// The type that Helm 3.0 to 3.6 gave that layer.
    pub const HELM_LEGACY_CONTENT: Self = Self(Cow::Borrowed("application/tar+gzip"));
    /// The layer with the provenance file of a Helm chart.
    pub const HELM_PROVENANCE: Self =
        Self(Cow::Borrowed("application/vnd.cncf.helm.chart.provenance.v1.prov"));

    /// The `Accept` header of manifest requests. A bare `*/*` would make docker-registry answer 404
    /// for OCI manifests, so it comes last.
    pub const ACCEPT: &'static str = "application/vnd.oci.image.index.v1+json, \
        application/vnd.docker.distribution.manifest.list.v2+json, \
        application/vnd.oci.image.manifest.v1+json, \
        application/vnd.docker.distribution.manifest.v2+json, \
        application/vnd.oci.artifact.manifest.v1+json, \
        application/vnd.docker.distribution.manifest.v1+prettyjws, \
        application/vnd.docker.distribution.manifest.v1+json, */*";

    /// Parses a `Content-Type` header: lower-case, without parameters.
    pub fn of_header(header: &str) -> Self {
        let bare = header.split(';').next().unwrap_or_default().trim();
        Self(Cow::Owned(bare.to_ascii_lowercase()))
    }

    /// The type as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is an OCI index or a Docker manifest list.
    pub fn is_index(&self) -> bool {
        *self == Self::OCI_INDEX || *self == Self::DOCKER_LIST
    }

    /// Whether it is a manifest with layers or blobs.
    pub fn is_single(&self) -> bool {
        [Self::OCI_MANIFEST, Self::DOCKER_MANIFEST, Self::OCI_ARTIFACT].contains(self)
    }

    /// Whether it is Docker schema 1, signed or not.
    pub fn is_schema1(&self) -> bool {
        *self == Self::DOCKER_SCHEMA1 || *self == Self::DOCKER_SCHEMA1_SIGNED
    }

    /// Whether it is a known type of manifest.
    pub fn is_manifest(&self) -> bool {
        self.is_index() || self.is_single() || self.is_schema1()
    }

    /// Whether a child of an index with this type may be a manifest.
    ///
    /// Other children are blobs, such as the layers and the configuration in BuildKit's cache
    /// index.
    pub fn may_be_manifest(&self) -> bool {
        let text = self.as_str();
        // Without a type, only the content tells.
        self.is_manifest() || text.is_empty() || text.contains("manifest") || text.contains("index")
    }

    /// Whether it is the configuration of a container image, which names a platform.
    pub fn is_image_config(&self) -> bool {
        matches!(
            self.as_str(),
            "application/vnd.oci.image.config.v1+json"
                | "application/vnd.docker.container.image.v1+json"
        )
    }

    /// Whether it is a layer that lives elsewhere and is never pushed.
    pub fn is_foreign(&self) -> bool {
        self.as_str().contains(".nondistributable.")
            || self.as_str() == "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
    }
}

impl From<String> for MediaType {
    fn from(text: String) -> Self {
        Self(Cow::Owned(text))
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::MediaType;

    #[test]
    fn parameters_of_a_header_are_dropped() {
        let found = MediaType::of_header("Application/vnd.oci.image.index.v1+json; charset=utf-8");
        assert_eq!(found, MediaType::OCI_INDEX);
        assert!(found.is_index() && found.is_manifest() && !found.is_single());
    }
}
