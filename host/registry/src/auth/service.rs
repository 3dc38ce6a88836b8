//! Requests to token services, and the proof that a credential is wrong.

use std::time::{Duration, Instant};

use reqwest::Response;
use reqwest::header::AUTHORIZATION;
use url::Url;

use crate::auth::account::{CredentialState, FirstUse};
use crate::auth::challenge::{Challenge, Realm};
use crate::auth::header::basic;
use crate::auth::token::{Grant, Held, Token, TokenScope};
use crate::auth::token_answer::{TOKEN_BODY_LIMIT, TokenAnswer};
use crate::error_response::ErrorResponse;
use crate::http::address::host_of;
use crate::http::body::{read_error, read_json};
use crate::limits::throttle::gave_up_cause;
use crate::limits::window::Class;
use crate::secret::known::remember;
use crate::{Cause, Client, Credential};

/// Timeout of a token request.
pub(crate) const TOKEN: Duration = Duration::from_secs(30);

/// A refusal of a token service.
struct Refused {
    answer: ErrorResponse,
    cause: Cause,
}

impl Client {
    /// Fetches a token that grants `grant` and, if the service allows it, mounts from the homes that
    /// were seen so far. The caller settles the first use of the credential, if it gets one.
    ///
    /// # Errors
    /// If the service issues no token, or the credential must not be sent.
    pub(crate) async fn fetch_token(
        &self,
        service: &Realm,
        access: &TokenScope,
        grant: Grant,
        credential: Option<&Credential>,
    ) -> Result<(Held, Option<FirstUse>), Cause> {
        if credential.is_some() {
            self.check_realm(&service.url).await?;
        }
        let first_use = match credential {
            Some(credential) => self.first_use(service, credential).await?,
            None => None,
        };
        let homes = match access.repository().filter(|_| grant.is_for_pushes()) {
            Some(repository) => self.tokens.homes_for(repository, credential),
            None => Vec::new(),
        };
        // A refusal of the first token must mean the credential, and not the homes.
        let homes = if first_use.is_some() { Vec::new() } else { homes };
        let joint = grant.mounting_from(homes);
        let mut granted = joint.clone();
        let mut fetched = self.request_token(service, joint.parameters(access), credential).await?;
        if let Err(refused) = &fetched
            && joint != grant
            && matches!(refused.answer.status, 400..=428)
        {
            tracing::debug!("no token for several repositories: {}", refused.answer);
            self.tokens.refuse_joint();
            fetched = self.request_token(service, grant.parameters(access), credential).await?;
            granted = grant;
        }
        let (token, credential) = match (fetched, credential) {
            (Ok(token), credential) => (token, credential),
            (Err(refused), Some(credential)) => {
                self.settle_refusal(first_use, &refused.answer, access, credential).await;
                return Err(refused.cause);
            }
            (Err(refused), None) => return Err(refused.cause),
        };
        let unproved = first_use.is_some();
        match (token, credential) {
            (Some(token), Some(credential))
                if unproved && token.claims().is_some_and(|claims| claims.is_of_nobody()) =>
            {
                self.settle_by_proof(first_use, credential).await?;
                Ok((Held::of(token, granted, access), None))
            }
            (Some(token), _) => Ok((Held::of(token, granted, access), first_use)),
            (None, credential) => {
                if let (true, Some(credential)) = (unproved, credential) {
                    self.settle_by_proof(first_use, credential).await?;
                }
                let why = "its answer contains no token".to_owned();
                Err(Cause::Token { realm: host_of(&service.url), why })
            }
        }
    }

    /// Asks for the right to send `credential`. One that an API refused is proved first.
    async fn first_use(
        &self,
        service: &Realm,
        credential: &Credential,
    ) -> Result<Option<FirstUse>, Cause> {
        match self.accounts.present(credential, self.owner()).await? {
            Some(first_use) if first_use.is_doubted() => {
                let challenge = Challenge::Bearer(service.clone());
                match self.prove(&challenge, credential).await {
                    Ok(state) => first_use.settle(state),
                    Err(_) => return Ok(Some(first_use)),
                }
                self.accounts.present(credential, self.owner()).await
            }
            first_use => Ok(first_use),
        }
    }

