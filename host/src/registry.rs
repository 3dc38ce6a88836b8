//! The only room that speaks HTTP to registries (distribution-spec 1.1).
//!
//! [`Registries`] holds what a run shares; a [`Client`] is one registry with its scheme, its
//! connections and its tokens. One file per kind of endpoint.

mod account;
mod answer;
mod auth;
mod authorization;
mod blob;
mod certificate;
mod chunk;
mod client;
mod connection;
mod credential;
mod endpoint;
mod error;
mod limit;
mod manifest;
mod mount;
mod pace;
mod page;
mod pause;
mod permit;
mod presence;
mod probe;
mod referrer;
mod request;
mod retry;
mod scheme;
mod secret;
mod tag;
mod token;
mod traits;
mod transport;
mod trust;
mod upload;

pub use blob::{BlobStream, LONGEST_PAUSE};
pub use certificate::{CertificateError, certificate_directories};
pub use chunk::Chunk;
pub use client::{Client, Registries, RegistryOptions, TransferPermit};
pub use credential::{
    AuthFilePath, Credential, CredentialError, CredentialSources, Credentials,
    EnvironmentCredential, ProgramFailure,
};
pub use endpoint::{EndpointRequest, EndpointResponse, EndpointScheme};
pub use error::{Cause, Operation, RegistryError};
pub use manifest::{ManifestHead, ManifestPushed, ManifestReference};
pub use presence::BlobPresence;
pub use referrer::{cosign_tags, referrers_tag};
pub use retry::{Effort, Waits};
pub use secret::Secret;
pub use upload::{UploadSession, UploadStart};

/// The body of an upload.
pub use reqwest::Body;

/// An upload's body that is read from `stream` as it goes out.
pub fn stream_body(
    stream: impl futures_util::Stream<Item = std::io::Result<bytes::Bytes>> + Send + 'static,
) -> Body {
    Body::wrap_stream(stream)
}
