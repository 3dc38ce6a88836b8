//! Authorization of requests: a credential, or a token that its realm issued for it.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use reqwest::header::HeaderValue;

use crate::auth::account::{CredentialState, FirstUse};
use crate::auth::challenge::Challenge;
use crate::auth::header::{basic, bearer};
use crate::auth::renewal::{Showing, ShownBy, Use};
use crate::auth::token::{Grant, Held, Refused, Token, TokenScope, usable};
use crate::auth::tried::LoginTried;
use crate::{Cause, Client, Credential, CredentialOrigin};
use longshore_oci::Repository;

/// The authorization of one request.
#[derive(Debug, Default)]
pub(crate) struct Authorization {
    /// The `Authorization` header.
    pub(crate) header: Option<HeaderValue>,
    /// The token in the header. Unlike a credential, it can be renewed.
    pub(crate) token: Option<Token>,
    first_use: Option<Unproved>,
    /// Lasts until the registry answers.
    showing: Option<Showing>,
}

/// A credential that nothing is known about until the registry answers.
#[derive(Debug)]
struct Unproved {
    first_use: FirstUse,
    credential: Credential,
}

impl Authorization {
    fn by_token(token: Token, first_use: Option<Unproved>) -> Result<Self, Cause> {
        let header = Some(bearer(&token.value)?);
        Ok(Self { header, showing: Some(token.show()), token: Some(token), first_use })
    }

    /// Whether the `status` of a request of this use may mean that other requests used the token up.
    pub(crate) async fn may_be_used_up(&self, by: Use, status: StatusCode) -> bool {
        let Some(token) = &self.token else { return false };
        token.shown_by() == ShownBy::Several
            && !token.denies(by)
            && (status == StatusCode::UNAUTHORIZED || self.may_have_ended(by, status).await)
    }

    /// Whether the `status` of a request of this use may mean that the registry has ended the token: some answer 400
    /// or 403 then. Only a token that works is worth a new one.
    pub(crate) async fn may_have_ended(&self, by: Use, status: StatusCode) -> bool {
        match &self.token {
            Some(token) if matches!(status, StatusCode::BAD_REQUEST | StatusCode::FORBIDDEN) => {
                token.works_for_others(by).await
            }
            _ => false,
        }
    }

    /// Whether a retry would send the same credential again, which would fail again.
    pub(crate) const fn is_final(&self) -> bool {
        self.header.is_some() && self.token.is_none()
    }
}

impl Client {
    /// Whether it is known how requests for `access` authenticate.
    pub(crate) fn challenge_is_known(&self, access: &TokenScope) -> bool {
        let known = self.challenge.lock().unwrap_or_else(PoisonError::into_inner);
        known.registry.is_some() || (access.repository().is_none() && known.catalog.is_some())
    }

    /// The challenge that requests for `access` answer.
    pub(crate) fn challenge_for(&self, access: &TokenScope) -> Option<Challenge> {
        let known = self.challenge.lock().unwrap_or_else(PoisonError::into_inner);
        let of_catalog = known.catalog.clone().filter(|_| access.repository().is_none());
        of_catalog.or_else(|| known.registry.clone().flatten())
    }

    /// The challenge of the registry's repositories.
    pub(crate) fn registry_challenge(&self) -> Option<Challenge> {
        let known = self.challenge.lock().unwrap_or_else(PoisonError::into_inner);
        known.registry.clone().flatten().or_else(|| known.catalog.clone())
    }

    /// Whether requests for repositories carry tokens.
    pub(crate) fn uses_tokens(&self) -> bool {
        let known = self.challenge.lock().unwrap_or_else(PoisonError::into_inner);
        matches!(known.registry, Some(Some(Challenge::Bearer(_))))
    }

    /// Records the challenge of an answer to a request for `access`, or that it had none.
    ///
    /// The first challenge stays: Harbor asks for a password where a token lacks a right. It also asks
    /// for one to list all repositories, which says nothing about the others.
    pub(crate) fn learn(&self, access: &TokenScope, challenge: Option<Challenge>) {
        let mut known = self.challenge.lock().unwrap_or_else(PoisonError::into_inner);
        if access.repository().is_none() && challenge == Some(Challenge::Basic) {
            known.catalog = challenge;
            return;
        }
        let is_known = matches!(known.registry, Some(Some(_)));
        if !is_known && (challenge.is_some() || known.registry.is_none()) {
            known.registry = Some(challenge);
        }
    }

