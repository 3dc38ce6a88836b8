//! The repository type `harbor`: a Harbor v2 wants a project to exist before anything is pushed into
//! it, and its API makes one.
//!
//! The logic talks through [`api::Transport`], so that tests stand in for a Harbor; the component's
//! adapter sends through the host, which adds the credential and keeps no cookie (a Basic
//! credential beside Harbor's cookie is answered 403).

mod answer;
pub mod api;
mod describe;
mod prepare;
mod settings;

#[cfg(target_arch = "wasm32")]
mod adapter;
#[cfg(test)]
mod fake;

pub use describe::describe;
pub use prepare::{Outcome, State, prepare};
pub use settings::Settings;

/// The kind of the only scope there is.
pub const PROJECT: &str = "project";

/// Why a call failed; the cases of the contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The configuration is wrong.
    InvalidConfig(String),
    /// The credential is missing, wrong or too weak.
    Unauthorized(String),
    /// Worth another try, after so many seconds if Harbor named them.
    Transient(Option<u32>),
    /// Anything else.
    Other {
        /// `harbor/…`, or a code of the contract.
        code: &'static str,
        /// One lower-case fragment.
        message: String,
    },
}

/// The project that a repository is in: the first part of its path. A repository of one part is in
/// none, and Harbor refuses its push; there is nothing that could be made ready for it.
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
