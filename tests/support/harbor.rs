//! A fake Harbor in front of another registry. It behaves like Harbor v2.9 to v2.15 as recorded in
//! `reference/registries.md` and as a real one showed: projects, empty challenges and cookies, tokens
//! that are worth nothing to a wrong password, proxy caches, and accounts that are locked.

mod api;
mod registry;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub(crate) use wire::Asked;
use wire::{Answer, read};

/// The account.
pub(crate) const USER: &str = "robot";
/// The password of the account.
pub(crate) const PASSWORD: &str = "s3cret";

/// The behaviour of the fake Harbor.
#[derive(Clone, Debug, Default)]
pub(crate) struct Behaviour {
    /// Allows anonymous pulls and pushes. Every project exists.
    pub(crate) open: bool,
    /// Lets only administrators create projects.
    pub(crate) admin_only: bool,
    /// Has no rules for tags.
    pub(crate) no_rules: bool,
    /// Rejects all changes.
    pub(crate) read_only: bool,
    /// Has no Harbor API.
    pub(crate) no_api: bool,
    /// Another client creates each project right after the check for it.
    pub(crate) raced: bool,
    /// The account is a robot of a project, which can never create one.
    pub(crate) robot: bool,
    /// What the account may do in each project; without it, `pull,push`.
    pub(crate) rights: Option<&'static str>,
    /// The project into which the account may not push.
    pub(crate) pull_only: Option<&'static str>,
    /// Issues tokens that say nothing of themselves, as other registries do.
    pub(crate) opaque: bool,
    /// Does not say to the account whether a project exists.
    pub(crate) hides_head: bool,
    /// Shows no project to the account.
    pub(crate) hides_projects: bool,
    /// Locks the account after this many failed logins.
    pub(crate) lockout: Option<usize>,
    /// The time that each token takes.
    pub(crate) token_cost: Duration,
    /// Lists what has cosign's tags among the referrers.
    pub(crate) lists_signatures: bool,
    /// Duration of `POST /wait/NAME`, which a real Harbor does not have.
    pub(crate) wait: Duration,
}

/// The mutable state.
#[derive(Debug, Default)]
struct State {
    projects: BTreeSet<String>,
    /// Projects created through the API, with their `public` metadata.
    created: Vec<(String, String)>,
    /// The registries behind the projects that are proxy caches.
    proxies: BTreeMap<String, String>,
    /// The actions that each token allows, by repository.
    tokens: Vec<BTreeMap<String, Vec<String>>>,
    /// Requests with a wrong password, or with the right one of a locked account.
    failed_logins: usize,
    asked: Vec<Asked>,
}

#[derive(Debug)]
struct Server {
    address: String,
    /// Address of the upstream registry.
    upstream: String,
    behaviour: Behaviour,
    state: Mutex<State>,
}

/// A running Harbor on loopback. Its threads end with the test process.
#[derive(Debug)]
pub(crate) struct Harbor(Arc<Server>);

impl Harbor {
    /// Starts a Harbor that stores its images in the registry `upstream`.
    pub(crate) fn start(upstream: &str, behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener.local_addr().expect("a listener has an address").to_string();
        let server = Arc::new(Server {
            address,
            upstream: upstream.to_owned(),
            behaviour,
            state: Mutex::default(),
        });
        let shared = Arc::clone(&server);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = Arc::clone(&shared);
                // Ignores clients that disconnect.
                std::thread::spawn(move || server.serve(&stream));
            }
        });
        Self(server)
    }

    /// Adds an existing project.
    pub(crate) fn with_project(self, name: &str) -> Self {
        self.0.state().projects.insert(name.to_owned());
        self
    }

    /// Adds a project that is a proxy cache of the registry `upstream`.
    pub(crate) fn with_proxy(self, name: &str, upstream: &str) -> Self {
        self.0.state().proxies.insert(name.to_owned(), upstream.to_owned());
        self.with_project(name)
    }

    /// Returns `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> &str {
        &self.0.address
    }

    /// Returns the created projects and their `public` metadata, sorted by name.
    pub(crate) fn created(&self) -> Vec<(String, String)> {
        let mut created = self.0.state().created.clone();
        created.sort();
        created
    }

    /// Returns all received requests.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.0.state().asked.clone()
    }

    /// Counts the requests with this method and path.
    pub(crate) fn count(&self, method: &str, path: &str) -> usize {
        let asked = self.asked();
        asked.iter().filter(|asked| asked.method == method && asked.path == path).count()
    }

    /// Counts the issued tokens.
    pub(crate) fn tokens(&self) -> usize {
        self.0.state().tokens.len()
    }

    /// Counts the requests with a user name and a password, right or wrong, by their paths.
    pub(crate) fn logins(&self, path: &str) -> usize {
        let asked = self.asked();
        let shows =
            |asked: &&Asked| asked.scheme() == Some("Basic") && asked.path.starts_with(path);
        asked.iter().filter(shows).count()
    }

    /// Counts the requests with a wrong password.
    pub(crate) fn failed_logins(&self) -> usize {
        self.0.state().failed_logins
    }
}

impl Server {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Handles one request. Every connection carries only one.
    fn serve(&self, stream: &TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream);
        // A TLS handshake starts with byte 22.
        if reader.fill_buf()?.first().is_none_or(|first| !first.is_ascii_uppercase()) {
            return (&*stream).write_all(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n");
        }
        let asked = read(&mut reader)?;
        self.state().asked.push(asked.clone());
        let answer = match self.answer(&asked) {
            Some(answer) => answer,
            None => return self.forward(&asked, stream),
        };
        let mut text = format!("HTTP/1.1 {} Fake\r\nconnection: close\r\n", answer.status);
        for (name, value) in &answer.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str(&format!("content-length: {}\r\n\r\n", answer.body.len()));
        if asked.method != "HEAD" {
            text.push_str(&answer.body);
        }
        (&*stream).write_all(text.as_bytes())
    }

    /// Returns the response, or `None` to forward the request to the registry.
    fn answer(&self, asked: &Asked) -> Option<Answer> {
        if asked.path.starts_with("/wait/") {
            std::thread::sleep(self.behaviour.wait);
            return Some(Answer::new(200, ""));
        }
        if self.behaviour.open {
            return None;
        }
        let is_user = self.log_in(asked);
        if asked.path == "/service/token" {
            return Some(self.token(asked, is_user));
        }
        if asked.path.starts_with("/v2/") {
            return self.registry(asked, is_user);
        }
        if self.behaviour.no_api {
            return Some(Answer::new(404, "404 page not found"));
        }
        Some(self.api(asked, is_user).with("set-cookie", "sid=0123; Path=/; HttpOnly"))
    }

    /// Checks the user name and password of any request, as Harbor does. A wrong one counts as a
    /// failed login wherever it is shown.
    fn log_in(&self, asked: &Asked) -> bool {
        if asked.scheme() != Some("Basic") {
            return false;
        }
        let mut state = self.state();
        let locked = self.behaviour.lockout.is_some_and(|most| state.failed_logins >= most);
        let is_user = asked.is_user() && !locked;
        state.failed_logins += usize::from(!is_user);
        is_user
    }
}

fn read_only() -> Answer {
    let message = "The system is in read only mode. Any modification is prohibited.";
    Answer::error(403, "DENIED", message)
}
