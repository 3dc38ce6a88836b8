//! Authorization of requests: a credential, or a token that its realm issued for it.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use base64::Engine as _;
use reqwest::StatusCode;
use reqwest::header::{AUTHORIZATION, HeaderValue};
use url::Url;

use crate::auth::account::{CredentialState, FirstUse};
use crate::auth::challenge::Challenge;
use crate::auth::token::{TOKEN_BODY_LIMIT, Token, TokenAnswer, TokenScope, usable};
use crate::http::connection::{cause_of, host_of, read_bounded, read_error};
use crate::limits::throttle::gave_up_cause;
use crate::limits::window::Class;
use crate::{Cause, Client, Credential, Secret};
use longshore_oci::Repository;

/// Timeout of a token request.
const TOKEN: Duration = Duration::from_secs(30);

/// The authorization of one request.
#[derive(Debug, Default)]
pub(crate) struct Authorization {
    /// The `Authorization` header.
    pub(crate) header: Option<HeaderValue>,
    /// The token in the header. Unlike a credential, it can be renewed.
    pub(crate) token: Option<Token>,
    first_use: Option<FirstUse>,
}

impl Authorization {
    /// Settles the credential's state with the status of the registry's own answer.
    pub(crate) fn answered(&mut self, status: StatusCode) {
        // An overloaded registry has not checked the credential.
        let is_inconclusive = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
        if let Some(first_use) = self.first_use.take().filter(|_| !is_inconclusive) {
            first_use.settle(state_after(status));
        }
        if let Some(token) = self.token.as_ref().filter(|_| status.is_success()) {
            token.works();
        }
    }

    /// May `status` mean that the registry has ended the token? Some answer 400 or 403 then. Only a
    /// token that worked before is worth a new one.
    pub(crate) fn may_have_ended(&self, status: StatusCode) -> bool {
        matches!(status, StatusCode::BAD_REQUEST | StatusCode::FORBIDDEN)
            && self.token.as_ref().is_some_and(Token::has_worked)
    }

    /// Whether a retry would send the same credential again, which would fail again.
    pub(crate) const fn is_final(&self) -> bool {
        self.header.is_some() && self.token.is_none()
    }
}

