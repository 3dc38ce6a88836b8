//! Proxies, and plain HTTP through them.

mod socks;

use std::time::{Duration, Instant};

use longshore_content::Image;

use crate::support::{Answer, FaultProxy, Longshore, Registry, Rule};
use crate::tls::{authority, mirror, secure};
use socks::{Asked, Socks};

/// Creates two registries with plain HTTP and an image at the source.
fn plain() -> (Registry, Registry) {
    let serve = ["serve", "registry", "--listen", "127.0.0.1:0", "--host", "registry.test"];
    let source = Registry::embedded_by(Longshore::new().args(serve));
    source.push("team/app", "1", &Image::new("linux/amd64").layer(1, 1000).build());
    (source, Registry::embedded())
}

#[test]
fn loopback_needs_no_flag_for_plain_http_and_no_proxy() {
    let (source, destination) = plain();
    let proxy = FaultProxy::without_upstream();
    let at = format!("http://{}", proxy.address());
    mirror(source.address(), &destination)
        .env("HTTP_PROXY", &at)
        .env("HTTPS_PROXY", &at)
        .env("ALL_PROXY", &at)
        .run()
        .exits(0);
    destination.assert_complete("team/app", "1");
    assert_eq!(proxy.requests().len(), 0, "loopback went through the proxy");
}

/// Prepares a run with a registry name that can only be reached through the proxy.
fn through(proxy: &FaultProxy, destination: &Registry) -> Longshore {
    let at = format!("http://{}", proxy.address());
    mirror("registry.test", destination).env("HTTP_PROXY", &at).env("HTTPS_PROXY", &at)
}

#[test]
fn plain_http_goes_through_the_proxy() {
    let (source, destination) = plain();
    let proxy = FaultProxy::before(&source);
    proxy.rule(Rule::on("CONNECT", "*").answers(Answer::status(403)));
    through(&proxy, &destination).arg("--tls-verify=false").run().exits(0);
    destination.assert_complete("team/app", "1");
    let asked = proxy.matching("GET", "/v2/team/app/manifests/1");
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].host, "registry.test", "the proxy is told whom it is for");
}

#[test]
fn without_the_flag_no_name_is_reached_by_plain_http() {
    let (source, destination) = plain();
    let proxy = FaultProxy::before(&source);
    proxy.rule(Rule::on("CONNECT", "*").answers(Answer::status(403)));
    through(&proxy, &destination).run().exits(1).complains("registry.test");
    assert!(proxy.count("CONNECT", "*") > 0, "HTTPS was tried");
    assert_eq!(proxy.count("GET", "*"), 0, "HTTP was not");
}

#[test]
fn a_registry_that_speaks_no_tls_is_refused_with_a_hint() {
    let (source, destination) = plain();
    let proxy = FaultProxy::before(&source);
    let run = through(&proxy, &destination).run().exits(1);
    run.complains("the peer speaks no TLS").complains("hint: the registry speaks plain HTTP");
    assert_eq!(proxy.count("GET", "*"), 0, "HTTP was tried");
    through(&proxy, &destination).arg("--tls-verify=false").run().exits(0);
    destination.assert_complete("team/app", "1");
}

#[test]
fn tls_goes_through_the_proxy() {
    let Some((source, _)) = secure() else { return };
    let destination = Registry::embedded();
    let proxy = FaultProxy::before(&source);
    through(&proxy, &destination).arg("--tls-verify=false").run().exits(0);
    destination.assert_complete("team/app", "1");
    let asked = proxy.matching("CONNECT", "*");
    assert!(!asked.is_empty() && asked.iter().all(|seen| seen.host == "registry.test:443"));
    assert_eq!(proxy.requests().len(), asked.len(), "nothing but tunnels");
}

#[test]
fn the_name_on_a_certificate_is_checked_behind_a_proxy_too() {
    let Some((source, _)) = secure() else { return };
    let destination = Registry::embedded();
    let proxy = FaultProxy::before(&source);
    let run = through(&proxy, &destination).file("bundle.pem", authority(&source));
    let bundle = run.directory().join("bundle.pem");
    let run = run.env("SSL_CERT_FILE", bundle).run();
    run.exits(1).complains("certificate of registry.test is not trusted");
}

#[test]
fn no_proxy_is_respected() {
    let (source, destination) = plain();
    let proxy = FaultProxy::before(&source);
    for (variable, value) in [
        ("NO_PROXY", "example.test,registry.test"),
        ("no_proxy", "*.example.test *.test"),
        ("NO_PROXY", ".test"),
        ("NO_PROXY", "registry.test:443,registry.test:80"),
    ] {
        let started = Instant::now();
        let run = through(&proxy, &destination).arg("--tls-verify=false").env(variable, value);
        run.run().exits(1).complains("cannot reach registry.test");
        assert_eq!(proxy.requests().len(), 0, "it went through the proxy with {value}");
        let took = started.elapsed();
        assert!(took < Duration::from_secs(60), "it took {took:?}");
    }
}

#[test]
fn no_proxy_for_others_is_not_for_this_one() {
    let (source, destination) = plain();
    let proxy = FaultProxy::before(&source);
    proxy.rule(Rule::on("CONNECT", "*").answers(Answer::status(403)));
    let others = "*.registry.test,registry.test:5000,gistry.test,10.0.0.0/8,nonsense/8";
    let run = through(&proxy, &destination).arg("--tls-verify=false").env("NO_PROXY", others);
    run.run().exits(0).complains("ignored \"nonsense/8\" of NO_PROXY");
    destination.assert_complete("team/app", "1");
}

