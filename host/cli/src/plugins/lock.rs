//! The lock file: which plugins are installed, and the digest of each component.
//!
//! It grants nothing, so that another person's lock file gives no plugin any rights.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use longshore_files::{ReadError, read_regular, replace_text};
use longshore_oci::{Digest, nearest};
use longshore_plugin_host::{
    ComponentInfo, Endpoint, FLAG_WORDS, Kind, PluginHost, is_plugin_name,
};
use serde::{Deserialize, Serialize};

use super::{InstallError, PluginSource};

/// The largest lock file, in bytes.
const LIMIT: u64 = 4 * 1024 * 1024;
/// The version of the format.
const VERSION: u32 = 1;
/// The first lines of the file.
const HEAD: &str =
    "# longshore wrote this file. `longshore plugin add`, `update` and `remove` change it.\n";

/// An installed plugin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Locked {
    /// The name that users type.
    pub(crate) name: String,
    /// The kind.
    pub(crate) kind: Kind,
    /// Its own version.
    pub(crate) version: String,
    /// Where it is from.
    pub(crate) source: String,
    /// The digest of the manifest, unless it is from a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) manifest: Option<Digest>,
    /// The SHA-256 of the component.
    pub(crate) sha256: String,
    /// The size of the component in bytes.
    pub(crate) size: u64,
    /// The interfaces that the component exports.
    pub(crate) exports: Vec<String>,
    /// The interfaces that the component imports.
    pub(crate) imports: Vec<String>,
    /// The requests that it wants to send.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) wants: Vec<String>,
    /// Words of which each text in the list format has one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) probe_words: Vec<String>,
    /// Endings of file names for which the format is asked in any case.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) probe_names: Vec<String>,
    /// The endpoints that it sends requests to. Last, because TOML writes tables last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) endpoints: Vec<Endpoint>,
}

impl Locked {
    /// Describes a component that was fetched; `None` if it has no metadata.
    pub(crate) fn of(
        info: &ComponentInfo,
        source: String,
        manifest: Option<Digest>,
    ) -> Option<Self> {
        let metadata = info.metadata.clone()?;
        Some(Self {
            name: metadata.name,
            kind: metadata.kind,
            version: metadata.version,
            source,
            manifest,
            sha256: info.sha256.clone(),
            size: info.size as u64,
            exports: info.exports.clone(),
            imports: info.imports.clone(),
            wants: metadata.grants,
            probe_words: metadata.probe_words,
            probe_names: metadata.probe_names,
            endpoints: metadata.endpoints,
        })
    }
}

/// A lock file and its place. It is empty if the file does not exist.
#[derive(Clone, Debug)]
pub(crate) struct LockFile {
    path: PathBuf,
    /// Whether the file exists.
    pub(crate) exists: bool,
    /// The installed plugins, by name.
    pub(crate) plugins: Vec<Locked>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: u32,
    #[serde(default, rename = "plugin")]
    plugins: Vec<Locked>,
}

impl LockFile {
    /// Reads the lock file at `path`.
    ///
    /// # Errors
    /// Returns an error if the file exists, and does not look as longshore writes it.
    pub(crate) fn read(path: PathBuf) -> Result<Self, InstallError> {
        let bytes = match read_regular(&path, LIMIT) {
            Ok(bytes) => bytes,
            Err(ReadError::System(error)) if is_absent(&error) => {
                return Ok(Self { path, exists: false, plugins: Vec::new() });
            }
            Err(error) => return Err(InstallError::Lock { path, why: error.to_string() }),
        };
        match parse(&bytes, path.parent().unwrap_or(Path::new(""))) {
            Ok(plugins) => Ok(Self { path, exists: true, plugins }),
            Err(why) => Err(InstallError::Lock { path, why }),
        }
    }

    /// Returns the path of the file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the folder of the file as an absolute path, to which sources are relative.
    pub(crate) fn folder(&self) -> PathBuf {
        let folder = self.path.parent().unwrap_or(Path::new(""));
        std::path::absolute(if folder.as_os_str().is_empty() { Path::new(".") } else { folder })
            .unwrap_or_else(|_| folder.to_owned())
    }

    /// Returns the plugin `name`.
    pub(crate) fn find(&self, name: &str) -> Option<&Locked> {
        self.plugins.iter().find(|plugin| plugin.name == name)
    }

    /// Returns why there is no installed plugin `name`, with the name that was probably meant.
    pub(crate) fn missing(&self, name: &str) -> InstallError {
        if PluginHost::is_built_in(name) {
            return InstallError::BuiltIn(name.to_owned());
        }
        let known = self.plugins.iter().map(|plugin| plugin.name.as_str());
        let nearest = nearest(name, known).map(str::to_owned);
        InstallError::NotInstalled { name: name.to_owned(), lock: self.path.clone(), nearest }
    }

