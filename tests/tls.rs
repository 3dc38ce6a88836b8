//! Certificates, trusted and refused.

use std::path::Path;

use longshore_content::{Content, Image};

use crate::support::{Longshore, Registry, Run, Tls, TlsFront};

/// Creates a registry with TLS and an image. Returns `None` to skip the test.
pub(super) fn secure() -> Option<(Registry, Content)> {
    secure_with(Tls::Issued)
}

/// Creates a registry with a certificate of this kind, and an image.
fn secure_with(kind: Tls) -> Option<(Registry, Content)> {
    let registry = Registry::docker().tls_of(kind).start()?;
    let image = Image::new("linux/amd64").layer(1, 1000).build();
    registry.push("team/app", "1", &image);
    Some((registry, image))
}

pub(super) fn mirror(source: &str, destination: &Registry) -> Longshore {
    Longshore::new()
        .mirror()
        .list("team/app team/app 1\n")
        .source(source)
        .destination(destination.address())
}

/// Returns the certificate of a registry's authority.
pub(super) fn authority(registry: &Registry) -> String {
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
    let run = run.complains(
        "hint: put the registry's CA into ~/.config/containers/certs.d/HOST:PORT/ca.crt",
    );
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
fn a_file_of_certificates_that_is_not_pem_gets_a_hint() {
    let Some((source, _)) = secure() else { return };
    let right = authority(&source);
    for text in [
        String::new(),
        "hello".to_owned(),
        right.replace("CERTIFICATE", "TRUSTED CERTIFICATE"),
        right.lines().skip(1).collect(),
    ] {
        let place = format!("../home/.config/containers/certs.d/{}/ca.crt", source.address());
        let run = mirror(source.address(), &Registry::embedded()).file(&place, text).run().exits(1);
        run.complains("ca.crt: it holds no PEM certificate").complains("hint: write it as PEM");
    }
}

#[test]
fn a_broken_block_in_a_file_of_certificates_gets_a_hint() {
    let Some((source, _)) = secure() else { return };
    let right = authority(&source);
    let text = format!("{right}{}", right.replace("-----END", "--END"));
    let place = format!("../home/.config/containers/certs.d/{}/ca.crt", source.address());
    let destination = Registry::embedded();
    let of_registry = mirror(source.address(), &destination).file(&place, &*text).run().exits(1);
    let run = mirror(source.address(), &destination).file("bundle.pem", text);
    let bundle = run.directory().join("bundle.pem");
    let of_all = run.env("SSL_CERT_FILE", bundle).run().exits(2);
    for run in [of_registry, of_all] {
        let run = run.complains("a PEM block after certificate 1 lacks its line -----END");
        run.complains("hint: remove that block, or copy it again");
    }
}

/// Runs with the registry's root in `certs.d`, and with these files beside it.
fn trusted(source: &Registry, destination: &Registry, files: &[(&str, String)]) -> Run {
    let place = format!("../home/.config/containers/certs.d/{}", source.address());
    let run = mirror(source.address(), destination);
    let run = run.file(&format!("{place}/ca.crt"), authority(source));
    let with = |run: Longshore, (name, text): &(&str, String)| {
        run.file(&format!("{place}/{name}"), text.clone())
    };
    files.iter().fold(run, with).run()
}

#[test]
fn a_certificate_that_is_its_own_authority_is_trusted_where_it_is_given() {
    let Some((source, image)) = secure_with(Tls::Docker) else { return };
    let destination = Registry::embedded();
    let unknown = mirror(source.address(), &destination).run().exits(1);
    unknown.complains("is not trusted: it is the certificate of a CA (CA:TRUE)").complains(
        "hint: put this certificate itself into ~/.config/containers/certs.d/HOST:PORT/ca.crt",
    );
    trusted(&source, &destination, &[]).exits(0);
    assert_eq!(destination.manifest("team/app", "1").bytes, image.bytes());
    destination.assert_complete("team/app", "1");

    let (between, last) = (secure_with(Tls::Issued), Registry::embedded());
    let Some((between, _)) = between else { return };
    // A bundle has more than one certificate, and text between them.
    let bundle = format!("{}\n# the registry's own\n{}", authority(&between), authority(&source));
    let run = mirror(source.address(), &last).file("bundle.pem", bundle);
    let bundle = run.directory().join("bundle.pem");
    run.env("SSL_CERT_FILE", bundle).run().exits(0);
    last.assert_complete("team/app", "1");
}

#[test]
fn the_fault_of_a_trusted_certificate_is_named_with_its_own_hint() {
    for (kind, fault, hint) in [
        (Tls::Expired, "it expired on Mon, 01 Jan 2001", "hint: renew the certificate"),
        (Tls::OtherNames, "it is for registry.test, other.test", "hint: use a name that"),
        (Tls::Nameless, "it has no subject alternative name", "the common name does not count"),
    ] {
        let Some((source, _)) = secure_with(kind) else { return };
        let run = trusted(&source, &Registry::embedded(), &[]).exits(1);
        let fault = format!("certificate of {} is not trusted: {fault}", source.address());
        let run = run.complains(&fault).complains(hint);
        assert!(!run.stderr.contains("trying again"), "a certificate does not get better");
        assert!(!run.stderr.contains("hint: put the"), "{}", run.stderr);
    }
}

#[test]
fn a_registry_that_wants_a_client_certificate_gets_it() {
    let Some((source, _)) = secure_with(Tls::Mutual) else { return };
    let destination = Registry::embedded();
    let run = trusted(&source, &destination, &[]).exits(1);
    run.complains(&format!("handshake with {} failed: it asks for a client", source.address()));
    let folder = source.authority().and_then(Path::parent).expect("it has a folder");
    let text = |name| std::fs::read_to_string(folder.join(name)).expect("it can be read");
    let files = [("client.cert", text("client.crt")), ("client.key", text("client.key"))];
    trusted(&source, &destination, &files).exits(0);
    destination.assert_complete("team/app", "1");
}

/// The directions of a mirror run: what the registry with TLS is for.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Use {
    Read,
    Write,
    /// Without a look at the destination before, so that an upload is the first request.
    WriteFirst,
}

