//! A source and a destination registry, and runs between them.

use longshore_content::Content;

use super::longshore::Longshore;
use super::registry::Registry;

/// Two registries. The source is an embedded one.
#[derive(Debug)]
pub(crate) struct Pair {
    /// The source.
    pub(crate) source: Registry,
    /// The destination.
    pub(crate) destination: Registry,
}

impl Pair {
    /// Creates a pair with an embedded destination.
    pub(crate) fn embedded() -> Self {
        Self { source: Registry::embedded(), destination: Registry::embedded() }
    }

    /// Creates a pair with `docker-registry` as destination. Returns `None` and skips the test if
    /// it is missing.
    pub(crate) fn docker() -> Option<Self> {
        let destination = Registry::docker().start()?;
        Some(Self { source: Registry::embedded(), destination })
    }

    /// Prepares `mirror` of a list from source to destination.
    pub(crate) fn mirror(&self, list: &str) -> Longshore {
        let run = Longshore::new().mirror().list(list);
        run.source(self.source.address()).destination(self.destination.address())
    }

    /// Prepares `mirror-validate` of a list.
    pub(crate) fn validate(&self, list: &str) -> Longshore {
        self.run("mirror-validate", list)
    }

    /// Prepares a command of one or more words with a list.
    pub(crate) fn run(&self, command: &str, list: &str) -> Longshore {
        let run = Longshore::new().args(command.split(' ')).list(list);
        run.source(self.source.address()).destination(self.destination.address())
    }

    /// Checks that the destination has exactly this content and everything below it.
    #[track_caller]
    pub(crate) fn assert_arrived(&self, repository: &str, reference: &str, content: &Content) {
        let found = self.destination.manifest(repository, reference);
        assert_eq!(found.digest, content.digest(), "another manifest at {repository}:{reference}");
        assert_eq!(found.media_type, content.media_type(), "type of {repository}:{reference}");
        self.destination.assert_complete(repository, reference);
    }

    /// Checks that the destination does not have this tag or digest.
    #[track_caller]
    pub(crate) fn assert_absent(&self, repository: &str, reference: &str) {
        let found = self.destination.endpoint().manifest(repository, reference);
        let found =
            found.unwrap_or_else(|error| panic!("the destination does not answer: {error}"));
        assert!(found.is_none(), "{repository}:{reference} must not be at the destination");
    }
}
