//! The random numbers of plugins.

use std::convert::Infallible;

use rand_core::TryRng;
use sha2::{Digest as _, Sha256};

/// The same random bytes in every call, so that a plan is reproducible. They never repeat within a call,
/// because a guest that looks for a prime draws until a number fits.
#[derive(Default)]
pub(crate) struct Seeded {
    blocks: u64,
    /// The end of the last block that is still to be drawn.
    rest: Vec<u8>,
}

impl Seeded {
    fn fill(&mut self, wanted: &mut [u8]) {
        for byte in wanted {
            *byte = self.rest.pop().unwrap_or_else(|| {
                self.rest = Sha256::digest(self.blocks.to_le_bytes()).to_vec();
                self.blocks += 1;
                self.rest.pop().unwrap_or_default()
            });
        }
    }
}

impl TryRng for Seeded {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.fill(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, wanted: &mut [u8]) -> Result<(), Infallible> {
        self.fill(wanted);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Seeded;

    #[test]
    fn bytes_are_the_same_in_every_call_and_do_not_repeat_within_one() {
        let drawn = |lengths: &[usize]| {
            let mut random = Seeded::default();
            let mut all = Vec::new();
            for &length in lengths {
                let mut bytes = vec![0; length];
                random.fill(&mut bytes);
                all.append(&mut bytes);
            }
            all
        };
        let bytes = drawn(&[64 * 1024]);
        assert_eq!(bytes, drawn(&[1, 30, 1, 64 * 1024 - 32]), "the sizes of the draws matter");
        let mut blocks: Vec<_> = bytes.chunks(32).collect();
        blocks.sort_unstable();
        blocks.dedup();
        assert_eq!(blocks.len(), 2048, "a block came twice");
    }
}
