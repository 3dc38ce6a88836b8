//! Writes content in distribution's storage layout (its `storage/paths.go`), so that nothing has to
//! be pushed.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use longshore_content::Content;

/// The storage folder of one registry.
pub(crate) struct Layout {
    root: PathBuf,
}

impl Layout {
    /// Creates a layout in this folder, which need not exist.
    pub(crate) fn new(storage: &Path) -> Self {
        Self { root: storage.join("docker/registry/v2") }
    }

    /// Writes a manifest and everything below it under a tag.
    pub(crate) fn write(&self, repository: &str, tag: &str, content: &Content) -> Result<()> {
        self.revision(repository, content)?;
        let tag = self.repository(repository).join("_manifests/tags").join(tag);
        link(&tag.join("current"), content.digest())?;
        link(&tag.join("index").join(below(content.digest())), content.digest())
    }

    /// Reports whether the repository has the blob with this size.
    pub(crate) fn has_blob(&self, repository: &str, digest: &str, size: u64) -> bool {
        let linked = self.repository(repository).join("_layers").join(below(digest)).join("link");
        linked.exists() && fs::metadata(self.blob(digest)).is_ok_and(|data| data.len() == size)
    }

    fn revision(&self, repository: &str, content: &Content) -> Result<()> {
        self.store(content.digest(), content.bytes())?;
        let folder = self.repository(repository);
        for blob in content.blobs() {
            self.store(blob.digest(), blob.bytes())?;
            link(&folder.join("_layers").join(below(blob.digest())), blob.digest())?;
        }
        for child in content.children() {
            self.revision(repository, child)?;
        }
        link(&folder.join("_manifests/revisions").join(below(content.digest())), content.digest())
    }

    fn store(&self, digest: &str, bytes: &[u8]) -> Result<()> {
        let path = self.blob(digest);
        if path.exists() {
            return Ok(());
        }
        write(&path, bytes)
    }

    fn repository(&self, name: &str) -> PathBuf {
        self.root.join("repositories").join(name)
    }

    fn blob(&self, digest: &str) -> PathBuf {
        let hex = digest.trim_start_matches("sha256:");
        self.root.join("blobs/sha256").join(&hex[..2]).join(hex).join("data")
    }
}

/// Converts `sha256:HEX` to `sha256/HEX`.
fn below(digest: &str) -> String {
    digest.replace(':', "/")
}

fn link(folder: &Path, digest: &str) -> Result<()> {
    write(&folder.join("link"), digest.as_bytes())
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)
            .with_context(|| format!("failed to create {}", folder.display()))?;
    }
    fs::write(path, bytes).with_context(|| format!("failed to write {}", path.display()))
}
