use std::sync::Arc;

use super::{
    Attribute, OutgoingRequest, Request, RequestError, Requests, WitMethod, exchange_request,
    response,
};
use crate::limits::Limits;
use crate::network::permissions::{Decisions, Permissions};
use crate::network::transport::{EndpointTransport, IncomingResponse, TransportError};

fn permissions(grants: &[&str]) -> Permissions {
    permissions_with(grants, None)
}

fn permissions_with(grants: &[&str], transport: Option<Arc<dyn EndpointTransport>>) -> Permissions {
    let metadata = serde_json::json!({
        "name": "p", "version": "1.0.0", "kind": "repo-type", "endpoints": [],
        "exchange": {
            "endpoint": "registry", "method": "POST", "path": "/login", "body": "{}",
            "headers": {"X-Target": "Login"}, "pointer": "/token", "encoding": "bearer",
        },
    });
    let metadata = serde_json::from_value(metadata).expect("metadata");
    let grants: Vec<String> = grants.iter().map(|&grant| grant.to_owned()).collect();
    let (config, origins) = Default::default();
    let decisions =
        Decisions { grants: &grants, config: &config, origins: &origins, built_in: false };
    Permissions::read(Some(&metadata), &decisions, transport).expect("they are valid")
}

fn requests(grants: &[&str], dry_run: bool) -> Requests {
    let permissions = permissions(grants);
    let registry = Some("r.example.com".to_owned());
    Requests::new(Arc::new(permissions), registry, dry_run, &Limits::default())
}

fn attribute(key: &str, value: &str) -> Attribute {
    Attribute { key: key.to_owned(), value: value.to_owned() }
}

fn request(method: WitMethod, path: &[&str]) -> Request {
    Request {
        method,
        path: path.iter().map(|&segment| segment.to_owned()).collect(),
        query: Vec::new(),
        headers: Vec::new(),
        body: None,
    }
}

fn check(request: Request) -> Result<OutgoingRequest, RequestError> {
    requests(&["GET,POST registry /**"], false).check("registry", request)
}

#[test]
fn segments_and_query_are_escaped_once() {
    let mut asked = request(WitMethod::Get, &["api", "a b%2F", "ü;?#", ""]);
    asked.query = vec![attribute("q", "name=~a&b"), attribute("page size", "1/2")];
    let sent = check(asked).expect("is granted");
    assert_eq!(sent.escaped_path, "/api/a%20b%252F/%C3%BC%3B%3F%23/");
    assert_eq!(sent.escaped_query, "q=name%3D~a%26b&page%20size=1%2F2");
    assert_eq!(sent.origin, "registry");
}

#[test]
fn paths_lead_nowhere_else() {
    for path in [
        &["api", ".."][..],
        &["api", ".", "x"],
        &["api", "", "x"],
        &["api", "../v2"],
        &["api", "a/../b"],
        &["api", "a\\..\\b"],
        &["api", "a/"],
        &["v2", "_catalog"],
        &["v2/_catalog"],
        &["api", "a\r\nb"],
    ] {
        let result = check(request(WitMethod::Get, path));
        assert!(matches!(result, Err(RequestError::Denied(_))), "{path:?}: {result:?}");
    }
}

#[test]
fn only_four_headers_are_sent() {
    let with = |key: &str, value: &str| {
        let mut asked = request(WitMethod::Get, &["api"]);
        asked.headers = vec![attribute(key, value)];
        check(asked)
    };
    let sent = with("If-None-Match", "\"a\"").expect("is allowed");
    assert_eq!(sent.headers, [("if-none-match".to_owned(), "\"a\"".to_owned())]);
    for (key, value) in [
        ("Authorization", "Basic x"),
        ("Cookie", "a=b"),
        ("Host", "evil.example.com"),
        ("accept", "a\r\nHost: evil.example.com"),
        ("accept", "ü"),
    ] {
        let result = with(key, value);
        assert!(matches!(result, Err(RequestError::Denied(_))), "{key}: {result:?}");
    }
}

#[test]
fn a_dry_run_sends_only_what_changes_nothing() {
    let dry = requests(&["GET,POST registry /api"], true);
    assert!(dry.check("registry", request(WitMethod::Get, &["api"])).is_ok());
    let refused = dry.check("registry", request(WitMethod::Post, &["api"]));
    assert!(matches!(refused, Err(RequestError::Denied(_))), "{refused:?}");
}

/// A request that names its operation in a header.
fn targeted(operation: &str) -> Request {
    let mut asked = request(WitMethod::Post, &[""]);
    asked.headers = vec![attribute("X-Target", operation)];
    asked
}