/// Mirrors from or to a registry that wants a client certificate and gets this one.
fn mutual(front: &TlsFront, plain: &Registry, direction: Use, shown: Option<&str>) -> Run {
    let (source, destination) = match direction {
        Use::Read => (front.address(), plain.address()),
        _ => (plain.address(), front.address()),
    };
    let run = Longshore::new().mirror().list("team/app team/app 1\n").source(source);
    let run = run.destination(destination);
    let run = if direction == Use::WriteFirst { run.arg("--force-recursive") } else { run };
    let place = format!("../home/.config/containers/certs.d/{}", front.address());
    let text =
        |name: &str| std::fs::read_to_string(front.folder().join(name)).expect("it can be read");
    let run = run.file(&format!("{place}/ca.crt"), text("ca.crt"));
    let Some(name) = shown else { return run.run() };
    let run = run.file(&format!("{place}/client.cert"), text(&format!("{name}.crt")));
    run.file(&format!("{place}/client.key"), text(&format!("{name}.key"))).run()
}

#[test]
fn the_hint_for_a_client_certificate_fits_in_every_version_of_tls_and_direction() {
    use rustls::version::{TLS12, TLS13};
    let (behind, plain) = (Registry::embedded(), Registry::embedded());
    let image = Image::new("linux/amd64").layer(1, 1000).build();
    for registry in [&behind, &plain] {
        registry.push("team/app", "1", &image);
    }
    // HTTP/2 and HTTP/1.1 report the errors of a connection in their own ways.
    for (version, http2, direction) in [
        (&TLS12, false, Use::Read),
        (&TLS12, false, Use::WriteFirst),
        (&TLS12, true, Use::Write),
        (&TLS13, false, Use::Read),
        (&TLS13, false, Use::WriteFirst),
        (&TLS13, true, Use::Read),
        (&TLS13, true, Use::Write),
    ] {
        let front = TlsFront::before(&behind, version, http2);
        for (shown, fault, hint) in [
            (None, "it asks for a client certificate", "put a client certificate and its key"),
            (Some("expired"), "certificate: it has expired", "renew the client certificate"),
            (
                Some("foreign"),
                "certificate: the server trusts no CA that issued it",
                "put a client certificate that the registry accepts",
            ),
        ] {
            let run = mutual(&front, &plain, direction, shown).exits(1);
            let case = format!("{version:?} {http2} {direction:?} {shown:?}: {}", run.stderr);
            assert!(run.stderr.contains(fault) && run.stderr.contains(front.address()), "{case}");
            assert!(run.stderr.contains(&format!("hint: {hint}")), "{case}");
            assert!(!run.stderr.contains("trying again"), "{case}");
        }
    }
}

