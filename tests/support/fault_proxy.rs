//! A fault-injecting proxy in front of a registry. Tests define its faults with rules.
//!
//! ```ignore
//! let proxy = FaultProxy::before(&source);
//! proxy.rule(Rule::on("GET", "*/blobs/*").first(1).alters(|answer| answer.cut_after(100)));
//! …
//! assert_eq!(proxy.count("GET", "*/blobs/*"), 3);
//! ```
//!
//! The first rule that matches a request decides. Without a match the request is forwarded. The
//! proxy records all requests, so that tests can count them and check their credentials. It also
//! works as a forward proxy, with `CONNECT` to one address.

mod answer;
mod request;
mod rule;
mod wire;

use std::collections::BTreeMap;
use std::io::{self, BufReader};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(crate) use answer::Answer;
pub(crate) use request::Seen;
pub(crate) use rule::Rule;

use super::Registry;
use rule::Fault;
use wire::Head;

/// A running proxy on loopback. It ends with its test.
#[derive(Debug)]
pub(crate) struct FaultProxy {
    address: String,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// Address of the upstream registry. Without one, unmatched requests get 404.
    upstream: Option<String>,
    rules: Mutex<Vec<Rule>>,
    seen: Mutex<Vec<Seen>>,
    ended: AtomicBool,
}

impl FaultProxy {
    /// Starts a proxy in front of a registry that speaks plain HTTP.
    pub(crate) fn before(registry: &Registry) -> Self {
        Self::start(Some(registry.address().to_owned()))
    }

    /// Starts a proxy in front of a server that speaks plain HTTP at this address.
    pub(crate) fn before_address(address: &str) -> Self {
        Self::start(Some(address.to_owned()))
    }

    /// Starts a proxy without an upstream. Unmatched requests get 404.
    pub(crate) fn without_upstream() -> Self {
        Self::start(None)
    }

    fn start(upstream: Option<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener.local_addr().expect("a listener has an address").to_string();
        let shared = Arc::new(Shared {
            upstream,
            rules: Mutex::default(),
            seen: Mutex::default(),
            ended: AtomicBool::new(false),
        });
        let of_thread = Arc::clone(&shared);
        std::thread::spawn(move || {
            for (number, connection) in listener.incoming().flatten().enumerate() {
                if of_thread.ended.load(Ordering::Relaxed) {
                    return;
                }
                let shared = Arc::clone(&of_thread);
                // Ignores connection errors: breaking connections is the purpose of this proxy.
                std::thread::spawn(move || shared.serve(connection, number));
            }
        });
        Self { address, shared }
    }

    /// Returns `127.0.0.1:PORT`, as in a reference.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Adds a rule after the existing ones.
    pub(crate) fn rule(&self, rule: Rule) -> &Self {
        lock(&self.shared.rules).push(rule);
        self
    }

    /// Adds a rule before the existing ones.
    pub(crate) fn first_rule(&self, rule: Rule) -> &Self {
        lock(&self.shared.rules).insert(0, rule);
        self
    }

    /// Removes all rules.
    pub(crate) fn clear_rules(&self) {
        lock(&self.shared.rules).clear();
    }

    /// Returns all requests so far, in order of arrival.
    pub(crate) fn requests(&self) -> Vec<Seen> {
        lock(&self.shared.seen).clone()
    }

    /// Returns the requests with this method and path; see [`Rule::on`].
    pub(crate) fn matching(&self, method: &str, pattern: &str) -> Vec<Seen> {
        let mut requests = self.requests();
        requests.retain(|request| request.is(method, pattern));
        requests
    }

    /// Counts the requests with this method and path.
    pub(crate) fn count(&self, method: &str, pattern: &str) -> usize {
        self.matching(method, pattern).len()
    }

    /// Counts all requests by kind, sorted: `GET blob 2, GET manifest by tag 1`.
    pub(crate) fn tally(&self) -> String {
        let mut kinds = BTreeMap::new();
        for request in self.requests() {
            *kinds.entry(request.kind()).or_insert(0) += 1;
        }
        let kinds: Vec<String> =
            kinds.into_iter().map(|(kind, count)| format!("{kind} {count}")).collect();
        kinds.join(", ")
    }

    /// Forgets the recorded requests.
    pub(crate) fn forget(&self) {
        lock(&self.shared.seen).clear();
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        // Wakes the accepting thread. Fails if that thread has ended.
        let _gone = TcpStream::connect(&self.address);
    }
}

/// Locks a mutex even if a test panicked while holding it, so that its message is not hidden.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    fn serve(&self, connection: TcpStream, number: usize) -> io::Result<()> {
        connection.set_nodelay(true)?;
        let mut stream = connection.try_clone()?;
        let mut reader = BufReader::new(connection);
        while let Some(head) = wire::read_head(&mut reader)? {
            let mut seen = seen(&head, number);
            let faults = self.faults(&seen);
            let hang_up = faults.iter().find_map(|fault| match **fault {
                Fault::HangUp(bytes, _) => Some(bytes),
                _ => None,
            });
            let body = wire::read_request_body(&mut reader, &head, hang_up.unwrap_or(usize::MAX));
            seen.body = body.as_deref().unwrap_or_default().to_vec();
            lock(&self.seen).push(seen.clone());
            body?;
            if let ("CONNECT", [], Some(upstream)) = (&*seen.method, &*faults, &self.upstream) {
                return wire::tunnel(stream, upstream);
            }
            let Some(answer) = self.answer(&seen, &faults)? else { return Ok(()) };
            let whole = wire::send(&mut stream, &answer, seen.method == "HEAD")?;
            if hang_up.is_some() {
                return wire::hang_up(&mut stream, &mut reader);
            }
            if !whole {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Returns the faults of the matching rules, in order.
    fn faults(&self, seen: &Seen) -> Vec<Arc<Fault>> {
        let mut rules = lock(&self.rules);
        rules
            .iter_mut()
            .filter_map(|rule| rule.holds(seen).then(|| Arc::clone(&rule.fault)))
            .collect()
    }

    /// Returns the response of the first fault that has one. `None` closes the connection.
    fn answer(&self, seen: &Seen, faults: &[Arc<Fault>]) -> io::Result<Option<Answer>> {
        for fault in faults {
            match &**fault {
                Fault::HangUp(_, answer) => return Ok(answer.clone()),
                Fault::Altered(alter) => return Ok(Some(alter(self.ask(seen)?))),
                Fault::Instead(answer) => {
                    if let Some(answer) = answer(seen) {
                        return Ok(Some(answer));
                    }
                }
            }
        }
        self.ask(seen).map(Some)
    }

    fn ask(&self, seen: &Seen) -> io::Result<Answer> {
        let Some(upstream) = &self.upstream else { return Ok(Answer::status(404)) };
        wire::forward(upstream, &seen.method, &seen.target(), &seen.headers, &seen.body)
    }
}

fn seen(head: &Head, connection: usize) -> Seen {
    let mut words = head.first.split(' ');
    let method = words.next().unwrap_or_default().to_owned();
    let target = words.next().unwrap_or_default();
    let (host, target) = match target.split_once("://") {
        Some((_, rest)) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
        None if method == "CONNECT" => (target, ""),
        None => (head.header("host").unwrap_or_default(), target),
    };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    Seen {
        method,
        host: host.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers: head.headers.clone(),
        body: Vec::new(),
        connection,
    }
}
