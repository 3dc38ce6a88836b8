//! Bytes that needed no transfer.

use longshore_engine::event::Transferred;

/// Bytes of blobs that needed no transfer, by the way in which they got to the destination.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::report) struct Saved {
    /// Mounted from another repository of the destination.
    pub(in crate::report) mounted: u64,
    /// At the destination before.
    pub(in crate::report) present: u64,
    /// Brought by another manifest of the run, also one of the same index.
    pub(in crate::report) shared: u64,
}

impl Saved {
    /// Adds a blob of `size` bytes. A moved blob saves nothing.
    pub(in crate::report) const fn count(&mut self, size: u64, how: Transferred) {
        match how {
            Transferred::Moved => {}
            Transferred::Mounted => self.mounted += size,
            Transferred::Present => self.present += size,
            Transferred::Shared => self.shared += size,
        }
    }

    /// Adds the bytes of another run.
    pub(in crate::report) const fn add(&mut self, other: Self) {
        self.mounted += other.mounted;
        self.present += other.present;
        self.shared += other.shared;
    }

    /// Returns the sum.
    pub(in crate::report) const fn sum(self) -> u64 {
        self.mounted + self.present + self.shared
    }
}
