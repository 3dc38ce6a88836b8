//! Objects whose kind says what their fields mean.

use longshore_plugin_sdk::reference::split_registry;
use longshore_plugin_sdk::yaml::Node;

use crate::finding::Found;
use crate::likeness::Likeness;
use crate::rule::Rule;

/// Kinds that make a controller install a chart.
const CHARTS: [&str; 2] = ["HelmRelease", "HelmChart"];

/// What to say of a file of kustomize.
pub const KUSTOMIZE_IS_NOT_RUN: &str = "kustomize is not run: the files that it names are not read";

/// Keys of kustomize's own file.
const KUSTOMIZATION: [&str; 33] = [
    "apiVersion",
    "bases",
    "buildMetadata",
    "commonAnnotations",
    "commonLabels",
    "components",
    "configMapGenerator",
    "configurations",
    "crds",
    "generatorOptions",
    "generators",
    "helmChartInflationGenerator",
    "helmCharts",
    "helmGlobals",
    "imageTags",
    "images",
    "kind",
    "labels",
    "metadata",
    "namePrefix",
    "nameSuffix",
    "namespace",
    "openapi",
    "patches",
    "patchesJson6902",
    "patchesStrategicMerge",
    "replacements",
    "replicas",
    "resources",
    "secretGenerator",
    "sortOptions",
    "transformers",
    "vars",
];

/// Keys of an item of kustomize's `images`: the name of the image, and what changes of it.
const SETS: [&str; 5] = ["name", "newName", "newTag", "digest", "tagSuffix"];

/// Group of Crossplane's packages.
const PACKAGES: &str = "pkg.crossplane.io/";

/// Group of the files from which Crossplane's packages are built.
const PACKAGE_FILES: &str = "meta.pkg.crossplane.io/";

/// Keys of the package that another one depends on.
const DEPENDENCIES: [&str; 4] = ["package", "provider", "configuration", "function"];

/// Group of the objects with which Flux looks for new tags.
const TAG_SCANS: &str = "image.toolkit.fluxcd.io/";

/// Group of Argo's objects.
const ARGO: &str = "argoproj.io/";

/// What an object's kind means for its images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Object {
    /// Fields are found by their names.
    Usual,
    /// Files and settings of programs.
    Texts,
    /// A schema of other objects.
    Schema,
    /// Its fields that look like images are none.
    Imageless,
}

/// Groups of Kubernetes itself. The version of their objects is never that of an image.
const KUBERNETES: &str = "k8s.io";

/// Reports whether a document is an object of Kubernetes, or a list of objects. Helm sends nothing
/// else to a cluster.
#[must_use]
pub fn is_object(root: &Node) -> bool {
    root.text_of("apiVersion").is_some()
        && (root.text_of("kind").is_some() || root.get("items").is_some())
}

/// Reports whether a document is the file of kustomize, which may leave out its group and kind: it says its kind or
/// sets images, and has no other keys than such files.
#[must_use]
pub fn is_kustomization(root: &Node) -> bool {
    let known = |key: &str| KUSTOMIZATION.contains(&key);
    let sets = |item: &Node| {
        item.text_of("name").is_some() && item.members().all(|(key, _)| SETS.contains(&&*key.text))
    };
    let changes = |item: &Node| SETS[1..].iter().any(|key| item.get(key).is_some());
    let images = root.get("images").or_else(|| root.get("imageTags"));
    let images = images.map(Node::items).unwrap_or_default();
    root.members().all(|(key, _)| known(&key.text))
        && images.iter().all(|item| sets(item))
        && (images.iter().any(|item| changes(item))
            || root.text_of("kind") == Some("Kustomization"))
}

/// Returns `KIND/NAME` of an object; `None` for other mappings and for a list of objects.
pub(crate) fn title(node: &Node) -> Option<String> {
    let kind = node.text_of("kind").filter(|_| node.text_of("apiVersion").is_some())?;
    let metadata = node.get("metadata");
    let name = metadata
        .and_then(|metadata| metadata.text_of("name").or_else(|| metadata.text_of("generateName")));
    match name {
        Some(name) => Some(format!("{kind}/{name}")),
        None if node.get("items").is_some() => None,
        None => Some(kind.to_owned()),
    }
}

