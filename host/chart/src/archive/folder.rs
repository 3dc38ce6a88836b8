//! Reads the folder of a chart, so that it can be packed.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use longshore_files::{ReadError, read_regular};
use longshore_oci::{VersionRange, version_of_tag};

use super::chart::metadata_of;
use super::ignore::Rules;
use super::metadata::parse_dependencies;
use super::pack::pack;
use super::unpack::{Budget, unpack};
use super::{ArchiveError, Dependency, Files, Metadata};

/// The largest `.helmignore`, or `Chart.yaml` that is read alone, in bytes; Helm bounds each file so.
const FILE_LIMIT: u64 = 5 * 1024 * 1024;

/// Reads the metadata of the chart in the folder at `path`, and nothing else.
///
/// # Errors
/// If there is no such file, it cannot be read, or it is wrong.
pub fn metadata_in(path: &Path) -> Result<Metadata, ArchiveError> {
    let file = path.join("Chart.yaml");
    match read_regular(&file, FILE_LIMIT) {
        Ok(text) => Metadata::parse(&text),
        Err(error) if is_missing(&error) => Err(ArchiveError::NoChartYaml),
        Err(error) => Err(not_read(&file)(error)),
    }
}

/// A chart in a folder, with the dependencies that it still lacks.
#[derive(Debug)]
pub struct ChartFolder {
    /// The content of `Chart.yaml`.
    pub metadata: Metadata,
    files: Files,
    /// Charts of `file://` dependencies.
    local: Vec<Self>,
    /// Dependencies that a repository has.
    missing: Vec<Locked>,
}

/// A dependency that must be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Locked {
    /// The dependency as `Chart.yaml` has it.
    pub dependency: Dependency,
    /// The version in `Chart.lock`; the range in `Chart.yaml` if there is no lock.
    pub version: String,
}

impl Locked {
    /// Reports whether two dependencies are one chart. Their aliases may differ.
    fn is_same(&self, other: &Self) -> bool {
        self.dependency.name == other.dependency.name
            && self.dependency.repository == other.dependency.repository
            && self.version == other.version
    }
}

impl ChartFolder {
    /// Reads the folder at `path`, and the folders that its `file://` dependencies name.
    ///
    /// # Errors
    /// If a file cannot be read, a link leads out of the folder, the content is not a chart, or
    /// dependencies go in a circle.
    pub fn read(path: &Path) -> Result<Self, ArchiveError> {
        Self::read_below(path, &mut Vec::new(), &mut Budget::new())
    }

    fn read_below(
        path: &Path,
        parents: &mut Vec<PathBuf>,
        budget: &mut Budget,
    ) -> Result<Self, ArchiveError> {
        let root = path.canonicalize().map_err(unreadable(path))?;
        if parents.contains(&root) {
            let way = parents.iter().chain([&root]).map(|path| path.display().to_string());
            return Err(ArchiveError::Circle(way.collect::<Vec<_>>().join(" → ")));
        }
        let files = Walk::new(&root, budget)?.files()?;
        let metadata = metadata_of(&files)?;
        let mut folder = Self { metadata, files, local: Vec::new(), missing: Vec::new() };
        parents.push(root.clone());
        let read = folder.read_dependencies(&root, parents, budget);
        parents.pop();
        read.map(|()| folder)
    }

    fn read_dependencies(
        &mut self,
        root: &Path,
        parents: &mut Vec<PathBuf>,
        budget: &mut Budget,
    ) -> Result<(), ArchiveError> {
        let mut dependencies = self.metadata.dependencies.clone();
        let mut lock = "Chart.lock";
        // Helm takes those of newer charts too, with a warning.
        if let Some(text) = self.file("requirements.yaml") {
            dependencies = parse_dependencies("requirements.yaml", text)?;
            if self.file("requirements.lock").is_some() {
                lock = "requirements.lock";
            }
        }
        let locked = self.file(lock).map(|text| parse_dependencies(lock, text)).transpose()?;
        let present = self.present(budget)?;
        for (at, dependency) in dependencies.iter().enumerate() {
            let range = range_of(dependency)?;
            let fits = |version: &str| fits(range.as_ref(), version);
            if present.iter().any(|(name, version)| *name == dependency.name && fits(version)) {
                continue;
            }
            let name = &dependency.name;
            if let Some(path) = dependency.repository.strip_prefix("file://") {
                let chart = Self::read_below(&root.join(path), parents, budget)?;
                let found = &chart.metadata;
                if found.name != *name || !fits(&found.version) {
                    let (repository, version) = (&dependency.repository, &dependency.version);
                    return Err(ArchiveError::Field(format!(
                        "{repository} holds {} {}, and the dependency is {name} {version}",
                        found.name, found.version
                    )));
                }
                self.local.push(chart);
                continue;
            }
            if dependency.repository.is_empty() {
                return Err(ArchiveError::Field(format!(
                    "dependency {name} is not in charts/, and names no repository"
                )));
            }
            let version = match &locked {
                None => dependency.version.clone(),
                Some(locked) => locked_version(locked, at, &dependencies, &fits)?,
            };
            let missing = Locked { dependency: dependency.clone(), version };
            let is_same = |known: &Locked| known.is_same(&missing);
            if !self.missing.iter().any(is_same) {
                self.missing.push(missing);
            }
        }
        Ok(())
    }

