//! A host for native tests: a configuration, recorded answers, and what the plugin did.
//!
//! ```
//! use longshore_plugin_sdk::host::{Method, Request, config, send};
//! use longshore_plugin_sdk::mock::{MockHost, answer};
//!
//! let (status, seen) = MockHost::new()
//!     .config(r#"{"team":"a"}"#)
//!     .exchange("GET api /teams/a?full=true", answer(200).body("{}"))
//!     .run(|| {
//!         assert_eq!(config(), r#"{"team":"a"}"#);
//!         let request = Request::new(Method::Get, ["teams", "a"]).query("full", "true");
//!         send("api", &request).expect("an answer").status
//!     });
//! assert_eq!(status, 200);
//! assert_eq!(seen.requests.len(), 1);
//! ```

use std::cell::RefCell;
use std::collections::VecDeque;

use crate::bindings::imports::endpoints::{Request, RequestError, Response};
use crate::bindings::imports::log::Level;
use crate::bindings::imports::types::Attribute;

thread_local! {
    static CURRENT: RefCell<Option<Running>> = const { RefCell::new(None) };
}

/// A host with recorded answers.
#[derive(Clone, Debug, Default)]
pub struct MockHost {
    config: Option<String>,
    exchanges: VecDeque<(String, Result<Response, RequestError>)>,
}

/// What a plugin did while a [`MockHost`] ran it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The requests with the names of their endpoints, in order.
    pub requests: Vec<(String, Request)>,
    /// The lines of the log, in order.
    pub log: Vec<(Level, String)>,
    /// The last place that the plugin named.
    pub place: String,
}

#[derive(Default)]
struct Running {
    host: MockHost,
    seen: Seen,
}

/// Creates a response without headers and body.
#[must_use]
pub const fn answer(status: u16) -> Response {
    Response { status, headers: Vec::new(), body: Vec::new() }
}

impl Response {
    /// Sets the body of a recorded answer.
    #[must_use]
    pub fn body(self, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..self }
    }

    /// Adds a header to a recorded answer. The name must be in lower case.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push(Attribute::new(name, value));
        self
    }
}

impl MockHost {
    /// Creates a host without a configuration and without answers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the configuration, a JSON object.
    #[must_use]
    pub fn config(self, json: impl Into<String>) -> Self {
        Self { config: Some(json.into()), ..self }
    }

    /// Adds an answer to the next request, which must be `METHOD ENDPOINT /path[?query]`. Path and
    /// query are written unescaped.
    #[must_use]
    pub fn exchange(mut self, request: &str, answer: Response) -> Self {
        self.exchanges.push_back((request.to_owned(), Ok(answer)));
        self
    }

    /// Adds an error as the answer to the next request.
    #[must_use]
    pub fn failure(mut self, request: &str, error: RequestError) -> Self {
        self.exchanges.push_back((request.to_owned(), Err(error)));
        self
    }

    /// Runs code of a plugin in this host. Returns its result and what it did.
    ///
    /// # Panics
    /// Panics if the plugin sends another request than the next recorded one, or if one is left over.
    pub fn run<T>(self, plugin: impl FnOnce() -> T) -> (T, Seen) {
        CURRENT.set(Some(Running { host: self, seen: Seen::default() }));
        // Also after a panic, the next test of this thread starts without a host.
        let _cleared = ClearOnDrop;
        let result = plugin();
        let Running { host, seen } = CURRENT.take().unwrap_or_default();
        let left: Vec<_> = host.exchanges.iter().map(|(request, _)| request).collect();
        assert!(left.is_empty(), "not asked for: {left:?}");
        (result, seen)
    }
}

struct ClearOnDrop;

impl Drop for ClearOnDrop {
    fn drop(&mut self) {
        CURRENT.set(None);
    }
}

