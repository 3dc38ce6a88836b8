//! Errors of registry operations: the operation and the cause.

mod advice;

use std::time::Duration;

use longshore_store::{Fault, Operation, StoreError};

use crate::credential::CredentialError;
use crate::error_response::ErrorResponse;
use crate::http::certificate::CertificateError;
use crate::http::tls_fault::TlsFault;
use crate::http::zone::Zone;
use longshore_oci::{Digest, ManifestError};

/// The verb of the operation that lists a registry's repositories.
pub(super) const CATALOG: &str = "list the repositories of";
/// The verb of the operation that pushes a manifest.
pub(super) const PUSH_MANIFEST: &str = "push manifest";

/// The way out of a push into a pull-through cache.
const INTO_CACHE: &str = "choose a project or registry that is not a pull-through cache; what such a cache shows is stored elsewhere";

/// Turns a failed operation into an error.
pub(super) trait Failed {
    /// The error of the operation with this cause.
    fn failed(self, cause: impl Into<Cause>) -> RegistryError;
}

impl Failed for Operation {
    fn failed(self, cause: impl Into<Cause>) -> RegistryError {
        RegistryError { operation: self, cause: Box::new(cause.into()), advice: None }
    }
}

/// An operation on a registry failed.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{operation}: {cause}")]
pub struct RegistryError {
    /// The operation.
    pub operation: Operation,
    /// The cause.
    pub cause: Box<Cause>,
    /// Advice that fits the object, and comes before that for the cause.
    pub advice: Option<String>,
}

