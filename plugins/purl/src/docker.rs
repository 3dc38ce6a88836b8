//! The type `docker`: on Docker Hub, unless the namespace starts with a registry or
//! `repository_url` names one.

use longshore_plugin_sdk::reference::starts_as_digest;
use packageurl::PackageUrl;

use crate::image::{Image, qualifier};
use crate::repository::{is_registry, repository};

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
    // BuildKit writes it so.
    let digest = qualifier(purl, "digest");
    match (version, digest) {
        (Some(version), Some(digest)) if starts_as_digest(version) && version != digest => {
            return Err(format!("it has the digests `{version}` and `{digest}`"));
        }
        (Some(version), _) if starts_as_digest(version) => {
            let doubt = "the version of the purl may be an image's id; it is taken for a digest";
            image.doubts.push(doubt.into());
            image.reference += &format!("@{version}");
        }
        (Some(tag), Some(digest)) => image.reference += &format!(":{tag}@{digest}"),
        (Some(tag), None) => image.reference += &format!(":{tag}"),
        (None, Some(digest)) => image.reference += &format!("@{digest}"),
        (None, None) => {
            image.doubts.push("the purl has no version, so `latest` is taken".into());
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
            let doubt = format!("the repository_url has the name already, so `{url}` is taken");
            image.doubts.push(doubt);
            Ok(url.to_owned())
        }
        (Some(url), None) => Ok(format!("{url}/{path}")),
    }
}
