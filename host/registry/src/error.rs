//! What goes wrong with a registry: the operation, and the cause.

use std::time::Duration;

use longshore_store::{Fault, Operation, StoreError};

use crate::error_response::ErrorResponse;
use longshore_oci::{Digest, ManifestError};

/// What is done to a registry's catalogue.
pub(super) const CATALOG: &str = "list the repositories of";
/// What is done where a manifest is pushed.
pub(super) const PUSH_MANIFEST: &str = "push manifest";

/// Makes the error of an operation that failed.
pub(super) trait Failed {
    /// The operation failed by `cause`.
    fn failed(self, cause: impl Into<Cause>) -> RegistryError;
}

impl Failed for Operation {
    fn failed(self, cause: impl Into<Cause>) -> RegistryError {
        RegistryError { operation: self, cause: Box::new(cause.into()) }
    }
}

/// An operation on a registry failed.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{operation}: {cause}")]
pub struct RegistryError {
    /// What was being done.
    pub operation: Operation,
    /// Why it failed.
    pub cause: Box<Cause>,
}

/// Why an operation on a registry failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Cause {
    /// No connection: name, route, refusal, or it broke before an answer.
    #[error("cannot reach {host}: {why}")]
    Unreachable {
        /// The host and port.
        host: String,
        /// The innermost reason.
        why: String,
    },
    /// The peer's certificate is not trusted.
    #[error("certificate of {host} is not trusted: {why}")]
    Certificate {
        /// The host and port.
        host: String,
        /// What rustls says.
        why: String,
    },
    /// The connection broke in the middle of a body.
    #[error("connection to {host} broke: {why}")]
    Broken {
        /// The host and port.
        host: String,
        /// The innermost reason.
        why: String,
    },
    /// Nothing came for too long.
    #[error("{host} did not answer within {seconds} s")]
    TimedOut {
        /// The host and port.
        host: String,
        /// The bound that was exceeded.
        seconds: u64,
    },
    /// The registry's answer says no.
    #[error("{0}")]
    Answered(ErrorResponse),
    /// The token service has no time for us; the registry itself may have.
    #[error("token service: {0}")]
    BusyRealm(ErrorResponse),
    /// The token had ended, and there is a new one now.
    #[error("{0}")]
    Renewed(ErrorResponse),
    /// The token realm gave no token.
    #[error("token service {realm}: {why}")]
    Token {
        /// Where tokens come from.
        realm: String,
        /// Why there is none.
        why: String,
    },
    /// The realm refused the credential before; it is not tried again, which would lock accounts.
    #[error("the credential for {0} was refused earlier in this run")]
    CredentialRefused(String),
    /// The realm said that there were too many logins; more tries would lock accounts.
    #[error("logins with the credential for {0} are limited (429)")]
    LoginLimited(String),
    /// Credentials could not be read.
    #[error("{0}")]
    Credential(String),
    /// Certificates of `certs.d` could not be read.
    #[error("{0}")]
    CertificateFile(String),
    /// A redirect or upload location cannot be followed.
    #[error("{host} answered with a location that cannot be used: {why}")]
    Location {
        /// The host and port.
        host: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The registry named a time that is further away than `--max-wait` allows.
    #[error("{host} takes no more requests before {until}")]
    LimitedUntil {
        /// The registry.
        host: String,
        /// The time of day, or the date, in UTC.
        until: String,
    },
    /// The registry was waited for as long as `--max-wait` allows.
    #[error(
        "{host} has answered that there are too many requests for as long as --max-wait allows"
    )]
    LimitedForLong {
        /// The registry.
        host: String,
    },
    /// A part of a blob or of an upload is not where it was asked for.
    #[error("the answer holds the bytes {answered:?}, byte {offset} was asked for")]
    Range {
        /// The byte that was asked for.
        offset: u64,
        /// `Content-Range` or `Range` of the answer.
        answered: String,
    },
    /// The content is not what its digest says.
    #[error("content has digest {found}, expected {expected}")]
    Digest {
        /// What was asked for.
        expected: Digest,
        /// What arrived.
        found: Digest,
    },
    /// The content has another length than its descriptor says.
    #[error("content has {found} bytes, expected {expected}")]
    Size {
        /// Bytes expected.
        expected: u64,
        /// Bytes that arrived, or were announced.
        found: u64,
    },
    /// The registry keeps a damaged blob in the place of what it is sent.
    #[error(
        "it has {found} bytes there, expected {expected}, and sending it again changes nothing"
    )]
    Damaged {
        /// Bytes that the registry has.
        found: u64,
        /// Bytes expected.
        expected: u64,
    },
    /// A body is larger than the bound for its kind.
    #[error("the answer is larger than {limit} bytes")]
    TooLarge {
        /// The bound.
        limit: u64,
    },
    /// The registry takes no manifest of this size, as its repository type says.
    #[error("the manifest has {size} bytes, the registry takes {limit}")]
    ManifestTooLarge {
        /// Its bytes.
        size: u64,
        /// The most bytes that are taken.
        limit: u64,
    },
    /// Others kept undoing a change to an index that several may change.
    #[error("others keep changing it at the same time")]
    Contended,
    /// A list of tags, repositories or referrers cannot be read.
    #[error("the list cannot be read: {0}")]
    List(&'static str),
    /// The manifest cannot be mirrored.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
}

