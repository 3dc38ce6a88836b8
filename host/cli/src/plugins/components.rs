//! The components of installed plugins, in the user's data directory, by their digests.

use std::path::{Path, PathBuf};

use longshore_files::CacheFolder;
use longshore_plugin_host::InstalledPlugin;

use super::{InstallError, Locked};

/// The name of the folder.
const FOLDER: &str = "plugins";

/// The folder of components. All lock files of a user share it, so that nothing is removed here.
#[derive(Clone, Debug)]
pub(crate) struct Components {
    root: PathBuf,
}

impl Components {
    /// Names the folder below `root`, the user's data directory. Creates nothing.
    pub(crate) const fn below(root: PathBuf) -> Self {
        Self { root }
    }

    /// Returns the file of a component, whether it exists or not.
    pub(crate) fn path(&self, sha256: &str) -> PathBuf {
        self.root.join(FOLDER).join(file_name(sha256))
    }

    /// Keeps a component.
    ///
    /// # Errors
    /// Returns an error if the folder cannot be written, or if others can change it.
    pub(crate) fn put(&self, sha256: &str, component: &[u8]) -> Result<(), InstallError> {
        let kept = CacheFolder::open(&self.root, FOLDER)
            .and_then(|folder| folder.replace(&file_name(sha256), &[component]));
        kept.map_err(|error| self.failed(error))
    }

    /// Describes a plugin of a lock file for the plugin host.
    pub(crate) fn installed(&self, plugin: &Locked) -> InstalledPlugin {
        InstalledPlugin {
            name: plugin.name.clone(),
            kind: plugin.kind,
            source: plugin.source.clone(),
            sha256: plugin.sha256.clone(),
            component: self.path(&plugin.sha256),
            probe_words: plugin.probe_words.clone(),
            probe_names: plugin.probe_names.clone(),
        }
    }

    fn failed(&self, error: std::io::Error) -> InstallError {
        InstallError::Components { path: self.root.join(Path::new(FOLDER)), error }
    }
}

fn file_name(sha256: &str) -> String {
    format!("{sha256}.wasm")
}
