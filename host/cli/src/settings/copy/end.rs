//! The source and the destination of a copy, as their user writes them.

use std::fmt;
use std::path::{Component, Path};

use longshore_oci::{Digest, LayoutsName, Name, Reference, ReferenceError, Registry, Repository};
use longshore_oci::{StoreName, Tag, is_named_archive};

use crate::settings::SettingsError;

/// The folder in which longshore keeps its locks. The folder around it holds image layouts.
const OWN_FOLDER: &str = ".longshore";
/// The file that makes a folder an image layout (image-spec, image-layout.md).
const LAYOUT_FILE: &str = "oci-layout";
/// The prefix of a folder.
const FOLDER: &str = "oci:";

/// Transports of skopeo and podman that name neither a registry nor an image layout.
const OTHER_TRANSPORTS: [&str; 7] = [
    "containers-storage",
    "dir",
    "docker-archive",
    "docker-daemon",
    "oci-archive",
    "ostree",
    "tarball",
];

/// Which end of a copy a text names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Source,
    Destination,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Source => "source",
            Self::Destination => "destination",
        })
    }
}

/// One end of a copy.
#[derive(Debug)]
pub(super) struct End {
    side: Side,
    text: String,
    pub(super) store: StoreName,
    /// `None` if only a registry or a folder is named.
    pub(super) repository: Option<Repository>,
    pub(super) tag: Option<Tag>,
    pub(super) digest: Option<Digest>,
}

impl End {
    /// Parses the text of one end.
    ///
    /// # Errors
    /// Returns an error with what to write instead.
    pub(super) fn parse(side: Side, text: &str) -> Result<Self, SettingsError> {
        let refused = Refused { side, text };
        let bare = text.strip_prefix("docker://").unwrap_or(text);
        if bare.is_empty() {
            return Err(refused.because("it is empty", "write REGISTRY/REPOSITORY:TAG".to_owned()));
        }
        match text.strip_prefix(FOLDER).filter(|_| names_folder(text)) {
            Some(path) => Self::folder(&refused, path),
            None => Self::registry(&refused, bare),
        }
    }

    fn registry(refused: &Refused<'_>, text: &str) -> Result<Self, SettingsError> {
        refused.user_name()?;
        refused.foreign(text)?;
        let side = refused.side;
        let end = |store, repository, tag, digest| {
            Ok(Self { side, text: refused.text.to_owned(), store, repository, tag, digest })
        };
        let registry = text.strip_suffix('/').unwrap_or(text);
        if side == Side::Destination
            && !registry.contains('/')
            && Registry::looks_like_one(registry)
        {
            let parsed: Result<Registry, ReferenceError> = registry.parse();
            if let Ok(registry) = parsed {
                return end(registry.into(), None, None, None);
            }
        }
        let parsed = match side {
            Side::Source => Reference::of_image(text),
            // A push to Docker Hub needs its name, so that a forgotten registry leads nowhere.
            Side::Destination => text.parse(),
        };
        let Reference { store, repository, version } =
            parsed.map_err(|error| refused.by(&error))?;
        let (store, repository) = Name { store: Some(store), repository }
            .completed(None)
            .map_err(|error| refused.by(&error))?;
        // Without a tag, a reference is parsed as `latest`.
        let tag = version.tag().filter(|tag| {
            let before_digest = text.split('@').next().unwrap_or(text);
            before_digest.ends_with(&format!(":{tag}"))
        });
        end(store, Some(repository), tag.cloned(), version.digest().cloned())
    }

    /// Parses the text after `oci:`.
    fn folder(refused: &Refused<'_>, text: &str) -> Result<Self, SettingsError> {
        let (rest, digest) = match text.rsplit_once('@') {
            Some((rest, digest)) if digest.starts_with("sha") => {
                let digest: Digest =
                    digest.parse().map_err(|error| refused.by(&ReferenceError::Digest(error)))?;
                (rest, Some(digest))
            }
            _ => (text, None),
        };
        let behind_slash = rest.rfind('/').map_or(0, |at| at + 1);
        let (path, tag) = match rest[behind_slash..].rfind(':') {
            // A layout that need not exist, without a tag.
            Some(at) if behind_slash + at + 1 == rest.len() => (&rest[..behind_slash + at], None),
            Some(at) => {
                let tag = &rest[behind_slash + at + 1..];
                let tag: Tag = tag.parse().map_err(|error| refused.by(&error))?;
                (&rest[..behind_slash + at], Some(tag))
            }
            None => (rest, None),
        };
        if path.is_empty() {
            return Err(refused.because("it names no folder", "write oci:DIR:TAG".to_owned()));
        }
        if path.starts_with(['~', '$']) {
            let first = path.split('/').next().unwrap_or(path);
            let why = format!("{first} is not expanded behind oci:");
            let hint = "write oci: and the whole path, or quote it as \"oci:$HOME/DIR\"".to_owned();
            return Err(refused.because(&why, hint));
        }
        let name = LayoutsName::new(path);
        let path = name.path();
        if path.is_file() {
            return Err(refused.file(rest));
        }
        let is_layout = path.join(LAYOUT_FILE).is_file();
        let names_layout = is_layout || tag.is_some() || digest.is_some() || rest.ends_with(':');
        let is_folder = !names_layout && path.join(OWN_FOLDER).is_dir();
        let around = if is_folder { None } else { folder_around(path) };
        let (store, repository) = match (around, names_layout) {
            (Some((folder, repository)), _) => (folder, Some(repository)),
            (None, true) => {
                let (folder, repository) = parent_folder(refused, path)?;
                (folder, Some(repository))
            }
            (None, false) => (name, None),
        };
        let (side, text) = (refused.side, refused.text.to_owned());
        Ok(Self { side, text, store: StoreName::Layouts(store), repository, tag, digest })
    }

