//! Paged lists of tags and repositories (distribution-spec, "Listing Tags"; distribution's
//! `_catalog`).

use std::collections::HashSet;

use reqwest::Method;
use reqwest::header::{HeaderMap, LINK};
use serde::Deserialize;
use url::Url;

use crate::auth::token::{RepositoryScope, TokenScope};
use crate::error::{CATALOG, Failed as _};
use crate::http::body::read_json;
use crate::limits::window::Class;
use crate::request::Call;
use crate::{Cause, Client, RegistryError};
use longshore_oci::Repository;
use longshore_store::Operation;

/// The largest accepted page, in bytes.
pub(crate) const PAGE_LIMIT: u64 = 8 * 1024 * 1024;
/// Names per page: the most that registries commonly allow.
const PAGE: usize = 1000;
/// The most names in a list; a longer one is endless or a mistake.
const NAMES: usize = 1_000_000;

/// The limit for all pages of a list together, in bytes.
pub(crate) const LIST_LIMIT: u64 = 64 * 1024 * 1024;

/// A page of either list; registries write `null` for an empty one.
#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    tags: Option<Vec<Name>>,
    #[serde(default)]
    repositories: Option<Vec<Name>>,
}

/// A name in a list. Some registries list what is no name at all, such as `null`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Name {
    Text(String),
    Other(serde::de::IgnoredAny),
}

/// The names of a page; the others are left out, with a warning.
fn texts(page: Vec<Name>, operation: &Operation) -> Vec<String> {
    let count = page.len();
    let texts: Vec<String> = page
        .into_iter()
        .filter_map(|name| match name {
            Name::Text(text) => Some(text),
            Name::Other(_) => None,
        })
        .collect();
    if texts.len() < count {
        let others = count - texts.len();
        tracing::warn!("{operation}: names that are not text are left out ({others})");
    }
    texts
}

impl Client {
    /// Lists all tags of `repository`, unparsed, in the registry's order and without duplicates.
    ///
    /// # Errors
    /// A refusal, no answer, or pages that cannot be read or do not end.
    pub(crate) async fn list_tags(
        &self,
        repository: &Repository,
    ) -> Result<Vec<String>, RegistryError> {
        let operation =
            Operation::new("list the tags of", format!("{}/{repository}", self.registry));
        let scope =
            RepositoryScope { repository: repository.clone(), push: false, mount_from: None };
        self.pages(operation, &format!("{repository}/tags/list"), scope.into()).await
    }

    /// Lists all repositories of the registry, unparsed, in its order and without duplicates.
    ///
    /// # Errors
    /// A refusal (public registries refuse), no answer, or pages that cannot be read or do not end.
    pub(crate) async fn list_repositories(&self) -> Result<Vec<String>, RegistryError> {
        let operation = Operation::new(CATALOG, &self.registry);
        self.pages(operation, "_catalog", TokenScope::Catalog).await
    }

    async fn pages(
        &self,
        operation: Operation,
        path: &str,
        scope: TokenScope,
    ) -> Result<Vec<String>, RegistryError> {
        let failed = |cause: Cause| operation.clone().failed(cause);
        let mut url = self.url(path).await.map_err(failed)?;
        url.query_pairs_mut().append_pair("n", &PAGE.to_string());
        let mut names = Names::default();
        let mut left = LIST_LIMIT;
        loop {
            let call = Call::new(
                operation.clone(),
                Method::GET,
                url.clone(),
                scope.clone(),
                Class::Lookup,
            );
            let response = self.send(&call).await?;
            let link = next_link(response.headers());
            let body = read_json(response, PAGE_LIMIT.min(left)).await.map_err(failed)?;
            left -= body.len() as u64;
            let page: Page = serde_json::from_slice(&body)
                .map_err(|_| failed(Cause::List("it is not JSON of the expected form")))?;
            let page = page.tags.or(page.repositories).unwrap_or_default();
            match names.take(texts(page, &operation), &url, link.as_deref()).map_err(failed)? {
                Some(next) => url = next,
                None => return Ok(names.found),
            }
        }
    }
}

/// The names of all pages until now.
#[derive(Default)]
struct Names {
    found: Vec<String>,
    known: HashSet<String>,
    asked: HashSet<Url>,
}

impl Names {
    /// Adds the page that `url` returned, and returns the next page's URL.
    ///
    /// The next page is the one in `link`. Some registries cut pages without a link, so a full page
    /// is followed by a request after its last name.
    fn take(
        &mut self,
        page: Vec<String>,
        url: &Url,
        link: Option<&str>,
    ) -> Result<Option<Url>, Cause> {
        let count = page.len();
        let last = page.last().cloned();
        let before = self.found.len();
        for name in page {
            if self.known.insert(name.clone()) {
                self.found.push(name);
            }
        }
        if self.found.len() > NAMES {
            return Err(Cause::List("it has more than a million names"));
        }
        self.asked.insert(url.clone());
        let next = match (link, last) {
            (Some(link), _) => linked(url, link)?,
            // A registry that ignores `last` returned the same page again.
            (None, Some(last)) if count == PAGE && self.found.len() > before => behind(url, &last),
            (None, _) => return Ok(None),
        };
        if self.asked.contains(&next) {
            return Err(Cause::List("its pages go round in a circle"));
        }
        Ok(Some(next))
    }
}

