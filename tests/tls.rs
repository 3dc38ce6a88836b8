//! Certificates, plain HTTP and proxies.

use std::time::{Duration, Instant};

use longshore_content::{Content, Image};

use crate::support::{Answer, FaultProxy, Longshore, Registry, Rule};

/// Creates a registry with TLS and an image. Returns `None` to skip the test.
fn secure() -> Option<(Registry, Content)> {
    let registry = Registry::docker().tls().start()?;
    let image = Image::new("linux/amd64").layer(1, 1000).build();
    registry.push("team/app", "1", &image);
    Some((registry, image))
}

fn mirror(source: &str, destination: &Registry) -> Longshore {
    Longshore::new()
        .mirror()
        .list("team/app team/app 1\n")
        .source(source)
        .destination(destination.address())
}

/// Returns the certificate of a registry's authority.
fn authority(registry: &Registry) -> String {
    let path = registry.authority().expect("a registry with TLS has an authority");
    std::fs::read_to_string(path).expect("the certificate can be read")
}

#[test]
fn an_unknown_certificate_is_refused_with_a_hint() {
    let Some((source, _)) = secure() else { return };
    let destination = Registry::embedded();
    let run = mirror(source.address(), &destination).run().exits(1);
    assert!(
        run.stderr.contains(&format!("certificate of {} is not trusted", source.address())),
        "{}",
        run.stderr
    );
    let run = run.complains("hint: put the registry's CA into a certs.d directory");
    assert!(!run.stderr.contains("trying again"), "a certificate does not get better");
    let answered = source.requests();
    assert!(!answered.iter().any(|line| line.contains("GET ")), "it was asked over HTTP");
}

#[test]
fn a_certificate_in_certs_d_is_trusted() {
    let Some((source, image)) = secure() else { return };
    let destination = Registry::embedded();
    let place = format!("../home/.config/containers/certs.d/{}/ca.crt", source.address());
    mirror(source.address(), &destination).file(&place, authority(&source)).run().exits(0);
    assert_eq!(destination.manifest("team/app", "1").bytes, image.bytes());
    destination.assert_complete("team/app", "1");
}

#[test]
fn a_certificate_in_certs_d_is_for_its_own_registry() {
    let Some((source, _)) = secure() else { return };
    let destination = Registry::embedded();
    let place = "../home/.config/containers/certs.d/127.0.0.1:9/ca.crt";
    let run = mirror(source.address(), &destination).file(place, authority(&source)).run();
    run.exits(1).complains("is not trusted");
}

#[test]
fn a_bundle_in_ssl_cert_file_is_trusted() {
    let Some((source, _)) = secure() else { return };
    let destination = Registry::embedded();
    let run = mirror(source.address(), &destination).file("bundle.pem", authority(&source));
    let bundle = run.directory().join("bundle.pem");
    run.env("SSL_CERT_FILE", bundle).run().exits(0);
    destination.assert_complete("team/app", "1");
}

#[test]
fn certificates_are_not_checked_if_that_is_asked_for() {
    let Some((source, _)) = secure() else { return };
    let destination = Registry::embedded();
    mirror(source.address(), &destination).arg("--tls-verify=false").run().exits(0);
    destination.assert_complete("team/app", "1");
}

#[test]
fn a_push_to_a_registry_with_tls_works() {
    let Some(destination) = Registry::docker().tls().start() else { return };
    let source = Registry::embedded();
    source.push("team/app", "1", &Image::new("linux/amd64").layer(1, 300_000).build());
    let place = format!("../home/.config/containers/certs.d/{}/ca.crt", destination.address());
    mirror(source.address(), &destination).file(&place, authority(&destination)).run().exits(0);
    destination.assert_complete("team/app", "1");
}

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
    let started = Instant::now();
    let run = through(&proxy, &destination)
        .arg("--tls-verify=false")
        .env("NO_PROXY", "example.test,registry.test")
        .run();
    run.exits(1).complains("cannot reach registry.test");
    assert_eq!(proxy.requests().len(), 0, "it went through the proxy");
    let took = started.elapsed();
    assert!(took < Duration::from_secs(60), "it took {took:?}");
}
