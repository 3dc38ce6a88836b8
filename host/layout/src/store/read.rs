//! Reads from a folder, and checks the content as that of a registry is checked.

use std::collections::{BTreeMap, HashSet};
use std::pin::pin;

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _};
use longshore_oci::{
    Content, Descriptor, Digest, Hasher, Manifest, ManifestReference, MediaType, Repository,
    referrers_tag,
};
use longshore_store::{BlobPresence, BlobStream, Fault, LOST_CONTENT, Operation, StoreError};

use super::LayoutStore;
use super::error::{failed, no_layout, not_found};
use crate::folder::{BlobPieces, Contents, ListedReferrer, Lookup};

/// How many tags an error names.
const SHOWN: usize = 10;

impl LayoutStore {
    /// The digest of the manifest that `reference` names; `None` if the repository does not have it, or not
    /// whole.
    pub(super) async fn resolve_manifest(
        &self,
        repository: &Repository,
        reference: &ManifestReference,
    ) -> Result<Option<Digest>, StoreError> {
        match self.folder.find(repository, reference).await {
            Ok(Lookup::Found(known)) => Ok(Some(known.digest)),
            Ok(Lookup::NoRepository | Lookup::NoManifest) => Ok(None),
            Err(error) => {
                let operation = self.on_manifest("look up manifest", repository, reference);
                Err(self.failed(operation, &error))
            }
        }
    }

    /// Reads a manifest and verifies its digest.
    pub(super) async fn read_manifest(
        &self,
        operation: Operation,
        repository: &Repository,
        reference: &ManifestReference,
    ) -> Result<Manifest, StoreError> {
        let named = self.folder.look_up(repository, |contents| named(contents, reference)).await;
        let named = named.map_err(|error| self.failed(operation.clone(), &error))?;
        let Some((digest, media_type)) = named.flatten() else {
            return Err(self.lacks(operation, repository, reference).await);
        };
        let read = self.folder.manifest_bytes(repository, &digest).await;
        let read = read.map_err(|error| self.failed(operation.clone(), &error))?;
        let Some(bytes) = read else { return Err(not_found(operation)) };
        let found = digest.same_algorithm_of(&bytes);
        if found != digest {
            return Err(operation.wrong_content(Fault::Digest { expected: digest, found }));
        }
        if media_type.is_none() && matches!(reference, ManifestReference::Digest(_)) {
            // The file is some blob: the index does not lead to it.
            return Err(not_found(operation));
        }
        let digest = reference.digest_of(&bytes);
        Manifest::parse(bytes, media_type.as_ref(), digest).map_err(|error| {
            let message = error.to_string();
            StoreError::new(operation, Fault::Manifest(error), message)
        })
    }

    /// The digests of the images that a layout names without a tag, as other tools write them. None without a
    /// layout.
    ///
    /// # Errors
    /// The layout cannot be read.
    pub async fn untagged(&self, repository: &Repository) -> Result<Vec<Digest>, StoreError> {
        let listed = self.folder.look_up(repository, |contents| {
            contents.untagged_images().into_iter().cloned().collect()
        });
        let listed = listed.await.map_err(|error| {
            let operation =
                Operation::new("list the images of", format!("{}/{repository}", self.name));
            self.failed(operation, &error)
        })?;
        Ok(listed.unwrap_or_default())
    }

    /// The repository does not have the manifest `reference`: the error says what it has instead.
    async fn lacks(
        &self,
        operation: Operation,
        repository: &Repository,
        reference: &ManifestReference,
    ) -> StoreError {
        let listed = self.folder.look_up(repository, |contents| {
            contents.tags_after(None).take(SHOWN + 1).map(ToString::to_string).collect::<Vec<_>>()
        });
        let message = match (listed.await, reference) {
            (Ok(None), _) => self.no_layout(repository).await,
            (Ok(Some(tags)), ManifestReference::Tag(_)) => match tags.as_slice() {
                [] => match self.untagged(repository).await.unwrap_or_default().as_slice() {
                    [] => "not found; the image layout has no tags".to_owned(),
                    [only] => format!(
                        "not found; the image layout has no tags, but {only}: name it as @DIGEST"
                    ),
                    several => format!(
                        "not found; the image layout has no tags, but {} manifests: name one as @DIGEST, \
                         such as @{}",
                        several.len(),
                        several[0]
                    ),
                },
                [only] => format!("not found; the only tag of the image layout is {only}"),
                tags if tags.len() > SHOWN => {
                    let shown = tags[..SHOWN].join(", ");
                    format!("not found; the image layout has the tags {shown} and others")
                }
                tags => format!("not found; the image layout has the tags {}", tags.join(", ")),
            },
            _ => return not_found(operation),
        };
        StoreError::new(operation, Fault::NotFound, message)
    }

