//! The kind `Images`.

use longshore_plugin_document::{Listing, Node};

/// Annotations that hold for every image of the document that does not say otherwise itself.
const PLATFORM: &str = "hauler.dev/platform";
const REGISTRY: &str = "hauler.dev/registry";

/// Reads one document.
pub(crate) fn read(listing: &mut Listing<'_>, root: &Node<'_>) {
    let annotations = root.path(&["metadata", "annotations"]);
    let annotation = |key: &str| annotations.and_then(|node| node.text_of(key));
    let (platform, registry) = (annotation(PLATFORM), annotation(REGISTRY));
    for member in annotations.map(Node::members).unwrap_or_default() {
        if let Some(key) = member.key.strip_prefix("hauler.dev/") {
            remark(listing, member.at, key, member.value.text());
        }
    }
    let Some(images) = root.path(&["spec", "images"]) else {
        listing.fail(root.at, "there are no `spec.images`");
        return;
    };
    if images.items().is_empty() {
        listing.fail(images.at, format!("`images` must be a list, not {}", images.kind()));
    }
    for image in images.items() {
        for member in image.members() {
            remark(listing, member.at, &member.key, member.value.text());
        }
        let Some(name) = image.text_of("name") else {
            listing.fail(image.at, "an image has no `name`");
            continue;
        };
        let name = match registry {
            Some(registry) if !names_registry(name) => format!("{registry}/{name}"),
            _ => name.to_owned(),
        };
        if let Some(entry) = listing.image(image.at, &name) {
            let platform = image.text_of("platform").or(platform);
            entry.platforms.extend(platform.filter(|all| *all != "all").map(str::to_owned));
        }
    }
}

/// What a key asks for that is not done.
fn remark(listing: &mut Listing<'_>, at: usize, key: &str, value: Option<&str>) {
    let message = match key {
        "name" | "platform" | "registry" => return,
        "exclude-extras" if value == Some("true") => return,
        "exclude-extras" => "signatures are copied only with --referrers".to_owned(),
        "rewrite" => "`rewrite` is not applied; --rewrite has plugins for that".to_owned(),
        key if key == "key" || key == "use-tlog-verify" || key.starts_with("certificate-") => {
            format!("signatures are not verified, so `{key}` does nothing")
        }
        key => format!("`{key}` is not known, so it does nothing"),
    };
    listing.warn(at, message);
}

fn names_registry(name: &str) -> bool {
    name.split_once('/')
        .is_some_and(|(first, _)| first.contains(['.', ':']) || first == "localhost")
}
