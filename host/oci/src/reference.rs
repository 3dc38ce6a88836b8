//! References: a manifest in a repository in a store.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{
    Algorithm, Digest, ReferenceError, Registry, Repository, StoreName, Tag, has_account,
    without_accounts,
};

/// A repository and optionally its store: `[store/]repository`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name {
    /// The store, if named.
    pub store: Option<StoreName>,
    /// The repository.
    pub repository: Repository,
}

impl FromStr for Name {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        refuse_account(text)?;
        let (registry, repository) = split_registry(text)?;
        let registry = registry.map(str::parse::<Registry>).transpose()?;
        Ok(Self { store: registry.map(StoreName::from), repository: repository.parse()? })
    }
}

impl Name {
    /// Completes a source.
    ///
    /// `store` replaces its store. The default store is Docker Hub, where a name with one part is in
    /// `library`.
    ///
    /// # Errors
    /// If the completed repository is too long.
    pub fn completed(
        self,
        store: Option<&StoreName>,
    ) -> Result<(StoreName, Repository), ReferenceError> {
        let store = store.cloned().or(self.store).unwrap_or_else(|| Registry::docker_hub().into());
        let repository = if store.is_docker_hub() && self.repository.is_one_part() {
            self.repository.inside("library")?
        } else {
            self.repository
        };
        Ok((store, repository))
    }
}

/// Refuses a text with a user name. The error does not have it.
fn refuse_account(text: &str) -> Result<(), ReferenceError> {
    if has_account(text) {
        return Err(ReferenceError::Account(without_accounts(text).into_owned()));
    }
    Ok(())
}

/// Splits `[registry/]repository` without validating the parts.
fn split_registry(text: &str) -> Result<(Option<&str>, &str), ReferenceError> {
    if text.is_empty() {
        return Err(ReferenceError::Empty);
    }
    match text.split_once('/') {
        Some((first, rest)) if first.ends_with(':') && rest.starts_with('/') => {
            Err(ReferenceError::Scheme(text.to_owned()))
        }
        // There is no way to tell where the folder ends and the repository starts.
        Some((first, _)) if begins_with_folder(first) => {
            Err(ReferenceError::Folder(text.to_owned()))
        }
        Some((first, rest)) if Registry::looks_like_one(first) => Ok((Some(first), rest)),
        _ => Ok((None, text)),
    }
}

/// Whether `oci:` begins a folder in `first`, and is not a host with a port.
fn begins_with_folder(first: &str) -> bool {
    let port = |rest: &str| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit());
    first.strip_prefix("oci:").is_some_and(|rest| !port(rest))
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(store) = &self.store {
            write!(f, "{store}/")?;
        }
        self.repository.fmt(f)
    }
}

/// The version of a repository: a tag, a digest, or both.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Version {
    /// A tag.
    Tag(Tag),
    /// A digest.
    Digest(Digest),
    /// `tag@digest`: fetched by digest, pushed under the tag.
    Pinned(Tag, Digest),
}

impl Version {
    /// The tag, if there is one.
    pub const fn tag(&self) -> Option<&Tag> {
        match self {
            Self::Tag(tag) | Self::Pinned(tag, _) => Some(tag),
            Self::Digest(_) => None,
        }
    }

    /// The digest, if there is one.
    pub const fn digest(&self) -> Option<&Digest> {
        match self {
            Self::Digest(digest) | Self::Pinned(_, digest) => Some(digest),
            Self::Tag(_) => None,
        }
    }
}

/// One manifest of a repository, by tag or by digest.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ManifestReference {
    /// A tag.
    Tag(Tag),
    /// A digest.
    Digest(Digest),
}

impl ManifestReference {
    /// The reference to fetch `version` by: its digest, if it has one.
    pub fn to_fetch(version: &Version) -> Self {
        match version {
            Version::Tag(tag) => Self::Tag(tag.clone()),
            Version::Digest(digest) | Version::Pinned(_, digest) => Self::Digest(digest.clone()),
        }
    }

    /// The reference to push `version` to: its tag, if it has one.
    pub fn to_push(version: &Version) -> Self {
        match version {
            Version::Tag(tag) | Version::Pinned(tag, _) => Self::Tag(tag.clone()),
            Version::Digest(digest) => Self::Digest(digest.clone()),
        }
    }

    /// The text after a repository in a reference, with its separator.
    pub fn suffix(&self) -> String {
        match self {
            Self::Tag(tag) => format!(":{tag}"),
            Self::Digest(digest) => format!("@{digest}"),
        }
    }

    /// The digest algorithm to compare with.
    pub const fn algorithm(&self) -> Algorithm {
        match self {
            Self::Tag(_) => Algorithm::Sha256,
            Self::Digest(digest) => digest.algorithm(),
        }
    }

    /// The digest of `bytes`, with the algorithm to compare with.
    pub fn digest_of(&self, bytes: &[u8]) -> Digest {
        match self {
            Self::Tag(_) => Digest::of(bytes),
            Self::Digest(digest) => digest.same_algorithm_of(bytes),
        }
    }
}

