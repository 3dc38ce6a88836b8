//! Reads one job's source: manifests, which earlier runs may have cached, configurations and
//! referrers.

use std::collections::HashSet;
use std::sync::{Arc, Weak};

use bytes::Bytes;
use longshore_oci::{
    Descriptor, Digest, Manifest, ManifestReference, Platform, Reference, Repository, StoreName,
    Tag, Version, cosign_tags, is_made_of_digest, referrers_tag,
};
use longshore_store::{
    BlobPresence, BoundedCells, Fault, Intent, LOST_CONTENT, Source, StoreError,
};
use tokio::sync::{Mutex, MutexGuard, OnceCell};

use crate::digest_tags::DigestTags;
use crate::manifest_cache::ManifestCache;
use crate::walk::is_blob;

/// Where Docker Hub keeps images with short names.
pub(crate) const LIBRARY: &str = "library";

/// The largest configuration that is read for its platform, in bytes.
const CONFIGURATION_LIMIT: u64 = 16 * 1024 * 1024;
/// A configuration above this size, in bytes, is large. A run reads one large configuration at a time,
/// and reads it again when its turn to be copied comes.
const LARGE_CONFIGURATION: u64 = 128 * 1024;

/// The cached part of a configuration.
#[derive(Debug)]
struct KnownConfiguration {
    platform: Option<Platform>,
    /// The bytes while the job that read them is running. After that, the destination holds them.
    bytes: Weak<Bytes>,
}

/// A configuration that was read.
pub(crate) struct Configuration {
    /// The platform that it names, if any.
    pub(crate) platform: Option<Platform>,
    /// Its bytes, if they are in memory.
    pub(crate) bytes: Option<Arc<Bytes>>,
}

/// The bytes of copied referrers that wait for the fallback index. More are added to it at once.
pub(crate) const UNLISTED_BYTES: usize = 256 * 1024;

fn write_with_library(below: &Repository) -> String {
    format!("the source has {below}: write {below} in the list or the command")
}

/// Lists the tags of a repository. The error of a missing one has a hint if the source has it below
/// `library/`.
///
/// # Errors
/// If the source does not list them.
pub async fn list_tags(
    source: &dyn Source,
    repository: &Repository,
) -> Result<Vec<String>, StoreError> {
    let error = match source.tags(repository).await {
        Err(error) if error.is_not_found() && repository.is_one_part() => error,
        listed => return listed,
    };
    let Ok(below) = repository.inside(LIBRARY) else { return Err(error) };
    match source.tags(&below).await {
        Ok(tags) if !tags.is_empty() => Err(error.with_hint(write_with_library(&below))),
        _ => Err(error),
    }
}

/// What a run knows about its sources, so that each answer is requested once.
#[derive(Debug, Default)]
pub(crate) struct KnownSources {
    configurations: BoundedCells<(StoreName, Repository, Digest), OnceCell<KnownConfiguration>>,
    /// Held while a large configuration is in memory.
    large: Mutex<()>,
    digest_tags: DigestTags,
}

impl KnownSources {
    /// Waits until `config` may be in memory, if it is large. A size that is not known may be large.
    async fn turn(&self, config: &Descriptor) -> Option<MutexGuard<'_, ()>> {
        let is_small = (1..=LARGE_CONFIGURATION).contains(&config.size);
        if is_small { None } else { Some(self.large.lock().await) }
    }

    /// Reads what the configuration of an image in `repository` of `store` says about its platform.
    ///
    /// # Errors
    /// If the store does not answer or refuses, and if the configuration is too large.
    pub(crate) async fn platform_of(
        &self,
        store: &(impl Source + ?Sized),
        repository: &Repository,
        config: &Descriptor,
    ) -> Result<Option<Platform>, StoreError> {
        let _turn = self.turn(config).await;
        let bytes = store.small_blob(repository, config, CONFIGURATION_LIMIT).await?;
        Ok(Platform::stated(&bytes))
    }
}

