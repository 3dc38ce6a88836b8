//! Extra roots and client certificates of a registry, from `certs.d` directories
//! (containers-certs.d(5), Docker's "Use certificates for repository client verification").
//!
//! In the sub-directory named after the registry, `*.crt` files hold additional roots. A pair of
//! `*.cert` and `*.key` is a client certificate. All files are checked here, as the client builder
//! could not tell which file is at fault.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use longshore_files::{ReadError, read_regular};
use longshore_oci::Registry;

/// The largest accepted file, in bytes: five times a bundle of all public roots.
const SIZE_LIMIT: u64 = 1 << 20;
/// The largest size of all roots of a registry together, in bytes.
const ROOTS_LIMIT: u64 = 4 << 20;
/// The most files in a directory.
const NAMES_LIMIT: usize = 1000;

/// Why the certificates of a registry cannot be used.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CertificateError {
    /// A directory or file cannot be read.
    #[error("read {}: {cause}", file.display())]
    Unreadable {
        /// The directory or file.
        file: PathBuf,
        /// The error of the operating system.
        cause: Arc<io::Error>,
    },
    /// A file is too large for certificates.
    #[error("read {}: it is larger than {limit} bytes", file.display())]
    TooLarge {
        /// The file.
        file: PathBuf,
        /// The size limit, in bytes.
        limit: u64,
    },
    /// A file holds no PEM certificate.
    #[error("read certificates of {}: it holds no PEM certificate", file.display())]
    NoPem {
        /// The file.
        file: PathBuf,
    },
    /// A PEM block of a file is broken.
    #[error("read certificates of {}: a PEM block {}{why}", file.display(), after(*good))]
    BrokenPem {
        /// The file.
        file: PathBuf,
        /// The number of certificates before the block.
        good: usize,
        /// What is wrong with the block.
        why: &'static str,
    },
    /// A bundle holds no usable root.
    #[error("read certificates of {}: it holds no usable root certificate", file.display())]
    NoRoot {
        /// The file.
        file: PathBuf,
    },
    /// A file holds no usable private key. The reason never quotes the file.
    #[error("read the private key of {}: {why}", file.display())]
    Key {
        /// The file.
        file: PathBuf,
        /// The reason.
        why: &'static str,
    },
    /// A client certificate has no key file.
    #[error(
        "use client certificate {}: {} is missing (CA certificates are named *.crt)",
        certificate.display(), key.display()
    )]
    NoKey {
        /// The certificate.
        certificate: PathBuf,
        /// The missing file.
        key: PathBuf,
    },
    /// A key has no client certificate file.
    #[error("use private key {}: {} is missing", key.display(), certificate.display())]
    NoCertificate {
        /// The key.
        key: PathBuf,
        /// The missing file.
        certificate: PathBuf,
    },
    /// A key does not match its client certificate.
    #[error("use client certificate {}: {} is not its key", certificate.display(), key.display())]
    Mismatch {
        /// The certificate.
        certificate: PathBuf,
        /// The key.
        key: PathBuf,
    },
}

impl CertificateError {
    /// Advice for the user.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoPem { .. } => Some(
                "write it as PEM; openssl x509 -inform der -in FILE -out FILE.crt converts a DER file",
            ),
            Self::BrokenPem { .. } => Some(
                "remove that block, or copy it again with its whole lines, from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----",
            ),
            _ => None,
        }
    }
}

/// Names the place behind so many certificates.
fn after(good: usize) -> String {
    if good == 0 { String::new() } else { format!("after certificate {good} ") }
}

/// The additional roots and the client certificate of one registry.
#[derive(Clone, Debug, Default)]
pub(crate) struct RegistryCertificates {
    /// The additional roots.
    pub(crate) roots: Vec<CertificateDer<'static>>,
    /// The client certificate and its key.
    pub(crate) identity: Option<CertifiedKey>,
}

