//! The only room that speaks HTTP to registries (distribution-spec 1.1).
//!
//! [`Registries`] holds what a run shares; a [`Client`] is one registry with its scheme, its
//! connections and its tokens. One file per kind of endpoint.

mod account;
mod answer;
mod auth;
mod blob;
mod certificate;
mod client;
mod connection;
mod credential;
mod endpoint;
mod error;
mod manifest;
mod request;
mod retry;
mod secret;
mod tag;
mod token;
mod traits;

pub use blob::{BlobStream, UploadSession, UploadStart};
pub use certificate::{CertificateError, certificate_directories};
pub use client::{Client, Registries, RegistryOptions};
pub use credential::{
    AuthFilePath, Credential, CredentialError, CredentialSources, Credentials,
    EnvironmentCredential, ProgramFailure,
};
pub use endpoint::{EndpointRequest, EndpointResponse, EndpointScheme};
pub use error::{Cause, Operation, RegistryError};
pub use manifest::{ManifestHead, ManifestReference};
pub use retry::Waits;
pub use secret::Secret;

/// The body of an upload.
pub use reqwest::Body;

/// An upload's body that is read from `stream` as it goes out.
pub fn stream_body(
    stream: impl futures_util::Stream<Item = std::io::Result<bytes::Bytes>> + Send + 'static,
) -> Body {
    Body::wrap_stream(stream)
}
