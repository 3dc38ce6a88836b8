//! Registries that break, lie and change their mind: each run ends with the right bytes at the
//! destination or with the right failure.

mod answer;
mod chunk;
mod collected;
mod download;
mod limit;
mod redirect;
mod upload;

use std::time::{Duration, Instant};

use longshore_content::{Content, Image};

use crate::support::{Longshore, Lying, Registry, Run};

/// The repository and the tag that the tests copy, at both ends.
const REPOSITORY: &str = "team/app";
const TAG: &str = "1";

/// An honest registry at each end, with a liar before one of them or both.
struct Ends {
    source: Registry,
    lying_source: Lying,
    destination: Registry,
    lying_destination: Lying,
    image: Content,
}

impl Ends {
    /// The source has an image whose one layer has so many bytes.
    fn with_layer(length: usize) -> Self {
        let (source, destination) = (Registry::embedded(), Registry::embedded());
        let image = Image::new("linux/amd64").layer(1, length).build();
        source.push(REPOSITORY, TAG, &image);
        let lying_source = Lying::before(&source);
        let lying_destination = Lying::before(&destination);
        Self { source, lying_source, destination, lying_destination, image }
    }

    fn layer(&self) -> &str {
        self.image.blobs()[1].digest()
    }

    /// The path of the layer in either registry.
    fn layer_path(&self) -> String {
        format!("/v2/{REPOSITORY}/blobs/{}", self.layer())
    }

    /// Runs `mirror` through both liars; a run that takes too long is one that hangs.
    #[track_caller]
    fn mirror(&self) -> Run {
        self.mirror_with(&[])
    }

    /// The same with more arguments.
    #[track_caller]
    fn mirror_with(&self, arguments: &[&str]) -> Run {
        let started = Instant::now();
        let run = Longshore::new()
            .mirror()
            .list("team/app team/app 1\n")
            .source(self.lying_source.address())
            .destination(self.lying_destination.address())
            .args(arguments)
            .run();
        let took = started.elapsed();
        assert!(took < Duration::from_secs(40), "it took {took:?}\n{}", run.stderr);
        run
    }

    /// The copy succeeds in spite of it all, and what arrived is right.
    #[track_caller]
    fn arrives(&self) {
        let run = self.mirror().exits(0);
        assert_eq!(run.file("mirror-failed.txt"), None, "nothing failed");
        let found = self.destination.manifest(REPOSITORY, TAG);
        assert_eq!(found.digest, self.image.digest(), "another image arrived");
        self.destination.assert_complete(REPOSITORY, TAG);
    }

    /// The copy fails with a message that holds each of the texts; the destination has no tag, and
    /// the entry is in the failed list.
    #[track_caller]
    fn fails(&self, texts: &[&str]) -> Run {
        let mut run = self.mirror().exits(1);
        for text in texts {
            run = run.complains(text);
        }
        let failed = run.file("mirror-failed.txt").expect("a failed list is written");
        assert!(failed.lines().any(|line| line == "team/app team/app 1"), "{failed}");
        let tags = self.destination.endpoint().tags(REPOSITORY).expect("it answers");
        assert_eq!(tags, Vec::<String>::new(), "a tag names what failed");
        run
    }

    /// Whether the destination has the layer.
    fn has_layer(&self) -> bool {
        let blob = self.destination.endpoint().blob(REPOSITORY, self.layer());
        blob.expect("it answers").is_some()
    }
}
