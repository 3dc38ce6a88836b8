//! Looks at one image without copying it: its platforms, sizes and referrers, and what another store has
//! of it.

mod configurations;

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt as _};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use longshore_oci::{
    Content, Descriptor, Digest, Manifest, ManifestReference, MediaType, Platform, PlatformFilter,
    Reference, Single, Tag, artifact_type, cosign_tags,
};
use longshore_store::{Destination, Intent, Source};

pub use self::configurations::{Configurations, configurations};
use crate::error::JobError;
use crate::source_reader::{KnownSources, SourceReader};
use crate::walk::{Descendants, OutOfBounds, descendants};

/// Concurrent requests for the manifests of one image.
const AT_ONCE: usize = 16;

/// What a reference names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// The digest of the manifest under the reference.
    pub digest: Digest,
    /// Its media type.
    pub media_type: MediaType,
    /// True for an index or manifest list.
    pub is_index: bool,
    /// The manifest itself, or the manifests of an index, without indexes in it.
    pub manifests: Vec<InspectedManifest>,
    /// Size of all manifests and blobs, in bytes; what several manifests share counts once.
    pub size: u64,
    /// The signatures, SBOMs and attestations of the image, then those of its manifests.
    pub referrers: Vec<InspectedReferrer>,
}

/// A manifest that refers to the image, or to one manifest of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InspectedReferrer {
    /// Its digest.
    pub digest: Digest,
    /// Its media type.
    pub media_type: MediaType,
    /// What it is: the `artifactType`, or else the media type of its configuration.
    pub artifact_type: Option<String>,
    /// Size of the manifest, in bytes.
    pub size: u64,
    /// The digest of the manifest that it refers to.
    pub subject: Digest,
    /// Cosign's tag, if only that leads to it.
    pub tag: Option<Tag>,
}

/// One manifest of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InspectedManifest {
    /// Its digest.
    pub digest: Digest,
    /// Its media type.
    pub media_type: MediaType,
    /// Its platform, if the index or the configuration names one.
    pub platform: Option<Platform>,
    /// The digest of the manifest that it describes, for BuildKit's attestations.
    pub attests: Option<String>,
    /// Its configuration, if it is an image.
    pub config: Option<Descriptor>,
    /// Number of layers.
    pub layers: usize,
    /// Size of its blobs, in bytes.
    pub size: u64,
}

/// What a store has of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presence {
    /// The same digest is under the tag.
    Same,
    /// Another digest is under the tag. The repository may hold some of the image's manifests.
    Other {
        /// The digest under the tag.
        digest: Digest,
        /// Which of the image's manifests the tag leads to.
        tagged: Vec<Digest>,
        /// How many of the image's manifests the repository holds, under the tag or not.
        manifests: usize,
    },
    /// The tag does not exist. The repository may hold some of the image's manifests.
    Absent {
        /// How many of the image's manifests the repository holds.
        manifests: usize,
    },
}

/// What a store has of an image and of its referrers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    /// What it has of the image.
    pub presence: Presence,
    /// How many of the image's referrers the repository holds. One that only cosign's tag leads to needs that tag.
    pub referrers: usize,
    /// Says so if the store is a pull-through cache, which shows content that it does not keep.
    pub cache: Option<String>,
}

