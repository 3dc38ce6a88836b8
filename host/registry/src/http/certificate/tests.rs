//! Certificate directories, good and bad, and a handshake with both a root and a client
//! certificate.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose};
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection};
use tempfile::TempDir;

use crate::http::trust::trusting;

use super::{
    CertificateError, RegistryCertificates, aws_lc_rs, certificate_directories, directory_names,
    roots_of_bundle,
};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate for `localhost` and its key, as PEM.
fn leaf(authority: &Authority) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    (certificate.pem(), key.serialize_pem())
}

/// A `certs.d` directory with these files.
fn directory(files: &[(&str, &str)]) -> TempDir {
    let directory = TempDir::new().unwrap();
    for (name, text) in files {
        let path = directory.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    directory
}

fn of(registry: &str, directories: &[&TempDir]) -> Result<RegistryCertificates, CertificateError> {
    let directories: Vec<PathBuf> =
        directories.iter().map(|directory| directory.path().to_owned()).collect();
    RegistryCertificates::of(&registry.parse().unwrap(), &directories)
}

#[test]
fn roots_of_all_directories_count_and_others_files_do_not() {
    let (one, two) = (authority().pem(), authority().pem());
    let bundle = format!("# a comment\n{one}\n{two}");
    let first = directory(&[("r.example/ca.crt", &bundle), ("r.example/README", "x")]);
    let second = directory(&[("r.example/other.crt", &one), ("o.example/ca.crt", "broken")]);
    let found = of("r.example", &[&first, &second]).unwrap();
    assert_eq!(found.roots.len(), 3);
    assert!(found.identity.is_none());
    assert_eq!(of("r.example:5000", &[&first, &second]).unwrap().roots.len(), 0);
}

#[test]
fn a_registry_s_directory_is_named_as_it_is_written() {
    for (registry, names) in [
        ("r.example", &["r.example", "r.example:443"][..]),
        ("r.example:443", &["r.example:443", "r.example"]),
        ("r.example:5000", &["r.example:5000"]),
        ("[::1]:5000", &["[::1]:5000"]),
        ("[::1]", &["[::1]", "[::1]:443"]),
        ("docker.io", &["docker.io", "registry-1.docker.io", "index.docker.io"]),
    ] {
        assert_eq!(directory_names(&registry.parse().unwrap()), names, "{registry}");
    }
}

#[test]
fn the_user_s_directories_come_first() {
    let get = |_: &str| Some("/cfg".to_owned());
    let home = Path::new("/home/me");
    let paths = |directories: Vec<PathBuf>| -> Vec<String> {
        directories.iter().map(|path| path.display().to_string()).collect()
    };
    let system = ["/etc/containers/certs.d", "/etc/docker/certs.d"];
    let in_home = "/home/me/.config/containers/certs.d";
    assert_eq!(
        paths(certificate_directories(get, Some(home))),
        [&["/cfg/containers/certs.d", in_home][..], &system].concat()
    );
    for value in [None, Some(String::new()), Some("/home/me/.config".to_owned())] {
        let directories = certificate_directories(|_| value.clone(), Some(home));
        assert_eq!(paths(directories), [&[in_home][..], &system].concat(), "{value:?}");
    }
    assert_eq!(paths(certificate_directories(|_| None, None)), system);
}

#[test]
fn half_a_client_certificate_is_an_error_that_names_both_files() {
    let (certificate, key) = leaf(&authority());
    let alone = directory(&[("r.example/client.cert", &certificate)]);
    let text = of("r.example", &[&alone]).unwrap_err().to_string();
    assert!(text.contains("client.cert") && text.contains("client.key"), "{text}");
    assert!(text.contains("*.crt"), "no hint: {text}");
    let alone = directory(&[("r.example/client.key", &key), ("r.example/other.cert", "x")]);
    let text = of("r.example", &[&alone]).unwrap_err().to_string();
    assert!(text.contains("client.key") && text.contains("client.cert"), "{text}");
}

#[test]
fn a_broken_file_is_named_and_never_quoted() {
    let authority = authority();
    let (certificate, key) = leaf(&authority);
    let (_, foreign) = leaf(&authority);
    let garbled = "-----BEGIN CERTIFICATE-----\naHVudGVyMg==\n-----END CERTIFICATE-----\n";
    let encrypted = key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let garbled_key = "-----BEGIN PRIVATE KEY-----\naHVudGVyMg==\n-----END PRIVATE KEY-----\n";
    let pair = |certificate, key| vec![("r.example/c.cert", certificate), ("r.example/c.key", key)];
    for (files, culprit) in [
        (vec![("r.example/ca.crt", "")], "ca.crt"),
        (vec![("r.example/ca.crt", "hunter2")], "ca.crt"),
        (vec![("r.example/ca.crt", garbled)], "ca.crt"),
        (vec![("r.example/ca.crt", key.as_str())], "ca.crt"),
        (vec![("r.example/ca.crt/x", "")], "ca.crt"),
        (pair("hunter2", &key), "c.cert"),
        (pair(garbled, &key), "c.cert"),
        (pair(&certificate, "hunter2"), "c.key"),
        (pair(&certificate, garbled_key), "c.key"),
        (pair(&certificate, &encrypted), "c.key"),
        (pair(&certificate, &foreign), "c.key is not its key"),
    ] {
        let directory = directory(&files);
        let error = of("r.example", &[&directory]).unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(error.to_string().contains(culprit), "{files:?}: {error}");
        assert!(!text.contains("hunter2") && !text.contains("aHVudGVyMg"), "{text}");
    }
}

#[test]
fn a_broken_block_is_placed_and_gets_a_hint() {
    let good = authority().pem();
    let garbled = "-----BEGIN CERTIFICATE-----\naHVudGVyMg==\n-----END CERTIFICATE-----\n";
    for (block, why) in [
        (good.replace("\nMII", "\n!MII"), "is not valid base64"),
        (good.replace("-----END CERTIFICATE-----", ""), "lacks its line -----END …-----"),
        (good.replace('\n', "\\n"), "begins with a broken line"),
        (garbled.to_owned(), "is not a valid certificate"),
    ] {
        for (before, place) in [("", ""), (&*good, "after certificate 1 ")] {
            let directory = directory(&[("r.example/ca.crt", &format!("{before}{block}"))]);
            let error = of("r.example", &[&directory]).unwrap_err();
            let expected = format!("ca.crt: a PEM block {place}{why}");
            assert!(error.to_string().ends_with(&expected), "{error}");
            assert!(error.hint().is_some_and(|hint| hint.contains("BEGIN CERTIFICATE")));
        }
    }
}

#[test]
fn a_dangling_link_is_named_and_a_missing_directory_is_none() {
    let directory = directory(&[("r.example/README", "")]);
    let link = directory.path().join("r.example/ca.crt");
    std::os::unix::fs::symlink("nowhere", &link).unwrap();
    let error = of("r.example", &[&directory]).unwrap_err();
    assert!(error.to_string().starts_with(&format!("read {}: ", link.display())), "{error}");
    let missing = vec![directory.path().join("missing"), directory.path().join("r.example/README")];
    let found = RegistryCertificates::of(&"r.example".parse().unwrap(), &missing).unwrap();
    assert!(found.roots.is_empty() && found.identity.is_none());
}

#[test]
fn the_first_of_two_client_certificates_is_taken() {
    let authority = authority();
    let (certificate, key) = leaf(&authority);
    let both = directory(&[
        ("r.example/a.cert", &certificate),
        ("r.example/a.key", &key),
        ("r.example/b.cert", &certificate),
        ("r.example/b.key", &key),
    ]);
    assert!(of("r.example", &[&both]).unwrap().identity.is_some());
}

#[test]
fn a_bundle_skips_unusable_roots() {
    let garbled = "-----BEGIN CERTIFICATE-----\naHVudGVyMg==\n-----END CERTIFICATE-----\n";
    let mixed = format!("{garbled}{}", authority().pem());
    let directory = directory(&[("mixed", &mixed), ("none", garbled), ("empty", "")]);
    let roots = |name| roots_of_bundle(&directory.path().join(name));
    assert_eq!(roots("mixed").unwrap().len(), 1);
    for name in ["none", "empty", "missing"] {
        let error = roots(name).unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
    }
}

/// Answers one request over TLS, and requires a client certificate of the authority.
fn serve_once(authority: &Authority) -> u16 {
    let (certificate, key) = {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, authority).unwrap();
        (certificate.der().clone(), PrivateKeyDer::try_from(key.serialize_der()).unwrap())
    };
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(authority.der().clone()).unwrap();
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut connection = ServerConnection::new(Arc::new(config)).unwrap();
        let mut stream = rustls::Stream::new(&mut connection, &mut socket);
        // The client reports a refused handshake.
        if stream.read(&mut [0; 4096]).is_ok() {
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi";
            stream.write_all(answer).unwrap();
            stream.flush().unwrap();
        }
    });
    port
}

#[tokio::test]
async fn a_client_trusts_the_root_and_shows_its_certificate() {
    let authority = authority();
    let (certificate, key) = leaf(&authority);
    let complete = directory(&[
        ("localhost/ca.crt", &authority.pem()),
        ("localhost/client.cert", &certificate),
        ("localhost/client.key", &key),
    ]);
    let root_only = directory(&[("localhost/ca.crt", &authority.pem())]);
    let nothing = directory(&[]);
    for (directory, is_answered) in [(&complete, true), (&root_only, false), (&nothing, false)] {
        let found = of("localhost", &[directory]).unwrap();
        let tls = trusting(&found, true).unwrap();
        let builder = reqwest::Client::builder().no_proxy().tls_backend_preconfigured(tls);
        let port = serve_once(&authority);
        let address = format!("https://localhost:{port}/");
        let answer = builder.build().unwrap().get(address).send().await;
        assert_eq!(answer.is_ok(), is_answered, "{answer:?}");
    }
}
