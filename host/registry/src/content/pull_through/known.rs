//! What a run knows about the caches of one registry.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use longshore_oci::{Digest, Repository};
use reqwest::header::{ETAG, HeaderMap};
use tokio::sync::OnceCell;

/// The most namespaces of a registry that are remembered.
const KEPT: usize = 10_000;

/// What a run knows about a registry's caches. A *namespace* is the first component of a path: a
/// project of Harbor, which is a cache as a whole.
#[derive(Debug, Default)]
pub(crate) struct PullThrough {
    /// By namespace: what Harbor says about it.
    pub(super) projects: Mutex<HashMap<String, Arc<OnceCell<Project>>>>,
    /// By namespace: whether an upload was refused as a cache refuses it.
    pub(super) uploads: Mutex<HashMap<String, Arc<OnceCell<Option<String>>>>>,
    /// Whether distribution's code said that it runs as a cache.
    pub(super) distribution: OnceCell<bool>,
    signs: Mutex<Signs>,
}

/// What the headers of answers give away.
#[derive(Debug, Default)]
struct Signs {
    /// Whether a manifest came from distribution's code, which many registries share. Its caches look
    /// like the others until something is pushed.
    is_distribution: bool,
    /// Namespaces that showed content of another registry.
    foreign: HashSet<String>,
}

/// What Harbor's API says about a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Project {
    /// It stores what is pushed.
    Stores,
    /// It is a proxy cache.
    Cache,
    /// The API does not show it to this account.
    Unseen,
}

/// How an answer describes its `Etag`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tagged {
    /// The digest in quotes, as distribution writes it for what it stores.
    Quoted,
    /// The bare digest. Harbor writes it for manifests of a proxy cache, and distribution for blobs
    /// that it fetches from elsewhere.
    Bare,
}

fn etag(headers: &HeaderMap, digest: &Digest) -> Option<Tagged> {
    let (text, digest) = (headers.get(ETAG)?.to_str().ok()?, digest.to_string());
    match text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
        Some(quoted) => (quoted == digest).then_some(Tagged::Quoted),
        None => (text == digest).then_some(Tagged::Bare),
    }
}

pub(crate) fn namespace(repository: &Repository) -> String {
    repository.as_str().split('/').next().unwrap_or_default().to_owned()
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn cell<T>(
    cells: &Mutex<HashMap<String, Arc<OnceCell<T>>>>,
    key: String,
) -> Arc<OnceCell<T>> {
    let mut cells = locked(cells);
    if cells.len() >= KEPT && !cells.contains_key(&key) {
        // What is forgotten costs a request.
        cells.clear();
    }
    Arc::clone(cells.entry(key).or_default())
}

impl PullThrough {
    /// Learns from the headers of a manifest.
    pub(crate) fn saw_manifest(
        &self,
        repository: &Repository,
        digest: &Digest,
        headers: &HeaderMap,
    ) {
        let names_version = headers.contains_key("docker-distribution-api-version");
        match (etag(headers, digest), names_version) {
            (Some(Tagged::Quoted), true) => locked(&self.signs).is_distribution = true,
            // All of distribution's answers name its version. An answer without it comes from code in front
            // of distribution, such as Harbor's proxy cache.
            (Some(Tagged::Bare), false) => {
                locked(&self.signs).foreign.insert(namespace(repository));
            }
            _ => {}
        }
    }

    /// Learns from the headers of a blob.
    pub(crate) fn saw_blob(&self, repository: &Repository, digest: &Digest, headers: &HeaderMap) {
        let mut signs = locked(&self.signs);
        if signs.is_distribution && etag(headers, digest) == Some(Tagged::Bare) {
            signs.foreign.insert(namespace(repository));
        }
    }

    pub(super) fn is_distribution(&self) -> bool {
        locked(&self.signs).is_distribution
    }

    pub(super) fn is_foreign(&self, repository: &Repository) -> bool {
        locked(&self.signs).foreign.contains(&namespace(repository))
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::{ETAG, HeaderMap, HeaderValue};

    use super::{PullThrough, Tagged, etag};
    use longshore_oci::{Digest, Repository};

    fn headers(etag: &str, names_version: bool) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(ETAG, HeaderValue::from_str(etag).unwrap());
        if names_version {
            headers.insert(
                "docker-distribution-api-version",
                HeaderValue::from_static("registry/2.0"),
            );
        }
        headers
    }

    #[test]
    fn an_etag_is_the_digest_in_quotes_or_bare() {
        let digest = Digest::of(b"x");
        let tagged = |text: &str| etag(&headers(text, true), &digest);
        assert_eq!(tagged(&format!("\"{digest}\"")), Some(Tagged::Quoted));
        assert_eq!(tagged(&digest.to_string()), Some(Tagged::Bare));
        for other in ["\"abc\"", "abc", "W/\"1\"", "", "\"", "\"\""] {
            assert_eq!(tagged(other), None, "{other}");
        }
    }

    #[test]
    fn headers_give_a_cache_away() {
        let digest = Digest::of(b"x");
        let (quoted, bare) = (format!("\"{digest}\""), digest.to_string());
        let [proxied, stored]: [Repository; 2] =
            ["hub/a/b", "team/a"].map(|name| name.parse().unwrap());

        let harbor = PullThrough::default();
        harbor.saw_manifest(&proxied, &digest, &headers(&bare, false));
        harbor.saw_manifest(&stored, &digest, &headers(&quoted, true));
        assert!(harbor.is_foreign(&proxied) && harbor.is_foreign(&"hub/c".parse().unwrap()));
        assert!(!harbor.is_foreign(&stored));

        let distribution = PullThrough::default();
        distribution.saw_blob(&proxied, &digest, &headers(&bare, true));
        assert!(!distribution.is_foreign(&proxied), "other registries write bare ones everywhere");
        distribution.saw_manifest(&proxied, &digest, &headers(&quoted, true));
        distribution.saw_blob(&stored, &digest, &headers(&quoted, true));
        distribution.saw_blob(&proxied, &digest, &headers(&bare, true));
        assert!(distribution.is_distribution());
        assert!(distribution.is_foreign(&proxied) && !distribution.is_foreign(&stored));

        let other = PullThrough::default();
        other.saw_manifest(&stored, &digest, &HeaderMap::new());
        other.saw_manifest(&stored, &digest, &headers(&bare, true));
        assert!(!other.is_distribution() && !other.is_foreign(&stored));
    }
}