/// Formats the tag or the digest.
impl fmt::Display for ManifestReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => tag.fmt(f),
            Self::Digest(digest) => digest.fmt(f),
        }
    }
}

/// A complete reference: `store/repository[:tag][@digest]`, with a tag, a digest or both.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Reference {
    /// The store.
    pub store: StoreName,
    /// The repository.
    pub repository: Repository,
    /// The manifest.
    pub version: Version,
}

impl Reference {
    /// The reference without tag and digest.
    pub fn name(&self) -> Name {
        Name { store: Some(self.store.clone()), repository: self.repository.clone() }
    }
}

impl Reference {
    /// Parses a reference as container runtimes do: the default registry is Docker Hub, and the default
    /// tag is `latest`.
    ///
    /// # Errors
    /// If `text` is not a reference.
    pub fn of_image(text: &str) -> Result<Self, ReferenceError> {
        Self::of_image_in(text, None)
    }

    /// Parses a reference like [`Self::of_image`]; `replacement` replaces its store.
    ///
    /// # Errors
    /// If `text` is not a reference, or the completed repository is too long.
    pub fn of_image_in(
        text: &str,
        replacement: Option<&StoreName>,
    ) -> Result<Self, ReferenceError> {
        let parsed = match text.parse() {
            Err(ReferenceError::NoRegistry(_)) if is_image_id(text) => {
                return Err(ReferenceError::ImageId(text.to_owned()));
            }
            Err(ReferenceError::NoRegistry(_)) => {
                format!("{}/{text}", Registry::docker_hub()).parse()
            }
            parsed => parsed,
        };
        let Self { store, repository, version } = parsed?;
        let (store, repository) = Name { store: Some(store), repository }.completed(replacement)?;
        Ok(Self { store, repository, version })
    }
}

/// Says whether a text is the digest of an image's configuration, which container engines call the ID of the image.
fn is_image_id(text: &str) -> bool {
    let hex = text.strip_prefix("sha256:").unwrap_or(text);
    hex.len() == 64 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

impl FromStr for Reference {
    type Err = ReferenceError;

    /// Parses a complete reference; without tag and digest it is `latest`.
    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        Self::parse_beside(text, &[])
    }
}

impl Reference {
    /// Parses a complete reference, as [`FromStr`] does.
    ///
    /// Parts that are equal in one of `others` share memory and need no validation.
    ///
    /// # Errors
    /// If `text` is not a complete reference.
    pub fn parse_beside(text: &str, others: &[&Self]) -> Result<Self, ReferenceError> {
        refuse_account(text)?;
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.parse::<Digest>()?)),
            None => (text, None),
        };
        // A colon after the last slash starts a tag; one before it starts a port.
        let after_slash = rest.rfind('/').map_or(0, |at| at + 1);
        let (name, tag) = match rest[after_slash..].rfind(':') {
            Some(at) => {
                let colon = after_slash + at;
                let known = others.iter().filter_map(|other| other.version.tag());
                (&rest[..colon], Some(shared(&rest[colon + 1..], known)?))
            }
            None => (rest, None),
        };
        let (registry, repository) = split_registry(name)?;
        let registry = registry.ok_or_else(|| ReferenceError::NoRegistry(text.to_owned()))?;
        let known = others.iter().find(|other| other.store.as_str() == registry);
        let store = match known {
            Some(known) => known.store.clone(),
            None => registry.parse::<Registry>()?.into(),
        };
        let repository = shared(repository, others.iter().map(|other| &other.repository))?;
        let version = match (tag, digest) {
            (Some(tag), Some(digest)) => Version::Pinned(tag, digest),
            (None, Some(digest)) => Version::Digest(digest),
            (Some(tag), None) => Version::Tag(tag),
            (None, None) => Version::Tag(Tag::latest()),
        };
        Ok(Self { store, repository, version })
    }
}

