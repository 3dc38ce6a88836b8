//! Reads one job's source: manifests, which earlier runs may have kept, configurations, and what
//! refers to its images.

use std::collections::HashSet;
use std::sync::{Arc, Weak};

use bytes::Bytes;
use longshore_oci::{
    Descriptor, Digest, Manifest, ManifestReference, Name, Platform, Reference, Repository,
    StoreName, Tag, Version, is_made_of_digest, referrers_tag,
};
use longshore_store::{BlobPresence, BoundedCells, Fault, Intent, Source, StoreError};
use tokio::sync::OnceCell;

use crate::manifest_cache::ManifestCache;

/// The largest configuration that is read for a platform, in bytes.
const CONFIGURATION_LIMIT: u64 = 16 * 1024 * 1024;

/// What is remembered of a configuration.
#[derive(Debug)]
struct KnownConfiguration {
    platform: Option<Platform>,
    /// The bytes, as long as the job that read them is under way: until then they may be missing at
    /// the destination, afterwards they are there.
    bytes: Weak<Bytes>,
}

/// A configuration that was read.
pub(crate) struct Configuration {
    /// The platform that it names, if any.
    pub(crate) platform: Option<Platform>,
    /// Its bytes, where they are at hand.
    pub(crate) bytes: Option<Arc<Bytes>>,
}

/// What a run knows of its sources, so that each is asked once however many jobs need the answer.
#[derive(Debug, Default)]
pub(crate) struct KnownSources {
    configurations: BoundedCells<(StoreName, Repository, Digest), OnceCell<KnownConfiguration>>,
    /// The tags of a repository that are made of digests.
    digest_tags: BoundedCells<Name, OnceCell<HashSet<Tag>>>,
}

/// Reads the source of one job.
#[derive(Clone, Copy)]
pub(crate) struct SourceReader<'a> {
    /// The store.
    pub(crate) store: &'a Arc<dyn Source>,
    /// What the job names.
    pub(crate) reference: &'a Reference,
    /// What earlier runs have read, if it can be had.
    pub(crate) cache: Option<&'a ManifestCache>,
    /// What this run knows.
    pub(crate) known: &'a KnownSources,
}

