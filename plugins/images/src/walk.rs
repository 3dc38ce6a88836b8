//! Walks a document and judges its fields.

use std::collections::HashSet;

use longshore_plugin_sdk::reference::looks_like_reference;
use longshore_plugin_sdk::yaml::{Key, Node};

use crate::cluster::{self, Untagged};
use crate::embedded;
use crate::finding::{Finding, Found, What};
use crate::flags::{self, Source, without_scheme};
use crate::likeness::{Likeness, is_certain, is_tag};
use crate::name::{is_bare, is_describing, is_image, is_image_repository, is_images, is_prose};
use crate::object::{self, Object};
use crate::pair::ByName;
use crate::parts::Split;
use crate::rule::Rule;
use crate::schema;
use crate::setting::{At, Setting};
use crate::text;

/// Field that the cluster writes.
const STATUS: &str = "status";

/// Lists of containers, where `image` is always a reference: those of a pod, and those of pipelines.
const CONTAINERS: [&str; 7] = [
    "containers",
    "initContainers",
    "ephemeralContainers",
    "extraContainers",
    "extraInitContainers",
    "steps",
    "sidecars",
];

/// Fields with one container, as workflows have them.
const CONTAINER: [&str; 2] = ["container", "script"];

/// Lists of arguments.
const ARGUMENTS: [&str; 4] = ["args", "command", "extraArgs", "additionalArguments"];

/// Prefix of operator variables that name images to run.
const RELATED_IMAGE: &str = "RELATED_IMAGE_";

/// Placeholder that a service mesh replaces when it injects its proxy.
const INJECTED: &str = "auto";

/// The longest name of a repository that registries accept.
const LONGEST_NAME: usize = 255;

/// What `kubectl apply` writes: the object once more.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Returns what a document and all its children hold.
pub(crate) fn document(root: &Node) -> Vec<Finding> {
    let mut found = Found::default();
    Walk::new(&mut found).node(root, "");
    found.findings
}

/// Adds what a document in a text holds.
fn in_text(root: &Node, found: &mut Found) {
    Walk::new(found).node(root, "");
}

/// Reports whether an item of a list is `{name, value}` with a value that is not a document or script.
fn is_variable(item: &Node) -> bool {
    flags::of_variable(item, 0)
        .is_some_and(|variable| variable.whole && !embedded::is_document(variable.value))
}

/// Walks one document.
#[derive(Debug)]
struct Walk<'f> {
    found: &'f mut Found,
    /// Whether the mapping is a container of a pod.
    in_container: bool,
    /// Whether the mapping is an item of a list.
    in_list: bool,
    /// Whether the mapping is one of a mapping of images.
    in_images: bool,
    /// The `hub` and `tag` of the mappings around.
    hub: Option<(String, String)>,
    /// The `version` of the mapping or of those around.
    version: Option<String>,
    /// The `version` of the mapping.
    own_version: Option<String>,
    /// The tag that the object's controller gives to images without one.
    untagged: Option<Untagged>,
    /// The start of values that only a run of the object knows.
    placeholder: Option<&'static str>,
    /// Whether the object is of Cluster API.
    in_cluster_api: bool,
}

impl<'f> Walk<'f> {
    const fn new(found: &'f mut Found) -> Self {
        Self {
            found,
            in_container: false,
            in_list: false,
            in_images: false,
            hub: None,
            version: None,
            own_version: None,
            untagged: None,
            placeholder: None,
            in_cluster_api: false,
        }
    }

    /// Walks a node, which is the value of `name`.
    fn node(&mut self, node: &Node, name: &str) {
        // Only a mapping has names of images as keys.
        let item_name = if is_images(name) { "" } else { name };
        for (index, item) in node.items().iter().enumerate() {
            let mark = self.found.item(index);
            self.in_list = true;
            // Kustomize writes `newTag`.
            self.in_images = is_images(name) && item.text_of("tag").is_some();
            self.node(item, item_name);
            self.in_list = false;
            self.found.back(mark);
        }
        if node.as_mapping().is_none() {
            return;
        }
        let title = object::title(node).filter(|_| self.found.depth() == 0);
        let Some(title) = title else { return self.mapping(node, name) };
        let before = self.found.findings.len();
        let outer = std::mem::replace(&mut self.found.object, title);
        self.mapping(node, name);
        if !self.found.findings[before..]
            .iter()
            .any(|finding| matches!(finding.what, What::Image(_)))
        {
            object::version(node, self.found);
        }
        self.found.object = outer;
    }

