//! Tokens for a registry that another one redirects to: asked for without a credential.

use std::time::Instant;

use reqwest::Response;
use reqwest::header::HeaderValue;

use crate::auth::challenge::{Challenge, Realm};
use crate::auth::header::bearer;
use crate::auth::service::TOKEN;
use crate::auth::token::Token;
use crate::auth::token_answer::{TOKEN_BODY_LIMIT, TokenAnswer};
use crate::client::Base;
use crate::http::address::host_of;
use crate::http::body::read_json;
use crate::{Cause, Client};

impl Client {
    /// A token for the registry that answered with 401; `None` if it asks for none, or issues none
    /// without a credential.
    pub(crate) async fn guest_token(
        &self,
        response: &Response,
        base: &Base,
    ) -> Option<HeaderValue> {
        let zone = base.connections.zone_of(response).await;
        let challenge = Challenge::of(response.headers(), response.url(), zone);
        let Some(Challenge::Bearer(realm)) = challenge else { return None };
        let text = |part: &Option<String>| part.clone().unwrap_or_default();
        let key = [realm.url.to_string(), text(&realm.service), text(&realm.scope)];
        let token = match self.guest_tokens.get(&key) {
            Some(token) => token,
            None => match fetch(&realm, base).await {
                Ok(token) => token,
                Err(cause) => {
                    let host = host_of(response.url());
                    tracing::debug!("{host} wants a token, and issues none to all: {cause}");
                    return None;
                }
            },
        };
        let header = bearer(&token.value).ok();
        self.guest_tokens.keep(key, token);
        header
    }
}

async fn fetch(realm: &Realm, base: &Base) -> Result<Token, Cause> {
    let failed = |why: &str| Cause::Token { realm: host_of(&realm.url), why: why.to_owned() };
    let client = base.connections.metadata(&realm.url, realm.from).await?;
    let mut url = realm.url.clone();
    let parameters = [("service", &realm.service), ("scope", &realm.scope)];
    let given = parameters.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
    url.query_pairs_mut().extend_pairs(given);
    let response = client.get(url).timeout(TOKEN).send().await;
    let response =
        response.map_err(|error| base.connections.failure(&error, &realm.url, TOKEN.as_secs()))?;
    if !response.status().is_success() {
        return Err(failed(response.status().as_str()));
    }
    let body = read_json(response, TOKEN_BODY_LIMIT).await?;
    let answer = TokenAnswer::parse(&body).map_err(|why| failed(&why))?;
    Token::of(answer, Instant::now()).ok_or_else(|| failed("its answer contains no token"))
}
