//! The purl type `docker`. Images are on Docker Hub unless the namespace starts with a registry or
//! `repository_url` names one.

use longshore_plugin_sdk::reference::{has_digest_algorithm, is_registry};
use packageurl::PackageUrl;

use crate::image::{Image, qualifier};
use crate::repository::repository;

pub(crate) fn read(purl: &PackageUrl<'_>) -> Result<Image, String> {
    let mut image = Image {
        platform: qualifier(purl, "platform").map(str::to_owned),
        has_architecture: qualifier(purl, "arch").is_some(),
        ..Image::default()
    };
    let path = match purl.namespace() {
        Some(namespace) => format!("{namespace}/{}", purl.name()),
        None => purl.name().to_owned(),
    };
    image.reference = place(&mut image, purl, &path)?;
    let version = purl.version().filter(|version| !version.is_empty());
    // BuildKit writes the digest as a qualifier.
    let digest = qualifier(purl, "digest");
    match (version, digest) {
        (Some(version), Some(digest)) if has_digest_algorithm(version) && version != digest => {
            return Err(format!("it has two digests, `{version}` and `{digest}`"));
        }
        (Some(version), _) if has_digest_algorithm(version) => {
            let warning = "the version of the purl may be an image's id; it is used as a digest";
            image.warnings.push(warning.into());
            image.reference += &format!("@{version}");
        }
        (Some(tag), Some(digest)) => image.reference += &format!(":{tag}@{digest}"),
        (Some(tag), None) => image.reference += &format!(":{tag}"),
        (None, Some(digest)) => image.reference += &format!("@{digest}"),
        (None, None) => {
            image.warnings.push("the purl has no version, so `latest` is used".into());
        }
    }
    Ok(image)
}

fn place(image: &mut Image, purl: &PackageUrl<'_>, path: &str) -> Result<String, String> {
    let (first, rest) = path.split_once('/').unwrap_or(("", path));
    let named = is_registry(first).then_some((first, rest));
    let url = qualifier(purl, "repository_url").map(repository).transpose()?;
    match (url, named) {
        (None, Some(_)) => Ok(path.to_owned()),
        (None, None) => Ok(format!("docker.io/{path}")),
        (Some(url), Some((registry, _))) if url == registry => Ok(path.to_owned()),
        (Some(url), Some((registry, _))) => {
            Err(format!("it names the registry `{registry}` and the repository_url `{url}`"))
        }
        (Some(url), None) if url.ends_with(&format!("/{path}")) => {
            let warning =
                format!("the repository_url already ends with the name, so `{url}` is used");
            image.warnings.push(warning);
            Ok(url.to_owned())
        }
        (Some(url), None) => Ok(format!("{url}/{path}")),
    }
}