/// Inspects what `reference` names in `store`.
///
/// # Errors
/// If a manifest, a configuration or the list of referrers cannot be read.
pub async fn inspect(
    store: &Arc<dyn Source>,
    reference: &Reference,
) -> Result<Inspection, JobError> {
    let known = KnownSources::default();
    let reader = SourceReader { store, reference, cache: None, known: &known };
    let root = reader.root(reference.version.digest()).await.map_err(JobError::Source)?;
    let own = root.raw.descriptor();
    let mut blobs = HashSet::new();
    let mut size = own.size;
    let mut manifests = Vec::new();
    match &root.content {
        Content::Single(single) => {
            let platform = match &single.config {
                Some(config) if root.is_image() => {
                    reader.configuration(config).await.map_err(JobError::Source)?.platform
                }
                _ => None,
            };
            let child = Descriptor { platform, ..own.clone() };
            manifests.push(inspected(&child, single));
            for blob in single.blobs() {
                size += if blobs.insert(blob.digest.clone()) { blob.size } else { 0 };
            }
        }
        Content::Index(index) => {
            let below = descendants(&Nested(&reader), index.manifests.clone()).await?;
            let read = |child: Descriptor| summary(&reader, child);
            let mut read = stream::iter(below.manifests).map(read).buffered(AT_ONCE);
            while let Some(child) = read.try_next().await? {
                size += child.bytes;
                manifests.extend(child.manifest);
                let new = child.blobs.into_iter();
                size += new
                    .filter_map(|(digest, size)| blobs.insert(digest).then_some(size))
                    .sum::<u64>();
                if let Some(error) = OutOfBounds::of_descriptors(blobs.len()) {
                    return Err(error.into());
                }
            }
            let own_blobs = below.blobs.iter().filter(|blob| blobs.insert(blob.digest.clone()));
            size += own_blobs.map(|blob| blob.size).sum::<u64>();
        }
    }
    let mut subjects = vec![own.digest.clone()];
    let others = manifests.iter().map(|manifest| &manifest.digest);
    subjects.extend(others.filter(|digest| **digest != own.digest).cloned());
    Ok(Inspection {
        referrers: referrers(&reader, subjects).await?,
        is_index: matches!(root.content, Content::Index(_)),
        digest: own.digest,
        media_type: own.media_type,
        manifests,
        size,
    })
}

/// What is kept of a child of an index. The manifests themselves may have gigabytes together.
struct Summary {
    /// The child, unless it is an index.
    manifest: Option<InspectedManifest>,
    /// The length of its manifest.
    bytes: u64,
    /// The digests and sizes of its blobs.
    blobs: Vec<(Digest, u64)>,
}

async fn summary(reader: &SourceReader<'_>, child: Descriptor) -> Result<Summary, JobError> {
    let manifest = reader.by_digest(&child.digest).await.map_err(JobError::Source)?;
    let bytes = manifest.raw.bytes.len() as u64;
    Ok(match &manifest.content {
        Content::Single(single) => {
            let blobs = single.blobs().into_iter();
            Summary {
                manifest: Some(inspected(&child, single)),
                bytes,
                blobs: blobs.map(|blob| (blob.digest.clone(), blob.size)).collect(),
            }
        }
        Content::Index(_) => Summary { manifest: None, bytes, blobs: Vec::new() },
    })
}

/// Reads the referrers of `subjects`, in their order: manifests that name one as their subject, and those
/// with a cosign tag of one.
async fn referrers(
    reader: &SourceReader<'_>,
    subjects: Vec<Digest>,
) -> Result<Vec<InspectedReferrer>, JobError> {
    let of_subject = |subject: Digest| async move {
        let listed = reader.referrers(&subject).await.map_err(JobError::Source)?;
        if let Some(error) = OutOfBounds::of_referrers(listed.len()) {
            return Err(error.into());
        }
        let mut found = Vec::with_capacity(listed.len());
        for referrer in listed {
            found.push(inspected_referrer(reader, &subject, referrer).await?);
        }
        for tag in cosign_tags(&subject) {
            if !reader.has_digest_tag(&tag).await.map_err(JobError::Source)? {
                continue;
            }
            let fetched = reader.fetch(&ManifestReference::Tag(tag.clone())).await;
            let manifest = fetched.map_err(JobError::Source)?;
            let own = manifest.raw.descriptor();
            if found.iter().all(|known: &InspectedReferrer| known.digest != own.digest) {
                found.push(InspectedReferrer {
                    artifact_type: artifact_type(&manifest),
                    digest: own.digest,
                    media_type: own.media_type,
                    size: own.size,
                    subject: subject.clone(),
                    tag: Some(tag),
                });
            }
        }
        Ok::<_, JobError>(found)
    };
    let mut read = stream::iter(subjects).map(of_subject).buffered(AT_ONCE);
    let mut found = Vec::new();
    while let Some(some) = read.try_next().await? {
        found.extend(some);
        if let Some(error) = OutOfBounds::of_referrers(found.len()) {
            return Err(error.into());
        }
    }
    Ok(found)
}

