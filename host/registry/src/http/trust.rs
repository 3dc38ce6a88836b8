//! TLS: whom a registry's connections trust, and what they show of themselves.
//!
//! One configuration serves all connections of a registry, because reading the platform's roots costs
//! milliseconds and memory. Where all is plain HTTP it is never made.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::SingleCertAndKey;
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use crate::http::certificate::RegistryCertificates;

/// The configuration that trusts the platform's roots and those of `certificates`; without `verify`,
/// whoever answers. It names no protocol above TLS.
///
/// # Errors
/// Where the platform's roots cannot be read.
pub(crate) fn trusting(
    certificates: &RegistryCertificates,
    verify: bool,
) -> Result<ClientConfig, Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = if verify {
        let roots = certificates.roots.iter().cloned();
        Arc::new(rustls_platform_verifier::Verifier::new_with_extra_roots(
            roots,
            Arc::clone(&provider),
        )?)
    } else {
        Arc::new(Anybody(Arc::clone(&provider)))
    };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    Ok(match &certificates.identity {
        Some(identity) => {
            config.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(identity.clone())))
        }
        None => config.with_no_client_auth(),
    })
}

/// The configuration that trusts nobody: for looking whether TLS is spoken at all, and for plain HTTP.
///
/// # Errors
/// Never, as long as the provider knows the protocols that are on by default.
pub(crate) fn trusting_nobody() -> Result<ClientConfig, Error> {
    Ok(ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth())
}

/// `--tls-verify=false`: every certificate will do, but its key must be the one that signs.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(
            message,
            certificate,
            signed,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(
            message,
            certificate,
            signed,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
