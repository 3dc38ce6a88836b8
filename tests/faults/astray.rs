//! Answers of a registry on the internet that lead to this machine or into its network.
//!
//! A registry that only the proxy knows counts as one on the internet.

use std::net::ToSocketAddrs as _;

use longshore_content::Image;

use super::REPOSITORY;
use crate::support::skip::skip;
use crate::support::{Answer, FaultProxy, Longshore, Registry, Rule, Run, Seen};

/// A registry behind a proxy under the name `registry.test`, and a service on loopback.
struct Ends {
    behind: Registry,
    proxy: FaultProxy,
    other: Registry,
    inside: FaultProxy,
}

impl Ends {
    fn new() -> Self {
        let serve = ["serve", "registry", "--listen", "127.0.0.1:0", "--host", "registry.test"];
        let (behind, other) =
            (Registry::embedded_by(Longshore::new().args(serve)), Registry::embedded());
        for registry in [&behind, &other] {
            registry.push(REPOSITORY, "1", &Image::new("linux/amd64").layer(1, 1000).build());
        }
        let proxy = FaultProxy::before(&behind);
        let ends = Self { behind, proxy, other, inside: FaultProxy::without_upstream() };
        ends.start_again();
        ends
    }

    /// Leaves the registry without faults.
    fn start_again(&self) {
        self.proxy.clear_rules();
        self.proxy.rule(Rule::on("CONNECT", "*").answers(Answer::status(403)));
    }

    /// Mirrors from one registry to the other, with a credential for the one behind the proxy.
    fn mirror(&self, source: &str, destination: &str) -> Run {
        let at = format!("http://{}", self.proxy.address());
        Longshore::new()
            .file(
                "../home/.docker/config.json",
                r#"{"auths":{"registry.test":{"auth":"am86c2VjcmV0"}}}"#,
            )
            .mirror()
            .args(["--tls-verify=false", "--max-wait=1s"])
            .list("team/app team/copy 1\n")
            .source(source)
            .destination(destination)
            .env("HTTP_PROXY", &at)
            .env("HTTPS_PROXY", &at)
            .run()
    }

    fn pull(&self) -> Run {
        self.mirror("registry.test", self.other.address())
    }

    fn push(&self) -> Run {
        self.mirror(self.other.address(), "registry.test")
    }

    /// Spellings of the service on loopback and of other places inside, with their zones.
    fn places(&self) -> Vec<(String, &'static str)> {
        let (_, port) = self.inside.address().rsplit_once(':').expect("an address has a port");
        let mut places: Vec<_> = [
            "127.0.0.1",
            "localhost",
            "2130706433",
            "0x7f.1",
            "0.0.0.0",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "user:pw@127.0.0.1",
        ]
        .map(|host| (format!("{host}:{port}"), "loopback"))
        .into();
        places.push(("169.254.169.254".to_owned(), "link-local"));
        for private in ["10.0.0.1", "192.168.0.1:5000", "100.64.0.1", "[fd12::1]"] {
            places.push((private.to_owned(), "private"));
        }
        places
    }

    #[track_caller]
    fn assert_refused(&self, run: Run, zone: &str, place: &str) {
        let run = run.exits(1).complains(&format!("which is at a {zone} address"));
        assert!(!run.stderr.contains("trying again"), "{place}: {}", run.stderr);
        assert_eq!(self.inside.requests().len(), 0, "{place} was asked");
    }
}

#[test]
fn a_redirect_does_not_lead_inside() {
    let ends = Ends::new();
    for (place, zone) in ends.places() {
        ends.start_again();
        let to = format!("http://{place}/x");
        ends.proxy.rule(Rule::on("GET", "*/blobs/*").answers(Answer::redirect(&to)));
        ends.assert_refused(ends.pull(), zone, &place);
        ends.start_again();
        ends.proxy.rule(Rule::on("GET", "*/manifests/*").answers(Answer::redirect(&to)));
        ends.proxy.rule(Rule::on("HEAD", "*/manifests/*").answers(Answer::redirect(&to)));
        ends.assert_refused(ends.pull(), zone, &place);
    }
    ends.start_again();
    ends.pull().exits(0);
    ends.other.assert_complete("team/copy", "1");
}

