//! Tokens and the distribution API of the fake Harbor.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use longshore_content::Endpoint;

use super::Server;
use super::wire::{Answer, Asked};

/// The header of each token, `{"alg":"none"}`.
const HEADER: &str = "eyJhbGciOiJub25lIn0";

/// The type by which Harbor lists cosign's signatures.
const SIGNATURE: &str = "application/vnd.dev.cosign.artifact.sig.v1+json";

impl Server {
    /// Issues a token for any request with a scope: to nobody, it is worth nothing. It covers the
    /// repositories whose projects exist now, says what it allows there, and each costs time.
    pub(super) fn token(&self, asked: &Asked, is_user: bool) -> Answer {
        let scopes = asked.scopes();
        if !is_user && scopes.is_empty() {
            return Answer::error(401, "UNAUTHORIZED", "Unauthorized");
        }
        std::thread::sleep(self.behaviour.token_cost);
        let mut state = self.state();
        let rights = self.behaviour.rights.unwrap_or("pull,push");
        let mut allowed = BTreeMap::new();
        for scope in &scopes {
            let [_, repository, asked] = scope.split(':').collect::<Vec<_>>()[..] else { continue };
            let exists = is_user && state.projects.contains(project_of(repository));
            let is_closed = self.behaviour.pull_only == Some(project_of(repository));
            let rights = if is_closed { "pull" } else { rights };
            let may = |action: &&str| exists && rights.split(',').any(|right| right == *action);
            let granted: Vec<String> = asked.split(',').filter(may).map(str::to_owned).collect();
            allowed.insert(repository.to_owned(), granted);
        }
        let access: Vec<serde_json::Value> = allowed
            .iter()
            .map(|(name, actions)| {
                serde_json::json!({"type": "repository", "name": name, "actions": actions})
            })
            .collect();
        let subject = if is_user { super::USER } else { "" };
        let claims = serde_json::json!({
            "iss": "harbor-token-issuer", "sub": subject, "access": access,
        });
        let claims = URL_SAFE_NO_PAD.encode(claims.to_string());
        let number = state.tokens.len();
        let token = match self.behaviour.opaque {
            true => format!("opaque.token-{number}"),
            false => format!("{HEADER}.{claims}.token-{number}"),
        };
        state.tokens.push(allowed);
        let answer = serde_json::json!({"token": token, "expires_in": 1800});
        Answer::new(200, answer.to_string()).with("content-type", "application/json")
    }

