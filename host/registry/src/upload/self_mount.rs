//! How a registry is asked whether a repository holds a blob: by a mount from the repository itself,
//! as long as that is not known to say nothing, else by HEAD.

use std::sync::atomic::{AtomicU8, Ordering};

const UNKNOWN: u8 = 0;
const ASKING: u8 = 1;
const BY_MOUNT: u8 = 2;
const BY_HEAD: u8 = 3;

/// What is known of one registry.
#[derive(Debug, Default)]
pub(crate) struct SelfMount(AtomicU8);

impl SelfMount {
    /// Is a mount worth trying?
    pub(crate) fn by_mount(&self) -> bool {
        self.0.load(Ordering::Relaxed) != BY_HEAD
    }

    /// Whoever is told true finds out for the whole run.
    pub(crate) fn begin(&self) -> bool {
        self.0.compare_exchange(UNKNOWN, ASKING, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// The answer told nothing; somebody else may find out.
    pub(crate) fn give_up(&self) {
        self.0.store(UNKNOWN, Ordering::Relaxed);
    }

    /// It is known now whether a mount tells.
    pub(crate) fn settle(&self, by_mount: bool) {
        self.0.store(if by_mount { BY_MOUNT } else { BY_HEAD }, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::SelfMount;

    #[test]
    fn one_finds_out_for_all() {
        let probe = SelfMount::default();
        assert!(probe.by_mount(), "a mount is tried until it is known to say nothing");
        assert!(probe.begin() && !probe.begin());
        probe.settle(false);
        assert!(!probe.by_mount() && !probe.begin());
    }
}