    /// Returns the error for an end that must not have a tag or a digest, if it has one.
    pub(super) fn check_is_repository(&self) -> Result<(), SettingsError> {
        if self.tag.is_none() && self.digest.is_none() {
            return Ok(());
        }
        let hint = "leave the tag out; --all-tags and --tags choose the tags".to_owned();
        Err(self.refused().because("it has a tag or a digest", hint))
    }

    /// Returns the error for an end that names no repository.
    pub(super) fn without_repository(&self) -> SettingsError {
        if let StoreName::Layouts(name) = &self.store
            && !name.path().exists()
        {
            let why = format!("there is no image layout at {}", name.path().display());
            return self.refused().because(&why, "check the path".to_owned());
        }
        let hint = format!("write {}/REPOSITORY:TAG", self.store);
        self.refused().because("it names no repository", hint)
    }

    /// Returns the tag, which is `latest` unless the text has one.
    pub(super) fn tag_or_latest(&self) -> Tag {
        self.tag.clone().unwrap_or_else(Tag::latest)
    }

    /// Returns the error for a destination that is the source.
    pub(super) fn is_source(&self) -> SettingsError {
        let hint = "name another registry, repository or tag".to_owned();
        self.refused().because("it is the source itself", hint)
    }

    /// Returns the error for a destination whose digest is not that of the source.
    pub(super) fn another_digest(&self) -> SettingsError {
        let hint = "leave the digest out: a copy has the digest of its source".to_owned();
        self.refused().because("it has a digest that the source does not have", hint)
    }

    /// Returns the error for a destination with a digest, if the source is named by its tag: which digest that has
    /// is not known yet.
    pub(super) fn digest_of_tag(&self) -> SettingsError {
        let hint = "leave the digest out: a copy has the digest of its source. To copy just that digest, write \
                    it in the source"
            .to_owned();
        self.refused().because("it has a digest, and the source does not name one", hint)
    }

    fn refused(&self) -> Refused<'_> {
        Refused { side: self.side, text: &self.text }
    }
}

/// Says whether a text is `oci:DIR`.
pub(super) fn names_folder(text: &str) -> bool {
    text.strip_prefix(FOLDER).is_some_and(|path| !path.starts_with("//") && !is_port(path))
}

/// Says whether the text after `oci:` starts with the port of a host named `oci`.
fn is_port(text: &str) -> bool {
    let port = text.split('/').next().unwrap_or(text);
    text.contains('/') && !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())
}

/// Splits the path of a layout below a folder that longshore writes. The innermost one counts, so a path keeps its
/// meaning if longshore later writes to a folder further up.
fn folder_around(path: &Path) -> Option<(LayoutsName, Repository)> {
    path.ancestors().skip(1).find_map(|root| {
        let root = if root.as_os_str().is_empty() { Path::new(".") } else { root };
        if !root.join(OWN_FOLDER).is_dir() {
            return None;
        }
        let below = if root == Path::new(".") { path } else { path.strip_prefix(root).ok()? };
        let below = below.strip_prefix(".").unwrap_or(below);
        Some((LayoutsName::new(root.to_str()?), below.to_str()?.parse().ok()?))
    })
}

/// Splits the path of a layout into the folder above it and its name.
fn parent_folder(
    refused: &Refused<'_>,
    path: &Path,
) -> Result<(LayoutsName, Repository), SettingsError> {
    let named = matches!(path.components().next_back(), Some(Component::Normal(_)));
    let name = path.file_name().filter(|_| named).and_then(|name| name.to_str());
    let hint = || "name a folder in it, such as oci:DIR/app:1".to_owned();
    let Some(name) = name else {
        return Err(refused.because("the image layout needs a folder with a name", hint()));
    };
    let repository: Repository = name.parse().map_err(|error: ReferenceError| {
        refused.because(&format!("the folder of the layout is its repository: {error}"), hint())
    })?;
    let above = path.parent().and_then(Path::to_str).filter(|above| !above.is_empty());
    Ok((LayoutsName::new(above.unwrap_or(".")), repository))
}

/// An end that cannot be read.
struct Refused<'a> {
    side: Side,
    text: &'a str,
}

