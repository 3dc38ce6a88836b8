//! Registries that break, return wrong content or change it. Each run must end with the right
//! content at the destination or with the right error.

mod answer;
mod astray;
mod chunk;
mod collected;
mod download;
mod encoded;
mod limit;
mod redirect;
mod upload;

use std::time::{Duration, Instant};

use longshore_content::{Content, Image};

use crate::support::{FaultProxy, Longshore, Registry, Run};

/// The repository that the tests copy, at both ends.
const REPOSITORY: &str = "team/app";
const TAG: &str = "1";

/// Two correct registries, each behind a fault proxy.
struct Ends {
    source: Registry,
    source_proxy: FaultProxy,
    destination: Registry,
    destination_proxy: FaultProxy,
    image: Content,
}

impl Ends {
    /// Pushes an image with one layer of this many bytes to the source.
    fn with_layer(length: usize) -> Self {
        let (source, destination) = (Registry::embedded(), Registry::embedded());
        let image = Image::new("linux/amd64").layer(1, length).build();
        source.push(REPOSITORY, TAG, &image);
        let source_proxy = FaultProxy::before(&source);
        let destination_proxy = FaultProxy::before(&destination);
        Self { source, source_proxy, destination, destination_proxy, image }
    }

    fn layer(&self) -> &str {
        self.image.blobs()[1].digest()
    }

    /// Returns the path of the layer in either registry.
    fn layer_path(&self) -> String {
        format!("/v2/{REPOSITORY}/blobs/{}", self.layer())
    }

    /// Runs `mirror` through both fault proxies. Fails if the run takes so long that it must hang.
    #[track_caller]
    fn mirror(&self) -> Run {
        self.mirror_with(&[])
    }

    /// Runs `mirror` with additional arguments.
    #[track_caller]
    fn mirror_with(&self, arguments: &[&str]) -> Run {
        let started = Instant::now();
        let run = Longshore::new()
            .mirror()
            .list("team/app team/app 1\n")
            .source(self.source_proxy.address())
            .destination(self.destination_proxy.address())
            .args(arguments)
            .run();
        let took = started.elapsed();
        assert!(took < Duration::from_secs(40), "it took {took:?}\n{}", run.stderr);
        run
    }

    /// Runs `mirror-validate` through both fault proxies.
    fn validate(&self, arguments: &[&str]) -> Run {
        Longshore::new()
            .validate()
            .list("team/app team/app 1\n")
            .source(self.source_proxy.address())
            .destination(self.destination_proxy.address())
            .args(arguments)
            .run()
    }

    /// Checks that the copy succeeds despite the faults and that its content is right.
    #[track_caller]
    fn arrives(&self) {
        let run = self.mirror().exits(0);
        assert_eq!(run.file("mirror-failed.txt"), None, "nothing failed");
        let found = self.destination.manifest(REPOSITORY, TAG);
        assert_eq!(found.digest, self.image.digest(), "another image arrived");
        self.destination.assert_complete(REPOSITORY, TAG);
    }

    /// Checks that the copy fails with a message that contains each text. The destination must have
    /// no tag, and the failed list must have the entry.
    #[track_caller]
    fn fails(&self, texts: &[&str]) -> Run {
        let mut run = self.mirror().exits(1);
        for text in texts {
            run = run.complains(text);
        }
        let failed = run.file("mirror-failed.txt").expect("a failed list is written");
        assert!(failed.lines().any(|line| line == "team/app team/app 1"), "{failed}");
        let tags = self.destination.endpoint().tags(REPOSITORY).expect("it answers");
        assert_eq!(tags, Vec::<String>::new(), "a failed entry has a tag");
        run
    }

    /// Reports whether the destination has the layer.
    fn has_layer(&self) -> bool {
        let blob = self.destination.endpoint().blob(REPOSITORY, self.layer());
        blob.expect("it answers").is_some()
    }
}

#[test]
fn a_registry_that_starts_during_the_retries_is_reached() {
    let source = Registry::embedded();
    source.push("a", "1", &Image::new("linux/amd64").layer(1, 10).build());
    let image = format!("{}/a:1", source.address());
    let runs: Vec<_> = ["127.0.0.1", "localhost", "127.0.0.2"]
        .into_iter()
        .map(|host| {
            let address = if host == "localhost" { "127.0.0.1" } else { host };
            let listener = std::net::TcpListener::bind((address, 0)).expect("a free port");
            let port = listener.local_addr().expect("it is bound").port();
            drop(listener);
            let words = ["copy", &image, &format!("{host}:{port}/b:1"), "--retries=9", "--debug"];
            let running = Longshore::new().args(words).start();
            running.line(|line| line.contains("trying again").then_some(()));
            let listen = format!("{address}:{port}");
            let serve = Longshore::new().args(["serve", "registry", "--listen", &listen]);
            (Registry::embedded_by(serve), running)
        })
        .collect();
    for (late, running) in runs {
        let run = running.finish().exits(0).sums_up("1 copied, 0 skipped, 0 failed");
        assert!(!run.stderr.contains("speaks no TLS"), "{}", run.stderr);
        assert!(late.address().starts_with("127.0.0."));
    }
}
