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
    /// An issued certificate; clients must show one of the same authority.
    Mutual,
}

impl Certificate {
    /// Writes `ca.crt`, `server.crt` and `server.key` for 127.0.0.1 and localhost into the
    /// directory.
    pub(crate) fn write(directory: &Path, kind: Tls) -> Self {
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.distinguished_name.push(DnType::CommonName, "longshore test authority");
        let authority_key = KeyPair::generate().expect("a key can be made");
        let root = authority.self_signed(&authority_key).expect("a root signs itself");
        let issuer = Issuer::new(authority, authority_key);

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
            (root.pem(), leaf.pem())
        };

        let write = |name: &str, text: String| {
            let path = directory.join(name);
            std::fs::write(&path, text).expect("a file in the scratch directory can be written");
            path
        };
        Self {
            authority: write("ca.crt", root),
            certificate: write("server.crt", leaf),
            key: write("server.key", server_key.serialize_pem()),
        }
    }
}
