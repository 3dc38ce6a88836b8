//! TLS configurations: which certificates are trusted, and which client certificate is sent.
//!
//! All connections of a registry share one configuration, as reading the platform's roots costs
//! milliseconds and memory. It is not built for plain HTTP.

use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::SingleCertAndKey;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, OtherError, RootCertStore,
    SignatureScheme,
};
use webpki::EndEntityCert;

use crate::http::certificate::RegistryCertificates;
use crate::http::tls_fault::{ExpiredIssuer, UnknownIssuer, webpki_error};

/// Makes a configuration that trusts the platform's roots and those of `certificates`.
///
/// Without `verify` it accepts every certificate. It sets no ALPN protocols.
///
/// # Errors
/// If the platform's roots cannot be read.
pub(crate) fn trusting(
    certificates: &RegistryCertificates,
    verify: bool,
) -> Result<ClientConfig, Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = if verify {
        Arc::new(RootsAndLeaves::of(certificates.roots.clone(), Arc::clone(&provider))?)
    } else {
        Arc::new(AcceptAny(Arc::clone(&provider)))
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

/// Makes a configuration without roots, for TLS detection and for plain HTTP.
///
/// # Errors
/// Only if the provider does not support the default protocol versions.
pub(crate) fn trusting_none() -> Result<ClientConfig, Error> {
    Ok(ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth())
}

/// Accepts certificates that a root issued, and server certificates that are themselves among the
/// roots.
///
/// Docker's documentation makes a self-signed certificate that is its own CA, and distributes it as
/// a root. webpki refuses a CA as the certificate of a server; OpenSSL and Go accept it.
#[derive(Debug)]
struct RootsAndLeaves {
    roots: rustls_platform_verifier::Verifier,
    /// The additional roots.
    given: Vec<CertificateDer<'static>>,
    /// The platform's roots as they are written. They are only read if a certificate is refused.
    platform: OnceLock<Vec<CertificateDer<'static>>>,
    provider: Arc<CryptoProvider>,
}

impl RootsAndLeaves {
    fn of(
        given: Vec<CertificateDer<'static>>,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, Error> {
        let roots = rustls_platform_verifier::Verifier::new_with_extra_roots(
            given.iter().cloned(),
            Arc::clone(&provider),
        )?;
        Ok(Self { roots, given, platform: OnceLock::new(), provider })
    }

    /// Whether a server certificate is itself among the roots.
    fn has(&self, leaf: &CertificateDer<'_>) -> bool {
        let platform =
            || self.platform.get_or_init(|| rustls_native_certs::load_native_certs().certs);
        self.given.contains(leaf) || platform().contains(leaf)
    }

    /// Checks everything but the issuer: the dates, the purpose and the name.
    fn check_alone(
        &self,
        leaf: &CertificateDer<'_>,
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Error> {
        let parsed = ParsedCertificate::try_from(leaf)?;
        let mut only = RootCertStore::empty();
        only.add(leaf.clone().into_owned())?;
        let algorithms = self.provider.signature_verification_algorithms.all;
        verify_server_cert_signed_by_trust_anchor(&parsed, &only, &[], now, algorithms)
            .or_else(|error| if is_about_the_issuer(&error) { Ok(()) } else { Err(error) })?;
        verify_server_name(&parsed, name)
    }

    /// Whether the certificate itself has expired.
    fn has_expired(&self, leaf: &CertificateDer<'_>, name: &ServerName<'_>, now: UnixTime) -> bool {
        self.check_alone(leaf, name, now).is_err_and(|error| expiry(&error).is_some())
    }
}

/// The error of a chain that leads to no trusted CA. It names the issuer of the last certificate, unless
/// that one is self-signed.
fn unknown_issuer(leaf: &CertificateDer<'_>, sent: &[CertificateDer<'_>]) -> Error {
    let sent: Vec<_> = sent.iter().filter_map(|der| EndEntityCert::try_from(der).ok()).collect();
    let unnamed = Error::InvalidCertificate(CertificateError::UnknownIssuer);
    let Ok(leaf) = EndEntityCert::try_from(leaf) else { return unnamed };
    let mut last = &leaf;
    // A chain may be circular.
    for _ in 0..sent.len() {
        let issuer = sent.iter().find(|other| other.subject() == last.issuer());
        match issuer.filter(|issuer| issuer.subject() != last.subject()) {
            Some(issuer) => last = issuer,
            None => break,
        }
    }
    let is_open = last.subject() != last.issuer();
    match common_name(last.issuer()).filter(|_| is_open) {
        Some(name) => {
            let error = OtherError(Arc::new(UnknownIssuer(name)));
            Error::InvalidCertificate(CertificateError::Other(error))
        }
        None => unnamed,
    }
}

/// The end of the life of the certificate that an error calls expired.
const fn expiry(error: &Error) -> Option<UnixTime> {
    match error {
        Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. }) => {
            Some(*not_after)
        }
        _ => None,
    }
}

/// The error of a chain in which the certificate of a CA has expired.
fn expired_issuer(not_after: UnixTime) -> Error {
    let error = OtherError(Arc::new(ExpiredIssuer(not_after)));
    Error::InvalidCertificate(CertificateError::Other(error))
}

/// The common name in a distinguished name (RFC 5280, section 4.1.2.4), for messages.
fn common_name(name: &[u8]) -> Option<String> {
    /// The identifier 2.5.4.3, as DER.
    const COMMON_NAME: [u8; 5] = [6, 3, 0x55, 4, 3];
    const SHOWN: usize = 64;
    let at = name.windows(COMMON_NAME.len()).position(|window| window == COMMON_NAME)?;
    let [_tag, length, rest @ ..] = name.get(at + COMMON_NAME.len()..)? else { return None };
    let text = String::from_utf8_lossy(rest.get(..usize::from(*length))?);
    let shown: String = text.chars().filter(|c| !c.is_control()).take(SHOWN).collect();
    Some(shown).filter(|shown| !shown.is_empty())
}

/// Whether the error is about the issuer. webpki checks the dates before.
fn is_about_the_issuer(error: &Error) -> bool {
    let Error::InvalidCertificate(error) = error else { return false };
    match error {
        CertificateError::UnknownIssuer
        | CertificateError::BadSignature
        | CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => true,
        other => matches!(webpki_error(other), Some(webpki::Error::CaUsedAsEndEntity)),
    }
}

impl ServerCertVerifier for RootsAndLeaves {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self.roots.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        match verified {
            Err(_) if self.has(end_entity) => {
                self.check_alone(end_entity, server_name, now)?;
                Ok(ServerCertVerified::assertion())
            }
            Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
                Err(unknown_issuer(end_entity, intermediates))
            }
            Err(error) => match expiry(&error) {
                // The dates of the server's own certificate are right.
                Some(not_after) if !self.has_expired(end_entity, server_name, now) => {
                    Err(expired_issuer(not_after))
                }
                _ => Err(error),
            },
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.roots.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.roots.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.roots.supported_verify_schemes()
    }
}

/// Accepts every certificate (`--tls-verify=false`), but checks that the peer owns its key.
#[derive(Debug)]
struct AcceptAny(Arc<CryptoProvider>);

impl ServerCertVerifier for AcceptAny {
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

#[cfg(test)]
mod tests;