/// Reads a listed referrer for its type. A list may name what the registry has lost.
async fn inspected_referrer(
    reader: &SourceReader<'_>,
    subject: &Digest,
    listed: Descriptor,
) -> Result<InspectedReferrer, JobError> {
    let artifact_type = match reader.by_digest(&listed.digest).await {
        Ok(manifest) => artifact_type(&manifest),
        Err(error) if error.is_not_found() => None,
        Err(error) => return Err(JobError::Source(error)),
    };
    Ok(InspectedReferrer {
        digest: listed.digest,
        media_type: listed.media_type,
        artifact_type,
        size: listed.size,
        subject: subject.clone(),
        tag: None,
    })
}

/// The manifests of an image for one platform, and the platforms that it has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OfPlatform {
    /// The digests of the manifests for the platform, in the order of the index.
    pub manifests: Vec<Digest>,
    /// All platforms, each once.
    pub platforms: Vec<String>,
    /// Whether the reference names an index.
    pub is_index: bool,
}

/// Finds the manifests for `platform` below `reference` in `store`: those of an index, or the image itself.
///
/// # Errors
/// If a manifest or a configuration cannot be read.
pub async fn of_platform(
    store: &Arc<dyn Source>,
    reference: &Reference,
    platform: &Platform,
) -> Result<OfPlatform, JobError> {
    let known = KnownSources::default();
    let reader = SourceReader { store, reference, cache: None, known: &known };
    let root = reader.root(reference.version.digest()).await.map_err(JobError::Source)?;
    let manifests = match &root.content {
        Content::Index(index) => {
            descendants(&Nested(&reader), index.manifests.clone()).await?.manifests
        }
        Content::Single(single) => {
            let platform = match &single.config {
                Some(config) if root.is_image() => {
                    reader.configuration(config).await.map_err(JobError::Source)?.platform
                }
                _ => None,
            };
            vec![Descriptor { platform, ..root.raw.descriptor() }]
        }
    };
    let filter = PlatformFilter::default().and_platforms(vec![platform.clone()]);
    let is_index = matches!(root.content, Content::Index(_));
    let mut found = OfPlatform { is_index, ..OfPlatform::default() };
    for manifest in manifests {
        let Some(has) = manifest.platform.filter(|platform| !platform.is_unknown()) else {
            continue;
        };
        if filter.selects(&has) {
            found.manifests.push(manifest.digest);
        }
        let has = has.to_string();
        if !found.platforms.contains(&has) {
            found.platforms.push(has);
        }
    }
    Ok(found)
}

/// Looks for an inspected image under `reference` in `destination`.
///
/// # Errors
/// If the destination cannot be asked.
pub async fn find(
    inspection: &Inspection,
    destination: &Arc<dyn Destination>,
    reference: &Reference,
) -> Result<Located, JobError> {
    let store = &Arc::clone(destination).as_source();
    let presence = presence(inspection, store, reference).await?;
    let shown = match &presence {
        Presence::Same => Some(&inspection.digest),
        Presence::Other { digest, .. } => Some(digest),
        Presence::Absent { .. } => None,
    };
    let checked = destination.check_storage(&reference.repository, shown, Intent::Read).await;
    let cache = checked.err().map(|error| error.message);
    if matches!(presence, Presence::Absent { manifests: 0 }) {
        return Ok(Located { presence, referrers: 0, cache });
    }
    let held = |referrer: &InspectedReferrer| {
        let wanted = match &referrer.tag {
            Some(tag) => ManifestReference::Tag(tag.clone()),
            None => ManifestReference::Digest(referrer.digest.clone()),
        };
        let digest = referrer.digest.clone();
        async move {
            let found = resolve(store, reference, &wanted).await;
            found.map(|found| found == Some(digest))
        }
    };
    let held = stream::iter(inspection.referrers.iter().map(held)).buffered(AT_ONCE);
    let held: Vec<bool> = held.try_collect().await?;
    Ok(Located { presence, referrers: held.into_iter().filter(|held| *held).count(), cache })
}

