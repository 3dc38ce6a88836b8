//! Applies `-s`, `-d` and the flags for projects to one entry.

use longshore_engine::list::{Entry, Selection};
use longshore_engine::plan::{FilterError, check_filter, check_platforms};
use longshore_oci::{
    Digest, Name, PlatformError, ReferenceError, Registry, Repository, StoreName, Tag,
};

/// An entry that no run could copy.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EntryError {
    /// A name, a tag or a digest is invalid.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// An expression or a version range is invalid.
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// A platform is invalid.
    #[error(transparent)]
    Platform(#[from] PlatformError),
}

impl EntryError {
    /// Returns advice for the user.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Reference(_) => None,
            Self::Filter(error) => Some(error.hint()),
            Self::Platform(_) => Some(longshore_engine::plan::PLATFORM_HINT),
        }
    }
}

/// What replaces parts of every entry.
#[derive(Clone, Debug, Default)]
pub(crate) struct Replacements {
    /// `-s`: the registry of the source.
    pub(crate) source: Option<Registry>,
    /// `-d`: the registry of the destination.
    pub(crate) destination: Option<Registry>,
    /// `--source-project`: the project of the source.
    pub(crate) source_project: Option<Repository>,
    /// `--destination-project`: the project of the destination.
    pub(crate) destination_project: Option<Repository>,
}

/// Returns the entry for the new list. Validates its names, tags, digests, patterns and platforms, and
/// keeps them as written unless a flag replaces them.
///
/// # Errors
/// Returns an error if one of them is invalid.
pub(crate) fn converted(mut entry: Entry, by: &Replacements) -> Result<Entry, EntryError> {
    let is_prefix = entry.repositories.is_some();
    let source = Written::of(&entry.source, is_prefix)?;
    let destination = entry.destination.as_deref().map(|text| Written::of(text, is_prefix));
    let destination = destination.transpose()?;
    check_version(&mut entry)?;
    check_patterns(&entry)?;
    check_platforms(&entry.platforms)?;
    if by.destination.is_some() || by.destination_project.is_some() {
        let path = destination.as_ref().unwrap_or(&source).path.as_ref();
        let registry = by.destination.clone().map(StoreName::from);
        let registry = registry.or_else(|| destination.as_ref()?.store.clone());
        let project = by.destination_project.as_ref();
        entry.destination = Some(replaced(registry, path, project, is_prefix)?);
    } else if by.source_project.is_some() && entry.destination.is_none() {
        // The destination keeps the path that the list names.
        entry.destination = source.path.as_ref().map(Repository::to_string);
    }
    if by.source.is_some() || by.source_project.is_some() {
        let registry = by.source.clone().map(StoreName::from).or(source.store);
        let path = source.path.as_ref();
        entry.source = replaced(registry, path, by.source_project.as_ref(), is_prefix)?;
    }
    Ok(entry)
}

/// A source or destination as the list writes it.
struct Written {
    store: Option<StoreName>,
    /// The path; `None` for a registry alone, which is valid only as a prefix of repositories.
    path: Option<Repository>,
}

impl Written {
    fn of(text: &str, is_prefix: bool) -> Result<Self, ReferenceError> {
        let alone = text.strip_suffix('/').unwrap_or(text);
        if is_prefix && !alone.contains('/') && Registry::looks_like_one(alone) {
            return Ok(Self { store: Some(alone.parse::<Registry>()?.into()), path: None });
        }
        let Name { store, repository } = text.parse()?;
        Ok(Self { store, path: Some(repository) })
    }
}

/// Returns a name with this registry, and with `project` as the first component of the path. A prefix of
/// repositories may have no path.
fn replaced(
    registry: Option<StoreName>,
    path: Option<&Repository>,
    project: Option<&Repository>,
    is_prefix: bool,
) -> Result<String, ReferenceError> {
    let path = match (path, project) {
        // One component of a prefix is a project.
        (Some(path), Some(project)) if !(is_prefix && path.is_one_part()) => {
            Some(path.with_project(project)?)
        }
        (_, Some(project)) => Some(project.clone()),
        (path, None) => path.cloned(),
    };
    let parts = [registry.map(|name| name.to_string()), path.map(|path| path.to_string())];
    Ok(parts.into_iter().flatten().collect::<Vec<_>>().join("/"))
}

