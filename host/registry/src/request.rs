//! One HTTP request: authentication, redirects, limits and retries.

use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Body, Method, Request, Response, StatusCode};
use url::{Origin, Url};

use crate::auth::authorization::Authorization;
use crate::auth::challenge::Challenge;
use crate::auth::mistimed::Mistimed;
use crate::auth::renewal::{ShownBy, Use};
use crate::auth::token::{Refused, TokenScope};
use crate::error::Failed as _;
use crate::error_response::ErrorResponse;
use crate::http::address::{host_of, safe};
use crate::http::body::read_error;
use crate::http::connection::Purpose;
use crate::http::location::{Location, location};
use crate::http::zone::Zone;
use crate::limits::window::Class;
use crate::secret::known::{Origin as Where, masked};
use crate::upload::stall::Stall;
use crate::{Cause, Client, RegistryError};
use longshore_store::Operation;

/// Bodies above this size, in bytes, need a token that stays valid for [`SPARE`].
const LONG: u64 = 8 * 1024 * 1024;
/// How long the token of a long upload must stay valid.
const SPARE: Duration = Duration::from_secs(30);
/// The most redirects that are followed.
const REDIRECTS: usize = 5;

/// A request whose body, if any, is in memory, so that it can be sent again.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) operation: Operation,
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) scope: TokenScope,
    pub(super) purpose: Purpose,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Bytes>,
    /// Timeout for the answer's headers.
    pub(super) patience: Duration,
    /// The class whose window the request uses.
    pub(super) class: Class,
    /// Whether the caller already holds the permit.
    pub(super) admitted: bool,
    /// Whether to renew a token that the registry refuses.
    pub(super) renews: bool,
    /// The zone of the answer that named the URL; `None` for a URL of the registry itself.
    pub(super) from: Option<Zone>,
}

impl Call {
    /// Makes a request for metadata without a body.
    pub(super) fn new(
        operation: Operation,
        method: Method,
        url: Url,
        scope: impl Into<TokenScope>,
        class: Class,
    ) -> Self {
        Self {
            operation,
            method,
            url,
            scope: scope.into(),
            purpose: Purpose::Metadata,
            headers: HeaderMap::new(),
            body: None,
            patience: Duration::from_secs(60),
            class,
            admitted: false,
            renews: true,
            from: None,
        }
    }

    /// Sends the next attempt over a fresh connection if `cause` is wrong content.
    pub(super) fn avoid_connection_after(&mut self, cause: &Cause) {
        if matches!(cause, Cause::Digest { .. } | Cause::Size { .. }) {
            self.purpose = Purpose::Recheck;
        }
    }

    pub(super) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }
}

impl Client {
    /// The URL of `path` under `/v2/`. `path` consists of parsed names and needs no escaping.
    pub(super) async fn url(&self, path: &str) -> Result<Url, Cause> {
        let base = self.base().await?;
        base.url.join(&format!("/v2/{path}")).map_err(|_| Cause::Location {
            host: host_of(&base.url),
            why: "the path cannot be joined",
        })
    }

    /// Sends `call` with retries; only a success status is returned.
    pub(super) async fn send(&self, call: &Call) -> Result<Response, RegistryError> {
        let mut backoff = self.backoff();
        loop {
            match self.send_once(call).await {
                Ok(response) => return Ok(response),
                Err(cause) => backoff.wait_or_fail(call.operation.clone().failed(cause)).await?,
            }
        }
    }

    /// Sends `call` once, with at most one token renewal, as soon as the registry has room for it.
    pub(super) async fn send_once(&self, call: &Call) -> Result<Response, Cause> {
        let _permit = match call.admitted {
            true => None,
            false => Some(self.enter(call.class).await?),
        };
        let sent = Instant::now();
        let answered = self.send_admitted(call).await;
        self.observe(call.class, answered, sent)
    }

    async fn send_admitted(&self, call: &Call) -> Result<Response, Cause> {
        // The first request of a run finds out how to authenticate; the others wait for it.
        let is_known = || self.challenge_is_known(&call.scope);
        let first = if is_known() { None } else { Some(self.first.lock().await) };
        let first = first.filter(|_| !is_known());
        let by = Use::of(&call.method);
        let mut shown = self.authorization(&call.scope, None).await?;
        let response = match self.exchange(call, shown.header.as_ref()).await {
            Ok(response) => response,
            Err(cause) => {
                // The request failed before any challenge, and would fail for the waiting ones too:
                // let them proceed.
                self.learn(&call.scope, None);
                return Err(cause);
            }
        };
        if !self.asks(&response).await? {
            self.learn(&call.scope, None);
            drop(first);
            // A redirect was authorized, whatever its target answers.
            let is_own = self.is_own(response.url()).await?;
            let status = if is_own { response.status() } else { StatusCode::FOUND };
            self.settle(&mut shown, &call.scope, by, status).await;
            let ended = call.renews && shown.may_have_ended(by, response.status()).await;
            if !ended || !is_own {
                return self.accepted(response, &shown).await;
            }
            return self.with_a_new_token(call, response, &shown).await;
        }
        // An expected refusal, such as a mount's, tells nothing about other requests.
        if call.renews || !is_known() {
            let base = self.base().await?;
            let zone = base.connections.zone_of(&response).await;
            self.learn(&call.scope, Challenge::of(response.headers(), &base.url, zone));
        }
        drop(first);
        self.settle(&mut shown, &call.scope, by, response.status()).await;
        if shown.is_final() || !call.renews {
            return self.accepted(response, &shown).await;
        }
        self.with_a_new_token(call, response, &shown).await
    }

