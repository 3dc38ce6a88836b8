//! Endpoints of repository types: where requests go, and with which credential.

mod exchange;

use std::os::unix::fs::PermissionsExt as _;

use base64::Engine as _;
use longshore_content::Image;

use crate::plugin::{edited, with_metadata};
use crate::support::{Answer, FaultProxy, Longshore, Registry, Rule, Run};

/// The account of the registry.
const USER: &str = "jo";
const PASSWORD: &str = "hunter2-hunter2";
/// The credential of the endpoint.
const OWN: &str = "0wn-s3cret-0wn";
const GRANT: &str = "POST endpoint /wait/*";

/// Returns the Basic header of `USER:secret`.
fn basic(secret: &str) -> String {
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("{USER}:{secret}"));
    format!("Basic {pair}")
}

/// A source with an image, a destination, and the API of the destination on another host.
struct Places {
    source: Registry,
    destination: FaultProxy,
    behind: Registry,
    api: FaultProxy,
}

impl Places {
    fn new() -> Self {
        let (source, behind) = (Registry::embedded(), Registry::embedded());
        source.push("team/app", "1", &Image::new("linux/amd64").layer(1, 1000).build());
        let api = FaultProxy::without_upstream();
        api.rule(Rule::on("POST", "/wait/*").answers(Answer::status(200)));
        Self { source, destination: FaultProxy::before(&behind), behind, api }
    }

    /// Prepares a run with a component that posts `/wait/ab` twice to the endpoint of this metadata.
    fn run(&self, metadata: &serde_json::Value, settings: &str) -> Longshore {
        let component =
            edited("waits", |text| text.replace("go      registry", "go      endpoint"));
        let mut whole = serde_json::json!({
            "name": "mine", "version": "1.0.0", "kind": "repo-type", "config-schema": {
                "type": "object", "properties": {"api": {"type": "string"}},
            },
        });
        for (key, value) in metadata.as_object().expect("an object") {
            whole[key] = value.clone();
        }
        Longshore::new()
            .mirror()
            .list("team/app team/app 1\n")
            .source(self.source.address())
            .destination(self.destination.address())
            .file("mine.wasm", with_metadata(&component, &whole))
            .file("s.toml", settings)
            .args(["--repo-type", "./mine.wasm", "--settings", "s.toml", "--debug"])
    }

    /// Like [`Self::run`], with an endpoint at the registry and this authentication.
    fn with_auth(&self, auth: &str, settings: &str) -> Longshore {
        let endpoint = serde_json::json!({"name": "endpoint", "origin": "registry", "auth": auth});
        self.run(&serde_json::json!({"endpoints": [endpoint]}), settings)
    }

    /// Returns settings that lead the endpoint to the API, and these lines.
    fn at_api(&self, lines: &str) -> String {
        format!(
            "[plugins.mine.endpoints.endpoint]\norigin = 'http://{}'\n{lines}\n",
            self.api.address()
        )
    }
}

/// Adds the credential helper `mine`, which writes the server that it is asked for to `asked`.
fn with_helper(run: Longshore, answer: &str) -> Longshore {
    let script = format!("#!/bin/sh\ncat > \"$HOME/asked\"\necho '{answer}'\n");
    let run = run.file("../home/bin/docker-credential-mine", script);
    let folder = run.directory().join("../home/bin").canonicalize().expect("the folder is there");
    let program = folder.join("docker-credential-mine");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755))
        .expect("the script can be made a program");
    let path = std::env::var("PATH").expect("there is a PATH");
    run.env("PATH", format!("{}:{path}", folder.display()))
}

fn assert_silent(run: &Run) {
    let failed = run.file("mirror-failed.txt").unwrap_or_default();
    for secret in [OWN, PASSWORD, basic(OWN).trim_start_matches("Basic ")] {
        for text in [&run.stdout, &run.stderr, &failed] {
            assert!(!text.contains(secret), "{secret} is shown:\n{text}");
        }
    }
}

