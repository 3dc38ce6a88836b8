//! Compact storage for many references.

use std::fmt;

use super::interned::Interned;
use super::{Digest, Reference, Repository, StoreName, Tag, Version};

/// References in compact form. Stores are interned and all texts share one string, so that a
/// hundred thousand references need few allocations.
#[derive(Debug, Default)]
pub struct References {
    /// Repositories, each followed by its tag.
    text: String,
    stores: Interned<StoreName>,
    digests: Vec<Digest>,
}

/// A reference stored in [`References`].
#[derive(Clone, Copy, Debug)]
pub struct PackedReference {
    store: u32,
    /// The index of the digest, or [`NO_DIGEST`].
    digest: u32,
    /// The offset of the repository, little-endian: five bytes address 1 TiB of text.
    start: [u8; 5],
    /// The repository's length in bytes, at most 255 by its grammar.
    repository: u8,
    /// The tag's length in bytes, at most 128 by its grammar; 0 without a tag.
    tag: u8,
}

const NO_DIGEST: u32 = u32::MAX;

/// A stored reference, to be shown or compared without an allocation.
#[derive(Clone, Copy, Debug)]
pub struct ShownReference<'a> {
    /// The store.
    pub store: &'a StoreName,
    /// The repository.
    pub repository: &'a str,
    /// The tag; empty for none.
    tag: &'a str,
    digest: Option<&'a Digest>,
}

/// Prints it as a [`Reference`] prints.
impl fmt::Display for ShownReference<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.store.as_str())?;
        f.write_str("/")?;
        f.write_str(self.repository)?;
        if !self.tag.is_empty() {
            f.write_str(":")?;
            f.write_str(self.tag)?;
        }
        match self.digest {
            Some(digest) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

impl PackedReference {
    fn start(&self) -> usize {
        self.start.iter().rev().fold(0, |start, &byte| start << 8 | usize::from(byte))
    }

    /// The end of its text.
    fn end(&self) -> usize {
        self.start() + usize::from(self.repository) + usize::from(self.tag)
    }
}

/// The length of a text that its grammar limits.
fn length(text: &str) -> u8 {
    u8::try_from(text.len()).unwrap_or(u8::MAX)
}

impl References {
    /// Stores `reference`. Text that it shares with `beside` is stored once, as a source is usually
    /// the end of its destination.
    pub fn push(
        &mut self,
        reference: &Reference,
        beside: Option<&PackedReference>,
    ) -> PackedReference {
        let repository = reference.repository.as_str();
        let tag = reference.version.tag().map_or("", Tag::as_str);
        let ends_so = |other: &PackedReference| {
            let text = self.text.get(other.start()..other.end())?;
            text.strip_suffix(tag)?.ends_with(repository).then_some(other.end())
        };
        let end = beside.and_then(ends_so).unwrap_or_else(|| {
            self.text.extend([repository, tag]);
            self.text.len()
        });
        let mut start = [0; 5];
        start.copy_from_slice(&(end - repository.len() - tag.len()).to_le_bytes()[..5]);
        PackedReference {
            store: self.stores.number_of(&reference.store),
            digest: self.digest(reference.version.digest(), beside),
            start,
            repository: length(repository),
            tag: length(tag),
        }
    }

    fn digest(&mut self, digest: Option<&Digest>, beside: Option<&PackedReference>) -> u32 {
        let Some(digest) = digest else { return NO_DIGEST };
        if let Some(other) = beside
            && self.digests.get(other.digest as usize) == Some(digest)
        {
            return other.digest;
        }
        self.digests.push(digest.clone());
        u32::try_from(self.digests.len() - 1).unwrap_or(NO_DIGEST)
    }

    /// Unpacks a reference; `None` if it comes from another storage.
    pub fn get(&self, packed: &PackedReference) -> Option<Reference> {
        let tag = self.text.get(packed.end() - usize::from(packed.tag)..packed.end())?;
        let repository = self.text.get(packed.start()..packed.end() - tag.len())?;
        let version = match (tag, self.digests.get(packed.digest as usize)) {
            ("", Some(digest)) => Version::Digest(digest.clone()),
            ("", None) => Version::Tag(Tag::latest()),
            (tag, Some(digest)) => Version::Pinned(Tag::known(tag), digest.clone()),
            (tag, None) => Version::Tag(Tag::known(tag)),
        };
        let store = self.store(packed)?.clone();
        Some(Reference { store, repository: Repository::known(repository), version })
    }

    /// Shows a reference; `None` if it comes from another storage.
    pub fn shown(&self, packed: &PackedReference) -> Option<ShownReference<'_>> {
        let start_of_tag = packed.end() - usize::from(packed.tag);
        Some(ShownReference {
            store: self.store(packed)?,
            repository: self.text.get(packed.start()..start_of_tag)?,
            tag: self.text.get(start_of_tag..packed.end())?,
            digest: self.digests.get(packed.digest as usize),
        })
    }

    /// The store of a reference.
    pub fn store(&self, packed: &PackedReference) -> Option<&StoreName> {
        self.stores.get(packed.store)
    }
}

