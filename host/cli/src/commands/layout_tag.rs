//! Finds the tag of an image layout that a command names without one.

use longshore_oci::{StoreName, Tag, is_tag_of_referrers};
use longshore_store::Source;

use crate::settings::{NamedImage, SettingsError};

/// The most tags that an error names.
const SHOWN: usize = 10;

/// Adds the only tag of an image layout, or else `latest` if it has that. What cannot be listed stays as it
/// is: reading the image says why.
///
/// # Errors
/// If there are several tags and none is `latest`.
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
    if chosen.is_none() && !tags.is_empty() {
        let folder = folder.path().join(image.repository.as_str()).display().to_string();
        let mut shown: Vec<&str> = tags.iter().take(SHOWN).map(Tag::as_str).collect();
        shown.extend((tags.len() > SHOWN).then_some("…"));
        return Err(SettingsError::SeveralTags { folder, tags: shown.join(", ") });
    }
    Ok(NamedImage { tag: chosen, ..image })
}
