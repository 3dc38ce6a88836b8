//! Where a plugin comes from: a file, a registry, or a folder of image layouts.

use std::fmt;
use std::path::{Path, PathBuf};

use longshore_oci::{Digest, LayoutsName, Reference, StoreName, Tag, Version, has_account};

use super::InstallError;

/// A registry.
const REGISTRY: &str = "oci://";
/// A folder of image layouts.
const FOLDER: &str = "oci:";
/// A file, in the lock file.
const FILE: &str = "file:";
/// The tag without a tag.
const LATEST: &str = "latest";

/// The place of a component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PluginSource {
    /// A file, by its absolute path.
    File(PathBuf),
    /// A manifest. A folder has an absolute path.
    Manifest(Reference),
}

impl PluginSource {
    /// Reads what users and lock files write. Relative paths are relative to `base`.
    ///
    /// # Errors
    /// Returns an error that says what is wrong.
    pub(crate) fn parse(text: &str, base: &Path) -> Result<Self, InstallError> {
        let refused = |why: String| InstallError::Source { text: text.to_owned(), why };
        if let Some(rest) = text.strip_prefix(REGISTRY) {
            let reference = rest
                .parse()
                .map_err(|error: longshore_oci::ReferenceError| refused(error.to_string()))?;
            return Ok(Self::Manifest(reference));
        }
        if let Some(rest) = text.strip_prefix(FOLDER) {
            return in_folder(rest, base).map(Self::Manifest).map_err(refused);
        }
        let path = text.strip_prefix(FILE).unwrap_or(text);
        if path.is_empty() {
            return Err(refused("it names nothing".to_owned()));
        }
        let file = joined(base, Path::new(path));
        if has_account(text) && !file.exists() {
            let why = "a registry has oci:// before it, and no user name or password; longshore login stores those";
            return Err(refused(why.to_owned()));
        }
        Ok(Self::File(file))
    }

    /// Returns the text for a lock file in `folder`. What lies below the folder is named relative to it, so
    /// that both can move.
    pub(crate) fn written(&self, folder: &Path) -> String {
        let below = |path: &Path| path.strip_prefix(folder).unwrap_or(path).display().to_string();
        match self {
            Self::File(path) => format!("{FILE}{}", below(path)),
            Self::Manifest(reference) => match &reference.store {
                StoreName::Registry(_) => format!("{REGISTRY}{reference}"),
                StoreName::Layouts(layouts) => {
                    let name = match below(layouts.path()) {
                        name if name.is_empty() => ".".to_owned(),
                        name => name,
                    };
                    let store = StoreName::Layouts(LayoutsName::new(&name));
                    Reference { store, ..reference.clone() }.to_string()
                }
            },
        }
    }
}

impl fmt::Display for PluginSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Manifest(reference) if reference.store.registry().is_some() => {
                write!(f, "{REGISTRY}{reference}")
            }
            Self::Manifest(reference) => reference.fmt(f),
        }
    }
}

/// The path below `base`, without `.` in it: `./a` and `a` are one place.
fn joined(base: &Path, path: &Path) -> PathBuf {
    base.join(path).components().collect()
}

/// Reads `DIR/REPOSITORY[:TAG][@DIGEST]`. The repository is one component, which is one layout.
fn in_folder(text: &str, base: &Path) -> Result<Reference, String> {
    let (rest, digest) = match text.rsplit_once('@') {
        Some((rest, digest)) => match digest.parse::<Digest>() {
            Ok(digest) => (rest, Some(digest)),
            Err(_) => (text, None),
        },
        None => (text, None),
    };
    let (folder, last) = rest.rsplit_once('/').unwrap_or((".", rest));
    let (name, tag) = match last.rsplit_once(':') {
        Some((name, tag)) => (name, Some(tag)),
        None => (last, None),
    };
    let tag = match (tag, &digest) {
        (None, Some(_)) => None,
        (tag, _) => {
            let tag: Result<Tag, _> = tag.unwrap_or(LATEST).parse();
            Some(tag.map_err(|error| error.to_string())?)
        }
    };
    let version = match (tag, digest) {
        (Some(tag), Some(digest)) => Version::Pinned(tag, digest),
        (None, Some(digest)) => Version::Digest(digest),
        (Some(tag), None) => Version::Tag(tag),
        (None, None) => return Err("it has no tag".to_owned()),
    };
    let repository =
        name.parse().map_err(|error: longshore_oci::ReferenceError| error.to_string())?;
    let folder = if folder.is_empty() { Path::new("/") } else { Path::new(folder) };
    let folder = joined(base, folder);
    let path = folder.to_str().ok_or("the path is not UTF-8 text")?;
    Ok(Reference { store: StoreName::Layouts(LayoutsName::new(path)), repository, version })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::PluginSource;

    fn parse(text: &str) -> Result<PluginSource, String> {
        PluginSource::parse(text, Path::new("/work")).map_err(|error| error.to_string())
    }

    #[test]
    fn a_name_with_a_password_is_not_taken_for_a_file() {
        for text in
            ["u:pw@a.io/p:1", "https://u:pw@a.io/p:1", "token@a.io:5000/p", "u:pw@[::1]:5000/p"]
        {
            assert!(parse(text).unwrap_err().contains("longshore login"), "{text}");
        }
        for text in ["./p.wasm", "p@1.wasm", "dir/u:x@a.io/p"] {
            assert!(matches!(parse(text), Ok(PluginSource::File(_))), "{text}");
        }
    }

    #[test]
    fn a_source_survives_the_lock_file() {
        let digest = format!("sha256:{}", "0".repeat(64));
        for (text, shown, written) in [
            ("./a.wasm", "/work/a.wasm", "file:a.wasm"),
            ("sub/a.wasm", "/work/sub/a.wasm", "file:sub/a.wasm"),
            ("/else/a.wasm", "/else/a.wasm", "file:/else/a.wasm"),
            ("oci://r.io/p/x", "oci://r.io/p/x:latest", "oci://r.io/p/x:latest"),
            ("oci://r.io:5000/x:1", "oci://r.io:5000/x:1", "oci://r.io:5000/x:1"),
            ("oci:usb/p/x:1", "oci:/work/usb/p/x:1", "oci:usb/p/x:1"),
            ("oci:x", "oci:/work/x:latest", "oci:./x:latest"),
            ("oci:./usb/./x:1", "oci:/work/usb/x:1", "oci:usb/x:1"),
            ("oci:/mnt/usb/x:1", "oci:/mnt/usb/x:1", "oci:/mnt/usb/x:1"),
            (
                &format!("oci:usb/x@{digest}"),
                &format!("oci:/work/usb/x@{digest}"),
                &format!("oci:usb/x@{digest}"),
            ),
        ] {
            let source = parse(text).unwrap();
            assert_eq!(source.to_string(), shown, "{text}");
            let lock = source.written(Path::new("/work"));
            assert_eq!(lock, written, "{text}");
            let again = parse(&lock).unwrap();
            assert_eq!(again.written(Path::new("/work")), lock, "{text}");
        }
    }

    #[test]
    fn what_names_nothing_is_refused() {
        for text in [
            "",
            "file:",
            "oci://",
            "oci://x",
            "oci://r.io/x:",
            "oci://r.io/X",
            "oci:",
            "oci:a/",
            "oci:a/X",
            "oci:a/x:",
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.starts_with(&format!("read the plugin {text:?}: ")), "{text}: {error}");
        }
    }
}
