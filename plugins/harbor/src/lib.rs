//! The repository type `harbor`. A Harbor v2 rejects pushes into projects that do not exist, so the
//! plugin creates them through Harbor's API.
//!
//! The logic sends requests through [`api::Transport`], so tests can replace Harbor. The
//! component's adapter sends them through the host. The host adds the credential and keeps no
//! cookies: Harbor answers 403 to a Basic credential with its session cookie.

mod answer;
pub mod api;
mod describe;
mod prepare;
mod settings;

mod adapter;
#[cfg(test)]
mod fake;

pub use adapter::Harbor;
pub use describe::describe;
pub use prepare::{Outcome, State, prepare};
pub use settings::Settings;

/// The only kind of scope.
pub const PROJECT: &str = "project";

/// Explains why a call failed. The cases match those of the plugin interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The configuration is not valid.
    InvalidConfig(String),
    /// The credential is missing, wrong or lacks permissions.
    Unauthorized(String),
    /// A retry may succeed. Holds the seconds to wait if Harbor sent them.
    Transient(Option<u32>),
    /// Any other failure.
    Other {
        /// `harbor/…`, or a code of the plugin interface.
        code: &'static str,
        /// A lower-case fragment.
        message: String,
    },
}

/// Returns the project of a repository: the first component of its path. A repository with one
/// component has no project. Harbor rejects pushes to it, and no preparation can change that.
#[must_use]
pub fn project_of(repository: &str) -> Option<&str> {
    let (project, rest) = repository.split_once('/')?;
    (!project.is_empty() && !rest.is_empty()).then_some(project)
}

#[cfg(test)]
mod tests {
    use super::project_of;

    #[test]
    fn the_first_part_is_the_project() {
        assert_eq!(project_of("library/mysql"), Some("library"));
        assert_eq!(project_of("a/b/c"), Some("a"));
        assert_eq!(project_of("mysql"), None);
        assert_eq!(project_of("/mysql"), None);
        assert_eq!(project_of("a/"), None);
    }
}
