//! Walks a document and judges its fields.

use std::collections::HashSet;

use longshore_plugin_sdk::reference::looks_like_reference;
use longshore_plugin_sdk::yaml::{Key, Node, outline, read};

use crate::Finding;
use crate::flags::{self, ByName, Setting, Source};
use crate::likeness::{Likeness, is_certain};
use crate::name::{is_bare, is_image, is_image_repository, is_images};
use crate::object::{self, Object};
use crate::parts::Split;
use crate::text;

/// Fields that the cluster writes, and labels.
const DESCRIBING: [&str; 2] = ["status", "labels"];

/// The container lists of a pod, where `image` is always a reference.
const CONTAINERS: [&str; 3] = ["containers", "initContainers", "ephemeralContainers"];

/// Lists of arguments.
const ARGUMENTS: [&str; 4] = ["args", "command", "extraArgs", "additionalArguments"];

/// Prefix of operator variables that name images to run.
const RELATED_IMAGE: &str = "RELATED_IMAGE_";

/// Placeholder that a service mesh replaces when it injects its proxy.
const INJECTED: &str = "auto";

/// What `kubectl apply` writes: the object once more.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Walks one document.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    found: Vec<Finding>,
    /// Whether the mapping is a container of a pod.
    in_container: bool,
    /// Whether the document is a text in another one.
    is_embedded: bool,
}

impl Walk {
    /// Returns what the document and all its children hold.
    pub(crate) fn run(mut self, root: &Node) -> Vec<Finding> {
        self.node(root, "");
        self.found
    }

    fn image(&mut self, node: &Node, reference: &str) {
        self.found.push(Finding::Image { place: node.place, reference: reference.to_owned() });
    }

    fn suspect(&mut self, node: &Node, reference: &str, why: impl Into<String>) {
        let (place, reference) = (node.place, reference.to_owned());
        self.found.push(Finding::Suspect { place, reference, why: why.into() });
    }

    fn remark(&mut self, node: &Node, message: impl Into<String>) {
        self.found.push(Finding::Remark { place: node.place, message: message.into() });
    }

    /// Walks a node, which is the value of `name`.
    fn node(&mut self, node: &Node, name: &str) {
        for item in node.items() {
            self.node(item, name);
        }
        if node.as_mapping().is_none() {
            return;
        }
        let in_container = std::mem::take(&mut self.in_container);
        match object::read(node, &mut self.found) {
            Object::Schema => return,
            Object::Texts => return self.texts(node),
            Object::Usual => {}
        }
        self.found.extend(object::docker_image(node));
        let is_named = is_image(name);
        if let Some(split) = Split::of(node, is_named) {
            self.split(&split);
        }
        let paired = self.pairs(node);
        for (key, value) in node.members() {
            let text = key.text.as_str();
            match text {
                "metadata" => self.annotations(value),
                _ if DESCRIBING.contains(&text) || text == "annotations" => {}
                _ if paired.contains(text) || Split::owns(node, text, is_named) => {}
                _ if !self.field(key, value, in_container) => self.below(key, value),
                _ => {}
            }
        }
    }

    /// Adds the image of a field. Returns whether the field is one.
    fn field(&mut self, key: &Key, value: &Node, in_container: bool) -> bool {
        if key.text == "image" {
            return match value.as_text() {
                Some(text) => {
                    self.reference(value, text, in_container);
                    true
                }
                None => self.mapping(key, value),
            };
        }
        let Some(text) = value.as_text() else { return false };
        let likeness = Likeness::of(text);
        match likeness {
            _ if is_image(&key.text) && likeness.has_version() => self.image(value, text),
            _ if is_bare(&key.text, text) => {
                self.suspect(value, text, format!("`{}` has no tag and no digest", key.text));
            }
            Likeness::Repository if is_image(&key.text) || is_image_repository(&key.text) => {
                let why = format!("`{}` has no tag and no digest", key.text);
                self.suspect(value, text, why);
            }
            // Text between is the business of `below`.
            _ if !is_certain(text) => return false,
            _ => self.suspect(value, text, format!("`{}` may mean something else", key.text)),
        }
        true
    }

