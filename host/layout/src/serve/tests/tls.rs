//! The registry over TLS.

use std::path::Path;

use reqwest::{Certificate, Client};

use super::{Running, options};
use crate::serve::{ServeOptions, TlsFiles, serve};

/// Writes a certificate for loopback and its key, and returns the certificate.
fn write_certificate(folder: &Path) -> (TlsFiles, String) {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let files = TlsFiles { certificate: folder.join("cert.pem"), key: folder.join("key.pem") };
    std::fs::write(&files.certificate, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    (files, made.cert.pem())
}

#[tokio::test]
async fn the_registry_speaks_tls_with_the_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let (files, certificate) = write_certificate(folder.path());
    let mut registry = Running::start(ServeOptions { tls: Some(files), ..options(None) }).await;
    let root = Certificate::from_pem(certificate.as_bytes()).unwrap();
    registry.client = Client::builder().no_proxy().tls_certs_only([root]).build().unwrap();
    let url = format!("https://{}/v2/", registry.address);
    assert_eq!(registry.client.get(&url).send().await.unwrap().status(), 200);
    // Plain HTTP ends without an answer, and other clients are still served.
    let plain = Client::builder().no_proxy().build().unwrap();
    plain.get(format!("http://{}/v2/", registry.address)).send().await.unwrap_err();
    assert_eq!(registry.client.get(&url).send().await.unwrap().status(), 200);
    registry.stop().await;
}

#[tokio::test]
async fn files_that_are_no_certificate_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let (good, certificate) = write_certificate(folder.path());
    let other = folder.path().join("other");
    std::fs::create_dir(&other).unwrap();
    let (others, _) = write_certificate(&other);
    let text = folder.path().join("text");
    std::fs::write(&text, "hello").unwrap();
    let missing = folder.path().join("missing");
    assert!(certificate.starts_with("-----BEGIN"));
    for (certificate, key, expected) in [
        (&text, &good.key, "read the certificate of"),
        (&missing, &good.key, "read the certificate of"),
        (&good.certificate, &text, "read the key of"),
        (&good.certificate, &missing, "read the key of"),
        (&good.certificate, &others.key, "it does not fit"),
    ] {
        let files = TlsFiles { certificate: certificate.clone(), key: key.clone() };
        let tls = ServeOptions { tls: Some(files), ..options(None) };
        let error = serve(tls, |_, _| (), std::future::pending()).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
}