fn check_version(entry: &mut Entry) -> Result<(), ReferenceError> {
    match &mut entry.select {
        Selection::ByTag(tag) if tag.is_empty() => *tag = Tag::latest().to_string(),
        Selection::ByTag(tag) => drop(tag.parse::<Tag>()?),
        Selection::ByDigest(pinned) => {
            pinned.digest.parse::<Digest>()?;
            if let Some(tag) = &pinned.tag {
                tag.parse::<Tag>()?;
            }
        }
        Selection::All | Selection::Matching(_) => {}
    }
    if let Some(tag) = &entry.destination_tag {
        tag.parse::<Tag>()?;
    }
    Ok(())
}

fn check_patterns(entry: &Entry) -> Result<(), FilterError> {
    let of_tags = match &entry.select {
        Selection::Matching(filter) => Some(filter),
        Selection::ByTag(_) | Selection::ByDigest(_) | Selection::All => None,
    };
    entry.repositories.iter().chain(of_tags).try_for_each(check_filter)
}

#[cfg(test)]
mod tests {
    use super::{Replacements, converted};
    use longshore_engine::list::{Entry, Filter, Selection};

    fn entry(source: &str, destination: Option<&str>) -> Entry {
        Entry {
            source: source.to_owned(),
            repositories: None,
            select: Selection::ByTag(String::new()),
            destination: destination.map(str::to_owned),
            destination_tag: None,
            platforms: Vec::new(),
            line: 1,
            attributes: Vec::new(),
        }
    }

    fn names(entry: Entry, source: Option<&str>, destination: Option<&str>) -> (String, String) {
        let registry = |text: Option<&str>| text.map(|text| text.parse().unwrap());
        let by = Replacements {
            source: registry(source),
            destination: registry(destination),
            ..Replacements::default()
        };
        let entry = converted(entry, &by).unwrap();
        assert_eq!(entry.select, Selection::ByTag("latest".to_owned()));
        (entry.source, entry.destination.unwrap_or_default())
    }

    fn both(source: &str, destination: &str) -> (String, String) {
        (source.to_owned(), destination.to_owned())
    }

    #[test]
    fn flags_replace_hosts_and_add_nothing() {
        let of = |source, to| entry(source, to);
        let (s, d) = (Some("s.io:1"), Some("d.io:2"));
        assert_eq!(names(of("docker.io/a/b", None), None, d), both("docker.io/a/b", "d.io:2/a/b"));
        assert_eq!(names(of("mysql", None), None, d), both("mysql", "d.io:2/mysql"));
        assert_eq!(names(of("mysql", None), s, None), both("s.io:1/mysql", ""));
        let mirror = of("h:5000/a", Some("x.io/b/c"));
        assert_eq!(names(mirror.clone(), None, None), both("h:5000/a", "x.io/b/c"));
        assert_eq!(names(mirror, s, d), both("s.io:1/a", "d.io:2/b/c"));
    }

    #[test]
    fn projects_are_replaced() {
        let project = |text: &str| Some(text.parse().unwrap());
        let of = |entry: Entry, source: Option<&str>, destination: Option<&str>| {
            let by = Replacements {
                source_project: source.and_then(project),
                destination_project: destination.and_then(project),
                ..Replacements::default()
            };
            let entry = converted(entry, &by).unwrap();
            (entry.source, entry.destination.unwrap_or_default())
        };
        let (s, d) = (Some("s"), Some("d"));
        assert_eq!(of(entry("h:5000/a/b", None), s, None), both("h:5000/s/b", "a/b"));
        assert_eq!(of(entry("h:5000/a/b", None), None, d), both("h:5000/a/b", "d/b"));
        assert_eq!(of(entry("mysql", Some("x.io/b/c/e")), s, d), both("s/mysql", "x.io/d/c/e"));
        let mut all = entry("h:5000", Some("x.io"));
        let (allow, deny) = (Vec::new(), Vec::new());
        all.repositories = Some(Filter { allow, deny, versions: None, latest: None });
        assert_eq!(of(all.clone(), s, None), both("h:5000/s", "x.io"));
        all.source = "h:5000/a".to_owned();
        assert_eq!(of(all, s, None), both("h:5000/s", "x.io"));
    }

