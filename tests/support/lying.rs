//! A registry that lies: a small proxy in front of another one, which does as a test says.
//!
//! ```ignore
//! let lying = Lying::before(&source);
//! lying.rule(Rule::on("GET", "*/blobs/*").first(1).alters(|answer| answer.cut_after(100)));
//! …
//! assert_eq!(lying.count("GET", "*/blobs/*"), 3);
//! ```
//!
//! The first rule that holds for a request decides; without one the truth is told. Every request is
//! kept, so that tests can count them and see which credential went where. It is a forward proxy too,
//! and carries `CONNECT` to one address.

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
use rule::Lie;
use wire::Head;

/// A running proxy on loopback; it ends with its test.
#[derive(Debug)]
pub(crate) struct Lying {
    address: String,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// Who tells the truth; without one it is 404.
    behind: Option<String>,
    rules: Mutex<Vec<Rule>>,
    seen: Mutex<Vec<Seen>>,
    ended: AtomicBool,
}

impl Lying {
    /// In front of a registry that speaks plain HTTP.
    pub(crate) fn before(registry: &Registry) -> Self {
        Self::start(Some(registry.address().to_owned()))
    }

    /// With nothing behind: what no rule answers is not found.
    pub(crate) fn alone() -> Self {
        Self::start(None)
    }

    fn start(behind: Option<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener.local_addr().expect("a listener has an address").to_string();
        let shared = Arc::new(Shared {
            behind,
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
                // What breaks here is the client's to notice: breaking is what this is for.
                std::thread::spawn(move || shared.serve(connection, number));
            }
        });
        Self { address, shared }
    }

    /// `127.0.0.1:PORT`, as in a reference.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Adds a lie, behind those that there are.
    pub(crate) fn rule(&self, rule: Rule) -> &Self {
        lock(&self.shared.rules).push(rule);
        self
    }

    /// Tells the truth from here on.
    pub(crate) fn repent(&self) {
        lock(&self.shared.rules).clear();
    }

    /// All requests until now, in the order in which they came.
    pub(crate) fn requests(&self) -> Vec<Seen> {
        lock(&self.shared.seen).clone()
    }

    /// The requests with this method and path; see [`Rule::on`].
    pub(crate) fn matching(&self, method: &str, pattern: &str) -> Vec<Seen> {
        let mut requests = self.requests();
        requests.retain(|request| request.is(method, pattern));
        requests
    }

    /// How many there were of them.
    pub(crate) fn count(&self, method: &str, pattern: &str) -> usize {
        self.matching(method, pattern).len()
    }

    /// All requests by kind, sorted: `GET blob 2, GET manifest by tag 1`.
    pub(crate) fn tally(&self) -> String {
        let mut kinds = BTreeMap::new();
        for request in self.requests() {
            *kinds.entry(request.kind()).or_insert(0) += 1;
        }
        let kinds: Vec<String> =
            kinds.into_iter().map(|(kind, count)| format!("{kind} {count}")).collect();
        kinds.join(", ")
    }

    /// Forgets the requests that were seen.
    pub(crate) fn forget(&self) {
        lock(&self.shared.seen).clear();
    }
}

impl Drop for Lying {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts; it is gone if this fails.
        let _gone = TcpStream::connect(&self.address);
    }
}

/// A test that panicked with the lock held must not hide what it had to say.
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
            let lies = self.lies(&seen);
            let hang_up = lies.iter().find_map(|lie| match **lie {
                Lie::HangUp(bytes, _) => Some(bytes),
                _ => None,
            });
            let body = wire::read_request_body(&mut reader, &head, hang_up.unwrap_or(usize::MAX));
            seen.body = body.as_deref().unwrap_or_default().to_vec();
            lock(&self.seen).push(seen.clone());
            body?;
            if let ("CONNECT", [], Some(behind)) = (&*seen.method, &*lies, &self.behind) {
                return wire::tunnel(stream, behind);
            }
            let Some(answer) = self.answer(&seen, &lies)? else { return Ok(()) };
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

    /// The lies of the rules that hold, in their order.
    fn lies(&self, seen: &Seen) -> Vec<Arc<Lie>> {
        let mut rules = lock(&self.rules);
        rules
            .iter_mut()
            .filter_map(|rule| rule.holds(seen).then(|| Arc::clone(&rule.lie)))
            .collect()
    }

    /// What the first of the lies that has something to say makes of the request; `None` hangs up.
    fn answer(&self, seen: &Seen, lies: &[Arc<Lie>]) -> io::Result<Option<Answer>> {
        for lie in lies {
            match &**lie {
                Lie::HangUp(_, answer) => return Ok(answer.clone()),
                Lie::Altered(alter) => return Ok(Some(alter(self.ask(seen)?))),
                Lie::Instead(answer) => {
                    if let Some(answer) = answer(seen) {
                        return Ok(Some(answer));
                    }
                }
            }
        }
        self.ask(seen).map(Some)
    }

    fn ask(&self, seen: &Seen) -> io::Result<Answer> {
        let Some(behind) = &self.behind else { return Ok(Answer::status(404)) };
        wire::forward(behind, &seen.method, &seen.target(), &seen.headers, &seen.body)
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
