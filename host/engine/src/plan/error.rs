//! Why there is no plan.

use super::rewrite::RewriteError;
use longshore_oci::{PlatformError, Reference, ReferenceError};

/// Nothing can be copied as things are.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// `-s` or `-d` is no registry.
    #[error("use {flag} {value:?} as a registry: {why}")]
    Registry {
        /// `-s` or `-d`, or where else it came from.
        flag: &'static str,
        /// What was given.
        value: String,
        /// What is wrong with it.
        why: String,
        /// What to give instead.
        hint: String,
    },
    /// A platform, architecture or operating system is none.
    #[error("read the platform filter: {0}")]
    Platform(#[from] PlatformError),
    /// The default filter of a list format is not valid.
    #[error("read the default platform filter of the list format {format}: {error}")]
    FormatFilter {
        /// The format's name.
        format: String,
        /// Why it is not valid.
        #[source]
        error: PlatformError,
    },
    /// An entry has no destination and none is given for all: it would go back to Docker Hub.
    #[error("plan line {line}: {source_text} has no destination")]
    NoDestination {
        /// The line.
        line: u32,
        /// The source as it stands there.
        source_text: String,
    },
    /// Two different sources for one destination.
    #[error("plan lines {first} and {second}: {} and {} would both become {}", sources.0, sources.1, destination)]
    Collision {
        /// The earlier line.
        first: u32,
        /// The later line.
        second: u32,
        /// Their sources.
        sources: Box<(Reference, Reference)>,
        /// Where both would go.
        destination: Box<Reference>,
    },
    /// The same source and destination with two different platform filters.
    #[error(
        "plan lines {first} and {second}: {destination} is asked for twice with different platforms"
    )]
    Platforms {
        /// The earlier line.
        first: u32,
        /// The later line.
        second: u32,
        /// Where both would go.
        destination: Box<Reference>,
    },
    /// A rewrite plugin answered with no reference.
    #[error(
        "plan line {line}: plugin {plugin} answered {answer:?}, which is no reference: {error}"
    )]
    Answer {
        /// The line.
        line: u32,
        /// The plugin.
        plugin: String,
        /// What it answered.
        answer: String,
        /// What is wrong with it.
        #[source]
        error: ReferenceError,
    },
    /// A rewrite failed.
    #[error(transparent)]
    Rewrite(#[from] RewriteError),
}

impl PlanError {
    /// What a person can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Registry { hint, .. } => Some(hint.clone()),
            Self::Platform(_) => {
                Some("for example --arch amd64,arm64 --os linux; all is every one".to_owned())
            }
            Self::FormatFilter { .. } => {
                Some("this is a fault of the plugin; give --arch and --os".to_owned())
            }
            Self::NoDestination { .. } => {
                Some("give the destination registry with -d or DOCKER_REGISTRY".to_owned())
            }
            Self::Collision { .. } => Some(
                "give one of them another name or tag, or keep the paths apart with --rewrite"
                    .to_owned(),
            ),
            Self::Platforms { .. } => Some("name all platforms in one line".to_owned()),
            Self::Answer { .. } => {
                Some("this is a fault of the plugin or of its configuration".to_owned())
            }
            Self::Rewrite(error) => error.hint.clone(),
        }
    }
}
