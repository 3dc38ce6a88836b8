//! Why the registry does not start.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::net::TlsError;
use crate::folder::OpenError;

/// Why the registry could not be started; each text names its cause in full.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The password file cannot be read.
    #[error("read the htpasswd file {}: {cause}", path.display())]
    Htpasswd {
        /// The file.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// A line of the password file is not a user with a bcrypt hash.
    #[error("read the htpasswd file {} at line {line}: {why} (`htpasswd -B` writes such lines)", path.display())]
    HtpasswdLine {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The password file names nobody, so nobody could log in.
    #[error("find a user in the htpasswd file {} (`htpasswd -B` writes one)", path.display())]
    HtpasswdEmpty {
        /// The file.
        path: PathBuf,
    },
    /// The folder cannot be used.
    #[error("use the folder {}: {cause}", path.display())]
    Root {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// The folder is an image layout itself, where the layouts of repositories should lie.
    #[error("serve {}: it is an image layout itself; serve the folder above it", path.display())]
    RootIsLayout {
        /// The folder.
        path: PathBuf,
    },
    /// A registry that is only read needs a folder with content.
    #[error("serve a temporary folder: with --read-only it stays empty; name a folder")]
    NothingToRead,
    /// The certificate or its key cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// No temporary folder can be made.
    #[error("make a temporary folder: {cause}")]
    Temporary {
        /// What the system says.
        cause: io::Error,
    },
    /// The address cannot be listened on.
    #[error("listen on {address}: {cause}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        cause: io::Error,
    },
}

impl ServeError {
    /// The folder `root` cannot be opened.
    pub(super) fn of_root(root: &Path, error: OpenError) -> Self {
        let path = root.to_owned();
        match error {
            OpenError::IsLayout => Self::RootIsLayout { path },
            OpenError::Missing => Self::Root {
                path,
                cause: io::Error::new(io::ErrorKind::NotFound, "it does not exist"),
            },
            OpenError::Unusable(cause) => Self::Root { path, cause },
        }
    }
}
