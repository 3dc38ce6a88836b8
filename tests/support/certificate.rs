//! A temporary certificate authority and one server certificate.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

/// PEM files for a server on loopback.
#[derive(Debug)]
pub(crate) struct Certificate {
    /// The certificate that clients must trust.
    pub(crate) authority: PathBuf,
    /// The certificate of the server.
    pub(crate) certificate: PathBuf,
    /// The key of the server.
    pub(crate) key: PathBuf,
}

/// What a server shows to its clients, and what it wants from them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tls {
    /// A certificate by a temporary authority.
    Issued,
    /// A certificate that is its own authority, as Docker's documentation makes it.
    Docker,
    /// A certificate that expired in 2001.
    Expired,
    /// A certificate for other names.
    OtherNames,
    /// A certificate without alternative names.
    Nameless,
    /// An issued certificate; clients must show one of the same authority. Their files are beside it:
    /// `client`, `expired`, and `foreign` of another authority.
    Mutual,
}

/// Makes a root and its key.
fn authority(name: &str) -> (String, Issuer<'static, KeyPair>) {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.distinguished_name.push(DnType::CommonName, name);
    let key = KeyPair::generate().expect("a key can be made");
    let root = authority.self_signed(&key).expect("a root signs itself").pem();
    (root, Issuer::new(authority, key))
}

/// Writes a file of a certificate.
fn write(directory: &Path, name: &str, text: String) -> PathBuf {
    let path = directory.join(name);
    std::fs::write(&path, text).expect("a file in the scratch directory can be written");
    path
}

/// Writes the certificate of a client and its key.
fn write_client(directory: &Path, name: &str, issuer: &Issuer<'_, KeyPair>, expired: bool) {
    let mut client = CertificateParams::new(vec![name.to_owned()]).expect("the name is valid");
    if expired {
        client.not_before = rcgen::date_time_ymd(2000, 1, 1);
        client.not_after = rcgen::date_time_ymd(2001, 1, 1);
    }
    let key = KeyPair::generate().expect("a key can be made");
    let leaf = client.signed_by(&key, issuer).expect("the root signs the leaf");
    write(directory, &format!("{name}.crt"), leaf.pem());
    write(directory, &format!("{name}.key"), key.serialize_pem());
}

impl Certificate {
    /// Writes `ca.crt`, `server.crt` and `server.key` for 127.0.0.1 and localhost into the
    /// directory.
    pub(crate) fn write(directory: &Path, kind: Tls) -> Self {
        let (root, issuer) = authority("longshore test authority");
        if kind == Tls::Mutual {
            write_client(directory, "client", &issuer, false);
            write_client(directory, "expired", &issuer, true);
            write_client(directory, "foreign", &authority("another authority").1, false);
        }

        let names: &[&str] = match kind {
            Tls::OtherNames => &["registry.test", "other.test"],
            Tls::Nameless => &[],
            _ => &["127.0.0.1", "localhost"],
        };
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut server = CertificateParams::new(names).expect("the names are valid");
        let server_key = KeyPair::generate().expect("a key can be made");
        if kind == Tls::Expired {
            server.not_before = rcgen::date_time_ymd(2000, 1, 1);
            server.not_after = rcgen::date_time_ymd(2001, 1, 1);
        }
        let (root, leaf) = if kind == Tls::Docker {
            server.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            let leaf = server.self_signed(&server_key).expect("a certificate signs itself");
            (leaf.pem(), leaf.pem())
        } else {
            let leaf = server.signed_by(&server_key, &issuer).expect("the root signs the leaf");
            (root, leaf.pem())
        };
        Self {
            authority: write(directory, "ca.crt", root),
            certificate: write(directory, "server.crt", leaf),
            key: write(directory, "server.key", server_key.serialize_pem()),
        }
    }
}
