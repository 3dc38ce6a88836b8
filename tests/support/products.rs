//! Registries of products with an API, as rules of a fault proxy in front of a plain registry. They behave as
//! the documentation of the products says: accounts, challenges, and refusals.

pub(crate) mod artifactory;
pub(crate) mod gitea;
pub(crate) mod nexus;

use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine as _;

use super::{Answer, FaultProxy, Rule, Seen};

/// The account of each product.
pub(crate) const USER: &str = "mirror";
/// The password of the account.
pub(crate) const PASSWORD: &str = "pa55word-of-mirror";
/// What the token services give to the account.
const TOKEN: &str = "t0ken-of-the-service";

/// Returns an answer with this JSON.
fn json(status: u16, document: &serde_json::Value) -> Answer {
    let answer = Answer::status(status).header("content-type", "application/json");
    answer.body(document.to_string())
}

/// Returns the JSON of a request; `null` if it has none.
fn sent(seen: &Seen) -> serde_json::Value {
    serde_json::from_slice(&seen.body).unwrap_or_default()
}

/// Reports whether the request shows the user name and password of the account.
fn logs_in(seen: &Seen) -> bool {
    let pair =
        base64::engine::general_purpose::STANDARD.encode(format!("{USER}:{PASSWORD}").as_bytes());
    seen.authorization() == Some(&format!("Basic {pair}"))
}

/// Reports whether the request may change the registry.
fn changes(seen: &Seen) -> bool {
    !["GET", "HEAD"].contains(&seen.method.as_str())
}

/// Makes `/v2/` want a token of the service at `path`, which the account gets. Every challenge has this
/// further header.
fn wants_token(proxy: &FaultProxy, path: &str, service: &str, header: Option<(&str, &str)>) {
    proxy.rule(Rule::on("*", path).answers_by(|seen| {
        Some(match logs_in(seen) {
            true => json(200, &serde_json::json!({"token": TOKEN, "expires_in": 3600})),
            false => Answer::error(401, "UNAUTHORIZED"),
        })
    }));
    let realm = format!("http://{}{path}", proxy.address());
    let challenge = format!("Bearer realm=\"{realm}\",service=\"{service}\",scope=\"*\"");
    let mut refused = Answer::error(401, "UNAUTHORIZED").header("www-authenticate", &challenge);
    if let Some((name, value)) = header {
        refused = refused.header(name, value);
    }
    proxy.rule(Rule::on("*", "/v2/*").answers_by(move |seen| {
        let is_right = seen.authorization() == Some(&format!("Bearer {TOKEN}"));
        (!is_right).then(|| refused.clone())
    }));
}

/// Takes the referrers API away from the registry behind a proxy.
fn has_no_referrers(proxy: &FaultProxy) {
    proxy.rule(Rule::on("GET", "*/referrers/*").answers(Answer::status(404)));
    let without = |answer: Answer| answer.without("oci-subject");
    proxy.rule(Rule::on("PUT", "*/manifests/*").alters(without));
}

/// Locks a mutex even if a test panicked while holding it, so that its message is not hidden.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