    /// Returns the response, or `None` to forward the request to the registry.
    pub(super) fn registry(&self, asked: &Asked, is_user: bool) -> Option<Answer> {
        let refused = |challenge: &str, message: &str| {
            let answer = Answer::error(401, "UNAUTHORIZED", message);
            Some(answer.with("www-authenticate", challenge))
        };
        let realm = format!("http://{}/service/token", self.address);
        let bearer = format!(r#"Bearer realm="{realm}",service="harbor-registry""#);
        let basic = r#"Basic realm="harbor""#;
        // Harbor asks for a password where the request showed anything.
        let challenge = if asked.scheme().is_some() { basic } else { &bearer };
        let rest = asked.path.trim_start_matches("/v2/");
        if rest.is_empty() {
            return match is_user {
                true => Some(Answer::new(200, "{}")),
                false => refused(challenge, "unauthorized"),
            };
        }
        if rest == "_catalog" {
            // Only administrators may list it, and never by token.
            return refused(basic, "unauthorized to list catalog");
        }
        let is_hidden = asked.scheme().is_none() && asked.method == "HEAD";
        if is_hidden {
            return refused(&bearer, "authorize header needed to send HEAD to repository");
        }
        let end = ["/manifests/", "/blobs/", "/referrers/", "/tags/"];
        let end = end.iter().find_map(|part| rest.find(part)).unwrap_or(rest.len());
        let repository = &rest[..end];
        let project = project_of(repository);
        let state = self.state();
        if asked.scheme().is_some() && !state.projects.contains(project) {
            return refused("", &format!("project {project} not found"));
        }
        let number = asked.headers.get("authorization");
        let number = number.and_then(|value| value.rsplit_once(".token-"));
        let token = number.and_then(|(_, number)| state.tokens.get(number.parse::<usize>().ok()?));
        let may = |repository: &str, action: &str| {
            let allowed = token.and_then(|allowed| allowed.get(repository));
            is_user || allowed.is_some_and(|allowed| allowed.iter().any(|known| known == action))
        };
        let own = if asked.changes() { "push" } else { "pull" };
        let mounted = asked.parameters("from").filter(|_| asked.method == "POST");
        let mounted = mounted.map(|from| (from, "pull"));
        let needed: Vec<_> = mounted.chain([(repository.to_owned(), own)]).collect();
        if let Some((missing, action)) = needed.iter().find(|(name, action)| !may(name, action)) {
            let message = format!("unauthorized to access repository: {missing}, action: {action}");
            return refused(challenge, &message);
        }
        if asked.changes() && state.proxies.contains_key(project) {
            let message = format!("can not push artifact to a proxy project: {project}");
            return Some(Answer::error(403, "DENIED", &message));
        }
        if self.behaviour.read_only && asked.changes() {
            return Some(super::read_only());
        }
        drop(state);
        match rest[end..].strip_prefix("/referrers/") {
            Some(subject) if self.behaviour.lists_signatures => {
                Some(self.accessories(repository, subject))
            }
            _ => None,
        }
    }

    /// Lists the referrers of `subject`. Harbor lists what has cosign's tag for it among them,
    /// although that does not name its subject.
    fn accessories(&self, repository: &str, subject: &str) -> Answer {
        let behind = Endpoint::new(&self.upstream);
        let listed = behind.referrers(repository, subject).expect("the registry answers");
        let mut references = listed.unwrap_or_default();
        references.push(format!("{}.sig", subject.replace(':', "-")));
        let found = references.iter().filter_map(|reference| {
            let found = behind.manifest(repository, reference).expect("the registry answers")?;
            let mut descriptor = serde_json::json!({
                "mediaType": found.media_type, "digest": found.digest, "size": found.bytes.len(),
            });
            if reference.ends_with(".sig") {
                descriptor["artifactType"] = SIGNATURE.into();
            }
            Some(descriptor)
        });
        let listed: Vec<serde_json::Value> = found.collect();
        let index = serde_json::json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": listed,
        });
        let kind = "application/vnd.oci.image.index.v1+json";
        Answer::new(200, index.to_string()).with("content-type", kind)
    }

    /// Forwards a request to the upstream registry and its response to the client. A proxy cache
    /// asks its own registry, and answers for it.
    pub(super) fn forward(&self, asked: &Asked, mut back: &TcpStream) -> std::io::Result<()> {
        let rest = asked.path.trim_start_matches("/v2/");
        let project = project_of(rest);
        let proxied = self.state().proxies.get(project).cloned();
        let (upstream, path) = match &proxied {
            Some(upstream) => {
                let rest = rest.strip_prefix(project).unwrap_or_default();
                (upstream, format!("/v2{rest}"))
            }
            None => (&self.upstream, asked.path.clone()),
        };
        let query = if asked.query.is_empty() { "" } else { "?" };
        let mut head = format!("{} {path}{query}{} HTTP/1.1\r\n", asked.method, asked.query);
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
        let mut stream = TcpStream::connect(upstream)?;
        stream.write_all(head.as_bytes())?;
        stream.write_all(&asked.body)?;
        if proxied.is_none() {
            std::io::copy(&mut stream, &mut back)?;
            return Ok(());
        }
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        back.write_all(&as_core(&answer))
    }
}

/// Rewrites the head of a response as Harbor's core writes it for a proxy cache: without the version
/// of the API, and with the bare digest as its `Etag`.
fn as_core(answer: &[u8]) -> Vec<u8> {
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap_or(answer.len());
    let (head, body) = answer.split_at(end);
    let head = String::from_utf8_lossy(head);
    let mut lines: Vec<String> = Vec::new();
    for line in head.split("\r\n") {
        let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
        match (&*name, line.split_once(": ")) {
            ("docker-distribution-api-version" | "etag", _) => {}
            ("docker-content-digest", Some((_, digest))) => {
                lines.extend([line.to_owned(), format!("Etag: {digest}")]);
            }
            _ => lines.push(line.to_owned()),
        }
    }
    [lines.join("\r\n").as_bytes(), body].concat()
}

/// Returns the first component of a path.
fn project_of(path: &str) -> &str {
    path.split('/').next().unwrap_or_default()
}
