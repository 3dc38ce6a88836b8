//! Repository types against servers that behave as their documentation says.

mod answers;
mod artifactory;
mod auto;
mod aws;
mod ecr;
mod gitea;
mod gitlab;
mod nexus;
mod quay;

use longshore_content::Image;

use crate::support::products::{PASSWORD, USER};
use crate::support::{Answer, FaultProxy, Longshore, Registry, Run, Seen};

/// A source with an image, and a destination whose API the test defines.
struct Places {
    source: Registry,
    destination: FaultProxy,
    behind: Registry,
}

impl Places {
    fn new() -> Self {
        let (source, behind) = (Registry::embedded(), Registry::embedded());
        source.push("team/app", "1", &Image::new("linux/amd64").layer(1, 1000).build());
        Self { source, destination: FaultProxy::before(&behind), behind }
    }

    /// Prepares a run that copies the image to `repository`.
    fn mirror(&self, repository: &str, repo_type: &str) -> Longshore {
        Longshore::new()
            .mirror()
            .list(&format!("team/app {repository} 1\n"))
            .source(self.source.address())
            .destination(self.destination.address())
            .args(["--repo-type", repo_type, "--debug"])
    }

    /// The same, with the account that the products in `support` have.
    fn mirror_as_user(&self, repository: &str, repo_type: &str) -> Longshore {
        let longshore = self.mirror(repository, repo_type);
        longshore.env("DOCKER_USERNAME", USER).env("DOCKER_PASSWORD", PASSWORD)
    }
}

/// Returns an answer with this JSON.
fn json(status: u16, document: &serde_json::Value) -> Answer {
    let answer = Answer::status(status).header("content-type", "application/json");
    answer.body(document.to_string())
}

/// Returns the JSON of a request.
fn sent(seen: &Seen) -> serde_json::Value {
    serde_json::from_slice(&seen.body).expect("the body is JSON")
}

fn assert_silent(run: &Run, secret: &str) {
    let failed = run.file("mirror-failed.txt").unwrap_or_default();
    for text in [&run.stdout, &run.stderr, &failed] {
        assert!(!text.contains(secret), "{secret} is shown:\n{text}");
    }
}
