//! Where repositories are selected.

use longshore_oci::{ReferenceError, Registry, Repository, StoreName};

use crate::plan::SourceOverride;

/// A store, or a path in it, whose repositories are selected.
pub(super) struct SelectionRoot {
    pub(super) store: StoreName,
    path: Option<Repository>,
}

impl SelectionRoot {
    /// Parses `[registry/][path]`; `source` replaces parts of it. A registry alone gets the project as path.
    pub(super) fn of(text: &str, source: &SourceOverride) -> Result<Self, ReferenceError> {
        let (registry, path) = match text.split_once('/') {
            Some((first, rest)) if Registry::looks_like_one(first) => (Some(first), Some(rest)),
            None if Registry::looks_like_one(text) => (Some(text), None),
            _ => (None, Some(text)),
        };
        let path = path.map(|path| path.trim_end_matches('/')).filter(|path| !path.is_empty());
        let path = path.map(str::parse::<Repository>).transpose()?;
        Ok(Self {
            store: match (&source.store, registry) {
                (Some(source), _) => source.clone(),
                (None, Some(registry)) => registry.parse::<Registry>()?.into(),
                (None, None) => Registry::docker_hub().into(),
            },
            path: match (path, &source.project) {
                (Some(path), Some(project)) if !path.is_one_part() => {
                    Some(path.with_project(project)?)
                }
                // The path is a project itself, or there is none.
                (_, Some(project)) => Some(project.clone()),
                (path, None) => path,
            },
        })
    }

    /// The part of `repository` after the path; `None` if it is not below the path.
    pub(super) fn below<'a>(&self, repository: &'a str) -> Option<&'a str> {
        let Some(path) = &self.path else { return Some(repository) };
        match repository.strip_prefix(path.as_str())? {
            "" => Some(""),
            rest => rest.strip_prefix('/'),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::SelectionRoot;
    use crate::plan::SourceOverride;
    use longshore_oci::StoreName;

    #[test]
    fn a_source_is_a_registry_or_a_path() {
        let under = |text: &str, source: Option<&str>| {
            let store: Option<StoreName> = source.map(|source| source.parse().unwrap());
            let source = SourceOverride { store, ..SourceOverride::default() };
            let root = SelectionRoot::of(text, &source).unwrap();
            format!("{} {:?}", root.store, root.path.map(|path| path.to_string()))
        };
        assert_eq!(under("a.io", None), "a.io None");
        assert_eq!(under("localhost:5000/", None), "localhost:5000 None");
        assert_eq!(under("a.io/b/c", None), "a.io Some(\"b/c\")");
        assert_eq!(under("team", None), "docker.io Some(\"team\")");
        assert_eq!(under("a.io/b", Some("s.io")), "s.io Some(\"b\")");
        assert_eq!(under("a.io", Some("s.io")), "s.io None");
        assert!(SelectionRoot::of("a.io/UPPER", &SourceOverride::default()).is_err());
        let project =
            SourceOverride { project: Some("new".parse().unwrap()), ..SourceOverride::default() };
        for (text, expected) in [("a.io", "new"), ("a.io/b", "new"), ("a.io/b/c", "new/c")] {
            let root = SelectionRoot::of(text, &project).unwrap();
            assert_eq!(root.path.map(|path| path.to_string()).as_deref(), Some(expected), "{text}");
        }
    }
}