/// A name that this machine resolves to itself, and that is not a name of loopback by its spelling: that would
/// not go through the proxy.
fn name_of_this_machine() -> Option<String> {
    let hosts = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
    let is_own = |name: &&str| {
        let addresses = (*name, 80).to_socket_addrs();
        let is_loopback = addresses.is_ok_and(|mut all| all.all(|found| found.ip().is_loopback()));
        is_loopback && *name != "localhost" && !name.ends_with(".localhost")
    };
    let lines = hosts.lines().filter_map(|line| line.split('#').next());
    let names = lines.flat_map(|line| line.split_whitespace().skip(1));
    names.filter(|name| !name.contains(':')).find(is_own).map(str::to_owned)
}

/// The proxy would resolve the name itself, so longshore looks it up before it asks the proxy.
#[test]
fn a_name_does_not_lead_the_proxy_inside() {
    let Some(name) = name_of_this_machine() else {
        return skip("/etc/hosts has no name of this machine beside localhost");
    };
    let ends = Ends::new();
    for place in [format!("{name}:5000"), name.clone(), name.to_uppercase()] {
        ends.start_again();
        let to = format!("http://{place}/x");
        ends.proxy.rule(Rule::on("GET", "*/blobs/*").answers(Answer::redirect(&to)));
        ends.assert_refused(ends.pull(), "loopback", &place);
        ends.start_again();
        let to = format!("http://{place}/v2/team/copy/blobs/uploads/1?_state=x");
        let answer = Answer::status(202).header("location", &to);
        ends.proxy.rule(Rule::on("POST", "*/blobs/uploads/*").answers(answer));
        ends.assert_refused(ends.push(), "loopback", &place);
        ends.start_again();
        let challenge = format!("Bearer realm=\"http://{place}/token\",service=\"x\"");
        let answer = Answer::status(401).header("www-authenticate", &challenge);
        ends.proxy.rule(Rule::on("*", "/v2/*").answers(answer));
        ends.assert_refused(ends.pull(), "loopback", &place);
        let host = name.to_lowercase();
        let to_it = |seen: &Seen| seen.host.to_lowercase().starts_with(&host);
        assert!(!ends.proxy.requests().iter().any(to_it), "the proxy was asked for {place}");
    }
}

#[test]
fn an_upload_location_does_not_lead_inside() {
    let ends = Ends::new();
    for (place, zone) in ends.places() {
        ends.start_again();
        let to = format!("http://{place}/v2/team/copy/blobs/uploads/1?_state=x");
        let answer = Answer::status(202).header("location", &to);
        ends.proxy.rule(Rule::on("POST", "*/blobs/uploads/*").answers(answer));
        ends.assert_refused(ends.push(), zone, &place);
    }
    ends.start_again();
    ends.push().exits(0);
    ends.behind.assert_complete("team/copy", "1");
}

#[test]
fn a_token_service_does_not_lie_inside() {
    let ends = Ends::new();
    for (place, zone) in ends.places() {
        ends.start_again();
        let challenge = format!("Bearer realm=\"http://{place}/token\",service=\"x\"");
        let answer = Answer::status(401).header("www-authenticate", &challenge);
        ends.proxy.rule(Rule::on("*", "/v2/*").answers(answer));
        ends.assert_refused(ends.pull(), zone, &place);
    }
}

#[test]
fn the_link_to_the_next_page_stays_at_the_registry() {
    let ends = Ends::new();
    for (place, _) in ends.places() {
        ends.start_again();
        ends.proxy.forget();
        let link = format!("<http://{place}/v2/team/app/tags/list?last=1>; rel=\"next\"");
        ends.proxy.rule(
            Rule::on("GET", "/v2/team/app/tags/list")
                .first(1)
                .alters(move |answer| answer.header("link", &link)),
        );
        let at = format!("http://{}", ends.proxy.address());
        let list = "registry.test:\n  images-by-tag-regex:\n    team/app: '.*'\n";
        Longshore::new()
            .mirror()
            .args(["--tls-verify=false", "--list-format", "skopeo-sync"])
            .list(list)
            .destination(ends.other.address())
            .env("HTTP_PROXY", &at)
            .env("HTTPS_PROXY", &at)
            .run()
            .exits(0);
        assert_eq!(ends.inside.requests().len(), 0, "{place} was asked");
        assert_eq!(ends.proxy.count("GET", "/v2/team/app/tags/list"), 2, "{place}");
    }
}
