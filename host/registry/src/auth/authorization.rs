//! What authorises requests: the credential as it is, or a token that its realm gives for it.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use base64::Engine as _;
use reqwest::StatusCode;
use reqwest::header::{AUTHORIZATION, HeaderValue};
use url::Url;

use crate::auth::account::{Standing, Trial};
use crate::auth::challenge::Challenge;
use crate::auth::token::{TOKEN_BODY_LIMIT, Token, TokenAnswer, TokenScope, usable};
use crate::http::connection::{cause_of, host_of, read_bounded, read_error};
use crate::limits::throttle::limited;
use crate::limits::window::Class;
use crate::{Cause, Client, Credential, Secret};
use longshore_oci::Repository;

/// Bound on a token request.
const TOKEN: Duration = Duration::from_secs(30);

/// What authorises a request.
#[derive(Debug, Default)]
pub(crate) struct Authorization {
    /// The `Authorization` header.
    pub(crate) header: Option<HeaderValue>,
    /// The token in it, which can be replaced by a newer one, unlike a credential.
    pub(crate) token: Option<Token>,
    trial: Option<Trial>,
}

impl Authorization {
    /// The registry itself answered with this status to a request that had the header.
    pub(crate) fn answered(&mut self, status: StatusCode) {
        // What is too busy to answer has not looked at the credential.
        let says_nothing = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
        if let Some(trial) = self.trial.take().filter(|_| !says_nothing) {
            trial.ends(standing(status));
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

    /// Would the same be shown again? A password is as wrong the second time.
    pub(crate) const fn is_final(&self) -> bool {
        self.header.is_some() && self.token.is_none()
    }
}

impl Client {
    pub(crate) fn challenge_is_known(&self) -> bool {
        self.challenge.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Takes note of the challenge in an answer, or that there was none. The first one stays: Harbor
    /// asks for a password where a token lacks a right.
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

    /// The name of the account with which `repository` is reached, for what is kept from run to run;
    /// `None` where that cannot be found out. It holds no secret: tokens without a name share one.
    pub async fn account(&self, repository: &Repository) -> Option<String> {
        Some(match self.credential(Some(repository)).await.ok()? {
            None => "anonymous".to_owned(),
            Some(Credential::Basic { username, .. }) => format!("user {username}"),
            Some(Credential::IdentityToken(_)) => "identity token".to_owned(),
            Some(Credential::RegistryToken(_)) => "registry token".to_owned(),
        })
    }

    /// Whose credential it is, for messages.
    fn whose(&self) -> String {
        let origin = self.options.credentials.origin_of(&self.registry);
        format!("{} (from {origin})", self.registry)
    }

    /// What authorises a request that needs `access`. `refused` is a token that was just answered 401
    /// and is replaced.
    pub(crate) async fn authorization(
        &self,
        access: &TokenScope,
        refused: Option<&Token>,
    ) -> Result<Authorization, Cause> {
        self.authorization_for(access, refused, Duration::ZERO).await
    }

    /// The same for a request that takes at least so `long`.
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
            let trial = self.accounts.show(credential, self.whose()).await?;
            return Ok(Authorization { header: Some(header), token: None, trial });
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
        Ok(Authorization { header, token: Some(token), trial: None })
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
            return Err(failed("it is plain HTTP, over which no credential is sent".to_owned()));
        }
        let trial = match &credential {
            Some(credential) => self.accounts.show(credential, self.whose()).await?,
            None => None,
        };
        // Nobody who has a place here waits for a trial.
        let windows = self.token_services.of(&host_of(realm));
        let too_long = |why| limited(host_of(realm), why);
        let _permit = windows.enter(Class::Look).await.map_err(|shut| too_long(shut.why))?;
        let sent = Instant::now();
        let client = base.connections.metadata(realm)?;
        let request = token_request(client, realm, service, access, credential.as_ref())?;
        let response = request
            .timeout(TOKEN)
            .send()
            .await
            .map_err(|error| cause_of(&error, realm, TOKEN.as_secs()))?;
        let status = response.status();
        match (trial, &credential) {
            (Some(trial), _) if status.is_success() || refuses(status) => {
                trial.ends(standing(status));
            }
            // A 401 for a credential that was good before is about what was asked for.
            (None, Some(credential)) if status == StatusCode::TOO_MANY_REQUESTS => {
                self.accounts.received(credential, Standing::Limited).await;
            }
            _ => {}
        }
        if !status.is_success() {
            let answer = read_error(response).await;
            if answer.status == 429 {
                windows.overrun(Class::Look, sent);
                // More tries lock accounts.
                if credential.is_some() {
                    return Err(Cause::LoginLimited(self.whose()));
                }
                let limit = windows.limited(Class::Look, &[], answer.retry_after, sent);
                self.waits_for(&host_of(realm), &answer, limit).map_err(too_long)?;
            }
            // A realm that is busy is worth another try, unlike one that refuses.
            return Err(match answer.status {
                429 | 500..=599 => Cause::BusyRealm(answer),
                _ => failed(answer.to_string()),
            });
        }
        windows.succeeded(Class::Look);
        let body = read_bounded(response, TOKEN_BODY_LIMIT).await?;
        let answer: TokenAnswer =
            serde_json::from_slice(&body).map_err(|_| failed("it answered no JSON".to_owned()))?;
        Token::of(answer, Instant::now())
            .ok_or_else(|| failed("its answer holds no token".to_owned()))
    }
}

/// How a credential that is answered so was received.
fn standing(status: StatusCode) -> Standing {
    match status {
        StatusCode::UNAUTHORIZED => Standing::Refused,
        StatusCode::TOO_MANY_REQUESTS => Standing::Limited,
        _ => Standing::Accepted,
    }
}

/// Does a token service that answers so want to see the credential no more?
fn refuses(status: StatusCode) -> bool {
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
        // OAuth 2 takes the scopes as one parameter (distribution's oauth2 specification).
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

/// The header of HTTP's basic scheme (RFC 7617).
pub(crate) fn basic(username: &str, password: &Secret) -> Result<HeaderValue, Cause> {
    let pair = format!("{username}:{}", password.expose());
    sensitive(format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair)))
}

fn bearer(token: &Secret) -> Result<HeaderValue, Cause> {
    sensitive(format!("Bearer {}", token.expose()))
}

fn sensitive(text: String) -> Result<HeaderValue, Cause> {
    let mut value = HeaderValue::try_from(text).map_err(|_| {
        Cause::Credential("the credential has characters that no header can carry".to_owned())
    })?;
    value.set_sensitive(true);
    Ok(value)
}
