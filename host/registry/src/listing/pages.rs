//! Paged answers that name the next page in a `Link` header (RFC 8288).

use std::collections::HashSet;

use bytes::Bytes;
use longshore_store::{Key, Keys};
use reqwest::header::{HeaderMap, LINK};
use tokio::sync::MutexGuard;
use url::Url;

use crate::error::Failed as _;
use crate::http::body::{Encoding, ResponseBody};
use crate::request::Call;
use crate::{Cause, Client, RegistryError};

/// The largest accepted page, in bytes.
const PAGE_LIMIT: usize = 8 * 1024 * 1024;
/// The limit for all pages of a list together, in bytes.
const LIST_LIMIT: usize = 32 * 1024 * 1024;
/// A list above this size, in bytes, is long. A run reads one long list at a time, because each takes
/// much memory.
const LONG: usize = 256 * 1024;
/// The most pages of a list.
const PAGES: usize = 10_000;
/// The longest link to a next page, in bytes. A list keeps no link but the last one.
const LINK_LIMIT: usize = 8 * 1024;

/// A page of a list.
pub(crate) struct Page {
    /// Its URL.
    pub(crate) url: Url,
    /// Its content.
    pub(crate) body: Bytes,
    /// The next page's URL, if a link names one.
    pub(crate) next: Option<Url>,
}

impl Client {
    /// Sends `call`, passes the page to `take`, and continues with the page that it returns.
    ///
    /// # Errors
    /// A refusal, no answer, an error of `take`, or pages that are too large, too many or go round in
    /// a circle.
    pub(crate) async fn each_page(
        &self,
        mut call: Call,
        mut take: impl FnMut(Page) -> Result<Option<Url>, Cause> + Send,
    ) -> Result<(), RegistryError> {
        let mut bounds = Bounds::new(&call.url);
        loop {
            let page = self.page(&call, &mut bounds).await?;
            let failed = |cause: Cause| call.operation.clone().failed(cause);
            bounds.left -= page.body.len();
            let Some(next) = take(page).map_err(failed)? else { return Ok(()) };
            bounds.follow(&next).map_err(failed)?;
            call.url = next;
        }
    }

    /// Fetches one page.
    async fn page<'a>(
        &'a self,
        call: &Call,
        bounds: &mut Bounds<'a>,
    ) -> Result<Page, RegistryError> {
        let mut backoff = self.backoff();
        loop {
            match self.read_page(call, bounds).await {
                Ok(page) => return Ok(page),
                Err(cause) => backoff.wait_or_fail(call.operation.clone().failed(cause)).await?,
            }
        }
    }

    async fn read_page<'a>(&'a self, call: &Call, bounds: &mut Bounds<'a>) -> Result<Page, Cause> {
        let response = self.send_once(call).await?;
        let next =
            next_link(response.headers()).map(|link| linked(&call.url, &link)).transpose()?;
        let encoding = Encoding::of(&response);
        let mut pieces = ResponseBody::of(response);
        let mut body = Vec::new();
        while let Some(piece) = pieces.next().await? {
            let size = body.len() + piece.len();
            if size > PAGE_LIMIT {
                return Err(Cause::TooLarge { limit: PAGE_LIMIT as u64 });
            }
            if size > bounds.left {
                return Err(Cause::List("it has more than 32 MiB"));
            }
            if bounds.long.is_none() && LIST_LIMIT - bounds.left + size > LONG {
                bounds.long = Some(self.long_lists.lock().await);
            }
            body.extend_from_slice(&piece);
        }
        encoding.check(&body)?;
        Ok(Page { url: call.url.clone(), body: Bytes::from(body), next })
    }
}

/// What is left of the bounds of a list.
struct Bounds<'a> {
    /// Bytes that may still arrive.
    left: usize,
    /// Held while a long list is read.
    long: Option<MutexGuard<'a, ()>>,
    keys: Keys,
    /// The keys of the pages' URLs.
    asked: HashSet<Key>,
}

impl Bounds<'_> {
    /// Begins with the first page.
    fn new(first: &Url) -> Self {
        let keys = Keys::default();
        let asked = HashSet::from([keys.of(first.as_str())]);
        Self { left: LIST_LIMIT, long: None, keys, asked }
    }

    /// Checks whether the list may go on with `next`.
    fn follow(&mut self, next: &Url) -> Result<(), Cause> {
        if !self.asked.insert(self.keys.of(next.as_str())) {
            return Err(Cause::List("its pages go round in a circle"));
        }
        if self.asked.len() > PAGES {
            return Err(Cause::List("it has more than 10,000 pages"));
        }
        Ok(())
    }
}

/// The URL of the page that a link names.
///
/// Only its path and query count: behind a proxy, registries often do not know their own name and
/// scheme. Also, the credential may only go to the registry.
fn linked(url: &Url, link: &str) -> Result<Url, Cause> {
    if link.len() > LINK_LIMIT {
        return Err(Cause::List("the link to the next page has more than 8 KiB"));
    }
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

/// The target of the link with the relation `next` (RFC 8288).
fn next_link(headers: &HeaderMap) -> Option<String> {
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

    use super::{Bounds, LINK_LIMIT, PAGES, linked, next_link};

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
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
        let expected = url("https://h:5000/v2/a/tags/list?last=b");
        for link in [
            "/v2/a/tags/list?last=b",
            "http://other/v2/a/tags/list?last=b",
            "https://h:5000/v2/a/tags/list?last=b",
        ] {
            assert_eq!(linked(&from, link).unwrap(), expected, "{link}");
        }
        assert!(linked(&from, "/elsewhere?last=b").is_err());
        assert!(linked(&from, "http://[").is_err());
        let long = format!("/v2/a/tags/list?last={}", "b".repeat(LINK_LIMIT));
        assert!(linked(&from, &long).is_err());
    }

    #[test]
    fn pages_that_go_round_are_an_error() {
        let page = |last: usize| url(&format!("https://h/v2/a/tags/list?last={last}"));
        let mut bounds = Bounds::new(&page(0));
        bounds.follow(&page(1)).unwrap();
        assert!(bounds.follow(&page(1)).is_err());
        assert!(bounds.follow(&page(0)).is_err());
        let all = (2..).map(page).take_while(|page| bounds.follow(page).is_ok()).count();
        assert_eq!(all, PAGES - 2, "pages without end");
    }
}