#[test]
fn a_socks_proxy_gets_names_and_its_password() {
    let (source, destination) = plain();
    for (variable, scheme, account) in [
        ("ALL_PROXY", "socks5", None),
        ("all_proxy", "socks", Some("jo:pa#55")),
        ("HTTP_PROXY", "socks5h", None),
    ] {
        let proxy = Socks::before(Some(source.address()));
        let login = if account.is_some() { "jo:pa%2355@" } else { "" };
        let at = format!("{scheme}://{login}{}", proxy.address);
        let run = mirror("registry.test", &destination).env(variable, at);
        let run = run.args(["--tls-verify=false", "--force-recursive", "--debug"]).run().exits(0);
        destination.assert_complete("team/app", "1");
        let target = "registry.test:80".to_owned();
        let account = account.map(str::to_owned);
        assert!(proxy.asked().contains(&Asked { target, account }), "{:?}", proxy.asked());
        assert!(!run.stderr.contains("pa#55"), "{}", run.stderr);
    }
}

#[test]
fn a_socks_proxy_carries_tls_and_names_its_refusal() {
    let Some((source, _)) = secure() else { return };
    let destination = Registry::embedded();
    let proxy = Socks::before(Some(source.address()));
    let at = |proxy: &Socks| format!("socks5://{}", proxy.address);
    let run = mirror("registry.test", &destination).env("HTTPS_PROXY", at(&proxy));
    run.arg("--tls-verify=false").run().exits(0);
    destination.assert_complete("team/app", "1");
    let asked = proxy.asked();
    assert!(asked.iter().all(|asked| asked.target == "registry.test:443"), "{asked:?}");
    let closed = Socks::before(None);
    let run = mirror("registry.test", &destination).env("HTTPS_PROXY", at(&closed));
    let said = format!("cannot reach registry.test through the proxy {}", closed.address);
    run.run().exits(1).complains(&said);
    assert!(!closed.asked().is_empty());
}

#[test]
fn a_malformed_proxy_is_an_error_that_shows_no_password() {
    let (behind, destination) = plain();
    let source = FaultProxy::before(&behind);
    for (variable, value, said, hint) in [
        ("HTTPS_PROXY", "http://jo:pa55#word@p.test:3128", "a bare '#'", "percent-encoded"),
        ("http_proxy", "http://jo:pa55/word@p.test:3128", "a bare '/'", "percent-encoded"),
        ("ALL_PROXY", "jo:pa55@word@p.test:3128", "a bare '@'", "percent-encoded"),
        ("https_proxy", "socks4://jo:pa55word@p.test", "the scheme socks4 is not", "socks5://"),
        ("HTTP_PROXY", "http://jo:pa55word@", "no valid host", "HOST:PORT"),
        ("all_proxy", "http://jo:pa55word@p.test:x", "its port is not", "HOST:PORT"),
    ] {
        let run = mirror(source.address(), &destination).env(variable, value).run().exits(2);
        let run = run.complains(&format!("failed to use {variable}: ")).complains(said);
        let run = run.complains("hint: ").complains(hint);
        assert!(!run.stderr.contains("pa55"), "{}", run.stderr);
        assert!(!run.stderr.contains("***"), "a hint is masked: {}", run.stderr);
        assert_eq!(source.requests().len(), 0, "something was started");
    }
}

#[test]
fn a_proxy_that_opens_no_tunnel_is_named_with_a_hint() {
    let (behind, destination) = plain();
    for (status, why, hint) in [
        (403, "the proxy refuses to connect to it", "the proxy settings"),
        (502, "the proxy refuses to connect to it", "the proxy settings"),
        (407, "the proxy asks for a login (407)", "put USER:PASSWORD@ before the host"),
    ] {
        let proxy = FaultProxy::before(&behind);
        proxy.rule(Rule::on("CONNECT", "*").answers(Answer::status(status)));
        let run = mirror("registry.test", &destination).env("HTTPS_PROXY", proxy.address());
        let run = run.args(["--retries", "0"]).run().exits(1);
        let said = format!("cannot reach registry.test through the proxy {}", proxy.address());
        run.complains(&format!("{said}: {why}")).complains("hint: ").complains(hint);
    }
}

#[test]
fn the_password_of_a_proxy_is_decoded() {
    let (source, destination) = plain();
    let proxy = FaultProxy::before(&source);
    proxy.rule(Rule::on("CONNECT", "*").answers(Answer::status(403)));
    let at = format!("http://j%40o:pa%23%2F55@{}", proxy.address());
    let run = mirror("registry.test", &destination).env("http_proxy", at);
    let run = run.args(["--tls-verify=false", "--debug"]).run().exits(0);
    destination.assert_complete("team/app", "1");
    let asked = proxy.matching("GET", "/v2/team/app/manifests/1");
    // `j@o:pa#/55`
    assert_eq!(asked[0].header("proxy-authorization"), Some("Basic akBvOnBhIy81NQ=="));
    assert!(!run.stderr.contains("pa#/55") && !run.stderr.contains("pa%23"), "{}", run.stderr);
}
