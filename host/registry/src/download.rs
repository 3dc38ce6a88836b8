//! Downloads files from web servers, such as chart repositories.
//!
//! A file server is not a registry: its URL says the scheme, and Basic authentication is all that it asks
//! for. It shares certificates, proxies, retries and time-outs with registries.

pub(crate) mod shared;

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use longshore_oci::Registry;
use longshore_store::Operation;
use reqwest::header::AUTHORIZATION;
use reqwest::{Method, Request, Response};
use url::{Origin, Url};

use crate::auth::header::basic;
use crate::error::Failed as _;
use crate::http::address::{host_of, safe};
use crate::http::body::{Encoding, read_bounded, read_error};
use crate::http::certificate::{CertificateError, RegistryCertificates, certificates_of_files};
use crate::http::connection::{Connections, Purpose};
use crate::http::location::{Location, location};
use crate::http::zone::Zone;
use crate::retry::Backoff;
use crate::{Cause, Credential, Registries, RegistryError, Secret};

pub use shared::FileTls;

/// Timeout for the answer's headers.
const PATIENCE: Duration = Duration::from_secs(60);
/// The most redirects that are followed.
const REDIRECTS: usize = 5;

/// A user name and a password for a file server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileCredential {
    /// The user name.
    pub username: String,
    /// The password.
    pub password: Secret,
    /// The URL whose origin gets the credential; other origins never do.
    pub url: Url,
    /// Whether the origin of the first request gets the credential too, wherever it is. A redirect
    /// never carries it there.
    pub everywhere: bool,
}

/// A file to download.
#[derive(Clone, Debug)]
pub struct FileRequest<'a> {
    /// What is done, such as `fetch index`.
    pub verb: &'static str,
    /// The address.
    pub url: &'a Url,
    /// The credential, if there is one.
    pub credential: Option<&'a FileCredential>,
    /// Options of the server.
    pub tls: &'a FileTls,
    /// The largest accepted file, in bytes.
    pub limit: u64,
    /// Where the server lies whose answer named the address; `None` if the user did.
    pub named_from: Option<Zone>,
}

/// A downloaded file.
#[derive(Clone, Debug)]
pub struct Downloaded {
    /// Its bytes as they arrived.
    pub content: Bytes,
    /// The encoding that the answer's header names, such as `gzip`. Some servers name that of an archive,
    /// so only content that is not as expected is encoded.
    pub encoding: Option<String>,
    /// Where the server lies that answered.
    pub zone: Zone,
}

impl Registries {
    /// Returns the user name and password in the variable `LONGSHORE_AUTH_…` of the server of `url`. A bearer
    /// token is not one. Over plain HTTP, only this machine gets it.
    pub fn credential_of_variable(&self, url: &Url) -> Option<FileCredential> {
        let server: Registry = host_of(url).parse().ok()?;
        if url.scheme() != "https" && !server.is_loopback() {
            return None;
        }
        match self.options.credentials.of_variable(&server)? {
            Credential::Basic { username, password } => {
                Some(FileCredential { username, password, url: url.clone(), everywhere: false })
            }
            _ => None,
        }
    }

    /// Downloads a file into memory, with retries.
    ///
    /// Redirects are followed, but never from HTTPS to HTTP, and without the credential once they
    /// leave its origin.
    ///
    /// An address that another server's answer named must not lead into a network that this answer must not
    /// lead to.
    ///
    /// # Errors
    /// If the server cannot be reached or refuses, or the file is larger than the limit.
    pub async fn download(&self, request: &FileRequest<'_>) -> Result<Downloaded, RegistryError> {
        let (max_wait, retries) = (self.options.max_wait, self.options.retries);
        let mut backoff = Backoff::new(max_wait, retries, Arc::clone(&self.downloads.budget));
        loop {
            match self.download_once(request).await {
                Ok(file) => {
                    self.downloads.budget.refill();
                    return Ok(file);
                }
                Err(cause) => {
                    let operation = Operation::new(request.verb, safe(request.url));
                    backoff.wait_or_fail(operation.failed(cause)).await?;
                }
            }
        }
    }

    async fn download_once(&self, request: &FileRequest<'_>) -> Result<Downloaded, Cause> {
        let response = self.file_response(request).await?;
        if !response.status().is_success() {
            let other = response.url().origin() != request.url.origin();
            let redirected = other.then(|| host_of(response.url()));
            let mut error = read_error(response).await;
            error.redirected = redirected;
            return Err(Cause::Answered(error));
        }
        let encoding = Encoding::of(&response).name();
        let connections = self.file_connections(response.url(), request.tls)?;
        let zone = connections.zone_of(&response).await;
        Ok(Downloaded { content: read_bounded(response, request.limit).await?, encoding, zone })
    }