impl Cause {
    /// The registry's refusal, where there is one.
    pub const fn answer(&self) -> Option<&ErrorResponse> {
        match self {
            Self::Answered(answer) | Self::BusyRealm(answer) | Self::Renewed(answer) => {
                Some(answer)
            }
            _ => None,
        }
    }

    /// The status of the registry's refusal.
    pub fn status(&self) -> Option<u16> {
        self.answer().map(|answer| answer.status)
    }
}

impl RegistryError {
    /// Did the registry say that it is not there?
    pub fn is_not_found(&self) -> bool {
        matches!(self.cause.status(), Some(404))
    }

    /// Did the registry say that the manifest names content that it does not have?
    pub fn is_unknown_content(&self) -> bool {
        matches!(&*self.cause, Cause::Answered(answer) if matches!(answer.status, 400 | 404)
            && ["MANIFEST_BLOB_UNKNOWN", "BLOB_UNKNOWN", "MANIFEST_UNKNOWN"]
                .iter()
                .any(|&code| answer.has_code(code)))
    }

    /// Did the registry refuse because the tag may not change?
    pub fn is_immutable_tag(&self) -> bool {
        matches!(&*self.cause, Cause::Answered(answer)
            if answer.status == 412
                || (answer.status == 400 && answer.has_code("TAG_INVALID"))
                || (matches!(answer.status, 400 | 403 | 409)
                    && answer.detail.to_ascii_lowercase().contains("immutable")))
    }

    /// May the same request succeed later?
    pub fn is_transient(&self) -> bool {
        match &*self.cause {
            Cause::Unreachable { .. } | Cause::Broken { .. } | Cause::TimedOut { .. } => true,
            Cause::Answered(answer) | Cause::BusyRealm(answer) => {
                // A session that got lost is replaced by a new one.
                matches!(answer.status, 408 | 429 | 500..=599)
                    || answer.has_code("BLOB_UPLOAD_UNKNOWN")
            }
            Cause::Digest { .. } | Cause::Size { .. } | Cause::Renewed(_) => true,
            _ => false,
        }
    }

    /// Are there too many requests, by what the registry said now or before?
    pub fn is_limited(&self) -> bool {
        let before =
            matches!(&*self.cause, Cause::LimitedUntil { .. } | Cause::LimitedForLong { .. });
        before || self.cause.status() == Some(429)
    }

    /// Was nothing said of what was asked, as the registry is busy or cannot be reached?
    pub fn says_nothing(&self) -> bool {
        match &*self.cause {
            Cause::Answered(answer) => matches!(answer.status, 408 | 429 | 502..=504 | 520..=524),
            Cause::Unreachable { .. } | Cause::Broken { .. } | Cause::TimedOut { .. } => true,
            Cause::BusyRealm(_) | Cause::LoginLimited(_) => true,
            _ => self.is_limited(),
        }
    }

