//! Deterministic pseudo-random bytes and digests.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

/// Returns `length` bytes that look random. The same seed gives the same bytes.
#[must_use]
pub fn random(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        bytes.extend_from_slice(&split_mix(&mut state).to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// Returns the `sha256:…` digest of the bytes.
#[must_use]
pub fn digest(bytes: &[u8]) -> String {
    let mut text = String::from("sha256:");
    for byte in Sha256::digest(bytes) {
        // Writing into a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Performs one step of SplitMix64. Adjacent seeds give unrelated streams.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::{digest, random};

    #[test]
    fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
        assert_eq!(random(7, 1000), random(7, 1000));
        assert_ne!(random(7, 1000), random(8, 1000));
        assert_eq!(random(7, 13).len(), 13);
    }

    #[test]
    fn the_digest_of_nothing_is_the_well_known_one() {
        assert_eq!(
            digest(b""),
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }
}
