//! Transports of fixtures: one answers from the record, one records what a server answers.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use longshore_plugin_host::{EndpointTransport, IncomingResponse, OutgoingRequest, TransportError};
use serde_json::{Map, Value};

use crate::fixture::Exchange;

/// Headers of answers that are recorded. Others may hold secrets, or change with every answer.
const RECORDED: [&str; 3] = ["content-type", "retry-after", "location"];
/// Parts of the names of fields and parameters that hold secrets.
const SECRETS: [&str; 6] = ["password", "secret", "token", "credential", "authorization", "apikey"];
/// Stands for a secret.
const HIDDEN: &str = "***";

type Answer<'a> =
    Pin<Box<dyn Future<Output = Result<IncomingResponse, TransportError>> + Send + 'a>>;

/// Answers requests from a record, and keeps what is wrong.
#[derive(Debug, Default)]
pub(crate) struct Replay {
    left: Mutex<VecDeque<Exchange>>,
    wrong: Mutex<Vec<String>>,
}

impl Replay {
    pub(crate) fn new(exchanges: &[Exchange]) -> Arc<Self> {
        let left = Mutex::new(exchanges.iter().cloned().collect());
        Arc::new(Self { left, wrong: Mutex::default() })
    }

    /// Returns what differs between the requests and the record.
    pub(crate) fn differences(&self) -> Vec<String> {
        let mut wrong = lock(&self.wrong).clone();
        wrong.extend(lock(&self.left).iter().map(|left| format!("not sent: {}", left.request)));
        wrong
    }

    fn answer(&self, request: &OutgoingRequest) -> Result<IncomingResponse, TransportError> {
        let sent = line(request);
        let body = request.body.as_deref().map(|body| hidden_body(&String::from_utf8_lossy(body)));
        let Some(expected) = lock(&self.left).pop_front() else {
            return Err(self.wrong(format!("not recorded: {sent}")));
        };
        if expected.request != sent {
            return Err(self.wrong(format!("sent {sent}, but the record has {}", expected.request)));
        }
        if expected.body.is_some() && expected.body != body {
            let body = body.unwrap_or_default();
            let recorded = expected.body.unwrap_or_default();
            return Err(
                self.wrong(format!("{sent} has the body {body}, but the record has {recorded}"))
            );
        }
        let Some(status) = expected.status else {
            return Err(TransportError::Unreachable(expected.answer));
        };
        let header = |(name, value): (String, Value)| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            (name.to_lowercase(), text)
        };
        let headers = expected.headers.into_iter().map(header).collect();
        Ok(IncomingResponse { status, headers, body: expected.answer.into_bytes() })
    }

    fn wrong(&self, why: String) -> TransportError {
        lock(&self.wrong).push(why.clone());
        TransportError::Denied(why)
    }
}

impl EndpointTransport for Replay {
    fn send<'a>(&'a self, request: OutgoingRequest) -> Answer<'a> {
        Box::pin(async move { self.answer(&request) })
    }
}

/// Sends requests to their servers, and records the exchanges without secrets.
pub(crate) struct Record {
    to: Arc<dyn EndpointTransport>,
    exchanges: Mutex<Vec<Exchange>>,
}

impl Record {
    pub(crate) fn new(to: Arc<dyn EndpointTransport>) -> Arc<Self> {
        Arc::new(Self { to, exchanges: Mutex::default() })
    }

    pub(crate) fn exchanges(&self) -> Vec<Exchange> {
        lock(&self.exchanges).clone()
    }
}

impl EndpointTransport for Record {
    fn send<'a>(&'a self, request: OutgoingRequest) -> Answer<'a> {
        Box::pin(async move {
            let line = line(&request);
            let body =
                request.body.as_deref().map(|body| hidden_body(&String::from_utf8_lossy(body)));
            let answer = self.to.send(request).await;
            let mut exchange = Exchange {
                request: line,
                body,
                status: None,
                headers: Map::new(),
                answer: String::new(),
            };
            match &answer {
                Ok(response) => {
                    exchange.status = Some(response.status);
                    let kept =
                        response.headers.iter().map(|(name, value)| (name.to_lowercase(), value));
                    let kept = kept.filter(|(name, _)| RECORDED.contains(&name.as_str()));
                    exchange.headers = kept
                        .map(|(name, value)| (name, Value::from(hidden_header(value))))
                        .collect();
                    exchange.answer = hidden_body(&String::from_utf8_lossy(&response.body));
                }
                Err(error) => exchange.answer = error.to_string(),
            }
            lock(&self.exchanges).push(exchange);
            answer
        })
    }
}

