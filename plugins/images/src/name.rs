//! Names of fields, flags and variables.

use crate::likeness::Likeness;

/// Last words of names that hold something about an image, but not the image.
const OTHER: [&str; 17] = [
    "arch",
    "digest",
    "dir",
    "format",
    "id",
    "policy",
    "pullpolicy",
    "registry",
    "repo",
    "repository",
    "secret",
    "secrets",
    "size",
    "tag",
    "type",
    "user",
    "version",
];

/// Splits a name such as `sidecarImage`, `--sidecar-image` or `SIDECAR_IMAGE` into lower-case words.
pub(crate) fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for letter in name.chars() {
        let is_start = was_lower && letter.is_ascii_uppercase();
        if is_start || !letter.is_ascii_alphanumeric() {
            words.push(String::new());
        }
        if letter.is_ascii_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.push(letter.to_ascii_lowercase());
        }
        was_lower = letter.is_ascii_lowercase() || letter.is_ascii_digit();
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Reports whether a name says that its value is an image.
pub(crate) fn is_image(name: &str) -> bool {
    let words = words(name);
    words.iter().any(|word| word.ends_with("image"))
        && words.last().is_none_or(|last| !OTHER.contains(&last.as_str()))
}

/// Reports whether a field holds a name without a registry and a version, such as `JOB_IMAGE=nginx`.
pub(crate) fn is_bare(name: &str, text: &str) -> bool {
    let is_named = words(name).last().is_some_and(|last| last.ends_with("image"));
    // Names have no dots, files have.
    let is_other = text.contains('.')
        || matches!(text, "true" | "false" | "auto" | "none" | "default")
        || text.bytes().all(|byte| byte.is_ascii_digit());
    is_named && !is_other && Likeness::of(text) == Likeness::Path
}

/// Reports whether a word says that a value is a repository, without its tag.
pub(crate) fn is_repository(word: &str) -> bool {
    matches!(word, "repository" | "repo" | "name")
}

/// Reports whether a name says that its value is the repository of a database, which scanners pull as
/// an artifact. They choose its tag themselves.
pub(crate) fn is_database(name: &str) -> bool {
    match &words(name)[..] {
        [.., db, last] => db == "db" && matches!(last.as_str(), "repository" | "repositories"),
        _ => false,
    }
}

/// Reports whether a name says that its value is where a builder pushes its result.
pub(crate) fn is_pushed(name: &str) -> bool {
    let words = words(name);
    words.last().is_some_and(|last| last == "destination")
        || words.ends_with(&["cache".to_owned(), "repo".to_owned()])
}

/// Reports whether a name says that its value is the repository of an image.
pub(crate) fn is_image_repository(name: &str) -> bool {
    match &words(name)[..] {
        [.., image, last] => image.ends_with("image") && is_repository(last),
        _ => false,
    }
}

/// Reports whether a name says that its value holds labels or annotations. Their keys and values look
/// like references, and never are.
pub(crate) fn is_describing(name: &str) -> bool {
    let words = words(name);
    words.last().is_some_and(|last| {
        matches!(last.as_str(), "labels" | "annotations" | "selector" | "matchlabels")
    })
}

/// Reports whether a name says that its value is a sentence for people.
pub(crate) fn is_prose(name: &str) -> bool {
    words(name).last().is_some_and(|last| {
        matches!(last.as_str(), "description" | "documentation" | "help" | "message" | "summary")
    })
}

/// Reports whether a name says that its value is a list of images.
pub(crate) fn is_images(name: &str) -> bool {
    words(name).last().is_some_and(|last| last.ends_with("images"))
}

#[cfg(test)]
mod tests {
    use super::{is_describing, is_image, is_images, is_prose, is_pushed, words};

    #[test]
    fn names_are_split_by_every_convention() {
        for name in
            ["sidecarImageTag", "--sidecar-image-tag", "SIDECAR_IMAGE_TAG", "sidecar.image/tag"]
        {
            assert_eq!(words(name), ["sidecar", "image", "tag"], "{name}");
        }
        assert_eq!(words("imageURL"), ["image", "url"]);
        assert_eq!(words("--"), [""; 0]);
    }

    #[test]
    fn names_tell_images_from_their_attributes() {
        for name in [
            "image",
            "sidecarImage",
            "docker_image",
            "dockerimage",
            "proxy-image",
            "imageName",
            "image_url",
            "RELATED_IMAGE_APP",
            "IMAGE_OF_JOB",
            "dockerImageReference",
            "sidecar.istio.io/proxyImage",
        ] {
            assert!(is_image(name), "{name}");
        }
        for name in ["imagePullPolicy", "image_tag", "IMAGE_REGISTRY", "images", "name", "imagine"]
        {
            assert!(!is_image(name), "{name}");
        }
        assert!(is_pushed("--destination") && is_pushed("--cache-repo") && !is_pushed("--repo"));
        assert!(is_describing("podAnnotations") && is_describing("labels"));
        assert!(is_describing("nodeSelector") && !is_describing("labelled"));
        assert!(is_prose("message") && is_prose("longDescription") && !is_prose("messageQueue"));
        assert!(is_images("extraImages") && is_images("job_images") && !is_images("image"));
    }
}