#[cfg(test)]
mod tests {
    use super::{PackedReference, References};
    use crate::Reference;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn parsed(text: &str) -> Reference {
        text.parse().unwrap()
    }

    #[test]
    fn a_packed_reference_is_small() {
        assert_eq!(size_of::<PackedReference>(), 16);
    }

    #[test]
    fn references_come_back_as_they_were() {
        let long = format!("a.io/{}:{}", "r".repeat(255), "t".repeat(128));
        let texts = [
            "a.io/team/app:1.0",
            "localhost:5000/app:1.0",
            &format!("a.io/app@{DIGEST}"),
            &format!("a.io/app:1@{DIGEST}"),
            &long,
            "b.io/app:0",
        ];
        let mut references = References::default();
        let packed: Vec<_> = texts.map(|text| references.push(&parsed(text), None)).into();
        for (packed, text) in packed.iter().zip(texts) {
            assert_eq!(references.get(packed).unwrap(), parsed(text));
            let shown = references.shown(packed).unwrap();
            assert_eq!(shown.to_string(), parsed(text).to_string());
            assert_eq!(shown.repository, parsed(text).repository.as_str());
        }
        assert_eq!(references.store(&packed[5]).unwrap().as_str(), "b.io");
    }

    #[test]
    fn what_two_have_in_common_is_kept_once() {
        let mut references = References::default();
        let mut pair = |destination: &str, source: &str| {
            let before = references.text.len();
            let packed = references.push(&parsed(destination), None);
            let other = references.push(&parsed(source), Some(&packed));
            assert_eq!(references.get(&packed).unwrap(), parsed(destination));
            assert_eq!(references.get(&other).unwrap(), parsed(source));
            references.text.len() - before
        };
        assert_eq!(pair("d.io/library/app:1.0", "s.io/app:1.0"), "library/app1.0".len());
        assert_eq!(pair("d.io/app:1.0", "d.io/app:1.1"), "app1.0app1.1".len());
        // The text is equal, but the parts are not.
        assert_eq!(pair("d.io/a/b1:2", "d.io/b:12"), "a/b12".len());
        let (by_digest, other) = (format!("d.io/app@{DIGEST}"), format!("s.io/app:1@{DIGEST}"));
        assert_eq!(pair(&by_digest, &by_digest), "app".len());
        assert_eq!(pair(&by_digest, &other), "appapp1".len());
        assert_eq!(references.digests.len(), 2);
    }

    #[test]
    fn text_may_be_longer_than_four_bytes_count() {
        let start = 0x01_02_03_04_05_usize;
        let bytes = start.to_le_bytes();
        let packed = PackedReference {
            store: 0,
            digest: 0,
            start: [bytes[0], bytes[1], bytes[2], bytes[3], bytes[4]],
            repository: 3,
            tag: 2,
        };
        assert_eq!((packed.start(), packed.end()), (start, start + 5));
    }
}
