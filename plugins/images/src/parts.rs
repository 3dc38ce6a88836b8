//! Images in parts, as separate fields of one mapping.

use std::borrow::Cow;
use std::net::Ipv6Addr;

use longshore_plugin_sdk::diagnostic::Place;
use longshore_plugin_sdk::reference::{
    Parts, has_digest_algorithm, is_path, is_registry, split_registry,
};
use longshore_plugin_sdk::yaml::Node;

use crate::flags::without_scheme;
use crate::likeness::Likeness;

/// Fields of a mapping that holds an image and nothing else.
const KNOWN: [&str; 24] = [
    "defaultImageVersion",
    "digest",
    "hub",
    "image",
    "imageDigest",
    "imagePullPolicy",
    "imagePullSecrets",
    "imageTag",
    "imageVersion",
    "name",
    "prefix",
    "pullPolicy",
    "pullSecret",
    "pullSecretRef",
    "pullSecrets",
    "registry",
    "registryPort",
    "repo",
    "repository",
    "sha",
    "tag",
    "version",
    "versionTag",
    "debug",
];

/// Keys of a tag. `version` is one only beside an image and nothing else.
const TAGS: [&str; 5] = ["tag", "imageTag", "versionTag", "imageVersion", "defaultImageVersion"];

/// Keys beside a `repository` that say that it is one of charts or sources.
const OTHER_REPOSITORIES: [&str; 5] = ["name", "chart", "url", "path", "branch"];

/// Keys of the part of the path between a registry and the last component.
const PROJECTS: [&str; 5] = ["organization", "org", "project", "namespace", "owner"];

/// Keys that hold a repository in a mapping that names an image.
const OTHER_NAMES: [&str; 7] =
    ["url", "uri", "path", "base", "fullName", "repositoryURI", "repositoryUrl"];

/// Keys of a `registry` mapping that name its host.
const HOSTS: [&str; 6] = ["server", "host", "hostname", "url", "address", "domain"];

/// Keys of the port beside a registry.
const PORTS: [&str; 2] = ["registryPort", "imageRegistryPort"];

/// An image in parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Split {
    /// Position of the image.
    pub(crate) place: Place,
    /// The registry and the path, without tag and digest unless they are in the field itself.
    name: String,
    tag: Option<String>,
    digest: Option<String>,
    /// A text beside the image that may be part of it.
    pub(crate) doubt: Option<String>,
}

