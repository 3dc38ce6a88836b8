//! The kind `Images`.

use longshore_plugin_sdk::list::Parsed;
use longshore_plugin_sdk::yaml::Node;

/// What annotations of Hauler start with; they hold for every image of the document that does not say
/// otherwise itself.
const ANNOTATION: &str = "hauler.dev/";

/// What longshore has another place for, or none.
const IGNORED: &[(&str, &str)] = &[
    ("certificate-github-workflow-repository", NOT_VERIFIED),
    ("certificate-identity", NOT_VERIFIED),
    ("certificate-identity-regexp", NOT_VERIFIED),
    ("certificate-oidc-issuer", NOT_VERIFIED),
    ("certificate-oidc-issuer-regexp", NOT_VERIFIED),
    ("exclude-extras", "--referrers says whether signatures are copied"),
    ("key", NOT_VERIFIED),
    ("rewrite", "--rewrite has plugins for that"),
    ("use-tlog-verify", NOT_VERIFIED),
];
const NOT_VERIFIED: &str = "signatures are not verified";

/// Reads one document.
pub(crate) fn read(parsed: &mut Parsed, root: &Node) {
    let annotations = root.path(&["metadata", "annotations"]);
    let annotation =
        |name: &str| annotations.and_then(|node| node.text_of(&format!("{ANNOTATION}{name}")));
    let (platform, registry) = (annotation("platform"), annotation("registry"));
    for (key, _) in annotations.into_iter().flat_map(Node::members) {
        let name = key.text.strip_prefix(ANNOTATION);
        if let Some((_, why)) = IGNORED.iter().find(|(ignored, _)| name == Some(ignored)) {
            parsed.warn(key.place, format!("`{}` is ignored: {why}", key.text));
        }
    }
    let Some(images) = root.path(&["spec", "images"]) else {
        parsed.error(root.place, "there are no `spec.images`");
        return;
    };
    for node in images.expect_sequence("`images`", parsed).unwrap_or_default() {
        let Some(image) = node.expect_mapping("an item of `images`", parsed) else { continue };
        image.warn_unused(&["name", "platform"], IGNORED, parsed);
        let Some(name) = image.get("name") else {
            parsed.error(node.place, "an image has no `name`");
            continue;
        };
        let Some(text) = name.expect_text("`name`", parsed) else { continue };
        let reference = match registry {
            Some(registry) if !names_registry(text) => format!("{registry}/{text}"),
            _ => text.to_owned(),
        };
        if let Some(entry) = parsed.image(name.place, &reference) {
            let platform = node.text_of("platform").or(platform);
            entry.platforms.extend(platform.filter(|all| *all != "all").map(str::to_owned));
        }
    }
}

fn names_registry(name: &str) -> bool {
    name.split_once('/')
        .is_some_and(|(first, _)| first.contains(['.', ':']) || first == "localhost")
}
