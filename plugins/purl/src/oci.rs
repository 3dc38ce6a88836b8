//! The type `oci`: registry-agnostic, so that only `repository_url` says where the image is.

use longshore_plugin_sdk::reference::starts_as_digest;
use packageurl::PackageUrl;

use crate::image::{Image, qualifier};
use crate::repository::repository;

pub(crate) fn read(purl: &PackageUrl<'_>) -> Result<Image, String> {
    let mut image =
        Image { has_architecture: qualifier(purl, "arch").is_some(), ..Image::default() };
    let url = qualifier(purl, "repository_url")
        .ok_or("it has no repository_url, so it does not say where the image is")?;
    let repository = repository(url)?;
    image.reference = place(&mut image, repository, purl.name());
    let version = purl.version().filter(|version| !version.is_empty());
    let tag = qualifier(purl, "tag");
    match (version, tag) {
        (Some(digest), tag) if starts_as_digest(digest) => {
            let tag = tag.map(|tag| format!(":{tag}")).unwrap_or_default();
            image.reference += &format!("{tag}@{digest}");
        }
        (Some(version), Some(tag)) if version != tag => {
            return Err(format!("its version `{version}` is no digest, and its tag is `{tag}`"));
        }
        (Some(version), _) => {
            let doubt = format!("the version `{version}` of the purl is taken for a tag");
            image.doubts.push(doubt);
            image.reference += &format!(":{version}");
        }
        (None, Some(tag)) => image.reference += &format!(":{tag}"),
        (None, None) => {
            let doubt = "the purl has neither version nor tag, so `latest` is taken";
            image.doubts.push(doubt.into());
        }
    }
    Ok(image)
}

/// The repository: the URL's, which ends with the purl's name, or that name in what the URL names.
fn place(image: &mut Image, repository: &str, name: &str) -> String {
    match repository.rsplit_once('/') {
        Some((_, last)) if last.eq_ignore_ascii_case(name) => return repository.to_owned(),
        Some(_) => {
            let doubt = format!(
                "the repository_url does not end with the name, so `{repository}/{name}` is taken"
            );
            image.doubts.push(doubt);
        }
        None => {}
    }
    format!("{repository}/{name}")
}
