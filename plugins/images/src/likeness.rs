//! How much a text looks like a reference.

use longshore_plugin_sdk::reference::{
    Parts, has_digest_algorithm, is_path, looks_like_reference, split_registry,
};

/// The longest tag that registries accept.
const LONGEST_TAG: usize = 128;

/// How much a text looks like a reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Likeness {
    /// It is none.
    No,
    /// A path without a registry, a tag and a digest. Nearly every word is one.
    Path,
    /// A registry and a path, without a tag and a digest.
    Repository,
    /// A path with a tag or digest, without a registry. `host:80` is one too.
    Versioned,
    /// A registry and a path with a tag or digest.
    Full,
}

impl Likeness {
    /// Judges a text by the grammar of references.
    pub(crate) fn of(text: &str) -> Self {
        let parts = Parts::of(text);
        let (registry, path) = split_registry(parts.name);
        let is_valid = looks_like_reference(text)
            && is_path(path)
            && registry.is_none_or(is_host)
            && parts.tag.is_none_or(is_tag)
            && parts.digest.is_none_or(is_digest);
        if !is_valid {
            return Self::No;
        }
        match (registry, parts.tag.or(parts.digest)) {
            (None, None) => Self::Path,
            (Some(_), None) => Self::Repository,
            (None, Some(_)) => Self::Versioned,
            (Some(_), Some(_)) => Self::Full,
        }
    }

    /// Reports whether the text has a tag or digest.
    pub(crate) fn has_version(self) -> bool {
        self >= Self::Versioned
    }
}

/// Reports whether a text is a reference by itself: it names a registry on the internet, and has a
/// tag or digest. `example.com/component:x` may be a label, `example.com/path:8080` a port, and
/// `example.com/gpu:1` a number of devices.
pub(crate) fn is_certain(text: &str) -> bool {
    let parts = Parts::of(text);
    let (registry, path) = split_registry(parts.name);
    let registry = registry.unwrap_or_default();
    let host = registry.split(':').next().unwrap_or_default();
    let has_domain = host.rsplit_once('.').is_some_and(|(_, top)| {
        top.len() > 1 && top.bytes().all(|byte| byte.is_ascii_alphabetic())
    });
    has_domain
        && !is_label_domain(host)
        && (parts.digest.is_some()
            || path.contains('/')
            || parts
                .tag
                .is_some_and(|tag| is_version(tag) && (!is_count(tag) || is_registry_domain(host))))
        && Likeness::of(text) == Likeness::Full
}

/// Words in the names of hosts that are registries. Other domains also prefix labels and resources, as in
/// `nvidia.com/gpu`.
const REGISTRIES: [&str; 10] =
    ["registry", "docker", "quay", "gcr.", "ghcr.", "mcr.", "ecr", "azurecr", "pkg.dev", "harbor"];

/// Reports whether a host is more likely a registry than a domain of labels: by its words, or as most public
/// registries have it, as one word below `io`.
fn is_registry_domain(host: &str) -> bool {
    let is_short = host.strip_suffix(".io").is_some_and(|name| !name.contains('.'));
    is_short || REGISTRIES.iter().any(|word| host.contains(word))
}

/// Reports whether a tag may be a number of things.
fn is_count(tag: &str) -> bool {
    tag.bytes().all(|byte| byte.is_ascii_digit())
}

/// Reports whether Kubernetes uses the domain for labels. Its registries are `registry.k8s.io` and
/// others below it.
fn is_label_domain(host: &str) -> bool {
    host == "kubernetes.io"
        || host == "k8s.io"
        || host.ends_with(".kubernetes.io")
        || host.ends_with(".k8s.io") && !host.contains("registry")
}

/// Reports whether a tag looks like a version and not like a word or a port.
fn is_version(tag: &str) -> bool {
    let is_port = matches!(tag.len(), 4 | 5) && tag.bytes().all(|byte| byte.is_ascii_digit());
    let names = ["latest", "stable", "edge", "nightly", "main", "master", "dev", "canary"];
    names.contains(&tag) || tag.bytes().any(|byte| byte.is_ascii_digit()) && !is_port
}