    /// Adds the image of a mapping `image`. Returns whether it holds one.
    fn mapping(&mut self, key: &Key, value: &Node) -> bool {
        // The volume `image: {reference, pullPolicy}`.
        let volume = value.text_of("reference").filter(|_| value.get("repository").is_none());
        if let Some(reference) = volume {
            self.reference(value, reference, false);
            return true;
        }
        let is_parts =
            ["repository", "tag", "digest"].iter().any(|part| value.text_of(part).is_some());
        if !is_parts {
            return false;
        }
        if Split::of(value, true).is_none() {
            self.remark(value, format!("`{}` has no repository, so it is skipped", key.text));
        }
        self.node(value, &key.text);
        true
    }

    /// Adds the text of a field `image`. Outside a container, it may mean something else.
    fn reference(&mut self, value: &Node, text: &str, in_container: bool) {
        let likeness = Likeness::of(text);
        if self.is_embedded && !likeness.has_version() {
            // In a text, even a container's image needs a version.
            if in_container && likeness != Likeness::No || likeness == Likeness::Repository {
                self.suspect(value, text, "`image` in a text has no tag and no digest");
            }
            return;
        }
        if in_container && text == INJECTED {
            let message = "`auto` is not an image: a service mesh replaces it at injection";
            return self.remark(value, message);
        }
        if !in_container {
            if !looks_like_reference(text) || text.contains(char::is_whitespace) {
                let message = "`image` is not an image reference, so it is skipped";
                return self.remark(value, message);
            }
            if likeness == Likeness::Path && !text.contains('/') {
                let why = "`image` outside a container has no tag and no digest";
                return self.suspect(value, text, why);
            }
        }
        self.image(value, text);
    }

    /// Adds an image in parts.
    fn split(&mut self, split: &Split) {
        match split.reference() {
            Ok(reference) => {
                if let Some(doubt) = &split.doubt {
                    let why = format!("`{reference}` is taken, as `name` may be a label");
                    let (place, reference) = (split.place, doubt.clone());
                    self.found.push(Finding::Suspect { place, reference, why });
                }
                self.found.push(Finding::Image { place: split.place, reference });
            }
            Err(message) => self.found.push(Finding::Remark { place: split.place, message }),
        }
    }

