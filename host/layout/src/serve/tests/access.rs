//! Access control, and the headers of every answer.

use std::fmt;
use std::io::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use reqwest::{Method, StatusCode};
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

use super::{Running, header, options, refusal, refused};
use crate::ACCESS_LOG;

#[tokio::test]
async fn the_root_says_what_this_is() {
    let registry = Running::temporary().await;
    for path in ["/v2/", "/v2"] {
        let root = registry.get(path).await;
        assert_eq!(root.status(), StatusCode::OK);
        assert_eq!(header(&root, "docker-distribution-api-version"), "registry/2.0");
        assert_eq!(root.text().await.unwrap(), "{}");
    }
    assert_eq!(refused(registry.get("/index.html").await).await, refusal(404, "UNSUPPORTED"));
    let posted = registry.post("/v2/_catalog").await;
    assert_eq!(header(&posted, "allow"), "GET, HEAD");
    assert_eq!(refused(posted).await, refusal(405, "UNSUPPORTED"));
    registry.stop().await;
}

#[tokio::test]
async fn a_password_is_needed_and_is_checked_by_bcrypt_once() {
    let hash = bcrypt::hash("secret", 10).unwrap().replacen("$2b$", "$2y$", 1);
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "ada:{hash}\neve:{hash}").unwrap();
    let mut options = options(None);
    options.htpasswd = Some(file.path().to_owned());
    let registry = Running::start(options).await;
    let ask = |user: &str, password: &str| {
        let request = registry.request(Method::GET, "/v2/").basic_auth(user, Some(password));
        async { request.send().await.unwrap().status() }
    };

    let challenged = registry.get("/v2/").await;
    assert_eq!(header(&challenged, "www-authenticate"), "Basic realm=\"longshore\"");
    assert_eq!(refused(challenged).await, refusal(401, "UNAUTHORIZED"));
    let began = Instant::now();
    assert_eq!(ask("ada", "secret").await, StatusCode::OK);
    let first = began.elapsed();
    let began = Instant::now();
    for _ in 0..20 {
        assert_eq!(ask("ada", "secret").await, StatusCode::OK);
    }
    let twenty = began.elapsed();
    assert!(twenty < first * 10, "bcrypt again and again: {twenty:?} after {first:?}");
    for (user, password) in [("ada", "Secret"), ("ada", ""), ("bob", "secret"), ("", "secret")] {
        assert_eq!(ask(user, password).await, StatusCode::UNAUTHORIZED, "{user}:{password}");
    }
    assert_eq!(ask("eve", "secret").await, StatusCode::OK);
    let bearer = registry.request(Method::GET, "/v2/").bearer_auth("x").send().await.unwrap();
    assert_eq!(bearer.status(), StatusCode::UNAUTHORIZED);
    registry.stop().await;
}

/// Keeps the lines of the access log.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl<S: tracing::Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        struct Message(String);
        impl Visit for Message {
            fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
                if field.name() == "message" {
                    self.0 = format!("{value:?}");
                }
            }
        }
        if event.metadata().target() == ACCESS_LOG {
            let mut message = Message(String::new());
            event.record(&mut message);
            self.0.lock().unwrap().push(message.0);
        }
    }
}

#[tokio::test]
async fn every_request_is_one_line_of_the_access_log() {
    let lines = Lines::default();
    let _guard =
        tracing::subscriber::set_default(tracing_subscriber::registry().with(lines.clone()));
    // With one subscriber alone, tracing asks that of whichever thread logs first: a test without one.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let registry = Running::temporary().await;
    registry.get("/v2/").await;
    registry.get("/v2/a/tags/list?n=1").await;
    registry.post("/v2/a/blobs/uploads/").await;
    registry.stop().await;
    let expected = ["GET /v2/ 200", "GET /v2/a/tags/list?n=1 404", "POST /v2/a/blobs/uploads/ 202"];
    assert_eq!(*lines.0.lock().unwrap(), expected);
}
