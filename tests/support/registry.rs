//! A registry that lives as long as its test.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use longshore_content::{Content, Endpoint, Fetched, Layouts};
use tempfile::TempDir;

use super::docker::{self, DockerRegistry};
use super::longshore::{Longshore, Running};
use super::process::Process;

/// Numbers the requests that mark positions in a log.
static MARKER: AtomicU32 = AtomicU32::new(0);

/// Storage directory of an embedded registry, in its working directory.
const STORAGE: &str = "registry";

/// A running registry on loopback. Dropping it kills the process by its ID.
#[derive(Debug)]
pub(crate) struct Registry {
    address: String,
    /// The client for tests. It bypasses longshore, TLS and passwords.
    endpoint: Endpoint,
    authority: Option<PathBuf>,
    processes: Vec<Process>,
    /// The embedded registry: a run of longshore with its own directory.
    embedded: Option<Running>,
    /// Dropped last, because the servers write into it.
    scratch: Option<TempDir>,
}

impl Registry {
    /// Starts `longshore serve` with an empty directory.
    pub(crate) fn embedded() -> Self {
        Self::embedded_by(Longshore::new().args(["serve", STORAGE, "--listen", "127.0.0.1:0"]))
    }

    /// Starts `longshore serve` with the arguments of a test. It must listen on loopback. It must
    /// store its content in `registry` if the test uses [`Self::directory`].
    pub(crate) fn embedded_by(longshore: Longshore) -> Self {
        let running = longshore.start();
        let address = running.line(|line| {
            let (_, rest) = line.split_once("http://")?;
            Some(rest.split(|c: char| c.is_whitespace() || c == '/').next()?.to_owned())
        });
        let endpoint = Endpoint::new(&address);
        let mut registry = Self::new(address, endpoint, Vec::new(), None, None);
        registry.embedded = Some(running);
        registry
    }

    /// Returns a builder for Debian's `docker-registry`.
    pub(crate) fn docker() -> DockerRegistry {
        DockerRegistry::debian()
    }

    /// Returns a builder for distribution 3.
    pub(crate) fn distribution() -> DockerRegistry {
        DockerRegistry::version_3()
    }

    pub(crate) fn new(
        address: String,
        endpoint: Endpoint,
        processes: Vec<Process>,
        scratch: Option<TempDir>,
        authority: Option<PathBuf>,
    ) -> Self {
        Self { address, endpoint, authority, processes, embedded: None, scratch }
    }

    /// Returns `127.0.0.1:PORT`, as in a reference.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Returns the storage directory.
    pub(crate) fn directory(&self) -> PathBuf {
        match &self.scratch {
            Some(scratch) => scratch.path().join("storage"),
            None => self.running().directory().join(STORAGE),
        }
    }

    /// Returns the file of a blob or manifest of a repository.
    pub(crate) fn stored(&self, repository: &str, digest: &str) -> PathBuf {
        let Some(scratch) = &self.scratch else {
            return Layouts::new(&self.directory()).file(repository, digest);
        };
        let hex = digest.strip_prefix("sha256:").expect("it is SHA-256");
        let blobs = scratch.path().join(docker::STORAGE).join("docker/registry/v2/blobs/sha256");
        blobs.join(&hex[..2]).join(hex).join("data")
    }

    /// Removes a blob of an embedded registry behind its back. It deletes nothing that is in use.
    pub(crate) fn lose(&self, repository: &str, digest: &str) {
        let hex = digest.strip_prefix("sha256:").expect("it is SHA-256");
        let path = self.directory().join(repository).join("blobs/sha256").join(hex);
        std::fs::remove_file(path).expect("it is there");
    }

    /// Kills an embedded registry. Returns a run with the same directory.
    pub(crate) fn killed(self) -> Longshore {
        let running = self.embedded.expect("only an embedded registry is killed");
        running.kill()
    }

    fn running(&self) -> &Running {
        self.embedded.as_ref().expect("only an embedded registry has a directory")
    }

    /// Returns the client for tests.
    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Returns the certificate that clients must trust, if the registry speaks TLS.
    pub(crate) fn authority(&self) -> Option<&Path> {
        self.authority.as_deref()
    }

    /// Pushes content under a tag or digest.
    #[track_caller]
    pub(crate) fn push(&self, repository: &str, reference: &str, content: &Content) {
        let pushed = self.endpoint.push(repository, reference, content);
        pushed.unwrap_or_else(|error| panic!("failed to push {repository}:{reference}: {error}"));
    }

    /// Fetches the manifest under a tag or digest. It must exist.
    #[track_caller]
    pub(crate) fn manifest(&self, repository: &str, reference: &str) -> Fetched {
        let fetched = self.endpoint.manifest(repository, reference);
        let fetched = fetched
            .unwrap_or_else(|error| panic!("failed to get {repository}:{reference}: {error}"));
        fetched.unwrap_or_else(|| panic!("{repository}:{reference} is missing"))
    }

    /// Checks that a tag or digest is complete and has the right digests.
    #[track_caller]
    pub(crate) fn assert_complete(&self, repository: &str, reference: &str) {
        let broken = self.endpoint.broken(repository, reference);
        let broken = broken
            .unwrap_or_else(|error| panic!("failed to read {repository}:{reference}: {error}"));
        assert!(broken.is_empty(), "{repository}:{reference} is not complete: {broken:#?}");
    }

    /// Returns the requests that `docker-registry` has answered, one line each in Apache's log
    /// format. The requests of the test itself are included.
    pub(crate) fn requests(&self) -> Vec<String> {
        let Some(front) = self.processes.first() else { return Vec::new() };
        if self.processes.len() == 1 {
            // The server writes a line after its response. Once the marker request has a line, all
            // lines are complete.
            let number = MARKER.fetch_add(1, Ordering::Relaxed);
            let marker = format!("marker/{number}");
            let _none = self.endpoint.tags(&marker);
            front.line(Duration::from_secs(10), |line| {
                (line.contains("\"GET ") && line.contains(&marker)).then_some(())
            });
        }
        let log = front.stdout();
        let lines = log.lines().filter(|line| line.contains("\" ") && !line.contains("marker/"));
        lines.map(str::to_owned).collect()
    }
}
