//! A store of any kind, which a test fills and reads without longshore.

use std::fmt::Display;
use std::path::PathBuf;

use longshore_content::{Content, Fetched, Layouts};
use tempfile::TempDir;

use super::longshore::Longshore;
use super::registry::Registry;
use super::skopeo::Skopeo;

/// All kinds of stores that longshore reads and writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Debian's `docker-registry`, distribution 2.8.
    DockerRegistry,
    /// Distribution 3.
    Distribution,
    /// `longshore serve`.
    Serve,
    /// `oci:DIR`.
    Folder,
}

/// A store that lives as long as its test.
#[derive(Debug)]
pub(crate) enum Store {
    /// A running registry.
    Registry(Box<Registry>),
    /// A folder with one image layout per repository. It does not exist until content is pushed.
    Folder(Layouts, TempDir),
}

impl Store {
    /// Creates an empty store. Returns `None` and skips the test if its server is not installed.
    pub(crate) fn new(kind: Kind) -> Option<Self> {
        Some(match kind {
            Kind::DockerRegistry => Registry::docker().start()?.into(),
            Kind::Distribution => Registry::distribution().start()?.into(),
            Kind::Serve => Registry::embedded().into(),
            Kind::Folder => {
                let scratch = tempfile::tempdir().expect("a scratch directory can be made");
                Self::Folder(Layouts::new(&scratch.path().join("images")), scratch)
            }
        })
    }

    /// Creates an empty store that accepts an index whose children are blobs.
    pub(crate) fn for_caches(kind: Kind) -> Option<Self> {
        match kind {
            Kind::Distribution => Registry::distribution().lists_blobs().start().map(Self::from),
            _ => Self::new(kind),
        }
    }

