//! The configuration file of `mirror-charts`: the target, and the charts of each upstream.

mod error;
mod parse;
mod schema;
mod versions;

use std::path::PathBuf;

use longshore_oci::{Reference, Registry, Repository};
use regex::Regex;
use url::Url;

pub use error::ConfigError;
pub use parse::is_config;
pub use schema::SCHEMA;
pub(crate) use versions::nearest;
pub use versions::{VersionWish, WishError};

/// The content of `mirror.yaml`.
#[derive(Debug)]
pub struct Config {
    /// The file as the user named it.
    pub path: PathBuf,
    /// The registry that receives everything.
    pub target: Target,
    /// The upstreams in the order of the file.
    pub upstreams: Vec<Upstream>,
}

/// The registry that receives charts and images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The registry.
    pub registry: Registry,
    /// The path before charts and images.
    pub path: Option<Repository>,
    /// Whether the registry may be reached over plain HTTP.
    pub insecure: bool,
    /// A further path before charts.
    pub charts_prefix: Option<Repository>,
}

/// The charts of one key under `upstreams`.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// The key.
    pub key: String,
    /// Line of the key, from 1.
    pub line: u32,
    /// Where the chart comes from.
    pub origin: Origin,
    /// The chart's name.
    pub chart: String,
    /// The versions to mirror.
    pub versions: Vec<VersionWish>,
    /// How the chart is rendered, and what happens to the images that are found.
    pub images: ImageOptions,
}

/// Where a chart comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A repository with an `index.yaml`, by its URL.
    Repo(Url),
    /// A registry: the chart is in the repository with its name below the path.
    Oci {
        /// The registry.
        registry: Registry,
        /// The path before the chart's name.
        path: Option<Repository>,
    },
    /// A folder, or an archive ending in `.tgz`.
    Local(PathBuf),
}

/// How the images of a chart are found.
#[derive(Clone, Debug)]
pub struct ImageOptions {
    /// The renderings: each has the files of values that are layered for it. Never empty.
    pub values: Vec<Vec<ValuesFile>>,
    /// The Kubernetes version that the chart sees.
    pub kube_version: Option<String>,
    /// Further API versions that the chart sees.
    pub api_versions: Vec<String>,
    /// The namespace of the release.
    pub namespace: String,
    /// The name of the release; `None` is the chart's name.
    pub release: Option<String>,
    /// Whether to leave out hooks that are tests.
    pub skip_tests: bool,
    /// Images to mirror besides those that are found.
    pub add: Vec<AddedImage>,
    /// Patterns of images that are not mirrored.
    pub ignore: Vec<IgnorePattern>,
    /// Whether a chart without any image is right.
    pub allow_empty: bool,
}

/// A file of values that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValuesFile {
    /// The path as the configuration has it.
    pub path: String,
    /// The YAML text.
    pub text: String,
}

/// An image that the configuration adds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddedImage {
    /// The complete reference.
    pub image: Reference,
    /// Its line in the configuration, from 1.
    pub line: u32,
}

/// A pattern of images: `*` stands for any text, `?` for one character.
#[derive(Clone, Debug)]
pub struct IgnorePattern {
    /// The pattern as written.
    pub text: String,
    expression: Regex,
}

impl IgnorePattern {
    /// Whether the pattern is the whole of `reference`, or of a part of it that starts after the
    /// registry or any slash.
    pub fn matches(&self, reference: &str) -> bool {
        let ends = reference.match_indices('/').map(|(at, _)| &reference[at + 1..]);
        std::iter::once(reference).chain(ends).any(|text| self.expression.is_match(text))
    }
}

#[cfg(test)]
mod tests;