impl SourceReader<'_> {
    fn repository(&self) -> &Repository {
        &self.reference.repository
    }

    /// How the job's manifest is fetched.
    fn wanted(&self) -> ManifestReference {
        ManifestReference::to_fetch(&self.reference.version)
    }

    /// The digest of the job's manifest: as the list has it, else as the source resolves the tag.
    /// Whatever keeps that from working, reading the manifest decides and reports.
    pub(crate) async fn digest(&self) -> Option<Digest> {
        match self.reference.version.digest() {
            Some(digest) => Some(digest.clone()),
            None => self.resolve(&self.wanted()).await,
        }
    }

    /// The digest that `reference` names; `None` where the source does not say.
    pub(crate) async fn resolve(&self, reference: &ManifestReference) -> Option<Digest> {
        self.store.resolve(self.repository(), reference, Intent::Read).await.ok().flatten()
    }

    /// Has the source the manifest of this digest?
    ///
    /// # Errors
    /// Where the source cannot be asked; a refusal counts as no.
    pub(crate) async fn has(&self, digest: &Digest) -> Result<bool, StoreError> {
        let reference = ManifestReference::Digest(digest.clone());
        match self.store.resolve(self.repository(), &reference, Intent::Read).await {
            Ok(found) => Ok(found.is_some()),
            Err(error) if error.is_refused() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The manifest that the job names. `named` is its digest, where the source or the list says so;
    /// what an earlier run kept is believed only if the source still has it.
    pub(crate) async fn root(&self, named: Option<&Digest>) -> Result<Manifest, StoreError> {
        if let (Some(digest), Some(cache)) = (named, self.cache)
            && let Some(manifest) = cache.manifest(digest).await
            && self.still_has(digest).await
        {
            return Ok(manifest);
        }
        match (self.fetch(&self.wanted()).await, &self.reference.version) {
            // A pull-through cache knows a digest only once the tag was asked for.
            (Err(error), Version::Pinned(tag, _)) if error.is_not_found() => {
                match self.resolve(&ManifestReference::Tag(tag.clone())).await {
                    Some(_) => self.fetch(&self.wanted()).await,
                    None => Err(error),
                }
            }
            (fetched, _) => fetched,
        }
    }

    /// The digest of a tag was resolved just now; one that stands in the list still has to be.
    async fn still_has(&self, digest: &Digest) -> bool {
        match self.wanted() {
            ManifestReference::Tag(_) => true,
            by_digest => self.resolve(&by_digest).await.as_ref() == Some(digest),
        }
    }

    /// A manifest that one of the source's own manifests names.
    pub(crate) async fn by_digest(&self, digest: &Digest) -> Result<Manifest, StoreError> {
        if let Some(cache) = self.cache
            && let Some(manifest) = cache.manifest(digest).await
        {
            return Ok(manifest);
        }
        self.fetch(&ManifestReference::Digest(digest.clone())).await
    }

    /// A manifest as the source has it now.
    pub(crate) async fn fetch(
        &self,
        reference: &ManifestReference,
    ) -> Result<Manifest, StoreError> {
        let manifest = self.store.manifest(self.repository(), reference).await?;
        if let Some(cache) = self.cache {
            cache.keep_manifest(&manifest.raw).await;
        }
        Ok(manifest)
    }

    /// The configuration of an image, which names its platform.
    pub(crate) async fn configuration(
        &self,
        config: &Descriptor,
    ) -> Result<Configuration, StoreError> {
        let key = (self.store.name().clone(), self.repository().clone(), config.digest.clone());
        let known = self.known.configurations.of(key);
        let mut read = None;
        let known = known
            .get_or_try_init(|| async {
                let bytes = Arc::new(self.read_configuration(config).await?);
                let (platform, weak) = (platform(&bytes), Arc::downgrade(&bytes));
                read = Some(bytes);
                Ok::<_, StoreError>(KnownConfiguration { platform, bytes: weak })
            })
            .await?;
        let bytes = read.or_else(|| known.bytes.upgrade());
        Ok(Configuration { platform: known.platform.clone(), bytes })
    }

    async fn read_configuration(&self, config: &Descriptor) -> Result<Bytes, StoreError> {
        if let Some(cache) = self.cache
            && let Some(bytes) = cache.configuration(config).await
        {
            return Ok(bytes);
        }
        let bytes =
            match self.store.small_blob(self.repository(), config, CONFIGURATION_LIMIT).await {
                Ok(bytes) => bytes,
                Err(error) => {
                    let Some(size) = self.actual_size(config, &error).await else {
                        return Err(error);
                    };
                    let config = Descriptor { size, ..config.clone() };
                    self.store.small_blob(self.repository(), &config, CONFIGURATION_LIMIT).await?
                }
            };
        if let Some(cache) = self.cache {
            cache.keep_configuration(config, &bytes).await;
        }
        Ok(bytes)
    }

    /// The size of `blob` at the source, where `error` says that it is not the descriptor's.
    pub(crate) async fn actual_size(&self, blob: &Descriptor, error: &StoreError) -> Option<u64> {
        // Nothing is read of a blob that should be empty.
        if !error.is_wrong_content() || (is_wrong_digest(error) && blob.size > 0) {
            return None;
        }
        match self.store.blob_presence(self.repository(), blob).await {
            Ok(BlobPresence::OtherSize(size)) => Some(size),
            Ok(_) | Err(_) => None,
        }
    }

    /// Has the source this tag, which is made of a digest? One list of tags for each repository and
    /// run answers that.
    pub(crate) async fn has_digest_tag(&self, tag: &Tag) -> Result<bool, StoreError> {
        let tags = self.known.digest_tags.of(self.reference.name());
        let tags = tags.get_or_try_init(|| self.list_digest_tags()).await?;
        Ok(tags.contains(tag))
    }

    async fn list_digest_tags(&self) -> Result<HashSet<Tag>, StoreError> {
        match self.store.tags(self.repository()).await {
            Ok(tags) => {
                let tags = tags.iter().filter_map(|tag| tag.parse().ok());
                Ok(tags.filter(is_made_of_digest).collect())
            }
            // A repository without any tag may be answered so.
            Err(error) if error.is_not_found() => Ok(HashSet::new()),
            Err(error) => Err(error),
        }
    }

    /// The manifests that name `subject` as theirs: by the source's own list, else by the index under
    /// the fallback tag.
    pub(crate) async fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>, StoreError> {
        let repository = self.repository();
        if let Some(listed) = self.store.referrers(repository, subject, Intent::Read).await? {
            return Ok(listed);
        }
        match referrers_tag(subject) {
            Some(tag) if self.has_digest_tag(&tag).await? => {
                self.store.tagged_referrers(repository, subject, Intent::Read).await
            }
            _ => Ok(Vec::new()),
        }
    }
}

/// What a repository lists as referring to `subject`: by its own list, else under the fallback tag.
///
/// # Errors
/// Where the store refuses, or cannot be asked.
pub(crate) async fn listed_referrers(
    store: &dyn Source,
    repository: &Repository,
    subject: &Digest,
    intent: Intent,
) -> Result<HashSet<Digest>, StoreError> {
    let listed = match store.referrers(repository, subject, intent).await? {
        Some(listed) => listed,
        None => store.tagged_referrers(repository, subject, intent).await?,
    };
    Ok(listed.into_iter().map(|referrer| referrer.digest).collect())
}

fn is_wrong_digest(error: &StoreError) -> bool {
    matches!(*error.fault, Fault::Digest { .. })
}

/// A configuration that cannot be read as one says nothing about platforms.
fn platform(bytes: &[u8]) -> Option<Platform> {
    serde_json::from_slice::<Platform>(bytes)
        .ok()
        .filter(|platform| !platform.is_unspecified() && !platform.is_unknown())
}
