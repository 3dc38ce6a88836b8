//! Applies `-s` and `-d` to one entry.

use longshore_engine::list::{Entry, Selection};
use longshore_oci::{Digest, Name, ReferenceError, Registry, Tag};

/// The registries of `-s` and `-d`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Registries {
    /// Replaces the registry of every source.
    pub(crate) source: Option<Registry>,
    /// Replaces the registry of every destination.
    pub(crate) destination: Option<Registry>,
}

/// Returns the entry for the new list. Validates its names, tags and digests, and keeps them as written
/// unless a flag replaces them.
///
/// # Errors
/// Returns an error if a name, a tag or a digest is invalid.
pub(crate) fn converted(
    mut entry: Entry,
    registries: &Registries,
) -> Result<Entry, ReferenceError> {
    let is_prefix = entry.repositories.is_some();
    let source = source_name(&entry.source, is_prefix)?;
    let destination = entry.destination.as_deref().map(str::parse::<Name>).transpose()?;
    check_version(&mut entry)?;
    if let Some(registry) = &registries.destination {
        let path = destination.as_ref().map(|name| &name.repository);
        let path = path.or(source.as_ref().map(|name| &name.repository));
        entry.destination = Some(match path {
            Some(path) => format!("{registry}/{path}"),
            None => registry.to_string(),
        });
    }
    if let Some(registry) = &registries.source {
        entry.source = match &source {
            Some(name) => format!("{registry}/{}", name.repository),
            None => registry.to_string(),
        };
    }
    Ok(entry)
}

/// Parses the source of an entry. Returns `None` for a registry alone, which is valid only as a prefix of
/// repositories.
fn source_name(text: &str, is_prefix: bool) -> Result<Option<Name>, ReferenceError> {
    match text.parse() {
        Ok(name) => Ok(Some(name)),
        Err(_) if is_prefix && text.parse::<Registry>().is_ok() => Ok(None),
        Err(error) => Err(error),
    }
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

#[cfg(test)]
mod tests {
    use super::{Registries, converted};
    use longshore_engine::list::{Entry, Selection};

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
        let registries =
            Registries { source: registry(source), destination: registry(destination) };
        let entry = converted(entry, &registries).unwrap();
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
    fn invalid_references_are_refused() {
        let broken = |entry| converted(entry, &Registries::default()).is_err();
        assert!(broken(entry("a.io/Upper", None)));
        assert!(broken(entry("a", Some("b:c/d"))));
        assert!(broken(Entry { destination_tag: Some("-".to_owned()), ..entry("a", None) }));
        let bad_tag = Selection::ByTag("a b".to_owned());
        assert!(broken(Entry { select: bad_tag, ..entry("a", None) }));
    }
}
