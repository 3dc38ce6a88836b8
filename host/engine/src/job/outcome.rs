//! The outcome of an entry.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Comparison;
use longshore_oci::{Digest, Reference};

/// How an entry ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// The destination was written.
    Copied,
    /// `mirror-validate` found the destination as expected.
    Valid,
    /// Nothing had to be done, or nothing matched the platform filter; the reason tells which.
    Skipped,
    /// It failed, and is in the failed list.
    Failed,
    /// A dry run, which changes nothing: the entry could be copied.
    DryRun,
    /// A dry run could not look at the destination, and only a push can tell whether it is allowed.
    Unknown,
}

impl Status {
    /// The word shown to users, as in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Copied => "copied",
            Self::Valid => "valid",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
            Self::DryRun => "dry-run",
            Self::Unknown => "unknown",
        }
    }
}

/// The outcome of an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// How it ended.
    pub status: Status,
    /// The digest of the source's manifest, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_digest: Option<Digest>,
    /// The digest at the destination, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination_digest: Option<Digest>,
    /// Bytes of blobs and manifests that were transferred.
    pub bytes: u64,
    /// Why it was skipped, why the digest changed, or what a dry run would do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Advice for the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The digest of other content that the destination's tag named before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced: Option<Digest>,
    /// The differences that `mirror-validate` found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comparison: Option<Box<Comparison>>,
    /// Why the destination's digest is not the source's, if a filter or an index mode changed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest_change: Option<String>,
    /// Whether the platform filter left a part of the source's index out.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_cut: bool,
    /// Whether the list names the platforms of that filter, so that no flag keeps the whole index.
    #[serde(default, skip_serializing_if = "is_false")]
    pub names_platforms: bool,
    /// Whether it is skipped because an earlier line of the list is the same.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_duplicate: bool,
    /// Whether it failed like an earlier entry, because their destination refuses the login.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_repeated: bool,
    /// The bytes that a run would move at most, for a dry run that knows it from manifests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<u64>,
    /// The time that it took, without the time that it waited for its turn (`-j`).
    #[serde(default, skip_serializing_if = "Duration::is_zero")]
    pub took: Duration,
    /// Whether an interrupt ended it early.
    #[serde(default, skip_serializing_if = "is_false")]
    pub unfinished: bool,
    /// Whether it failed because a registry refuses the login of this machine.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_login: bool,
    /// Whether it failed because a registry cannot be reached from this machine.
    #[serde(default, skip_serializing_if = "is_false")]
    pub unreachable: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
const fn is_false(value: &bool) -> bool {
    !*value
}

impl Outcome {
    /// An outcome with a status and nothing else.
    pub const fn new(status: Status) -> Self {
        Self {
            status,
            source_digest: None,
            destination_digest: None,
            bytes: 0,
            reason: None,
            error: None,
            hint: None,
            replaced: None,
            comparison: None,
            digest_change: None,
            is_cut: false,
            names_platforms: false,
            is_duplicate: false,
            is_repeated: false,
            at_most: None,
            took: Duration::ZERO,
            unfinished: false,
            is_login: false,
            unreachable: false,
        }
    }

    /// Puts `name` in the place of `source` in all texts, with and without its version.
    #[must_use]
    pub fn renamed(self, source: &Reference, name: &str) -> Self {
        let (whole, bare) = (source.to_string(), source.name().to_string());
        let renamed = |text: String| text.replace(&whole, name).replace(&bare, name);
        let comparison = self.comparison.map(|mut comparison| {
            for finding in &mut comparison.findings {
                finding.text = renamed(std::mem::take(&mut finding.text));
            }
            comparison
        });
        Self {
            reason: self.reason.map(renamed),
            error: self.error.map(renamed),
            hint: self.hint.map(renamed),
            digest_change: self.digest_change.map(renamed),
            comparison,
            ..self
        }
    }

    /// A failure.
    pub fn failed(error: impl ToString) -> Self {
        Self { error: Some(error.to_string()), ..Self::new(Status::Failed) }
    }

    /// A skip, with its reason.
    pub fn skipped(reason: impl ToString) -> Self {
        Self { reason: Some(reason.to_string()), ..Self::new(Status::Skipped) }
    }
}
