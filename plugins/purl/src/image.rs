//! The image that a purl names.

use std::str::FromStr as _;

use packageurl::PackageUrl;

/// An image that a purl names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// `registry/repository[:tag][@digest]`.
    pub reference: String,
    /// `os/architecture[/variant]`, if the purl names one.
    pub platform: Option<String>,
    /// Whether the purl has an architecture qualifier, which is ignored.
    pub has_architecture: bool,
    /// Warnings about parts of the purl that have more than one reading.
    pub warnings: Vec<String>,
}

impl Image {
    /// Reads a purl. Returns `None` if purls of its type do not name images.
    #[must_use]
    pub fn of(purl: &str) -> Option<Result<Self, String>> {
        // The scheme has no case, but the parser wants small letters.
        let (_, rest) =
            purl.trim().split_once(':').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("pkg"))?;
        let kind = rest.trim_start_matches('/');
        let (kind, _) = kind.split_once('/').unwrap_or((kind, ""));
        let read = match kind.to_ascii_lowercase().as_str() {
            "oci" => crate::oci::read,
            "docker" => crate::docker::read,
            _ => return None,
        };
        let parsed = PackageUrl::from_str(&format!("pkg:{rest}"));
        let image = parsed.map_err(|error| error.to_string()).and_then(|parsed| read(&parsed));
        Some(image.map_err(|message| format!("the purl `{purl}` cannot be used: {message}")))
    }
}

/// Returns the qualifier `key` unless it is empty.
pub(crate) fn qualifier<'p>(purl: &'p PackageUrl<'_>, key: &str) -> Option<&'p str> {
    purl.qualifiers().get(key).map(AsRef::as_ref).filter(|value| !value.is_empty())
}
