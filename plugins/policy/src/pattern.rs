//! One pattern of a policy: `REGISTRY[/REPOSITORY][:TAG][@DIGEST] [KEY=VALUE …]`.

use longshore_plugin_sdk::reference::{LATEST, Parts};
use longshore_plugin_sdk::rewrite::Item;

use crate::glob::{matches, matches_path};

/// A pattern. Every part that it names must match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    /// The pattern as written.
    pub(crate) text: String,
    /// The components of registry and repository.
    name: Vec<String>,
    tag: Option<String>,
    digest: Option<String>,
    /// Attributes that the entry must have.
    attributes: Vec<(String, String)>,
}

impl Pattern {
    /// Parses a pattern.
    ///
    /// # Errors
    /// Fails if the pattern can match nothing.
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        let mut words = text.split_whitespace();
        let reference = words.next().unwrap_or_default();
        let attributes = words.map(|word| match word.split_once('=') {
            Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
            _ => Err(format!("`{word}` in `{text}` is not KEY=VALUE")),
        });
        let attributes = attributes.collect::<Result<_, _>>()?;
        let parts = Parts::of(reference);
        // Without a path, digits behind the colon are a port.
        let is_port = |tag: &str| !tag.is_empty() && tag.bytes().all(|byte| byte.is_ascii_digit());
        let (name, tag) = match parts.tag {
            Some(tag) if !parts.name.contains('/') && is_port(tag) => {
                (reference.split('@').next().unwrap_or(reference), None)
            }
            tag => (parts.name, tag),
        };
        let mut name: Vec<String> = name.split('/').map(str::to_owned).collect();
        if name.iter().any(String::is_empty) || tag == Some("") || parts.digest == Some("") {
            return Err(format!("`{text}` has an empty part"));
        }
        let registry = &name[0];
        if !registry.contains(['.', ':', '*', '?', '[']) && registry != "localhost" {
            let official = if name.len() == 1 { "library/" } else { "" };
            return Err(format!(
                "`{text}` names no registry: write `docker.io/{official}{reference}` or \
                 `**/{reference}`"
            ));
        }
        if name.len() == 1 && registry != "**" {
            // A registry stands for all of its repositories.
            name.push("**".to_owned());
        }
        Ok(Self {
            text: text.to_owned(),
            name,
            tag: tag.map(str::to_owned),
            digest: parts.digest.map(str::to_owned),
            attributes,
        })
    }

    /// Reports whether all parts of the pattern match a reference and the attributes of its entry.
    pub(crate) fn matches(&self, reference: &Parts<'_>, item: &Item) -> bool {
        let path: Vec<&str> = reference.name.split('/').collect();
        let tag = match (reference.tag, reference.digest) {
            (None, None) => Some(LATEST),
            (tag, _) => tag,
        };
        let fits = |pattern: &Option<String>, text: Option<&str>| match pattern {
            None => true,
            Some(pattern) => text.is_some_and(|text| matches(pattern, text)),
        };
        matches_path(&self.name, &path)
            && fits(&self.tag, tag)
            && fits(&self.digest, reference.digest)
            && self.attributes.iter().all(|(key, value)| {
                item.attributes.iter().any(|one| one.key == *key && matches(value, &one.value))
            })
    }
}