impl Client {
    pub(crate) fn challenge_is_known(&self) -> bool {
        self.challenge.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Records the challenge of an answer, or that it had none.
    ///
    /// The first challenge stays: Harbor asks for a password where a token lacks a right.
    pub(crate) fn learn(&self, challenge: Option<Challenge>) {
        let mut known = self.challenge.lock().unwrap_or_else(PoisonError::into_inner);
        if !matches!(*known, Some(Some(_))) && (challenge.is_some() || known.is_none()) {
            *known = Some(challenge);
        }
    }

    pub(crate) async fn credential(
        &self,
        repository: Option<&Repository>,
    ) -> Result<Option<Credential>, Cause> {
        self.options
            .credentials
            .of(&self.registry, repository)
            .await
            .map_err(|error| Cause::Credential(error.to_string()))
    }

    /// Names the account that accesses `repository`, as a key for caches that outlive the run.
    ///
    /// Returns `None` if the credential cannot be read. The name holds no secret: all tokens
    /// without a user name share one name.
    pub async fn account(&self, repository: &Repository) -> Option<String> {
        Some(match self.credential(Some(repository)).await.ok()? {
            None => "anonymous".to_owned(),
            Some(Credential::Basic { username, .. }) => format!("user {username}"),
            Some(Credential::IdentityToken(_)) => "identity token".to_owned(),
            Some(Credential::RegistryToken(_)) => "registry token".to_owned(),
        })
    }

    /// Describes the credential's origin for messages.
    fn owner(&self) -> String {
        let origin = self.options.credentials.origin_of(&self.registry);
        format!("{} (from {origin})", self.registry)
    }

    /// Authorizes a request that needs `access`. `refused` is a token that just got a 401 and is
    /// renewed.
    pub(crate) async fn authorization(
        &self,
        access: &TokenScope,
        refused: Option<&Token>,
    ) -> Result<Authorization, Cause> {
        self.authorization_for(access, refused, Duration::ZERO).await
    }

    /// Like [`Self::authorization`], for a request that takes at least `long`.
    pub(crate) async fn authorization_for(
        &self,
        access: &TokenScope,
        refused: Option<&Token>,
        long: Duration,
    ) -> Result<Authorization, Cause> {
        let challenge =
            self.challenge.lock().unwrap_or_else(PoisonError::into_inner).clone().flatten();
        let Some(challenge) = challenge else { return Ok(Authorization::default()) };
        let credential = self.credential(access.repository()).await?;
        let shown_as_it_is = match (&challenge, &credential) {
            (_, Some(Credential::RegistryToken(token))) => Some(bearer(token)?),
            (Challenge::Basic, Some(Credential::Basic { username, password })) => {
                Some(basic(username, password)?)
            }
            _ => None,
        };
        if let (Some(header), Some(credential)) = (shown_as_it_is, &credential) {
            let first_use = self.accounts.present(credential, self.owner()).await?;
            return Ok(Authorization { header: Some(header), token: None, first_use });
        }
        let Challenge::Bearer { realm, service } = challenge else {
            return Ok(Authorization::default());
        };
        let slot = self.tokens.slot(access);
        let mut held = slot.lock().await;
        let token = match (usable(held.as_ref(), refused, Instant::now() + long), refused) {
            (Some(token), _) => token,
            (None, Some(refused)) if refused.is_hopeless(Instant::now()) => {
                return Ok(Authorization::default());
            }
            (None, _) => {
                let fetched =
                    self.fetch_token(&realm, service.as_deref(), access, credential).await?;
                held.insert(fetched.replacing(refused)).clone()
            }
        };
        let header = Some(bearer(&token.value)?);
        Ok(Authorization { header, token: Some(token), first_use: None })
    }

    async fn fetch_token(
        &self,
        realm: &Url,
        service: Option<&str>,
        access: &TokenScope,
        credential: Option<Credential>,
    ) -> Result<Token, Cause> {
        let failed = |why: String| Cause::Token { realm: host_of(realm), why };
        let base = self.base().await?;
        if base.url.scheme() == "https" && realm.scheme() != "https" && credential.is_some() {
            return Err(failed("credentials are not sent over plain HTTP".to_owned()));
        }
        let first_use = match &credential {
            Some(credential) => self.accounts.present(credential, self.owner()).await?,
            None => None,
        };
        // No permit is held while waiting for a first use, so this cannot deadlock.
        let windows = self.token_services.of(&host_of(realm));
        let too_long = |why| gave_up_cause(host_of(realm), why);
        let _permit =
            windows.enter(Class::Lookup).await.map_err(|closed| too_long(closed.reason))?;
        let sent = Instant::now();
        let client = base.connections.metadata(realm)?;
        let request = token_request(client, realm, service, access, credential.as_ref())?;
        let response = request
            .timeout(TOKEN)
            .send()
            .await
            .map_err(|error| cause_of(&error, realm, TOKEN.as_secs()))?;
        let status = response.status();
        match (first_use, &credential) {
            (Some(first_use), _) if status.is_success() || is_final_status(status) => {
                first_use.settle(state_after(status));
            }
            // The credential worked before, so a 401 is about the requested scope; only a 429 is
            // about it.
            (None, Some(credential)) if status == StatusCode::TOO_MANY_REQUESTS => {
                self.accounts.update(credential, CredentialState::Limited).await;
            }
            _ => {}
        }
        if !status.is_success() {
            let answer = read_error(response).await;
            if answer.status == 429 {
                windows.overloaded(Class::Lookup, sent);
                // Repeated logins lock accounts.
                if credential.is_some() {
                    return Err(Cause::LoginLimited(self.owner()));
                }
                let limit = windows.throttled(Class::Lookup, &[], answer.retry_after, sent);
                self.report_throttled(&host_of(realm), &answer, limit).map_err(too_long)?;
            }
            // A busy realm is worth a retry; a refusal is not.
            return Err(match answer.status {
                429 | 500..=599 => Cause::OverloadedRealm(answer),
                _ => failed(answer.to_string()),
            });
        }
        windows.succeeded(Class::Lookup);
        let body = read_bounded(response, TOKEN_BODY_LIMIT).await?;
        let answer: TokenAnswer = serde_json::from_slice(&body)
            .map_err(|_| failed("its answer contains no JSON".to_owned()))?;
        Token::of(answer, Instant::now())
            .ok_or_else(|| failed("its answer contains no token".to_owned()))
    }
}

/// The credential state that follows from a status.
fn state_after(status: StatusCode) -> CredentialState {
    match status {
        StatusCode::UNAUTHORIZED => CredentialState::Refused,
        StatusCode::TOO_MANY_REQUESTS => CredentialState::Limited,
        _ => CredentialState::Accepted,
    }
}

/// Whether a status of a token service makes the credential unusable.
fn is_final_status(status: StatusCode) -> bool {
    matches!(status, StatusCode::UNAUTHORIZED | StatusCode::TOO_MANY_REQUESTS)
}

fn token_request(
    client: &reqwest::Client,
    realm: &Url,
    service: Option<&str>,
    access: &TokenScope,
    credential: Option<&Credential>,
) -> Result<reqwest::RequestBuilder, Cause> {
    let mut parameters: Vec<(&str, String)> = Vec::new();
    parameters.extend(service.map(|service| ("service", service.to_owned())));
    if let Some(Credential::IdentityToken(identity)) = credential {
        // OAuth 2 takes all scopes as one parameter (distribution's oauth2 specification).
        parameters.push(("scope", access.parameters().join(" ")));
        parameters.push(("grant_type", "refresh_token".to_owned()));
        parameters.push(("client_id", "longshore".to_owned()));
        parameters.push(("refresh_token", identity.expose().to_owned()));
        let body =
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
        return Ok(client
            .post(realm.clone())
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body));
    }
    parameters.extend(access.parameters().into_iter().map(|scope| ("scope", scope)));
    let mut url = realm.clone();
    url.query_pairs_mut().extend_pairs(parameters);
    let mut request = client.get(url);
    if let Some(Credential::Basic { username, password }) = credential {
        request = request.header(AUTHORIZATION, basic(username, password)?);
    }
    Ok(request)
}

/// Builds the header of HTTP's Basic scheme (RFC 7617).
pub(crate) fn basic(username: &str, password: &Secret) -> Result<HeaderValue, Cause> {
    let pair = format!("{username}:{}", password.expose());
    sensitive(format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair)))
}

fn bearer(token: &Secret) -> Result<HeaderValue, Cause> {
    sensitive(format!("Bearer {}", token.expose()))
}

fn sensitive(text: String) -> Result<HeaderValue, Cause> {
    let mut value = HeaderValue::try_from(text).map_err(|_| {
        Cause::Credential(
            "the credential contains characters that are not allowed in a header".to_owned(),
        )
    })?;
    value.set_sensitive(true);
    Ok(value)
}