    /// Settles what is known about the credential of `shown`, after the registry itself answered a
    /// request for `access` with `status`.
    pub(crate) async fn settle(
        &self,
        shown: &mut Authorization,
        access: &TokenScope,
        by: Use,
        status: StatusCode,
    ) {
        // A registry that says that something is not there has accepted the token.
        if let Some(token) = &shown.token
            && (status.is_success() || status == StatusCode::NOT_FOUND)
        {
            token.works(by);
        }
        shown.showing = None;
        let Some(Unproved { first_use, credential }) = shown.first_use.take() else { return };
        let by_token = shown.token.is_some();
        let is_refused =
            status == StatusCode::UNAUTHORIZED || (by_token && status == StatusCode::FORBIDDEN);
        if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
            // An overloaded registry has not checked the credential.
        } else if !is_refused {
            first_use.settle(CredentialState::Accepted);
        } else if !by_token && access.repository().is_some() {
            first_use.settle(CredentialState::Refused);
        } else if let Some(challenge) = self.challenge_for(access)
            && let Ok(state) = self.prove(&challenge, &credential).await
        {
            first_use.settle(state);
        }
    }

    /// Returns the credential with which requests to the registry authenticate: what an exchange
    /// fetched, else what the user gave.
    pub(crate) async fn credential(
        &self,
        repository: Option<&Repository>,
    ) -> Result<Option<Credential>, Cause> {
        match self.exchange.current(&self.registry).await {
            Some(Ok(credential)) => Ok(Some(credential)),
            Some(Err(why)) => Err(Cause::Exchange(why)),
            None => self.given_credential(repository).await,
        }
    }

    /// Returns the credential that the user has for the registry.
    pub(crate) async fn given_credential(
        &self,
        repository: Option<&Repository>,
    ) -> Result<Option<Credential>, Cause> {
        let found = self.options.credentials.of(&self.registry, repository).await;
        found.map_err(Cause::CredentialLookUp)
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

    /// How requests to the registry are logged in.
    pub(crate) fn login_tried(&self) -> LoginTried {
        let origin = match self.exchange.is_set() {
            true => Some(CredentialOrigin::Exchange),
            false => self.options.credentials.origin_of(&self.registry),
        };
        LoginTried {
            registry: self.registry.clone(),
            origin,
            is_asked: self.registry_challenge().is_some(),
        }
    }

    /// Describes the credential's origin for messages.
    pub(crate) fn owner(&self) -> String {
        match self.login_tried().origin {
            Some(origin) => format!("{} (from {origin})", self.registry),
            None => self.registry.to_string(),
        }
    }

    /// Authorizes a request that needs `access`. `refused` is a token that was just refused and is
    /// renewed.
    pub(crate) async fn authorization(
        &self,
        access: &TokenScope,
        refused: Option<Refused<'_>>,
    ) -> Result<Authorization, Cause> {
        self.authorization_for(access, refused, Duration::ZERO).await
    }

    /// Like [`Self::authorization`], for a request that takes at least `long`.
    pub(crate) async fn authorization_for(
        &self,
        access: &TokenScope,
        refused: Option<Refused<'_>>,
        long: Duration,
    ) -> Result<Authorization, Cause> {
        let Some(challenge) = self.challenge_for(access) else {
            return Ok(Authorization::default());
        };
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
            let first_use = unproved(first_use, Some(credential));
            return Ok(Authorization {
                header: Some(header),
                first_use,
                ..Authorization::default()
            });
        }
        let Challenge::Bearer(realm) = challenge else {
            return Ok(Authorization::default());
        };
        if let Some(Refused { token, by }) = refused {
            token.refused(by, &self.tokens.renewals).await;
        }
        let slot = self.tokens.slot(access);
        let mut held = slot.lock().await;
        let mut grant = Grant::of(access);
        let now = Instant::now();
        let found = usable(held.as_ref(), &grant, refused, now + long);
        let (token, first_use) = match (found, refused) {
            (Some(token), _) => (token, None),
            (None, Some(Refused { token, by }))
                if token.is_hopeless(by, &self.tokens.renewals, now) =>
            {
                return Ok(Authorization::default());
            }
            (None, _) => {
                if let Some(held) = &*held {
                    grant.join(&held.grant);
                }
                let credential = credential.as_ref();
                let (fetched, first_use) =
                    self.fetch_token(&realm, access, grant, credential).await?;
                let token = fetched.token.replacing(refused);
                *held = Some(Held { token: token.clone(), grant: fetched.grant });
                (token, unproved(first_use, credential))
            }
        };
        Authorization::by_token(token, first_use)
    }

    /// Authorizes a request with a token that no other request shows, in the place of `refused`. Other requests
    /// used that one up, or may do so.
    ///
    /// Returns an authorization without a header if such tokens are refused too.
    pub(crate) async fn own_authorization(
        &self,
        access: &TokenScope,
        refused: Refused<'_>,
    ) -> Result<Authorization, Cause> {
        let Some(Challenge::Bearer(realm)) = self.challenge_for(access) else {
            return Ok(Authorization::default());
        };
        let (Refused { token, by }, renewals) = (refused, &self.tokens.renewals);
        if !renewals.help() || token.is_hopeless(by, renewals, Instant::now()) {
            return Ok(Authorization::default());
        }
        let credential = self.credential(access.repository()).await?;
        let (fetched, first_use) =
            self.fetch_token(&realm, access, Grant::of(access), credential.as_ref()).await?;
        let token = fetched.token.replacing(Some(refused)).for_one_request();
        Authorization::by_token(token, unproved(first_use, credential.as_ref()))
    }
}

/// Keeps the first use of a credential until the registry answers.
fn unproved(first_use: Option<FirstUse>, credential: Option<&Credential>) -> Option<Unproved> {
    let credential = credential.cloned();
    first_use.zip(credential).map(|(first_use, credential)| Unproved { first_use, credential })
}