impl Split {
    /// Reads the parts of a mapping. `is_image` says that the key of the mapping names an image. It
    /// accepts a repository with a tag or digest, with the last component of the path in its own
    /// field or not. A mapping that holds nothing but image fields may lack tag and digest.
    pub(crate) fn of(map: &Node, is_image: bool) -> Option<Self> {
        let text = |key: &str| map.text_of(key).map(str::trim).filter(|text| !text.is_empty());
        let is_part = |key: &str| {
            KNOWN.contains(&key)
                || key.starts_with("registry.")
                || is_image && PROJECTS.contains(&key)
        };
        let is_bare = map.members().all(|(key, _)| is_part(&key.text));
        let prefix = text("prefix").filter(|_| is_image);
        // A hub is a project, to which the image is missing.
        let hub = text("hub").filter(|_| map.get("image").is_some());
        let repository = text("repository").or_else(|| text("repo")).or(hub).or(prefix);
        let (key, name) = name_of(map, is_image && repository.is_none());
        // `name` alone names images only where its mapping does.
        let named =
            name.filter(|_| key == "image" || is_image || is_bare && registry(map).is_some());
        let first = ["repository", "repo", "hub", "prefix"].iter().find_map(|key| map.get(key));
        let mut split = Self {
            place: first.or_else(|| map.get(key))?.place,
            name: String::new(),
            tag: TAGS.iter().find_map(|tag| text(tag)).map(str::to_owned),
            digest: text("digest")
                .or_else(|| text("imageDigest"))
                .or_else(|| text("sha"))
                .map(digest),
            doubt: None,
        };
        // Beside `name`, `version` may be that of a chart.
        let names_registry = repository
            .is_some_and(|text| Likeness::of(text) == Likeness::Repository)
            && !OTHER_REPOSITORIES.iter().any(|key| map.get(key).is_some());
        if !split.is_versioned()
            && (is_bare && (is_image || name.is_none()) || names_registry && name.is_none())
        {
            split.version(text("version"));
        }
        let path = match (repository, name) {
            (Some(repository), Some(name)) if key == "image" => {
                // `image` is a complete reference, so `repository` means something else.
                if name.contains(['/', ':', '@']) {
                    return None;
                }
                split.version(text("version"));
                join(repository, name)
            }
            (Some(repository), Some(name)) if split.is_versioned() => {
                if is_last(repository, name) || !is_path(name) {
                    repository.to_owned()
                } else if (is_bare || is_image)
                    && is_project(repository, text("registry").is_some())
                {
                    join(repository, name)
                } else {
                    split.doubt = Some(join(repository, name));
                    repository.to_owned()
                }
            }
            (Some(repository), _) => {
                let is_image = split.is_versioned() || is_bare && hub.is_none();
                (is_image && !repository.contains("://")).then(|| repository.to_owned())?
            }
            (None, _) => {
                let name = named?;
                let has_version = Likeness::of(name).has_version();
                // `image: REFERENCE` alone is a field like others, but its registry may be beside it.
                let is_reference = has_version
                    && !split.is_versioned()
                    && (key == "name" && is_image || registry(map).is_some());
                let is_split = !has_version && split.is_versioned();
                (is_split || is_reference).then(|| name.to_owned())?
            }
        };
        let project = PROJECTS.iter().find_map(|key| text(key)).filter(|_| is_image);
        split.name = match registry(map) {
            // A complete reference keeps its own registry.
            Some(_) if Likeness::of(&path) == Likeness::Full => path,
            Some(registry) => match project.filter(|_| !path.contains('/')) {
                Some(project) => join(&registry, &join(project, &path)),
                None => join(&registry, &path),
            },
            None => path,
        };
        Some(split)
    }

    /// Reports whether the field is one of the parts in its mapping.
    pub(crate) fn owns(map: &Node, key: &str, is_image: bool) -> bool {
        (matches!(key, "image" | "imageDigest") || TAGS.contains(&key))
            && Split::of(map, is_image).is_some()
    }

    /// Takes a version as the tag, or as the digest.
    fn version(&mut self, version: Option<&str>) {
        match version {
            Some(version) if has_digest_algorithm(version) => {
                self.digest = Some(version.to_owned())
            }
            Some(version) => self.tag = Some(version.to_owned()),
            None => {}
        }
        if let Some(digest) = self.tag.take_if(|tag| has_digest_algorithm(tag)) {
            self.digest = Some(digest);
        }
    }

    fn is_versioned(&self) -> bool {
        self.tag.is_some() || self.digest.is_some()
    }

    /// Assembles the reference.
    ///
    /// # Errors
    /// Fails if there is no tag and no digest.
    pub(crate) fn reference(&self) -> Result<String, String> {
        let mut reference = self.name.clone();
        let parts = Parts::of(&reference);
        if !self.is_versioned() && parts.tag.is_none() && parts.digest.is_none() {
            return Err(format!("`{reference}` has no tag and no digest, so it is skipped"));
        }
        // `tag: 1@sha256:…` and `tag: sha256:…` are written too.
        let tag = self.tag.as_deref().map(|tag| tag.trim_start_matches([':', '@']));
        if let Some(tag) = tag {
            reference.push(if has_digest_algorithm(tag) { '@' } else { ':' });
            reference.push_str(tag);
        }
        if let Some(digest) = &self.digest
            && !tag.is_some_and(|tag| tag.contains("sha256:"))
        {
            reference.push('@');
            reference.push_str(digest);
        }
        Ok(reference)
    }
}

