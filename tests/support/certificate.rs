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

impl Certificate {
    /// Writes `ca.crt`, `server.crt` and `server.key` for 127.0.0.1 and localhost into the
    /// directory.
    pub(crate) fn write(directory: &Path) -> Self {
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.distinguished_name.push(DnType::CommonName, "longshore test authority");
        let authority_key = KeyPair::generate().expect("a key can be made");
        let root = authority.self_signed(&authority_key).expect("a root signs itself");
        let issuer = Issuer::new(authority, authority_key);

        let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
        let server = CertificateParams::new(names).expect("the names are valid");
        let server_key = KeyPair::generate().expect("a key can be made");
        let leaf = server.signed_by(&server_key, &issuer).expect("the root signs the leaf");

        let write = |name: &str, text: String| {
            let path = directory.join(name);
            std::fs::write(&path, text).expect("a file in the scratch directory can be written");
            path
        };
        Self {
            authority: write("ca.crt", root.pem()),
            certificate: write("server.crt", leaf.pem()),
            key: write("server.key", server_key.serialize_pem()),
        }
    }
}
