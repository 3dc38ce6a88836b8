//! Reading and writing content by HTTP: blobs, manifests, referrers.

pub(crate) mod blob;
pub(crate) mod blob_check;
pub(crate) mod manifest;
pub(crate) mod referrers;
