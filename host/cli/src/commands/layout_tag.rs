//! Finds the image of an image layout that a command names without a tag.

use longshore_layout::LayoutStore;
use longshore_oci::{Digest, Repository, StoreName, Tag, is_tag_of_referrers};
use longshore_store::Source;

use crate::settings::{NamedImage, SettingsError};

/// The most tags or digests that an error names.
const SHOWN: usize = 10;

/// Adds the only tag of an image layout, or else `latest` if it has that. Of a layout without tags, it adds the
/// digest of the only image, as other tools read it. What cannot be listed stays as it is: reading the image
/// says why.
///
/// # Errors
/// If there are several tags and none is `latest`, or several images and no tags.
pub(super) async fn with_only_tag(
    image: NamedImage,
    source: &dyn Source,
) -> Result<NamedImage, SettingsError> {
    let StoreName::Layouts(folder) = &image.store else { return Ok(image) };
    if !image.lacks_tag() {
        return Ok(image);
    }
    let Ok(listed) = source.tags(&image.repository).await else { return Ok(image) };
    let tags: Vec<Tag> = listed
        .iter()
        .filter(|tag| !is_tag_of_referrers(tag))
        .filter_map(|tag| tag.parse().ok())
        .collect();
    let chosen = match tags.as_slice() {
        [only] => Some(only.clone()),
        tags => tags.iter().find(|tag| **tag == Tag::latest()).cloned(),
    };
    let folder = || folder.path().join(image.repository.as_str()).display().to_string();
    if chosen.is_none() && !tags.is_empty() {
        let tags = shown(tags.iter().map(Tag::to_string));
        return Err(SettingsError::SeveralTags { folder: folder(), tags });
    }
    if chosen.is_some() {
        return Ok(NamedImage { tag: chosen, ..image });
    }
    match untagged(source, &image.repository).await.as_slice() {
        [] => Ok(image),
        [only] => Ok(NamedImage { digest: Some(only.clone()), ..image }),
        several => {
            let digests = shown(several.iter().map(Digest::to_string));
            Err(SettingsError::SeveralImages { folder: folder(), digests })
        }
    }
}

/// Returns the digests of the images that a layout names without a tag. A registry does not say.
pub(super) async fn untagged(source: &dyn Source, repository: &Repository) -> Vec<Digest> {
    match source.as_any().downcast_ref::<LayoutStore>() {
        Some(store) => store.untagged(repository).await.unwrap_or_default(),
        None => Vec::new(),
    }
}

/// Joins the first of these names.
pub(super) fn shown(names: impl Iterator<Item = String>) -> String {
    let mut names: Vec<String> = names.take(SHOWN + 1).collect();
    if let Some(next) = names.get_mut(SHOWN) {
        *next = "…".to_owned();
    }
    names.join(", ")
}
