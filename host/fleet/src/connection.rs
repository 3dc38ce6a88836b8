//! The connection to NATS, and what is known of its state.

use std::path::PathBuf;
use std::time::Duration;

use async_nats::connection::State;
use async_nats::jetstream::{self, context::ContextBuilder};
use async_nats::{Client, ConnectErrorKind, ConnectOptions, Event, ServerAddr};

use percent_encoding::percent_decode_str;

use crate::error::FleetError;
use crate::message::LARGEST;
use crate::refusals::Refusals;

/// The oldest server with a time to live of single messages.
const OLDEST: (i64, i64, i64) = (2, 11, 0);
/// How long a request to JetStream may take.
const REQUEST: Duration = Duration::from_secs(5);
/// How long a connection attempt may take.
const CONNECT: Duration = Duration::from_secs(5);
/// What headers and the protocol add to a message, in bytes, at most.
const HEADERS: usize = 16 * 1024;
/// How the client says that it got no answer.
pub(crate) const SILENCE: [&str; 2] = ["no responders", "timed out"];
/// The longest pause between attempts to connect again.
const AGAIN: Duration = Duration::from_secs(2);

/// The server of a fleet.
#[derive(Clone)]
pub struct ServerOptions {
    /// The address; it may have user and password.
    pub url: String,
    /// The credentials of the NATS user.
    pub credentials: Option<UserCredentials>,
    /// What the connection is called on the server.
    pub name: String,
}

/// The credentials of a NATS user, as `nsc` writes them into a `.creds` file.
#[derive(Clone)]
pub struct UserCredentials {
    /// The file, for messages.
    pub path: PathBuf,
    /// Its text, which is secret.
    pub text: String,
}

/// A connection to the NATS server of a fleet. Clones share it.
#[derive(Clone)]
pub struct Connection {
    pub(crate) client: Client,
    pub(crate) jetstream: jetstream::Context,
    url: String,
    /// The permissions that the server refused, and the errors that were logged.
    refusals: Refusals,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Connection({})", self.url)
    }
}

impl Connection {
    /// Connects once. Later the connection is made again whenever it breaks.
    ///
    /// # Errors
    /// If the server cannot be reached, refuses the user, or is too old.
    pub async fn open(options: &ServerOptions) -> Result<Self, FleetError> {
        let url = shown(&options.url);
        let wrong = |why: String| FleetError::Address { url: url.clone(), why };
        let address: ServerAddr =
            options.url.parse().map_err(|error: std::io::Error| wrong(error.to_string()))?;
        if !matches!(address.scheme(), "nats" | "tls") {
            return Err(wrong(format!("{:?} is not a scheme of NATS", address.scheme())));
        }
        if address.host().is_empty() {
            return Err(wrong("it has no host".to_owned()));
        }
        let refusals = Refusals::default();
        let mut connect = ConnectOptions::new()
            .name(&options.name)
            .connection_timeout(CONNECT)
            .request_timeout(Some(REQUEST))
            .ping_interval(Duration::from_secs(10))
            .reconnect_delay_callback(|attempt| {
                AGAIN.min(
                    Duration::from_millis(100)
                        .saturating_mul(u32::try_from(attempt).unwrap_or(u32::MAX)),
                )
            })
            .event_callback({
                let (refusals, url) = (refusals.clone(), url.clone());
                move |event| {
                    note(&event, &url, &refusals);
                    async {}
                }
            });
        match (address.username(), address.password()) {
            (Some(user), Some(password)) => {
                connect = connect.user_and_password(decoded(user), decoded(password));
            }
            (Some(token), None) => connect = connect.token(decoded(token)),
            (None, _) => {}
        }
        if let Some(UserCredentials { path, text }) = &options.credentials {
            connect = connect.credentials(text).map_err(|error| FleetError::Credentials {
                path: path.display().to_string(),
                why: error.to_string(),
            })?;
        }
        let client = connect.connect(address).await.map_err(|error| {
            let why = chain(&error);
            let url = url.clone();
            match error.kind() {
                ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation => {
                    FleetError::Refused { url, why }
                }
                _ => FleetError::Connect { url, why },
            }
        })?;
        let info = client.server_info();
        let server = |why: String| FleetError::Server { url: url.clone(), why };
        let (major, minor, patch) = OLDEST;
        if !client.is_server_compatible(major, minor, patch) {
            return Err(server(format!(
                "its version is {}, and {major}.{minor} is the oldest that works",
                info.version
            )));
        }
        if !info.jetstream {
            return Err(server("JetStream is off".to_owned()));
        }
        if info.max_payload < LARGEST + HEADERS {
            return Err(server(format!(
                "its max_payload is {} bytes, and {} bytes are the least that a fleet needs",
                info.max_payload,
                LARGEST + HEADERS
            )));
        }
        let jetstream = ContextBuilder::new()
            .timeout(REQUEST)
            .ack_timeout(REQUEST)
            .max_ack_inflight(1024)
            .backpressure_on_inflight(true)
            .build(client.clone());
        Ok(Self { client, jetstream, url, refusals })
    }

