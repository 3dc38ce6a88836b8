//! Errors of jobs.

use longshore_oci::Digest;
use longshore_store::{Fault, MISSING_PROJECT, StoreError, TransferFailure};

use crate::walk::OutOfBounds;

/// A job failed; the message names the side, the operation and the cause.
#[derive(Clone, Debug, thiserror::Error)]
pub enum JobError {
    /// The source failed.
    #[error("source: {0}")]
    Source(#[source] StoreError),
    /// The destination failed.
    #[error("destination: {0}")]
    Destination(#[source] StoreError),
    /// The destination failed, after the preparation of its repository had failed too.
    #[error("destination: {error}; preparing its repository had failed too: {hook}")]
    Unprepared {
        /// The error of the push.
        #[source]
        error: Box<StoreError>,
        /// The error of the preparation.
        hook: String,
    },
    /// A dry run knows that the repository could not be prepared, so a push would be refused.
    #[error("destination: a push would be refused: its repository cannot be prepared: {0}")]
    PushRefused(String),
    /// Nothing matches the platform filter, and `--no-arch-os-fail` is set.
    #[error("no platform of the source satisfies the filter ({0})")]
    NoPlatform(String),
    /// The destination's tag is immutable and holds another digest.
    #[error("the destination's tag is immutable and holds {}", .0.as_ref().map_or("another digest".to_owned(), ToString::to_string))]
    ImmutableTag(Option<Digest>),
    /// Indexes or referrers exceed the limits of the graph walk.
    #[error("source: {0}")]
    OutOfBounds(#[from] OutOfBounds),
    /// The run was interrupted before the copy was complete.
    #[error("interrupted")]
    Interrupted,
    /// The manifests are large, and the image has to wait for its turn. The copy begins again.
    #[error("the manifests of the image are large")]
    NeedsTurn,
    /// The filtered index cannot be built.
    #[error("source: the index cannot be rebuilt: {0}")]
    Rebuild(String),
}

impl From<TransferFailure> for JobError {
    fn from(failure: TransferFailure) -> Self {
        match failure {
            TransferFailure::Source(error) => Self::Source(error),
            TransferFailure::Destination(error) => Self::Destination(error),
            TransferFailure::Interrupted => Self::Interrupted,
        }
    }
}

impl JobError {
    /// The store's error, if a store caused it.
    pub const fn of_store(&self) -> Option<&StoreError> {
        match self {
            Self::Source(error) | Self::Destination(error) => Some(error),
            Self::Unprepared { error, .. } => Some(error),
            _ => None,
        }
    }

    /// Whether another credential may help.
    pub fn is_login(&self) -> bool {
        self.of_store().is_some_and(|error| error.is_login)
    }

    /// Whether a registry cannot be reached from this machine.
    pub fn is_unreachable(&self) -> bool {
        self.of_store().is_some_and(StoreError::is_unreachable)
    }

    /// The message without the side, for a command whose user names one image and sees its registry in the
    /// message. It fits after "failed to".
    pub fn without_side(&self) -> String {
        match self {
            Self::Source(error) | Self::Destination(error) => error.to_string(),
            Self::OutOfBounds(error) => format!("read the image: {error}"),
            other => format!("read the image: {other}"),
        }
    }

    /// Advice for the user.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Destination(error) if *error.fault == Fault::NoNamespace => Some(
                "create the project first; --repo-type harbor creates missing projects of a Harbor"
                    .to_owned(),
            ),
            Self::Unprepared { error, .. } if *error.fault == Fault::NoNamespace => {
                Some("create the project first, or use an account that may create it".to_owned())
            }
            Self::Source(error) => of_side("source", error),
            Self::Destination(error) => {
                of_side("destination", error).map(|hint| with_missing_project(hint, error))
            }
            Self::Unprepared { error, .. } if *error.fault == Fault::Refused => Some(
                "create the project first, or use an account that may create it and push there; longshore whoami \
                 says which one is used"
                    .to_owned(),
            ),
            Self::Unprepared { error, .. } => of_side("destination", error),
            Self::PushRefused(_) => {
                Some("create the project first, or use an account that may create it".to_owned())
            }
            Self::NoPlatform(_) => Some(
                "give other values with --arch and --os, or leave --no-arch-os-fail out".to_owned(),
            ),
            Self::ImmutableTag(_) => Some(
                "mirror it under another tag, or lift the registry's rule for this one".to_owned(),
            ),
            _ => None,
        }
    }
}

/// Adds to the advice after a refusal by a destination that its project may be missing.
pub(crate) fn with_missing_project(hint: String, error: &StoreError) -> String {
    let may_be = error.is_login && !error.lacks_login && *error.fault == Fault::Refused;
    if may_be && !hint.contains(MISSING_PROJECT) {
        format!("{hint}; {MISSING_PROJECT}")
    } else {
        hint
    }
}

/// Returns the advice for an error at one side. The two sides may need different credentials.
pub(crate) fn of_side(side: &str, error: &StoreError) -> Option<String> {
    let hint = error.hint.as_ref()?;
    Some(if error.is_login { format!("at the {side}, {hint}") } else { hint.clone() })
}

#[cfg(test)]
mod tests {
    use longshore_store::{Fault, Operation, StoreError};

    use super::JobError;

    #[test]
    fn advice_about_a_login_names_the_side() {
        let error = |is_login| {
            let error = StoreError::new(Operation::new("fetch", "a.io/x:1"), Fault::Refused, "401");
            StoreError { is_login, ..error.with_hint("log in") }
        };
        let hint = |error: JobError| error.hint().unwrap();
        assert_eq!(hint(JobError::Source(error(true))), "at the source, log in");
        let destination = hint(JobError::Destination(error(true)));
        assert!(destination.starts_with("at the destination, log in"), "{destination}");
        let (error, hook) = (Box::new(error(true)), "403".to_owned());
        let advice = hint(JobError::Unprepared { error, hook });
        assert!(advice.starts_with("create the project first"), "{advice}");
        let mut broken =
            StoreError { is_login: true, ..error_of(Fault::Other).with_hint("log in") };
        broken.transient = true;
        let (error, hook) = (Box::new(broken), "403".to_owned());
        assert_eq!(hint(JobError::Unprepared { error, hook }), "at the destination, log in");
    }

    #[test]
    fn advice_after_a_refusal_is_about_the_login_that_lacks_or_the_project_that_may() {
        let refused = |lacks_login| {
            let error = error_of(Fault::Refused).with_hint("log in");
            StoreError { is_login: true, lacks_login, ..error }
        };
        let advice = |error: JobError| error.hint().unwrap();
        assert_eq!(advice(JobError::Destination(refused(true))), "at the destination, log in");
        let may_lack = advice(JobError::Destination(refused(false)));
        let expected = "at the destination, log in; if its project is missing, --repo-type harbor";
        assert!(may_lack.starts_with(expected), "{may_lack}");
        assert_eq!(advice(JobError::Source(refused(false))), "at the source, log in");
    }

    fn error_of(fault: Fault) -> StoreError {
        StoreError::new(Operation::new("push manifest", "a.io/x:1"), fault, "401")
    }

    #[test]
    fn other_advice_is_the_same_at_both_sides() {
        let error = StoreError::new(Operation::new("fetch", "a.io/x:1"), Fault::NotFound, "404");
        let error = error.with_hint("check the name");
        assert_eq!(JobError::Source(error.clone()).hint().unwrap(), "check the name");
        assert_eq!(JobError::Destination(error).hint().unwrap(), "check the name");
    }
}
