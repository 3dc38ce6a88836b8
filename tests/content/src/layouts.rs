//! A folder of OCI image layouts, written and read without longshore.
//!
//! Each repository is one layout (image-spec, image-layout.md) in the folder of its name.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::bytes::digest;
use crate::content::Content;
use crate::endpoint::Fetched;
use crate::walk::{self, Reader};

/// The annotation that makes a descriptor of `index.json` a tag (image-spec, annotations.md).
const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// The index of a repository that has none yet.
const EMPTY: &str = r#"{"schemaVersion":2,"manifests":[]}"#;

/// A folder with one image layout per repository.
#[derive(Clone, Debug)]
pub struct Layouts {
    root: PathBuf,
}

impl Layouts {
    /// Names the folder, which need not exist.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Returns the folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the file of a blob or manifest.
    ///
    /// # Panics
    /// Panics if the digest has no algorithm.
    #[must_use]
    pub fn file(&self, repository: &str, digest: &str) -> PathBuf {
        let (algorithm, hex) = digest.split_once(':').expect("a digest has an algorithm");
        self.root.join(repository).join("blobs").join(algorithm).join(hex)
    }

    /// Writes the content, and then names it in the index: with a tag, or by digest without one.
    ///
    /// # Errors
    /// Fails if a file cannot be written, or if the existing index is not JSON.
    pub fn push(&self, repository: &str, reference: &str, content: &Content) -> io::Result<()> {
        self.write(repository, content)?;
        let folder = self.root.join(repository);
        fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#)?;
        let mut index = self.index(repository)?.map_or_else(|| serde_json::from_str(EMPTY), Ok)?;
        let mut descriptor = Value::Object(content.descriptor());
        if !reference.contains(':') {
            descriptor["annotations"] = json!({ REF_NAME: reference });
        }
        let descriptors = index["manifests"].as_array_mut().ok_or(io::ErrorKind::InvalidData)?;
        descriptors.retain(|earlier| match tag(&descriptor) {
            Some(tagged) => tag(earlier) != Some(tagged),
            None => *earlier != descriptor,
        });
        descriptors.push(descriptor);
        fs::write(folder.join("index.json"), index.to_string())
    }

    fn write(&self, repository: &str, content: &Content) -> io::Result<()> {
        let write = |digest: &str, bytes: &[u8]| {
            let path = self.file(repository, digest);
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            fs::write(path, bytes)
        };
        for blob in content.blobs() {
            write(blob.digest(), blob.bytes())?;
        }
        for child in content.children() {
            self.write(repository, child)?;
        }
        write(content.digest(), content.bytes())
    }

    /// Reads `index.json`. Returns `None` if the repository does not exist.
    ///
    /// # Errors
    /// Fails if the file cannot be read, or is not JSON.
    pub fn index(&self, repository: &str) -> io::Result<Option<Value>> {
        let text = read(&self.root.join(repository).join("index.json"))?;
        Ok(text.map(|text| serde_json::from_slice(&text)).transpose()?)
    }

    /// Reads a manifest by tag or digest. Returns `None` if it does not exist.
    ///
    /// # Errors
    /// Fails if a file cannot be read, if the index is not JSON, or if it has a tag twice.
    pub fn manifest(&self, repository: &str, reference: &str) -> io::Result<Option<Fetched>> {
        let Some(index) = self.index(repository)? else { return Ok(None) };
        let descriptors = index["manifests"].as_array().into_iter().flatten();
        let named: Vec<&Value> = match reference.contains(':') {
            true => descriptors.filter(|one| one["digest"] == reference).collect(),
            false => descriptors.filter(|one| tag(one) == Some(reference)).collect(),
        };
        if !reference.contains(':') && named.len() > 1 {
            return Err(io::Error::other(format!("{repository} has {reference} twice")));
        }
        let descriptor = named.first();
        let named = descriptor.map(|one| one["digest"].as_str().unwrap_or_default());
        let Some(name) = named.or_else(|| reference.contains(':').then_some(reference)) else {
            return Ok(None);
        };
        let Some(bytes) = read(&self.file(repository, name))? else { return Ok(None) };
        let own = serde_json::from_slice::<Value>(&bytes).unwrap_or_default();
        let described = descriptor.and_then(|one| one["mediaType"].as_str());
        let media_type = described.or_else(|| own["mediaType"].as_str()).unwrap_or_default();
        Ok(Some(Fetched {
            media_type: media_type.to_owned(),
            digest: digest(&bytes),
            announced: Some(name.to_owned()),
            bytes,
        }))
    }