    /// Returns what `-s` and `-d` call it.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Registry(registry) => registry.address().to_owned(),
            Self::Folder(layouts, _) => format!("oci:{}", layouts.root().display()),
        }
    }

    /// Pushes content under a tag or digest.
    #[track_caller]
    pub(crate) fn push(&self, repository: &str, reference: &str, content: &Content) {
        match self {
            Self::Registry(registry) => registry.push(repository, reference, content),
            Self::Folder(layouts, _) => answered(layouts.push(repository, reference, content)),
        }
    }

    /// Fetches the manifest under a tag or digest, if it exists.
    #[track_caller]
    pub(crate) fn find(&self, repository: &str, reference: &str) -> Option<Fetched> {
        match self {
            Self::Registry(registry) => {
                answered(registry.endpoint().manifest(repository, reference))
            }
            Self::Folder(layouts, _) => answered(layouts.manifest(repository, reference)),
        }
    }

    /// Fetches the manifest under a tag or digest. It must exist.
    #[track_caller]
    pub(crate) fn manifest(&self, repository: &str, reference: &str) -> Fetched {
        let found = self.find(repository, reference);
        found.unwrap_or_else(|| panic!("{}/{repository} lacks {reference}", self.name()))
    }

    /// Lists the tags of a repository, sorted; empty if the repository does not exist.
    #[track_caller]
    pub(crate) fn tags(&self, repository: &str) -> Vec<String> {
        let mut tags = match self {
            Self::Registry(registry) => answered(registry.endpoint().tags(repository)),
            Self::Folder(layouts, _) => answered(layouts.tags(repository)),
        };
        tags.sort();
        tags
    }

    /// Lists the digests of referrers, sorted: through the API, the fallback tag, or the index of a
    /// layout.
    #[track_caller]
    pub(crate) fn referrers(&self, repository: &str, subject: &str) -> Vec<String> {
        let mut digests = match self {
            Self::Folder(layouts, _) => answered(layouts.referrers(repository, subject)),
            Self::Registry(registry) => {
                let listed = answered(registry.endpoint().referrers(repository, subject));
                listed.unwrap_or_else(|| self.tagged_referrers(repository, subject))
            }
        };
        digests.sort();
        digests
    }

    fn tagged_referrers(&self, repository: &str, subject: &str) -> Vec<String> {
        let Some(index) = self.find(repository, &subject.replace(':', "-")) else {
            return Vec::new();
        };
        let index: serde_json::Value = serde_json::from_slice(&index.bytes).expect("it is JSON");
        let children = index["manifests"].as_array().into_iter().flatten();
        children.filter_map(|child| child["digest"].as_str().map(str::to_owned)).collect()
    }

    /// Returns a line for each manifest or blob below a tag or digest that is missing or has the wrong
    /// digest.
    #[track_caller]
    pub(crate) fn broken(&self, repository: &str, reference: &str) -> Vec<String> {
        match self {
            Self::Registry(registry) => answered(registry.endpoint().broken(repository, reference)),
            Self::Folder(layouts, _) => answered(layouts.broken(repository, reference)),
        }
    }

    /// Checks that the store has exactly this content and everything below it.
    #[track_caller]
    pub(crate) fn assert_has(&self, repository: &str, reference: &str, content: &Content) {
        let found = self.manifest(repository, reference);
        let place = format!("{}/{repository}:{reference}", self.name());
        assert!(found.bytes == content.bytes(), "{place} has other bytes: {}", found.digest);
        assert_eq!(found.announced.as_deref(), Some(content.digest()), "digest of {place}");
        assert_eq!(found.media_type, content.media_type(), "type of {place}");
        let broken = self.broken(repository, reference);
        assert!(broken.is_empty(), "{place} is not complete: {broken:#?}");
    }

    /// Checks that the store does not have this tag or digest.
    #[track_caller]
    pub(crate) fn assert_lacks(&self, repository: &str, reference: &str) {
        let found = self.find(repository, reference);
        assert!(found.is_none(), "{}/{repository} must not have {reference}", self.name());
    }

    /// Returns the number of tags of the repositories, or what a tag lacks that is not complete.
    pub(crate) fn whole(&self, repositories: &[&str]) -> Result<usize, String> {
        let mut count = 0;
        for repository in repositories {
            for tag in self.tags(repository) {
                let broken = self.broken(repository, &tag);
                if !broken.is_empty() {
                    return Err(format!("{repository}:{tag} is not complete: {broken:#?}"));
                }
                count += 1;
            }
        }
        Ok(count)
    }

    /// Checks that every tag of the repositories is complete. Returns the number of tags.
    #[track_caller]
    pub(crate) fn assert_whole(&self, repositories: &[&str]) -> usize {
        self.whole(repositories).unwrap_or_else(|broken| panic!("{broken}"))
    }

    /// Returns the raw manifest of a tag as skopeo reads it.
    #[track_caller]
    pub(crate) fn inspected_by(&self, skopeo: Skopeo, repository: &str, tag: &str) -> Vec<u8> {
        skopeo.inspect_raw_at(&self.transport(repository, tag))
    }

    /// Returns the name of a tag for skopeo.
    pub(crate) fn transport(&self, repository: &str, tag: &str) -> String {
        match self {
            Self::Registry(registry) => {
                format!("docker://{}/{repository}:{tag}", registry.address())
            }
            Self::Folder(layouts, _) => {
                format!("oci:{}:{tag}", layouts.root().join(repository).display())
            }
        }
    }

    /// Returns the file of a blob or manifest.
    pub(crate) fn stored(&self, repository: &str, digest: &str) -> PathBuf {
        match self {
            Self::Registry(registry) => registry.stored(repository, digest),
            Self::Folder(layouts, _) => layouts.file(repository, digest),
        }
    }
}

impl From<Registry> for Store {
    fn from(registry: Registry) -> Self {
        Self::Registry(Box::new(registry))
    }
}

#[track_caller]
fn answered<T, E: Display>(answer: Result<T, E>) -> T {
    answer.unwrap_or_else(|error| panic!("the store does not answer: {error}"))
}

/// A source and a destination of any kinds, and runs between them.
#[derive(Debug)]
pub(crate) struct Stores {
    /// The source.
    pub(crate) source: Store,
    /// The destination.
    pub(crate) destination: Store,
}

impl Stores {
    /// Creates two empty stores. Returns `None` and skips the test if a server is not installed.
    pub(crate) fn new(source: Kind, destination: Kind) -> Option<Self> {
        Some(Self { source: Store::new(source)?, destination: Store::new(destination)? })
    }

    /// Prepares `mirror` of a list.
    pub(crate) fn mirror(&self, list: &str) -> Longshore {
        self.between(Longshore::new().mirror(), list)
    }

    /// Prepares `mirror-validate` of a list.
    pub(crate) fn validate(&self, list: &str) -> Longshore {
        self.between(Longshore::new().validate(), list)
    }

    fn between(&self, run: Longshore, list: &str) -> Longshore {
        run.list(list).source(&self.source.name()).destination(&self.destination.name())
    }
}
