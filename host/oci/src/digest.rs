//! Content digests: `sha256:…` and `sha512:…`.

use std::fmt;
use std::str::FromStr;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::Digest as _;

/// A digest algorithm that longshore supports (image-spec, descriptor.md, "Registered algorithms").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Algorithm {
    /// SHA-256, the common one.
    Sha256,
    /// SHA-512, optional in the specification.
    Sha512,
}

impl Algorithm {
    /// The name before the colon.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    const fn bytes(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }
}

/// A content digest, held as bytes: 40 bytes in memory for SHA-256.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Digest {
    /// A SHA-256 digest.
    Sha256([u8; 32]),
    /// A SHA-512 digest.
    Sha512(Box<[u8; 64]>),
}

/// The length of the longest text, `sha512:…`.
const LONGEST: usize = 7 + 128;

/// Why a text is not a valid digest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// The `algorithm:` is missing.
    #[error("digest {0:?} has no algorithm (expected sha256:…)")]
    NoAlgorithm(String),
    /// The algorithm is neither sha256 nor sha512.
    #[error("digest algorithm {0:?} is not supported (sha256 and sha512 are)")]
    Algorithm(String),
    /// The hexadecimal part has the wrong length.
    #[error("digest has {found} characters after the colon, {algorithm} needs {expected}")]
    Length {
        /// The algorithm's name.
        algorithm: &'static str,
        /// The expected number of characters.
        expected: usize,
        /// The actual number of characters.
        found: usize,
    },
    /// A character is not a lower-case hexadecimal digit.
    #[error("digest contains {0:?}, which is not a lower-case hexadecimal digit")]
    Character(char),
}

impl Digest {
    /// The SHA-256 digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self::Sha256(sha2::Sha256::digest(bytes).into())
    }

    /// The digest of `bytes` with the algorithm of `self`, for comparison.
    pub fn same_algorithm_of(&self, bytes: &[u8]) -> Self {
        let mut hasher = Hasher::new(self.algorithm());
        hasher.update(bytes);
        hasher.finish()
    }

    /// The algorithm.
    pub const fn algorithm(&self) -> Algorithm {
        match self {
            Self::Sha256(_) => Algorithm::Sha256,
            Self::Sha512(_) => Algorithm::Sha512,
        }
    }

    /// A name for a file with the content of this digest: `sha256-…`.
    pub fn file_name(&self) -> String {
        format!("{}-{}", self.algorithm().name(), self.hex())
    }

    /// The hexadecimal part, lower-case.
    pub fn hex(&self) -> String {
        self.with_text(|text| text[self.algorithm().name().len() + 1..].to_owned())
    }

    /// Hands over the text without an allocation: messages and reports have hundreds of thousands of digests.
    fn with_text<T>(&self, take: impl FnOnce(&str) -> T) -> T {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let bytes: &[u8] = match self {
            Self::Sha256(bytes) => bytes,
            Self::Sha512(bytes) => bytes.as_slice(),
        };
        let name = self.algorithm().name().as_bytes();
        let mut text = [b':'; LONGEST];
        text[..name.len()].copy_from_slice(name);
        let digits = &mut text[name.len() + 1..];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(bytes) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        let text = &text[..name.len() + 1 + bytes.len() * 2];
        // It is ASCII.
        take(std::str::from_utf8(text).unwrap_or_default())
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let (name, hex) =
            text.split_once(':').ok_or_else(|| DigestError::NoAlgorithm(text.to_owned()))?;
        let algorithm = match name {
            "sha256" => Algorithm::Sha256,
            "sha512" => Algorithm::Sha512,
            other => return Err(DigestError::Algorithm(other.to_owned())),
        };
        let is_bad = |byte: u8| !matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if hex.bytes().any(is_bad)
            && let Some(bad) = hex.chars().find(|c| !matches!(c, '0'..='9' | 'a'..='f'))
        {
            return Err(DigestError::Character(bad));
        }
        let expected = algorithm.bytes() * 2;
        if hex.len() != expected {
            let found = hex.len();
            return Err(DigestError::Length { algorithm: algorithm.name(), expected, found });
        }
        let mut bytes = [0_u8; 64];
        for (byte, pair) in bytes.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
            *byte = nibble(pair[0]) << 4 | nibble(pair[1]);
        }
        Ok(match algorithm {
            Algorithm::Sha256 => {
                let mut short = [0_u8; 32];
                short.copy_from_slice(&bytes[..32]);
                Self::Sha256(short)
            }
            Algorithm::Sha512 => Self::Sha512(Box::new(bytes)),
        })
    }
}

/// The value of a valid hexadecimal digit.
const fn nibble(digit: u8) -> u8 {
    if digit.is_ascii_digit() { digit - b'0' } else { digit - b'a' + 10 }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_text(|text| f.write_str(text))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.with_text(|text| serializer.serialize_str(text))
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl Visitor<'_> for Text {
            type Value = Digest;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Digest, E> {
                text.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_str(Text)
    }
}

/// Hashes content while it streams.
#[derive(Clone)]
pub enum Hasher {
    /// Computes SHA-256.
    Sha256(sha2::Sha256),
    /// Computes SHA-512.
    Sha512(sha2::Sha512),
}

impl Hasher {
    /// Makes an empty hasher.
    pub fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Sha256 => Self::Sha256(sha2::Sha256::new()),
            Algorithm::Sha512 => Self::Sha512(sha2::Sha512::new()),
        }
    }

    /// Hashes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Sha512(hasher) => hasher.update(bytes),
        }
    }

    /// Returns the digest of all bytes.
    pub fn finish(self) -> Digest {
        match self {
            Self::Sha256(hasher) => Digest::Sha256(hasher.finalize().into()),
            Self::Sha512(hasher) => Digest::Sha512(Box::new(hasher.finalize().into())),
        }
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sha256(_) => "Hasher::Sha256",
            Self::Sha512(_) => "Hasher::Sha512",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Algorithm, Digest, DigestError, Hasher};

    const EMPTY: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn text_survives_a_round_trip() {
        assert_eq!(EMPTY.parse::<Digest>().unwrap().to_string(), EMPTY);
        assert_eq!(Digest::of(b"").to_string(), EMPTY);
        let long = Hasher::new(Algorithm::Sha512).finish();
        assert_eq!(long.to_string().parse::<Digest>().unwrap(), long);
        assert_eq!(long.hex().len(), 128);
        assert_eq!(long.same_algorithm_of(b""), long);
    }

    #[test]
    fn broken_digests_say_what_is_wrong() {
        assert!(matches!("abc".parse::<Digest>(), Err(DigestError::NoAlgorithm(_))));
        assert!(matches!("md5:abc".parse::<Digest>(), Err(DigestError::Algorithm(_))));
        assert!(matches!("sha256:abc".parse::<Digest>(), Err(DigestError::Length { .. })));
        assert_eq!(
            EMPTY.to_uppercase().replace("SHA", "sha").parse::<Digest>(),
            Err(DigestError::Character('E'))
        );
    }
}