    /// Sends `call` again with a token in the place of the one that was `shown` and refused, if there
    /// is another one; else the `response` stands.
    async fn with_a_new_token(
        &self,
        call: &Call,
        response: Response,
        shown: &Authorization,
    ) -> Result<Response, Cause> {
        let by = Use::of(&call.method);
        let refused = shown.token.as_ref().map(|token| Refused { token, by });
        let mut renewed = self.authorization(&call.scope, refused).await?;
        if renewed.header.is_none() {
            return self.accepted(response, shown).await;
        }
        let (mut response, is_own) = self.send_renewed(call, &mut renewed).await?;
        if is_own && renewed.may_be_used_up(by, response.status()).await {
            let _turn = self.tokens.renewals.turn().await;
            let used_up = renewed.token.as_ref().map(|token| Refused { token, by });
            if let Some(used_up) = used_up {
                used_up.token.refused(by, &self.tokens.renewals).await;
                let mut own = self.own_authorization(&call.scope, used_up).await?;
                if own.header.is_some() {
                    let is_own;
                    (response, is_own) = self.send_renewed(call, &mut own).await?;
                    if is_own && response.status().is_success() {
                        self.tokens.renewals.use_up();
                    }
                    renewed = own;
                }
            }
        }
        self.accepted(response, &renewed).await
    }

    /// Sends `call` with a token that replaced another one. Returns also whether the registry itself answered.
    async fn send_renewed(
        &self,
        call: &Call,
        renewed: &mut Authorization,
    ) -> Result<(Response, bool), Cause> {
        let response = self.exchange(call, renewed.header.as_ref()).await?;
        let is_own = self.is_own(response.url()).await?;
        if is_own {
            let by = Use::of(&call.method);
            self.settle(renewed, &call.scope, by, response.status()).await;
            if let Some(token) = renewed.token.as_ref().filter(|token| !token.denies(by)) {
                let (status, shown_by) = (response.status(), token.shown_by());
                // A token of its own tells next whether others used this one up, or the right is missing.
                if shown_by != ShownBy::Several || status.is_success() {
                    self.tokens.renewals.answered(status, shown_by);
                }
            }
        }
        Ok((response, is_own))
    }

    /// Turns every status but success into an error. Useful redirects were followed before.
    async fn accepted(&self, response: Response, shown: &Authorization) -> Result<Response, Cause> {
        if response.status().is_success() {
            return Ok(response);
        }
        let other = !self.is_own(response.url()).await?;
        let redirected = other.then(|| host_of(response.url()));
        let login = (!other).then(|| Box::new(self.login_tried()));
        let token = shown.token.as_ref().filter(|_| !other);
        let mistimed = token.and_then(|token| Mistimed::of(token, response.headers()));
        let mistimed = mistimed.map(Box::new);
        let answer = read_error(response).await;
        Err(Cause::Answered(ErrorResponse { redirected, login, mistimed, ..answer }))
    }

    /// Whether the registry itself asks for authentication.
    ///
    /// A host that it redirects to may not ask: its challenge could send the credential anywhere.
    async fn asks(&self, response: &Response) -> Result<bool, Cause> {
        Ok(response.status() == StatusCode::UNAUTHORIZED && self.is_own(response.url()).await?)
    }

    /// Whether `url` has the registry's own origin.
    async fn is_own(&self, url: &Url) -> Result<bool, Cause> {
        Ok(url.origin() == self.base().await?.url.origin())
    }

