//! Pages of lists.

use axum::http::header::LINK;
use axum::http::{HeaderName, HeaderValue};

use super::response::{Code, Refusal, text};
use super::route::parameter;

/// The part of a list that was asked for.
#[derive(Debug)]
pub(super) struct Page {
    /// The most entries; `None` is all.
    count: Option<usize>,
    /// Only entries after this one.
    pub(super) last: Option<String>,
}

impl Page {
    /// Reads `n` and `last`.
    pub(super) fn of_query(query: Option<&str>) -> Result<Self, Refusal> {
        let count = parameter(query, "n").map(|count| count.parse::<usize>());
        let count = count.transpose().map_err(|_| {
            let message = "the parameter \"n\" is not a number of entries";
            Refusal::bad(Code::PaginationNumberInvalid, message)
        })?;
        Ok(Self { count, last: parameter(query, "last").filter(|last| !last.is_empty()) })
    }

    /// Takes the page from `behind`, the entries after `last`, and says where the next page is (RFC 8288).
    pub(super) fn cut(
        &self,
        path: &str,
        behind: impl Iterator<Item = String>,
    ) -> (Vec<String>, Option<(HeaderName, HeaderValue)>) {
        let Some(count) = self.count else {
            return (behind.collect(), None);
        };
        let mut behind = behind.peekable();
        let names: Vec<String> = behind.by_ref().take(count).collect();
        // No entries were asked for: there is nothing that a next page could follow.
        let last = names.last().filter(|_| behind.peek().is_some());
        let link = last.map(|last| {
            let last: String = url::form_urlencoded::byte_serialize(last.as_bytes()).collect();
            let link = format!("<{path}?n={count}&last={last}>; rel=\"next\"");
            (LINK, text(link))
        });
        (names, link)
    }
}

#[cfg(test)]
mod tests {
    use super::Page;

    fn cut(query: &str) -> (Vec<String>, Option<String>) {
        let page = Page::of_query(Some(query)).unwrap();
        let (names, link) = page.cut("/v2/x", ["a/1", "b", "c"].map(str::to_owned).into_iter());
        (names, link.map(|(_, link)| link.to_str().unwrap().to_owned()))
    }

    #[test]
    fn a_link_leads_to_the_next_page_only_where_there_is_one() {
        assert_eq!(cut("").0.len(), 3);
        assert_eq!(cut("n=0"), (Vec::new(), None));
        assert_eq!(cut("n=3").1, None);
        let (names, link) = cut("n=1");
        assert_eq!(names, ["a/1"]);
        assert_eq!(link.unwrap(), "</v2/x?n=1&last=a%2F1>; rel=\"next\"");
        assert!(Page::of_query(Some("n=-1")).is_err());
    }
}
