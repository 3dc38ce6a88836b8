//! Extra roots and client certificates of a registry, from `certs.d` directories
//! (containers-certs.d(5), Docker's "Use certificates for repository client verification").
//!
//! In the sub-directory that is named after the registry, `*.crt` holds roots to trust besides the
//! platform's, and `*.cert` with `*.key` is what the client shows of itself. Everything is checked
//! here, because the client's builder could no longer say which file is at fault.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use longshore_oci::Registry;

/// The largest file that is read, in bytes: a bundle of all public roots has a fifth of it.
const SIZE_LIMIT: u64 = 1 << 20;

/// Why the certificates of a registry cannot be used.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CertificateError {
    /// A directory or a file cannot be read.
    #[error("read {}: {cause}", file.display())]
    Unreadable {
        /// The directory or the file.
        file: PathBuf,
        /// What the operating system says.
        cause: Arc<io::Error>,
    },
    /// A file is larger than any certificate.
    #[error("read {}: it is larger than {limit} bytes", file.display())]
    TooLarge {
        /// The file.
        file: PathBuf,
        /// The size that is still read.
        limit: u64,
    },
    /// A file holds no PEM certificate, or one that cannot be used.
    #[error("read certificates of {}: {why}", file.display())]
    Certificate {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A file holds no usable private key. What is wrong is said without quoting it.
    #[error("read the private key of {}: {why}", file.display())]
    Key {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A client certificate lacks its key.
    #[error(
        "use client certificate {}: there is no {} beside it (certificates of authorities are named *.crt)",
        certificate.display(), key.display()
    )]
    NoKey {
        /// The certificate.
        certificate: PathBuf,
        /// The file that is missing.
        key: PathBuf,
    },
    /// A key lacks its client certificate.
    #[error("use private key {}: there is no {} beside it", key.display(), certificate.display())]
    NoCertificate {
        /// The key.
        key: PathBuf,
        /// The file that is missing.
        certificate: PathBuf,
    },
    /// A key is not the one of the client certificate.
    #[error("use client certificate {}: {} is not its key", certificate.display(), key.display())]
    Mismatch {
        /// The certificate.
        certificate: PathBuf,
        /// The key.
        key: PathBuf,
    },
}

/// What the client of one registry trusts besides the platform's roots, and what it shows of itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct RegistryCertificates {
    /// Roots to add.
    pub(crate) roots: Vec<CertificateDer<'static>>,
    /// The client certificate and its key.
    pub(crate) identity: Option<CertifiedKey>,
}

impl RegistryCertificates {
    /// Reads what the `certs.d` directories have for `registry`: the roots of all, and the first
    /// client certificate.
    ///
    /// # Errors
    /// Where a file is unreadable or broken, or one half of a client certificate is missing. A
    /// directory that is not there is none, and one that may not be read is passed over with a
    /// warning, since those of the system may belong to somebody else.
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