    /// Adds a plugin, or replaces the one of its name.
    ///
    /// # Errors
    /// Returns an error if flags give the name another meaning.
    pub(crate) fn set(&mut self, plugin: Locked) -> Result<(), InstallError> {
        if FLAG_WORDS.contains(&plugin.name.as_str()) {
            return Err(InstallError::Reserved(plugin.name));
        }
        self.plugins.retain(|other| other.name != plugin.name);
        self.plugins.push(plugin);
        self.plugins.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(())
    }

    /// Changes the file, and the settings file beside it, while no other longshore does: `change` gets the
    /// plugins that the file has now. If it fails, nothing is written.
    ///
    /// # Errors
    /// Returns an error if the file cannot be locked, read or written, or if `change` does.
    pub(crate) fn change<E: From<InstallError>>(
        &mut self,
        change: impl FnOnce(&mut Self) -> Result<(), E>,
    ) -> Result<(), E> {
        let _alone = self.alone()?;
        let mut current = Self::read(self.path.clone())?;
        change(&mut current)?;
        current.write()?;
        *self = current;
        Ok(())
    }

    /// Waits until no other longshore changes the files of the folder. The lock ends with the returned file.
    fn alone(&self) -> Result<File, InstallError> {
        let folder = self.folder();
        let locked = || {
            fs::create_dir_all(&folder)?;
            let folder = File::open(&folder)?;
            match folder.lock() {
                // Some network file systems have no locks.
                Err(error) if error.kind() == io::ErrorKind::Unsupported => {}
                locked => locked?,
            }
            Ok(folder)
        };
        locked().map_err(|error| InstallError::WriteLock { path: self.path.clone(), error })
    }

    /// Writes the file: all of it, or nothing.
    ///
    /// # Errors
    /// Returns an error if it cannot be written, or could not be read again. The older file is then unchanged.
    fn write(&self) -> Result<(), InstallError> {
        if let Some(plugin) =
            self.plugins.iter().find(|plugin| PluginHost::is_built_in(&plugin.name))
        {
            return Err(InstallError::BuiltIn(plugin.name.clone()));
        }
        let document = Document { version: VERSION, plugins: self.plugins.clone() };
        let written = toml::to_string_pretty(&document)
            .map_err(io::Error::other)
            .and_then(|text| replace_text(&self.path, &format!("{HEAD}{text}"), None));
        written.map_err(|error| InstallError::WriteLock { path: self.path.clone(), error })
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn parse(bytes: &[u8], folder: &Path) -> Result<Vec<Locked>, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".to_owned())?;
    let version = text.parse::<toml::Table>().ok();
    let version = version.as_ref().and_then(|table| table.get("version")?.as_integer());
    if let Some(other) = version.filter(|version| *version != i64::from(VERSION)) {
        return Err(format!(
            "it has the version {other}, and this longshore reads version {VERSION}"
        ));
    }
    let document: Document =
        toml::from_str(text).map_err(|error| error.to_string().trim().to_owned())?;
    for (position, plugin) in document.plugins.iter().enumerate() {
        let others = &document.plugins[..position];
        if let Some(why) = fault(plugin, others, folder) {
            return Err(format!("plugin {:?}: {why}", plugin.name));
        }
    }
    Ok(document.plugins)
}

/// Says what is wrong with a plugin.
fn fault(plugin: &Locked, others: &[Locked], folder: &Path) -> Option<String> {
    let name = plugin.name.as_str();
    if !is_plugin_name(name) || FLAG_WORDS.contains(&name) {
        return Some("it is not a valid name".to_owned());
    }
    if PluginHost::is_built_in(name) {
        return Some("it is the name of a built-in plugin".to_owned());
    }
    if others.iter().any(|other| other.name == name) {
        return Some("it occurs twice".to_owned());
    }
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if plugin.sha256.len() != 64 || !plugin.sha256.bytes().all(hex) {
        return Some("sha256 is not 64 hexadecimal digits".to_owned());
    }
    match PluginSource::parse(&plugin.source, folder) {
        Err(error) => Some(error.to_string()),
        Ok(PluginSource::File(_)) if plugin.manifest.is_some() => {
            Some("a file has no manifest".to_owned())
        }
        Ok(PluginSource::Manifest(_)) if plugin.manifest.is_none() => {
            Some("the digest of its manifest is missing".to_owned())
        }
        Ok(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use longshore_plugin_host::Kind;

    use super::{LockFile, Locked};

    /// Writes these plugins, in this order.
    fn written(path: &std::path::Path, names: &[&str]) -> LockFile {
        let mut lock = LockFile::read(path.to_owned()).unwrap();
        for name in names {
            lock.change(|lock| lock.set(locked(name))).unwrap();
        }
        lock
    }

    fn locked(name: &str) -> Locked {
        Locked {
            name: name.to_owned(),
            kind: Kind::RepoType,
            version: "1.0".to_owned(),
            source: "oci://r.io/x:1".to_owned(),
            manifest: Some(longshore_oci::Digest::of(b"m")),
            sha256: "0a".repeat(32),
            size: 7,
            exports: vec!["longshore:plugin/repo-type@0.1.0".to_owned()],
            imports: vec!["wasi:cli/exit@0.2.6".to_owned()],
            wants: vec!["GET api /api/**".to_owned()],
            probe_words: Vec::new(),
            probe_names: Vec::new(),
            endpoints: serde_json::from_str(
                r#"[{"name":"api","origin":"https://{registry}","auth":"registry"}]"#,
            )
            .unwrap(),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/longshore.lock");
        let lock = LockFile::read(path.clone()).unwrap();
        assert!(!lock.exists && lock.plugins.is_empty());
        let mut lock = written(&path, &["zarf", "alpha", "zarf"]);
        let read = LockFile::read(path.clone()).unwrap();
        assert!(read.exists);
        assert_eq!(read.plugins, [locked("alpha"), locked("zarf")]);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("# longshore wrote this file."), "{text}");
        assert!(!text.contains("grant"), "a lock file grants nothing:\n{text}");
        written(&path, &["zarf"]);
        assert_eq!(fs::read_to_string(&path).unwrap(), text, "the same plugins, another text");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "a file is left");
        assert!(lock.set(locked("helm")).is_err(), "--renderer helm is the program");
        for name in ["flatten", "harbor", "mirror"] {
            let refused = lock.change(|lock| lock.set(locked(name)));
            assert!(matches!(refused, Err(super::InstallError::BuiltIn(_))), "{name}: {refused:?}");
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), text, "a refused plugin was written");
    }

    #[test]
    fn changes_at_once_lose_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/longshore.lock");
        let names: Vec<String> = (0..16).map(|number| format!("plugin-{number:02}")).collect();
        // All have read the file before one of them changes it.
        let locks: Vec<LockFile> =
            names.iter().map(|_| LockFile::read(path.clone()).unwrap()).collect();
        std::thread::scope(|scope| {
            for (name, mut lock) in names.iter().zip(locks) {
                scope.spawn(move || lock.change(|lock| lock.set(locked(name))).unwrap());
            }
        });
        let read = LockFile::read(path.clone()).unwrap();
        let found: Vec<&str> = read.plugins.iter().map(|plugin| plugin.name.as_str()).collect();
        assert_eq!(found, names);
    }