    /// Sends `call` with `authorization` and follows redirects.
    ///
    /// The credential is only sent to the registry's own origin. Another registry that wants a token
    /// is asked for one without any credential.
    pub(super) async fn exchange(
        &self,
        call: &Call,
        authorization: Option<&HeaderValue>,
    ) -> Result<Response, Cause> {
        let base = self.base().await?;
        let url = match call.from {
            None => base.with_scheme(call.url.clone()),
            Some(_) => call.url.clone(),
        };
        let first = Location { url, from: call.from };
        let mut at = first.clone();
        let (mut hops, mut asked_again) = (0, false);
        let mut guest: Option<(Origin, HeaderValue)> = None;
        while hops <= REDIRECTS {
            hops += 1;
            let is_own = at.url.origin() == base.url.origin();
            let shown = match &guest {
                _ if is_own => authorization,
                Some((origin, token)) if *origin == at.url.origin() => Some(token),
                _ => None,
            };
            let response = self.send_to(call, &at, shown).await?;
            if is_own {
                self.allowed_methods.saw(at.url.path(), response.headers());
            }
            let follows = response.status().is_redirection()
                && response.status() != StatusCode::NOT_MODIFIED
                && matches!(call.method, Method::GET | Method::HEAD);
            if follows {
                at = location(&response, &at.url, &base.url, &base.connections).await?;
                continue;
            }
            if response.status() == StatusCode::UNAUTHORIZED
                && !is_own
                && guest.is_none()
                && let Some(token) = self.guest_token(&response, base).await
            {
                guest = Some((at.url.origin(), token));
                continue;
            }
            // The redirect's target has expired; the registry hands out a new one.
            let is_refused = matches!(response.status().as_u16(), 400..=407 | 409..=428);
            if !is_refused || asked_again || is_own || guest.is_some() {
                return Ok(response);
            }
            (hops, asked_again) = (0, true);
            at = first.clone();
        }
        Err(Cause::Location { host: host_of(&at.url), why: "it redirects too often" })
    }

    /// Sends `call` to one place.
    async fn send_to(
        &self,
        call: &Call,
        at: &Location,
        authorization: Option<&HeaderValue>,
    ) -> Result<Response, Cause> {
        let base = self.base().await?;
        let mut request = Request::new(call.method.clone(), at.url.clone());
        *request.headers_mut() = call.headers.clone();
        if let Some(authorization) = authorization {
            request.headers_mut().insert(AUTHORIZATION, authorization.clone());
        }
        *request.body_mut() = call.body.clone().map(Body::from);
        let seconds = call.patience.as_secs();
        let sent = base.connections.send(request, at.from, call.purpose, seconds);
        let response = tokio::time::timeout(call.patience, sent)
            .await
            .map_err(|_| Cause::TimedOut { host: host_of(&at.url), seconds })??;
        // A server that repeats the credential may do so in a location.
        let named = safe(&at.url);
        let shown = if at.url == call.url { named.into() } else { masked(&named, Where::Answer) };
        tracing::debug!("{} {shown} -> {}", call.method, response.status().as_u16());
        Ok(response)
    }

    /// Sends a body that can be read only once, without redirects or retries.
    ///
    /// `watch` completes when the body stalls.
    pub(super) async fn send_stream(
        &self,
        call: Call,
        body: Body,
        watch: impl Future<Output = Stall>,
    ) -> Result<Response, Cause> {
        let (class, sent) = (call.class, Instant::now());
        let answered = self.send_watched(call, body, watch).await;
        self.observe(class, answered, sent)
    }

    async fn send_watched(
        &self,
        call: Call,
        body: Body,
        watch: impl Future<Output = Stall>,
    ) -> Result<Response, Cause> {
        let base = self.base().await?;
        let by = Use::of(&call.method);
        let mut shown = Authorization::default();
        if self.is_own(&call.url).await? {
            let length = call.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
            let length: Option<u64> = length.and_then(|length| length.parse().ok());
            let spare = if length > Some(LONG) { SPARE } else { Duration::ZERO };
            shown = self.authorization_for(&call.scope, None, spare).await?;
            if let Some(token) = shown.token.clone().filter(|_| self.tokens.renewals.are_used_up())
            {
                // A body cannot be sent again at once.
                let shared = Refused { token: &token, by };
                let own = self.own_authorization(&call.scope, shared).await?;
                shown = if own.header.is_some() { own } else { shown };
            }
        }
        let mut request = Request::new(call.method.clone(), call.url.clone());
        *request.headers_mut() = call.headers;
        if let Some(authorization) = &shown.header {
            request.headers_mut().insert(AUTHORIZATION, authorization.clone());
        }
        *request.body_mut() = Some(body);
        let response = tokio::select! {
            response = base.connections.send(request, call.from, Purpose::Blob, 0) => response?,
            stall = watch => return Err(stall.at(host_of(&call.url))),
        };
        tracing::debug!("{} {} -> {}", call.method, safe(&call.url), response.status().as_u16());
        self.settle(&mut shown, &call.scope, by, response.status()).await;
        let refused = response.status() == StatusCode::UNAUTHORIZED
            || shown.may_have_ended(by, response.status()).await;
        if let Some(token) = shown.token.as_ref() {
            if token.is_replacement() && !token.denies(by) {
                self.tokens.renewals.answered(response.status(), token.shown_by());
            }
            let is_renewed = refused
                && self
                    .authorization(&call.scope, Some(Refused { token, by }))
                    .await?
                    .header
                    .is_some();
            if is_renewed {
                return Err(Cause::Renewed(read_error(response).await));
            }
        }
        self.accepted(response, &shown).await
    }
}
