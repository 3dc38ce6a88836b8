//! Images whose names follow from a version: those of kubeadm, and of the plans of the
//! system-upgrade-controller. And the disks that KubeVirt imports from registries.

use longshore_plugin_sdk::yaml::Node;

use crate::finding::Found;
use crate::likeness::{Likeness, is_tag};
use crate::rule::Rule;

/// The scheme of images in containers' tools.
const DOCKER: &str = "docker://";

/// The registry of Kubernetes, which is kubeadm's default.
const KUBERNETES: &str = "registry.k8s.io";

/// The images that have Kubernetes' own version.
const OF_RELEASE: [&str; 3] = ["kube-apiserver", "kube-controller-manager", "kube-scheduler"];

/// The fields of kubeadm's `ClusterConfiguration` that [`kubeadm`] reads.
pub(crate) const KUBEADM_FIELDS: [&str; 4] =
    ["imageRepository", "kubernetesVersion", "dns", "etcd"];

/// The tag of images that name none, in the objects of a controller that adds one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Untagged {
    /// This one.
    Tag(String),
    /// One that is not known before the controller runs.
    Unknown,
}

impl Untagged {
    /// What a plan of the system-upgrade-controller gives its images; `None` for other objects.
    pub(crate) fn of(object: &Node) -> Option<Self> {
        let is_plan = object.text_of("kind") == Some("Plan")
            && object.text_of("apiVersion")?.starts_with("upgrade.cattle.io/");
        let spec = object.get("spec").filter(|_| is_plan)?;
        // A tag cannot have the `+` of `v1.30.2+k3s1`.
        let version = spec.text_of("version").map(|version| version.replace('+', "-"));
        Some(version.filter(|tag| is_tag(tag)).map_or(Self::Unknown, Self::Tag))
    }

    /// Adds the image `name`, which has no tag.
    pub(crate) fn add(&self, image: &Node, name: &str, found: &mut Found) {
        match self {
            Self::Tag(tag) => found.image(image.place, Rule::Kind, format!("{name}:{tag}")),
            Self::Unknown => {
                let why = "its tag is the version that the channel of the plan names".to_owned();
                found.doubtful(image.place, Rule::Kind, name, why);
            }
        }
    }
}

/// What stands in the place of values that only a run of the object knows; `None` if nothing does.
pub(crate) fn placeholder(object: &Node) -> Option<&'static str> {
    let group = object.text_of("apiVersion")?.split_once('/')?.0;
    match group {
        "argoproj.io" => Some("{{"),
        "tekton.dev" | "triggers.tekton.dev" => Some("$("),
        _ => None,
    }
}

/// Reports whether an object is of Cluster API, which holds kubeadm's configuration in its own objects.
pub(crate) fn is_cluster_api(object: &Node) -> bool {
    let group = object.text_of("apiVersion").and_then(|version| version.split_once('/'));
    group.is_some_and(|(group, _)| group.ends_with("cluster.x-k8s.io"))
}

/// Reports whether a mapping, the value of `name`, is kubeadm's `ClusterConfiguration`. Other objects than those of
/// Cluster API may have a field of this name too.
pub(crate) fn is_kubeadm(node: &Node, name: &str, in_cluster_api: bool) -> bool {
    let signs = [&["kubernetesVersion"][..], &["etcd", "local"], &["dns", "imageTag"]];
    let has_sign = || signs.iter().any(|path| node.path(path).is_some());
    name == "clusterConfiguration" && (in_cluster_api || has_sign())
        || node.text_of("kind") == Some("ClusterConfiguration")
            && node.text_of("apiVersion").is_some_and(|group| group.starts_with("kubeadm.k8s.io/"))
}

/// Adds the images that kubeadm derives from its configuration. `around` is the version of the object that holds it.
pub(crate) fn kubeadm(node: &Node, around: Option<&str>, found: &mut Found) {
    let text = |path: &[&str]| {
        let text = node.path(path)?.as_text()?;
        Some(text).filter(|text| !text.is_empty())
    };
    let is_off = |part: &str| text(&[part, "disabled"]) == Some("true");
    let repository = text(&["imageRepository"]).unwrap_or(KUBERNETES);
    let release = text(&["kubernetesVersion"]).or(around).and_then(release);
    // What kubeadm chooses itself.
    let mut open: Vec<String> = Vec::new();
    let mut add = |field: &[&str], repository: &str, name: &str, tag: Option<&str>| {
        let place = node.path(field).or(node.get("imageRepository")).unwrap_or(node).place;
        let image = format!("{}/{name}", repository.trim_end_matches('/'));
        match tag.map(|tag| format!("{image}:{tag}")) {
            Some(reference) if Likeness::of(&reference).has_version() => {
                found.image(place, Rule::Kind, reference);
            }
            _ => open.push(image),
        }
    };
    let proxy = ["kube-proxy"].into_iter().filter(|_| !is_off("proxy"));
    for name in OF_RELEASE.into_iter().chain(proxy) {
        add(&["kubernetesVersion"], repository, name, release.as_deref());
    }
    if !is_off("dns") {
        let tag = text(&["dns", "imageTag"]).filter(|_| text(&["dns", "type"]) != Some("kube-dns"));
        match text(&["dns", "imageRepository"]).unwrap_or(repository) {
            KUBERNETES => add(&["dns"], KUBERNETES, "coredns/coredns", tag),
            other => add(&["dns"], other, "coredns", tag),
        }
    }
    if node.path(&["etcd", "external"]).is_none() {
        let repository = text(&["etcd", "local", "imageRepository"]).unwrap_or(repository);
        add(&["etcd"], repository, "etcd", text(&["etcd", "local", "imageTag"]));
    }
    add(&[], repository, "pause", None);
    let open = open.join(", ");
    let message = format!(
        "kubeadm chooses the tags of {open} itself, so they are skipped; `kubeadm config images list` names them"
    );
    found.remark(node.place, Rule::Kind, message);
}

/// Returns the tag of the images of a release of Kubernetes: `v1.31.2` or `1.31.2`, perhaps with more after it.
fn release(version: &str) -> Option<String> {
    let numbers = version.strip_prefix('v').unwrap_or(version);
    let end = numbers.find(['-', '+']).unwrap_or(numbers.len());
    let parts: Vec<&str> = numbers[..end].split('.').collect();
    let is_release = parts.len() == 3 && parts.iter().all(|part| part.parse::<u32>().is_ok());
    // kubeadm writes what a tag cannot have as an underscore.
    let tag = format!("v{numbers}").replace('+', "_");
    (is_release && is_tag(&tag)).then_some(tag)
}

/// Adds the disk of `registry: {url: docker://REFERENCE}`, the source of an import into a volume. Returns whether it
/// is one.
pub(crate) fn import(node: &Node, name: &str, found: &mut Found) -> bool {
    if name != "registry" {
        return false;
    }
    if let Some(stream) = node.text_of("imageStream").filter(|stream| !stream.is_empty()) {
        let message =
            format!("`imageStream: {stream}` names an image of the cluster, so it is skipped");
        found.remark(node.place, Rule::Kind, message);
    }
    let Some(url) = node.get("url") else { return false };
    let reference = url.as_text().and_then(|url| url.trim().strip_prefix(DOCKER));
    let Some(reference) = reference.filter(|text| Likeness::of(text) != Likeness::No) else {
        return false;
    };
    let mark = found.key("url");
    found.image(url.place, Rule::Kind, reference);
    found.back(mark);
    true
}