    fn mapping(&mut self, node: &Node, name: &str) {
        let in_container = std::mem::take(&mut self.in_container);
        let in_list = std::mem::take(&mut self.in_list);
        let in_images = std::mem::take(&mut self.in_images);
        match object::read(node, self.found) {
            Object::Schema => return schema::defaults(node, self.found),
            Object::Imageless => return,
            Object::Texts => return embedded::object(node, self.found, in_text),
            Object::Usual => {}
        }
        object::docker_image(node, self.found);
        let is_named = in_images || is_image(name);
        if let Some(split) = Split::of(node, is_named) {
            self.split(&split);
        }
        let outer = (self.hub.clone(), self.version.clone(), self.own_version.take());
        self.inherit(node);
        let outer_rules = (self.untagged.clone(), self.placeholder, self.in_cluster_api);
        self.untagged = Untagged::of(node).or(self.untagged.take());
        self.placeholder = cluster::placeholder(node).or(self.placeholder);
        self.in_cluster_api |= cluster::is_cluster_api(node);
        let paired = self.pairs(node);
        let is_import = cluster::import(node, name, self.found);
        let is_kubeadm = cluster::is_kubeadm(node, name, self.in_cluster_api);
        if is_kubeadm {
            let around = self.version.as_deref().filter(|_| self.in_cluster_api);
            cluster::kubeadm(node, around, self.found);
        }
        for (key, value) in node.members() {
            let text = key.text.as_str();
            let mark = self.found.key(text);
            match text {
                "metadata" => {
                    self.metadata(value, node.path(&["spec", "containers"]).is_some());
                }
                // Where builders push their result.
                "output" if name == "build" || node.get("strategy").is_some() => {}
                STATUS => {}
                "url" if is_import => {}
                key if is_kubeadm && cluster::KUBEADM_FIELDS.contains(&key) => {}
                // The rules of variables have read it.
                key if in_list && flags::VALUES.contains(&key) && is_variable(node) => {}
                // A list is not what Kubernetes calls labels.
                _ if is_describing(text) && value.as_sequence().is_none() => {}
                _ if is_prose(text) && value.as_text().is_some() => {
                    let prose = value.as_text().unwrap_or_default();
                    text::words(prose, value.place, Rule::Text, text, self.found);
                }
                _ if paired.contains(text) || Split::owns(node, text, is_named) => {}
                _ if is_images(name) && self.image_entry(name, key, value) => {}
                _ if !self.field(key, value, in_container) => {
                    self.in_images = is_images(name) && value.as_mapping().is_some();
                    self.below(key, value);
                }
                _ => {}
            }
            self.found.back(mark);
        }
        (self.hub, self.version, self.own_version) = outer;
        (self.untagged, self.placeholder, self.in_cluster_api) = outer_rules;
    }

