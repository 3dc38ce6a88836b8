//! How an entry ended, as the report keeps it: an [`Outcome`] in a quarter of its size.

use std::num::NonZeroU8;

use longshore_engine::job::{Comparison, Outcome, Status};
use longshore_oci::{Digest, Interned};

/// An [`Outcome`] that may be kept 100,000 times. What only few entries have is kept apart.
#[derive(Debug)]
pub(super) struct Ending {
    pub(super) status: Status,
    pub(super) unfinished: bool,
    pub(super) bytes: u64,
    digests: Digests,
    /// The digest at the destination, where it is none of `digests`.
    other: Option<Box<Digest>>,
    /// The number of the reason in [`Reasons`], from 1.
    reason: Option<NonZeroU8>,
    rare: Option<Box<Rare>>,
}

/// What is known of the digests of source and destination.
#[derive(Debug)]
enum Digests {
    /// Nothing, or it is kept apart.
    Other,
    /// The source's is SHA-256.
    Source([u8; 32]),
    /// Both have the same.
    Both([u8; 32]),
}

#[derive(Debug)]
struct Rare {
    /// It is not SHA-256.
    source_digest: Option<Digest>,
    /// It is not among [`Reasons`].
    reason: Option<String>,
    error: Option<String>,
    hint: Option<String>,
    comparison: Option<Box<Comparison>>,
}

impl Rare {
    /// The same in a box, unless there is nothing.
    fn kept(self) -> Option<Box<Self>> {
        let Self { source_digest, reason, error, hint, comparison } = &self;
        let is_empty = source_digest.is_none()
            && reason.is_none()
            && error.is_none()
            && hint.is_none()
            && comparison.is_none();
        (!is_empty).then(|| Box::new(self))
    }
}

impl Ending {
    /// How an entry ended.
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
        let (reason, unknown) = match outcome.reason.map(|reason| reasons.number_of(reason)) {
            None => (None, None),
            Some(Ok(number)) => (Some(number), None),
            Some(Err(reason)) => (None, Some(reason)),
        };
        let rare = Rare {
            source_digest,
            reason: unknown,
            error: outcome.error,
            hint: outcome.hint,
            comparison: outcome.comparison,
        };
        Self {
            status: outcome.status,
            unfinished: outcome.unfinished,
            bytes: outcome.bytes,
            digests,
            other,
            reason,
            rare: rare.kept(),
        }
    }

    /// The digest of the source's manifest, where it became known.
    pub(super) fn source_digest(&self) -> Option<Digest> {
        match self.digests {
            Digests::Source(bytes) | Digests::Both(bytes) => Some(Digest::Sha256(bytes)),
            Digests::Other => self.rare.as_ref()?.source_digest.clone(),
        }
    }

    /// The digest at the destination, where it became known.
    pub(super) fn destination_digest(&self) -> Option<Digest> {
        match self.digests {
            Digests::Both(bytes) => Some(Digest::Sha256(bytes)),
            Digests::Source(_) | Digests::Other => self.other.as_deref().cloned(),
        }
    }

    /// Why it was skipped, why the digest changed, or what a dry run would do.
    pub(super) fn reason<'a>(&'a self, reasons: &'a Reasons) -> Option<&'a str> {
        match self.reason {
            Some(number) => reasons.get(number),
            None => self.rare.as_ref()?.reason.as_deref(),
        }
    }

    /// Why it failed, where that is known.
    pub(super) fn error(&self) -> Option<&str> {
        self.rare.as_ref()?.error.as_deref()
    }

    /// What can be done about a failure.
    pub(super) fn hint(&self) -> Option<&str> {
        self.rare.as_ref()?.hint.as_deref()
    }

    /// What `mirror-validate` found wrong.
    pub(super) fn comparison(&self) -> Option<&Comparison> {
        self.rare.as_ref()?.comparison.as_deref()
    }
}

/// Reasons that thousands of entries may share, each kept once.
#[derive(Debug, Default)]
pub(super) struct Reasons(Interned<String>);

impl Reasons {
    /// A reason that names something of its entry is seen once only; beyond so many, none is kept.
    const MOST: u32 = 64;

    /// The number of `reason`, which comes back where it gets none.
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
        let failed =
            Outcome { hint: Some("log in".to_owned()), bytes: 7, ..Outcome::failed("denied") };
        let ending = Ending::of(failed, &mut reasons);
        assert_eq!((ending.error(), ending.hint()), (Some("denied"), Some("log in")));
        assert_eq!((ending.status, ending.unfinished, ending.bytes), (Status::Failed, false, 7));
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
