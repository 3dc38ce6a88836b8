//! Objects whose kind says what their fields mean.

use longshore_plugin_sdk::reference::split_registry;
use longshore_plugin_sdk::yaml::Node;

use crate::Finding;
use crate::likeness::Likeness;

/// Kinds that make a controller install a chart.
const CHARTS: [&str; 2] = ["HelmRelease", "HelmChart"];

/// Group of Crossplane's packages.
const PACKAGES: &str = "pkg.crossplane.io/";

/// What an object's kind means for its images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Object {
    /// Fields are found by their names.
    Usual,
    /// Files and settings of programs.
    Texts,
    /// A schema of other objects.
    Schema,
}

/// Reads what an object's kind says, and adds its images.
pub(crate) fn read(node: &Node, found: &mut Vec<Finding>) -> Object {
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
        _ if CHARTS.contains(&kind) => {
            let message = "the chart is not rendered: only images named here are found";
            found.push(Finding::Remark { place: node.place, message: message.to_owned() });
        }
        _ if version.starts_with(PACKAGES) => package(node, found),
        _ => {}
    }
    Object::Usual
}

fn kustomization(node: &Node, found: &mut Vec<Finding>) {
    let message = "kustomize is not run: the files that it names are not read";
    found.push(Finding::Remark { place: node.place, message: message.to_owned() });
}

/// Adds the image of a Crossplane package. The default registry of packages is Crossplane's.
fn package(node: &Node, found: &mut Vec<Finding>) {
    let Some(package) = node.path(&["spec", "package"]) else { return };
    let Some(text) = package.as_text().filter(|text| !text.is_empty()) else { return };
    let reference = text.to_owned();
    let place = package.place;
    if split_registry(text).0.is_none() {
        let why = "`package` names no registry, and Crossplane's version decides".to_owned();
        found.push(Finding::Suspect { place, reference, why });
    } else {
        found.push(Finding::Image { place, reference });
    }
}

/// Returns the image of `{kind: DockerImage, name: REFERENCE}`, as image streams and builds write it.
pub(crate) fn docker_image(node: &Node) -> Option<Finding> {
    let name = node.get("name").filter(|_| node.text_of("kind") == Some("DockerImage"))?;
    let reference = name.as_text()?.to_owned();
    Some(Finding::Image { place: name.place, reference })
}

/// Returns the image of an item of kustomize's `images`: `{name, newName, newTag, digest}`.
pub(crate) fn replaced(item: &Node) -> Option<Finding> {
    let text = |key: &str| item.text_of(key).filter(|text| !text.is_empty());
    let (new_name, tag, digest) = (text("newName"), text("newTag"), text("digest"));
    let is_kustomize = new_name.is_some() || text("newTag").is_some();
    let name = new_name.or_else(|| text("name"))?;
    if !is_kustomize && (digest.is_none() || item.members().count() > 2) {
        return None;
    }
    let place = item.get("newName").or_else(|| item.get("name"))?.place;
    let mut reference = name.to_owned();
    for (mark, version) in [(':', tag), ('@', digest)] {
        if let Some(version) = version {
            reference.push(mark);
            reference.push_str(version);
        }
    }
    if Likeness::of(&reference).has_version() || tag.is_some() || digest.is_some() {
        return Some(Finding::Image { place, reference });
    }
    let why = "it keeps the tag of a manifest that is not read".to_owned();
    Some(Finding::Suspect { place, reference, why })
}