    #[test]
    fn a_registry_alone_is_a_prefix_of_repositories() {
        let by = Replacements {
            source: Some("s.io".parse().unwrap()),
            destination: Some("d.io:2".parse().unwrap()),
            ..Replacements::default()
        };
        let filter = Filter { allow: Vec::new(), deny: Vec::new(), versions: None, latest: None };
        for (source, destination, from, to) in [
            ("a.io", "x.io", "s.io", "d.io:2"),
            ("a.io:5000", "x.io:5000", "s.io", "d.io:2"),
            ("[::1]:5000", "[fd00::1]", "s.io", "d.io:2"),
            ("localhost", "localhost:5000/", "s.io", "d.io:2"),
            ("a.io/team", "[::1]:80", "s.io/team", "d.io:2"),
            ("a.io", "team", "s.io", "d.io:2/team"),
        ] {
            let mut all = entry(source, Some(destination));
            all.repositories = Some(filter.clone());
            let kept = converted(all.clone(), &Replacements::default()).unwrap();
            assert_eq!(
                (kept.source.as_str(), kept.destination.as_deref()),
                (source, Some(destination))
            );
            let entry = converted(all, &by).unwrap();
            assert_eq!((entry.source.as_str(), entry.destination.as_deref()), (from, Some(to)));
        }
        let mut bad = entry("a.io:x", None);
        bad.repositories = Some(filter);
        assert!(converted(bad, &Replacements::default()).is_err());
        assert!(converted(entry("a.io:5000", None), &Replacements::default()).is_err());
    }

    #[test]
    fn invalid_references_are_refused() {
        let broken = |entry| converted(entry, &Replacements::default()).is_err();
        assert!(broken(entry("a.io/Upper", None)));
        assert!(broken(entry("a", Some("b:c/d"))));
        assert!(broken(Entry { destination_tag: Some("-".to_owned()), ..entry("a", None) }));
        let bad_tag = Selection::ByTag("a b".to_owned());
        assert!(broken(Entry { select: bad_tag, ..entry("a", None) }));
    }

    #[test]
    fn patterns_and_platforms_that_no_run_can_use_are_refused() {
        let filter = |allow: &[&str], deny: &[&str], versions: Option<&str>| Filter {
            allow: allow.iter().map(|&text| text.to_owned()).collect(),
            deny: deny.iter().map(|&text| text.to_owned()).collect(),
            versions: versions.map(str::to_owned),
            latest: None,
        };
        for (bad, why) in [
            (filter(&["^(?=x)"], &[], None), "look-around"),
            (filter(&[], &["["], None), "unclosed character class"),
            (filter(&["(a)\\1"], &[], None), "backreferences"),
            (filter(&["a"], &[], Some("nope")), "`nope` is not a version condition"),
        ] {
            let of_tags = Entry { select: Selection::Matching(bad.clone()), ..entry("a", None) };
            let of_repositories = Entry { repositories: Some(bad), ..entry("a.io", None) };
            for entry in [of_tags, of_repositories] {
                let error = converted(entry, &Replacements::default()).unwrap_err();
                assert!(error.to_string().contains(why), "{error}");
                assert!(error.hint().is_some(), "{error}");
            }
        }
        for (platforms, is_good) in [
            (&["linux/arm64"][..], true),
            (&["all"], true),
            (&[], true),
            (&["local"], false),
            (&["linux/"], false),
            (&["linux/amd64", "linux//v7"], false),
        ] {
            let platforms = platforms.iter().map(|&text| text.to_owned()).collect();
            let entry = Entry { platforms, ..entry("a", None) };
            let result = converted(entry.clone(), &Replacements::default());
            assert_eq!(result.is_ok(), is_good, "{:?}", entry.platforms);
        }
    }
}
