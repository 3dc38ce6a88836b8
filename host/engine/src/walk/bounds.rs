//! Limits of a walk: more than real images need, and little enough to hold in memory.

/// The deepest nesting of indexes, and of referrers of referrers.
pub(super) const DEPTH: usize = 8;
/// The most children of one index.
pub(super) const CHILDREN: usize = 4096;
/// The most manifests of one walk.
pub(super) const MANIFESTS: usize = 16_384;
/// The most descriptors that the indexes of an image hold together, where all of them are listed.
pub(super) const DESCRIPTORS: usize = 65_536;
/// The limit for all manifests whose children are being visited, in bytes.
pub(super) const BYTES: usize = 64 * 1024 * 1024;
/// The most referrers of an image, direct and indirect.
pub(super) const REFERRERS: usize = 4096;
/// Children of an index, or subjects of referrers, that are visited concurrently.
pub(super) const AT_ONCE: usize = 16;
/// Blobs of one manifest that are visited concurrently.
pub(super) const BLOBS_AT_ONCE: usize = 64;

/// The graph of an image exceeds a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutOfBounds {
    /// Indexes or referrers are nested too deeply.
    #[error("indexes or referrers are nested deeper than {DEPTH}")]
    Depth,
    /// An index has too many children.
    #[error("the index names more than {CHILDREN} manifests")]
    Children,
    /// The image has too many manifests.
    #[error("the image has more than {MANIFESTS} manifests")]
    Manifests,
    /// The indexes name too much in total.
    #[error("the image names more than {DESCRIPTORS} manifests and blobs")]
    Descriptors,
    /// The manifests are too large in total.
    #[error("the manifests of the image have more than {BYTES} bytes together")]
    Bytes,
    /// The image has too many referrers.
    #[error("more than {REFERRERS} manifests refer to the image")]
    Referrers,
}

impl OutOfBounds {
    /// The limit that an index of `count` children exceeds, if it does.
    pub(crate) fn of_children(count: usize) -> Option<Self> {
        (count > CHILDREN).then_some(Self::Children)
    }

    /// The limit that `count` different blobs of an image exceed, if they do.
    pub(crate) fn of_descriptors(count: usize) -> Option<Self> {
        (count > DESCRIPTORS).then_some(Self::Descriptors)
    }

    /// The limit that `count` referrers of an image exceed, if they do.
    pub(crate) fn of_referrers(count: usize) -> Option<Self> {
        (count > REFERRERS).then_some(Self::Referrers)
    }
}
