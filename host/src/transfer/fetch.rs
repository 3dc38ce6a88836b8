//! Manifests of the source, which earlier runs may have kept.

use super::TransferError;
use super::configuration::ConfigurationSource;
use super::copy::Copy;
use crate::oci::{Digest, Manifest, Version};
use crate::registry::ManifestReference;

impl Copy<'_> {
    /// The manifest that the job copies. `named` is its digest, where the source or the list says so;
    /// what an earlier run kept is believed only if the source still has it.
    pub(super) async fn root(&self, named: Option<&Digest>) -> Result<Manifest, TransferError> {
        let reference = ManifestReference::to_fetch(&self.job.source.version);
        if let (Some(digest), Some(cache)) = (named, &self.run.options.cache)
            && let Some(manifest) = cache.manifest(digest).await
            && self.is_at_source(digest).await
        {
            return Ok(manifest);
        }
        let error = match (self.fetch(&reference).await, &self.job.source.version) {
            (Err(TransferError::Source(error)), Version::Pinned(tag, _))
                if error.is_not_found() =>
            {
                // A pull-through cache knows a digest only once the tag was asked for.
                let by_tag = ManifestReference::Tag(tag.clone());
                let repository = &self.job.source.repository;
                let head = self.source.manifest_head(repository, &by_tag, false).await;
                if head.is_ok_and(|head| head.is_some()) {
                    return self.fetch(&reference).await;
                }
                error
            }
            (fetched, _) => return fetched,
        };
        Err(TransferError::Source(error))
    }

    /// A HEAD has just named the digest of a tag; one that stands in the list still needs it.
    async fn is_at_source(&self, digest: &Digest) -> bool {
        let reference = ManifestReference::to_fetch(&self.job.source.version);
        if matches!(reference, ManifestReference::Tag(_)) {
            return true;
        }
        let head = self.source.manifest_head(&self.job.source.repository, &reference, false).await;
        head.ok().flatten().is_some_and(|head| head.digest.is_none_or(|found| found == *digest))
    }

    /// A manifest that one of the source's own names.
    pub(super) async fn named(&self, digest: &Digest) -> Result<Manifest, TransferError> {
        if let Some(cache) = &self.run.options.cache
            && let Some(manifest) = cache.manifest(digest).await
        {
            return Ok(manifest);
        }
        self.fetch(&ManifestReference::Digest(digest.clone())).await
    }

    /// A manifest as the source has it now.
    pub(super) async fn fetch(
        &self,
        reference: &ManifestReference,
    ) -> Result<Manifest, TransferError> {
        let fetched = self.source.manifest(&self.job.source.repository, reference).await;
        let manifest = fetched.map_err(TransferError::Source)?;
        if let Some(cache) = &self.run.options.cache {
            cache.keep_manifest(&manifest.raw).await;
        }
        Ok(manifest)
    }

    /// Where configurations of the job's source are read.
    pub(super) fn configurations(&self) -> ConfigurationSource<'_> {
        ConfigurationSource {
            client: &self.source,
            repository: &self.job.source.repository,
            cache: self.run.options.cache.as_ref(),
            known: &self.run.configurations,
        }
    }
}