    /// Adds the images whose repository and tag are fields side by side, such as `proxyImage` and
    /// `proxyTag`. Returns the names of these fields.
    fn pairs<'n>(&mut self, node: &'n Node) -> HashSet<&'n str> {
        let fields = flags::fields(node);
        let by_name = ByName::of(&fields);
        let mut paired = HashSet::new();
        // Other rules read the parts of one image.
        for field in fields.iter().filter(|field| !matches!(field.name, "image" | "repository")) {
            if let Some(reference) = by_name.paired(field) {
                self.found.push(Finding::Image { place: field.place, reference });
                paired.insert(field.name);
            }
        }
        paired
    }

    /// Walks the value of a field that is not an image itself.
    fn below(&mut self, key: &Key, value: &Node) {
        let name = key.text.as_str();
        if CONTAINERS.contains(&name) {
            for container in value.items() {
                self.in_container = true;
                self.node(container, name);
                self.in_container = false;
            }
            return;
        }
        if ARGUMENTS.contains(&name) && value.items().iter().any(|item| item.as_text().is_some()) {
            let source = Source { place: &format!("`{name}`"), trusted: true };
            flags::find(&flags::arguments(value), source, &mut self.found);
            return;
        }
        self.variables(value);
        self.list(name, value);
        if let Some(text) = value.as_text().filter(|text| text.contains(char::is_whitespace)) {
            self.embedded(value, text, name);
        }
        self.node(value, name);
    }

    /// Adds the variables of a list of `{name, value}`.
    fn variables(&mut self, list: &Node) {
        let (related, others): (Vec<_>, Vec<_>) = flags::variables(list)
            .into_iter()
            .partition(|variable| variable.name.starts_with(RELATED_IMAGE));
        for Setting { place, value, .. } in related {
            self.found.push(Finding::Image { place, reference: value.to_owned() });
        }
        let source = Source { place: "the environment", trusted: true };
        flags::find(&others, source, &mut self.found);
    }

    /// Adds a list of references, such as the images that a resource pulls in advance.
    fn list(&mut self, name: &str, list: &Node) {
        for item in list.items() {
            if name == "images"
                && let Some(found) = object::replaced(item)
            {
                if let Finding::Image { reference, .. } = &found
                    && !reference.contains('/')
                {
                    let message = format!("`{reference}` is read as an image on Docker Hub");
                    self.remark(item, message);
                }
                self.found.push(found);
            }
            let named = item.text_of("name").filter(|name| Likeness::of(name) == Likeness::Full);
            if is_images(name)
                && let Some(reference) = named
            {
                self.image(item, reference);
            }
            let Some(text) = item.as_text() else { continue };
            // Argo CD writes `NAME=NEW-NAME:TAG`.
            let new = text.rsplit_once('=').map_or(text, |(_, new)| new);
            match Likeness::of(new) {
                likeness if is_images(name) && likeness.has_version() => self.image(item, new),
                Likeness::Repository if is_images(name) => {
                    self.suspect(
                        item,
                        new,
                        format!("an item of `{name}` has no tag and no digest"),
                    );
                }
                _ if name == "images" => {
                    let message =
                        format!("`{text}` of `images` may not be an image, so it is skipped");
                    self.remark(item, message);
                }
                _ if is_certain(text) => {
                    self.suspect(item, text, format!("`{name}` may mean something else"));
                }
                _ => {}
            }
        }
    }

    /// Names the annotations that look like images.
    fn annotations(&mut self, metadata: &Node) {
        let annotations = metadata.get("annotations").into_iter().flat_map(Node::members);
        for (key, value) in annotations.filter(|(key, _)| key.text != LAST_APPLIED) {
            let Some(text) = value.as_text() else { continue };
            let named = is_image(&key.text) && Likeness::of(text).has_version();
            if named || is_certain(text) {
                self.suspect(value, text, format!("`{}` is an annotation", key.text));
            } else {
                text::find(text, value.place, &key.text, &mut self.found);
            }
        }
    }

    /// Adds the images of a `ConfigMap` or `Secret`.
    fn texts(&mut self, object: &Node) {
        for data in ["data", "stringData"].iter().filter_map(|key| object.get(key)) {
            let source = Source { place: "a text", trusted: false };
            flags::find(&flags::fields(data), source, &mut self.found);
            for (key, value) in data.members() {
                if let Some(text) = value.as_text().filter(|text| text.contains('\n')) {
                    self.embedded(value, text, &key.text);
                }
            }
        }
    }

    /// Adds the images of a text in a document: the fields of YAML or JSON, and words.
    fn embedded(&mut self, node: &Node, text: &str, key: &str) {
        let is_document = |root: &Node| root.as_mapping().is_some() || root.as_sequence().is_some();
        if !self.is_embedded && outline(text).iter().any(|root| is_document(root)) {
            let documents = read(text);
            for root in documents.whole().iter().filter(|root| is_document(root)) {
                let walk = Self { is_embedded: true, ..Self::default() };
                let found = walk.run(root).into_iter().filter_map(|found| match found {
                    // The places are those of the text.
                    Finding::Image { reference, .. } if Likeness::of(&reference).has_version() => {
                        Some(Finding::Image { place: node.place, reference })
                    }
                    Finding::Suspect { reference, why, .. } => {
                        Some(Finding::Suspect { place: node.place, reference, why })
                    }
                    _ => None,
                });
                self.found.extend(found);
            }
        }
        text::find(text, node.place, key, &mut self.found);
    }
}