/// Reads what an object's kind says, and adds its images.
pub(crate) fn read(node: &Node, found: &mut Found) -> Object {
    let (Some(kind), Some(version)) = (node.text_of("kind"), node.text_of("apiVersion")) else {
        if node.text_of("kind") == Some("Kustomization") {
            kustomization(node, found);
        }
        return Object::Usual;
    };
    match kind {
        "CustomResourceDefinition" => return Object::Schema,
        "ConfigMap" | "Secret" => return Object::Texts,
        "Kustomization" | "Component" if version.contains("kustomize") => {
            kustomization(node, found)
        }
        "ImageTagTransformer" if version == "builtin" => transformer(node, found),
        _ if CHARTS.contains(&kind) => {
            let message = "the chart is not rendered: only images named here are found";
            found.remark(node.place, Rule::Kind, message);
        }
        "Application" if version.starts_with(ARGO) => application(node, found),
        "OCIRepository" => artifact(node, found),
        "ImageRepository" if version.starts_with(TAG_SCANS) => {
            scanned(node, found);
            return Object::Imageless;
        }
        _ if version.starts_with(PACKAGES) => package(node, found),
        _ if version.starts_with(PACKAGE_FILES) => dependencies(node, found),
        _ => {}
    }
    Object::Usual
}

/// Says that the chart of an Argo CD application is another one.
fn application(node: &Node, found: &mut Found) {
    let spec = node.get("spec");
    let one = spec.and_then(|spec| spec.get("source")).into_iter();
    let more = spec.and_then(|spec| spec.get("sources"));
    let more = more.iter().flat_map(|sources| sources.items()).map(|source| &**source);
    let charts = one.chain(more).filter(|source| source.get("chart").is_some());
    for source in charts {
        let message = "the chart is not rendered: only images named here are found";
        found.remark(source.place, Rule::Kind, message);
    }
}

/// Adds the artifact of Flux's `OCIRepository`: `{url, ref: {tag, digest, semver}}`.
fn artifact(node: &Node, found: &mut Found) {
    let Some(url) = node.path(&["spec", "url"]) else { return };
    let text = url.as_text().and_then(|text| text.trim().strip_prefix("oci://"));
    let Some(text) = text.filter(|text| Likeness::of(text) == Likeness::Repository) else { return };
    let part = |key: &str| node.path(&["spec", "ref", key]).and_then(|part| part.as_text());
    let mark = found.key("spec");
    let _ = found.key("url");
    // Flux takes the most exact part.
    match (part("digest"), part("semver"), part("tag")) {
        (Some(digest), _, _) => found.image(url.place, Rule::Kind, format!("{text}@{digest}")),
        (None, Some(range), _) => {
            let why = format!("`semver: {range}` chooses its tag");
            found.doubtful(url.place, Rule::Kind, text, why);
        }
        (None, None, tag) => {
            let tag = tag.unwrap_or("latest");
            found.image(url.place, Rule::Kind, format!("{text}:{tag}"));
        }
    }
    found.back(mark);
}

/// Names the repository whose tags Flux lists. Flux pulls nothing from there.
fn scanned(node: &Node, found: &mut Found) {
    let Some(image) = node.path(&["spec", "image"]) else { return };
    let Some(text) = image.as_text().filter(|text| !text.is_empty()) else { return };
    let mark = found.key("spec");
    let _ = found.key("image");
    let why = "Flux only lists the tags of this repository".to_owned();
    found.doubtful(image.place, Rule::Kind, text, why);
    found.back(mark);
}

fn kustomization(node: &Node, found: &mut Found) {
    found.remark(node.place, Rule::Kind, KUSTOMIZE_IS_NOT_RUN);
}

/// Adds the image that a transformer of kustomize sets.
fn transformer(node: &Node, found: &mut Found) {
    let Some(set) = node.get("imageTag") else { return };
    let mark = found.key("imageTag");
    replaced(set, found);
    found.back(mark);
}

/// Names the packages that a Crossplane package depends on.
fn dependencies(node: &Node, found: &mut Found) {
    let Some(all) = node.path(&["spec", "dependsOn"]) else { return };
    let mark = found.key("spec");
    let _ = found.key("dependsOn");
    for (index, item) in all.items().iter().enumerate() {
        let package = DEPENDENCIES.iter().find_map(|key| Some((*key, item.get(key)?)));
        let text = package.and_then(|(_, package)| package.as_text());
        let Some(((key, package), text)) = package.zip(text) else { continue };
        let mark = found.item(index);
        let _ = found.key(key);
        let version = item.text_of("version").unwrap_or("*");
        let why = format!("Crossplane chooses its version by `{version}`");
        found.doubtful(package.place, Rule::Kind, text, why);
        found.back(mark);
    }
    found.back(mark);
}