/// Writes a request as fixtures have it. Values of secret parameters are hidden.
fn line(request: &OutgoingRequest) -> String {
    let query = hidden_pairs(&request.escaped_query);
    let mark = if query.is_empty() { "" } else { "?" };
    format!(
        "{} {} {}{mark}{query}",
        request.method.as_str(),
        request.endpoint.name,
        request.escaped_path,
    )
}

fn is_secret(name: &str) -> bool {
    let name: String = name.to_lowercase().chars().filter(|at| at.is_alphanumeric()).collect();
    SECRETS.iter().any(|secret| name.contains(secret))
}

/// Replaces the values of secret fields in a JSON text, in lines of JSON, and in a form. Another text stays as it
/// is.
fn hidden_body(text: &str) -> String {
    if let Some(hidden) = hidden_json(text) {
        return hidden;
    }
    let is_form = text.contains('=') && !text.contains(char::is_whitespace);
    if is_form {
        return hidden_pairs(text);
    }
    let lines = text.split('\n').map(|line| hidden_json(line).unwrap_or_else(|| line.to_owned()));
    lines.collect::<Vec<_>>().join("\n")
}

fn hidden_json(text: &str) -> Option<String> {
    let mut value = serde_json::from_str::<Value>(text).ok()?;
    Some(if hide(&mut value, false) { value.to_string() } else { text.to_owned() })
}

/// Replaces the values of secret pairs in a form or a query.
fn hidden_pairs(text: &str) -> String {
    let hidden = |pair: &str| match pair.split_once('=') {
        Some((key, _)) if is_secret(key) => format!("{key}={HIDDEN}"),
        _ => pair.to_owned(),
    };
    text.split('&').map(hidden).collect::<Vec<_>>().join("&")
}

/// Replaces secrets in an address: the values of secret parameters, and the account.
fn hidden_header(value: &str) -> String {
    let (address, query) = value.split_once('?').map_or((value, None), |(a, q)| (a, Some(q)));
    let account = address.split_once("://").and_then(|(scheme, rest)| {
        let (authority, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
        let (_, host) = authority.rsplit_once('@')?;
        Some(format!("{scheme}://{HIDDEN}@{host}{path}"))
    });
    let address = account.unwrap_or_else(|| address.to_owned());
    query.map_or(address.clone(), |query| format!("{address}?{}", hidden_pairs(query)))
}

/// Hides secrets in a value. All of a value under a secret key is secret (`is_inside`).
fn hide(value: &mut Value, is_inside: bool) -> bool {
    let mut changed = false;
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                changed |= hide(value, is_inside || is_secret(key));
            }
        }
        Value::Array(values) => {
            for value in values {
                changed |= hide(value, is_inside);
            }
        }
        Value::String(_) | Value::Number(_) if is_inside => {
            *value = Value::from(HIDDEN);
            changed = true;
        }
        _ => {}
    }
    changed
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code panics while it holds one of these.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::{hidden_body, hidden_header, is_secret};

    #[test]
    fn secrets_are_not_recorded() {
        for (text, hidden) in [
            (r#"{"name":"a","Password":"x"}"#, r#"{"name":"a","Password":"***"}"#),
            (r#"[{"api_key":"x","n":1}]"#, r#"[{"api_key":"***","n":1}]"#),
            (r#"{"a":{"accessToken":"x"}}"#, r#"{"a":{"accessToken":"***"}}"#),
            (r#"{"secrets":[{"secret":1}]}"#, r#"{"secrets":[{"secret":"***"}]}"#),
            (r#"{ "public": true }"#, r#"{ "public": true }"#),
            (r#"{"tokens":["x",{"value":"y"}]}"#, r#"{"tokens":["***",{"value":"***"}]}"#),
            (
                r#"{"secret":{"data":{"k":1},"ok":true}}"#,
                r#"{"secret":{"data":{"k":"***"},"ok":true}}"#,
            ),
            ("{\"a\":1}\n{\"token\":\"x\"}\n", "{\"a\":1}\n{\"token\":\"***\"}\n"),
            ("grant_type=password&password=x&a=1", "grant_type=password&password=***&a=1"),
            ("access_token=x", "access_token=***"),
            ("not JSON: token", "not JSON: token"),
        ] {
            assert_eq!(hidden_body(text), hidden, "{text}");
        }
        for (header, hidden) in [
            ("/a/b?state=1&token=x#y", "/a/b?state=1&token=***"),
            ("https://me:x@h:5000/a?b=1", "https://***@h:5000/a?b=1"),
            ("https://h/a@b", "https://h/a@b"),
            ("application/json", "application/json"),
            ("120", "120"),
        ] {
            assert_eq!(hidden_header(header), hidden);
        }
        assert!(is_secret("X-Api-Key") && is_secret("client_secret") && !is_secret("project_name"));
    }
}
