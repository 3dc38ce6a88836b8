//! Names of stores: a registry, or a folder of OCI image layouts.

use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{ReferenceError, Registry};

/// The prefix of a folder of layouts.
const LAYOUT: &str = "oci:";

/// Endings of archives. Other tools store images in them; longshore reads folders.
const ARCHIVES: [&str; 10] = ["zip", "tar", "gz", "tgz", "zst", "tzst", "xz", "txz", "bz2", "7z"];

/// Whether the name of a file ends as that of an archive.
pub fn is_named_archive(file: &Path) -> bool {
    let ending = file.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    ARCHIVES.iter().any(|archive| ending.eq_ignore_ascii_case(archive))
}

/// The name of a store: the part of a reference before the repository.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum StoreName {
    /// A registry: `host[:port]`.
    Registry(Registry),
    /// A folder with one OCI image layout per repository: `oci:DIR`.
    Layouts(LayoutsName),
}

/// The name of a folder of layouts.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LayoutsName(Arc<str>);

impl LayoutsName {
    /// Makes the name of the folder at `path`, without slashes at its end and repeated ones.
    pub fn new(path: &str) -> Self {
        let mut name = String::with_capacity(LAYOUT.len() + path.len());
        name.push_str(LAYOUT);
        for character in path.chars() {
            if character != '/' || !name.ends_with('/') {
                name.push(character);
            }
        }
        // `/` alone is the root.
        if name.len() > LAYOUT.len() + 1 && name.ends_with('/') {
            name.pop();
        }
        Self(name.into())
    }

    /// Parses `oci:DIR`; `None` for anything else, or without a folder.
    pub fn parse(text: &str) -> Option<Self> {
        let path = text.strip_prefix(LAYOUT).filter(|path| !path.is_empty())?;
        Some(Self::new(path))
    }

    /// The folder's path.
    pub fn path(&self) -> &Path {
        Path::new(&self.0[LAYOUT.len()..])
    }
}

impl StoreName {
    /// The name in references.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Registry(registry) => registry.as_str(),
            Self::Layouts(LayoutsName(text)) => text,
        }
    }

    /// The registry, if it is one.
    pub const fn registry(&self) -> Option<&Registry> {
        match self {
            Self::Registry(registry) => Some(registry),
            Self::Layouts(_) => None,
        }
    }

    /// Whether this is Docker Hub.
    pub fn is_docker_hub(&self) -> bool {
        self.registry().is_some_and(Registry::is_docker_hub)
    }
}

impl AsRef<str> for StoreName {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for StoreName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<Registry> for StoreName {
    fn from(registry: Registry) -> Self {
        Self::Registry(registry)
    }
}

impl From<StoreName> for String {
    fn from(name: StoreName) -> Self {
        name.as_str().to_owned()
    }
}

impl FromStr for StoreName {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        match LayoutsName::parse(text) {
            Some(layouts) => Ok(Self::Layouts(layouts)),
            None => text.parse().map(Self::Registry),
        }
    }
}

impl TryFrom<String> for StoreName {
    type Error = ReferenceError;

    fn try_from(text: String) -> Result<Self, ReferenceError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{LayoutsName, StoreName, is_named_archive};

    #[test]
    fn a_folder_and_a_registry_are_told_apart() {
        for (text, folder) in [
            ("oci:/mnt/usb", Some("/mnt/usb")),
            ("oci:relative/folder", Some("relative/folder")),
            ("oci:.", Some(".")),
            ("registry.example.com:5000", None),
            ("localhost", None),
        ] {
            let name: StoreName = text.parse().unwrap();
            let found = match &name {
                StoreName::Layouts(layouts) => Some(layouts.path()),
                StoreName::Registry(_) => None,
            };
            assert_eq!(found, folder.map(Path::new), "{text}");
            assert_eq!(name.to_string(), text);
        }
        for (text, name) in [
            ("oci:dir/", "oci:dir"),
            ("oci:dir//", "oci:dir"),
            ("oci:/mnt//usb/", "oci:/mnt/usb"),
            ("oci:./", "oci:."),
            ("oci:/", "oci:/"),
            ("oci:///", "oci:/"),
        ] {
            assert_eq!(text.parse::<StoreName>().unwrap().as_str(), name, "{text}");
        }
        assert_eq!(LayoutsName::parse("oci:"), None, "it names no folder");
        assert!("oci:".parse::<StoreName>().is_err());
    }

    #[test]
    fn archives_are_told_by_their_ending() {
        for archive in ["a.tar", "a.tar.gz", "a.TGZ", "a.b.tzst", "/x/a.7z", "a.tar.zst", "a.zip"] {
            assert!(is_named_archive(Path::new(archive)), "{archive}");
        }
        for other in ["a", "tar", ".tar", "a.tar/", "a.tarx", "registry.example.com", "a.tar/b"] {
            assert_eq!(is_named_archive(Path::new(other)), other == "a.tar/", "{other}");
        }
    }
}
