//! A fake Harbor in front of another registry. It behaves like Harbor v2.9 as recorded in
//! `reference/registries.md`: projects, empty challenges and cookies. Its tokens cover only
//! projects that existed when they were issued.

use std::collections::{BTreeSet, HashMap};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine as _;

/// The administrator account.
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
    /// Rejects all changes.
    pub(crate) read_only: bool,
    /// Has no Harbor API.
    pub(crate) no_api: bool,
    /// Another client creates each project right after the check for it.
    pub(crate) raced: bool,
    /// Duration of `POST /wait/NAME`, which a real Harbor does not have.
    pub(crate) wait: Duration,
}

/// A received request.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// The path without the query.
    pub(crate) path: String,
    query: String,
    headers: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Asked {
    /// Returns the authentication scheme: `Basic`, `Bearer` or nothing.
    pub(crate) fn scheme(&self) -> Option<&str> {
        self.headers.get("authorization")?.split(' ').next()
    }

    /// Reports whether the request has a cookie.
    pub(crate) fn has_cookie(&self) -> bool {
        self.headers.contains_key("cookie")
    }

    /// Reports whether the request is for projects, tokens or the ping, and not for the
    /// distribution API.
    pub(crate) fn is_control(&self) -> bool {
        self.path.starts_with("/api/v2.0/") || self.path == "/service/token"
    }

    fn is_user(&self) -> bool {
        let pair = format!("{USER}:{PASSWORD}");
        let right = base64::engine::general_purpose::STANDARD.encode(pair);
        self.headers.get("authorization").is_some_and(|value| *value == format!("Basic {right}"))
    }

    fn parameters<'a>(&'a self, name: &'a str) -> impl Iterator<Item = String> + 'a {
        url::form_urlencoded::parse(self.query.as_bytes())
            .filter(move |(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }
}

/// The mutable state.
#[derive(Debug, Default)]
struct State {
    projects: BTreeSet<String>,
    /// Projects created through the API, with their `public` metadata.
    created: Vec<(String, String)>,
    /// The projects that each token covers.
    tokens: Vec<BTreeSet<String>>,
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
}

/// A generated response. Upstream responses are forwarded unchanged.
struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl Answer {
    fn new(status: u16, body: impl Into<String>) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }
    }

    fn error(status: u16, code: &str, message: &str) -> Self {
        let errors = serde_json::json!({"errors": [{"code": code, "message": message}]});
        Self::new(status, errors.to_string()).with("content-type", "application/json")
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
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
        if asked.path == "/service/token" {
            return Some(self.token(asked));
        }
        if asked.path.starts_with("/v2/") {
            return self.registry(asked);
        }
        if self.behaviour.no_api {
            return Some(Answer::new(404, "404 page not found"));
        }
        Some(self.api(asked).with("set-cookie", "sid=0123; Path=/; HttpOnly"))
    }

    fn api(&self, asked: &Asked) -> Answer {
        if asked.has_cookie() && asked.scheme() == Some("Basic") {
            return Answer::error(403, "FORBIDDEN", "CSRF token invalid");
        }
        match (asked.method.as_str(), asked.path.as_str()) {
            ("GET", "/api/v2.0/ping") => Answer::new(200, "Pong"),
            (_, "/api/v2.0/projects") if !asked.is_user() => {
                Answer::error(401, "UNAUTHORIZED", "unauthorized")
            }
            ("HEAD", "/api/v2.0/projects") => {
                let name = asked.parameters("project_name").next().unwrap_or_default();
                let mut state = self.state();
                if state.projects.contains(&name) {
                    return Answer::new(200, "");
                }
                if self.behaviour.raced {
                    state.projects.insert(name);
                }
                Answer::new(404, "")
            }
            ("POST", "/api/v2.0/projects") => self.create(asked),
            _ => Answer::error(404, "NOT_FOUND", "not found"),
        }
    }

    fn create(&self, asked: &Asked) -> Answer {
        if self.behaviour.read_only {
            return read_only();
        }
        if self.behaviour.admin_only {
            return Answer::error(403, "FORBIDDEN", "Only system admin can create project");
        }
        let body: serde_json::Value = serde_json::from_slice(&asked.body).unwrap_or_default();
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let name = text(&body["project_name"]);
        let good = |part: &str| {
            !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        };
        if !name.split(['.', '_', '-']).all(good) {
            return Answer::error(
                400,
                "BAD_REQUEST",
                &format!("bad request: {name} is not a valid name"),
            );
        }
        let mut state = self.state();
        if !state.projects.insert(name.clone()) {
            return Answer::error(409, "CONFLICT", &format!("The project named {name} exists"));
        }
        state.created.push((name, text(&body["metadata"]["public"])));
        Answer::new(201, "")
    }

    /// Issues a token for any request. The token covers the projects that exist now.
    fn token(&self, asked: &Asked) -> Answer {
        if asked.scheme().is_some() && !asked.is_user() {
            return Answer::error(401, "UNAUTHORIZED", "unauthorized");
        }
        let mut state = self.state();
        let mut allowed = BTreeSet::new();
        for scope in asked.parameters("scope") {
            let project = scope.split(':').nth(1).and_then(|name| name.split('/').next());
            allowed.extend(project.map(str::to_owned));
        }
        allowed.retain(|project| asked.is_user() && state.projects.contains(project));
        state.tokens.push(allowed);
        let token = format!("token-{}", state.tokens.len() - 1);
        let answer = serde_json::json!({"token": token, "expires_in": 1800});
        Answer::new(200, answer.to_string()).with("content-type", "application/json")
    }

    fn registry(&self, asked: &Asked) -> Option<Answer> {
        let refused = |challenge: String, message: &str| {
            let answer = Answer::error(401, "UNAUTHORIZED", message);
            Some(answer.with("www-authenticate", challenge))
        };
        let state = self.state();
        let basic = asked.is_user();
        let token = asked
            .headers
            .get("authorization")
            .and_then(|value| value.strip_prefix("Bearer token-"))
            .and_then(|number| state.tokens.get(number.parse::<usize>().ok()?));
        if !basic && token.is_none() {
            let realm = format!("http://{}/service/token", self.address);
            let challenge = format!(r#"Bearer realm="{realm}",service="harbor-registry""#);
            return refused(challenge, "unauthorized");
        }
        let project = asked.path.trim_start_matches("/v2/").split('/').next().unwrap_or_default();
        if project.is_empty() {
            return None;
        }
        if !state.projects.contains(project) {
            return refused(String::new(), &format!("project {project} not found"));
        }
        if !basic && token.is_none_or(|allowed| !allowed.contains(project)) {
            return refused(r#"Basic realm="harbor""#.to_owned(), "unauthorized to access it");
        }
        let changes = !["GET", "HEAD"].contains(&asked.method.as_str());
        (self.behaviour.read_only && changes).then(read_only)
    }

    /// Forwards a request to the upstream registry and its response to the client.
    fn forward(&self, asked: &Asked, mut back: &TcpStream) -> std::io::Result<()> {
        let query = if asked.query.is_empty() { "" } else { "?" };
        let mut head =
            format!("{} {}{query}{} HTTP/1.1\r\n", asked.method, asked.path, asked.query);
        for (name, value) in &asked.headers {
            let ours = ["authorization", "connection", "content-length", "transfer-encoding"];
            if !ours.contains(&name.as_str()) {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        head.push_str(&format!(
            "connection: close\r\ncontent-length: {}\r\n\r\n",
            asked.body.len()
        ));
        let mut upstream = TcpStream::connect(&self.upstream)?;
        upstream.write_all(head.as_bytes())?;
        upstream.write_all(&asked.body)?;
        std::io::copy(&mut upstream, &mut back)?;
        Ok(())
    }
}

fn read_only() -> Answer {
    let message = "The system is in read only mode. Any modification is prohibited.";
    Answer::error(403, "DENIED", message)
}

/// Reads a request with its body.
fn read(reader: &mut BufReader<&TcpStream>) -> std::io::Result<Asked> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let method = words.next().unwrap_or_default().to_owned();
    let target = words.next().unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let mut body = Vec::new();
    if headers.get("transfer-encoding").is_some_and(|coding| coding == "chunked") {
        loop {
            let mut size = String::new();
            reader.read_line(&mut size)?;
            let size = u64::from_str_radix(size.trim(), 16).map_err(std::io::Error::other)?;
            reader.by_ref().take(size).read_to_end(&mut body)?;
            // Skips the line ending after the chunk, or the empty line after the last chunk.
            reader.read_line(&mut String::new())?;
            if size == 0 {
                break;
            }
        }
    } else if let Some(length) = headers.get("content-length").and_then(|text| text.parse().ok()) {
        reader.by_ref().take(length).read_to_end(&mut body)?;
    }
    Ok(Asked { method, path: path.to_owned(), query: query.to_owned(), headers, body })
}
