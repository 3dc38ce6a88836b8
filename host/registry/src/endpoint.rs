//! Requests of plugins to the API of a registry, with its credential or one of the API's own.

use std::fmt;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use longshore_store::Operation;
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use url::Url;

use crate::auth::account::{CredentialState, FirstUse};
use crate::auth::header::{basic, bearer};
use crate::auth::sigv4::{AwsKeys, AwsScope, sign};
use crate::error::Failed as _;
use crate::http::body::read_bounded;
use crate::secret::known::{Origin, masked, masked_bytes};
use crate::{Cause, Client, Credential, RegistryError, Secret};

/// Timeout of a plugin's request.
const PATIENCE: Duration = Duration::from_secs(60);

/// The scheme of an endpoint on a registry's host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointScheme {
    /// The scheme that the registry itself uses.
    Registry,
    /// HTTPS.
    Https,
    /// Plain HTTP.
    Http,
}

/// A request to a registry's host outside of the distribution API.
#[derive(Clone, Debug)]
pub struct EndpointRequest {
    /// The scheme.
    pub scheme: EndpointScheme,
    /// The method, such as `POST`.
    pub method: &'static str,
    /// The escaped path and query, with the leading slash.
    pub path_and_query: String,
    /// Header names and values; none of them may authenticate.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Option<Bytes>,
    /// The largest accepted response body, in bytes; a longer one is an error.
    pub body_limit: u64,
    /// How the request authenticates.
    pub auth: EndpointAuth,
    /// Whether a success brings a credential, which is left as it is. In all other bodies, the secrets that
    /// this process has sent are masked.
    pub brings_credential: bool,
}

/// How a plugin's request authenticates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndpointAuth {
    /// Without a credential.
    None,
    /// With the user name and password that the user has for the registry, if there are any.
    Registry,
    /// With a credential of the API's own.
    Own {
        /// The credential.
        credential: EndpointCredential,
        /// What it belongs to and where it is from, for messages.
        owner: String,
    },
}

/// A credential for an API.
#[derive(Clone, PartialEq, Eq)]
pub enum EndpointCredential {
    /// A user name and a password.
    Basic {
        /// The user name.
        username: String,
        /// The password.
        password: Secret,
    },
    /// A token.
    Bearer(Secret),
    /// Keys of AWS, which sign the request.
    Aws {
        /// The keys.
        keys: AwsKeys,
        /// What the signature is for.
        scope: AwsScope,
    },
}

impl fmt::Debug for EndpointCredential {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Basic { .. } => "Basic(***)",
            Self::Bearer(_) => "Bearer(***)",
            Self::Aws { .. } => "Aws(***)",
        })
    }
}

/// The host's answer, whatever its status.
#[derive(Clone, Debug)]
pub struct EndpointResponse {
    /// The HTTP status.
    pub status: u16,
    /// Header names and values as received.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Bytes,
}

impl Client {
    /// Sends a plugin's request. A credential that the registry or its API refused is not sent again.
    ///
    /// Cookies are dropped, redirects are not followed and nothing is retried.
    ///
    /// # Errors
    /// No answer, a body above the limit, or a credential that was refused before.
    pub async fn send_endpoint(
        &self,
        request: EndpointRequest,
    ) -> Result<EndpointResponse, RegistryError> {
        let host = self.registry.api_host();
        // A query may hold a token.
        let path = request.path_and_query.split('?').next().unwrap_or_default();
        let operation = Operation::new("call", format!("{host}{path}"));
        match self.endpoint_exchange(request).await {
            Ok(response) => Ok(response),
            Err(cause) => Err(operation.failed(cause)),
        }
    }

    async fn endpoint_exchange(&self, request: EndpointRequest) -> Result<EndpointResponse, Cause> {
        let base = self.base().await?;
        let scheme = match request.scheme {
            EndpointScheme::Registry => base.url.scheme(),
            EndpointScheme::Https => "https",
            EndpointScheme::Http => "http",
        };
        let host = self.registry.api_host();
        let url = Url::parse(&format!("{scheme}://{host}{}", request.path_and_query))
            .map_err(|_| Cause::Location { host: host.to_owned(), why: "the path is not valid" })?;
        let bad = |why| Cause::Location { host: host.to_owned(), why };
        let method = Method::from_bytes(request.method.as_bytes())
            .map_err(|_| bad("the method is not valid"))?;
        let mut headers =
            header_map(&request.headers).ok_or_else(|| bad("a header is not valid"))?;
        let brings_credential = request.brings_credential;
        let body = request.body.unwrap_or_default();
        let signed = (request.method, &url, &*body);
        let first_use = self.authenticate(&request.auth, &mut headers, signed).await?;
        let mut outgoing = base
            .connections
            .metadata(&url, None)
            .await?
            .request(method, url.clone())
            .headers(headers)
            .timeout(PATIENCE);
        if !body.is_empty() || matches!(request.method, "POST" | "PUT" | "PATCH") {
            outgoing = outgoing.header(CONTENT_LENGTH, body.len()).body(body);
        }
        let response = outgoing
            .send()
            .await
            .map_err(|error| base.connections.failure(&error, &url, PATIENCE.as_secs()))?;
        let status = response.status().as_u16();
        // Public endpoints answer to a wrong password too, so a success proves nothing.
        if let (Some(first_use), 401) = (first_use, status) {
            first_use.settle(CredentialState::Doubted);
        }
        // A server may repeat the credential, which the plugin must not get.
        let text = |value: &HeaderValue| {
            masked(&String::from_utf8_lossy(value.as_bytes()), Origin::Answer).into_owned()
        };
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), text(value)))
            .collect();
        let body = read_bounded(response, request.body_limit).await?;
        let body = match brings_credential && (200..300).contains(&status) {
            true => body,
            false => masked_bytes(&body, Origin::Answer).map_or(body, Bytes::from),
        };
        Ok(EndpointResponse { status, headers, body })
    }
}

impl Client {
    /// Adds the headers that authenticate a request. Returns the first use of a credential that a server
    /// may refuse.
    async fn authenticate(
        &self,
        auth: &EndpointAuth,
        headers: &mut HeaderMap,
        signed: (&str, &Url, &[u8]),
    ) -> Result<Option<FirstUse>, Cause> {
        let (credential, owner) = match auth {
            EndpointAuth::None => return Ok(None),
            EndpointAuth::Registry => match self.given_credential(None).await? {
                Some(credential @ Credential::Basic { .. }) => (credential, self.owner()),
                _ => return Ok(None),
            },
            EndpointAuth::Own { credential, owner } => match credential {
                EndpointCredential::Aws { keys, scope } => {
                    sign(headers, signed, keys, scope, SystemTime::now())?;
                    // A wrong signature locks no account.
                    return Ok(None);
                }
                EndpointCredential::Basic { username, password } => {
                    let (username, password) = (username.clone(), password.clone());
                    (Credential::Basic { username, password }, owner.clone())
                }
                EndpointCredential::Bearer(token) => {
                    (Credential::RegistryToken(token.clone()), owner.clone())
                }
            },
        };
        let value = match &credential {
            Credential::Basic { username, password } => basic(username, password)?,
            Credential::RegistryToken(token) | Credential::IdentityToken(token) => bearer(token)?,
        };
        let first_use = self.accounts.present_to_api(&credential, owner).await?;
        headers.insert(AUTHORIZATION, value);
        Ok(first_use)
    }
}

fn header_map(headers: &[(String, String)]) -> Option<HeaderMap> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?);
    }
    Some(map)
}