#[test]
fn the_right_client_certificate_opens_every_version_of_tls() {
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let (behind, plain) = (Registry::embedded(), Registry::embedded());
        behind.push("team/app", "1", &Image::new("linux/amd64").layer(1, 1000).build());
        let front = TlsFront::before(&behind, version, false);
        mutual(&front, &plain, Use::Read, Some("client")).exits(0);
        plain.assert_complete("team/app", "1");
    }
}

#[test]
fn certificates_are_not_checked_if_that_is_asked_for() {
    let Some((source, _)) = secure() else { return };
    let destination = Registry::embedded();
    mirror(source.address(), &destination).arg("--tls-verify=false").run().exits(0);
    destination.assert_complete("team/app", "1");
}

#[test]
fn certificates_of_one_registry_are_not_checked_if_that_is_asked_for() {
    let (Some((source, image)), Some((other, _))) = (secure(), secure()) else { return };
    let destination = Registry::embedded();
    let (named, unnamed) = (source.address(), other.address());
    let run = |from: &str, flags: &[&str]| mirror(from, &destination).args(flags).run();
    run(named, &["--insecure-registry", named]).exits(0);
    run(named, &[&format!("--insecure-registry=r.example.com,https://{named}")]).exits(0);
    for flags in [
        &["--insecure-registry", named][..],
        &["--insecure-registry", "127.0.0.1"],
        &["--insecure-registry", named, "--tls-verify"],
    ] {
        let refused = run(unnamed, flags).exits(1).complains("is not trusted");
        refused.complains("--insecure-registry HOST:PORT");
    }
    run(unnamed, &["--insecure-registry", named, "--insecure-registry", unnamed]).exits(0);
    run(unnamed, &["--insecure-registry", named, "--tls-verify=false"]).exits(0);
    let settings = format!("insecure-registry = ['{named}']\n");
    for words in [["tags", "team/app"], ["inspect", "team/app:1"]] {
        let look = |from: &str| Longshore::new().args(words).args(["-s", from]);
        look(named).run().exits(1).complains("is not trusted");
        look(named).args(["--insecure-registry", named]).run().exits(0);
        let place = "../home/.config/longshore.toml";
        look(named).file(place, &settings).run().exits(0);
        look(unnamed).file(place, &settings).run().exits(1);
    }
    let place = "../home/.config/longshore.toml";
    let run = mirror(named, &destination).file(place, &settings).arg("--deep").run().exits(0);
    assert!(!run.stderr.contains("not trusted"), "{}", run.stderr);
    assert_eq!(destination.manifest("team/app", "1").bytes, image.bytes());
}

#[test]
fn a_repeated_run_names_the_registry_whose_certificate_is_not_checked() {
    let Some((source, _)) = secure() else { return };
    let destination = Registry::embedded();
    let run = Longshore::new().mirror().list("team/none team/none 1\n");
    let run = run.source(source.address()).destination(destination.address());
    let run = run.args(["--insecure-registry", source.address()]).run().exits(1);
    let flag = format!(" --insecure-registry={} ", source.address());
    assert!(run.stdout.contains(&flag), "{}", run.stdout);
    run.complains("not found (404)")
        .repeated("mirror-failed.txt")
        .exits(1)
        .complains("not found (404)");
}

#[test]
fn what_names_no_registry_is_refused() {
    for (value, why) in [
        ("r.io/team", "it must be a registry without a path"),
        ("a b", "--insecure-registry <HOST[:PORT]>"),
        ("me@r.io", "--insecure-registry <HOST[:PORT]>"),
    ] {
        let run = Longshore::new().args(["tags", "r.io/a", "--insecure-registry", value]).run();
        run.exits(2).complains(why);
    }
    for command in [&["serve"][..], &["man"], &["logout", "r.io"], &["plugin", "list"]] {
        let run = Longshore::new().args(command).args(["--insecure-registry", "r.io"]).run();
        run.exits(2).complains("use --insecure-registry: it has no effect on");
    }
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
