//! Plugins that the user installed, as a lock file describes them.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use longshore_files::read_regular;
use longshore_plugin_pack::Kind;

use super::config::check_schema;
use super::info::{ComponentInfo, digest};
use super::source::{Source, check_metadata, may_read};
use crate::error::{LoadProblem, PluginError};
use crate::escape::shown;
use crate::limits::Limits;
use crate::network::permissions::{Decisions, Permissions};
use crate::sandbox::exports::check_names;

/// Words that flags give another meaning. No installed plugin has such a name.
pub const FLAG_WORDS: [&str; 3] = ["auto", "builtin", "helm"];

/// A plugin that the user installed.
#[derive(Clone, Debug)]
pub struct InstalledPlugin {
    /// The name that users type.
    pub name: String,
    /// The kind.
    pub kind: Kind,
    /// The reference or the path that it was installed from.
    pub source: String,
    /// The SHA-256 of the component in lower-case hexadecimal digits.
    pub sha256: String,
    /// The file with the component.
    pub component: PathBuf,
    /// Words of which each text in the list format has at least one; empty if there are none.
    pub probe_words: Vec<String>,
    /// Endings of file names for which the host calls the probe without a probe word.
    pub probe_names: Vec<String>,
}

impl InstalledPlugin {
    /// Returns whether the plugin is a list format that may read a text.
    pub(crate) fn may_read(&self, file_name: &str, head: &str) -> bool {
        self.kind == Kind::ListFormat
            && may_read(&self.probe_words, &self.probe_names, file_name, head)
    }

    /// Returns what the component says about itself, if it is the locked one. Compiles nothing.
    ///
    /// # Errors
    ///
    /// Fails if the component is not on this machine, or is not what the lock file says.
    pub fn info(&self) -> Result<ComponentInfo, PluginError> {
        let read = self
            .read(Limits::default().component)
            .and_then(|source| source.info().cloned().ok_or(LoadProblem::NoMetadata));
        read.map_err(|problem| PluginError::Load { plugin: shown(&self.name), problem })
    }

    /// Reads the component, and checks that it is the locked one.
    pub(crate) fn read(&self, most: usize) -> Result<Source, LoadProblem> {
        let bytes = read_regular(&self.component, most as u64)
            .map_err(|error| LoadProblem::Absent(Arc::new(error)))?;
        // A component that was cut off is first of all not the locked one.
        let found = digest(&bytes);
        if found != self.sha256 {
            let damage = ComponentInfo::read(&bytes).err().map(|error| error.to_string());
            return Err(LoadProblem::Changed { locked: shown(&self.sha256), found, damage });
        }
        let source = Source::with_digest(bytes, self.name.clone(), found)?;
        let metadata = source.metadata().map_err(|error| LoadProblem::Metadata(Arc::new(error)))?;
        let metadata = metadata.ok_or(LoadProblem::NoMetadata)?;
        let differs = |what, locked: &str, found: &str| LoadProblem::Mislabelled {
            what,
            locked: shown(locked),
            found: shown(found),
        };
        if metadata.name != self.name {
            return Err(differs("name", &self.name, &metadata.name));
        }
        if metadata.kind != self.kind {
            return Err(differs("kind", self.kind.as_str(), metadata.kind.as_str()));
        }
        Ok(source)
    }
}

/// Reads a component that is to be installed, and checks all that can be checked without compiling it.
///
/// # Errors
///
/// Fails if the component has no metadata, or if a run would refuse to load it.
pub fn inspect(component: Vec<u8>) -> Result<ComponentInfo, LoadProblem> {
    let source = Source::of_bytes(component, String::new())?;
    let info = source.info().ok_or(LoadProblem::NoMetadata)?.clone();
    let metadata = info.metadata.as_ref().ok_or(LoadProblem::NoMetadata)?;
    check_metadata(&source, Some(metadata))?;
    check_names(&info, metadata.kind)?;
    check_schema(metadata.config_schema.as_ref()).map_err(LoadProblem::Schema)?;
    let config = serde_json::Map::new();
    let origins = HashMap::new();
    // Whether the user trusts the origins is another question.
    let decisions =
        Decisions { grants: &metadata.grants, config: &config, origins: &origins, built_in: true };
    Permissions::read(Some(metadata), &decisions, None)?;
    Ok(info)
}