    /// Did the connection break, so that nobody knows what became of the request?
    pub fn is_unanswered(&self) -> bool {
        matches!(&*self.cause, Cause::Broken { .. } | Cause::TimedOut { .. })
    }

    /// How long the registry asked to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        self.cause.answer().and_then(|answer| answer.retry_after)
    }

    /// What a person can do about it.
    pub fn hint(&self) -> Option<String> {
        let hint = match &*self.cause {
            Cause::Certificate { .. } => {
                "put the registry's CA into a certs.d directory or SSL_CERT_FILE, or give --tls-verify=false"
            }
            Cause::Unreachable { why, .. } if why.contains("no TLS") => {
                "the registry speaks plain HTTP; give --tls-verify=false to allow that"
            }
            Cause::Unreachable { .. } => {
                "check the registry's name, the network and the proxy settings"
            }
            // No credential went there.
            Cause::Answered(answer) if answer.redirected.is_some() => match answer.status {
                401 | 403 | 404 if self.operation.verb == "fetch blob" => {
                    "the registry's storage refuses what the registry hands out; try again, or ask its operator"
                }
                _ => return None,
            },
            Cause::Answered(answer) | Cause::Renewed(answer) => match answer.status {
                401 | 403..=405 if self.operation.verb == CATALOG => {
                    "not every registry lists its repositories, and some only to who is logged in; name them one by one"
                }
                401 => {
                    "check that the credential is right and may do this; see docker login or DOCKER_USERNAME and DOCKER_PASSWORD"
                }
                403 => {
                    "the credential may not do this, or the registry is read-only or out of quota"
                }
                404 if self.operation.verb.starts_with("push") => {
                    "the repository or its project may have to be created first; see --repo-type"
                }
                404 => {
                    "check the name and the tag; a private image answers so without a credential too"
                }
                413 => "the registry or a proxy before it limits the size of uploads",
                429 => {
                    "the registry limits the rate; log in, give fewer jobs with -j, or wait longer with --max-wait"
                }
                _ => return None,
            },
            Cause::Credential(_) => {
                "mend or remove what is named there; docker login writes it anew"
            }
            Cause::Damaged { .. } => {
                "most registries keep what they have under a digest: delete the blob from the registry's storage first"
            }
            Cause::LoginLimited(_) => "repeat the run with the failed list later",
            Cause::LimitedUntil { .. } | Cause::LimitedForLong { .. } => {
                "repeat the run with the failed list later, log in for a higher limit, or wait longer with --max-wait"
            }
            Cause::Token { .. } | Cause::CredentialRefused(_) => {
                "check the credential; see docker login or DOCKER_USERNAME and DOCKER_PASSWORD"
            }
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

impl From<ErrorResponse> for Cause {
    fn from(answer: ErrorResponse) -> Self {
        Self::Answered(answer)
    }
}

impl From<RegistryError> for StoreError {
    /// The error as the engine sees it.
    fn from(error: RegistryError) -> Self {
        let is_manifest_push = error.operation.verb == PUSH_MANIFEST;
        let fault = match (&*error.cause, error.cause.status()) {
            (Cause::Digest { expected, found }, _) => {
                Fault::Digest { expected: expected.clone(), found: found.clone() }
            }
            (Cause::Size { expected, found }, _) => {
                Fault::Size { expected: *expected, found: *found }
            }
            (Cause::Manifest(manifest), _) => Fault::Manifest(manifest.clone()),
            _ if is_manifest_push && error.is_unknown_content() => Fault::MissingContent,
            _ if is_manifest_push && error.is_immutable_tag() => Fault::ImmutableTag,
            (_, Some(404)) => Fault::NotFound,
            (_, Some(400..=428)) => Fault::Refused,
            _ if error.is_unanswered() => Fault::Broken,
            _ => Fault::Other,
        };
        Self {
            message: error.cause.to_string(),
            hint: error.hint(),
            transient: error.is_transient(),
            rate_limited: error.is_limited(),
            retry_after: error.retry_after(),
            operation: error.operation,
            fault: Box::new(fault),
        }
    }
}