    fn file(&self, path: &str) -> Option<&[u8]> {
        let found = self.files.iter().find(|(found, _)| found == path);
        found.map(|(_, content)| content.as_slice())
    }

    /// The name and version of each chart in `charts/`.
    fn present(&self, budget: &mut Budget) -> Result<Vec<(String, String)>, ArchiveError> {
        let mut found = Vec::new();
        for (path, content) in &self.files {
            let Some(inside) = path.strip_prefix("charts/") else { continue };
            if inside.starts_with(['_', '.']) {
                continue;
            }
            let metadata = match inside.split_once('/') {
                Some((_, "Chart.yaml")) => Metadata::parse(content),
                None if inside.ends_with(".tgz") => {
                    unpack(content, budget).and_then(|files| metadata_of(&files))
                }
                _ => continue,
            };
            let metadata = metadata.map_err(|error| ArchiveError::Subchart {
                archive: path.clone(),
                error: Box::new(error),
            })?;
            found.push((metadata.name, metadata.version));
        }
        Ok(found)
    }

    /// The dependencies to fetch, each with the place for [`add`](Self::add).
    pub fn missing(&self) -> Vec<(Vec<usize>, Locked)> {
        let own = self.missing.iter().map(|locked| (Vec::new(), locked.clone()));
        let below = self.local.iter().enumerate().flat_map(|(at, local)| {
            local.missing().into_iter().map(move |(mut place, locked)| {
                place.insert(0, at);
                (place, locked)
            })
        });
        own.chain(below).collect()
    }

    /// Adds the archive of a dependency.
    pub fn add(&mut self, place: &[usize], name: &str, version: &str, archive: Vec<u8>) {
        match place.split_first().and_then(|(at, rest)| Some((self.local.get_mut(*at)?, rest))) {
            Some((local, rest)) => local.add(rest, name, version, archive),
            None => put(&mut self.files, name, version, archive),
        }
    }

    /// Packs the chart with its dependencies. The same folder gives the same bytes.
    pub fn pack(self) -> Vec<u8> {
        let mut files = self.files;
        for local in self.local {
            let Metadata { name, version, .. } = local.metadata.clone();
            put(&mut files, &name, &version, local.pack());
        }
        pack(&self.metadata.name, &files)
    }
}

/// Adds the archive of a subchart. Dependencies with different aliases may be one chart, whose archive is there once.
fn put(files: &mut Files, name: &str, version: &str, archive: Vec<u8>) {
    let path = format!("charts/{name}-{version}.tgz");
    files.retain(|(known, _)| *known != path);
    files.push((path, archive));
}

/// The version in the lock for the dependency at this position.
fn locked_version(
    locked: &[Dependency],
    at: usize,
    dependencies: &[Dependency],
    fits: &dyn Fn(&str) -> bool,
) -> Result<String, ArchiveError> {
    let wanted = &dependencies[at];
    let refused = |why: String| Err(ArchiveError::Lock(why));
    if locked.len() != dependencies.len() {
        let (has, needs) = (locked.len(), dependencies.len());
        return refused(format!("it has {has} dependencies of {needs}"));
    }
    let found = &locked[at];
    if found.name != wanted.name {
        return refused(format!("{} is missing", wanted.name));
    }
    if !fits(&found.version) {
        let (name, version) = (&found.name, &found.version);
        return refused(format!("{name} {version} is not in the range {:?}", wanted.version));
    }
    Ok(found.version.clone())
}