    /// Adds what one registry's own directory holds.
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
                }
                Some("cert") => {
                    let key = path.with_extension("key");
                    if !has(&names, &key) {
                        return Err(CertificateError::NoKey { certificate: path, key });
                    }
                    let identity = identity_in(&path, &key)?;
                    if self.identity.is_some() {
                        tracing::warn!(
                            "ignored {}: one client certificate is in use already",
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

/// The `certs.d` directories of a user and of the system, the user's own first.
pub fn certificate_directories(
    get: impl Fn(&str) -> Option<String>,
    home: Option<&Path>,
) -> Vec<PathBuf> {
    let configured = get("XDG_CONFIG_HOME").filter(|value| !value.is_empty());
    let configured = configured.map(|directory| Path::new(&directory).join("containers/certs.d"));
    let in_home = home.map(|home| home.join(".config/containers/certs.d"));
    let mut directories: Vec<PathBuf> = configured.into_iter().collect();
    // containers' tools know the one in the home directory only, whatever the variable says.
    directories.extend(in_home.filter(|directory| !directories.contains(directory)));
    directories.extend(["/etc/containers/certs.d", "/etc/docker/certs.d"].map(PathBuf::from));
    directories
}

/// Reads a bundle of roots, such as `SSL_CERT_FILE` names one. As with the platform's roots, what is
/// no usable root is passed over.
///
/// # Errors
/// Where the file cannot be read or has not a single usable root.
pub(crate) fn roots_of_bundle(
    file: &Path,
) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let certificates = certificates_in(file)?;
    let usable: Vec<_> =
        certificates.into_iter().filter(|certificate| check_root(certificate).is_ok()).collect();
    if usable.is_empty() {
        return Err(CertificateError::Certificate {
            file: file.to_owned(),
            why: "none of them can be used as a root".to_owned(),
        });
    }
    Ok(usable)
}

/// The names under which a registry's directory may go: as the registry is written, with and without
/// the port of HTTPS, and Docker Hub's by each of its names.
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
    std::fs::read_dir(directory)?.map(|entry| entry.map(|entry| entry.file_name())).collect()
}

/// Is the file among these names of its directory?
fn has(names: &BTreeSet<std::ffi::OsString>, file: &Path) -> bool {
    file.file_name().is_some_and(|name| names.contains(name))
}

/// Reads a file of bounded size.
fn read(file: &Path) -> Result<Vec<u8>, CertificateError> {
    let mut bytes = Vec::new();
    std::fs::File::open(file)
        .and_then(|opened| opened.take(SIZE_LIMIT + 1).read_to_end(&mut bytes))
        .map_err(|error| unreadable(file, error))?;
    if bytes.len() as u64 > SIZE_LIMIT {
        return Err(CertificateError::TooLarge { file: file.to_owned(), limit: SIZE_LIMIT });
    }
    Ok(bytes)
}

/// All certificates of a PEM file; at least one.
fn certificates_in(file: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let bad = |why: String| CertificateError::Certificate { file: file.to_owned(), why };
    let certificates = CertificateDer::pem_slice_iter(&read(file)?)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| bad(error.to_string()))?;
    if certificates.is_empty() {
        return Err(bad("there is no PEM certificate in it".to_owned()));
    }
    Ok(certificates)
}

/// Can the certificate be a root?
fn check_root(certificate: &CertificateDer<'static>) -> Result<(), rustls::Error> {
    RootCertStore::empty().add(certificate.clone())
}

/// The certificates of a `.crt` file, all of which somebody meant as roots.
fn checked_roots(file: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let certificates = certificates_in(file)?;
    let bad = |error: rustls::Error| CertificateError::Certificate {
        file: file.to_owned(),
        why: error.to_string(),
    };
    certificates.iter().try_for_each(check_root).map_err(bad)?;
    Ok(certificates)
}

/// The client certificate of two PEM files that belong together.
fn identity_in(certificate: &Path, key: &Path) -> Result<CertifiedKey, CertificateError> {
    let chain = certificates_in(certificate)?;
    let key_bytes = read(key)?;
    let bad_key = |why| CertificateError::Key { file: key.to_owned(), why };
    let private = PrivateKeyDer::from_pem_slice(&key_bytes)
        .map_err(|_| bad_key("there is no PEM private key in it that is not encrypted"))?;
    let provider = aws_lc_rs::default_provider();
    CertifiedKey::from_der(chain, private, &provider).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => {
            CertificateError::Mismatch { certificate: certificate.to_owned(), key: key.to_owned() }
        }
        rustls::Error::InvalidCertificate(error) => CertificateError::Certificate {
            file: certificate.to_owned(),
            why: format!("{error:?}"),
        },
        _ => bad_key("its kind is not supported"),
    })
}

/// Does the error say only that there is no such directory?
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// The error of a file that the operating system does not give out.
fn unreadable(file: &Path, error: io::Error) -> CertificateError {
    CertificateError::Unreadable { file: file.to_owned(), cause: Arc::new(error) }
}

#[cfg(test)]
mod tests;
