//! Checks that a store has everything below a tag or digest.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::bytes::digest;
use crate::endpoint::Fetched;

/// Media types of manifests. An index may also list blobs, as BuildKit's caches do.
const MANIFESTS: [&str; 4] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];

/// Reads manifests and blobs from a store.
pub(crate) trait Reader {
    /// Explains why the store could not be read.
    type Error;

    /// Fetches a manifest by tag or digest. Returns `None` if it does not exist.
    fn manifest(&self, repository: &str, reference: &str) -> Result<Option<Fetched>, Self::Error>;

    /// Fetches a blob. Returns `None` if it does not exist.
    fn blob(&self, repository: &str, digest: &str) -> Result<Option<Vec<u8>>, Self::Error>;
}

/// Returns a line for each manifest or blob below a tag or digest that is missing or has the wrong
/// digest.
pub(crate) fn broken<R: Reader>(
    reader: &R,
    repository: &str,
    reference: &str,
) -> Result<Vec<String>, R::Error> {
    let mut walk = Walk { reader, repository, seen: BTreeSet::new(), findings: Vec::new() };
    walk.manifest(reference)?;
    Ok(walk.findings)
}

struct Walk<'a, R> {
    reader: &'a R,
    repository: &'a str,
    seen: BTreeSet<String>,
    findings: Vec<String>,
}

impl<R: Reader> Walk<'_, R> {
    fn manifest(&mut self, reference: &str) -> Result<(), R::Error> {
        let Some(fetched) = self.reader.manifest(self.repository, reference)? else {
            self.find(&format!("manifest {reference} is missing"));
            return Ok(());
        };
        if reference.contains(':') && fetched.digest != reference {
            self.find(&format!("manifest {reference} is {}", fetched.digest));
        }
        let Ok(document) = serde_json::from_slice::<Value>(&fetched.bytes) else {
            self.find(&format!("manifest {reference} is not JSON"));
            return Ok(());
        };
        let named = |value: &Value| value["digest"].as_str().map(str::to_owned);
        for child in document["manifests"].as_array().into_iter().flatten() {
            let is_manifest = match child["mediaType"].as_str() {
                Some(name) => MANIFESTS.contains(&name),
                None => self.is_manifest(child["digest"].as_str().unwrap_or_default()),
            };
            match named(child) {
                Some(digest) if !is_manifest => self.blob(digest)?,
                Some(digest) if self.seen.insert(digest.clone()) => self.manifest(&digest)?,
                _ => {}
            }
        }
        let layers = document["layers"].as_array().into_iter().flatten();
        let pushed = layers.filter(|layer| layer.get("urls").is_none());
        for digest in named(&document["config"]).into_iter().chain(pushed.filter_map(named)) {
            self.blob(digest)?;
        }
        Ok(())
    }

    /// Reports whether a digest without a media type is that of a manifest.
    fn is_manifest(&self, digest: &str) -> bool {
        let Ok(Some(blob)) = self.reader.blob(self.repository, digest) else { return true };
        let document = serde_json::from_slice::<Value>(&blob).unwrap_or_default();
        document.get("schemaVersion").is_some()
    }

    fn blob(&mut self, name: String) -> Result<(), R::Error> {
        if self.seen.contains(&name) {
            return Ok(());
        }
        match self.reader.blob(self.repository, &name)?.map(|bytes| digest(&bytes)) {
            None => self.find(&format!("blob {name} is missing")),
            Some(actual) if actual != name => self.find(&format!("blob {name} is {actual}")),
            Some(_) => {}
        }
        self.seen.insert(name);
        Ok(())
    }

    fn find(&mut self, what: &str) {
        self.findings.push(format!("{}: {what}", self.repository));
    }
}