    /// Opens a blob that must have the descriptor's size, from the byte `offset` on.
    async fn open_blob(
        &self,
        operation: &Operation,
        repository: &Repository,
        blob: &Descriptor,
        offset: u64,
    ) -> Result<BlobPieces, StoreError> {
        let size = blob.size;
        let choose = move |found| (found == size).then_some(offset.min(size)..size);
        let opened = self.folder.open_blob(repository, &blob.digest, choose).await;
        match opened.map_err(|error| self.failed(operation.clone(), &error))? {
            Some((_, Some(pieces))) => Ok(pieces),
            Some((found, None)) => {
                let fault = Fault::Size { expected: size, found };
                Err(operation.clone().wrong_content(fault))
            }
            None => Err(not_found(operation.clone()).with_hint(LOST_CONTENT)),
        }
    }

    /// Streams a blob from the byte `offset` on.
    pub(super) async fn stream_blob(
        &self,
        repository: &Repository,
        blob: &Descriptor,
        offset: u64,
    ) -> Result<BlobStream, StoreError> {
        let operation = self.on_blob("fetch blob", repository, &blob.digest);
        let pieces = self.open_blob(&operation, repository, blob, offset).await?;
        let (in_errors, root) = (operation.clone(), self.folder.root().to_owned());
        let pieces =
            pieces.into_stream().map_err(move |error| failed(in_errors.clone(), &root, &error));
        Ok(BlobStream::new(operation, pieces))
    }