    /// Refuses to send a credential of a registry with TLS to a token service without.
    pub(crate) async fn check_realm(&self, realm: &Url) -> Result<(), Cause> {
        if self.base().await?.url.scheme() == "https" && realm.scheme() != "https" {
            let why = "credentials are not sent over plain HTTP".to_owned();
            return Err(Cause::Token { realm: host_of(realm), why });
        }
        Ok(())
    }

    /// Settles the credential's state after the token service refused `access`.
    async fn settle_refusal(
        &self,
        first_use: Option<FirstUse>,
        answer: &ErrorResponse,
        access: &TokenScope,
        credential: &Credential,
    ) {
        let Some(first_use) = first_use else {
            // The credential worked before, so a 401 is about the requested scope; only a 429 is
            // about the credential.
            if answer.status == 429 {
                self.accounts.update(credential, CredentialState::Limited).await;
            }
            return;
        };
        let speaks_of_scope = !answer.codes.is_empty() && !answer.has_code("UNAUTHORIZED");
        match answer.status {
            429 => first_use.settle(CredentialState::Limited),
            401 if access.repository().is_some() && !speaks_of_scope => {
                first_use.settle(CredentialState::Refused);
            }
            401 | 403 => {
                // Most accounts may not list all repositories, or not push: that says nothing about
                // the credential itself.
                let challenge = self.challenge_for(access);
                if let Some(challenge) = challenge
                    && let Ok(state) = self.prove(&challenge, credential).await
                {
                    first_use.settle(state);
                }
            }
            _ => {}
        }
    }

    /// Proves `credential` after its token turned out to be nobody's.
    async fn settle_by_proof(
        &self,
        first_use: Option<FirstUse>,
        credential: &Credential,
    ) -> Result<(), Cause> {
        let (Some(first_use), Some(challenge)) = (first_use, self.registry_challenge()) else {
            return Ok(());
        };
        let Ok(state) = self.prove(&challenge, credential).await else { return Ok(()) };
        first_use.settle(state);
        match state {
            CredentialState::Refused => Err(Cause::CredentialRefused(self.owner())),
            CredentialState::Limited => Err(Cause::LoginLimited(self.owner())),
            _ => Ok(()),
        }
    }

    /// Asks once whether `credential` is right, without any scope: a scope may be refused for other
    /// reasons, and Harbor issues useless tokens for a scope and a wrong password.
    ///
    /// # Errors
    /// If there is no answer, or a server error.
    pub(crate) async fn prove(
        &self,
        challenge: &Challenge,
        credential: &Credential,
    ) -> Result<CredentialState, Cause> {
        let (status, cause) = match challenge {
            Challenge::Bearer(service) => {
                match self.request_token(service, Vec::new(), Some(credential)).await {
                    Ok(Ok(_)) => return Ok(CredentialState::Accepted),
                    Ok(Err(refused)) => (refused.answer.status, refused.cause),
                    Err(Cause::LoginLimited(_)) => return Ok(CredentialState::Limited),
                    Err(cause) => return Err(cause),
                }
            }
            Challenge::Basic => {
                let answer = read_error(self.log_in(credential).await?).await;
                (answer.status, Cause::Answered(answer))
            }
        };
        match status {
            401 | 403 => Ok(CredentialState::Refused),
            429 => Ok(CredentialState::Limited),
            500..=599 => Err(cause),
            // A service that insists on a scope has not refused the credential.
            _ => Ok(CredentialState::Accepted),
        }
    }

    /// Sends user name and password to `/v2/`, as `docker login` does (distribution-spec,
    /// "Determining Support").
    async fn log_in(&self, credential: &Credential) -> Result<Response, Cause> {
        let Credential::Basic { username, password } = credential else {
            let why = "an identity token is for registries with a token service".to_owned();
            return Err(Cause::Credential(why));
        };
        self.ping(Some(basic(username, password)?)).await
    }

