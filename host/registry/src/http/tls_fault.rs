//! Why a TLS handshake failed, in words that name the way out.

use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use rustls::pki_types::{ServerName, UnixTime};
use rustls::{AlertDescription, CertificateError, Error};

/// The way out where a client certificate is missing.
pub(crate) const WANTS_CERTIFICATE: &str = "put a client certificate and its key into the registry's certs.d directory, as client.cert and client.key";

/// The alerts that say that the next try fails too.
const ALERTS: [AlertDescription; 13] = [
    AlertDescription::CertificateRequired,
    AlertDescription::NoCertificate,
    AlertDescription::HandshakeFailure,
    AlertDescription::BadCertificate,
    AlertDescription::UnsupportedCertificate,
    AlertDescription::CertificateRevoked,
    AlertDescription::CertificateExpired,
    AlertDescription::CertificateUnknown,
    AlertDescription::UnknownCA,
    AlertDescription::AccessDenied,
    AlertDescription::ProtocolVersion,
    AlertDescription::InsufficientSecurity,
    AlertDescription::UnrecognisedName,
];

/// A certificate whose issuer, of this common name, is neither trusted nor sent by the server.
#[derive(Debug, thiserror::Error)]
#[error("the issuer {0:?} is not known")]
pub(crate) struct UnknownIssuer(pub(crate) String);

/// An expired certificate of a CA, in the chain of a certificate that has not expired.
#[derive(Debug, thiserror::Error)]
#[error("the certificate of a CA has expired")]
pub(crate) struct ExpiredIssuer(pub(crate) UnixTime);

/// Why a TLS handshake failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TlsFault {
    /// No trusted CA issued the certificate.
    UnknownAuthority,
    /// The certificate of its issuer is neither trusted nor sent by the server.
    UnknownIssuer {
        /// The common name of the issuer.
        issuer: String,
    },
    /// The certificate is a CA's own, and not among the trusted ones.
    SelfSigned,
    /// A signature is wrong. aws-lc says so of keys that it finds too short, too.
    Signature,
    /// The certificate has expired.
    Expired {
        /// The end of its life; `None` if it is not known.
        at: Option<SystemTime>,
    },
    /// The certificate of its CA has expired.
    IssuerExpired {
        /// The end of its life; `None` if it is not known.
        at: Option<SystemTime>,
    },
    /// The certificate is not valid yet.
    NotYetValid {
        /// The start of its life; `None` if it is not known.
        from: Option<SystemTime>,
    },
    /// The certificate is for other names.
    OtherName {
        /// The names that it has.
        names: Vec<String>,
    },
    /// The certificate has the registry's address as a DNS name, which does not count (RFC 6125).
    AddressAsName(IpAddr),
    /// The certificate has no subject alternative name. A common name does not count (RFC 6125).
    NoName,
    /// Another fault of the certificate.
    Certificate(String),
    /// The server asks for a client certificate.
    WantsCertificate,
    /// The server refuses the client certificate, for this reason.
    ClientCertificate(&'static str),
    /// The server refuses the client, with this alert.
    Refused {
        /// The name of the alert.
        alert: String,
        /// Whether it got a client certificate.
        shown: bool,
    },
}

impl TlsFault {
    /// The fault that an error of rustls means; `None` if it is not about the handshake.
    pub(crate) fn of(error: &Error) -> Option<Self> {
        match error {
            Error::InvalidCertificate(error) => Some(Self::of_certificate(error)),
            Error::AlertReceived(alert) => Self::of_alert(*alert),
            _ => None,
        }
    }

    /// The fault that the text of rustls's error for an alert means.
    pub(crate) fn of_text(text: &str) -> Option<Self> {
        let name = text.split_once("received fatal alert: ").map(|(_, name)| name.trim())?;
        let known = ALERTS.iter().find(|alert| format!("{alert:?}") == name)?;
        Self::of_alert(*known)
    }

