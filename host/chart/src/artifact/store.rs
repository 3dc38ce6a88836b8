//! The charts of a run as a store, from which the engine copies like from a registry.
//!
//! Archives lie in a temporary folder, because a run may have thousands.

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, stream};
use longshore_oci::{
    Descriptor, Digest, Hasher, Manifest, ManifestReference, Reference, Registry, Repository,
    StoreName, Tag, Version,
};
use longshore_store::{BlobPresence, BlobStream, Fault, Intent, Operation, Source, StoreError};
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};

use super::manifest::ChartArtifact;

/// Blobs up to this size, in bytes, stay in memory.
const SMALL: usize = 16 * 1024;
/// Archives are read in pieces of this size, in bytes.
const PIECE: usize = 64 * 1024;

/// A store with the charts of repositories and folders.
pub struct ChartStore {
    name: StoreName,
    folder: tempfile::TempDir,
    content: Mutex<Charts>,
}

#[derive(Default)]
struct Charts {
    tags: HashMap<(Repository, Tag), Digest>,
    manifests: HashMap<Digest, Manifest>,
    blobs: HashMap<Digest, Blob>,
}

#[derive(Clone)]
enum Blob {
    Memory(Bytes),
    File(PathBuf),
}

impl ChartStore {
    /// Makes an empty store with this name, which no other store may have.
    ///
    /// # Errors
    /// If there is no temporary folder.
    pub fn new(name: Registry) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("longshore-charts-").tempdir()?;
        Ok(Self { name: name.into(), folder, content: Mutex::default() })
    }

    /// Adds a chart.
    ///
    /// # Errors
    /// If the temporary folder cannot be written.
    pub fn add(
        &self,
        repository: Repository,
        tag: Tag,
        artifact: ChartArtifact,
    ) -> io::Result<Reference> {
        let raw = artifact.manifest;
        let digest = raw.digest.clone();
        let manifest = Manifest::parse(raw.bytes, Some(&raw.media_type), digest.clone());
        let manifest = manifest.map_err(io::Error::other)?;
        let mut blobs = Vec::new();
        for (descriptor, bytes) in artifact.blobs {
            let blob = if bytes.len() <= SMALL {
                Blob::Memory(bytes)
            } else {
                let name = descriptor.digest.to_string().replace(':', "-");
                let path = self.folder.path().join(name);
                std::fs::write(&path, &bytes)?;
                Blob::File(path)
            };
            blobs.push((descriptor.digest, blob));
        }
        let mut content = self.content.lock().unwrap_or_else(PoisonError::into_inner);
        content.blobs.extend(blobs);
        content.tags.insert((repository.clone(), tag.clone()), digest.clone());
        content.manifests.insert(digest, manifest);
        drop(content);
        Ok(Reference { store: self.name.clone(), repository, version: Version::Tag(tag) })
    }

    fn find(&self, repository: &Repository, reference: &ManifestReference) -> Option<Manifest> {
        let content = self.content.lock().unwrap_or_else(PoisonError::into_inner);
        let digest = match reference {
            ManifestReference::Tag(tag) => content.tags.get(&(repository.clone(), tag.clone()))?,
            ManifestReference::Digest(digest) => digest,
        };
        content.manifests.get(digest).cloned()
    }

    fn blob(&self, operation: &Operation, blob: &Descriptor) -> Result<Blob, StoreError> {
        let content = self.content.lock().unwrap_or_else(PoisonError::into_inner);
        content.blobs.get(&blob.digest).cloned().ok_or_else(|| not_found(operation))
    }

    async fn open(&self, blob: &Descriptor, offset: u64) -> Result<BlobStream, StoreError> {
        let operation = Operation::new("read blob", &blob.digest);
        let path = match self.blob(&operation, blob)? {
            Blob::Memory(bytes) => {
                let offset = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
                let rest = bytes.slice(offset..);
                let piece = (!rest.is_empty()).then_some(Ok(rest));
                return Ok(BlobStream::new(operation, stream::iter(piece)));
            }
            Blob::File(path) => path,
        };
        let failed = failing(operation.clone());
        let mut file = tokio::fs::File::open(path).await.map_err(&failed)?;
        file.seek(io::SeekFrom::Start(offset)).await.map_err(&failed)?;
        let pieces = stream::try_unfold(file, move |mut file| {
            let failed = failed.clone();
            async move {
                let mut piece = vec![0; PIECE];
                let read = file.read(&mut piece).await.map_err(&failed)?;
                piece.truncate(read);
                Ok((read > 0).then(|| (Bytes::from(piece), file)))
            }
        });
        Ok(BlobStream::new(operation, pieces))
    }

    async fn whole(&self, blob: &Descriptor) -> Result<Bytes, StoreError> {
        let operation = Operation::new("read blob", &blob.digest);
        match self.blob(&operation, blob)? {
            Blob::Memory(bytes) => Ok(bytes),
            Blob::File(path) => {
                tokio::fs::read(path).await.map(Bytes::from).map_err(failing(operation))
            }
        }
    }
}