/// Returns the digest of a manifest of a destination, if it exists.
///
/// Only the GET explains a refusal, as a HEAD has no body: Harbor refuses to look into a project that is missing.
async fn resolve(
    store: &Arc<dyn Source>,
    reference: &Reference,
    wanted: &ManifestReference,
) -> Result<Option<Digest>, JobError> {
    match store.resolve(&reference.repository, wanted, Intent::Read).await {
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) if error.is_refused() => {
            match store.manifest(&reference.repository, wanted).await {
                Ok(manifest) => Ok(Some(manifest.raw.digest)),
                Err(error) if error.is_not_found() => Ok(None),
                Err(error) => Err(JobError::Destination(error)),
            }
        }
        other => other.map_err(JobError::Destination),
    }
}

async fn presence(
    inspection: &Inspection,
    store: &Arc<dyn Source>,
    reference: &Reference,
) -> Result<Presence, JobError> {
    let resolve =
        |wanted: ManifestReference| async move { resolve(store, reference, &wanted).await };
    let tagged = resolve(ManifestReference::to_fetch(&reference.version)).await?;
    if tagged.as_ref() == Some(&inspection.digest) {
        return Ok(Presence::Same);
    }
    let present = stream::iter(&inspection.manifests)
        .map(|manifest| resolve(ManifestReference::Digest(manifest.digest.clone())))
        .buffered(AT_ONCE)
        .try_collect::<Vec<_>>();
    let manifests = present.await?.into_iter().flatten().count();
    Ok(match tagged {
        Some(digest) => {
            let below = below(store, reference, &digest).await?;
            let of_image = inspection.manifests.iter().map(|manifest| &manifest.digest);
            let tagged = of_image.filter(|digest| below.contains(digest)).cloned().collect();
            Presence::Other { digest, tagged, manifests }
        }
        None => Presence::Absent { manifests },
    })
}

/// Returns the digests of the manifests that the manifest `digest` of a destination leads to: its own, or those
/// of an index.
async fn below(
    store: &Arc<dyn Source>,
    reference: &Reference,
    digest: &Digest,
) -> Result<HashSet<Digest>, JobError> {
    let known = KnownSources::default();
    let reader = SourceReader { store, reference, cache: None, known: &known };
    let root = reader.by_digest(digest).await.map_err(JobError::Destination)?;
    let Content::Index(index) = &root.content else { return Ok([digest.clone()].into()) };
    let found = descendants(&Nested(&reader), index.manifests.clone()).await;
    let found = found.map_err(|error| match error {
        JobError::Source(error) => JobError::Destination(error),
        other => other,
    })?;
    Ok(found.manifests.into_iter().map(|child| child.digest).collect())
}

fn inspected(child: &Descriptor, single: &Single) -> InspectedManifest {
    let platform = child.platform.clone().filter(|platform| !platform.is_unknown());
    InspectedManifest {
        digest: child.digest.clone(),
        media_type: child.media_type.clone(),
        platform,
        attests: child.attestation_of().map(str::to_owned),
        config: single.config.clone().filter(|config| config.media_type.is_image_config()),
        layers: single.layers.len(),
        size: single.blobs().iter().map(|blob| blob.size).sum(),
    }
}

/// Reads the indexes in an index.
struct Nested<'a, 'b>(&'a SourceReader<'b>);

impl Descendants for Nested<'_, '_> {
    type Error = JobError;

    fn read<'a>(
        &'a self,
        child: &'a Descriptor,
    ) -> BoxFuture<'a, Result<Option<Manifest>, JobError>> {
        async { self.0.child(child).await.map_err(JobError::Source) }.boxed()
    }
}
