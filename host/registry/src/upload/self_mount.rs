//! Whether a registry answers existence checks by a mount from the repository itself.
//!
//! Until a mount is known not to show whether a blob exists, it is used instead of HEAD.

use std::sync::atomic::{AtomicU8, Ordering};

const UNKNOWN: u8 = 0;
const TESTING: u8 = 1;
const BY_MOUNT: u8 = 2;
const BY_HEAD: u8 = 3;

/// What is known about one registry.
#[derive(Debug, Default)]
pub(crate) struct SelfMount(AtomicU8);

impl SelfMount {
    /// Whether to probe by mount.
    pub(crate) fn by_mount(&self) -> bool {
        self.0.load(Ordering::Relaxed) != BY_HEAD
    }

    /// Returns true to one caller, which then tests the registry for the whole run.
    pub(crate) fn begin(&self) -> bool {
        self.0.compare_exchange(UNKNOWN, TESTING, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// The test was inconclusive; another caller may repeat it.
    pub(crate) fn give_up(&self) {
        self.0.store(UNKNOWN, Ordering::Relaxed);
    }

    /// Records whether a mount tells if a blob exists.
    pub(crate) fn settle(&self, by_mount: bool) {
        self.0.store(if by_mount { BY_MOUNT } else { BY_HEAD }, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::SelfMount;

    #[test]
    fn one_caller_tests_for_all() {
        let probe = SelfMount::default();
        assert!(probe.by_mount(), "a mount is tried until it is known to say nothing");
        assert!(probe.begin() && !probe.begin());
        probe.settle(false);
        assert!(!probe.by_mount() && !probe.begin());
    }
}
