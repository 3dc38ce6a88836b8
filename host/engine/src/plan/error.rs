//! Errors of plans.

use super::rewrite::RewriteError;
use longshore_oci::{PlatformError, Reference, ReferenceError};

/// The list cannot be planned.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// A flag does not name a registry.
    #[error("use {flag} {value:?} as a registry: {why}")]
    Registry {
        /// `-s` or `-d`, or the variable that held the value.
        flag: &'static str,
        /// The value.
        value: String,
        /// The reason.
        why: String,
        /// What to write instead.
        hint: String,
    },
    /// A platform, architecture or operating system is not valid.
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
    /// An entry has no destination, and no default is given. It would go back to Docker Hub.
    #[error("plan line {line}: {source_text:?} has no destination registry")]
    NoDestination {
        /// The line.
        line: u32,
        /// The source as written in the list.
        source_text: String,
    },
    /// A destination has no registry, and neither `-d` nor a rewrite gives one. Docker Hub would get it.
    #[error("plan line {line}: the destination {destination} names no registry")]
    NoRegistry {
        /// The line.
        line: u32,
        /// The destination as written.
        destination: String,
    },
    /// Two sources have the same destination.
    #[error("plan lines {first} and {second}: {} and {} would both become {}", sources.0, sources.1, destination)]
    Collision {
        /// The earlier line.
        first: u32,
        /// The later line.
        second: u32,
        /// The two sources.
        sources: Box<(Reference, Reference)>,
        /// The destination.
        destination: Box<Reference>,
    },
    /// Two entries differ only in their platform filter.
    #[error(
        "plan lines {first} and {second}: {destination} is listed twice with different platforms"
    )]
    Platforms {
        /// The earlier line.
        first: u32,
        /// The later line.
        second: u32,
        /// The destination.
        destination: Box<Reference>,
    },
    /// Several entries have the destination of another one.
    #[error("{error}; so would lines {others}")]
    Collisions {
        /// The first collision.
        error: Box<PlanError>,
        /// The lines of the others.
        others: String,
    },
    /// A rewrite plugin returned an invalid reference.
    #[error(
        "plan line {line}: plugin {plugin} answered {answer:?}, which is not a reference: {error}"
    )]
    Answer {
        /// The line.
        line: u32,
        /// The plugin.
        plugin: String,
        /// The plugin's answer.
        answer: String,
        /// The parse error.
        #[source]
        error: ReferenceError,
    },
    /// A rewrite failed.
    #[error(transparent)]
    Rewrite(#[from] RewriteError),
}

impl PlanError {
    /// Advice for the user.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Registry { hint, .. } => Some(hint.clone()),
            Self::Platform(PlatformError::Unknown { meant, .. }) => {
                Some(format!("{meant}; --arch-any takes any word, and so does OS/ARCH in --arch"))
            }
            Self::Platform(_) => {
                Some("for example --arch amd64,arm64 --os linux; all is every one".to_owned())
            }
            Self::FormatFilter { .. } => {
                Some("this is a fault of the plugin; give --arch and --os".to_owned())
            }
            Self::NoDestination { .. } => {
                Some("give the destination registry with -d or DOCKER_REGISTRY".to_owned())
            }
            Self::NoRegistry { destination, .. } => Some(format!(
                "give the destination registry with -d or DOCKER_REGISTRY, or name it, as \
                 registry.example.com/{destination} or docker.io/{destination}"
            )),
            Self::Collision { .. } => Some(
                "give one of them another name or tag, or keep the paths apart with --rewrite"
                    .to_owned(),
            ),
            Self::Collisions { error, .. } => error.hint(),
            Self::Platforms { .. } => Some("name all platforms in one line".to_owned()),
            Self::Answer { .. } => Some(
                "check the configuration of the plugin, or report the bug to its author".to_owned(),
            ),
            Self::Rewrite(error) => error.hint.clone(),
        }
    }
}
