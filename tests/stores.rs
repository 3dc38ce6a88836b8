//! The suite that every kind of store passes, as a source and as a destination: `docker-registry`,
//! distribution 3, `longshore serve`, and a folder of image layouts.
//!
//! A test is a function of one kind, or of the kinds of source and destination. A macro makes a test
//! of it for each of them.

/// Makes a test for each kind of store out of a function.
macro_rules! for_each_kind {
    ($($test:ident),* $(,)?) => {$(
        mod $test {
            use crate::support::Kind;

            #[test]
            fn docker_registry() {
                super::$test(Kind::DockerRegistry);
            }

            #[test]
            fn distribution() {
                super::$test(Kind::Distribution);
            }

            #[test]
            fn serve() {
                super::$test(Kind::Serve);
            }

            #[test]
            fn folder() {
                super::$test(Kind::Folder);
            }
        }
    )*};
}

/// Makes a test for each pair of kinds that makes sense out of a function: each kind with itself, and
/// each registry with a folder in both directions.
macro_rules! for_each_pair {
    ($($test:ident),* $(,)?) => {$(
        mod $test {
            use crate::support::Kind::{Distribution, DockerRegistry, Folder, Serve};

            #[test]
            fn docker_registry_to_folder() {
                super::$test(DockerRegistry, Folder);
            }

            #[test]
            fn distribution_to_folder() {
                super::$test(Distribution, Folder);
            }

            #[test]
            fn serve_to_folder() {
                super::$test(Serve, Folder);
            }

            #[test]
            fn folder_to_docker_registry() {
                super::$test(Folder, DockerRegistry);
            }

            #[test]
            fn folder_to_distribution() {
                super::$test(Folder, Distribution);
            }

            #[test]
            fn folder_to_serve() {
                super::$test(Folder, Serve);
            }

            #[test]
            fn folder_to_folder() {
                super::$test(Folder, Folder);
            }

            #[test]
            fn docker_registry_to_docker_registry() {
                super::$test(DockerRegistry, DockerRegistry);
            }

            #[test]
            fn distribution_to_distribution() {
                super::$test(Distribution, Distribution);
            }

            #[test]
            fn serve_to_serve() {
                super::$test(Serve, Serve);
            }
        }
    )*};
}

mod concurrent;
mod damage;
mod dry_run;
mod folder;
mod full_disk;
mod interrupt;
mod kill;
mod referrers;
mod round_trip;
mod selection;

use longshore_content::{Content, Image, Index};

/// A list of one image.
const LIST: &str = "team/app team/app 1\n";

fn image(platform: &str, seed: u64) -> Content {
    Image::new(platform).layer(seed, 100).build()
}

/// Creates an index of two images that the default filter selects.
fn index() -> Content {
    Index::oci().child(&image("linux/amd64", 1)).child(&image("linux/arm64", 2)).build()
}
