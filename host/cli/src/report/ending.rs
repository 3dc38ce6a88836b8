//! The outcome of an entry as the report keeps it: an [`Outcome`] in a quarter of its size.

use std::num::NonZeroU8;
use std::time::Duration;

use longshore_engine::job::{Comparison, Outcome, Status};
use longshore_oci::{Digest, Interned};

/// An [`Outcome`] that is small enough to be kept 100,000 times. Fields that few entries use are boxed.
#[derive(Debug)]
pub(super) struct Ending {
    end: End,
    pub(super) bytes: u64,
    /// The time that the entry took, in milliseconds.
    millis: u32,
    digests: Digests,
    /// The digest at the destination, if `digests` does not hold it.
    other: Option<Box<Digest>>,
    /// The number of the reason in [`Reasons`], from 1.
    reason: Option<NonZeroU8>,
    /// The number of the cause of another digest in [`Reasons`], from 1.
    digest_change: Option<NonZeroU8>,
    rare: Option<Box<Rare>>,
}

/// A [`Status`], with what an interrupt ended apart, and what was skipped as a duplicate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Ended(Status),
    Unfinished,
    Duplicate,
}

/// The known digests of source and destination.
#[derive(Debug)]
enum Digests {
    /// None, or `Rare` holds it.
    Other,
    /// The source has this SHA-256 digest.
    Source([u8; 32]),
    /// Both have this SHA-256 digest.
    Both([u8; 32]),
}

#[derive(Debug)]
struct Rare {
    /// Set if it is not SHA-256.
    source_digest: Option<Digest>,
    /// Set if [`Reasons`] does not hold it.
    reason: Option<String>,
    /// Set if [`Reasons`] does not hold it.
    digest_change: Option<String>,
    error: Option<String>,
    hint: Option<String>,
    comparison: Option<Box<Comparison>>,
}

impl Rare {
    /// Boxes the fields, unless all are empty.
    fn boxed(self) -> Option<Box<Self>> {
        let Self { source_digest, reason, digest_change, error, hint, comparison } = &self;
        let is_empty = source_digest.is_none()
            && reason.is_none()
            && digest_change.is_none()
            && error.is_none()
            && hint.is_none()
            && comparison.is_none();
        (!is_empty).then(|| Box::new(self))
    }
}

impl Ending {
    /// Shrinks an outcome.
    pub(super) fn of(outcome: Outcome, reasons: &mut Reasons) -> Self {
        let Outcome { source_digest, destination_digest, .. } = outcome;
        let (digests, source_digest) = match source_digest {
            Some(Digest::Sha256(bytes)) => (Digests::Source(bytes), None),
            other => (Digests::Other, other),
        };
        let (digests, other) = match (digests, destination_digest) {
            (Digests::Source(source), Some(Digest::Sha256(bytes))) if source == bytes => {
                (Digests::Both(source), None)
            }
            (digests, other) => (digests, other.map(Box::new)),
        };
        let (reason, unknown) = reasons.numbered(outcome.reason);
        let (digest_change, unknown_change) = reasons.numbered(outcome.digest_change);
        let rare = Rare {
            source_digest,
            reason: unknown,
            digest_change: unknown_change,
            error: outcome.error,
            hint: outcome.hint,
            comparison: outcome.comparison,
        };
        Self {
            end: match (outcome.unfinished, outcome.status) {
                (true, Status::Failed) => End::Unfinished,
                (_, Status::Skipped) if outcome.is_duplicate => End::Duplicate,
                (_, status) => End::Ended(status),
            },
            bytes: outcome.bytes,
            // Seven weeks.
            millis: u32::try_from(outcome.took.as_millis()).unwrap_or(u32::MAX),
            digests,
            other,
            reason,
            digest_change,
            rare: rare.boxed(),
        }
    }

    /// Returns how the entry ended.
    pub(super) const fn status(&self) -> Status {
        match self.end {
            End::Ended(status) => status,
            End::Unfinished => Status::Failed,
            End::Duplicate => Status::Skipped,
        }
    }

    /// Says whether the entry was skipped because an earlier line is the same.
    pub(super) fn is_duplicate(&self) -> bool {
        self.end == End::Duplicate
    }

    /// Says whether an interrupt ended the entry early.
    pub(super) fn is_unfinished(&self) -> bool {
        self.end == End::Unfinished
    }

    /// Returns the time that the entry took.
    pub(super) const fn took(&self) -> Duration {
        Duration::from_millis(self.millis as u64)
    }

    /// Returns the digest of the source's manifest, if known.
    pub(super) fn source_digest(&self) -> Option<Digest> {
        match self.digests {
            Digests::Source(bytes) | Digests::Both(bytes) => Some(Digest::Sha256(bytes)),
            Digests::Other => self.rare.as_ref()?.source_digest.clone(),
        }
    }

    /// Returns the digest at the destination, if known.
    pub(super) fn destination_digest(&self) -> Option<Digest> {
        match self.digests {
            Digests::Both(bytes) => Some(Digest::Sha256(bytes)),
            Digests::Source(_) | Digests::Other => self.other.as_deref().cloned(),
        }
    }