/// Returns the value of `known` with this text, or parses it.
fn shared<'a, T>(text: &str, known: impl IntoIterator<Item = &'a T>) -> Result<T, ReferenceError>
where
    T: AsRef<str> + Clone + FromStr<Err = ReferenceError> + 'a,
{
    match known.into_iter().find(|known| (*known).as_ref() == text) {
        Some(known) => Ok(known.clone()),
        None => text.parse(),
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.store, self.repository)?;
        if let Some(tag) = self.version.tag() {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = self.version.digest() {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

impl TryFrom<String> for Reference {
    type Error = ReferenceError;

    fn try_from(text: String) -> Result<Self, ReferenceError> {
        text.parse()
    }
}

impl From<Reference> for String {
    fn from(reference: Reference) -> Self {
        Self::from(&reference)
    }
}

impl From<&Reference> for String {
    /// Formats the reference with a single allocation.
    fn from(reference: &Reference) -> Self {
        let (store, repository) = (reference.store.as_str(), reference.repository.as_str());
        let tag = reference.version.tag().map_or("", Tag::as_str);
        let mut text = Self::with_capacity(store.len() + repository.len() + tag.len() + 2);
        text.extend([store, "/", repository]);
        if !tag.is_empty() {
            text.extend([":", tag]);
        }
        if let Some(digest) = reference.version.digest() {
            text.push('@');
            text.push_str(&digest.to_string());
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::{Name, Reference, ReferenceError, StoreName};

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn ports_tags_and_digests_are_told_apart() {
        for text in [
            "localhost:5000/a:b",
            "example.com/a/b/c:1.0",
            &format!("[::1]:5000/a@{DIGEST}"),
            &format!("example.com:8443/a:b@{DIGEST}"),
        ] {
            let reference: Reference = text.parse().unwrap();
            assert_eq!((&*reference.to_string(), &*String::from(&reference)), (text, text));
        }
        let latest: Reference = "localhost:5000/a".parse().unwrap();
        assert_eq!(latest.to_string(), "localhost:5000/a:latest");
    }

    #[test]
    fn parts_that_another_reference_has_are_shared() {
        let one: Reference = "a.io/team/app:1".parse().unwrap();
        let other = Reference::parse_beside("b.io/team/app:1", &[&one]).unwrap();
        assert_eq!(other, "b.io/team/app:1".parse().unwrap());
        let shares = |one: &str, other: &str| std::ptr::eq(one, other);
        assert!(shares(one.repository.as_str(), other.repository.as_str()));
        assert!(shares(one.version.tag().unwrap().as_str(), other.version.tag().unwrap().as_str()));
        assert!(Reference::parse_beside("b.io/Team/app:1", &[&one]).is_err());
    }

    #[test]
    fn docker_s_rule_finds_the_registry() {
        for (text, registry) in [
            ("redis", None),
            ("library/redis", None),
            ("quay.io/redis", Some("quay.io")),
            ("localhost/redis", Some("localhost")),
            ("host:5000/redis", Some("host:5000")),
        ] {
            let name: Name = text.parse().unwrap();
            assert_eq!(name.store.as_ref().map(|found| found.as_str()), registry, "{text}");
        }
    }

    #[test]
    fn the_id_of_an_image_is_no_reference() {
        let hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        for text in [hex.to_owned(), format!("sha256:{hex}")] {
            assert_eq!(Reference::of_image(&text), Err(ReferenceError::ImageId(text)));
        }
        for text in [
            hex[1..].to_owned(),
            hex.to_owned() + ":1",
            format!("team/{hex}"),
            format!("a.io/sha256:{hex}"),
            "sha256:1".to_owned(),
            format!("redis@sha256:{hex}"),
        ] {
            assert!(Reference::of_image(&text).is_ok(), "{text}");
        }
    }

    #[test]
    fn broken_references_say_what_is_wrong() {
        assert_eq!("".parse::<Name>(), Err(ReferenceError::Empty));
        assert!(matches!("https://a.io/b".parse::<Name>(), Err(ReferenceError::Scheme(_))));
        for text in
            ["jo:pa55@a.io/b", "jo:pa55@localhost:5000/b", "t0k3n@a.io/b", "jo:pa55@10.0.0.1/b"]
        {
            let errors = [
                text.parse::<Name>().unwrap_err(),
                format!("{text}:1").parse::<Reference>().unwrap_err(),
            ];
            for error in errors {
                let said = error.to_string();
                assert!(said.contains("***@") && said.contains("has a user name"), "{said}");
                assert!(!said.contains("pa55") && !said.contains("t0k3n"), "{said}");
            }
        }
        assert!(matches!("a.io/Redis".parse::<Name>(), Err(ReferenceError::Repository { .. })));
        assert!(matches!("redis:1".parse::<Reference>(), Err(ReferenceError::NoRegistry(_))));
        assert!(matches!("a.io/b:".parse::<Reference>(), Err(ReferenceError::Tag(_))));
        assert!(matches!("a.io/b@sha256:1".parse::<Reference>(), Err(ReferenceError::Digest(_))));
        assert!("a.io/b\nc:1".parse::<Reference>().is_err());
    }

    #[test]
    fn images_are_completed_as_runtimes_do() {
        for (text, expected) in [
            ("nginx", "docker.io/library/nginx:latest"),
            ("nginx:1.27", "docker.io/library/nginx:1.27"),
            ("team/app:1", "docker.io/team/app:1"),
            ("index.docker.io/nginx:1", "docker.io/library/nginx:1"),
            ("quay.io/app", "quay.io/app:latest"),
            ("localhost/app:1", "localhost/app:1"),
        ] {
            assert_eq!(Reference::of_image(text).unwrap().to_string(), expected, "{text}");
        }
        for text in ["", "Team/app", "a:", "a:b:c", "a b", "https://a/b:1", "a@sha256:0"] {
            Reference::of_image(text).unwrap_err();
        }
        for (text, store, expected) in [
            ("ghcr.io/team/app:1", "r.example", "r.example/team/app:1"),
            ("redis:1", "r.example", "r.example/redis:1"),
            ("r.example/redis", "docker.io", "docker.io/library/redis:latest"),
            ("team/app:1", "oci:/srv", "oci:/srv/team/app:1"),
        ] {
            let store: StoreName = store.parse().unwrap();
            let found = Reference::of_image_in(text, Some(&store)).unwrap();
            assert_eq!(found.to_string(), expected, "{text}");
        }
    }
}
