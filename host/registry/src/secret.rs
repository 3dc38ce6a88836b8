//! A text that must never be shown: a password, a token.

use std::fmt;

use serde::Deserialize;

/// A secret text whose `Debug` and `Display` print `***`.
///
/// It can be read from a file and cannot be serialised, so that no report can hold one by mistake.
/// (The crate `secrecy` would do the same without `Display`, and would bring zeroing, which is worth
/// little where the same bytes lie in the headers of every request.)
#[derive(Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Takes a text into custody.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Is there no text at all?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn a_secret_prints_stars_only() {
        let secret = Secret::new("hunter2");
        assert_eq!(secret.expose(), "hunter2");
        assert_eq!(format!("{secret} {secret:?} {secret:#?}"), "*** *** ***");
        // A shorter secret must not be told from a longer one.
        assert_eq!(format!("{:?}", Secret::new("")), format!("{:?}", Secret::new("x".repeat(99))));
    }
}
