//! The kind `Images`.

use longshore_plugin_sdk::list::Parsed;
use longshore_plugin_sdk::reference::split_registry;
use longshore_plugin_sdk::yaml::Node;

/// Prefix of Hauler's annotations. They apply to every image of the document that does not set its
/// own value.
const ANNOTATION: &str = "hauler.dev/";

/// Keys that longshore ignores because it configures them elsewhere or not at all.
const IGNORED: &[(&str, &str)] = &[
    ("ca-file", NOT_VERIFIED),
    ("certificate-github-workflow-repository", NOT_VERIFIED),
    ("certificate-identity", NOT_VERIFIED),
    ("certificate-identity-regexp", NOT_VERIFIED),
    ("certificate-oidc-issuer", NOT_VERIFIED),
    ("certificate-oidc-issuer-regexp", NOT_VERIFIED),
    ("exclude-extras", "--referrers decides whether signatures are copied"),
    ("insecure-skip-tls-verify", "give --insecure-registry with the registry"),
    ("key", NOT_VERIFIED),
    ("retries", "longshore retries automatically"),
    ("rewrite", "--rewrite has plugins for that"),
    ("use-tlog-verify", NOT_VERIFIED),
];
const NOT_VERIFIED: &str = "signatures are not verified";

/// Parses one document.
pub(crate) fn read(parsed: &mut Parsed, root: &Node) {
    let annotations = root.path(&["metadata", "annotations"]);
    let annotation = |name: &str| {
        let text = annotations?.text_of(&format!("{ANNOTATION}{name}"))?.trim();
        (!text.is_empty()).then_some(text)
    };
    let (platform, registry) = (annotation("platform"), annotation("registry"));
    for (key, _) in annotations.into_iter().flat_map(Node::members) {
        let Some(name) = key.text.strip_prefix(ANNOTATION) else { continue };
        if ["platform", "registry"].contains(&name) {
            continue;
        }
        let why = match IGNORED.iter().find(|(ignored, _)| name == *ignored) {
            Some((_, why)) => format!("`{}` is ignored: {why}", key.text),
            None => format!("the annotation `{}` is not known and ignored", key.text),
        };
        parsed.warn(key.place, why);
    }
    let Some(images) = root.path(&["spec", "images"]) else {
        parsed.error(root.place, "there are no `spec.images`");
        return;
    };
    if let Some(spec) = root.get("spec").and_then(Node::as_mapping) {
        spec.warn_unused(&["images"], &[], parsed);
    }
    for node in images.expect_sequence("`images`", parsed).unwrap_or_default() {
        let Some(image) = node.expect_mapping("an item of `images`", parsed) else { continue };
        image.warn_unused(&["name", "platform", "local"], IGNORED, parsed);
        if image.get("local").and_then(Node::as_bool) == Some(true) {
            let message = "an image of the Docker daemon (`local`) is in no registry";
            parsed.error(node.place, message);
            continue;
        }
        let platform = match node.get("platform").filter(|own| !own.is_blank()) {
            None => platform,
            // Without the intended platform, the entry would take all platforms.
            Some(own) => match own.expect_text("`platform`", parsed) {
                None => continue,
                own => own,
            },
        };
        let Some(name) = image.get("name") else {
            parsed.error(node.place, "an image has no `name`");
            continue;
        };
        let Some(text) = name.expect_text("`name`", parsed) else { continue };
        let reference = match registry {
            Some(registry) if split_registry(text).0.is_none() => format!("{registry}/{text}"),
            _ => text.to_owned(),
        };
        if let Some(entry) = parsed.image(name.place, &reference) {
            entry.keep_platform(platform.filter(|all| *all != "all").unwrap_or_default());
        }
    }
}
