//! One service: its image, and what longshore does otherwise than Compose.

use longshore_plugin_document::{Listing, Member, Node};

use crate::interpolate::interpolated;

/// Reads a service.
pub(crate) fn read(listing: &mut Listing<'_>, service: &Member<'_>) {
    let Member { at, key: name, value } = service;
    if !value.is_map() {
        listing.fail(*at, format!("service `{name}` must be a map, not {}", value.kind()));
        return;
    }
    remarks(listing, name, value);
    match (value.get("image"), value.member("build")) {
        (Some(image), build) => {
            if let Some(build) = build {
                let message = format!(
                    "service `{name}` is built, so its image can only be mirrored if it was pushed"
                );
                listing.warn(build.at, message);
            }
            read_image(listing, image, value.get("platform"));
        }
        (None, Some(build)) => {
            let message = format!("service `{name}` is built, so there is nothing to mirror");
            listing.warn(build.at, message);
        }
        (None, None) if value.get("extends").is_some() || value.get("provider").is_some() => {}
        (None, None) => listing.fail(*at, format!("service `{name}` has no image")),
    }
    for volume in value.get("volumes").map(Node::items).unwrap_or_default() {
        if let (Some("image"), Some(source)) = (volume.text_of("type"), volume.get("source")) {
            read_image(listing, source, None);
        }
    }
}

/// What a person who knows Compose would expect otherwise.
fn remarks(listing: &mut Listing<'_>, name: &str, service: &Node<'_>) {
    if let Some(extends) = service.member("extends") {
        let message = match extends.value.text_of("file") {
            Some(file) => format!("service `{name}` extends one of {file}, which is not read"),
            None => format!("`extends` of service `{name}` is not followed"),
        };
        listing.warn(extends.at, message);
    }
    if let Some(profiles) = service.member("profiles") {
        let message = format!("service `{name}` is mirrored whichever profiles are active");
        listing.warn(profiles.at, message);
    }
    if let Some(provider) = service.member("provider") {
        let message = format!("service `{name}` is of a provider, so there is nothing to mirror");
        listing.warn(provider.at, message);
    }
}

fn read_image(listing: &mut Listing<'_>, image: &Node<'_>, platform: Option<&Node<'_>>) {
    let Some(reference) = text(listing, image) else { return };
    let platform = platform.and_then(|platform| text(listing, platform));
    if let Some(entry) = listing.image(image.at, &reference) {
        entry.platforms.extend(platform.filter(|platform| !platform.is_empty()));
    }
}

/// The text of a scalar with its variables replaced.
fn text(listing: &mut Listing<'_>, node: &Node<'_>) -> Option<String> {
    let Some(written) = node.text() else {
        listing.fail(node.at, format!("expected a text, found {}", node.kind()));
        return None;
    };
    match interpolated(written) {
        Ok((text, defaults)) => {
            for variable in defaults {
                let message =
                    format!("variables are not read: the default of `{variable}` is taken");
                listing.warn(node.at, message);
            }
            Some(text)
        }
        Err(message) => {
            listing.fail(node.at, message);
            None
        }
    }
}
