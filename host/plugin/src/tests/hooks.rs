//! Requests of repository types: their limits and their grants.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{host, load, setup};
use crate::contract::{Scope, State};
use crate::{
    EndpointTransport, Failure, IncomingResponse, Kind, Limits, Method, OutgoingRequest, Plugin,
    PluginError, PluginSetup, TransportError,
};

/// A transport that responds after a while.
pub(super) struct Slow {
    wait: Duration,
    status: u16,
    seen: Mutex<Vec<OutgoingRequest>>,
}

impl Slow {
    fn new(wait: Duration, status: u16) -> Arc<Self> {
        Arc::new(Self { wait, status, seen: Mutex::default() })
    }
}

impl Slow {
    /// Returns how many requests it has seen.
    pub(super) fn requests(&self) -> usize {
        self.seen.lock().expect("seen").len()
    }
}

impl EndpointTransport for Slow {
    fn send<'a>(
        &'a self,
        request: OutgoingRequest,
    ) -> Pin<Box<dyn Future<Output = Result<IncomingResponse, TransportError>> + Send + 'a>> {
        Box::pin(async move {
            tokio::time::sleep(self.wait).await;
            self.seen.lock().expect("seen").push(request);
            Ok(IncomingResponse { status: self.status, headers: Vec::new(), body: Vec::new() })
        })
    }
}

async fn hook(limits: Limits, grants: &[&str], transport: &Arc<Slow>) -> Plugin {
    limited(fixture!("waits"), limits, grants, transport).await
}

/// Loads a repository type with the default limits.
pub(super) async fn hook_of(
    fixture: (&str, &str),
    grants: &[&str],
    transport: &Arc<Slow>,
) -> Plugin {
    limited(fixture, Limits::default(), grants, transport).await
}

/// Returns a transport that answers at once.
pub(super) fn slow() -> Arc<Slow> {
    Slow::new(Duration::ZERO, 200)
}

async fn limited(
    fixture: (&str, &str),
    limits: Limits,
    grants: &[&str],
    transport: &Arc<Slow>,
) -> Plugin {
    let setup = PluginSetup {
        grants: grants.iter().map(|&grant| grant.to_owned()).collect(),
        transport: Some(Arc::<Slow>::clone(transport)),
        ..setup()
    };
    load(&host(limits), Kind::RepoType, fixture, setup).await.expect("loads")
}

pub(super) fn scope(name: &str) -> Scope {
    Scope { kind: "project".to_owned(), name: name.to_owned() }
}

#[tokio::test]
async fn waiting_for_the_network_is_not_charged() {
    let limits = Limits { cpu: Duration::from_millis(150), ..Limits::default() };
    let slow = Slow::new(Duration::from_millis(200), 200);
    let plugin = hook(limits, &["POST registry /wait/*"], &slow).await;
    let prepared = plugin
        .prepare("registry.example.com", &scope("ab"), false)
        .await
        .expect("waiting was charged");
    assert_eq!(prepared.state, State::Created);
    let seen = slow.seen.lock().expect("seen");
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[0].escaped_path, "/wait/ab");
    assert_eq!(seen[0].escaped_query, "n=1");
    assert_eq!(seen[0].registry, "registry.example.com");
    assert_eq!(seen[0].body.as_deref(), Some(&b"go"[..]));
}

#[tokio::test]
async fn a_hook_that_waits_for_ever_ends_at_the_wall() {
    let limits = Limits { hook_wall: Duration::from_millis(50), ..Limits::default() };
    let slow = Slow::new(Duration::from_secs(600), 200);
    let plugin = hook(limits, &["POST registry /wait/*"], &slow).await;
    let error =
        plugin.prepare("registry.example.com", &scope("a"), false).await.expect_err("it waited");
    assert!(
        matches!(&error, PluginError::Call { failure: Failure::WallTime { .. }, .. }),
        "{error}"
    );
}

/// Returns the code of `other(coded)`, with which `waits` reports a refused request.
async fn refusal(limits: Limits, grants: &[&str], name: &str) -> String {
    let slow = Slow::new(Duration::ZERO, 200);
    let plugin = hook(limits, grants, &slow).await;
    let result = plugin.prepare("r.example.com", &scope(name), false).await;
    match result {
        Err(PluginError::Call { failure: Failure::Coded { code, .. }, .. }) => code,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn requests_need_grants_and_end_at_the_limits() {
    let grants = &["POST registry /wait/*"][..];
    assert_eq!(refusal(Limits::default(), &[], "a").await, "denied");
    assert_eq!(refusal(Limits::default(), grants, "..").await, "denied");
    assert_eq!(refusal(Limits::default(), grants, &"a".repeat(65)).await, "exhausted");
    let no_body = Limits { request_body: 1, ..Limits::default() };
    assert_eq!(refusal(no_body, grants, "a").await, "exhausted");
    let little = Limits { traffic: 5, ..Limits::default() };
    assert_eq!(refusal(little, grants, "abc").await, "exhausted");
}

#[tokio::test]
async fn a_dry_run_changes_nothing() {
    let slow = Slow::new(Duration::ZERO, 200);
    let plugin = hook(Limits::default(), &["HEAD,POST registry /wait/*"], &slow).await;
    let prepared =
        plugin.prepare("r.example.com", &scope("a"), true).await.expect("HEAD goes through");
    assert_eq!(prepared.state, State::WouldCreate);
    let methods: Vec<_> = slow.seen.lock().expect("seen").iter().map(|seen| seen.method).collect();
    assert_eq!(methods, [Method::Head]);
}

#[tokio::test]
async fn what_the_plugin_says_comes_through() {
    let busy = Slow::new(Duration::ZERO, 503);
    let plugin = hook(Limits::default(), &["POST registry /wait/*"], &busy).await;
    let error = plugin.prepare("r.example.com", &scope("a"), false).await.expect_err("503");
    let PluginError::Call { failure: Failure::Transient { retry_after: None, answer }, .. } =
        &error
    else {
        panic!("{error}");
    };
    // The text is that of fixtures, and does not name the answer.
    assert!(error.to_string().ends_with("the registry is not ready"), "{error}");
    let answer = answer.as_deref().expect("there was an answer");
    assert!(answer.starts_with("503 to POST r.example.com/wait/"), "{answer}");
}

#[tokio::test]
async fn grants_under_the_registry_api_are_refused_at_once() {
    let setup = PluginSetup { grants: vec!["GET registry /v2/**".to_owned()], ..setup() };
    let error = load(&host(Limits::default()), Kind::RepoType, fixture!("waits"), setup)
        .await
        .expect_err("it was granted");
    assert!(error.to_string().contains("/v2/"), "{error}");
}
