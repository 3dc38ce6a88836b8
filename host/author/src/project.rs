//! A plugin on its author's machine: the component, its metadata and its fixtures.

use std::fs;
use std::path::{Path, PathBuf};

use longshore_files::read_regular;
use longshore_plugin_host::{Kind, Limits, Metadata};
use longshore_plugin_pack as pack;

use crate::component::component_of;
use crate::error::AuthorError;

/// The file with the metadata, beside the sources.
const METADATA: &str = "plugin.json";
/// The largest `plugin.json` and fixture, in bytes.
pub(crate) const MAX_TEXT: u64 = 16 * 1024 * 1024;

/// A plugin with its fixtures.
#[derive(Debug)]
pub struct Project {
    /// The component that was found.
    pub component: PathBuf,
    /// What the plugin says of itself.
    pub metadata: Metadata,
    /// The component with its metadata, in a folder that is removed with this value.
    packed: tempfile::TempDir,
    /// The folder of the fixtures.
    folder: PathBuf,
    /// The fixtures in the order of their names.
    fixtures: Vec<PathBuf>,
}

impl Project {
    /// Opens the plugin in a folder, a component or a core module. Metadata comes from the component, else from the
    /// `plugin.json` of the folder. Fixtures are in `fixtures/`, or where `fixtures` says.
    ///
    /// # Errors
    /// Fails if there is no component, or if it or the metadata is invalid.
    pub fn open(path: &Path, fixtures: Option<&Path>) -> Result<Self, AuthorError> {
        let folder = if path.is_dir() { path } else { path.parent().unwrap_or(Path::new("")) };
        let component = if path.is_dir() { find(path)? } else { path.to_owned() };
        let bytes = read(&component, Limits::default().component as u64)?;
        let bytes = component_of(&bytes)
            .map_err(|error| AuthorError::Core { path: component.clone(), error })?
            .into_owned();
        let in_component = |error| AuthorError::Pack { path: component.clone(), error };
        let (bytes, metadata) = match pack::read(&bytes).map_err(in_component)? {
            Some(metadata) => (bytes, metadata),
            None => {
                let beside = folder.join(METADATA);
                if !beside.is_file() {
                    return Err(AuthorError::NoMetadata { path: component });
                }
                let metadata = metadata_of(&beside)?;
                let packed = pack::append(&bytes, &metadata)
                    .map_err(|error| AuthorError::Pack { path: beside, error })?;
                (packed, metadata)
            }
        };
        let packed = temporary()?;
        write(&packed.path().join(file_of(&metadata)), &bytes)?;
        let folder = fixtures.map_or_else(|| folder.join("fixtures"), Path::to_owned);
        let fixtures = list(&folder)?;
        Ok(Self { component, metadata, packed, folder, fixtures })
    }

    /// Returns the path to load the packed component by.
    pub(crate) fn packed(&self) -> String {
        self.packed.path().join(file_of(&self.metadata)).to_string_lossy().into_owned()
    }

    /// Returns the fixtures in the order of their names.
    ///
    /// # Errors
    /// Fails if there are none.
    pub(crate) fn fixtures(&self) -> Result<&[PathBuf], AuthorError> {
        if self.fixtures.is_empty() {
            return Err(AuthorError::NoFixtures { path: self.folder.clone() });
        }
        Ok(&self.fixtures)
    }

    pub(crate) fn kind(&self) -> Kind {
        self.metadata.kind
    }
}

/// The name of the packed file, which messages name. A plugin's name is a valid file name.
fn file_of(metadata: &Metadata) -> String {
    format!("{}.wasm", metadata.name)
}

fn temporary() -> Result<tempfile::TempDir, AuthorError> {
    tempfile::tempdir().map_err(|error| AuthorError::Write { path: std::env::temp_dir(), error })
}

/// Finds the component of a folder: the newest of those that the templates build.
fn find(folder: &Path) -> Result<PathBuf, AuthorError> {
    let built = ["target/wasm32-wasip2/release", "target/wasm32-wasip2/debug", "."];
    // Without the `.` of the last place, which messages would show.
    let places =
        built.map(|place| folder.join(place).join("plugin.wasm").components().collect::<PathBuf>());
    let age = |path: &PathBuf| Some((fs::metadata(path).ok()?.modified().ok()?, path.clone()));
    let newest = places.iter().filter(|path| path.is_file()).filter_map(age).max();
    newest.map(|(_, path)| path).ok_or_else(|| AuthorError::NotBuilt {
        path: folder.to_owned(),
        looked: built.map(|place| format!("{place}/plugin.wasm")).join(", "),
    })
}

/// Reads `plugin.json`.
fn metadata_of(path: &Path) -> Result<Metadata, AuthorError> {
    let json = read(path, MAX_TEXT)?;
    serde_json::from_slice(&json)
        .map_err(|error| AuthorError::Metadata { path: path.to_owned(), error })
}

/// Lists the fixtures of a folder: what is named `NAME.json`. A missing folder has none. One that cannot be read
/// fails later, because a test that is left out looks like one that passes.
fn list(folder: &Path) -> Result<Vec<PathBuf>, AuthorError> {
    let failed = |error| AuthorError::Folder { path: folder.to_owned(), error };
    let mut found = Vec::new();
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(found),
        entries => entries.map_err(failed)?,
    };
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

pub(crate) fn read(path: &Path, most: u64) -> Result<Vec<u8>, AuthorError> {
    read_regular(path, most).map_err(|error| AuthorError::Read { path: path.to_owned(), error })
}

pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), AuthorError> {
    fs::write(path, bytes).map_err(|error| AuthorError::Write { path: path.to_owned(), error })
}