#[test]
fn a_grant_can_name_a_header_and_hold_in_a_dry_run() {
    let grants = ["POST registry / x-target=Look dry-run", "POST registry / x-target=Make"];
    for (operation, dry_run, passes) in [
        ("Look", false, true),
        ("Look", true, true),
        ("Make", false, true),
        ("Make", true, false),
        ("Burn", false, false),
    ] {
        let result = requests(&grants, dry_run).check("registry", targeted(operation));
        assert_eq!(result.is_ok(), passes, "{operation} {dry_run}: {result:?}");
    }
    let denied = requests(&grants, false).check("registry", targeted("Burn"));
    let Err(RequestError::Denied(why)) = denied else { panic!("{denied:?}") };
    assert_eq!(why, "no grant covers `POST registry / x-target=Burn`");
}

#[test]
fn the_host_alone_sends_the_exchange_and_only_with_a_grant() {
    let grants = ["POST registry /login x-target=Login"];
    let granted = permissions(&grants);
    let exchange = granted.exchange.clone().expect("it is declared");
    let sent = exchange_request(&granted, &exchange, "r.example.com", 10).expect("it is granted");
    assert_eq!((sent.escaped_path.as_str(), sent.body.as_deref()), ("/login", Some(&b"{}"[..])));
    assert_eq!(sent.headers, [("x-target".to_owned(), "Login".to_owned())]);
    let why = exchange_request(&permissions(&[]), &exchange, "r.example.com", 10);
    assert_eq!(why.expect_err("no grant"), "no grant covers `POST registry /login x-target=Login`");

    let mut asked = request(WitMethod::Post, &["login"]);
    asked.headers = vec![attribute("x-target", "Login")];
    let refused = requests(&grants, false).check("registry", asked);
    let Err(RequestError::Denied(why)) = refused else { panic!("{refused:?}") };
    assert!(why.contains("the host itself"), "{why}");
}

#[test]
fn cookies_and_challenges_stay_in_the_host() {
    let header = |key: &str| (key.to_owned(), "x".to_owned());
    let result = response(IncomingResponse {
        status: 401,
        headers: vec![
            header("Set-Cookie"),
            header("WWW-Authenticate"),
            header("Authorization"),
            header("ETag"),
        ],
        body: Vec::new(),
    });
    assert_eq!(result.headers, [attribute("etag", "x")]);
}

/// A server whose responses have this many bytes. It may stop where the host has no room left.
struct Server {
    bytes: usize,
    stops: bool,
}

impl EndpointTransport for Server {
    fn send<'a>(
        &'a self,
        request: OutgoingRequest,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<IncomingResponse, TransportError>> + Send + 'a>>
    {
        Box::pin(async move {
            if self.stops && self.bytes > request.max_body {
                return Err(TransportError::TooLarge);
            }
            let body = vec![b'x'; self.bytes];
            Ok(IncomingResponse { status: 200, headers: Vec::new(), body })
        })
    }
}

#[tokio::test]
async fn a_response_has_a_largest_size() {
    const MIB: usize = 1024 * 1024;
    for (bytes, stops, passes) in [
        (4 * MIB, true, true),
        (4 * MIB + 1, true, false),
        (4 * MIB, false, true),
        // A transport that reads too much is not believed.
        (4 * MIB + 1, false, false),
        (40 * MIB, false, false),
    ] {
        let transport = Arc::new(Server { bytes, stops });
        let permissions = permissions_with(&["GET registry /**"], Some(transport));
        let registry = Some("r.example.com".to_owned());
        let limits = Limits::default();
        let mut requests = Requests::new(Arc::new(permissions), registry, false, &limits);
        let answer = requests.send("registry", request(WitMethod::Get, &["api"])).await;
        match answer {
            Ok(response) => assert!(passes && response.body.len() == bytes, "{bytes}"),
            Err(RequestError::Other(coded)) => {
                assert!(!passes && coded.code == "response-too-large", "{bytes}: {coded:?}");
            }
            Err(error) => panic!("{bytes}: {error:?}"),
        }
    }
}

#[tokio::test]
async fn the_responses_of_a_call_have_a_largest_sum() {
    let transport = Arc::new(Server { bytes: 4 * 1024 * 1024 - 1, stops: true });
    let permissions = permissions_with(&["GET registry /**"], Some(transport));
    let registry = Some("r.example.com".to_owned());
    let mut requests = Requests::new(Arc::new(permissions), registry, false, &Limits::default());
    let mut send = async || requests.send("registry", request(WitMethod::Get, &["api"])).await;
    for _ in 0..4 {
        assert!(send().await.is_ok());
    }
    // Four bytes are left of 16 MiB.
    let fifth = send().await;
    assert!(matches!(fifth, Err(RequestError::Other(_))), "{fifth:?}");
}
