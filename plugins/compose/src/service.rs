//! One service: its image, and warnings where longshore differs from Compose.

use longshore_plugin_sdk::diagnostic::Place;
use longshore_plugin_sdk::list::Parsed;
use longshore_plugin_sdk::yaml::{Key, Node};

use crate::interpolate::{Interpolated, interpolated};
use crate::variables::Variables;

/// Parses a service. `is_change` says that an earlier document has it, perhaps with its image.
pub(crate) fn read(
    parsed: &mut Parsed,
    variables: &Variables,
    key: &Key,
    service: &Node,
    is_change: bool,
) {
    let name = key.text.as_str();
    if service.expect_mapping(&format!("service `{name}`"), parsed).is_none() {
        return;
    }
    remarks(parsed, name, service);
    // An empty image is none: `image: ${TAG:+…}` beside `build`.
    let reference = service.get("image").filter(|image| !image.is_blank());
    let text = reference.map(|reference| text_of(parsed, variables, "an image", reference));
    let is_empty = matches!(&text, Some(Some(text)) if text.trim().is_empty());
    match (reference.filter(|_| !is_empty), service.member("build")) {
        (Some(reference), build) => {
            if let Some((build, _)) = build {
                let message = format!(
                    "service `{name}` is built, so its image can only be mirrored if it was pushed"
                );
                parsed.warn(build.place, message);
            }
            if let Some(text) = text.flatten() {
                let platform = service.get("platform");
                image(parsed, variables, reference.place, &text, platform);
            }
        }
        (None, Some((build, _))) => {
            let message = format!("service `{name}` is built, so there is nothing to mirror");
            parsed.warn(build.place, message);
        }
        (None, None)
            if is_change
                || service.get("extends").is_some()
                || service.get("provider").is_some() => {}
        (None, None) => parsed.error(key.place, format!("service `{name}` has no image")),
    }
    if let Some((_, build)) = service.member("build") {
        read_build(parsed, variables, name, build);
    }
    for volume in service.get("volumes").map(Node::items).unwrap_or_default() {
        if let (Some("image"), Some(source)) = (volume.text_of("type"), volume.get("source"))
            && let Some(text) = text_of(parsed, variables, "an image", source)
        {
            image(parsed, variables, source.place, &text, None);
        }
    }
}

/// Adds the images that a build names as its contexts: `docker-image://REFERENCE`, in a mapping or in a list
/// of `NAME=CONTEXT`.
fn read_build(parsed: &mut Parsed, variables: &Variables, service: &str, build: &Node) {
    const SCHEME: &str = "docker-image://";
    if let Some((key, _)) = build.member("dockerfile_inline") {
        let message = format!(
            "`dockerfile_inline` of service `{service}` is not read; a file of its own can be, as a Dockerfile"
        );
        parsed.warn(key.place, message);
    }
    let Some(contexts) = build.get("additional_contexts") else { return };
    let values = contexts.members().map(|(_, value)| value);
    for context in values.chain(contexts.items().iter().map(|item| &**item)) {
        if !context.as_text().is_some_and(|text| text.contains(SCHEME)) {
            continue;
        }
        let Some(text) = text_of(parsed, variables, "a context", context) else { continue };
        if let Some((_, reference)) = text.split_once(SCHEME) {
            image(parsed, variables, context.place, reference, None);
        }
    }
}

/// Warns about differences that Compose users may not expect.
fn remarks(parsed: &mut Parsed, name: &str, service: &Node) {
    if let Some((key, extended)) = service.member("extends") {
        let message = match extended.text_of("file") {
            Some(file) => {
                format!("service `{name}` extends a service in {file}, which is not read")
            }
            None => format!("`extends` of service `{name}` is not followed"),
        };
        parsed.warn(key.place, message);
    }
    if let Some((key, _)) = service.member("profiles") {
        let message = format!("service `{name}` is mirrored whichever profiles are active");
        parsed.warn(key.place, message);
    }
    if let Some((key, _)) = service.member("provider") {
        let message = format!("service `{name}` has a provider, so there is nothing to mirror");
        parsed.warn(key.place, message);
    }
}

/// Adds an image, for its platform if it has one.
fn image(
    parsed: &mut Parsed,
    variables: &Variables,
    place: Place,
    reference: &str,
    platform: Option<&Node>,
) {
    let platform = platform
        .filter(|platform| !platform.is_blank())
        .map(|platform| text_of(parsed, variables, "a platform", platform));
    // Without the intended platform, the entry would take all platforms.
    if platform == Some(None) {
        return;
    }
    if let Some(entry) = parsed.image(place, reference) {
        entry.keep_platform(&platform.flatten().unwrap_or_default());
    }
}

/// Returns the text of a scalar with its variables expanded.
fn text_of(parsed: &mut Parsed, variables: &Variables, what: &str, node: &Node) -> Option<String> {
    match interpolated(node.expect_text(what, parsed)?, variables) {
        Ok(Interpolated { text, remarks }) => {
            for remark in remarks {
                parsed.warn(node.place, remark);
            }
            Some(text)
        }
        Err(message) => {
            parsed.error(node.place, message);
            None
        }
    }
}