#[test]
fn an_endpoint_gets_its_own_credential_and_nobody_else_does() {
    let answer = format!(r#"{{"Username":"{USER}","Secret":"{OWN}"}}"#);
    for (auth, lines, expected) in [
        ("bearer", "token-env = 'MINE'".to_owned(), format!("Bearer {OWN}")),
        ("bearer", format!("token = '{OWN}'"), format!("Bearer {OWN}")),
        ("bearer", "helper = 'mine'".to_owned(), format!("Bearer {OWN}")),
        ("basic", format!("username = '{USER}'\npassword-env = 'MINE'"), basic(OWN)),
        ("basic", "helper = 'mine'".to_owned(), basic(OWN)),
        ("registry", format!("username = '{USER}'\npassword = '{OWN}'"), basic(OWN)),
    ] {
        let places = Places::new();
        let run = places.with_auth(auth, &places.at_api(&lines)).args(["--grant", GRANT]);
        let run = with_helper(run, &answer).env("MINE", OWN);
        let run = run.env("DOCKER_USERNAME", USER).env("DOCKER_PASSWORD", PASSWORD).run().exits(0);
        places.behind.assert_complete("team/app", "1");
        let asked = places.api.matching("POST", "/wait/ab");
        assert_eq!(asked.len(), 2, "{auth} {lines}: {}", run.stderr);
        for seen in asked {
            assert_eq!(seen.authorization(), Some(expected.as_str()), "{auth} {lines}");
        }
        let elsewhere = places.destination.requests();
        assert!(elsewhere.iter().all(|seen| seen.authorization() != Some(expected.as_str())));
        if lines.starts_with("helper") {
            let server = run.file("../home/asked").expect("it was asked");
            assert_eq!(server.trim(), places.api.address());
        }
        assert_silent(&run);
    }
}

#[test]
fn a_table_for_the_registry_has_its_own_credential() {
    let places = Places::new();
    let lines = format!(
        "token = 'another-token'\n[plugins.mine.endpoints.endpoint.'{}']\ntoken = '{OWN}'",
        places.destination.address()
    );
    places.with_auth("bearer", &places.at_api(&lines)).args(["--grant", GRANT]).run().exits(0);
    let expected = format!("Bearer {OWN}");
    for seen in places.api.matching("POST", "/wait/ab") {
        assert_eq!(seen.authorization(), Some(expected.as_str()));
    }
}

#[test]
fn a_request_without_its_credential_is_not_sent() {
    for (auth, lines, why) in [
        ("bearer", "", "endpoint endpoint has no credential: set token or token-env"),
        ("basic", "", "endpoint endpoint has no credential: set username and password"),
        ("sigv4:ecr", "region = 'a'", "has no credential: set access-key-id and secret-access-key"),
        ("sigv4:ecr", "access-key-id = 'a'", "an access key ID is set and the secret"),
        ("sigv4:ecr", "access-key-id = 'a'\nsecret-access-key = 'b'", "no region is known"),
        ("bearer", "token-env = 'UNSET'", "the variable UNSET is not set"),
        ("basic", "username = 'jo'", "username is set and password is not"),
        ("bearer", "helper = 'lost'", "docker-credential-lost is not on PATH"),
        ("registry", "", "the registry's credential is not sent there"),
    ] {
        let places = Places::new();
        let run = places.with_auth(auth, &places.at_api(lines)).args(["--grant", GRANT]);
        // The keys of AWS belong to built-in plugins, unless the settings name them.
        let run = run.env("AWS_ACCESS_KEY_ID", "AKIA").env("AWS_SECRET_ACCESS_KEY", OWN).run();
        assert_eq!(places.api.requests().len(), 0, "{auth} {lines}: {}", run.stderr);
        // The component tells only that its request was denied. The push is tried.
        run.exits(0).complains("denied");
        let metadata = serde_json::json!({
            "endpoints": [{"name": "endpoint", "origin": "registry", "auth": auth}],
            "exchange": {
                "endpoint": "endpoint", "method": "POST", "path": "/login", "pointer": "/token",
                "encoding": "basic",
            },
        });
        if !why.contains("has no credential") {
            // The host tells why it cannot perform the exchange.
            let places = Places::new();
            exchange::wants_password(&places.destination);
            let run = places.run(&metadata, &places.at_api(lines));
            run.args(["--grant", "POST endpoint /login"]).run().complains(why);
        }
    }
}

#[test]
fn a_component_leads_to_another_host_only_with_the_user_s_consent() {
    let places = Places::new();
    let api = format!("http://{}", places.api.address());
    let endpoint =
        serde_json::json!({"name": "endpoint", "origin": "https://api.{registry}", "auth": "none"});
    let metadata = serde_json::json!({"endpoints": [endpoint]});
    let run = places.run(&metadata, "").args(["--grant", GRANT]).run().exits(0);
    run.complains("with plugin `mine`: ").complains("denied");
    places.run(&metadata, &places.at_api("")).args(["--grant", GRANT]).run().exits(0);
    assert_eq!(places.api.count("POST", "/wait/ab"), 2);

    let configured =
        serde_json::json!({"name": "endpoint", "origin": "config:api", "auth": "none"});
    let metadata = serde_json::json!({"endpoints": [configured]});
    let config = ["--plugin-config".to_owned(), format!("mine.api={api}")];
    places.run(&metadata, "").args(config).args(["--grant", GRANT]).run().exits(0);
    assert_eq!(places.api.count("POST", "/wait/ab"), 4);
    // Without a value it is the registry.
    places.run(&metadata, "").args(["--grant", GRANT]).run().exits(0);
    assert_eq!(places.api.count("POST", "/wait/ab"), 4);
    assert!(places.destination.count("POST", "/wait/ab") > 0);
}

#[test]
fn wrong_settings_of_endpoints_end_the_run() {
    let places = Places::new();
    let table = "[plugins.mine.endpoints.endpoint]\n";
    for (settings, why) in [
        (format!("{table}orgin = 'x'"), "unknown key \"plugins.mine.endpoints.endpoint.orgin\""),
        (format!("{table}token = 1"), "plugins.mine.endpoints.endpoint.token must be a text"),
        ("[plugins.mine.endpoints.apo]\norigin = 'https://a.b'".to_owned(), "the endpoint `apo`"),
        (format!("{table}origin = 'a.example'"), "the origin `a.example` of endpoint `endpoint`"),
        (
            format!("{table}origin = 'http://api.invalid'"),
            "use [plugins.mine.endpoints.endpoint] origin for api.invalid: plain HTTP would",
        ),
    ] {
        places.with_auth("none", &settings).run().exits(2).complains(why);
    }
    let metadata = serde_json::json!({
        "endpoints": [{"name": "endpoint", "origin": "config:api", "auth": "none"}],
    });
    let run = places.run(&metadata, "").args(["--plugin-config", "mine.api=http://api.invalid"]);
    run.run().exits(2).complains("use --plugin-config mine.api=http://api.invalid for api.invalid");
    assert_eq!(places.destination.requests().len(), 0, "a request was sent");
}

#[test]
fn a_registry_without_the_referrers_api_is_not_asked_for_them() {
    let places = Places::new();
    let image = Image::new("linux/amd64").layer(1, 1000).build();
    let signature = Image::artifact("application/vnd.example.signature").layer(2, 300);
    places.source.push("team/app", "signature", &signature.subject(&image).build());
    let asked = |repo_type: bool| {
        let run = Longshore::new().mirror().list("team/app team/app 1\n").arg("--referrers");
        let run = run.source(places.source.address()).destination(places.destination.address());
        // The component describes a registry that can do nothing more than it must.
        let run = match repo_type {
            true => run.file("waits.wasm", edited("waits", |text| text)).args([
                "--repo-type",
                "./waits.wasm",
                "--grant",
                "POST registry /wait/*",
            ]),
            false => run,
        };
        places.destination.forget();
        run.run().exits(0);
        places.destination.count("GET", "/v2/team/app/referrers/*")
    };
    assert_eq!(asked(true), 0, "it was asked");
    assert!(asked(false) > 0, "nobody asks for referrers");
}
