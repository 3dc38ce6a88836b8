//! Registries as stores (distribution-spec 1.1). This is the only crate that speaks HTTP to
//! registries.
//!
//! [`Registries`] holds what a run shares. A [`Client`] is one registry with its scheme, its
//! connections and its tokens. The engine sees it only as a `Source` and a `Destination`.

mod auth;
mod client;
mod content;
mod credential;
mod download;
mod endpoint;
mod error;
mod error_response;
mod hints;
mod http;
mod known;
mod limits;
mod listing;
mod request;
mod retry;
mod secret;
mod store;
mod traits;
mod upload;

pub use auth::aws::AwsSources;
pub use auth::exchange::{CredentialExchange, ExchangedCredential};
pub use auth::login::LoginAnswer;
pub use auth::sigv4::{AwsKeys, AwsScope};
pub use client::{Client, Registries, RegistryOptions, ThrottlePause};
pub use content::product::Product;
pub use credential::{
    AuthFilePath, Credential, CredentialError, CredentialOrigin, CredentialPlace,
    CredentialSources, CredentialStore, Credentials, EnvironmentCredential, ListedCredential,
    ListedLogin, ProgramFailure, variable_of,
};
pub use download::{Downloaded, FileCredential, FileRequest, FileTls};
pub use endpoint::{
    EndpointAuth, EndpointCredential, EndpointRequest, EndpointResponse, EndpointScheme,
};
pub use error::{Cause, RegistryError};
pub use hints::HintCache;
pub use http::certificate::{CertificateError, certificate_directories};
pub use http::insecure::InsecureRegistries;
pub use http::proxy::{Proxies, ProxyError, ProxyFault};
pub use http::tls_fault::TlsFault;
pub use http::zone::Zone;
pub use retry::DEFAULT_RETRIES;
pub use secret::{Secret, redact};