/// Adds the image of a Crossplane package. The default registry of packages is Crossplane's.
fn package(node: &Node, found: &mut Found) {
    let Some(package) = node.path(&["spec", "package"]) else { return };
    let Some(text) = package.as_text().filter(|text| !text.is_empty()) else { return };
    let mark = found.key("spec");
    let _ = found.key("package");
    if split_registry(text).0.is_none() {
        let why = "`package` names no registry, and Crossplane's version decides".to_owned();
        found.doubtful(package.place, Rule::Kind, text, why);
    } else {
        found.image(package.place, Rule::Kind, text);
    }
    found.back(mark);
}

/// Adds the version of a custom resource without an image: its operator knows the image.
pub(crate) fn version(node: &Node, found: &mut Found) {
    let version = node.text_of("apiVersion").unwrap_or_default();
    let group = version.split_once('/').map_or("", |(group, _)| group);
    let is_custom = group.contains('.') && !group.ends_with(KUBERNETES);
    let is_chart = node.text_of("kind").is_some_and(|kind| CHARTS.contains(&kind));
    let Some(spec) = node.get("spec").filter(|_| is_custom && !is_chart) else { return };
    let mark = found.key("spec");
    add_version(spec, found);
    for (key, part) in spec.members() {
        let mark = found.key(&key.text);
        add_version(part, found);
        found.back(mark);
    }
    found.back(mark);
}

fn add_version(node: &Node, found: &mut Found) {
    let Some(version) = node.get("version") else { return };
    let Some(text) = version.as_text().filter(|text| is_release(text)) else { return };
    let mark = found.key("version");
    let why = format!("the operator chooses the image of `version: {text}`");
    found.unnamed(version.place, text, why);
    found.back(mark);
}

/// Reports whether a text is the version of a release, such as `9.5.0` or `v1.2`.
fn is_release(text: &str) -> bool {
    let digits = text.strip_prefix('v').unwrap_or(text);
    digits.contains('.')
        && digits.split('.').take(2).all(|part| part.parse::<u32>().is_ok())
        && !text.contains(char::is_whitespace)
}

/// Adds the image of `{kind: DockerImage, name: REFERENCE}`, as image streams and builds write it.
pub(crate) fn docker_image(node: &Node, found: &mut Found) {
    let name = node.get("name").filter(|_| node.text_of("kind") == Some("DockerImage"));
    if let Some((name, reference)) = name.and_then(|name| Some((name, name.as_text()?))) {
        let mark = found.key("name");
        found.image(name.place, Rule::Kind, reference);
        found.back(mark);
    }
}

/// Adds the image of an item of kustomize's `images`: `{name, newName, newTag, digest}`.
pub(crate) fn replaced(item: &Node, found: &mut Found) {
    let text = |key: &str| item.text_of(key).filter(|text| !text.is_empty());
    let (new_name, tag, digest) = (text("newName"), text("newTag"), text("digest"));
    let is_kustomize = SETS[1..].iter().any(|key| *key != "digest" && text(key).is_some());
    let Some(name) = new_name.or_else(|| text("name")) else { return };
    if !is_kustomize && (digest.is_none() || item.members().count() > 2) {
        return;
    }
    let Some(node) = item.get("newName").or_else(|| item.get("name")) else { return };
    let mut reference = name.to_owned();
    for (mark, version) in [(':', tag), ('@', digest)] {
        if let Some(version) = version {
            reference.push(mark);
            reference.push_str(version);
        }
    }
    if !Likeness::of(&reference).has_version() && tag.is_none() && digest.is_none() {
        let why = "it keeps the tag of a manifest that is not read".to_owned();
        return found.doubtful(node.place, Rule::Kind, &reference, why);
    }
    if !reference.contains('/') {
        let message = format!("`{reference}` is read as an image on Docker Hub");
        found.remark(item.place, Rule::Kind, message);
    }
    found.image(node.place, Rule::Kind, reference);
}