impl RegistryCertificates {
    /// Reads the files for `registry` in all `certs.d` directories: all roots, and the first client
    /// certificate.
    ///
    /// Missing directories are skipped. Directories without read permission are skipped with a
    /// warning, as system directories may belong to another user.
    ///
    /// # Errors
    /// If a file is unreadable or broken, or one half of a client certificate is missing.
    pub(crate) fn of(
        registry: &Registry,
        directories: &[PathBuf],
    ) -> Result<Self, CertificateError> {
        let mut found = Self::default();
        for directory in directories {
            for name in directory_names(registry) {
                found.add(&directory.join(name))?;
            }
        }
        Ok(found)
    }

    /// Adds the files of a registry's directory.
    fn add(&mut self, directory: &Path) -> Result<(), CertificateError> {
        let names = match names_in(directory) {
            Ok(names) => names,
            Err(error) if is_absent(&error) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                tracing::warn!("skipped {}: {error}", directory.display());
                return Ok(());
            }
            Err(error) => return Err(unreadable(directory, error)),
        };
        for path in names.iter().map(|name| directory.join(name)) {
            match path.extension().and_then(OsStr::to_str) {
                Some("crt") => {
                    self.roots.extend(checked_roots(&path)?);
                    if self.roots.iter().map(|root| root.len() as u64).sum::<u64>() > ROOTS_LIMIT {
                        let (file, limit) = (directory.to_owned(), ROOTS_LIMIT);
                        return Err(CertificateError::TooLarge { file, limit });
                    }
                }
                Some("cert") => {
                    let key = path.with_extension("key");
                    if !has(&names, &key) {
                        return Err(CertificateError::NoKey { certificate: path, key });
                    }
                    let identity = identity_in(&path, &key)?;
                    if self.identity.is_some() {
                        tracing::warn!(
                            "ignored {}: another client certificate is already in use",
                            path.display()
                        );
                    } else {
                        self.identity = Some(identity);
                    }
                }
                Some("key") => {
                    let certificate = path.with_extension("cert");
                    if !has(&names, &certificate) {
                        return Err(CertificateError::NoCertificate { key: path, certificate });
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// The `certs.d` directories of the user and of the system, in this order.
pub fn certificate_directories(
    get: impl Fn(&str) -> Option<String>,
    home: Option<&Path>,
) -> Vec<PathBuf> {
    let configured = get("XDG_CONFIG_HOME").filter(|value| !value.is_empty());
    let configured = configured.map(|directory| Path::new(&directory).join("containers/certs.d"));
    let in_home = home.map(|home| home.join(".config/containers/certs.d"));
    let mut directories: Vec<PathBuf> = configured.into_iter().collect();
    // The tools of containers always read the one in the home directory, whatever the variable
    // says.
    directories.extend(in_home.filter(|directory| !directories.contains(directory)));
    directories.extend(["/etc/containers/certs.d", "/etc/docker/certs.d"].map(PathBuf::from));
    directories
}

/// Reads a bundle of roots, such as `SSL_CERT_FILE`. Unusable roots are skipped, as in the
/// platform's bundle.
///
/// # Errors
/// If the file cannot be read, or holds no usable root.
pub(crate) fn roots_of_bundle(
    file: &Path,
) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let certificates = certificates_in(file)?;
    let usable: Vec<_> = certificates.into_iter().filter(is_root).collect();
    if usable.is_empty() {
        return Err(CertificateError::NoRoot { file: file.to_owned() });
    }
    Ok(usable)
}

/// Reads further roots and a client certificate that files of other tools name.
///
/// # Errors
/// If a file is unreadable or broken.
pub(crate) fn certificates_of_files(
    roots: Option<&Path>,
    identity: Option<&(PathBuf, PathBuf)>,
) -> Result<RegistryCertificates, CertificateError> {
    Ok(RegistryCertificates {
        roots: roots.map(checked_roots).transpose()?.unwrap_or_default(),
        identity: identity.map(|(file, key)| identity_in(file, key)).transpose()?,
    })
}

/// The directory names to search: the registry with and without port 443, and all names of Docker
/// Hub.
fn directory_names(registry: &Registry) -> Vec<String> {
    let name = registry.as_str();
    if registry.is_docker_hub() {
        return ["docker.io", "registry-1.docker.io", "index.docker.io"]
            .map(str::to_owned)
            .to_vec();
    }
    let after_address = name.rfind(']').map_or(0, |at| at + 1);
    if let Some(host) = name.strip_suffix(":443") {
        vec![name.to_owned(), host.to_owned()]
    } else if name[after_address..].contains(':') {
        vec![name.to_owned()]
    } else {
        vec![name.to_owned(), format!("{name}:443")]
    }
}

/// The names in a directory, sorted.
fn names_in(directory: &Path) -> io::Result<BTreeSet<std::ffi::OsString>> {
    let entries = std::fs::read_dir(directory)?.map(|entry| entry.map(|entry| entry.file_name()));
    let names: BTreeSet<_> = entries.take(NAMES_LIMIT + 1).collect::<io::Result<_>>()?;
    if names.len() > NAMES_LIMIT {
        return Err(io::Error::other(format!("it has more than {NAMES_LIMIT} files")));
    }
    Ok(names)
}

/// Whether `names` holds the file's name.
fn has(names: &BTreeSet<std::ffi::OsString>, file: &Path) -> bool {
    file.file_name().is_some_and(|name| names.contains(name))
}

/// Reads a file up to the size limit.
fn read(file: &Path) -> Result<Vec<u8>, CertificateError> {
    match read_regular(file, SIZE_LIMIT) {
        Ok(bytes) => Ok(bytes),
        Err(ReadError::System(error)) => Err(unreadable(file, error)),
        Err(ReadError::TooLarge { limit }) => {
            Err(CertificateError::TooLarge { file: file.to_owned(), limit })
        }
        Err(error) => Err(unreadable(file, io::Error::other(error))),
    }
}

/// Reads all certificates of a PEM file, at least one.
fn certificates_in(file: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let mut certificates = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(&read(file)?) {
        certificates.push(certificate.map_err(|error| CertificateError::BrokenPem {
            file: file.to_owned(),
            good: certificates.len(),
            why: fault_of_block(&error),
        })?);
    }
    if certificates.is_empty() {
        return Err(CertificateError::NoPem { file: file.to_owned() });
    }
    Ok(certificates)
}

/// What is wrong with a PEM block, without its text.
fn fault_of_block(error: &pem::Error) -> &'static str {
    match error {
        pem::Error::MissingSectionEnd { .. } => "lacks its line -----END …-----",
        pem::Error::IllegalSectionStart { .. } => "begins with a broken line",
        pem::Error::Base64Decode(_) => "is not valid base64",
        _ => "cannot be read",
    }
}

/// Whether a certificate can be a root.
fn is_root(certificate: &CertificateDer<'static>) -> bool {
    RootCertStore::empty().add(certificate.clone()).is_ok()
}

/// Reads the certificates of a `.crt` file; each of them must be a usable root.
fn checked_roots(file: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let certificates = certificates_in(file)?;
    match certificates.iter().position(|certificate| !is_root(certificate)) {
        Some(good) => Err(no_certificate(file, good)),
        None => Ok(certificates),
    }
}

/// The error for a PEM block that holds something else, after so many certificates.
fn no_certificate(file: &Path, good: usize) -> CertificateError {
    CertificateError::BrokenPem { file: file.to_owned(), good, why: "is not a valid certificate" }
}

/// Reads a client certificate and its key.
fn identity_in(certificate: &Path, key: &Path) -> Result<CertifiedKey, CertificateError> {
    let chain = certificates_in(certificate)?;
    let key_bytes = read(key)?;
    let bad_key = |why| CertificateError::Key { file: key.to_owned(), why };
    let private = PrivateKeyDer::from_pem_slice(&key_bytes)
        .map_err(|_| bad_key("it holds no unencrypted PEM private key"))?;
    let provider = aws_lc_rs::default_provider();
    CertifiedKey::from_der(chain, private, &provider).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => {
            CertificateError::Mismatch { certificate: certificate.to_owned(), key: key.to_owned() }
        }
        rustls::Error::InvalidCertificate(_) => no_certificate(certificate, 0),
        _ => bad_key("the key type is not supported"),
    })
}

/// Whether the error only means that the directory does not exist.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// The error for a file that cannot be read.
fn unreadable(file: &Path, error: io::Error) -> CertificateError {
    CertificateError::Unreadable { file: file.to_owned(), cause: Arc::new(error) }
}

#[cfg(test)]
mod tests;
