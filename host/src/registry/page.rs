//! Lists that come in pages, each of which names the next one by a `Link` (RFC 8288;
//! distribution-spec, "Listing Tags" and "Listing Referrers").

use std::collections::HashSet;

use bytes::Bytes;
use reqwest::header::{HeaderMap, LINK};
use url::Url;

use super::connection::host_of;
use super::request::{Call, read_bounded};
use super::retry::Waits;
use super::{Cause, Client, RegistryError};

/// A page may have so many bytes.
const PAGE_LIMIT: u64 = 8 * 1024 * 1024;
/// A list may have so many pages.
const PAGES: usize = 10_000;

impl Client {
    /// Sends `call` and gives the answer to `take`, and so on for each page that is named next.
    pub(super) async fn each_page(
        &self,
        mut call: Call,
        mut take: impl FnMut(&Bytes) -> Result<(), Cause> + Send,
    ) -> Result<(), RegistryError> {
        let mut seen = HashSet::from([place(&call.url)]);
        loop {
            let (page, next) = self.page(&call).await?;
            let failed = |cause: Cause| call.operation.clone().failed(cause);
            take(&page).map_err(failed)?;
            let Some(next) = next else { return Ok(()) };
            let bad = |why| failed(Cause::Location { host: host_of(&call.url), why });
            if !seen.insert(place(&next)) {
                return Err(bad("a page of the list names an earlier one as the next"));
            }
            if seen.len() > PAGES {
                return Err(bad("the list has too many pages"));
            }
            call.url = next;
        }
    }

    async fn page(&self, call: &Call) -> Result<(Bytes, Option<Url>), RegistryError> {
        let mut waits = Waits::new();
        loop {
            match self.read_page(call).await {
                Ok(page) => return Ok(page),
                Err(cause) => waits.sit_out(call.operation.clone().failed(cause)).await?,
            }
        }
    }

    async fn read_page(&self, call: &Call) -> Result<(Bytes, Option<Url>), Cause> {
        let response = self.send_once(call).await?;
        let next = next_page(response.headers(), &call.url)?;
        Ok((read_bounded(response, PAGE_LIMIT).await?, next))
    }
}

/// Where in the list a page begins: behind `last`, where its URL says so.
fn place(url: &Url) -> String {
    let last = url.query_pairs().find(|(key, _)| key == "last");
    last.map_or_else(|| url.to_string(), |(_, last)| last.into_owned())
}

/// The page behind the one that came from `from`. Only path and query of the link count: registries
/// behind a proxy name hosts and schemes that only they know.
fn next_page(headers: &HeaderMap, from: &Url) -> Result<Option<Url>, Cause> {
    let bad = |why| Cause::Location { host: host_of(from), why };
    for value in headers.get_all(LINK) {
        let text = value.to_str().map_err(|_| bad("the link to the next page is no text"))?;
        let Some(target) = next_target(text) else { continue };
        let target = from.join(target).map_err(|_| bad("the link to the next page is no URL"))?;
        let mut next = from.clone();
        next.set_path(target.path());
        next.set_query(target.query());
        return Ok(Some(next));
    }
    Ok(None)
}

/// What stands between `<` and `>` before `rel="next"`.
fn next_target(mut text: &str) -> Option<&str> {
    loop {
        let (_, rest) = text.split_once('<')?;
        let (target, rest) = rest.split_once('>')?;
        let (parameters, rest) = rest.split_at(rest.find('<').unwrap_or(rest.len()));
        let is_next = parameters.split([';', ',']).any(|parameter| {
            parameter.trim().split_once('=').is_some_and(|(name, value)| {
                name.trim().eq_ignore_ascii_case("rel")
                    && value.trim().trim_matches('"').eq_ignore_ascii_case("next")
            })
        });
        if is_next {
            return Some(target);
        }
        text = rest;
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderMap, HeaderValue, LINK};
    use url::Url;

    use super::{next_page, place};

    fn next(link: &'static str) -> Option<String> {
        let from = Url::parse("https://h.io/v2/a/tags/list?n=2").unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(LINK, HeaderValue::from_static(link));
        next_page(&headers, &from).unwrap().map(|url| url.to_string())
    }

    #[test]
    fn the_next_page_is_asked_at_the_same_registry() {
        let expected = Some("https://h.io/v2/a/tags/list?last=b&n=2".to_owned());
        assert_eq!(next(r#"</v2/a/tags/list?last=b&n=2>; rel="next""#), expected);
        assert_eq!(next(r#"<?last=b&n=2>; REL=next"#), expected);
        assert_eq!(next(r#"<http://inside:5000/v2/a/tags/list?last=b&n=2>; rel="next""#), expected);
        assert_eq!(
            next(r#"</v2/x>; rel="first", </v2/a/tags/list?last=b&n=2>; rel="next""#),
            expected
        );
        assert_eq!(next(r#"</v2/x>; rel="prev""#), None);
        assert_eq!(next("nonsense"), None);
    }

    #[test]
    fn a_page_is_known_by_where_it_begins() {
        let place = |text: &str| place(&Url::parse(text).unwrap());
        assert_eq!(place("https://h/v2/a?last=b&n=1"), place("https://h/v2/a?x=y&last=b"));
        assert_ne!(place("https://h/v2/a?cursor=1"), place("https://h/v2/a?cursor=2"));
    }
}
