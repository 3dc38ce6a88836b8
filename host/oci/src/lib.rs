//! The types of OCI images and distribution, parsed once at the edge and without I/O.
//!
//! These replace the crate `oci-spec`, which drops unknown fields and rejects unexpected ones. A
//! mirror must keep every unknown byte, and accept unusual but valid content. Each type here is a
//! lenient view beside the raw bytes.

mod descriptor;
mod digest;
mod index;
mod index_text;
mod interned;
mod manifest;
mod media_type;
mod nearest;
mod parts;
mod platform;
mod reference;
mod reference_error;
mod references;
mod referrer;
mod registry;
mod repository;
mod store_name;
mod tag;
mod version_range;

pub use descriptor::Descriptor;
pub use digest::{Algorithm, Digest, DigestError, Hasher};
pub use index::{Index, Selection};
pub use index_text::wrap;
pub use interned::Interned;
pub use manifest::{Content, LARGEST_MANIFEST, Manifest, ManifestError, RawManifest, Single};
pub use media_type::MediaType;
pub use nearest::{mistyped, nearest};
pub use platform::{ARCHITECTURES, Meant, Platform, PlatformError, PlatformFilter, SYSTEMS};
pub use reference::{ManifestReference, Name, Reference, Version};
pub use reference_error::ReferenceError;
pub use references::{PackedReference, References, ShownReference};
pub use referrer::{
    Referrer, artifact_type, cosign_tags, is_made_of_digest, is_tag_of_referrers, referrers_tag,
};
pub use registry::{Registry, has_account, without_accounts};
pub use repository::Repository;
pub use store_name::{LayoutsName, StoreName, is_named_archive};
pub use tag::Tag;
pub use version_range::{RangeError, VersionRange, version_of_tag};