    fn of_certificate(error: &CertificateError) -> Self {
        match error {
            CertificateError::UnknownIssuer => Self::UnknownAuthority,
            CertificateError::Expired => Self::Expired { at: None },
            CertificateError::ExpiredContext { not_after, .. } => {
                Self::Expired { at: time(*not_after) }
            }
            CertificateError::NotValidYet => Self::NotYetValid { from: None },
            CertificateError::NotValidYetContext { not_before, .. } => {
                Self::NotYetValid { from: time(*not_before) }
            }
            CertificateError::NotValidForNameContext { presented, .. } if presented.is_empty() => {
                Self::NoName
            }
            CertificateError::NotValidForNameContext { expected, presented } => {
                if let ServerName::IpAddress(address) = expected {
                    let address = IpAddr::from(*address);
                    if presented.iter().any(|name| is_dns_name_of(name, address)) {
                        return Self::AddressAsName(address);
                    }
                }
                Self::OtherName { names: presented.iter().map(|name| bare(name)).collect() }
            }
            CertificateError::BadEncoding => Self::Certificate("its encoding is broken".to_owned()),
            CertificateError::BadSignature => Self::Signature,
            CertificateError::Other(other) => {
                if let Some(UnknownIssuer(issuer)) = other.0.downcast_ref() {
                    return Self::UnknownIssuer { issuer: issuer.clone() };
                }
                match other.0.downcast_ref() {
                    Some(ExpiredIssuer(not_after)) => Self::IssuerExpired { at: time(*not_after) },
                    None => Self::of_other(error),
                }
            }
            other => Self::of_other(other),
        }
    }

    /// The fault that has no way out of its own. The texts of rustls and webpki are names of variants.
    fn of_other(error: &CertificateError) -> Self {
        let why = match (error, webpki_error(error)) {
            (_, Some(webpki::Error::CaUsedAsEndEntity)) => return Self::SelfSigned,
            // Alternative names are an extension, which the first version does not have.
            (_, Some(webpki::Error::UnsupportedCertVersion)) => return Self::NoName,
            (CertificateError::UnhandledCriticalExtension, _)
            | (_, Some(webpki::Error::UnsupportedCriticalExtension)) => {
                "it has a critical extension that longshore does not know"
            }
            (
                CertificateError::UnsupportedSignatureAlgorithmContext { .. }
                | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. },
                _,
            ) => "it is signed in a way that is no longer trusted, such as with SHA-1",
            (
                CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. },
                _,
            ) => "its extended key usage is not that of a server",
            (CertificateError::Revoked, _) => "it was revoked",
            (_, Some(webpki::Error::NameConstraintViolation)) => {
                "its CA may not issue certificates for its names"
            }
            (_, Some(webpki::Error::PathLenConstraintViolated)) => {
                "its CA may not have so many intermediate ones"
            }
            (_, Some(webpki::Error::EndEntityUsedAsCa)) => {
                "the certificate that issued it is not that of a CA"
            }
            (_, Some(other)) => return Self::Certificate(other.to_string()),
            (other, None) => return Self::Certificate(other.to_string()),
        };
        Self::Certificate(why.to_owned())
    }

    fn of_alert(alert: AlertDescription) -> Option<Self> {
        match alert {
            // OpenSSL's servers send the second one with TLS 1.2.
            AlertDescription::CertificateRequired | AlertDescription::NoCertificate => {
                Some(Self::WantsCertificate)
            }
            alert if ALERTS.contains(&alert) => {
                Some(Self::Refused { alert: format!("{alert:?}"), shown: false })
            }
            _ => None,
        }
    }

    /// The same fault, with the knowledge whether a client certificate was `shown`.
    ///
    /// Servers with TLS 1.2 have no alert for a missing certificate. They say that it is bad.
    pub(crate) fn of_client(self, shown: bool) -> Self {
        let Self::Refused { alert, .. } = self else { return self };
        let reason = match alert.as_str() {
            "CertificateExpired" => "it has expired",
            "UnknownCA" => "the server trusts no CA that issued it",
            "CertificateRevoked" => "it was revoked",
            "BadCertificate" | "UnsupportedCertificate" | "CertificateUnknown" | "AccessDenied" => {
                "the server gives no reason"
            }
            _ => return Self::Refused { alert, shown },
        };
        if shown { Self::ClientCertificate(reason) } else { Self::WantsCertificate }
    }

    /// Whether the fault lies with the server's certificate.
    pub(crate) const fn is_of_certificate(&self) -> bool {
        !matches!(self, Self::WantsCertificate | Self::ClientCertificate(_) | Self::Refused { .. })
    }

    /// Advice for the user.
    pub(crate) fn hint(&self) -> &'static str {
        match self {
            Self::UnknownAuthority => {
                "put the registry's CA into ~/.config/containers/certs.d/HOST:PORT/ca.crt or name it in SSL_CERT_FILE, or use --insecure-registry HOST:PORT (--tls-verify=false is for all registries)"
            }
            Self::UnknownIssuer { .. } => {
                "put the registry's CA into ~/.config/containers/certs.d/HOST:PORT/ca.crt or name it in SSL_CERT_FILE, or use --insecure-registry HOST:PORT (--tls-verify=false is for all registries); if it is there and issued that of the issuer, let the server send its whole chain"
            }
            Self::Signature => {
                "have a certificate issued with a new key: RSA with 2048 bits or more, or ECDSA"
            }
            Self::SelfSigned => {
                "put this certificate itself into ~/.config/containers/certs.d/HOST:PORT/ca.crt or name it in SSL_CERT_FILE, or use --insecure-registry HOST:PORT (--tls-verify=false is for all registries)"
            }
            Self::Expired { .. } => {
                "renew the certificate of that host; if it is valid, check the clock of this machine"
            }
            Self::IssuerExpired { .. } => {
                "let the server send the current certificate of its CA; if that is valid, check the clock of this machine"
            }
            Self::NotYetValid { .. } => {
                "check the clocks of this machine and of the one that issued the certificate"
            }
            Self::OtherName { .. } => {
                "use a name that the certificate has, or have a certificate issued for this one"
            }
            Self::AddressAsName(_) => {
                "have a certificate issued that has the address as an IP address, as with subjectAltName=IP:ADDRESS"
            }
            Self::NoName => {
                "have a certificate issued that has the host among its subject alternative names; the common name does not count"
            }
            Self::Certificate(_) => {
                "have another certificate issued for that host, or use --insecure-registry HOST:PORT (--tls-verify=false is for all registries)"
            }
            Self::WantsCertificate => WANTS_CERTIFICATE,
            Self::ClientCertificate("it has expired") => {
                "renew the client certificate in the registry's certs.d directory; if it is valid, check the clock of the registry"
            }
            Self::ClientCertificate(_) => {
                "put a client certificate that the registry accepts into its certs.d directory, as client.cert and client.key"
            }
            Self::Refused { alert, .. } if alert == "ProtocolVersion" => {
                "let the registry speak TLS 1.2 or newer"
            }
            Self::Refused { shown: false, .. } => {
                "if the registry asks for a client certificate, put it and its key into its certs.d directory, as client.cert and client.key"
            }
            Self::Refused { .. } => {
                "check the client certificate in the registry's certs.d directory, and what TLS the registry speaks"
            }
        }
    }
}