/// Runs `plugin` against prepared answers, each with its request as for [`MockHost::exchange`]. Returns the
/// result and the requests, in their order.
pub fn answered<'a, T>(
    answers: impl IntoIterator<Item = (&'a str, Response)>,
    plugin: impl FnOnce() -> T,
) -> (T, Vec<Request>) {
    let host = answers
        .into_iter()
        .fold(MockHost::new(), |host, (request, answer)| host.exchange(request, answer));
    let (result, seen) = host.run(plugin);
    (result, seen.requests.into_iter().map(|(_, request)| request).collect())
}

/// Writes a request as `METHOD ENDPOINT /path[?query]`, unescaped.
#[must_use]
pub fn written(endpoint: &str, request: &Request) -> String {
    let method = request.method.name();
    let query: Vec<_> =
        request.query.iter().map(|Attribute { key, value }| format!("{key}={value}")).collect();
    let mark = if query.is_empty() { "" } else { "?" };
    format!("{method} {endpoint} /{}{mark}{}", request.path.join("/"), query.join("&"))
}

pub(crate) fn config() -> String {
    let given = CURRENT.with_borrow(|running| running.as_ref()?.host.config.clone());
    given.unwrap_or_else(|| "{}".to_owned())
}

pub(crate) fn log(level: Level, message: &str) {
    CURRENT.with_borrow_mut(|running| {
        if let Some(running) = running {
            running.seen.log.push((level, message.to_owned()));
        }
    });
}

pub(crate) fn at(place: &str) {
    CURRENT.with_borrow_mut(|running| {
        if let Some(running) = running {
            place.clone_into(&mut running.seen.place);
        }
    });
}

pub(crate) fn send(endpoint: &str, request: &Request) -> Result<Response, RequestError> {
    let line = written(endpoint, request);
    let next = CURRENT.with_borrow_mut(|running| {
        let running = running.as_mut()?;
        running.seen.requests.push((endpoint.to_owned(), request.clone()));
        running.host.exchanges.pop_front()
    });
    let Some((expected, answer)) = next else { panic!("no answer is recorded for {line}") };
    assert_eq!(line, expected, "the plugin sent another request than the recorded one");
    answer
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::{MockHost, answer};
    use crate::host::{Level, Method, Request, RequestError, config, log, send};

    fn ask(path: &str) -> Result<u16, RequestError> {
        send("api", &Request::new(Method::Get, [path])).map(|answer| answer.status)
    }

    #[test]
    fn answers_come_in_order_and_the_log_is_kept() {
        let gone = RequestError::Unreachable("refused".into());
        let host =
            MockHost::new().exchange("GET api /a", answer(404)).failure("GET api /b", gone.clone());
        let (found, seen) = host.run(|| {
            log(Level::Info, "hello");
            (ask("a"), ask("b"))
        });
        assert_eq!(found, (Ok(404), Err(gone)));
        assert_eq!(seen.log, [(Level::Info, "hello".to_owned())]);
        assert_eq!(seen.requests.len(), 2);
    }

    #[test]
    fn other_requests_fail_the_test() {
        let host = || MockHost::new().exchange("GET api /a", answer(200));
        assert!(catch_unwind(|| host().run(|| ask("b"))).is_err(), "another path passed");
        assert!(catch_unwind(|| host().run(|| ())).is_err(), "a left-over answer passed");
        assert!(catch_unwind(|| MockHost::new().run(|| ask("a"))).is_err(), "no answer passed");
        assert!(catch_unwind(|| ask("a")).is_err(), "a request without a host passed");
    }

    #[test]
    fn a_host_ends_with_its_run() {
        MockHost::new().config(r#"{"a":1}"#).run(|| assert_eq!(config(), r#"{"a":1}"#));
        assert_eq!(config(), "{}");
        let failing = || MockHost::new().config("{\"b\":1}").run(|| panic!("a failing test"));
        assert!(catch_unwind(failing).is_err());
        assert_eq!(config(), "{}", "a panic left its host");
    }
}
