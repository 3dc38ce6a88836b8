//! Reads the configurations of an inspected image: labels, environment and what else its containers start with.

use std::collections::HashMap;
use std::sync::Arc;

use longshore_oci::{Digest, Reference};
use longshore_store::{Fault, Operation, Source, StoreError};
use serde_json::Value;

use super::Inspection;
use crate::error::JobError;

/// The most bytes of configurations that are read for one image. Each is kept in memory.
const LIMIT: u64 = 16 * 1024 * 1024;

/// The configurations of an image's manifests.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Configurations(HashMap<Digest, Arc<Value>>);

impl Configurations {
    /// Returns the configuration of the manifest with this digest.
    pub fn of(&self, manifest: &Digest) -> Option<&Value> {
        self.0.get(manifest).map(|text| &**text)
    }
}

/// Reads the configuration of each image among the manifests of `inspection`. What several share is read once.
///
/// # Errors
/// If one cannot be read or is not JSON, or if they have more than 16 MiB together.
pub async fn configurations(
    inspection: &Inspection,
    store: &Arc<dyn Source>,
    reference: &Reference,
) -> Result<Configurations, JobError> {
    let mut read: HashMap<Digest, Arc<Value>> = HashMap::new();
    let mut found = Configurations::default();
    let mut left = LIMIT;
    for manifest in &inspection.manifests {
        let Some(config) = &manifest.config else { continue };
        let document = match read.get(&config.digest) {
            Some(document) => Arc::clone(document),
            None => {
                let refused = |message: String| {
                    let target =
                        format!("{}/{}@{}", reference.store, reference.repository, config.digest);
                    let operation = Operation::new("read configuration", target);
                    JobError::Source(StoreError::new(operation, Fault::Other, message))
                };
                left = left.checked_sub(config.size).ok_or_else(|| {
                    refused(format!("the configurations have more than {LIMIT} bytes together"))
                })?;
                let blob = store.small_blob(&reference.repository, config, config.size);
                let bytes = blob.await.map_err(JobError::Source)?;
                let document = serde_json::from_slice(&bytes);
                let document: Value =
                    document.map_err(|error| refused(format!("it is not JSON: {error}")))?;
                let document = Arc::new(document);
                read.insert(config.digest.clone(), Arc::clone(&document));
                document
            }
        };
        found.0.insert(manifest.digest.clone(), document);
    }
    Ok(found)
}
