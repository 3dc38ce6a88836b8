//! Checks a credential and what it may do, without changing anything.

use longshore_oci::{Digest, Repository};
use longshore_store::{Intent, Operation};
use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Method, Request, Response, StatusCode};

use crate::auth::account::CredentialState;
use crate::auth::challenge::Challenge;
use crate::auth::header::bearer;
use crate::auth::service::TOKEN;
use crate::auth::token::RepositoryScope;
use crate::error::Failed as _;
use crate::error_response::ErrorResponse;
use crate::http::address::host_of;
use crate::http::body::read_error;
use crate::http::connection::Purpose;
use crate::limits::window::Class;
use crate::request::Call;
use crate::upload::session::UploadStart;
use crate::{Cause, Client, Credential, RegistryError};

/// The answer of a registry to a login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginAnswer {
    /// The credential is right.
    Accepted,
    /// The registry serves everybody, so it does not check credentials.
    NotAsked,
    /// The credential is wrong, or its logins are rate limited.
    Refused(String),
}

impl Client {
    /// Checks a credential, without a scope, as `docker login` does (distribution-spec, "Determining
    /// Support").
    ///
    /// # Errors
    /// If the registry or its token service gives no answer.
    pub async fn check_login(&self, credential: &Credential) -> Result<LoginAnswer, RegistryError> {
        let operation = Operation::new("log in to", &self.registry);
        self.answer_to(credential).await.map_err(|cause| operation.failed(cause))
    }

    /// Returns whether the registry wants a credential before it says anything (distribution-spec,
    /// "Determining Support"). Public content may be there nevertheless.
    ///
    /// # Errors
    /// If the registry gives no answer, or another refusal.
    pub async fn asks_for_login(&self) -> Result<bool, RegistryError> {
        let operation = Operation::new("ask", &self.registry);
        let answer = self.ping(None).await.map_err(|cause| operation.clone().failed(cause))?;
        match answer.status() {
            status if status.is_success() => Ok(false),
            StatusCode::UNAUTHORIZED => Ok(true),
            _ => Err(operation.failed(self.unasked(answer).await)),
        }
    }

    /// The cause if a registry refuses a request and does not say how to log in.
    async fn unasked(&self, answer: Response) -> Cause {
        let login = Some(Box::new(self.login_tried()));
        Cause::Answered(ErrorResponse { login, ..read_error(answer).await })
    }

    async fn answer_to(&self, credential: &Credential) -> Result<LoginAnswer, Cause> {
        let refused = |why: &str| Ok(LoginAnswer::Refused(why.to_owned()));
        let asked = self.ping(None).await?;
        if asked.status().is_success() {
            return Ok(LoginAnswer::NotAsked);
        }
        if asked.status() != StatusCode::UNAUTHORIZED {
            return Err(self.unasked(asked).await);
        }
        let base = self.base().await?;
        let zone = base.connections.zone_of(&asked).await;
        let Some(challenge) = Challenge::of(asked.headers(), &base.url, zone) else {
            return Err(self.unasked(asked).await);
        };
        let state = match (&challenge, credential) {
            (_, Credential::RegistryToken(token)) => {
                let answer = self.ping(Some(bearer(token)?)).await?;
                match answer.status() {
                    status if status.is_success() => CredentialState::Accepted,
                    StatusCode::UNAUTHORIZED => CredentialState::Refused,
                    _ => return Err(Cause::Answered(read_error(answer).await)),
                }
            }
            (Challenge::Bearer(realm), _) => {
                self.check_realm(&realm.url).await?;
                self.prove(&challenge, credential).await?
            }
            (Challenge::Basic, _) => self.prove(&challenge, credential).await?,
        };
        match state {
            CredentialState::Accepted => Ok(LoginAnswer::Accepted),
            CredentialState::Limited => {
                refused("it limits logins (429); try again later, as repeated logins lock accounts")
            }
            _ => refused("it refused the credential (401)"),
        }
    }

    /// Sends `GET /v2/`.
    pub(crate) async fn ping(&self, authorization: Option<HeaderValue>) -> Result<Response, Cause> {
        let mut request = Request::new(Method::GET, self.url("").await?);
        if let Some(authorization) = authorization {
            request.headers_mut().insert(AUTHORIZATION, authorization);
        }
        let (host, seconds) = (host_of(request.url()), TOKEN.as_secs());
        let base = self.base().await?;
        let sent = base.connections.send(request, None, Purpose::Metadata, seconds);
        tokio::time::timeout(TOKEN, sent).await.map_err(|_| Cause::TimedOut { host, seconds })?
    }

    /// Checks that the content of `repository` may be read: asks for one tag.
    ///
    /// # Errors
    /// If the registry refuses, or gives no answer. A repository without tags may be an error too.
    pub async fn check_pull(&self, repository: &Repository) -> Result<(), RegistryError> {
        let operation = Operation::new("pull from", format!("{}/{repository}", self.registry));
        let url = self.url(&format!("{repository}/tags/list")).await;
        let mut url = url.map_err(|cause| operation.clone().failed(cause))?;
        url.query_pairs_mut().append_pair("n", "1");
        let scope =
            RepositoryScope { repository: repository.clone(), push: false, mount_from: None };
        let call = Call::new(operation, Method::GET, url, scope, Class::Lookup);
        self.send(&call).await.map(drop)
    }

    /// Returns why the registry would refuse every push to `repository`: there is no credential, or it was
    /// refused. Sends nothing, so it knows only what earlier requests showed.
    pub(crate) async fn why_no_push(&self, repository: &Repository) -> Option<RegistryError> {
        // Without a challenge, the registry serves everybody.
        self.registry_challenge()?;
        let cause = match self.credential(Some(repository)).await {
            Err(cause) => cause,
            Ok(None) => Cause::NoCredential(self.registry.to_string()),
            Ok(Some(credential)) => self.accounts.present(&credential, self.owner()).await.err()?,
        };
        let target = format!("{}/{repository}", self.registry);
        Some(Operation::new("push to", target).failed(cause))
    }

    /// What a dry run asks a token for: the right to push too, where there is a credential. Quay would
    /// create the repository for such a token, so it is not asked.
    pub(crate) async fn preview_intent(&self, repository: &Repository) -> Intent {
        let credential = self.credential(Some(repository)).await;
        if !matches!(credential, Ok(Some(Credential::Basic { .. } | Credential::IdentityToken(_))))
        {
            return Intent::Read;
        }
        self.looked_up.get_or_init(|| self.find_challenge(repository, Intent::Read)).await;
        match self.registry_challenge() {
            Some(Challenge::Bearer(realm)) if !realm.url.path().ends_with("/v2/auth") => {
                Intent::Push
            }
            _ => Intent::Read,
        }
    }

    /// Says that a token of the account does not allow pushes into `repository`, if it was requested for
    /// pushes and says what it allows.
    pub(crate) async fn lacks_push_right(&self, repository: &Repository) -> Option<RegistryError> {
        if !self.tokens.deny_push(repository).await {
            return None;
        }
        let target = format!("{}/{repository}", self.registry);
        let cause = Cause::NoRightToPush(self.owner());
        Some(Operation::new("push to", target).failed(cause))
    }

    /// Checks that content may be written to `repository`: opens an upload and cancels it.
    ///
    /// # Errors
    /// If the registry refuses, or gives no answer.
    pub async fn check_push(&self, repository: &Repository) -> Result<(), RegistryError> {
        let started = self.start(repository, &Digest::of(b""), None, None).await?;
        if let UploadStart::Session(session) = started {
            self.cancel_upload(session, repository).await;
        }
        Ok(())
    }
}
