//! Secret texts: passwords and tokens that must never be printed.

pub(crate) mod known;

use std::borrow::Cow;
use std::fmt;

use longshore_oci::without_accounts;
use serde::Deserialize;

use self::known::{Origin, masked};

/// A secret text whose `Debug` and `Display` print `***`.
///
/// It implements `Deserialize` but not `Serialize`, so that no report can contain one by mistake.
/// The crate `secrecy` has no `Display`. Its zeroing is worth little here, as every request's
/// headers hold the same bytes.
#[derive(Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the code that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether the text is empty.
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

/// Writes `***` for secrets in a text that is about to be shown: user names and passwords before a
/// host, and what this process has sent to log in.
pub fn redact(text: &str) -> Cow<'_, str> {
    match without_accounts(text) {
        Cow::Borrowed(text) => masked(text, Origin::Shown),
        Cow::Owned(text) => Cow::Owned(masked(&text, Origin::Shown).into_owned()),
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
        // The output must not reveal the secret's length.
        assert_eq!(format!("{:?}", Secret::new("")), format!("{:?}", Secret::new("x".repeat(99))));
    }
}
