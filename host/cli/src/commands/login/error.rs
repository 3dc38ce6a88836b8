//! Why a login cannot be tried.

use std::fmt;
use std::io;

/// A part of a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Username,
    Password,
}

impl fmt::Display for Part {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Username => "the user name",
            Self::Password => "the password",
        })
    }
}

/// Why a login cannot be tried. Each message completes "failed to …".
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoginError {
    /// There is no file for the credential.
    #[error("find the authentication file: there is no home directory")]
    NoHome,
    /// Nobody can be asked.
    #[error("ask for {0}: there is no terminal")]
    NoTerminal(Part),
    /// The terminal or standard input cannot be read.
    #[error("read {part}: {error}")]
    Read {
        /// What was read.
        part: Part,
        /// The cause.
        #[source]
        error: io::Error,
    },
    /// A part of the credential is not usable.
    #[error("use {part}: {why}")]
    Unusable {
        /// The part.
        part: Part,
        /// Whether standard input gave it, and not a prompt or a flag.
        from_stdin: bool,
        /// What is wrong with it.
        why: &'static str,
    },
}

impl LoginError {
    /// Returns advice for the user.
    pub(crate) const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoHome => Some("set REGISTRY_AUTH_FILE to the path of a file"),
            Self::NoTerminal(Part::Username) => Some("give it with --username"),
            Self::NoTerminal(Part::Password) => {
                Some("write it to standard input and give --password-stdin")
            }
            Self::Unusable { part: Part::Password, from_stdin: true, .. } => Some(
                "write the password alone to standard input; one line ending after it is left out",
            ),
            Self::Read { .. } | Self::Unusable { .. } => None,
        }
    }
}