    /// Reads a blob of at most `limit` bytes and verifies it.
    pub(super) async fn read_small_blob(
        &self,
        repository: &Repository,
        blob: &Descriptor,
        limit: u64,
    ) -> Result<Bytes, StoreError> {
        let operation = self.on_blob("fetch blob", repository, &blob.digest);
        if blob.size > limit {
            let message = format!("it has {} bytes, at most {limit} are read", blob.size);
            return Err(StoreError::new(operation, Fault::Other, message));
        }
        let pieces = self.open_blob(&operation, repository, blob, 0).await?;
        let mut bytes = Vec::with_capacity(usize::try_from(blob.size).unwrap_or_default());
        let mut pieces = pin!(pieces.into_stream());
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|error| self.failed(operation.clone(), &error))?;
            bytes.extend_from_slice(&piece);
        }
        let found = blob.digest.same_algorithm_of(&bytes);
        if found != blob.digest {
            let expected = blob.digest.clone();
            return Err(operation.wrong_content(Fault::Digest { expected, found }));
        }
        Ok(bytes.into())
    }

    /// Looks at the size of a blob's file.
    pub(super) async fn look_up_blob(
        &self,
        repository: &Repository,
        blob: &Descriptor,
    ) -> Result<BlobPresence, StoreError> {
        match self.folder.blob_size(repository, &blob.digest).await {
            Ok(None) => Ok(BlobPresence::Absent),
            Ok(Some(size)) if size != blob.size => Ok(BlobPresence::OtherSize(size)),
            Ok(Some(_)) => Ok(BlobPresence::Present),
            Err(error) => {
                let operation = self.on_blob("look up blob", repository, &blob.digest);
                Err(self.failed(operation, &error))
            }
        }
    }

    /// Reads a blob's file and hashes it.
    pub(super) async fn hash_blob(
        &self,
        repository: &Repository,
        blob: &Descriptor,
    ) -> Result<BlobPresence, StoreError> {
        let presence = self.look_up_blob(repository, blob).await?;
        if presence != BlobPresence::Present {
            return Ok(presence);
        }
        let operation = self.on_blob("fetch blob", repository, &blob.digest);
        let pieces = self.open_blob(&operation, repository, blob, 0).await?;
        let mut pieces = pin!(pieces.into_stream());
        let mut hasher = Hasher::new(blob.digest.algorithm());
        while let Some(piece) = pieces.next().await {
            hasher.update(&piece.map_err(|error| self.failed(operation.clone(), &error))?);
        }
        let found = hasher.finish();
        if found == blob.digest {
            return Ok(BlobPresence::Present);
        }
        Ok(BlobPresence::OtherContent(found))
    }

    pub(super) async fn list_tags(
        &self,
        repository: &Repository,
    ) -> Result<Vec<String>, StoreError> {
        let operation = Operation::new("list the tags of", format!("{}/{repository}", self.name));
        let listed = self.folder.look_up(repository, |contents| {
            contents.tags_after(None).map(ToString::to_string).collect()
        });
        match listed.await {
            Ok(Some(tags)) => Ok(tags),
            Ok(None) => {
                let message = self.no_layout(repository).await;
                Err(StoreError::new(operation, Fault::NotFound, message))
            }
            Err(error) => Err(self.failed(operation, &error)),
        }
    }

    async fn no_layout(&self, repository: &Repository) -> String {
        let all = async { self.list_repositories().await.unwrap_or_default() };
        no_layout(self.folder.root(), repository, self.known.get_or_init(|| all).await)
    }

    pub(super) async fn list_repositories(&self) -> Result<Vec<String>, StoreError> {
        match self.folder.repositories().await {
            Ok(all) => Ok(all.into_iter().map(String::from).collect()),
            Err(error) => {
                let operation = Operation::new("list the repositories of", &self.name);
                Err(self.failed(operation, &error))
            }
        }
    }

    /// Lists the manifests that name `subject` as their subject, and those in the index under the fallback
    /// tag, which may have come from a registry without the referrers API.
    pub(super) async fn list_referrers(
        &self,
        repository: &Repository,
        subject: &Digest,
    ) -> Result<Vec<Descriptor>, StoreError> {
        let mut referrers = Vec::new();
        let mut after = None;
        loop {
            let page = self.folder.list_referrers(repository, subject, None, after.as_ref());
            let page = page.await.map_err(|error| {
                let target = format!("of {}/{repository}@{subject}", self.name);
                self.failed(Operation::new("list referrers", target), &error)
            })?;
            referrers.extend(page.referrers.into_iter().map(described));
            after = page.last;
            if after.is_none() {
                break;
            }
        }
        let tagged = match self.tagged_index(repository, subject).await? {
            Some(Content::Index(index)) => index.manifests,
            // Some other manifest under a tag that looks like the fallback tag.
            Some(Content::Single(_)) | None => Vec::new(),
        };
        let known: HashSet<Digest> = referrers.iter().map(|known| known.digest.clone()).collect();
        referrers.extend(tagged.into_iter().filter(|tagged| !known.contains(&tagged.digest)));
        Ok(referrers)
    }

    /// What the index under the fallback tag of `subject` lists.
    pub(super) async fn list_tagged_referrers(
        &self,
        repository: &Repository,
        subject: &Digest,
    ) -> Result<Vec<Descriptor>, StoreError> {
        match self.tagged_index(repository, subject).await? {
            None => Ok(Vec::new()),
            Some(Content::Index(index)) => Ok(index.manifests),
            Some(Content::Single(_)) => {
                let target = format!("of {}/{repository}@{subject}", self.name);
                let operation = Operation::new("list referrers", target);
                let message = "the fallback tag does not name an index";
                Err(StoreError::new(operation, Fault::Other, message))
            }
        }
    }

    /// What is under the fallback tag of `subject`.
    async fn tagged_index(
        &self,
        repository: &Repository,
        subject: &Digest,
    ) -> Result<Option<Content>, StoreError> {
        let Some(tag) = referrers_tag(subject) else { return Ok(None) };
        let reference = ManifestReference::Tag(tag);
        let operation = self.on_manifest("fetch referrers", repository, &reference);
        match self.read_manifest(operation, repository, &reference).await {
            Ok(manifest) => Ok(Some(manifest.content)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The digest that `reference` names, and the type of its manifest where that is known to be whole.
fn named(
    contents: &Contents,
    reference: &ManifestReference,
) -> Option<(Digest, Option<MediaType>)> {
    let digest = match reference {
        ManifestReference::Tag(tag) => contents.tagged_digest(tag)?,
        ManifestReference::Digest(digest) => digest,
    };
    let media_type = contents.known(digest).map(|known| known.media_type.clone());
    Some((digest.clone(), media_type))
}

fn described(referrer: ListedReferrer) -> Descriptor {
    Descriptor {
        media_type: referrer.media_type,
        digest: referrer.digest,
        size: referrer.size,
        platform: None,
        annotations: BTreeMap::new(),
        urls: Vec::new(),
    }
}