    /// Reads a blob. Returns `None` if it does not exist.
    ///
    /// # Errors
    /// Fails if the file cannot be read.
    pub fn blob(&self, repository: &str, digest: &str) -> io::Result<Option<Vec<u8>>> {
        read(&self.file(repository, digest))
    }

    /// Lists the tags of a repository, sorted; empty if the repository does not exist.
    ///
    /// # Errors
    /// Fails if the index cannot be read, or is not JSON.
    pub fn tags(&self, repository: &str) -> io::Result<Vec<String>> {
        let index = self.index(repository)?.unwrap_or_default();
        let descriptors = index["manifests"].as_array().into_iter().flatten();
        let tags: BTreeSet<String> = descriptors.filter_map(tag).map(str::to_owned).collect();
        Ok(tags.into_iter().collect())
    }

    /// Lists the digests of the manifests in `index.json` with this subject, sorted.
    ///
    /// # Errors
    /// Fails if a file cannot be read, or if the index is not JSON.
    pub fn referrers(&self, repository: &str, subject: &str) -> io::Result<Vec<String>> {
        let index = self.index(repository)?.unwrap_or_default();
        let mut referrers = BTreeSet::new();
        for descriptor in index["manifests"].as_array().into_iter().flatten() {
            let name = descriptor["digest"].as_str().unwrap_or_default();
            let bytes = self.blob(repository, name)?.unwrap_or_default();
            let manifest = serde_json::from_slice::<Value>(&bytes).unwrap_or_default();
            if manifest["subject"]["digest"] == subject {
                referrers.insert(name.to_owned());
            }
        }
        Ok(referrers.into_iter().collect())
    }

    /// Checks everything below a tag or digest. Returns a line for each manifest or blob that is
    /// missing or has the wrong digest. Returns nothing if the content is complete.
    ///
    /// # Errors
    /// Fails if a file cannot be read, or if the index is not JSON.
    pub fn broken(&self, repository: &str, reference: &str) -> io::Result<Vec<String>> {
        walk::broken(self, repository, reference)
    }

    /// Lists the repositories, sorted: all folders with an `index.json`.
    ///
    /// # Errors
    /// Fails if a folder cannot be read.
    pub fn repositories(&self) -> io::Result<Vec<String>> {
        let mut found = Vec::new();
        let mut folders = vec![self.root.clone()];
        while let Some(folder) = folders.pop() {
            if folder != self.root && folder.join("index.json").is_file() {
                let name = folder.strip_prefix(&self.root).map_err(io::Error::other)?;
                found.push(name.to_string_lossy().into_owned());
            }
            for entry in fs::read_dir(&folder)? {
                let entry = entry?;
                if entry.file_type()?.is_dir() && entry.file_name() != "blobs" {
                    folders.push(entry.path());
                }
            }
        }
        found.sort();
        Ok(found)
    }
}

impl Reader for Layouts {
    type Error = io::Error;

    fn manifest(&self, repository: &str, reference: &str) -> io::Result<Option<Fetched>> {
        self.manifest(repository, reference)
    }

    fn blob(&self, repository: &str, digest: &str) -> io::Result<Option<Vec<u8>>> {
        self.blob(repository, digest)
    }
}

/// Returns the tag of a descriptor.
fn tag(descriptor: &Value) -> Option<&str> {
    descriptor["annotations"][REF_NAME].as_str()
}

/// Reads a file. Returns `None` if it does not exist.
fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
