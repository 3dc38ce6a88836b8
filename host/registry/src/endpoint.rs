//! Requests of plugins: to a registry's own host only, with its credential.

use std::time::Duration;

use bytes::Bytes;
use longshore_store::Operation;
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use url::Url;

use crate::auth::account::CredentialState;
use crate::auth::header::basic;
use crate::error::Failed as _;
use crate::http::body::read_bounded;
use crate::http::failure::cause_of;
use crate::secret::known::{Origin, masked, masked_bytes};
use crate::{Cause, Client, Credential, RegistryError};

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
    /// Whether the request carries the registry's user name and password, if there is one.
    pub authenticates: bool,
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
        let headers = header_map(&request.headers).ok_or_else(|| bad("a header is not valid"))?;
        let mut outgoing = base
            .connections
            .metadata(&url, None)?
            .request(method, url.clone())
            .headers(headers)
            .timeout(PATIENCE);
        let credential = match request.authenticates {
            true => self.credential(None).await?,
            false => None,
        };
        let mut first_use = None;
        if let Some(credential @ Credential::Basic { username, password }) = &credential {
            first_use = self.accounts.present_to_api(credential, self.owner()).await?;
            outgoing = outgoing.header(AUTHORIZATION, basic(username, password)?);
        }
        if let Some(body) = request.body {
            outgoing = outgoing.header(CONTENT_LENGTH, body.len()).body(body);
        }
        let response =
            outgoing.send().await.map_err(|error| cause_of(&error, &url, PATIENCE.as_secs()))?;
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
        let body = masked_bytes(&body, Origin::Answer).map_or(body, Bytes::from);
        Ok(EndpointResponse { status, headers, body })
    }
}

fn header_map(headers: &[(String, String)]) -> Option<HeaderMap> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?);
    }
    Some(map)
}