    /// The address, without user and password.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Whether the server is connected at the moment.
    pub(crate) fn is_up(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    /// The error of a request to JetStream: `operation` and its cause, with the permission that the server
    /// refused, if it did.
    pub(crate) fn failed(
        &self,
        operation: impl Into<String>,
        error: &(dyn std::error::Error + 'static),
    ) -> FleetError {
        let text = chain(error);
        // The server does not answer a request that it refuses. An older refusal was of another request.
        let is_silence = SILENCE.iter().any(|silence| text.contains(silence));
        let refused = match is_silence && self.is_up() {
            true => self.refusals.latest(REQUEST * 2),
            false => None,
        };
        let is_permission = refused.is_some();
        let why = match refused {
            Some(refused) => format!("the NATS user lacks a permission: {refused}"),
            None if !self.is_up() => format!("the server at {} is away", self.url),
            None => text,
        };
        FleetError::JetStream { operation: operation.into(), why, is_permission }
    }

    /// Whether the server has just refused a request to a subject that begins so.
    pub(crate) fn refuses(&self, subject: &str) -> bool {
        self.refusals.latest(REQUEST * 2).is_some_and(|text| text.contains(subject))
    }

    /// Warns now and then of an error that repeats until its cause is gone.
    pub(crate) fn complain(&self, error: &FleetError) {
        let text = error.to_string();
        if self.is_up() && self.refusals.is_news(&text) {
            tracing::warn!("failed to {text}; trying again");
        } else {
            tracing::debug!("{text}");
        }
    }
}

/// Logs a change of the connection, and keeps a refused permission.
fn note(event: &Event, url: &str, refusals: &Refusals) {
    match event {
        Event::Disconnected => tracing::warn!("NATS at {url} is away; waiting for it"),
        Event::Connected => tracing::debug!("NATS at {url} is connected"),
        Event::LameDuckMode => tracing::warn!("NATS at {url} is about to stop"),
        Event::ServerError(error) => {
            let text = error.to_string();
            if !text.to_ascii_lowercase().contains("permissions violation") {
                tracing::warn!("NATS at {url}: {text}");
            } else if refusals.add(&text) {
                tracing::warn!(
                    "NATS at {url}: the NATS user lacks a permission: {text}; docs/fleet.md lists what a user needs"
                );
            }
        }
        Event::ClientError(error) => tracing::debug!("NATS at {url}: {error}"),
        _ => {}
    }
}

/// An error with its causes, without repeating one.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    text
}

/// The text of a part of an address.
fn decoded(part: &str) -> String {
    percent_decode_str(part).decode_utf8_lossy().into_owned()
}

/// The address without user, password and query.
fn shown(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("nats", url));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}")
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn an_address_is_shown_without_secrets() {
        for (url, expected) in [
            ("nats://a:4222", "nats://a:4222"),
            ("a", "nats://a"),
            ("nats://me:secret@a:4222/x", "nats://a:4222"),
            ("tls://token@[::1]:4222?x=secret", "tls://[::1]:4222"),
            ("nats://me:p@ss@a", "nats://a"),
        ] {
            assert_eq!(shown(url), expected);
        }
    }
}
