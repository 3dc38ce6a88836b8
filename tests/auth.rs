//! Which credentials go to which registry, and how often.

mod credential;
mod environment;
mod listed;
mod login;
mod reflection;
mod refusal;
mod token;
mod variable;

use base64::Engine as _;
use longshore_content::Image;

use crate::support::{Answer, FaultProxy, Longshore, Registry, Rule, Run, Seen};

const USER: &str = "jo";
const PASSWORD: &str = "hunter2-hunter2";
/// Prefix of tokens, to find them in a log.
const TOKEN: &str = "t0k3n";

/// Returns `jo:hunter2-hunter2`, encoded as in HTTP headers and credential files.
fn pair() -> String {
    base64::engine::general_purpose::STANDARD.encode(format!("{USER}:{PASSWORD}"))
}

/// Makes a registry require tokens from its own service at `/token`.
///
/// A token grants exactly its scopes. With `account`, only that user gets a token.
fn wants_tokens(proxy: &FaultProxy, account: bool) {
    let challenge = format!("Bearer realm=\"http://{}/token\",service=\"reg\"", proxy.address());
    let basic = format!("Basic {}", pair());
    proxy.rule(Rule::on("GET", "/token").answers_by(move |seen| {
        if account && seen.authorization() != Some(&basic) {
            return Some(Answer::error(401, "UNAUTHORIZED"));
        }
        Some(token(&seen.parameters("scope")))
    }));
    proxy.rule(Rule::on("POST", "/token").answers_by(|seen| Some(token(&seen.fields("scope")))));
    proxy.rule(Rule::on("*", "/v2/*").answers_by(move |seen| {
        let refused = || Answer::error(401, "UNAUTHORIZED").header("www-authenticate", &challenge);
        (!may(seen)).then(refused)
    }));
}

/// Creates the response of a token service.
fn token(scopes: &[String]) -> Answer {
    let scopes = scopes.join("|").replace(' ', "|");
    Answer::status(200).body(format!(r#"{{"token":"{TOKEN}|{scopes}","expires_in":300}}"#))
}

/// Reports whether the request's token grants the request.
fn may(seen: &Seen) -> bool {
    let shown = seen.authorization().and_then(|value| value.strip_prefix("Bearer "));
    let Some(scopes) = shown.and_then(|token| token.strip_prefix(TOKEN)) else { return false };
    let repository = seen.path.trim_start_matches("/v2/");
    let end = ["/manifests/", "/blobs/"].iter().find_map(|part| repository.find(part));
    let repository = &repository[..end.unwrap_or_default()];
    let reads = matches!(seen.method.as_str(), "GET" | "HEAD");
    let action = if reads { "pull" } else { "pull,push" };
    let wanted = format!("repository:{repository}:{action}");
    scopes.split('|').any(|scope| scope == wanted || (reads && scope == format!("{wanted},push")))
}

/// Makes a registry require this user name and password with each request.
fn wants_password(proxy: &FaultProxy, password: &'static str) {
    proxy.rule(Rule::on("*", "/v2/*").answers_by(move |seen| {
        let pair = format!("{USER}:{password}");
        let right = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair));
        let refused =
            || Answer::error(401, "UNAUTHORIZED").header("www-authenticate", "Basic realm=\"reg\"");
        (seen.authorization() != Some(&right)).then(refused)
    }));
}

/// Two registries, each behind a fault proxy, with images in the repositories of the source.
struct Ends {
    source: FaultProxy,
    destination: FaultProxy,
    behind_destination: Registry,
    _behind_source: Registry,
    list: String,
}

impl Ends {
    /// Pushes an image under each `repository:tag` to the source. All images share a layer.
    fn with(images: &[&str]) -> Self {
        let (from, to) = (Registry::embedded(), Registry::embedded());
        let mut list = String::new();
        for name in images {
            let (repository, tag) = name.split_once(':').expect("a tag");
            let image = Image::new("linux/amd64").layer(1, 1000).label("name", name).build();
            from.push(repository, tag, &image);
            list.push_str(&format!("{repository} {repository} {tag}\n"));
        }
        Self {
            source: FaultProxy::before(&from),
            destination: FaultProxy::before(&to),
            behind_destination: to,
            _behind_source: from,
            list,
        }
    }

    /// Prepares a `mirror` of all images. It uses `--debug`, because secrets are most likely to
    /// leak there.
    fn mirror(&self) -> Longshore {
        Longshore::new()
            .mirror()
            .arg("--debug")
            .list(&self.list)
            .source(self.source.address())
            .destination(self.destination.address())
    }

    /// Returns the scopes of the token requests, in order, separated by spaces.
    fn scopes(proxy: &FaultProxy) -> Vec<String> {
        let requests = proxy.matching("GET", "/token");
        requests.iter().map(|seen| seen.parameters("scope").join(" ")).collect()
    }
}

/// Creates a `config.json` or `auth.json` with the user for each address.
fn auth_file(addresses: &[&str]) -> String {
    let entries: Vec<String> =
        addresses.iter().map(|at| format!(r#""{at}":{{"auth":"{}"}}"#, pair())).collect();
    format!(r#"{{"auths":{{{}}}}}"#, entries.join(","))
}

/// Checks that no output and no file of the run contains a secret.
#[track_caller]
fn assert_silent(run: &Run) {
    let failed = run.file("mirror-failed.txt").unwrap_or_default();
    for secret in [PASSWORD, &pair(), TOKEN] {
        for (place, text) in
            [("stdout", &run.stdout), ("stderr", &run.stderr), ("the failed list", &failed)]
        {
            assert!(!text.contains(secret), "{secret} is in {place}:\n{text}");
        }
    }
}

/// Counts the requests that carry a password.
fn with_password(proxy: &FaultProxy) -> usize {
    let showed =
        |seen: &&Seen| seen.authorization().is_some_and(|value| value.starts_with("Basic"));
    proxy.requests().iter().filter(showed).count()
}
