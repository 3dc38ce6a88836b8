//! A source and a destination, and the runs between them.

use longshore_content::Content;

use super::longshore::Longshore;
use super::registry::Registry;

/// Two registries; the source is an embedded one.
#[derive(Debug)]
pub(crate) struct Pair {
    /// What is read.
    pub(crate) source: Registry,
    /// What is written.
    pub(crate) destination: Registry,
}

impl Pair {
    /// With an embedded destination.
    pub(crate) fn embedded() -> Self {
        Self { source: Registry::embedded(), destination: Registry::embedded() }
    }

    /// With `docker-registry` as destination; `None`, and the test is skipped, if it is missing.
    pub(crate) fn docker() -> Option<Self> {
        let destination = Registry::docker().start()?;
        Some(Self { source: Registry::embedded(), destination })
    }

    /// `mirror` of a list from source to destination.
    pub(crate) fn mirror(&self, list: &str) -> Longshore {
        let run = Longshore::new().mirror().list(list);
        run.source(self.source.address()).destination(self.destination.address())
    }

    /// `mirror-validate` of a list.
    pub(crate) fn validate(&self, list: &str) -> Longshore {
        self.run("mirror-validate", list)
    }

    /// A command, in words, of a list.
    pub(crate) fn run(&self, command: &str, list: &str) -> Longshore {
        let run = Longshore::new().args(command.split(' ')).list(list);
        run.source(self.source.address()).destination(self.destination.address())
    }

    /// Checks that the destination has exactly this content, and all that is below it.
    #[track_caller]
    pub(crate) fn assert_arrived(&self, repository: &str, reference: &str, content: &Content) {
        let found = self.destination.manifest(repository, reference);
        assert_eq!(found.digest, content.digest(), "another manifest at {repository}:{reference}");
        assert_eq!(found.media_type, content.media_type(), "type of {repository}:{reference}");
        self.destination.assert_complete(repository, reference);
    }

    /// Checks that the destination has no such tag or digest.
    #[track_caller]
    pub(crate) fn assert_absent(&self, repository: &str, reference: &str) {
        let found = self.destination.endpoint().manifest(repository, reference);
        let found =
            found.unwrap_or_else(|error| panic!("the destination does not answer: {error}"));
        assert!(found.is_none(), "{repository}:{reference} must not be at the destination");
    }
}
