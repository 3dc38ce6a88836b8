//! The purl type `oci`. It does not imply a registry: only `repository_url` names the location.

use longshore_plugin_sdk::reference::has_digest_algorithm;
use packageurl::PackageUrl;

use crate::image::{Image, qualifier};
use crate::repository::repository;

pub(crate) fn read(purl: &PackageUrl<'_>) -> Result<Image, String> {
    let mut image =
        Image { has_architecture: qualifier(purl, "arch").is_some(), ..Image::default() };
    let url = qualifier(purl, "repository_url")
        .ok_or("it has no repository_url, so it does not say where the image is")?;
    let repository = repository(url)?;
    image.reference = full_repository(&mut image, repository, purl.name());
    let version = purl.version().filter(|version| !version.is_empty());
    let tag = qualifier(purl, "tag");
    match (version, tag) {
        (Some(digest), tag) if has_digest_algorithm(digest) => {
            let tag = tag.map(|tag| format!(":{tag}")).unwrap_or_default();
            image.reference += &format!("{tag}@{digest}");
        }
        (Some(version), Some(tag)) if version != tag => {
            return Err(format!("its version `{version}` is not a digest, and its tag is `{tag}`"));
        }
        (Some(version), _) => {
            let warning = format!("the version `{version}` of the purl is read as a tag");
            image.warnings.push(warning);
            image.reference += &format!(":{version}");
        }
        (None, Some(tag)) => image.reference += &format!(":{tag}"),
        (None, None) => {
            let warning = "the purl has neither version nor tag, so `latest` is used";
            image.warnings.push(warning.into());
        }
    }
    Ok(image)
}

/// Returns the repository: the URL if it ends with the purl's name, else the URL with the name
/// appended.
fn full_repository(image: &mut Image, repository: &str, name: &str) -> String {
    match repository.rsplit_once('/') {
        Some((_, last)) if last.eq_ignore_ascii_case(name) => return repository.to_owned(),
        Some(_) => {
            let warning = format!(
                "the repository_url does not end with the name, so `{repository}/{name}` is used"
            );
            image.warnings.push(warning);
        }
        None => {}
    }
    format!("{repository}/{name}")
}
