//! The way through a manifest, past what holds no images.

use longshore_plugin_document::{Listing, Member, Node};
use longshore_plugin_sdk::reference::{Parts, looks_meant};

use crate::field::{Field, Split, field};

/// Parts of objects that describe and name, and what the cluster wrote itself.
const DESCRIBING: [&str; 4] = ["metadata", "status", "labels", "annotations"];

/// Kinds whose content is no field of a manifest: texts, and schemas of other objects.
const OPAQUE_KINDS: [&str; 3] = ["ConfigMap", "Secret", "CustomResourceDefinition"];

/// The lists of a pod's containers, where an image is a reference and nothing else.
const CONTAINERS: [&str; 3] = ["containers", "initContainers", "ephemeralContainers"];

/// What an operator's variables are called that name the images it will run.
const RELATED_IMAGE: &str = "RELATED_IMAGE_";

/// What a service mesh replaces when it injects its proxy.
const INJECTED: &str = "auto";

/// Walks through one manifest.
pub(crate) struct Walk<'l, 't> {
    listing: &'l mut Listing<'t>,
    /// Whether the map is one of a pod's containers.
    in_container: bool,
}

impl<'l, 't> Walk<'l, 't> {
    pub(crate) fn new(listing: &'l mut Listing<'t>) -> Self {
        Self { listing, in_container: false }
    }

    /// Takes the images of a node and of all below it.
    pub(crate) fn node(&mut self, node: &Node<'t>) {
        for item in node.items() {
            self.node(item);
        }
        if !node.is_map() {
            return;
        }
        let in_container = std::mem::take(&mut self.in_container);
        match node.text_of("kind") {
            Some("Kustomization") if node.get("images").is_some() => {
                self.listing
                    .warn(node.at, "kustomize is not run: images that it sets are not seen");
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
        for member in node.members() {
            if DESCRIBING.contains(&&*member.key) {
                continue;
            }
            match field(&member.key, &member.value) {
                Some(field) if !Split::owns(node, &member.key) => {
                    self.field(member, &field, in_container);
                }
                _ => self.below(member),
            }
        }
    }

    fn below(&mut self, member: &Member<'t>) {
        if CONTAINERS.contains(&&*member.key) {
            for container in member.value.items() {
                self.in_container = true;
                self.node(container);
                self.in_container = false;
            }
        } else {
            self.node(&member.value);
        }
    }

    /// A variable that names an image.
    fn related_image(&mut self, node: &Node<'t>) {
        let is_related = node.text_of("name").is_some_and(|name| name.starts_with(RELATED_IMAGE));
        if let Some(value) = node.get("value").filter(|_| is_related)
            && let Some(reference) = value.text()
        {
            self.listing.image(value.at, reference);
        }
    }

    fn field(&mut self, member: &Member<'t>, field: &Field<'_>, in_container: bool) {
        let at = member.value.at;
        match *field {
            Field::Reference(reference) if in_container && reference == INJECTED => {
                let message = "`auto` is no image: a service mesh replaces it at injection";
                self.listing.warn(at, message);
            }
            Field::Reference(reference) if in_container => {
                self.listing.image(at, reference);
            }
            Field::Reference(reference) => self.reference(member, reference),
            Field::Parts => {
                if Split::of(&member.value).is_none() {
                    let message = format!("`{}` has no repository, so it is not taken", member.key);
                    self.listing.warn(at, message);
                }
                self.node(&member.value);
            }
        }
    }

    /// A reference outside of a pod's containers, where the field may mean something else.
    fn reference(&mut self, member: &Member<'t>, reference: &str) {
        let at = member.value.at;
        if !looks_meant(reference) || reference.contains(char::is_whitespace) {
            let message = format!("`{}` is no image reference, so it is not taken", member.key);
            self.listing.warn(at, message);
            return;
        }
        let parts = Parts::of(reference);
        if !reference.contains('/') && parts.tag.is_none() && parts.digest.is_none() {
            let message = format!("`{reference}` is taken for an image of Docker Hub");
            self.listing.warn(at, message);
        }
        self.listing.image(at, reference);
    }

    /// An image in parts.
    fn split(&mut self, split: &Split<'_>) {
        match split.reference() {
            Ok(reference) => {
                self.listing.image(split.at, &reference);
            }
            Err(message) => self.listing.warn(split.at, message),
        }
    }
}
