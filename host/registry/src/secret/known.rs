//! The secrets that this process has sent, so that no answer brings them back into a log or a plugin.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{LazyLock, PoisonError, RwLock};

/// Shorter secrets, in bytes, are only looked for in answers: elsewhere they would be parts of words.
const LONG: usize = 8;
/// Still shorter secrets are not looked for at all.
const SHORT: usize = 4;
/// The most secrets kept. The first ones are sent again, and kept again, if they are still in use.
const KEPT: usize = 10_000;
/// The most bytes of the secrets kept: a registry chooses how long its tokens are.
const KEPT_BYTES: usize = 8 * 1024 * 1024;

/// The secrets of the process; a log line may hold a secret of any of its runs.
static KNOWN: LazyLock<RwLock<Known>> = LazyLock::new(RwLock::default);

/// Where a text comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// An answer of a server, which may repeat what it was sent.
    Answer,
    /// Anything else that is shown.
    Shown,
}

/// Remembers a secret that is about to be sent, in the spellings that answers repeat.
pub(crate) fn remember(secret: &str) {
    let encoded: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let quoted = serde_json::to_string(secret).unwrap_or_default();
    let quoted = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default();
    let spellings = [secret, encoded.as_str(), quoted];
    let is_known = {
        let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
        spellings.iter().all(|spelling| known.has(spelling))
    };
    if !is_known {
        let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
        spellings.iter().for_each(|spelling| known.add(spelling));
    }
}

/// Writes `***` for the known secrets in `text`.
pub(crate) fn masked(text: &str, origin: Origin) -> Cow<'_, str> {
    match masked_bytes(text.as_bytes(), origin) {
        Some(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        None => Cow::Borrowed(text),
    }
}

/// Writes `***` for the known secrets in `bytes`; `None` if there are none.
pub(crate) fn masked_bytes(bytes: &[u8], origin: Origin) -> Option<Vec<u8>> {
    KNOWN.read().unwrap_or_else(PoisonError::into_inner).masked(bytes, origin)
}

#[derive(Debug, Default)]
struct Known {
    /// The long secrets, by their first bytes.
    long: HashMap<[u8; LONG], Vec<String>>,
    short: Vec<String>,
    count: usize,
    bytes: usize,
}

impl Known {
    fn place(&self, secret: &str) -> Option<&Vec<String>> {
        match secret.as_bytes().first_chunk() {
            Some(start) => self.long.get(start),
            None => Some(&self.short),
        }
    }

    /// Whether the secret is known, or too short to be.
    fn has(&self, secret: &str) -> bool {
        let is_known = |known: &Vec<String>| known.iter().any(|known| known == secret);
        secret.len() < SHORT || self.place(secret).is_some_and(is_known)
    }

    fn add(&mut self, secret: &str) {
        if self.has(secret) {
            return;
        }
        if self.count >= KEPT || self.bytes + secret.len() > KEPT_BYTES {
            *self = Self::default();
        }
        self.count += 1;
        self.bytes += secret.len();
        let known = match secret.as_bytes().first_chunk() {
            Some(start) => self.long.entry(*start).or_default(),
            None => &mut self.short,
        };
        known.push(secret.to_owned());
    }

    fn masked(&self, bytes: &[u8], origin: Origin) -> Option<Vec<u8>> {
        if self.count == 0 {
            return None;
        }
        let mut shown: Option<Vec<u8>> = None;
        let (mut at, mut copied) = (0, 0);
        while at < bytes.len() {
            match self.length_at(&bytes[at..], origin) {
                Some(length) => {
                    let shown = shown.get_or_insert_with(|| Vec::with_capacity(bytes.len()));
                    shown.extend_from_slice(&bytes[copied..at]);
                    shown.extend_from_slice(b"***");
                    at += length;
                    copied = at;
                }
                None => at += 1,
            }
        }
        let mut shown = shown?;
        shown.extend_from_slice(&bytes[copied..]);
        Some(shown)
    }

    /// The length of the longest secret that `bytes` starts with.
    fn length_at(&self, bytes: &[u8], origin: Origin) -> Option<usize> {
        let long = bytes.first_chunk().and_then(|start| self.long.get(start));
        let short = (origin == Origin::Answer).then_some(&self.short);
        let known = long.into_iter().chain(short).flatten();
        let starts = known.filter(|secret| bytes.starts_with(secret.as_bytes()));
        starts.map(String::len).max()
    }
}

#[cfg(test)]
mod tests {
    use super::{KEPT, KEPT_BYTES, Known, Origin};

    fn masked(secrets: &[&str], text: &str, origin: Origin) -> String {
        let mut known = Known::default();
        secrets.iter().for_each(|secret| known.add(secret));
        let bytes = known.masked(text.as_bytes(), origin);
        bytes.map_or_else(|| text.to_owned(), |bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn secrets_are_replaced_wherever_they_stand() {
        for (text, expected) in [
            ("hunter2-hunter2", "***"),
            ("a hunter2-hunter2, hunter2-hunter2 b", "a ***, *** b"),
            ("hunter2-hunter2hunter2-hunter2", "******"),
            ("hunter2-hunter", "hunter2-hunter"),
            ("hunter2-hunter2-longer!", "***!"),
            ("größe-größe", "***"),
            ("", ""),
        ] {
            let secrets = ["hunter2-hunter2", "hunter2-hunter2-longer", "größe-größe"];
            assert_eq!(masked(&secrets, text, Origin::Shown), expected);
            assert_eq!(masked(&secrets, text, Origin::Answer), expected);
        }
    }

    #[test]
    fn short_secrets_are_looked_for_in_answers_only() {
        let secrets = ["pa55", "abc", "test"];
        assert_eq!(masked(&secrets, "team/test: pa55 abc", Origin::Answer), "team/***: *** abc");
        assert_eq!(masked(&secrets, "team/test: pa55 abc", Origin::Shown), "team/test: pa55 abc");
    }

    #[test]
    fn the_number_of_known_secrets_is_bounded() {
        let mut known = Known::default();
        (0..=KEPT).for_each(|number| known.add(&format!("secret {number}")));
        assert_eq!(known.count, 1);
        known.add(&format!("secret {KEPT}"));
        assert_eq!(known.count, 1, "it is known");
    }

    #[test]
    fn the_bytes_of_known_secrets_are_bounded() {
        let mut known = Known::default();
        let long = |number: usize| format!("{number:08}{}", "x".repeat(KEPT_BYTES / 4));
        for number in 0..20 {
            known.add(&long(number));
            let held: usize = known.long.values().flatten().map(String::len).sum();
            assert!(known.has(&long(number)) && held == known.bytes && held <= KEPT_BYTES);
        }
        known.add(&"y".repeat(2 * KEPT_BYTES));
        assert_eq!(known.count, 1, "the others are forgotten");
        known.add("short");
        assert_eq!(known.count, 1, "the long one is forgotten");
    }

    #[test]
    fn what_was_sent_is_known_in_every_spelling() {
        super::remember("s3nt \"to a server\"");
        for spelling in
            ["s3nt \"to a server\"", "s3nt+%22to+a+server%22", "s3nt \\\"to a server\\\""]
        {
            assert_eq!(super::masked(&format!("<{spelling}>"), Origin::Shown), "<***>");
        }
    }
}