/// Reads the source of one job.
#[derive(Clone, Copy)]
pub(crate) struct SourceReader<'a> {
    /// The store.
    pub(crate) store: &'a Arc<dyn Source>,
    /// The job's source reference.
    pub(crate) reference: &'a Reference,
    /// The manifests cached by earlier runs, if available.
    pub(crate) cache: Option<&'a ManifestCache>,
    /// What this run knows.
    pub(crate) known: &'a KnownSources,
}

impl SourceReader<'_> {
    fn repository(&self) -> &Repository {
        &self.reference.repository
    }

    /// The reference to fetch the job's manifest by.
    fn fetch_reference(&self) -> ManifestReference {
        ManifestReference::to_fetch(&self.reference.version)
    }

    /// Returns the digest of the job's manifest: from the list, or else resolved at the source.
    ///
    /// Errors are ignored here: fetching the manifest reports them.
    pub(crate) async fn digest(&self) -> Option<Digest> {
        match self.reference.version.digest() {
            Some(digest) => Some(digest.clone()),
            None => self.resolve(&self.fetch_reference()).await,
        }
    }

    /// Resolves `reference`; `None` if the source gives no digest.
    pub(crate) async fn resolve(&self, reference: &ManifestReference) -> Option<Digest> {
        self.store.resolve(self.repository(), reference, Intent::Read).await.ok().flatten()
    }

    /// Whether the source holds a manifest.
    ///
    /// # Errors
    /// If the source cannot be asked. A refusal counts as no.
    pub(crate) async fn has(&self, reference: &ManifestReference) -> Result<bool, StoreError> {
        match self.store.resolve(self.repository(), reference, Intent::Read).await {
            Ok(found) => Ok(found.is_some()),
            Err(error) if error.is_refused() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Reads the job's manifest. `named` is its digest, if the source or the list names it.
    ///
    /// A cached manifest is used only if the source still has it. The error of a missing image has a hint
    /// if the source has it below `library/`.
    pub(crate) async fn root(&self, named: Option<&Digest>) -> Result<Manifest, StoreError> {
        match self.cached_or_fetched(named).await {
            Err(error) if error.is_not_found() && self.repository().is_one_part() => {
                Err(self.with_library(error).await)
            }
            root => root,
        }
    }

    /// Adds a hint to the error of a missing image: short names are below `library/` on Docker Hub, so a
    /// copy of it has them there too.
    async fn with_library(&self, error: StoreError) -> StoreError {
        let Ok(below) = self.repository().inside(LIBRARY) else { return error };
        let reference = self.fetch_reference();
        match self.store.resolve(&below, &reference, Intent::Read).await {
            Ok(Some(_)) => error.with_hint(write_with_library(&below)),
            _ => error,
        }
    }

    async fn cached_or_fetched(&self, named: Option<&Digest>) -> Result<Manifest, StoreError> {
        if let (Some(digest), Some(cache)) = (named, self.cache)
            && let Some(manifest) = cache.manifest(digest).await
            && self.still_has(digest).await
        {
            return Ok(manifest);
        }
        match (self.fetch(&self.fetch_reference()).await, &self.reference.version) {
            // A pull-through cache may know a digest only after its tag was requested.
            (Err(error), Version::Pinned(tag, _)) if error.is_not_found() => {
                match self.resolve(&ManifestReference::Tag(tag.clone())).await {
                    Some(_) => self.fetch(&self.fetch_reference()).await,
                    None => Err(error),
                }
            }
            (fetched, _) => fetched,
        }
    }

    /// Whether the source still has the digest. A tag was resolved just now; a digest from the list
    /// is checked.
    async fn still_has(&self, digest: &Digest) -> bool {
        match self.fetch_reference() {
            ManifestReference::Tag(_) => true,
            by_digest => self.resolve(&by_digest).await.as_ref() == Some(digest),
        }
    }

    /// Reads a manifest that another manifest of the source names.
    pub(crate) async fn by_digest(&self, digest: &Digest) -> Result<Manifest, StoreError> {
        if let Some(cache) = self.cache
            && let Some(manifest) = cache.manifest(digest).await
        {
            return Ok(manifest);
        }
        let fetched = self.fetch(&ManifestReference::Digest(digest.clone())).await;
        fetched.map_err(|error| match *error.fault {
            Fault::NotFound => error.with_hint(LOST_CONTENT),
            _ => error,
        })
    }

    /// Reads a child of an index; `None` if it is a blob, which only the source could tell.
    pub(crate) async fn child(&self, child: &Descriptor) -> Result<Option<Manifest>, StoreError> {
        let known = self.cached(&child.digest).await;
        if known.is_none() && is_blob(&**self.store, self.repository(), child).await {
            return Ok(None);
        }
        match known {
            Some(manifest) => Ok(Some(manifest)),
            None => self.by_digest(&child.digest).await.map(Some),
        }
    }

    /// Returns a manifest that an earlier run cached. Nothing is asked for.
    pub(crate) async fn cached(&self, digest: &Digest) -> Option<Manifest> {
        self.cache?.manifest(digest).await
    }

    /// Fetches a manifest from the source, without the cache.
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

    /// Reads the configuration of an image, which names its platform.
    pub(crate) async fn configuration(
        &self,
        config: &Descriptor,
    ) -> Result<Configuration, StoreError> {
        let key = (self.store.name().clone(), self.repository().clone(), config.digest.clone());
        let known = self.known.configurations.of(key);
        let mut read = None;
        let known = known
            .get_or_try_init(|| async {
                let _turn = self.known.turn(config).await;
                let bytes = Arc::new(self.read_configuration(config).await?);
                let platform = Platform::of_configuration(&bytes);
                let weak = Arc::downgrade(&bytes);
                read = Some(bytes).filter(|bytes| bytes.len() as u64 <= LARGE_CONFIGURATION);
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

    /// Looks up the size of `blob` at the source if `error` says that it is not the descriptor's.
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

    /// Whether the source has this digest-like tag. The tags of a repository are listed once per
    /// run, or asked for one by one if they are too many.
    pub(crate) async fn has_digest_tag(&self, tag: &Tag) -> Result<bool, StoreError> {
        let listed = self.list_digest_tags();
        match self.known.digest_tags.has(self.reference.name(), tag, listed).await? {
            Some(has) => Ok(has),
            None => self.has(&ManifestReference::Tag(tag.clone())).await,
        }
    }

    /// Returns the digest that the source has under `tag`.
    ///
    /// # Errors
    /// If the source does not have the tag, or cannot be asked.
    pub(crate) async fn digest_under(&self, tag: &Tag) -> Result<Digest, StoreError> {
        let reference = ManifestReference::Tag(tag.clone());
        match self.resolve(&reference).await {
            Some(digest) => Ok(digest),
            None => Ok(self.fetch(&reference).await?.raw.digest),
        }
    }

    /// Returns cosign's tags for `subject` that the source has, and the digests that they name.
    ///
    /// # Errors
    /// If the source cannot be asked.
    pub(crate) async fn under_cosign_tags(
        &self,
        subject: &Digest,
    ) -> Result<Vec<(Tag, Digest)>, StoreError> {
        let mut found = Vec::new();
        for tag in cosign_tags(subject) {
            if self.has_digest_tag(&tag).await? {
                let digest = self.digest_under(&tag).await?;
                found.push((tag, digest));
            }
        }
        Ok(found)
    }

    async fn list_digest_tags(&self) -> Result<HashSet<Tag>, StoreError> {
        match self.store.tags(self.repository()).await {
            Ok(tags) => {
                let tags = tags.iter().filter_map(|tag| tag.parse().ok());
                Ok(tags.filter(is_made_of_digest).collect())
            }
            // Some registries answer 404 for a repository without tags.
            Err(error) if error.is_not_found() => Ok(HashSet::new()),
            Err(error) => Err(error),
        }
    }

    /// Lists the manifests with the subject `subject`: by the referrers API, or else by the
    /// fallback tag.
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

/// Lists the referrers of `subject`: by the referrers API, or else by the fallback tag.
///
/// # Errors
/// If the store refuses or cannot be asked.
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