impl fmt::Debug for ChartStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChartStore({})", self.name)
    }
}

fn not_found(operation: &Operation) -> StoreError {
    StoreError::new(operation.clone(), Fault::NotFound, "this run has no such chart")
}

fn failing(operation: Operation) -> impl Fn(io::Error) -> StoreError + Clone {
    move |error| StoreError::new(operation.clone(), Fault::Other, error.to_string())
}

impl Source for ChartStore {
    fn name(&self) -> &StoreName {
        &self.name
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn resolve<'a>(
        &'a self,
        repository: &'a Repository,
        reference: &'a ManifestReference,
        _intent: Intent,
    ) -> BoxFuture<'a, Result<Option<Digest>, StoreError>> {
        let found = self.find(repository, reference).map(|manifest| manifest.raw.digest);
        std::future::ready(Ok(found)).boxed()
    }

    fn manifest<'a>(
        &'a self,
        repository: &'a Repository,
        reference: &'a ManifestReference,
    ) -> BoxFuture<'a, Result<Manifest, StoreError>> {
        let named = || format!("{repository}{}", reference.suffix());
        let missing = || not_found(&Operation::new("read manifest", named()));
        std::future::ready(self.find(repository, reference).ok_or_else(missing)).boxed()
    }

    fn read_blob<'a>(
        &'a self,
        _repository: &'a Repository,
        blob: &'a Descriptor,
        offset: u64,
        _wrong: bool,
    ) -> BoxFuture<'a, Result<BlobStream, StoreError>> {
        self.open(blob, offset).boxed()
    }

    fn small_blob<'a>(
        &'a self,
        _repository: &'a Repository,
        blob: &'a Descriptor,
        limit: u64,
    ) -> BoxFuture<'a, Result<Bytes, StoreError>> {
        async move {
            let bytes = self.whole(blob).await?;
            if bytes.len() as u64 <= limit {
                return Ok(bytes);
            }
            let fault = Fault::Size { expected: limit, found: bytes.len() as u64 };
            Err(Operation::new("read blob", &blob.digest).wrong_content(fault))
        }
        .boxed()
    }

    fn blob_presence<'a>(
        &'a self,
        _repository: &'a Repository,
        blob: &'a Descriptor,
    ) -> BoxFuture<'a, Result<BlobPresence, StoreError>> {
        let found = self.blob(&Operation::new("find blob", &blob.digest), blob).is_ok();
        let presence = if found { BlobPresence::Present } else { BlobPresence::Absent };
        std::future::ready(Ok(presence)).boxed()
    }

    fn blob_content<'a>(
        &'a self,
        _repository: &'a Repository,
        blob: &'a Descriptor,
    ) -> BoxFuture<'a, Result<BlobPresence, StoreError>> {
        async move {
            let bytes = match self.whole(blob).await {
                Ok(bytes) => bytes,
                Err(error) if error.is_not_found() => return Ok(BlobPresence::Absent),
                Err(error) => return Err(error),
            };
            let mut hasher = Hasher::new(blob.digest.algorithm());
            hasher.update(&bytes);
            let found = hasher.finish();
            let same = found == blob.digest;
            Ok(if same { BlobPresence::Present } else { BlobPresence::OtherContent(found) })
        }
        .boxed()
    }

    fn tags<'a>(
        &'a self,
        repository: &'a Repository,
    ) -> BoxFuture<'a, Result<Vec<String>, StoreError>> {
        let content = self.content.lock().unwrap_or_else(PoisonError::into_inner);
        let own = content.tags.keys().filter(|(found, _)| found == repository);
        let mut tags: Vec<String> = own.map(|(_, tag)| tag.to_string()).collect();
        tags.sort();
        std::future::ready(Ok(tags)).boxed()
    }

    fn repositories(&self) -> BoxFuture<'_, Result<Vec<String>, StoreError>> {
        let content = self.content.lock().unwrap_or_else(PoisonError::into_inner);
        let mut names: Vec<String> =
            content.tags.keys().map(|(repository, _)| repository.to_string()).collect();
        names.sort();
        names.dedup();
        std::future::ready(Ok(names)).boxed()
    }

    fn referrers<'a>(
        &'a self,
        _repository: &'a Repository,
        _subject: &'a Digest,
        _intent: Intent,
    ) -> BoxFuture<'a, Result<Option<Vec<Descriptor>>, StoreError>> {
        std::future::ready(Ok(Some(Vec::new()))).boxed()
    }

    fn tagged_referrers<'a>(
        &'a self,
        _repository: &'a Repository,
        _subject: &'a Digest,
        _intent: Intent,
    ) -> BoxFuture<'a, Result<Vec<Descriptor>, StoreError>> {
        std::future::ready(Ok(Vec::new())).boxed()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use longshore_oci::{Content, ManifestReference};
    use longshore_store::{Prefix, Progress, Source, VerifiedBlob};

    use super::{ChartStore, SMALL};
    use crate::archive::Metadata;
    use crate::artifact::ChartArtifact;

    #[tokio::test]
    async fn a_chart_is_read_back_from_memory_and_from_files() {
        let store = ChartStore::new("charts.invalid".parse().unwrap()).unwrap();
        let text = b"apiVersion: v2\nname: a\nversion: 1.0.0\n";
        let metadata = Metadata::parse(text).unwrap();
        let archive = Bytes::from(vec![7; 3 * SMALL]);
        let artifact = ChartArtifact::new(&metadata, archive.clone(), None, None);
        let (repository, tag) = ("u1/a".parse().unwrap(), "1.0.0".parse().unwrap());
        let reference = store.add(repository, tag, artifact).unwrap();
        assert_eq!(reference.to_string(), "charts.invalid/u1/a:1.0.0");
        let store: Arc<dyn Source> = Arc::new(store);
        let wanted = ManifestReference::to_fetch(&reference.version);
        let manifest = store.manifest(&reference.repository, &wanted).await.unwrap();
        let Content::Single(single) = manifest.content else { panic!("one manifest") };
        for offset in [0, 100_u64] {
            let stream = store.read_blob(&reference.repository, &single.layers[0], offset, false);
            let layer = single.layers[0].clone();
            let mut blob = VerifiedBlob::new(
                stream.await.unwrap(),
                layer.clone(),
                Prefix::empty(&layer),
                Progress::ignored(),
            );
            let mut length = 0;
            while let Ok(Some(piece)) = blob.next(u64::MAX).await {
                length += piece.len();
            }
            assert_eq!(length == archive.len(), offset == 0, "{offset}");
        }
        let config = single.config.unwrap();
        let config = store.small_blob(&reference.repository, &config, 1000).await.unwrap();
        assert!(config.starts_with(br#"{"name":"a""#));
        let other = "u2/a".parse().unwrap();
        assert!(store.manifest(&other, &wanted).await.unwrap_err().is_not_found());
    }
}
