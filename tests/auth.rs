//! Who is shown which credential, and how often.

mod credential;
mod refusal;
mod token;

use base64::Engine as _;
use longshore_content::Image;

use crate::support::{Answer, Longshore, Lying, Registry, Rule, Run, Seen};

const USER: &str = "jo";
const PASSWORD: &str = "hunter2-hunter2";
/// What tokens start with, so that one in a log is found.
const TOKEN: &str = "t0k3n";

/// `jo:hunter2-hunter2` as HTTP sends it and files hold it.
fn pair() -> String {
    base64::engine::general_purpose::STANDARD.encode(format!("{USER}:{PASSWORD}"))
}

/// A registry that wants tokens, from a service at `/token` of its own.
///
/// A token opens what its scopes say and nothing else. With `account` only that user gets one.
fn wants_tokens(lying: &Lying, account: bool) {
    let challenge = format!("Bearer realm=\"http://{}/token\",service=\"reg\"", lying.address());
    let basic = format!("Basic {}", pair());
    lying.rule(Rule::on("GET", "/token").answers_by(move |seen| {
        if account && seen.authorization() != Some(&basic) {
            return Some(Answer::error(401, "UNAUTHORIZED"));
        }
        Some(token(&seen.parameters("scope")))
    }));
    lying.rule(Rule::on("POST", "/token").answers_by(|seen| Some(token(&seen.fields("scope")))));
    lying.rule(Rule::on("*", "/v2/*").answers_by(move |seen| {
        let refused = || Answer::error(401, "UNAUTHORIZED").header("www-authenticate", &challenge);
        (!may(seen)).then(refused)
    }));
}

/// What a token service answers.
fn token(scopes: &[String]) -> Answer {
    let scopes = scopes.join("|").replace(' ', "|");
    Answer::status(200).body(format!(r#"{{"token":"{TOKEN}|{scopes}","expires_in":300}}"#))
}

/// Does the token of the request open what it asks for?
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

/// A registry that wants this user's name and password with each request.
fn wants_password(lying: &Lying, password: &'static str) {
    lying.rule(Rule::on("*", "/v2/*").answers_by(move |seen| {
        let pair = format!("{USER}:{password}");
        let right = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair));
        let refused =
            || Answer::error(401, "UNAUTHORIZED").header("www-authenticate", "Basic realm=\"reg\"");
        (seen.authorization() != Some(&right)).then(refused)
    }));
}

/// Two registries with a liar before each, and images in the repositories of the source.
struct Ends {
    source: Lying,
    destination: Lying,
    behind_destination: Registry,
    _behind_source: Registry,
    list: String,
}

impl Ends {
    /// The source has an image of its own under each `repository:tag`; all share a layer.
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
            source: Lying::before(&from),
            destination: Lying::before(&to),
            behind_destination: to,
            _behind_source: from,
            list,
        }
    }

    /// A `mirror` of all, to be completed and run; `--debug`, as that is where secrets would leak.
    fn mirror(&self) -> Longshore {
        Longshore::new()
            .mirror()
            .arg("--debug")
            .list(&self.list)
            .source(self.source.address())
            .destination(self.destination.address())
    }

    /// The scope sets of the token requests, in their order, one space between scopes.
    fn scopes(lying: &Lying) -> Vec<String> {
        let requests = lying.matching("GET", "/token");
        requests.iter().map(|seen| seen.parameters("scope").join(" ")).collect()
    }
}

/// `config.json` or `auth.json` with the user for each address.
fn auth_file(addresses: &[&str]) -> String {
    let entries: Vec<String> =
        addresses.iter().map(|at| format!(r#""{at}":{{"auth":"{}"}}"#, pair())).collect();
    format!(r#"{{"auths":{{{}}}}}"#, entries.join(","))
}

/// No output and no file of the run holds a secret.
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

/// The requests that showed a password.
fn with_password(lying: &Lying) -> usize {
    let showed =
        |seen: &&Seen| seen.authorization().is_some_and(|value| value.starts_with("Basic"));
    lying.requests().iter().filter(showed).count()
}