impl Refused<'_> {
    fn because(&self, why: &str, hint: String) -> SettingsError {
        SettingsError::End {
            side: self.side.to_string(),
            text: self.shown(),
            why: why.to_owned(),
            hint,
        }
    }

    fn by(&self, error: &ReferenceError) -> SettingsError {
        let hint = match (error, self.side) {
            (ReferenceError::NoRegistry(_), _) => {
                format!("begin with the registry, such as docker.io/{}", self.shown())
            }
            (ReferenceError::ImageId(_), _) => {
                "name the image by its tag, or by the digest of its manifest, as in redis:7"
                    .to_owned()
            }
            (_, Side::Source) => {
                "write [REGISTRY/]REPOSITORY:TAG or @DIGEST, or oci:DIR:TAG for an image layout"
                    .to_owned()
            }
            (_, Side::Destination) => {
                "write REGISTRY/REPOSITORY[:TAG], or oci:DIR[:TAG] for an image layout".to_owned()
            }
        };
        self.because(&error.to_string(), hint)
    }

    /// Refuses a user name and a password before a registry.
    fn user_name(&self) -> Result<(), SettingsError> {
        if self.shown() == self.text {
            return Ok(());
        }
        let hint = "leave the user name out, and log in with longshore login".to_owned();
        Err(self.because("it has a user name", hint))
    }

    /// Returns the text without a user name and a password before a registry.
    fn shown(&self) -> String {
        let is_host = |text: &str| {
            let first = text.split('/').next().unwrap_or(text);
            Registry::looks_like_one(first) && !first.starts_with("sha")
        };
        match self.text.rsplit_once('@') {
            Some((before, rest)) if !before.starts_with(FOLDER) && is_host(rest) => {
                format!("***@{rest}")
            }
            _ => self.text.to_owned(),
        }
    }

    /// Returns the error for a file behind `oci:`; `path` may have a tag.
    fn file(&self, path: &str) -> SettingsError {
        let bare = path.rsplit_once(':').map_or(path, |(bare, _)| bare);
        match [path, bare].into_iter().find(|path| is_named_archive(Path::new(path))) {
            Some(path) => {
                let why = "it is an archive, and no folder of an image layout";
                self.because(why, self.way_out_of_archive(path))
            }
            None => {
                let hint = "name the folder that has the file oci-layout".to_owned();
                self.because("it is a file, and no folder of an image layout", hint)
            }
        }
    }

    fn way_out_of_archive(&self, path: &str) -> String {
        let is_tar = !path.ends_with(".zip") && !path.ends_with(".7z");
        match self.side {
            _ if !is_tar => "unpack it, and write oci:DIR:TAG for an image layout".to_owned(),
            Side::Source => format!(
                "run skopeo copy docker-archive:{path} oci:DIR:TAG, or oci-archive:{path} for an OCI archive, and \
                 copy oci:DIR:TAG"
            ),
            Side::Destination => {
                format!("run skopeo copy docker://REGISTRY/REPOSITORY:TAG docker-archive:{path}")
            }
        }
    }

    /// Refuses the path of a folder, and the transports of other tools.
    fn foreign(&self, text: &str) -> Result<(), SettingsError> {
        let is_path = text.starts_with(['/', '~', '.']);
        if is_path && is_named_archive(Path::new(text)) {
            return Err(self.because("it is the path of an archive", self.way_out_of_archive(text)));
        }
        if is_path {
            let why = "it is the path of a folder";
            return Err(self.because(why, format!("write oci:{text} for an image layout")));
        }
        let Some((scheme, rest)) = text.split_once(':') else { return Ok(()) };
        let bare = rest.trim_start_matches('/');
        match scheme {
            "http" | "https" if rest.starts_with("//") => {
                let insecure = if scheme == "http" { ", and give --tls-verify=false" } else { "" };
                Err(self.because("it is a URL", format!("write {bare}{insecure}")))
            }
            "oci" | "ocidir" | "oci-layout" if rest.starts_with("//") || scheme != "oci" => {
                let first = bare.split('/').next().unwrap_or(bare);
                let is_registry = bare.contains('/')
                    && !rest.starts_with("///")
                    && Registry::looks_like_one(first)
                    && !first.starts_with('.');
                let path = rest.strip_prefix("//").unwrap_or(rest);
                let hint = if is_registry {
                    format!("write {bare} for a registry, or oci:{path} for an image layout")
                } else {
                    format!("write oci:{path}")
                };
                Err(self.because("it has a scheme", hint))
            }
            _ if OTHER_TRANSPORTS.contains(&scheme) && !is_port(rest) => {
                let hint = match self.side {
                    Side::Source => {
                        format!("run skopeo copy {text} oci:DIR:TAG, and copy oci:DIR:TAG")
                    }
                    Side::Destination => {
                        format!("run skopeo copy docker://REGISTRY/REPOSITORY:TAG {text}")
                    }
                };
                let why = format!("longshore copies no images of {scheme}");
                Err(self.because(&why, hint))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