impl fmt::Display for TlsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownAuthority => f.write_str("no trusted CA issued it"),
            Self::UnknownIssuer { issuer } => {
                write!(f, "no trusted CA issued it; its issuer is {issuer:?}")
            }
            Self::SelfSigned => {
                f.write_str("it is the certificate of a CA (CA:TRUE) that is not itself trusted")
            }
            Self::Signature => f.write_str("a signature is wrong, or a key is too short"),
            Self::Expired { at: None } => f.write_str("it has expired"),
            Self::Expired { at: Some(at) } => {
                write!(f, "it expired on {}", httpdate::fmt_http_date(*at))
            }
            Self::IssuerExpired { at: None } => {
                f.write_str("the certificate of its CA has expired")
            }
            Self::IssuerExpired { at: Some(at) } => {
                write!(f, "the certificate of its CA expired on {}", httpdate::fmt_http_date(*at))
            }
            Self::NotYetValid { from: None } => f.write_str("it is not valid yet"),
            Self::NotYetValid { from: Some(from) } => {
                write!(f, "it is not valid before {}", httpdate::fmt_http_date(*from))
            }
            Self::OtherName { names } => {
                const SHOWN: usize = 10;
                let shown = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>();
                write!(f, "it is for {}", shown.join(", "))?;
                match names.len().saturating_sub(SHOWN) {
                    0 => Ok(()),
                    more => write!(f, " and {more} other names"),
                }
            }
            Self::AddressAsName(address) => {
                write!(f, "it has {address} as a DNS name, and not as an IP address")
            }
            Self::NoName => f.write_str("it has no subject alternative name"),
            Self::Certificate(why) => f.write_str(why),
            Self::WantsCertificate => f.write_str("it asks for a client certificate"),
            Self::ClientCertificate(why) => {
                write!(f, "it refuses the client certificate: {why}")
            }
            Self::Refused { alert, .. } => write!(f, "it sent the alert {alert}"),
        }
    }
}

