//! Blobs, manifests and referrers over HTTP.

pub(crate) mod allowed_methods;
pub(crate) mod blob;
pub(crate) mod blob_check;
pub(crate) mod fallback_lists;
pub(crate) mod manifest;
pub(crate) mod product;
pub(crate) mod pull_through;
mod read_only;
pub(crate) mod referrers;
mod refused_manifest;