/// Reports whether a text with a tag or digest may be a reference. `db:5432` and
/// `tcp/53:80` are ports.
pub(crate) fn is_suspect(text: &str) -> bool {
    let parts = Parts::of(text);
    let is_port =
        parts.tag.is_some_and(|tag| tag.len() > 1 && tag.bytes().all(|byte| byte.is_ascii_digit()));
    match Likeness::of(text) {
        Likeness::Full => {
            let registry = split_registry(parts.name).0.unwrap_or_default();
            !is_label_domain(registry)
        }
        Likeness::Versioned => parts.digest.is_some() || parts.name.contains('/') && !is_port,
        _ => false,
    }
}

/// Reports whether a text is a valid tag.
pub(crate) fn is_tag(text: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    text.len() <= LONGEST_TAG
        && text.bytes().next().is_some_and(is_word)
        && text.bytes().all(|byte| is_word(byte) || matches!(byte, b'.' | b'-'))
}

/// Reports whether a text is a digest, perhaps a short one.
pub(crate) fn is_digest(text: &str) -> bool {
    has_digest_algorithm(text)
        && text.split_once(':').is_some_and(|(_, hex)| {
            !hex.is_empty() && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
        })
}

/// Reports whether a text that names a registry can be one.
fn is_host(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port),
        _ => (text, "0"),
    };
    let is_name = host.split('.').all(|label| {
        !label.is_empty()
            && !label.starts_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    });
    port.parse::<u16>().is_ok() && (is_name || host.starts_with('['))
}

#[cfg(test)]
mod tests {
    use super::{Likeness, is_certain, is_suspect};

    #[test]
    fn texts_are_judged_by_the_grammar() {
        for (text, expected) in [
            ("quay.io/team/app:1.0", Likeness::Full),
            ("quay.io/team/app@sha256:00ff", Likeness::Full),
            ("[::1]:5000/app:1", Likeness::Full),
            ("localhost/app:1", Likeness::Full),
            ("team/app:1", Likeness::Versioned),
            ("nginx:1.27", Likeness::Versioned),
            ("db:5432", Likeness::Versioned),
            ("quay.io/team/app", Likeness::Repository),
            ("db:5432/path", Likeness::Repository),
            ("driver", Likeness::Path),
            ("assets/logo.png", Likeness::Path),
            ("https://quay.io/a:1", Likeness::No),
            ("Quay/App:1", Likeness::No),
            ("quay.io/a:", Likeness::No),
            ("quay.io/a:$TAG", Likeness::No),
            ("quay.io/a b:1", Likeness::No),
            ("-.io/a:1", Likeness::No),
            ("quay.io/a@sha256:xyz", Likeness::No),
            ("{{ .Image }}", Likeness::No),
            ("", Likeness::No),
        ] {
            assert_eq!(Likeness::of(text), expected, "{text}");
        }
    }

    #[test]
    fn a_text_alone_needs_a_domain_and_a_version() {
        for (text, certain, suspect) in [
            ("quay.io/team/app:1", true, true),
            ("registry.example.com:5000/a@sha256:00", true, true),
            ("10.0.0.1/a:1", false, true),
            ("localhost:5000/a:80", false, true),
            ("quay.io/a:latest", true, true),
            ("quay.io/team/a:word", true, true),
            ("example.com/component:x", false, true),
            ("example.com/path:8080", false, true),
            ("app.kubernetes.io/version:1.0", false, false),
            ("node.k8s.io/kind:1", false, false),
            ("registry.k8s.io/pause:3.10", true, true),
            ("nvidia.com/gpu:1", false, true),
            ("example.com/word:12", false, true),
            ("devices.kubevirt.io/kvm:1", false, true),
            ("quay.io/app:1", true, true),
            ("example.com/word:v1", true, true),
            ("example.com/word:1.2", true, true),
            ("example.com/team/word:1", true, true),
            ("example.com/word@sha256:00", true, true),
            ("docker.io/redis:7", true, true),
            ("registry.example.com/word:1", true, true),
            ("k8s.gcr.io/pause:3.9", true, true),
            ("team/app:v1", false, true),
            ("team/app:1", false, true),
            ("app@sha256:00", false, true),
            ("tcp/53:80", false, false),
            ("nginx:1.27", false, false),
            ("k8s.io/ingress-nginx", false, false),
        ] {
            assert_eq!((is_certain(text), is_suspect(text)), (certain, suspect), "{text}");
        }
    }
}