    /// Sends one token request. The inner error is a refusal, `None` an answer without a token.
    async fn request_token(
        &self,
        service: &Realm,
        scopes: Vec<String>,
        credential: Option<&Credential>,
    ) -> Result<Result<Option<Token>, Refused>, Cause> {
        let Realm { url: realm, service: name, from, .. } = service;
        let failed = |why: String| Cause::Token { realm: host_of(realm), why };
        let base = self.base().await?;
        // No permit is held while waiting for a first use, so this cannot deadlock.
        let windows = self.token_services.of(&host_of(realm));
        let too_long = |why| gave_up_cause(host_of(realm), why);
        let _permit =
            windows.enter(Class::Lookup).await.map_err(|closed| too_long(closed.reason))?;
        let sent = Instant::now();
        let client = base.connections.metadata(realm, *from).await?;
        let response = token_request(client, realm, name.as_deref(), scopes, credential)?
            .timeout(TOKEN)
            .send()
            .await
            .map_err(|error| base.connections.failure(&error, realm, TOKEN.as_secs()))?;
        if !response.status().is_success() {
            let answer = read_error(response).await;
            let cause = match answer.status {
                // Repeated logins lock accounts.
                429 if credential.is_some() => {
                    windows.overloaded(Class::Lookup, sent);
                    Cause::LoginLimited(self.owner())
                }
                429 => {
                    windows.overloaded(Class::Lookup, sent);
                    let limit = windows.throttled(Class::Lookup, &[], answer.retry_after, sent);
                    self.report_throttled(&host_of(realm), &answer, limit).map_err(too_long)?;
                    Cause::OverloadedRealm {
                        realm: host_of(realm),
                        answer: Box::new(answer.clone()),
                    }
                }
                // A busy realm is worth a retry; a refusal is not.
                500..=599 => Cause::OverloadedRealm {
                    realm: host_of(realm),
                    answer: Box::new(answer.clone()),
                },
                _ => failed(answer.to_string()),
            };
            return Ok(Err(Refused { answer, cause }));
        }
        windows.succeeded(Class::Lookup);
        let body = match read_json(response, TOKEN_BODY_LIMIT).await {
            Err(Cause::WebPage { title, .. }) => {
                return Err(failed(format!("its answer contains no JSON, but a web page{title}")));
            }
            body => body?,
        };
        self.tokens.cost.token_took(sent.elapsed());
        let answer = TokenAnswer::parse(&body).map_err(failed)?;
        Ok(Ok(Token::of(answer, Instant::now())))
    }
}

fn token_request(
    client: &reqwest::Client,
    realm: &Url,
    service: Option<&str>,
    scopes: Vec<String>,
    credential: Option<&Credential>,
) -> Result<reqwest::RequestBuilder, Cause> {
    let mut parameters: Vec<(&str, String)> = Vec::new();
    parameters.extend(service.map(|service| ("service", service.to_owned())));
    if let Some(Credential::IdentityToken(identity)) = credential {
        // OAuth 2 takes all scopes as one parameter (distribution's oauth2 specification).
        if !scopes.is_empty() {
            parameters.push(("scope", scopes.join(" ")));
        }
        parameters.push(("grant_type", "refresh_token".to_owned()));
        parameters.push(("client_id", "longshore".to_owned()));
        remember(identity.expose());
        parameters.push(("refresh_token", identity.expose().to_owned()));
        let body =
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
        return Ok(client
            .post(realm.clone())
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body));
    }
    parameters.extend(scopes.into_iter().map(|scope| ("scope", scope)));
    let mut url = realm.clone();
    url.query_pairs_mut().extend_pairs(parameters);
    let mut request = client.get(url);
    if let Some(Credential::Basic { username, password }) = credential {
        request = request.header(AUTHORIZATION, basic(username, password)?);
    }
    Ok(request)
}
