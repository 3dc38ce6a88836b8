//! Registries as stores: the only crate that speaks HTTP to registries (distribution-spec 1.1).
//!
//! [`Registries`] holds what a run shares; a [`Client`] is one registry with its scheme, its
//! connections and its tokens. The engine sees it as a `Source` and a `Destination` only.

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
mod hints;
mod known;
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
mod store;
mod tag;
mod token;
mod traits;
mod transfer;
mod transport;
mod trust;
mod upload;

pub use certificate::{CertificateError, certificate_directories};
pub use client::{Client, Registries, RegistryOptions};
pub use credential::{
    AuthFilePath, Credential, CredentialError, CredentialSources, Credentials,
    EnvironmentCredential, ProgramFailure,
};
pub use endpoint::{EndpointRequest, EndpointResponse, EndpointScheme};
pub use error::{Cause, RegistryError};
pub use hints::HintCache;
pub use secret::Secret;