/// The error of webpki that rustls has no variant for.
pub(crate) fn webpki_error(error: &CertificateError) -> Option<&webpki::Error> {
    match error {
        CertificateError::Other(other) => other.0.downcast_ref(),
        _ => None,
    }
}

/// The time, unless it is later than dates of HTTP can be.
fn time(time: UnixTime) -> Option<SystemTime> {
    const YEAR_9999: u64 = 253_402_300_799;
    let seconds = Some(time.as_secs()).filter(|seconds| *seconds <= YEAR_9999)?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

/// The name alone, from webpki's `DnsName("…")` and `IpAddress(0::1)`.
fn bare(presented: &str) -> String {
    let inner = presented.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    let inner = inner.unwrap_or(presented).trim_matches('"');
    inner.parse::<IpAddr>().map_or_else(|_| inner.to_owned(), |address| address.to_string())
}

/// Whether webpki's `presented` is a DNS name that looks like `address`.
fn is_dns_name_of(presented: &str, address: IpAddr) -> bool {
    presented.starts_with("DnsName") && bare(presented) == address.to_string()
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::{ServerName, UnixTime};
    use rustls::{AlertDescription, CertificateError, Error};

    use std::sync::Arc;

    use super::{ExpiredIssuer, TlsFault, UnknownIssuer};

    fn other(error: impl std::error::Error + Send + Sync + 'static) -> TlsFault {
        of(CertificateError::Other(rustls::OtherError(Arc::new(error))))
    }

    fn of(error: CertificateError) -> TlsFault {
        TlsFault::of(&Error::InvalidCertificate(error)).unwrap()
    }

    fn other_name(presented: &[&str]) -> TlsFault {
        of(CertificateError::NotValidForNameContext {
            expected: ServerName::try_from("r.test").unwrap(),
            presented: presented.iter().map(|&name| name.to_owned()).collect(),
        })
    }

    #[test]
    fn each_fault_is_said_and_has_its_own_way_out() {
        let (long_ago, time) =
            (UnixTime::since_unix_epoch(std::time::Duration::ZERO), UnixTime::now());
        let mut hints = std::collections::BTreeSet::new();
        for (fault, said) in [
            (of(CertificateError::UnknownIssuer), "no trusted CA issued it"),
            (
                other(ExpiredIssuer(long_ago)),
                "the certificate of its CA expired on Thu, 01 Jan 1970 00:00:00 GMT",
            ),
            (
                other(UnknownIssuer("Sub CA".to_owned())),
                "no trusted CA issued it; its issuer is \"Sub CA\"",
            ),
            (other(webpki::Error::CaUsedAsEndEntity), "CA:TRUE"),
            (of(CertificateError::BadSignature), "a key is too short"),
            (
                of(CertificateError::ExpiredContext { time, not_after: long_ago }),
                "it expired on Thu, 01 Jan 1970 00:00:00 GMT",
            ),
            (
                of(CertificateError::NotValidYetContext { time: long_ago, not_before: long_ago }),
                "it is not valid before Thu, 01 Jan 1970 00:00:00 GMT",
            ),
            (
                other_name(&["DnsName(\"a.test\")", "IpAddress(10.0.0.1)", "IpAddress(0::1)"]),
                "it is for a.test, 10.0.0.1, ::1",
            ),
            (other_name(&[]), "it has no subject alternative name"),
            (of(CertificateError::BadEncoding), "its encoding is broken"),
        ] {
            assert!(fault.to_string().to_lowercase().contains(&said.to_lowercase()), "{fault}");
            assert!(hints.insert(fault.hint()), "{fault}: another fault has that hint");
        }
    }

    #[test]
    fn an_address_among_the_dns_names_is_told_from_another_name() {
        let asked = |host: &str, presented: &[&str]| {
            of(CertificateError::NotValidForNameContext {
                expected: ServerName::try_from(host).unwrap().to_owned(),
                presented: presented.iter().map(|&name| name.to_owned()).collect(),
            })
        };
        let v4 = ["DnsName(\"r.test\")", "DnsName(\"10.0.0.1\")"];
        let fault = asked("10.0.0.1", &v4);
        assert_eq!(fault.to_string(), "it has 10.0.0.1 as a DNS name, and not as an IP address");
        assert!(fault.hint().contains("subjectAltName=IP:"), "{}", fault.hint());
        let fault = asked("fd00::1", &["DnsName(\"fd00::1\")"]);
        assert!(matches!(fault, TlsFault::AddressAsName(_)), "{fault}");
        for (host, presented) in [
            ("10.0.0.2", &v4[..]),
            ("10.0.0.1", &["IpAddress(10.0.0.2)"]),
            ("s.test", &v4[..]),
            ("10.0.0.1", &["DnsName(\"10.0.0.1.test\")"]),
        ] {
            let fault = asked(host, presented);
            assert!(matches!(fault, TlsFault::OtherName { .. }), "{host}: {fault}");
        }
    }

    #[test]
    fn no_fault_is_only_the_name_of_a_variant() {
        for fault in [
            of(CertificateError::UnhandledCriticalExtension),
            of(CertificateError::InvalidPurpose),
            of(CertificateError::Revoked),
            other(webpki::Error::UnsupportedCriticalExtension),
            other(webpki::Error::NameConstraintViolation),
            other(webpki::Error::PathLenConstraintViolated),
            other(webpki::Error::EndEntityUsedAsCa),
        ] {
            assert!(matches!(fault, TlsFault::Certificate(_)) && fault.to_string().contains(' '));
            assert!(fault.hint().contains("--tls-verify=false"));
        }
        let rest = other(webpki::Error::MaximumPathDepthExceeded).to_string();
        assert_eq!(rest, "MaximumPathDepthExceeded", "without the words around it");
    }

    #[test]
    fn many_names_are_cut() {
        let names: Vec<String> = (0..12).map(|number| format!("DnsName(\"h{number}\")")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let said = other_name(&names).to_string();
        assert!(said.ends_with("h9 and 2 other names"), "{said}");
    }

    #[test]
    fn alerts_about_the_client_are_told_apart_from_broken_connections() {
        let of = |alert| TlsFault::of(&Error::AlertReceived(alert));
        assert_eq!(of(AlertDescription::CertificateRequired), Some(TlsFault::WantsCertificate));
        let refused = of(AlertDescription::HandshakeFailure).unwrap();
        assert_eq!(refused.to_string(), "it sent the alert HandshakeFailure");
        let [without, with] = [false, true].map(|shown| refused.clone().of_client(shown).hint());
        assert!(without.starts_with("if the registry asks for a client certificate, put it"));
        assert!(with.starts_with("check the client certificate"));
        assert!(of(AlertDescription::ProtocolVersion).unwrap().hint().contains("TLS 1.2"));
        for (alert, why) in [
            (AlertDescription::CertificateExpired, "it has expired"),
            (AlertDescription::UnknownCA, "the server trusts no CA that issued it"),
            (AlertDescription::BadCertificate, "the server gives no reason"),
            (AlertDescription::CertificateRevoked, "it was revoked"),
        ] {
            let fault = of(alert).unwrap();
            let text = format!("error: {}", Error::AlertReceived(alert));
            assert_eq!(TlsFault::of_text(&text).as_ref(), Some(&fault), "{text}");
            assert_eq!(fault.clone().of_client(true), TlsFault::ClientCertificate(why));
            assert_eq!(fault.of_client(false), TlsFault::WantsCertificate, "none was shown");
        }
        for text in ["received fatal alert: InternalError", "connection reset", ""] {
            assert_eq!(TlsFault::of_text(text), None, "{text}");
        }
        assert_eq!(of(AlertDescription::CloseNotify), None);
        assert_eq!(of(AlertDescription::InternalError), None, "the next try may work");
    }
}
