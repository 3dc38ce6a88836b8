//! Images whose repository and tag are two settings side by side.

use std::collections::HashMap;

use crate::likeness::{Likeness, is_digest, is_tag};
use crate::name::{is_repository, words};
use crate::setting::Setting;

/// Ends of the names of settings that hold a registry.
const REGISTRIES: [&str; 6] = [
    "image-registry",
    "registry",
    "image-registry-server",
    "registry-server",
    "image-registry-host",
    "registry-host",
];

/// The values of settings by the words of their names.
pub(crate) struct ByName<'n> {
    values: HashMap<String, &'n str>,
}

impl<'n> ByName<'n> {
    pub(crate) fn of(settings: &[Setting<'n>]) -> Self {
        // Only a setting that names a repository asks for others.
        if !settings.iter().any(|setting| may_name(setting.name)) {
            return Self { values: HashMap::new() };
        }
        let named = settings.iter().filter(|setting| !setting.value.is_empty());
        Self {
            values: named.map(|setting| (words(setting.name).join("-"), setting.value)).collect(),
        }
    }

    /// Returns the value of the first name with one of these ends.
    fn get(&self, before: &[String], ends: &[&str]) -> Option<&'n str> {
        let mut names = ends.iter().map(|end| match before {
            [] => (*end).to_owned(),
            _ => format!("{}-{end}", before.join("-")),
        });
        names.find_map(|name| self.values.get(&name).copied())
    }

    /// Assembles an image whose registry, tag or digest has its own setting beside the repository,
    /// such as `--x-image-repository` and `--x-image-tag`.
    pub(crate) fn paired(&self, setting: &Setting<'_>) -> Option<String> {
        if self.values.is_empty() || !may_name(setting.name) {
            return None;
        }
        let likeness = Likeness::of(setting.value);
        if !matches!(likeness, Likeness::Path | Likeness::Repository) {
            return None;
        }
        let words = words(setting.name);
        let before = match &words[..] {
            // The convention of operators: `baseImage` beside `version`.
            [base, image] if base == "base" && image == "image" => &[],
            [before @ .., image, last] if image == "image" && is_repository(last) => before,
            [before @ .., last]
                if last.ends_with("image") || !before.is_empty() && is_own_repository(last) =>
            {
                before
            }
            _ => return None,
        };
        let (mut tag, mut digest) = (None, None);
        // `X_Y_IMAGE_REPOSITORY` may have its version in `Y_VERSION`.
        for start in 0..before.len().max(1) {
            let before = &before[start..];
            tag =
                self.get(before, &["image-tag", "tag", "image-version", "version", "version-tag"]);
            digest = self.get(before, &["image-digest", "digest", "image-sha", "sha"]).or(tag);
            if tag.is_some() || digest.is_some() {
                break;
            }
        }
        let mut reference = match self.get(before, &REGISTRIES) {
            Some(registry) if likeness == Likeness::Path => {
                format!("{}/{}", registry.trim_end_matches('/'), setting.value)
            }
            _ => setting.value.to_owned(),
        };
        for (mark, version) in
            [(':', tag.filter(|tag| is_tag(tag))), ('@', digest.filter(|digest| is_digest(digest)))]
        {
            if let Some(version) = version {
                reference.push(mark);
                reference.push_str(version);
            }
        }
        Likeness::of(&reference).has_version().then_some(reference)
    }
}

/// Reports whether a name may be that of a repository, without splitting it.
fn may_name(name: &str) -> bool {
    let has = |part: &str| {
        name.len() >= part.len()
            && name
                .as_bytes()
                .windows(part.len())
                .any(|at| at.eq_ignore_ascii_case(part.as_bytes()))
    };
    has("image") || has("repo")
}

fn is_own_repository(word: &str) -> bool {
    matches!(word, "repository" | "repo")
}

#[cfg(test)]
mod tests {
    use longshore_plugin_sdk::diagnostic::Place;

    use super::ByName;
    use crate::setting::{At, Setting};

    #[test]
    fn a_repository_finds_its_version_and_no_other() {
        for (settings, expected) in [
            (&[("--x-image-repository", "q.io/a"), ("--x-image-tag", "1")][..], Some("q.io/a:1")),
            (&[("X_IMAGE_REPOSITORY", "q.io/a"), ("X_VERSION", "1")], Some("q.io/a:1")),
            (&[("M_DB_IMAGE_REPOSITORY", "q.io/a"), ("DB_VERSION", "1")], Some("q.io/a:1")),
            (&[("trivy.repository", "q.io/a"), ("trivy.tag", "1")], Some("q.io/a:1")),
            (
                &[("worker_container_repository", "a/b"), ("worker_container_tag", "1")],
                Some("a/b:1"),
            ),
            (&[("agentRepository", "a/b"), ("agentVersion", "1")], Some("a/b:1")),
            (&[("baseImage", "a/b"), ("version", "1")], Some("a/b:1")),
            (
                &[("jobImage", "a/b"), ("jobImageTag", "1"), ("jobImageRegistry", "r.io")],
                Some("r.io/a/b:1"),
            ),
            (
                &[
                    ("image.repository", "a/b"),
                    ("image.tag", "1"),
                    ("image.registry.server", "r.io"),
                ],
                Some("r.io/a/b:1"),
            ),
            (
                &[("X_IMAGE_REPO", "a/b"), ("X_IMAGE_TAG", "1"), ("X_REGISTRY_HOST", "r.io:5000")],
                Some("r.io:5000/a/b:1"),
            ),
            (&[("jobImage", "q.io/a/b"), ("jobDigest", "sha256:aa")], Some("q.io/a/b@sha256:aa")),
            (&[("jobImage", "a/b"), ("version", "1")], None),
            (&[("x.repository", "a/b"), ("y.tag", "1")], None),
            (&[("repository", "a/b"), ("tag", "1")], None),
            (&[("jobImage", "a/b:2"), ("jobTag", "1")], None),
            (&[("git-repo", "https://q.io/a"), ("git-tag", "1")], None),
        ] {
            let settings: Vec<_> = settings
                .iter()
                .map(|(name, value)| {
                    Setting::of(name, value, Place { line: 1, column: 1 }, At::Here)
                })
                .collect();
            let by_name = ByName::of(&settings);
            assert_eq!(by_name.paired(&settings[0]).as_deref(), expected, "{settings:?}");
        }
    }
}