    #[test]
    fn a_change_that_fails_writes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("longshore.lock");
        let mut lock = written(&path, &["zarf"]);
        let before = fs::read_to_string(&path).unwrap();
        let changed = lock.change(|lock| {
            lock.plugins.clear();
            lock.set(locked("helm"))
        });
        assert!(changed.is_err(), "--renderer helm is the program");
        assert_eq!(lock.plugins, [locked("zarf")]);
        assert_eq!(fs::read_to_string(&path).unwrap(), before);
    }

    #[test]
    fn a_file_that_longshore_did_not_write_so_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("longshore.lock");
        written(&path, &["zarf"]);
        let good = fs::read_to_string(&path).unwrap();
        let manifest = good.lines().find(|line| line.starts_with("manifest")).unwrap();
        let digits = "0a".repeat(32);
        for (text, why) in [
            (good.replace("version = 1\n", "version = 2\n"), "it has the version 2"),
            (good.replace("version = 1\n", ""), "missing field `version`"),
            (good.replace("size = 7", "size = -7"), "size"),
            (good.replace("size = 7", "size = 7\ngrants = []"), "unknown field `grants`"),
            (good.replace("\"zarf\"", "\"Zarf\""), "it is not a valid name"),
            (good.replace("\"zarf\"", "\"auto\""), "it is not a valid name"),
            (good.replace("\"zarf\"", "\"harbor\""), "the name of a built-in plugin"),
            (good.replace("repo-type\"", "repo\""), "unknown variant"),
            (good.replace(&digits, &digits[1..]), "sha256 is not 64 hexadecimal digits"),
            (good.replace(&digits, &digits.to_uppercase()), "sha256 is not 64 hexadecimal"),
            (good.replace("oci://r.io/x:1", "oci://"), "read the plugin \"oci://\""),
            (good.replace("oci://r.io/x:1", "file:x"), "a file has no manifest"),
            (good.replace(manifest, ""), "the digest of its manifest is missing"),
            (
                format!(
                    "{good}{}",
                    good.split_once("[[plugin]]")
                        .map(|(_, one)| format!("\n[[plugin]]{one}"))
                        .unwrap()
                ),
                "it occurs twice",
            ),
            ("version = 1\n[plugin".to_owned(), "line 2"),
            (good.replace("version = 1\n", "version = 1\nmore = 1\n"), "unknown field `more`"),
        ] {
            fs::write(&path, &text).unwrap();
            let error = LockFile::read(path.clone()).unwrap_err();
            let said = error.to_string();
            assert!(said.starts_with("read the lock file ") && said.contains(why), "{why}: {said}");
            assert!(error.hint().is_some());
        }
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(LockFile::read(path).is_err(), "a folder was read");
    }
}
