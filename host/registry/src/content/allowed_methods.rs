//! What a registry says about the methods that it allows.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

use reqwest::header::{ALLOW, HeaderMap};
use tokio::sync::OnceCell;

/// What is known about the methods that a registry allows.
#[derive(Debug, Default)]
pub(crate) struct AllowedMethods {
    /// By namespace: the methods that are allowed where uploads begin, if a POST is not among them.
    pub(super) asked: Mutex<HashMap<String, Arc<OnceCell<Option<String>>>>>,
    /// What the registry says of its own accord with its manifests, as `longshore serve` does.
    pub(super) volunteered: OnceLock<Option<String>>,
}

impl AllowedMethods {
    /// Learns from the answer to a request for a manifest.
    pub(crate) fn saw(&self, path: &str, headers: &HeaderMap) {
        // A name may have a component like `manifests`, so a path is read from its end.
        if headers.contains_key(ALLOW) && path.rsplit('/').nth(1) == Some("manifests") {
            self.volunteered.get_or_init(|| without(headers, "PUT"));
        }
    }
}

/// Returns `Allow` if it has reads and not the method that `writes`. Only the answer of a registry itself counts, and
/// not that of something in front of it.
pub(super) fn without(headers: &HeaderMap, writes: &str) -> Option<String> {
    headers.get("docker-distribution-api-version")?;
    let values = headers.get_all(ALLOW).iter().map(|value| value.to_str());
    let allowed = values.collect::<Result<Vec<_>, _>>().ok()?.join(", ");
    let has =
        |wanted: &str| allowed.split(',').any(|method| method.trim().eq_ignore_ascii_case(wanted));
    (has("GET") && !has(writes)).then_some(allowed)
}

#[cfg(test)]
mod tests {
    use reqwest::header::{ALLOW, HeaderMap, HeaderName, HeaderValue};

    use super::{AllowedMethods, without};

    fn headers(allow: &[&'static str], is_registry: bool) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for methods in allow {
            headers.append(ALLOW, HeaderValue::from_static(methods));
        }
        if is_registry {
            let name = HeaderName::from_static("docker-distribution-api-version");
            headers.insert(name, HeaderValue::from_static("registry/2.0"));
        }
        headers
    }

    #[test]
    fn only_an_allow_without_post_tells() {
        for (allow, is_registry, expected) in [
            (&["GET, HEAD"][..], true, Some("GET, HEAD")),
            (&["GET", "HEAD"], true, Some("GET, HEAD")),
            (&["GET,HEAD,OPTIONS"], true, Some("GET,HEAD,OPTIONS")),
            (&["DELETE, GET, HEAD, PATCH, POST, PUT"], true, None),
            (&["GET", "post"], true, None),
            (&["POST"], true, None),
            (&[""], true, None),
            (&[], true, None),
            (&["GET, HEAD"], false, None),
        ] {
            let found = without(&headers(allow, is_registry), "POST");
            assert_eq!(found.as_deref(), expected, "{allow:?} {is_registry}");
        }
    }

    #[test]
    fn only_answers_for_manifests_are_heard() {
        let seen = |path: &str, allow: &[&'static str]| {
            let known = AllowedMethods::default();
            known.saw(path, &headers(allow, true));
            known.volunteered.get().cloned()
        };
        let manifest = "/v2/a/manifests/1";
        assert_eq!(seen(manifest, &["GET, HEAD"]), Some(Some("GET, HEAD".to_owned())));
        assert_eq!(seen(manifest, &["GET, HEAD, PUT, DELETE"]), Some(None));
        assert_eq!(seen(manifest, &[]), None);
        for other in [
            "/v2/a/blobs/uploads/x",
            "/v2/a/manifests/b/blobs/uploads/x",
            "/v2/manifests/manifests/blobs/uploads/",
            "/v2/a/manifests/tags/list",
        ] {
            assert_eq!(seen(other, &["GET, HEAD"]), None, "{other}");
        }
        assert_eq!(seen("/v2/a/manifests/manifests/1", &["GET"]), Some(Some("GET".to_owned())));
    }
}