    /// Returns why the entry was skipped, why its digest changed, or what a dry run would do.
    pub(super) fn reason<'a>(&'a self, reasons: &'a Reasons) -> Option<&'a str> {
        match self.reason {
            Some(number) => reasons.get(number),
            None => self.rare.as_ref()?.reason.as_deref(),
        }
    }

    /// Returns why the digest at the destination is not the source's.
    pub(super) fn digest_change<'a>(&'a self, reasons: &'a Reasons) -> Option<&'a str> {
        match self.digest_change {
            Some(number) => reasons.get(number),
            None => self.rare.as_ref()?.digest_change.as_deref(),
        }
    }

    /// Returns why the entry failed, if known.
    pub(super) fn error(&self) -> Option<&str> {
        self.rare.as_ref()?.error.as_deref()
    }

    /// Returns advice about a failure.
    pub(super) fn hint(&self) -> Option<&str> {
        self.rare.as_ref()?.hint.as_deref()
    }

    /// Returns the findings of `mirror-validate`.
    pub(super) fn comparison(&self) -> Option<&Comparison> {
        self.rare.as_ref()?.comparison.as_deref()
    }
}

/// Reasons that thousands of entries share, each kept once.
#[derive(Debug, Default)]
pub(super) struct Reasons(Interned<String>);

impl Reasons {
    /// The most reasons to keep. A reason that names its entry occurs once, so sharing it saves nothing.
    const MOST: u32 = 64;

    /// Returns the number of `reason`, or else `reason` itself.
    fn numbered(&mut self, reason: Option<String>) -> (Option<NonZeroU8>, Option<String>) {
        match reason.map(|reason| self.number_of(reason)) {
            None => (None, None),
            Some(Ok(number)) => (Some(number), None),
            Some(Err(reason)) => (None, Some(reason)),
        }
    }

    /// Returns the number of `reason`, or `reason` itself if it gets no number.
    fn number_of(&mut self, reason: String) -> Result<NonZeroU8, String> {
        let number = match self.0.find(&reason) {
            None if self.0.len() < Self::MOST => self.0.number_of(&reason),
            None => return Err(reason),
            Some(number) => number,
        };
        u8::try_from(number + 1).ok().and_then(NonZeroU8::new).ok_or(reason)
    }

    fn get(&self, number: NonZeroU8) -> Option<&str> {
        self.0.get(u32::from(number.get()) - 1).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Ending, Reasons};
    use longshore_engine::job::{Outcome, Status};
    use longshore_oci::{Algorithm, Digest, Hasher};

    #[test]
    fn an_outcome_survives_being_made_small() {
        let mut reasons = Reasons::default();
        let long = Hasher::new(Algorithm::Sha512).finish();
        let digests = [None, Some(Digest::of(b"1")), Some(Digest::of(b"2")), Some(long)];
        for source in &digests {
            for destination in &digests {
                let outcome = Outcome {
                    source_digest: source.clone(),
                    destination_digest: destination.clone(),
                    ..Outcome::new(Status::Copied)
                };
                let ending = Ending::of(outcome, &mut reasons);
                assert_eq!(ending.source_digest(), *source);
                assert_eq!(ending.destination_digest(), *destination);
                assert_eq!((ending.error(), ending.hint()), (None, None));
            }
        }
        let failed = Outcome {
            hint: Some("log in".to_owned()),
            bytes: 7,
            took: Duration::from_millis(1500),
            digest_change: Some("a filter".to_owned()),
            ..Outcome::failed("denied")
        };
        let ending = Ending::of(failed, &mut reasons);
        assert_eq!((ending.error(), ending.hint()), (Some("denied"), Some("log in")));
        assert_eq!((ending.status(), ending.is_unfinished()), (Status::Failed, false));
        assert_eq!((ending.bytes, ending.took()), (7, Duration::from_millis(1500)));
        assert_eq!(ending.digest_change(&reasons), Some("a filter"));
        let unfinished = Outcome { unfinished: true, ..Outcome::failed("interrupted") };
        let ending = Ending::of(unfinished, &mut reasons);
        assert_eq!((ending.status(), ending.is_unfinished()), (Status::Failed, true));
        let duplicate = Outcome { is_duplicate: true, ..Outcome::skipped("the same as line 1") };
        let ending = Ending::of(duplicate, &mut reasons);
        assert_eq!((ending.status(), ending.is_duplicate()), (Status::Skipped, true));
        let skipped = Ending::of(Outcome::skipped("no platform"), &mut reasons);
        assert_eq!((skipped.status(), skipped.is_duplicate()), (Status::Skipped, false));
    }

    #[test]
    fn a_reason_is_kept_once() {
        let mut reasons = Reasons::default();
        for number in (0..1000).chain(0..1000) {
            let ending = Ending::of(Outcome::skipped(number), &mut reasons);
            assert_eq!(ending.reason(&reasons), Some(number.to_string().as_str()));
            assert_eq!(ending.rare.is_none(), number < 64, "{number}");
        }
        assert_eq!(reasons.0.len(), Reasons::MOST);
    }
}