/// Why an operation on a registry failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Cause {
    /// No connection: name resolution, routing or refusal, or it broke before an answer.
    #[error("cannot reach {host}: {why}")]
    Unreachable {
        /// The host and port.
        host: String,
        /// The innermost error.
        why: String,
    },
    /// The peer's certificate is not trusted.
    #[error("certificate of {host} is not trusted: {fault}")]
    Certificate {
        /// The host and port.
        host: String,
        /// What is wrong with the certificate.
        fault: TlsFault,
    },
    /// The peer refuses the TLS handshake.
    #[error("the TLS handshake with {host} failed: {fault}")]
    Handshake {
        /// The host and port.
        host: String,
        /// What the peer says.
        fault: TlsFault,
    },
    /// The connection broke in the middle of a body.
    #[error("connection to {host} broke: {why}")]
    Broken {
        /// The host and port.
        host: String,
        /// The innermost error.
        why: String,
    },
    /// No connection was made within the timeout.
    #[error("cannot reach {host}: no connection within {seconds} s")]
    NoConnection {
        /// The host and port.
        host: String,
        /// The timeout, in seconds.
        seconds: u64,
    },
    /// Nothing arrived within the timeout.
    #[error("{host} did not answer within {seconds} s")]
    TimedOut {
        /// The host and port.
        host: String,
        /// The timeout, in seconds.
        seconds: u64,
    },
    /// The peer sends or takes a body too slowly.
    #[error("{host} moves less than {floor} bytes in {seconds} s")]
    Slow {
        /// The host and port.
        host: String,
        /// The fewest bytes that it must move in this time.
        floor: u64,
        /// The time, in seconds.
        seconds: u64,
    },
    /// The registry refused the request.
    #[error("{0}")]
    Answered(ErrorResponse),
    /// The token service is overloaded; the registry itself may not be.
    #[error("token service {realm}: {answer}")]
    OverloadedRealm {
        /// The host of the token service.
        realm: String,
        /// Its refusal.
        answer: Box<ErrorResponse>,
    },
    /// The token had expired, and was renewed.
    #[error("{0}")]
    Renewed(ErrorResponse),
    /// The token service issued no token.
    #[error("token service {realm}: {why}")]
    Token {
        /// The host of the token service.
        realm: String,
        /// The reason.
        why: String,
    },
    /// The credential was refused before; it is not sent again, as that would lock accounts.
    #[error(
        "the credential for {0} was refused earlier in this run (401 or 403 at its first use) and is not sent again"
    )]
    CredentialRefused(String),
    /// Logins are rate limited; more attempts would lock accounts.
    #[error("logins with the credential for {0} are limited (429)")]
    LoginLimited(String),
    /// The credential cannot be used.
    #[error("{0}")]
    Credential(String),
    /// A plugin could not fetch the credential.
    #[error("{0}")]
    Exchange(String),
    /// The credential could not be looked up.
    #[error("{0}")]
    CredentialLookUp(CredentialError),
    /// Certificates of `certs.d` could not be read.
    #[error("{0}")]
    CertificateFile(Box<CertificateError>),
    /// A redirect or upload location cannot be used.
    #[error("{host} answered with a location that cannot be used: {why}")]
    Location {
        /// The host and port.
        host: String,
        /// What is wrong with the location.
        why: &'static str,
    },
    /// A redirect, an upload location or a token service lies where the answer that named it must not
    /// lead to.
    #[error(
        "an answer leads to {host}, which is at a {zone} address, unlike the host that sent it"
    )]
    Astray {
        /// The host and port that it leads to.
        host: String,
        /// Where that host is.
        zone: Zone,
    },
    /// The registry asked for a wait beyond `--max-wait`.
    #[error("{host} takes no more requests before {until}")]
    RateLimitedUntil {
        /// The registry.
        host: String,
        /// The time of day or the date, in UTC.
        until: String,
    },
    /// The registry stayed throttled for all of `--max-wait`.
    #[error(
        "{host} has answered that there are too many requests for as long as --max-wait allows"
    )]
    RateLimitedForLong {
        /// The registry.
        host: String,
    },
    /// The answer holds another part of a blob or upload than requested.
    #[error("the answer holds the bytes {answered:?}, requested from byte {offset}")]
    Range {
        /// The requested offset, in bytes.
        offset: u64,
        /// `Content-Range` or `Range` of the answer.
        answered: String,
    },
    /// The content does not match its digest.
    #[error("content has digest {found}, expected {expected}")]
    Digest {
        /// The requested digest.
        expected: Digest,
        /// The digest of the content.
        found: Digest,
    },
    /// The content's size differs from its descriptor.
    #[error("content has {found} bytes, expected {expected}")]
    Size {
        /// The expected size, in bytes.
        expected: u64,
        /// The received or announced size, in bytes.
        found: u64,
    },
    /// The registry keeps a damaged blob, whatever is sent to it.
    #[error(
        "it has {found} bytes there, expected {expected}, and sending it again changes nothing"
    )]
    Damaged {
        /// The digest of the blob.
        digest: Digest,
        /// Bytes that the registry has.
        found: u64,
        /// Bytes expected.
        expected: u64,
    },
    /// A proxy on the way compresses what nobody asked it to compress.
    #[error("the answer of {host} is compressed ({encoding}), which was not asked for")]
    Encoded {
        /// The host and port.
        host: String,
        /// The encoding.
        encoding: String,
    },
    /// A web page came instead of JSON, such as one to log in.
    #[error("{host} answered with a web page{title}, which no registry does")]
    WebPage {
        /// The host and port.
        host: String,
        /// The title of the page in parentheses, after a blank; empty without a title.
        title: String,
    },
    /// A body exceeds the limit for its kind.
    #[error("the answer is larger than {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: u64,
    },
    /// The registry does not accept manifests of this size, according to its repository type.
    #[error("the manifest has {size} bytes, the registry accepts at most {limit}")]
    ManifestTooLarge {
        /// The manifest's size, in bytes.
        size: u64,
        /// The registry's limit, in bytes.
        limit: u64,
    },
    /// The registry asks for a login, and no credential is known.
    #[error("a push would be refused: no credential is known for {0}")]
    NoCredential(String),
    /// The token for the credential does not allow a push.
    #[error("a push would be refused: the token for {0} does not allow it")]
    NoRightToPush(String),
    /// The destination is a pull-through cache.
    #[error("{0}; nothing can be mirrored into it")]
    PullThrough(String),
    /// The registry allows only these methods where uploads begin.
    #[error("the registry takes no uploads: it allows only {0} there")]
    ReadOnly(String),
    /// Other writers kept overwriting a shared index.
    #[error("others keep changing it at the same time")]
    Contended,
    /// A list of tags, repositories or referrers cannot be read.
    #[error("the list cannot be read: {0}")]
    List(&'static str),
    /// The tag of a list of referrers holds something else.
    #[error("the list cannot be read: it is not an index of referrers")]
    NotReferrers,
    /// The manifest cannot be mirrored.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
}

impl Cause {
    /// The registry's refusal, if there is one.
    pub const fn answer(&self) -> Option<&ErrorResponse> {
        match self {
            Self::Answered(answer) | Self::Renewed(answer) => Some(answer),
            Self::OverloadedRealm { answer, .. } => Some(answer),
            _ => None,
        }
    }

    /// The HTTP status of the refusal.
    pub fn status(&self) -> Option<u16> {
        self.answer().map(|answer| answer.status)
    }
}

impl RegistryError {
    /// Whether another credential may help.
    pub fn is_login(&self) -> bool {
        match &*self.cause {
            Cause::Token { .. } | Cause::CredentialRefused(_) => true,
            cause => cause.answer().is_some_and(|answer| self.login_at_fault(answer).is_some()),
        }
    }

    /// Whether no credential was tried, and one may help.
    pub fn lacks_login(&self) -> bool {
        match &*self.cause {
            Cause::NoCredential(_) => true,
            cause => {
                let login = cause.answer().and_then(|answer| self.login_at_fault(answer));
                login.is_some_and(|login| login.origin.is_none())
            }
        }
    }

    /// Whether the registry answered that the object does not exist.
    pub fn is_not_found(&self) -> bool {
        let says_so = |answer: &ErrorResponse| {
            answer.status == 404 || answer.lacks_namespace() || answer.lacks_repository()
        };
        self.cause.answer().is_some_and(says_so)
    }