    async fn file_response(&self, request: &FileRequest<'_>) -> Result<Response, Cause> {
        let seconds = PATIENCE.as_secs();
        let mut at = Location { url: request.url.clone(), from: request.named_from };
        for hop in 0..=REDIRECTS {
            let mut outgoing = Request::new(Method::GET, at.url.clone());
            if let Some(credential) = request.credential
                && is_for(credential, &at.url, request.url, hop)
            {
                let value = basic(&credential.username, &credential.password)?;
                outgoing.headers_mut().insert(AUTHORIZATION, value);
            }
            let connections = self.file_connections(&at.url, request.tls)?;
            let sent = connections.send(outgoing, at.from, Purpose::Metadata, seconds);
            let response = tokio::time::timeout(PATIENCE, sent)
                .await
                .map_err(|_| Cause::TimedOut { host: host_of(&at.url), seconds })??;
            tracing::debug!("GET {} -> {}", safe(&at.url), response.status().as_u16());
            let status = response.status().as_u16();
            if !matches!(status, 301 | 302 | 303 | 307 | 308) {
                return Ok(response);
            }
            at = location(&response, &at.url, request.url, &connections).await?;
            at.from = at.from.or(request.named_from);
        }
        Err(Cause::Location { host: host_of(&at.url), why: "it redirects too often" })
    }

    /// Checks that an answer of a server in the zone `from` may name `registry`.
    ///
    /// # Errors
    /// If the registry lies in a network that such an answer must not lead to.
    pub async fn check_named(
        &self,
        verb: &'static str,
        registry: &Registry,
        from: Zone,
    ) -> Result<(), RegistryError> {
        let Ok(url) = Url::parse(&format!("https://{}/", registry.api_host())) else {
            return Ok(());
        };
        let checked = self.shared.check_named(&url, from).await;
        checked.map_err(|cause| Operation::new(verb, registry).failed(cause))
    }

    /// The connections to the host of `url`, with its roots and client certificate in `certs.d`.
    fn file_connections(&self, url: &Url, tls: &FileTls) -> Result<Arc<Connections>, Cause> {
        let host = host_of(url);
        let mut known = self.downloads.connections.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (host.clone(), tls.clone());
        if let Some(known) = known.get(&key) {
            return Ok(Arc::clone(known));
        }
        let unusable = |error: CertificateError| Cause::CertificateFile(Box::new(error));
        let mut certificates =
            certificates_of_files(tls.roots.as_deref(), tls.identity.as_ref()).map_err(unusable)?;
        let mut verify = !tls.unverified && !self.options.insecure.all;
        if let Ok(registry) = host.parse::<Registry>() {
            verify &= !self.options.insecure.has(&registry);
            let found = RegistryCertificates::of(&registry, &self.options.certificate_directories)
                .map_err(unusable)?;
            certificates.roots.extend(found.roots);
            certificates.identity = certificates.identity.or(found.identity);
        }
        let plain = certificates.roots.is_empty() && certificates.identity.is_none();
        let connections = if plain && verify == self.shared.checks_certificates() {
            Arc::clone(&self.shared)
        } else {
            certificates.roots.extend(self.shared.roots().iter().cloned());
            let proxies = Arc::clone(&self.options.proxies);
            Arc::new(Connections::new(verify, certificates, proxies))
        };
        known.insert(key, Arc::clone(&connections));
        Ok(connections)
    }
}

/// Whether the credential is sent to `url`, which is the request's own at hop 0.
fn is_for(credential: &FileCredential, url: &Url, first: &Url, hop: usize) -> bool {
    let is_tuple = matches!(url.origin(), Origin::Tuple(..));
    let own = url.origin() == credential.url.origin();
    let named = credential.everywhere && (hop == 0 || url.origin() == first.origin());
    // A password is never sent in the clear where it was given for HTTPS.
    let leaves_tls = credential.url.scheme() == "https" && url.scheme() != "https";
    is_tuple && !leaves_tls && (own || named)
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::{FileCredential, is_for};
    use crate::Secret;

    fn sent(everywhere: bool, to: &str, first: &str, hop: usize) -> bool {
        let url = |text: &str| Url::parse(text).unwrap();
        let credential = FileCredential {
            username: "me".to_owned(),
            password: Secret::new("hunter2"),
            url: url("https://charts.example/stable"),
            everywhere,
        };
        is_for(&credential, &url(to), &url(first), hop)
    }

    #[test]
    fn a_credential_stays_at_its_origin() {
        let own = "https://charts.example/x.tgz";
        assert!(sent(false, own, own, 0));
        for other in [
            "https://charts.example:8443/x",
            "http://charts.example/x",
            "https://cdn.example/x",
            "https://charts.example.evil.example/x",
        ] {
            assert!(!sent(false, other, other, 0), "{other}");
            assert!(!sent(false, other, own, 1), "{other} after a redirect");
            assert!(!sent(true, other, own, 1), "{other} after a redirect");
        }
        assert!(sent(true, "https://cdn.example/x", "https://cdn.example/x", 0));
        assert!(!sent(true, "http://cdn.example/x", "http://cdn.example/x", 0), "not in the clear");
    }
}