fn range_of(dependency: &Dependency) -> Result<Option<VersionRange>, ArchiveError> {
    let text = dependency.version.trim();
    if text.is_empty() {
        return Ok(None);
    }
    VersionRange::parse(text).map(Some).map_err(|error| {
        ArchiveError::Field(format!("version of the dependency {}: {error}", dependency.name))
    })
}

fn fits(range: Option<&VersionRange>, version: &str) -> bool {
    let Some(range) = range else { return true };
    version_of_tag(version).is_some_and(|version| range.holds(&version))
}

fn unreadable(path: &Path) -> impl FnOnce(std::io::Error) -> ArchiveError {
    let path = path.to_owned();
    |error| ArchiveError::Unreadable { path, error }
}

fn not_read(path: &Path) -> impl FnOnce(ReadError) -> ArchiveError {
    let path = path.to_owned();
    |error| match error {
        ReadError::System(error) => ArchiveError::Unreadable { path, error },
        error => ArchiveError::Unreadable { path, error: std::io::Error::other(error) },
    }
}

fn is_missing(error: &ReadError) -> bool {
    matches!(error, ReadError::System(error) if error.kind() == std::io::ErrorKind::NotFound)
}

/// A walk over the files of a chart's folder.
struct Walk<'a> {
    root: &'a Path,
    rules: Rules,
    budget: &'a mut Budget,
    /// The real paths of the folders above, so that links cannot make it endless.
    above: HashSet<PathBuf>,
    files: Files,
}

impl<'a> Walk<'a> {
    fn new(root: &'a Path, budget: &'a mut Budget) -> Result<Self, ArchiveError> {
        let path = root.join(".helmignore");
        let text = match read_regular(&path, FILE_LIMIT) {
            Ok(text) => String::from_utf8_lossy(&text).into_owned(),
            Err(error) if is_missing(&error) => String::new(),
            Err(error) => return Err(not_read(&path)(error)),
        };
        let rules = Rules::parse(&text)?;
        Ok(Self { root, rules, budget, above: HashSet::new(), files: Files::new() })
    }

    fn files(mut self) -> Result<Files, ArchiveError> {
        self.folder(self.root, "")?;
        Ok(self.files)
    }

    fn folder(&mut self, folder: &Path, inside: &str) -> Result<(), ArchiveError> {
        let mut names = Vec::new();
        for entry in fs::read_dir(folder).map_err(unreadable(folder))? {
            names.push(entry.map_err(unreadable(folder))?.file_name());
        }
        names.sort();
        let real = folder.canonicalize().map_err(unreadable(folder))?;
        if !self.above.insert(real.clone()) {
            let leads = "back to a folder above it";
            return Err(ArchiveError::Link { path: folder.to_owned(), leads });
        }
        for name in names {
            let path = folder.join(&name);
            let Some(name) = name.to_str() else {
                let error = std::io::Error::other("the name is not UTF-8");
                return Err(ArchiveError::Unreadable { path, error });
            };
            self.entry(&path, &format!("{inside}{name}"))?;
        }
        self.above.remove(&real);
        Ok(())
    }

    fn entry(&mut self, path: &Path, inside: &str) -> Result<(), ArchiveError> {
        let link = path.symlink_metadata().map_err(unreadable(path))?.is_symlink();
        // A broken link that the rules leave out does no harm.
        let Ok(found) = path.metadata() else {
            if self.rules.ignore(inside, false) {
                return Ok(());
            }
            return Err(ArchiveError::Link { path: path.to_owned(), leads: "nowhere" });
        };
        if self.rules.ignore(inside, found.is_dir()) {
            return Ok(());
        }
        if link && !path.canonicalize().map_err(unreadable(path))?.starts_with(self.root) {
            let leads = "out of the chart's folder";
            return Err(ArchiveError::Link { path: path.to_owned(), leads });
        }
        if found.is_dir() {
            return self.folder(path, &format!("{inside}/"));
        }
        if !found.is_file() {
            let entry = inside.to_owned();
            return Err(ArchiveError::Kind { entry, kind: "special file" });
        }
        self.budget.take(found.len())?;
        // It may have grown, or become something else, since.
        let mut content = read_regular(path, found.len()).map_err(not_read(path))?;
        if content.starts_with(&[0xef, 0xbb, 0xbf]) {
            content.drain(..3);
        }
        self.files.push((inside.to_owned(), content));
        Ok(())
    }
}

#[cfg(test)]
mod tests;
