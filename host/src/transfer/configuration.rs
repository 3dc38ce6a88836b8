//! Configurations of single images, which name their platform: each is read once in a run, however
//! many tags the image has.

use std::sync::{Arc, Weak};

use bytes::Bytes;
use tokio::sync::OnceCell;

use super::memo::Memo;
use super::{ManifestCache, TransferError};
use crate::oci::{Descriptor, Digest, Platform, Registry, Repository};
use crate::registry::Client;

/// The largest configuration that is read for a platform.
const LIMIT: u64 = 16 * 1024 * 1024;

/// What is remembered of a configuration.
#[derive(Debug)]
struct Known {
    platform: Option<Platform>,
    /// The bytes, as long as the job that read them is under way: until then they may be missing at
    /// the destination, afterwards they are there.
    bytes: Weak<Bytes>,
}

/// The configurations that a run has read.
#[derive(Debug, Default)]
pub struct Configurations(Memo<(Registry, Repository, Digest), OnceCell<Known>>);

/// Where the configurations of one repository are read from.
pub struct ConfigurationSource<'a> {
    /// The registry.
    pub client: &'a Client,
    /// The repository.
    pub repository: &'a Repository,
    /// What earlier runs have read.
    pub cache: Option<&'a ManifestCache>,
    /// What this run has read.
    pub known: &'a Configurations,
}

impl ConfigurationSource<'_> {
    /// The platform that a configuration names, if any, and its bytes where they are at hand.
    pub(super) async fn read(
        &self,
        config: &Descriptor,
    ) -> Result<(Option<Platform>, Option<Arc<Bytes>>), TransferError> {
        let key = (self.client.registry().clone(), self.repository.clone(), config.digest.clone());
        let known = self.known.0.of(key);
        let mut read = None;
        let known = known
            .get_or_try_init(|| async {
                let bytes = Arc::new(self.fetch(config).await?);
                let known = Known { platform: platform(&bytes), bytes: Arc::downgrade(&bytes) };
                read = Some(bytes);
                Ok::<_, TransferError>(known)
            })
            .await?;
        Ok((known.platform.clone(), read.or_else(|| known.bytes.upgrade())))
    }

    async fn fetch(&self, config: &Descriptor) -> Result<Bytes, TransferError> {
        if let Some(cache) = self.cache
            && let Some(bytes) = cache.configuration(config).await
        {
            return Ok(bytes);
        }
        let read = self.client.small_blob(self.repository, config, LIMIT).await;
        let bytes = read.map_err(TransferError::Source)?;
        if let Some(cache) = self.cache {
            cache.keep_configuration(config, &bytes).await;
        }
        Ok(bytes)
    }
}

/// A configuration that cannot be read as one says nothing about platforms.
fn platform(bytes: &[u8]) -> Option<Platform> {
    serde_json::from_slice::<Platform>(bytes)
        .ok()
        .filter(|platform| !platform.is_unspecified() && !platform.is_unknown())
}
