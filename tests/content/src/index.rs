//! Builds an index or a manifest list.

use serde_json::{Map, Value, json};

use crate::content::{Blob, Content};
use crate::json::{PADDING, Style, annotate};
use crate::platform::Platform;

/// An OCI index or a Docker manifest list. Children may be indexes.
#[derive(Clone, Debug)]
pub struct Index {
    media_type: &'static str,
    descriptors: Vec<Value>,
    children: Vec<Content>,
    blobs: Vec<Blob>,
    annotations: Vec<(String, String)>,
    artifact_type: Option<String>,
    subject: Option<Map<String, Value>>,
    style: Style,
}

impl Index {
    /// Creates an OCI image index.
    #[must_use]
    pub fn oci() -> Self {
        Self::of("application/vnd.oci.image.index.v1+json")
    }

    /// Creates a Docker manifest list.
    #[must_use]
    pub fn docker() -> Self {
        Self::of("application/vnd.docker.distribution.manifest.list.v2+json")
    }

    fn of(media_type: &'static str) -> Self {
        Self {
            media_type,
            descriptors: Vec::new(),
            children: Vec::new(),
            blobs: Vec::new(),
            annotations: Vec::new(),
            artifact_type: None,
            subject: None,
            style: Style::Compact,
        }
    }

    /// Adds a child with the platform of its config, if it has one.
    #[must_use]
    pub fn child(self, child: &Content) -> Self {
        let platform = child.platform.clone();
        self.push(child, platform.as_ref(), &[])
    }

    /// Adds a child with another platform than in its config, or an index with a platform.
    #[must_use]
    pub fn child_as(self, child: &Content, platform: &Platform) -> Self {
        self.push(child, Some(platform), &[])
    }

    /// Adds a child without a platform in its descriptor.
    #[must_use]
    pub fn child_without_platform(self, child: &Content) -> Self {
        self.push(child, None, &[])
    }

    /// Lists a blob like a child, as BuildKit's caches do.
    #[must_use]
    pub fn blob(mut self, blob: &Blob) -> Self {
        self.descriptors.push(Value::Object(blob.descriptor()));
        self.blobs.push(blob.clone());
        self
    }

    /// Adds an attestation of another child, as BuildKit writes it.
    #[must_use]
    pub fn attestation(self, attestation: &Content, of: &Content) -> Self {
        self.push(
            attestation,
            Some(&Platform::new("unknown/unknown")),
            &[
                ("vnd.docker.reference.digest", of.digest()),
                ("vnd.docker.reference.type", "attestation-manifest"),
            ],
        )
    }

    fn push(
        mut self,
        child: &Content,
        platform: Option<&Platform>,
        annotations: &[(&str, &str)],
    ) -> Self {
        let mut descriptor = child.descriptor();
        for (key, value) in annotations {
            annotate(&mut descriptor, key, value);
        }
        if let Some(platform) = platform {
            descriptor.insert("platform".to_owned(), Value::Object(platform.fields()));
        }
        self.descriptors.push(Value::Object(descriptor));
        self.children.push(child.clone());
        self
    }

    /// Sets an annotation of the index.
    #[must_use]
    pub fn annotation(mut self, key: &str, value: &str) -> Self {
        self.annotations.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Sets the artifact type of the index.
    #[must_use]
    pub fn artifact_type(mut self, artifact_type: &str) -> Self {
        self.artifact_type = Some(artifact_type.to_owned());
        self
    }

    /// Sets the subject, as in a signature or an SBOM.
    #[must_use]
    pub fn subject(mut self, subject: &Content) -> Self {
        self.subject = Some(subject.descriptor());
        self
    }

    /// Pads the index to at least this many bytes.
    #[must_use]
    pub fn padded(self, length: usize) -> Self {
        self.annotation(PADDING, &"x".repeat(length))
    }

    /// Writes the index with white space in unusual places.
    #[must_use]
    pub fn odd_white_space(mut self) -> Self {
        self.style = Style::Odd;
        self
    }

    /// Returns the index with all its content.
    #[must_use]
    pub fn build(self) -> Content {
        let mut document = Map::new();
        document.insert("schemaVersion".to_owned(), json!(2));
        document.insert("mediaType".to_owned(), json!(self.media_type));
        if let Some(artifact_type) = self.artifact_type {
            document.insert("artifactType".to_owned(), json!(artifact_type));
        }
        document.insert("manifests".to_owned(), Value::Array(self.descriptors));
        if let Some(subject) = self.subject {
            document.insert("subject".to_owned(), Value::Object(subject));
        }
        for (key, value) in &self.annotations {
            annotate(&mut document, key, value);
        }
        let bytes = self.style.write(&Value::Object(document));
        let mut content = Content::new(self.media_type, bytes);
        content.children = self.children;
        content.blobs = self.blobs;
        content
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::Index;
    use crate::Image;

    #[test]
    fn an_index_names_its_children_with_their_platforms_in_order() {
        let arm = Image::new("linux/arm/v7").layer(1, 10).build();
        let proof = Image::artifact("application/vnd.in-toto+json").build();
        let index = Index::oci().child(&arm).child(&arm).attestation(&proof, &arm).build();
        let read: Value = serde_json::from_slice(index.bytes()).expect("an index is JSON");
        assert_eq!(read["manifests"][1]["platform"]["variant"], "v7");
        assert_eq!(read["manifests"][2]["platform"]["os"], "unknown");
        assert_eq!(
            read["manifests"][2]["annotations"]["vnd.docker.reference.digest"],
            arm.digest()
        );
        assert_eq!(index.children().len(), 3);
    }
}
