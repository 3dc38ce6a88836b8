//! Recognizes fields that hold an image, as one reference or in parts.

use longshore_plugin_sdk::diagnostic::Place;
use longshore_plugin_sdk::reference::{Parts, has_digest_algorithm, looks_like_reference};
use longshore_plugin_sdk::yaml::Node;

/// A field that holds an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field<'n> {
    /// A reference.
    Reference(&'n str),
    /// A mapping of parts.
    Parts,
}

/// Returns the content of the field `key` if it is an image.
pub(crate) fn field<'n>(key: &str, value: &'n Node) -> Option<Field<'n>> {
    if key == "image" {
        return match value.as_text() {
            Some(text) => Some(Field::Reference(text)),
            None if value.as_mapping().is_some() => match volume(value) {
                Some(reference) => Some(Field::Reference(reference)),
                None if is_parts(value) => Some(Field::Parts),
                None => None,
            },
            None => None,
        };
    }
    let named = key.ends_with("Image") || matches!(key, "imageName" | "imageRef");
    certain(value).filter(|_| named).map(Field::Reference)
}

/// Returns the image of an item of the list `key`. Returns an error for an item of `images` that
/// may not be an image.
pub(crate) fn listed<'n>(key: &str, item: &'n Node) -> Option<Result<&'n str, &'n str>> {
    let text = item.as_text()?;
    match key {
        "images" if looks_like_reference(text) && has_version(text) => Some(Ok(text)),
        "images" => Some(Err(text)),
        _ if key.ends_with("Images") => certain(item).map(Ok),
        _ => None,
    }
}

/// Returns the text if it is certainly a reference. The field name alone, such as `coverImage`, is
/// not enough.
fn certain(value: &Node) -> Option<&str> {
    value.as_text().filter(|text| {
        Parts::of(text).name.contains('/') && !text.contains("://") && has_version(text)
    })
}

fn has_version(text: &str) -> bool {
    let parts = Parts::of(text);
    parts.tag.is_some() || parts.digest.is_some()
}

/// Returns the reference of a volume `image: {reference, pullPolicy}`.
fn volume(value: &Node) -> Option<&str> {
    value.text_of("reference").filter(|_| value.get("repository").is_none())
}

/// Reports whether a mapping holds an image in parts, or at least one part.
fn is_parts(value: &Node) -> bool {
    ["repository", "tag", "digest"].iter().any(|key| value.text_of(key).is_some())
}

/// An image in parts, as separate fields of one mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Split<'n> {
    /// Position of the image.
    pub(crate) place: Place,
    registry: Option<&'n str>,
    repository: &'n str,
    /// The last component of the repository, if it has its own field.
    name: Option<&'n str>,
    tag: Option<&'n str>,
    digest: Option<&'n str>,
}

impl<'n> Split<'n> {
    /// Reads the parts of a mapping. It accepts `repository` with `tag` or `digest`, `repository`
    /// with `image` and `version`, or `image` with a tag field. A mapping that holds nothing but
    /// image fields may lack tag and digest.
    pub(crate) fn of(map: &'n Node) -> Option<Self> {
        let text = |key: &str| map.text_of(key).filter(|text| !text.is_empty());
        let mut split = Self {
            place: map.get("repository").or_else(|| map.get("image"))?.place,
            registry: text("registry"),
            repository: "",
            name: None,
            tag: text("tag"),
            digest: text("digest"),
        };
        match (text("repository"), text("image")) {
            (Some(repository), Some(name)) => {
                // `image` is a complete reference, so `repository` means something else.
                if name.contains(['/', ':', '@']) {
                    return None;
                }
                let version = text("version").or(split.tag);
                let is_digest = version.is_some_and(has_digest_algorithm);
                split.tag = version.filter(|_| !is_digest);
                split.digest = version.filter(|_| is_digest).or(split.digest);
                Some(Self { repository, name: Some(name), ..split })
            }
            (Some(repository), None) => {
                let is_image = split.tag.is_some() || split.digest.is_some() || is_bare(map);
                (is_image && !repository.contains("://")).then_some(Self { repository, ..split })
            }
            (None, Some(repository)) => {
                let parts = Parts::of(repository);
                split.tag = split.tag.or_else(|| text("imageTag"));
                let is_split = parts.tag.is_none()
                    && parts.digest.is_none()
                    && (split.tag.is_some() || split.digest.is_some());
                is_split.then_some(Self { repository, ..split })
            }
            (None, None) => None,
        }
    }

    /// Reports whether the field is one of the parts in its mapping.
    pub(crate) fn owns(map: &Node, key: &str) -> bool {
        key == "image" && Split::of(map).is_some()
    }

    /// Assembles the reference.
    pub(crate) fn reference(&self) -> Result<String, String> {
        let mut reference = String::new();
        if let Some(registry) = self.registry {
            reference.push_str(registry.trim_end_matches('/'));
            reference.push('/');
        }
        reference.push_str(self.repository.trim_end_matches('/'));
        if let Some(name) = self.name {
            reference.push('/');
            reference.push_str(name);
        }
        let parts = Parts::of(&reference);
        if self.tag.is_none()
            && self.digest.is_none()
            && parts.tag.is_none()
            && parts.digest.is_none()
        {
            return Err(format!("`{reference}` has no tag and no digest, so it is skipped"));
        }
        if let Some(tag) = self.tag {
            reference.push(':');
            reference.push_str(tag);
        }
        if let Some(digest) = self.digest {
            reference.push('@');
            reference.push_str(digest);
        }
        Ok(reference)
    }
}

/// Reports whether a mapping has only image fields.
fn is_bare(map: &Node) -> bool {
    const KNOWN: [&str; 7] =
        ["registry", "repository", "tag", "digest", "pullPolicy", "pullSecrets", "imagePullPolicy"];
    map.members().all(|(key, _)| KNOWN.contains(&key.text.as_str()))
}