/// The URL of the page that a link names.
///
/// Only its path and query count: behind a proxy, registries often do not know their own name and
/// scheme. Also, the credential may only go to the registry.
pub(crate) fn linked(url: &Url, link: &str) -> Result<Url, Cause> {
    let bad = || Cause::List("the link to the next page is not a valid URL");
    let target = url.join(link).map_err(|_| bad())?;
    if !target.path().starts_with("/v2/") {
        return Err(Cause::List("the link to the next page leads out of /v2/"));
    }
    let mut next = url.clone();
    next.set_path(target.path());
    next.set_query(target.query());
    Ok(next)
}

fn behind(url: &Url, last: &str) -> Url {
    let mut next = url.clone();
    let count = PAGE.to_string();
    next.query_pairs_mut().clear().extend_pairs([("n", count.as_str()), ("last", last)]);
    next
}

/// The target of the link with the relation `next` (RFC 8288).
pub(crate) fn next_link(headers: &HeaderMap) -> Option<String> {
    headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok()).find_map(|text| {
        text.split('<').skip(1).find_map(|link| {
            let (target, parameters) = link.split_once('>')?;
            let is_next = parameters.split([';', ',']).any(|parameter| {
                let (name, value) = parameter.split_once('=').unwrap_or_default();
                name.trim().eq_ignore_ascii_case("rel")
                    && value.trim().trim_matches('"').split(' ').any(|rel| rel == "next")
            });
            is_next.then(|| target.to_owned())
        })
    })
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderMap, HeaderValue, LINK};
    use url::Url;

    use super::{Names, PAGE, next_link};

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn full(from: usize) -> Vec<String> {
        (from..from + PAGE).map(|number| format!("t{number}")).collect()
    }

    #[test]
    fn the_next_link_is_found_among_others() {
        for (header, expected) in [
            ("</v2/a/tags/list?n=1&last=x>; rel=\"next\"", Some("/v2/a/tags/list?n=1&last=x")),
            ("<https://h/v2/_catalog?last=a>;rel=next", Some("https://h/v2/_catalog?last=a")),
            ("<a>; rel=\"prev\", <b>; title=\"x\"; rel=\"last next\"", Some("b")),
            ("<a>; rel=\"prev\"", None),
            ("a; rel=\"next\"", None),
            ("<a", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(LINK, HeaderValue::from_static(header));
            assert_eq!(next_link(&headers).as_deref(), expected, "{header}");
        }
    }

    #[test]
    fn links_stay_at_the_registry() {
        let from = url("https://h:5000/v2/a/tags/list?n=1000");
        let next = |link: &str| Names::default().take(Vec::new(), &from, Some(link));
        let expected = url("https://h:5000/v2/a/tags/list?last=b");
        for link in [
            "/v2/a/tags/list?last=b",
            "http://other/v2/a/tags/list?last=b",
            "https://h:5000/v2/a/tags/list?last=b",
        ] {
            assert_eq!(next(link).unwrap(), Some(expected.clone()), "{link}");
        }
        assert!(next("/elsewhere?last=b").is_err());
        assert!(next("http://[").is_err());
    }

    #[test]
    fn pages_that_go_round_are_an_error() {
        let first = url("https://h/v2/a/tags/list?n=1000");
        let mut names = Names::default();
        let second = names.take(vec!["a".into()], &first, Some("/v2/a/tags/list?last=a"));
        let second = second.unwrap().unwrap();
        assert!(names.take(vec!["b".into()], &second, Some("?last=a")).is_err());
        assert!(names.take(vec!["b".into()], &second, Some("?n=1000")).is_err());
    }

    #[test]
    fn a_full_page_without_a_link_is_followed_until_nothing_is_new() {
        let first = url("https://h/v2/a/tags/list?n=1000");
        let mut names = Names::default();
        let second = names.take(full(0), &first, None).unwrap().unwrap();
        assert_eq!(second.query(), Some("n=1000&last=t999"));
        assert_eq!(names.take(full(0), &second, None).unwrap(), None, "`last` is not known there");
        assert_eq!(names.found.len(), PAGE);
        assert_eq!(
            names.take(full(1), &second, None).unwrap().unwrap().query(),
            Some("n=1000&last=t1000")
        );
        assert_eq!(names.found.len(), PAGE + 1);
        let more: Vec<_> = full(0).into_iter().chain(full(5000)).collect();
        assert_eq!(
            Names::default().take(more, &first, None).unwrap(),
            None,
            "it does not cut pages"
        );
    }
}
