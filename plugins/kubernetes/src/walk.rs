//! Walks a manifest and skips fields that hold no images.

use longshore_plugin_sdk::list::Parsed;
use longshore_plugin_sdk::reference::{Parts, looks_like_reference};
use longshore_plugin_sdk::yaml::{Key, Node};

use crate::field::{Field, Split, field, listed};

/// Metadata fields, and fields that the cluster writes.
const DESCRIBING: [&str; 4] = ["metadata", "status", "labels", "annotations"];

/// Kinds whose content is not a manifest: texts, and schemas of other objects.
const OPAQUE_KINDS: [&str; 3] = ["ConfigMap", "Secret", "CustomResourceDefinition"];

/// Kinds that make a controller install a chart.
const CHART_KINDS: [&str; 2] = ["HelmRelease", "HelmChart"];

/// The container lists of a pod, where `image` is always a reference.
const CONTAINERS: [&str; 3] = ["containers", "initContainers", "ephemeralContainers"];

/// Prefix of operator variables that name images to run.
const RELATED_IMAGE: &str = "RELATED_IMAGE_";

/// Placeholder that a service mesh replaces when it injects its proxy.
const INJECTED: &str = "auto";

/// Walks one manifest.
pub(crate) struct Walk<'p> {
    parsed: &'p mut Parsed,
    /// Whether the mapping is a container of a pod.
    in_container: bool,
}

impl<'p> Walk<'p> {
    pub(crate) const fn new(parsed: &'p mut Parsed) -> Self {
        Self { parsed, in_container: false }
    }

    /// Adds the images of a node and of all its children.
    pub(crate) fn node(&mut self, node: &Node) {
        for item in node.items() {
            self.node(item);
        }
        if node.as_mapping().is_none() {
            return;
        }
        let in_container = std::mem::take(&mut self.in_container);
        match node.text_of("kind") {
            Some("Kustomization") if node.get("images").is_some() => {
                let message = "kustomize is not run: images that it sets are not found";
                self.parsed.warn(node.place, message);
            }
            Some(kind) if node.get("apiVersion").is_some() && CHART_KINDS.contains(&kind) => {
                let message = "the chart is not rendered: only images named here are found";
                self.parsed.warn(node.place, message);
            }
            Some(kind) if node.get("apiVersion").is_some() && OPAQUE_KINDS.contains(&kind) => {
                return;
            }
            _ => {}
        }
        self.related_image(node);
        if let Some(split) = Split::of(node) {
            self.split(&split);
        }
        for (key, value) in node.members() {
            if DESCRIBING.contains(&key.text.as_str()) {
                continue;
            }
            match field(&key.text, value) {
                Some(field) if !Split::owns(node, &key.text) => {
                    self.field(key, value, field, in_container);
                }
                _ => self.below(key, value),
            }
        }
    }

    fn below(&mut self, key: &Key, value: &Node) {
        if CONTAINERS.contains(&key.text.as_str()) {
            for container in value.items() {
                self.in_container = true;
                self.node(container);
                self.in_container = false;
            }
        } else {
            self.list(key, value);
            self.node(value);
        }
    }

    /// Adds a list of references, such as the images that a resource pulls in advance.
    fn list(&mut self, key: &Key, value: &Node) {
        for item in value.items() {
            match listed(&key.text, item) {
                Some(Ok(reference)) => {
                    self.parsed.image(item.place, reference);
                }
                Some(Err(text)) => {
                    let message =
                        format!("`{text}` of `images` may not be an image, so it is skipped");
                    self.parsed.warn(item.place, message);
                }
                None => {}
            }
        }
    }

    /// Adds a variable that names an image.
    fn related_image(&mut self, node: &Node) {
        let is_related = node.text_of("name").is_some_and(|name| name.starts_with(RELATED_IMAGE));
        if let Some(value) = node.get("value").filter(|_| is_related)
            && let Some(reference) = value.as_text()
        {
            self.parsed.image(value.place, reference);
        }
    }

    fn field(&mut self, key: &Key, value: &Node, field: Field<'_>, in_container: bool) {
        match field {
            Field::Reference(reference) if in_container && reference == INJECTED => {
                let message = "`auto` is not an image: a service mesh replaces it at injection";
                self.parsed.warn(value.place, message);
            }
            Field::Reference(reference) if in_container => {
                self.parsed.image(value.place, reference);
            }
            Field::Reference(reference) => self.reference(key, value, reference),
            Field::Parts => {
                if Split::of(value).is_none() {
                    let message = format!("`{}` has no repository, so it is skipped", key.text);
                    self.parsed.warn(value.place, message);
                }
                self.node(value);
            }
        }
    }

    /// Adds a reference outside a pod's containers, where the field may mean something else.
    fn reference(&mut self, key: &Key, value: &Node, reference: &str) {
        if !looks_like_reference(reference) || reference.contains(char::is_whitespace) {
            let message = format!("`{}` is not an image reference, so it is skipped", key.text);
            self.parsed.warn(value.place, message);
            return;
        }
        let parts = Parts::of(reference);
        if !reference.contains('/') && parts.tag.is_none() && parts.digest.is_none() {
            let message = format!("`{reference}` is read as an image on Docker Hub");
            self.parsed.warn(value.place, message);
        }
        self.parsed.image(value.place, reference);
    }

    /// Adds an image in parts.
    fn split(&mut self, split: &Split<'_>) {
        match split.reference() {
            Ok(reference) => {
                self.parsed.image(split.place, &reference);
            }
            Err(message) => self.parsed.warn(split.place, message),
        }
    }
}
