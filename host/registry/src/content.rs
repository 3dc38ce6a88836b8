//! Blobs, manifests and referrers over HTTP.

pub(crate) mod blob;
pub(crate) mod blob_check;
pub(crate) mod fallback_lists;
pub(crate) mod manifest;
pub(crate) mod product;
pub(crate) mod pull_through;
pub(crate) mod referrers;
mod refused_manifest;
