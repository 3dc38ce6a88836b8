//! A temporary certificate authority and one server certificate.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

/// PEM files for servers on loopback.
#[derive(Debug)]
pub(crate) struct Certificate {
    /// The certificate that clients must trust.
    pub(crate) authority: PathBuf,
    /// The certificate of the servers.
    pub(crate) certificate: PathBuf,
    /// The key of the servers.
    pub(crate) key: PathBuf,
}

impl Certificate {
    /// Writes `ca.crt`, `server.crt` and `server.key` into the folder.
    pub(crate) fn write(folder: &Path) -> Result<Self> {
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.distinguished_name.push(DnType::CommonName, "longshore benchmark authority");
        let authority_key = KeyPair::generate()?;
        let root = authority.self_signed(&authority_key)?;
        let issuer = Issuer::new(authority, authority_key);
        let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
        let server_key = KeyPair::generate()?;
        let leaf = CertificateParams::new(names)?.signed_by(&server_key, &issuer)?;

        fs::create_dir_all(folder).context("failed to create the certificate's folder")?;
        let write = |name: &str, text: String| {
            let path = folder.join(name);
            fs::write(&path, text).context("failed to write the certificate").map(|()| path)
        };
        Ok(Self {
            authority: write("ca.crt", root.pem())?,
            certificate: write("server.crt", leaf.pem())?,
            key: write("server.key", server_key.serialize_pem())?,
        })
    }
}
