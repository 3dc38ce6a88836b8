//! Flags that replace parts of every source.

use std::collections::HashSet;

use longshore_oci::{Name, ReferenceError, Repository, StoreName};

use crate::source_reader::LIBRARY;

/// What replaces parts of every source.
#[derive(Clone, Debug, Default)]
pub struct SourceOverride {
    /// `-s`: replaces the store.
    pub store: Option<StoreName>,
    /// `--source-project`: replaces the first component of the repository.
    pub project: Option<Repository>,
    /// Names of one part that a folder has below `library/` only, where a list without destinations puts them:
    /// `busybox` stands for `library/busybox`.
    pub library: HashSet<Repository>,
}

/// Returns the names of one part that are among `repositories` only below `library/`.
pub fn names_in_library(repositories: &[String]) -> HashSet<Repository> {
    let whole: HashSet<&str> = repositories.iter().map(String::as_str).collect();
    let names = repositories.iter().filter_map(|path| path.strip_prefix("library/"));
    let names = names.filter(|name| !name.contains('/') && !whole.contains(name));
    names.filter_map(|name| name.parse().ok()).collect()
}

impl SourceOverride {
    /// Completes a source, as [`Name::completed`] does, with the project.
    ///
    /// # Errors
    /// If the completed repository is too long.
    pub(super) fn complete(&self, name: Name) -> Result<(StoreName, Repository), ReferenceError> {
        let repository = match &self.project {
            Some(project) => name.repository.with_project(project)?,
            None if self.library.contains(&name.repository) => name.repository.inside(LIBRARY)?,
            None => name.repository,
        };
        Name { repository, ..name }.completed(self.store.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::{SourceOverride, names_in_library};

    #[test]
    fn a_name_of_one_part_may_be_in_the_library_of_a_folder() {
        let folder = ["library/busybox", "library/redis", "redis", "library/a/b", "team/app"]
            .map(str::to_owned);
        let source = SourceOverride {
            store: Some("s.io".parse().unwrap()),
            library: names_in_library(&folder),
            ..SourceOverride::default()
        };
        for (name, expected) in [
            ("busybox", "library/busybox"),
            ("docker.io/busybox", "library/busybox"),
            ("library/busybox", "library/busybox"),
            ("redis", "redis"),
            ("a", "a"),
            ("team/app", "team/app"),
            ("team/busybox", "team/busybox"),
        ] {
            let (_, repository) = source.complete(name.parse().unwrap()).unwrap();
            assert_eq!(repository.as_str(), expected, "{name}");
        }
    }
}