    /// Keeps the fields that mappings below may leave out.
    fn inherit(&mut self, node: &Node) {
        let text = |key: &str| node.text_of(key).filter(|text| !text.is_empty());
        let hub = text("hub").filter(|hub| hub.len() <= LONGEST_NAME);
        if let (Some(hub), Some(tag)) = (hub, text("tag").filter(|tag| is_tag(tag))) {
            self.hub = Some((hub.to_owned(), tag.to_owned()));
        }
        if let Some(version) = text("version").filter(|version| is_tag(version)) {
            self.version = Some(version.to_owned());
            self.own_version.clone_from(&self.version);
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
                None => self.image_mapping(key, value),
            };
        }
        let Some(text) = value.as_text() else { return false };
        if let (Some(version), "baseImage") = (&self.version, key.text.as_str())
            && matches!(Likeness::of(text), Likeness::Path | Likeness::Repository)
        {
            let reference = format!("{text}:{version}");
            self.found.image(value.place, Rule::Pair, reference);
            return true;
        }
        let text = without_scheme(text);
        let likeness = Likeness::of(text);
        match likeness {
            _ if is_image(&key.text) && likeness.has_version() => {
                self.found.image(value.place, Rule::Field, text);
            }
            _ if is_bare(&key.text, text) => {
                let why = format!("`{}` has no tag and no digest", key.text);
                self.found.doubtful(value.place, Rule::Field, text, why);
            }
            Likeness::Repository if is_image(&key.text) || is_image_repository(&key.text) => {
                let why = format!("`{}` has no tag and no digest", key.text);
                self.found.doubtful(value.place, Rule::Field, text, why);
            }
            // Text between is the business of `below`.
            _ if !is_certain(text) => return false,
            _ => {
                let why = format!("`{}` may mean something else", key.text);
                self.found.likely(value.place, Rule::Text, text, why);
            }
        }
        true
    }

    /// Adds the image of a mapping `image`. Returns whether it holds one.
    fn image_mapping(&mut self, key: &Key, value: &Node) -> bool {
        // The volume `image: {reference, pullPolicy}`.
        let volume = value.text_of("reference").filter(|_| value.get("repository").is_none());
        if let Some(reference) = volume {
            let mark = self.found.key("reference");
            self.reference(value, reference, false);
            self.found.back(mark);
            return true;
        }
        let text = |part: &str| value.text_of(part);
        let name = text("name").filter(|name| Likeness::of(name) == Likeness::Repository);
        if let Some(name) = name.filter(|_| Split::of(value, true).is_none()) {
            let why = format!("`{}` has no tag and no digest", key.text);
            self.found.doubtful(value.place, Rule::Parts, name, why);
        }
        if ["repository", "tag", "digest"].iter().all(|part| text(part).is_none()) {
            return false;
        }
        if Split::of(value, true).is_none() {
            let why = format!("`{}` has no repository", key.text);
            let version = text("tag").or_else(|| text("digest")).unwrap_or_default();
            self.found.unnamed(value.place, version, why);
        }
        self.node(value, &key.text);
        true
    }

    /// Adds the text of a field `image`. Outside a container, it may mean something else.
    fn reference(&mut self, value: &Node, text: &str, in_container: bool) {
        let place = value.place;
        let text = if in_container { text } else { without_scheme(text) };
        let rule = if in_container { Rule::Container } else { Rule::Field };
        let likeness = Likeness::of(text);
        if let Some(untagged) = &self.untagged
            && matches!(likeness, Likeness::Path | Likeness::Repository)
        {
            return untagged.add(value, text, self.found);
        }
        if self.placeholder.is_some_and(|start| text.contains(start)) {
            let message = format!("`{text}` is known only when it runs, so it is skipped");
            return self.found.remark(place, rule, message);
        }
        if let Some((hub, tag)) = self.hub.as_ref().filter(|_| !in_container)
            && likeness == Likeness::Path
            && !text.contains('/')
        {
            let reference = format!("{}/{text}:{tag}", hub.trim_end_matches('/'));
            return self.found.image(place, Rule::Parts, reference);
        }
        if self.found.depth() > 0 && !likeness.has_version() {
            // In a text, even a container's image needs a version.
            if in_container && likeness != Likeness::No || likeness == Likeness::Repository {
                let why = "`image` in a text has no tag and no digest".to_owned();
                self.found.doubtful(place, rule, text, why);
            }
            return;
        }
        if in_container && text == INJECTED {
            let message = "`auto` is not an image: a service mesh replaces it at injection";
            return self.found.remark(place, rule, message);
        }
        if !in_container {
            if !looks_like_reference(text) || text.contains(char::is_whitespace) {
                let message = "`image` is not an image reference, so it is skipped";
                return self.found.remark(place, rule, message);
            }
            let no_version = "`image` outside a container has no tag and no digest";
            if likeness == Likeness::Path && !text.contains('/') {
                return self.found.doubtful(place, rule, text, no_version.to_owned());
            }
            if let Some(version) = self.own_version.as_ref().filter(|_| !likeness.has_version()) {
                let reference = format!("{text}:{version}");
                return self.found.image(place, Rule::Pair, reference);
            }
            // Docker Hub has `a/b` only. Clouds have paths of disks, such as `projects/p/images/i`.
            if likeness == Likeness::Path && text.matches('/').count() > 1 {
                return self.found.doubtful(place, rule, text, no_version.to_owned());
            }
        }
        self.found.image(place, rule, text);
    }

    /// Adds an image in parts.
    fn split(&mut self, split: &Split) {
        match split.reference() {
            Ok(reference) => {
                if let Some(doubt) = &split.doubt {
                    let why = format!("`{reference}` is taken, as `name` may be a label");
                    self.found.doubtful(split.place, Rule::Parts, doubt, why);
                }
                self.found.image(split.place, Rule::Parts, reference);
            }
            Err(message) => self.found.remark(split.place, Rule::Parts, message),
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
                let mark = field.at.enter(self.found);
                self.found.image(field.place, Rule::Pair, reference);
                self.found.back(mark);
                paired.insert(field.name);
            }
        }
        paired
    }

    /// Walks the value of a field that is not an image itself.
    fn below(&mut self, key: &Key, value: &Node) {
        let name = key.text.as_str();
        // A text that holds containers is a text like others.
        if CONTAINERS.contains(&name) && value.as_sequence().is_some() {
            for (index, container) in value.items().iter().enumerate() {
                let mark = self.found.item(index);
                self.in_container = true;
                self.node(container, name);
                self.in_container = false;
                self.found.back(mark);
            }
            return;
        }
        if CONTAINER.contains(&name) && value.text_of("image").is_some() {
            self.in_container = true;
            self.node(value, name);
            self.in_container = false;
            return;
        }
        if ARGUMENTS.contains(&name) && value.items().iter().any(|item| item.as_text().is_some()) {
            let source =
                Source { place: &format!("`{name}`"), trusted: true, rule: Rule::Argument };
            flags::find(&flags::arguments(value), source, self.found);
            return self.argument_documents(value);
        }
        self.variables(value);
        self.list(name, value);
        if let Some(text) = value.as_text() {
            self.text(value, text, name);
        }
        self.node(value, name);
    }

    /// Adds the images of arguments that are JSON, such as `--config={"image": "team/app:1"}`.
    fn argument_documents(&mut self, arguments: &Node) {
        for (index, item) in arguments.items().iter().enumerate() {
            let Some(text) = item.as_text() else { continue };
            let value = text.split_once('=').map_or(text, |(_, value)| value);
            if let Some(json) = [text, value].into_iter().find(|text| embedded::is_document(text)) {
                let mark = self.found.item(index);
                embedded::inside(item, json, "an argument", self.found, in_text);
                self.found.back(mark);
            }
        }
    }

    /// Adds the images of a text with blanks or of JSON.
    fn text(&mut self, value: &Node, text: &str, name: &str) {
        if text.contains(char::is_whitespace) || embedded::is_document(text) {
            embedded::inside(value, text, name, self.found, in_text);
        }
    }

    /// Adds the variables of a list of `{name, value}`.
    fn variables(&mut self, list: &Node) {
        let variables = flags::variables(list);
        // The walk of the items reads documents.
        let variables: Vec<_> = variables
            .into_iter()
            .filter(|variable| !embedded::is_document(variable.value))
            .collect();
        let (related, others): (Vec<_>, Vec<_>) =
            variables.into_iter().partition(|variable| variable.name.starts_with(RELATED_IMAGE));
        for Setting { place, value, at, .. } in related {
            let mark = at.enter(self.found);
            self.found.image(place, Rule::Variable, value);
            self.found.back(mark);
        }
        let source = Source { place: "the environment", trusted: true, rule: Rule::Variable };
        flags::find(&others, source, self.found);
    }

    /// Adds a list of references, such as the images that a resource pulls in advance.
    fn list(&mut self, name: &str, list: &Node) {
        for (index, item) in list.items().iter().enumerate() {
            let mark = self.found.item(index);
            self.list_item(name, item);
            self.found.back(mark);
        }
    }

    fn list_item(&mut self, name: &str, item: &Node) {
        // Old files of kustomize have `imageTags`.
        if matches!(name, "images" | "imageTags") {
            object::replaced(item, self.found);
        }
        let named = item.text_of("name").filter(|name| Likeness::of(name) == Likeness::Full);
        if is_images(name)
            && let Some(reference) = named
        {
            self.found.image(item.place, Rule::List, reference);
        }
        let Some(text) = item.as_text() else { return };
        // Argo CD writes `NAME=NEW-NAME:TAG`.
        let new = without_scheme(text.rsplit_once('=').map_or(text, |(_, new)| new));
        match Likeness::of(new) {
            likeness if is_images(name) && likeness.has_version() => {
                self.found.image(item.place, Rule::List, new);
            }
            Likeness::Repository if is_images(name) => {
                let why = format!("an item of `{name}` has no tag and no digest");
                self.found.doubtful(item.place, Rule::List, new, why);
            }
            _ if name == "images" => {
                let message = format!("`{text}` of `images` may not be an image, so it is skipped");
                self.found.remark(item.place, Rule::List, message);
            }
            _ if is_certain(new) => {
                let why = format!("`{name}` may mean something else");
                self.found.likely(item.place, Rule::Text, new, why);
            }
            _ if text.contains("docker://") => {
                let setting = Setting::of("", text, item.place, At::Here);
                let source = Source { place: "a list", trusted: false, rule: Rule::Text };
                flags::find(&[setting], source, self.found);
            }
            _ => self.text(item, text, name),
        }
    }

    /// Adds an entry of a mapping of names to images. Returns whether it is one. The walk of the fields
    /// takes names such as `proxyImage`.
    fn image_entry(&mut self, name: &str, key: &Key, value: &Node) -> bool {
        let Some(text) = value.as_text().filter(|_| !is_image(&key.text)) else { return false };
        match Likeness::of(text) {
            likeness if likeness.has_version() => {
                self.found.image(value.place, Rule::List, text);
            }
            Likeness::Repository => {
                let why = format!("`{}` of `{name}` has no tag and no digest", key.text);
                self.found.doubtful(value.place, Rule::List, text, why);
            }
            _ => return false,
        }
        true
    }

    /// Adds the images of sidecars that annotations of a pod name, and names the other annotations that
    /// look like images.
    fn metadata(&mut self, metadata: &Node, is_pod: bool) {
        let annotations = metadata.get("annotations").into_iter().flat_map(Node::members);
        let annotations: Vec<_> = annotations.filter(|(key, _)| key.text != LAST_APPLIED).collect();
        let settings: Vec<_> = annotations
            .iter()
            .filter_map(|(key, value)| {
                Some(Setting::of(&key.text, value.as_text()?, value.place, At::Key(&key.text)))
            })
            .collect();
        let by_name = ByName::of(&settings);
        for setting in settings {
            let (name, text, place) = (setting.name, setting.value, setting.place);
            let mark = self.found.key("annotations");
            let _ = self.found.key(name);
            let paired = by_name.paired(&setting).filter(|_| is_pod);
            let is_named = is_image(name) && Likeness::of(text).has_version();
            // What injects a sidecar names itself in the key: `mesh.io/proxyImage`.
            let is_injected = is_pod && name.contains('/') && text.contains('/');
            if let Some(reference) = paired {
                self.found.image(place, Rule::Annotation, reference);
            } else if is_named && is_injected {
                self.found.image(place, Rule::Annotation, text);
            } else if is_named || is_certain(text) {
                let why = format!("`{name}` is an annotation");
                self.found.doubtful(place, Rule::Annotation, text, why);
            } else {
                text::words(text, place, Rule::Annotation, name, self.found);
            }
            self.found.back(mark);
        }
    }
}