    /// Whether the registry refused a manifest because it lacks content that the manifest names.
    pub fn is_unknown_content(&self) -> bool {
        matches!(&*self.cause, Cause::Answered(answer) if matches!(answer.status, 400 | 404)
            && ["MANIFEST_BLOB_UNKNOWN", "BLOB_UNKNOWN", "MANIFEST_UNKNOWN"]
                .iter()
                .any(|&code| answer.has_code(code)))
    }

    /// Whether the registry refused because the tag is immutable.
    pub fn is_immutable_tag(&self) -> bool {
        matches!(&*self.cause, Cause::Answered(answer)
            if answer.status == 412
                || (answer.status == 400 && answer.has_code("TAG_INVALID"))
                || (matches!(answer.status, 400 | 403 | 409)
                    && answer.detail.to_ascii_lowercase().contains("immutable")))
    }

    /// Whether the same request may succeed later.
    pub fn is_transient(&self) -> bool {
        match &*self.cause {
            Cause::Unreachable { .. } | Cause::NoConnection { .. } | Cause::Broken { .. } => true,
            Cause::TimedOut { .. } | Cause::Slow { .. } => true,
            Cause::Answered(_) | Cause::OverloadedRealm { .. } => {
                let Some(answer) = self.cause.answer() else { return false };
                // A lost session is replaced by a new one.
                matches!(answer.status, 408 | 429 | 500..=599)
                    || answer.has_code("BLOB_UPLOAD_UNKNOWN")
            }
            Cause::Digest { .. } | Cause::Size { .. } | Cause::Renewed(_) => true,
            _ => false,
        }
    }

    /// Whether the registry refused a token, and a new one is at hand.
    pub(crate) fn has_new_token(&self) -> bool {
        matches!(&*self.cause, Cause::Renewed(_))
    }

    /// Whether the registry is rate limiting requests, now or before.
    pub fn is_rate_limited(&self) -> bool {
        let before = matches!(
            &*self.cause,
            Cause::RateLimitedUntil { .. } | Cause::RateLimitedForLong { .. }
        );
        before || self.cause.status() == Some(429)
    }

    /// Whether the error says nothing about the requested object: the registry is overloaded or
    /// unreachable.
    pub fn is_inconclusive(&self) -> bool {
        match &*self.cause {
            Cause::Answered(answer) => matches!(answer.status, 408 | 429 | 502..=504 | 520..=524),
            Cause::Unreachable { .. } | Cause::NoConnection { .. } | Cause::Broken { .. } => true,
            Cause::TimedOut { .. } | Cause::Slow { .. } => true,
            Cause::OverloadedRealm { .. } | Cause::LoginLimited(_) => true,
            _ => self.is_rate_limited(),
        }
    }

    /// Whether the connection broke, so that the request may or may not have been processed.
    pub fn is_unanswered(&self) -> bool {
        matches!(&*self.cause, Cause::Broken { .. } | Cause::TimedOut { .. } | Cause::Slow { .. })
    }

    /// The wait that the registry asked for.
    pub fn retry_after(&self) -> Option<Duration> {
        self.cause.answer().and_then(|answer| answer.retry_after)
    }
}

impl From<ErrorResponse> for Cause {
    fn from(answer: ErrorResponse) -> Self {
        Self::Answered(answer)
    }
}

impl From<RegistryError> for StoreError {
    /// Converts the error for the engine.
    fn from(error: RegistryError) -> Self {
        let is_manifest_push = error.operation.verb == PUSH_MANIFEST;
        let fault = match (&*error.cause, error.cause.status()) {
            (Cause::Digest { expected, found }, _) => {
                Fault::Digest { expected: expected.clone(), found: found.clone() }
            }
            (Cause::Size { expected, found }, _) => {
                Fault::Size { expected: *expected, found: *found }
            }
            (Cause::PullThrough(_) | Cause::NoRightToPush(_) | Cause::ReadOnly(_), _) => {
                Fault::Refused
            }
            (Cause::Manifest(manifest), _) => Fault::Manifest(manifest.clone()),
            _ if is_manifest_push && error.is_unknown_content() => Fault::MissingContent,
            _ if is_manifest_push && error.is_immutable_tag() => Fault::ImmutableTag,
            _ if error.cause.answer().is_some_and(ErrorResponse::lacks_namespace) => {
                Fault::NoNamespace
            }
            _ if error.is_not_found() => Fault::NotFound,
            (_, Some(400..=428)) => Fault::Refused,
            (Cause::Unreachable { .. } | Cause::NoConnection { .. }, _) => Fault::Unreachable,
            _ if error.is_unanswered() => Fault::Broken,
            _ => Fault::Other,
        };
        Self {
            message: error.cause.to_string(),
            hint: error.hint(),
            is_login: error.is_login(),
            lacks_login: error.lacks_login(),
            transient: error.is_transient(),
            rate_limited: error.is_rate_limited(),
            retry_after: error.retry_after(),
            operation: error.operation,
            fault: Box::new(fault),
        }
    }
}
