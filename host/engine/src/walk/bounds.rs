//! What a walk allows: more than any person means, and little enough to hold in memory.

/// Indexes may be nested so deep, and referrers of referrers.
pub(super) const DEPTH: usize = 8;
/// One index may name so many children.
pub(super) const CHILDREN: usize = 4096;
/// One walk visits so many manifests.
pub(super) const MANIFESTS: usize = 16_384;
/// The manifests whose children a walk is visiting may have so many bytes together.
pub(super) const BYTES: usize = 64 * 1024 * 1024;
/// So many manifests may refer to an image, directly or to what refers to it.
pub(super) const REFERRERS: usize = 4096;
/// Children of one index, and subjects of referrers, that are visited at once.
pub(super) const AT_ONCE: usize = 16;
/// Blobs of one manifest that are visited at once.
pub(super) const BLOBS_AT_ONCE: usize = 64;

/// A graph exceeds what a walk allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutOfBounds {
    /// Indexes, or referrers of referrers, are nested too deep.
    #[error("indexes or referrers are nested deeper than {DEPTH}")]
    Depth,
    /// An index has too many children.
    #[error("the index names more than {CHILDREN} manifests")]
    Children,
    /// There are too many manifests altogether.
    #[error("the image has more than {MANIFESTS} manifests")]
    Manifests,
    /// The manifests are too large together.
    #[error("the manifests of the image have more than {BYTES} bytes together")]
    Bytes,
    /// Too many manifests refer to the image.
    #[error("more than {REFERRERS} manifests refer to the image")]
    Referrers,
}
