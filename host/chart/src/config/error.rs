//! Why a configuration cannot be used.

use std::fmt;
use std::path::PathBuf;

use longshore_files::ReadError;

/// A fault of the configuration, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The line, from 1; 0 stands for the whole file.
    pub line: u32,
    /// The column, from 1; 0 stands for the whole line.
    pub column: u32,
    /// A lower-case fragment.
    pub message: String,
}

/// The configuration cannot be read or has faults.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("read the configuration {}: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        error: ReadError,
    },
    /// The content has faults; all of them are named.
    #[error("read the configuration {}", Places(path, problems))]
    Wrong {
        /// The file.
        path: PathBuf,
        /// The faults in the order of the file, at least one.
        problems: Vec<Problem>,
    },
}

impl ConfigError {
    /// Advice for the user.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Unreadable { .. } => "name the file with --config".to_owned(),
            Self::Wrong { .. } => {
                "`longshore mirror-charts --schema` prints the schema of the file".to_owned()
            }
        })
    }
}

struct Places<'a>(&'a PathBuf, &'a [Problem]);

impl fmt::Display for Places<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.0.display();
        for (at, Problem { line, column, message }) in self.1.iter().enumerate() {
            let separator = if at == 0 { "" } else { "; " };
            match (line, column) {
                (0, _) => write!(f, "{separator}{path}: {message}")?,
                (_, 0) => write!(f, "{separator}{path}:{line}: {message}")?,
                _ => write!(f, "{separator}{path}:{line}:{column}: {message}")?,
            }
        }
        Ok(())
    }
}
