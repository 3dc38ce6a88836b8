//! TLS for connections to the registry.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::serve::start_file::read_bounded;

/// The files of a server's certificate.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The certificate and those that signed it, in PEM.
    pub certificate: PathBuf,
    /// Its private key, in PEM.
    pub key: PathBuf,
}

/// A certificate or a key is not usable.
#[derive(Debug, thiserror::Error)]
#[error("read {what} of {}: {why}", path.display())]
pub struct TlsError {
    what: &'static str,
    path: PathBuf,
    why: String,
}

impl TlsFiles {
    /// Reads the files.
    pub(crate) fn acceptor(&self) -> Result<TlsAcceptor, TlsError> {
        let failed = |what, path: &Path| {
            let path = path.to_owned();
            move |why: String| TlsError { what, path, why }
        };
        let certificate = failed("the certificate", &self.certificate);
        let chain = read_bounded(&self.certificate).map_err(|error| error.to_string());
        let chain = chain.and_then(|pem| {
            let chain = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
            chain.map_err(|error| error.to_string())
        });
        let chain = match chain {
            Ok(chain) if chain.is_empty() => Err("it has no certificate in PEM".to_owned()),
            other => other,
        };
        let chain = chain.map_err(certificate)?;
        let key = read_bounded(&self.key).map_err(|error| error.to_string());
        let key = key
            .and_then(|pem| PrivateKeyDer::from_pem_slice(&pem).map_err(|error| error.to_string()));
        let key = key.map_err(failed("the key", &self.key))?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|config| config.with_no_client_auth().with_single_cert(chain, key));
        let mut config = config
            .map_err(|error| failed("the key", &self.key)(format!("it does not fit: {error}")))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}
