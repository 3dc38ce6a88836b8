//! Parts of a plan that several runs share.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use longshore_oci::{Digest, Repository, StoreName};

/// Number of hexadecimal digits of the hash that decide the part: 64 bits.
const DIGITS: usize = 16;

/// One part of a plan: `2/5` is the second of five.
///
/// A source repository belongs to exactly one part, with all its tags, because they share most layers. The
/// part is a fixed function of the repository's name, so that runs on several machines and of several
/// versions agree without talking to each other: the first 16 hexadecimal digits of the SHA-256 of
/// `REGISTRY/REPOSITORY`, modulo the number of parts, plus 1. The name is complete (`docker.io/library/nginx`),
/// and `-s` is applied. A folder's path differs between machines, so of a folder only `REPOSITORY` counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    part: NonZeroU32,
    parts: NonZeroU32,
}

/// A text that does not name a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it must be K/N, such as 2/5 for the second of five parts, with K from 1 to N")]
pub struct ShardError;

impl FromStr for Shard {
    type Err = ShardError;

    fn from_str(text: &str) -> Result<Self, ShardError> {
        let number = |text: &str| {
            let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse().ok().filter(|_| is_number)
        };
        let (part, parts) = text.trim().split_once('/').ok_or(ShardError)?;
        match (number(part), number(parts)) {
            (Some(part), Some(parts)) if part <= parts => Ok(Self { part, parts }),
            _ => Err(ShardError),
        }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.part, self.parts)
    }
}

impl Shard {
    /// Returns the part for people: `part 2 of 5`.
    pub fn described(self) -> String {
        format!("part {} of {}", self.part, self.parts)
    }

    /// Returns the number of this part, from 1.
    pub const fn part(self) -> u32 {
        self.part.get()
    }

    /// Returns the number of all parts.
    pub const fn parts(self) -> u32 {
        self.parts.get()
    }

    /// Says whether this part has a source repository.
    pub fn has(self, store: &StoreName, repository: &Repository) -> bool {
        let name = match store.registry() {
            Some(registry) => format!("{registry}/{repository}"),
            None => repository.to_string(),
        };
        self.has_text(name.as_bytes())
    }

    /// Says whether this part has an entry whose source is not a name, such as a malformed line.
    pub(super) fn has_text(self, text: &[u8]) -> bool {
        let hash = &Digest::of(text).hex()[..DIGITS];
        let hash = u64::from_str_radix(hash, 16).unwrap_or_default();
        hash % u64::from(self.parts.get()) == u64::from(self.part.get() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::Shard;

    fn shard(text: &str) -> Shard {
        text.parse().unwrap()
    }

    #[test]
    fn a_part_is_two_numbers() {
        for good in ["1/1", "2/5", " 5/5 ", "007/10"] {
            assert!(good.parse::<Shard>().is_ok(), "{good}");
        }
        assert_eq!(shard("02/5").to_string(), "2/5");
        assert_eq!(shard("2/5").described(), "part 2 of 5");
        for bad in [
            "",
            "2",
            "/",
            "0/5",
            "6/5",
            "0/0",
            "1/0",
            "-1/5",
            "+1/5",
            "1/5/2",
            "a/b",
            "1 / 5",
            "1/4294967296",
        ] {
            assert!(bad.parse::<Shard>().is_err(), "{bad}");
        }
    }

    fn parts_with(store: &str, repository: &str, parts: u32) -> Vec<u32> {
        let (store, repository) = (store.parse().unwrap(), repository.parse().unwrap());
        let has = |part: &u32| shard(&format!("{part}/{parts}")).has(&store, &repository);
        (1..=parts).filter(has).collect()
    }

    #[test]
    fn a_repository_is_in_exactly_one_part() {
        for number in 0..100 {
            let (registry, name) = ("registry.example:5000", format!("team/app-{number}"));
            assert_eq!(parts_with(registry, &name, 7).len(), 1, "{name}");
            assert_eq!(parts_with(registry, &name, 1), [1]);
        }
    }

    /// Pins the documented function: `printf %s NAME | sha256sum`, the first 16 digits modulo 5, plus 1.
    #[test]
    fn the_part_of_a_repository_never_changes() {
        let parts = |store, repository| parts_with(store, repository, 5);
        assert_eq!(parts("docker.io", "library/nginx"), [4]);
        assert_eq!(parts("quay.io", "prometheus/node-exporter"), [1]);
        assert_eq!(parts("registry.example:5000", "a/b/c"), [1]);
        assert_eq!(parts("oci:/mnt/images", "team/app"), parts("oci:elsewhere", "team/app"));
    }
}