/// Returns the field with the name of the image, and its text. `is_image` says that the mapping names an
/// image and has no repository, so that the name may stand in other fields.
fn name_of(map: &Node, is_image: bool) -> (&'static str, Option<&str>) {
    let text = |key: &str| map.text_of(key).map(str::trim).filter(|text| !text.is_empty());
    match (text("image"), text("name")) {
        (Some(image), _) => ("image", Some(image)),
        (None, None) if is_image => {
            let mut others = OTHER_NAMES.iter().filter_map(|key| Some((*key, text(key)?)));
            let other = others.next().map(|(key, name)| (key, without_scheme(name)));
            let other = other.filter(|(_, name)| Likeness::of(name) != Likeness::No);
            other.map_or(("name", None), |(key, name)| (key, Some(name)))
        }
        (None, name) => ("name", name),
    }
}

/// Returns the host of `registry: HOST`, `registry: {server: HOST, port: PORT}` or `registry.server: HOST`, without
/// a scheme. The port may also be the `registryPort` beside it.
fn registry(map: &Node) -> Option<Cow<'_, str>> {
    let named = ["registry", "imageRegistry"].iter().find_map(|name| map.get(name));
    let part = |key: &str| match named {
        Some(registry) => registry.text_of(key),
        None => map.text_of(&format!("registry.{key}")),
    };
    let host = HOSTS.iter().find_map(|key| part(key));
    let host = host.or_else(|| part("name").filter(|name| is_registry(name)));
    let host = named.and_then(|registry| registry.as_text()).or(host)?.trim();
    let host = host.split_once("://").map_or(host, |(_, host)| host);
    let port = part("port").or_else(|| PORTS.iter().find_map(|key| map.text_of(key)));
    let port = port.map(str::trim).filter(|port| port.parse().is_ok_and(|port: u16| port > 0));
    match port {
        _ if host.is_empty() => None,
        Some(port) => Some(with_port(host, port)),
        None => Some(Cow::Borrowed(host)),
    }
}

/// Adds a port to a host, which may have a path behind it, unless it has one.
fn with_port<'a>(host: &'a str, port: &str) -> Cow<'a, str> {
    let (name, path) = host.split_at(host.find('/').unwrap_or(host.len()));
    if name.parse::<Ipv6Addr>().is_ok() {
        return Cow::Owned(format!("[{name}]:{port}{path}"));
    }
    let after_address = name.rfind(']').map_or(0, |at| at + 1);
    if name[after_address..].contains(':') {
        return Cow::Borrowed(host);
    }
    Cow::Owned(format!("{name}:{port}{path}"))
}

fn join(before: &str, after: &str) -> String {
    format!("{}/{}", before.trim_end_matches('/'), after.trim_start_matches('/'))
}

/// Reports whether the path ends in the name.
fn is_last(repository: &str, name: &str) -> bool {
    repository == name || repository.ends_with(&format!("/{name}"))
}

/// Reports whether a repository is a project, to which the name of the image is missing: it has at
/// most one component beside the registry, and more only if the registry has a field of its own.
fn is_project(repository: &str, has_registry: bool) -> bool {
    let repository = repository.trim_end_matches('/');
    let parts = Parts::of(repository);
    // `quay.io` and `localhost:5000` alone are registries.
    let (registry, path) = split_registry(repository);
    let is_open = parts.digest.is_none() && (parts.tag.is_none() || !repository.contains('/'));
    is_open
        && (has_registry || registry.is_some() || !path.contains('/'))
        && path.split('/').count() <= 1
}

/// Returns a digest with its algorithm; charts also write it without.
fn digest(text: &str) -> String {
    let is_hex = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hex { format!("sha256:{text}") } else { text.to_owned() }
}
