//! Lists of tags and repositories (distribution-spec, "Listing Tags"; distribution's `_catalog`).

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use longshore_store::{Key, Keys};
use reqwest::Method;
use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::value::RawValue;
use url::Url;

use crate::auth::token::{RepositoryScope, TokenScope};
use crate::error::{CATALOG, Failed as _};
use crate::limits::window::Class;
use crate::listing::pages::Page;
use crate::request::Call;
use crate::{Cause, Client, RegistryError};
use longshore_oci::Repository;
use longshore_store::Operation;

/// Names per page: the most that registries commonly allow.
const PAGE: usize = 1000;
/// The most names in a list; a longer one is endless or a mistake.
const NAMES: usize = 1_000_000;
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
        self.names(operation, &format!("{repository}/tags/list"), scope.into(), "tags").await
    }

    /// Lists all repositories of the registry, unparsed, in its order and without duplicates.
    ///
    /// # Errors
    /// A refusal (public registries refuse), no answer, or pages that cannot be read or do not end.
    pub(crate) async fn list_repositories(&self) -> Result<Vec<String>, RegistryError> {
        let operation = Operation::new(CATALOG, &self.registry);
        self.names(operation, "_catalog", TokenScope::Catalog, "repositories").await
    }

    /// Lists the names under `key` of all pages.
    async fn names(
        &self,
        operation: Operation,
        path: &str,
        scope: TokenScope,
        key: &'static str,
    ) -> Result<Vec<String>, RegistryError> {
        let url = self.url(path).await;
        let mut url = url.map_err(|cause| operation.clone().failed(cause))?;
        url.query_pairs_mut().append_pair("n", &PAGE.to_string());
        let call = Call::new(operation.clone(), Method::GET, url, scope, Class::Lookup);
        let mut names = Names::new(key);
        self.each_page(call, |page| names.take(&page)).await?;
        if names.others > 0 {
            let others = names.others;
            tracing::warn!("{operation}: names that are not text are left out ({others})");
        }
        Ok(names.found)
    }
}

/// The names of all pages until now.
struct Names {
    /// The field that holds them.
    key: &'static str,
    most: usize,
    found: Vec<String>,
    keys: Keys,
    /// The keys of the names that were found.
    known: HashSet<Key>,
    /// How many entries are not text. Some registries list such as `null`.
    others: usize,
    /// The number of entries in the current page.
    count: usize,
    /// The last name of the current page.
    last: Option<String>,
}

impl Names {
    fn new(key: &'static str) -> Self {
        Self {
            key,
            most: NAMES,
            found: Vec::new(),
            keys: Keys::default(),
            known: HashSet::new(),
            others: 0,
            count: 0,
            last: None,
        }
    }

    /// Adds the names of a page, and returns the next page's URL.
    ///
    /// The next page is the one that a link names. Some registries cut pages without a link, so a full
    /// page is followed by a request after its last name.
    fn take(&mut self, page: &Page) -> Result<Option<Url>, Cause> {
        let before = self.found.len();
        (self.count, self.last) = (0, None);
        // A name with bytes that are not UTF-8 is not valid, and must not hide the others.
        let body = String::from_utf8_lossy(&page.body);
        let mut json = serde_json::Deserializer::from_str(&body);
        let read = json.deserialize_map(&mut *self).and_then(|()| json.end());
        if self.found.len() > self.most {
            return Err(Cause::List("it has more than a million names"));
        }
        read.map_err(|_| Cause::List("it is not JSON of the expected form"))?;
        Ok(match (&page.next, &self.last) {
            (Some(next), _) => Some(next.clone()),
            // A registry that ignores `last` returned the same page again.
            (None, Some(last)) if self.count == PAGE && self.found.len() > before => {
                Some(behind(&page.url, last))
            }
            (None, _) => None,
        })
    }

    fn add(&mut self, name: &str) {
        if self.known.insert(self.keys.of(name)) {
            self.found.push(name.to_owned());
        }
        if self.count + 1 == PAGE {
            self.last = Some(name.to_owned());
        }
    }
}

/// Reads a page; registries write `null` for an empty list. No list but that of new names is kept in
/// memory, as an entry may be a small part of the page.
impl<'de> Visitor<'de> for &mut Names {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with {}", self.key)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            if key == self.key {
                map.next_value_seed(List(&mut *self))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

/// Reads the list of a page.
struct List<'a>(&'a mut Names);

impl<'de> DeserializeSeed<'de> for List<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for List<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of names or null")
    }

    fn visit_none<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(entry) = list.next_element::<&'de RawValue>()? {
            match text(entry.get()) {
                Some(name) => self.0.add(&name),
                None => self.0.others += 1,
            }
            self.0.count += 1;
            if self.0.found.len() > self.0.most {
                return Err(A::Error::custom("too many names"));
            }
        }
        Ok(())
    }
}

/// Reads an entry of the list; `None` if it is not a text, or one with half a character (`\ud800`).
fn text(json: &str) -> Option<Cow<'_, str>> {
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    match inner.contains('\\') {
        true => serde_json::from_str(json).ok().map(Cow::Owned),
        false => Some(Cow::Borrowed(inner)),
    }
}

fn behind(url: &Url, last: &str) -> Url {
    let mut next = url.clone();
    let count = PAGE.to_string();
    next.query_pairs_mut().clear().extend_pairs([("n", count.as_str()), ("last", last)]);
    next
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use url::Url;

    use super::{Names, PAGE};
    use crate::listing::pages::Page;

    /// Takes a page with this body, which links to nothing, and returns the query of the next one.
    fn take(names: &mut Names, body: &str) -> Option<String> {
        names.take(&page(body)).unwrap().map(|next| next.query().unwrap().to_owned())
    }

    fn page(body: &str) -> Page {
        let url = Url::parse("https://h/v2/a/tags/list?n=1000").unwrap();
        Page { url, body: Bytes::copy_from_slice(body.as_bytes()), next: None }
    }

    fn tags(numbers: impl IntoIterator<Item = usize>) -> String {
        let names: Vec<String> =
            numbers.into_iter().map(|number| format!("\"t{number}\"")).collect();
        format!(r#"{{"name":"a","tags":[{}]}}"#, names.join(","))
    }

    fn full(from: usize) -> String {
        tags(from..from + PAGE)
    }

    #[test]
    fn a_full_page_without_a_link_is_followed_until_nothing_is_new() {
        let mut names = Names::new("tags");
        assert_eq!(take(&mut names, &full(0)).as_deref(), Some("n=1000&last=t999"));
        assert_eq!(take(&mut names, &full(0)), None, "`last` is not known there");
        assert_eq!(names.found.len(), PAGE);
        assert_eq!(take(&mut names, &full(1)).as_deref(), Some("n=1000&last=t1000"));
        assert_eq!(names.found.len(), PAGE + 1);
        let more = tags((0..PAGE).chain(5000..5000 + PAGE));
        assert_eq!(take(&mut Names::new("tags"), &more), None, "it does not cut pages");
    }

    #[test]
    fn a_link_decides_over_a_full_page() {
        let next = Url::parse("https://h/v2/a/tags/list?last=x").unwrap();
        for body in [full(0), tags([]), tags([1])] {
            let page = Page { next: Some(next.clone()), ..page(&body) };
            assert_eq!(Names::new("tags").take(&page).unwrap(), Some(next.clone()));
        }
    }

    #[test]
    fn what_is_not_text_is_left_out() {
        for (body, found, others) in [
            (r#"{"tags":["a",null,"b"]}"#, 2, 1),
            (r#"{"tags":[1,-1,1.5,true,[["a"]],{"b":["c"]}]}"#, 0, 6),
            (r#"{"tags":null}"#, 0, 0),
            (r#"{"x":{"tags":["a"]},"tags":["\u0061","a"],"repositories":["b"]}"#, 1, 0),
            (r#"{"name":"\ud800","tags":["a","\ud800x","b\udfff","\ud83d\ude00"]}"#, 2, 2),
            (r#"{"tags":["a",1e999,[1e999,"\ud800"]]}"#, 1, 2),
            ("{}", 0, 0),
        ] {
            let mut names = Names::new("tags");
            assert_eq!(take(&mut names, body), None, "{body}");
            assert_eq!((names.found.len(), names.others), (found, others), "{body}");
        }
        let bytes = Bytes::from_static(b"{\"tags\":[\"a\",\"b\xff\",\"\xc3\"]}");
        let mut names = Names::new("tags");
        names.take(&Page { body: bytes, ..page("") }).unwrap();
        assert_eq!(names.found, ["a", "b\u{fffd}", "\u{fffd}"], "no tag has this character");
        for body in ["", "[]", "{", r#"{"tags":["a"]}x"#, r#"{"tags":1}"#, r#"{"tags":["a"}"#] {
            assert!(Names::new("tags").take(&page(body)).is_err(), "{body}");
        }
    }

    #[test]
    fn the_number_of_names_is_bounded() {
        let most = 5000;
        let mut names = Names { most, ..Names::new("tags") };
        take(&mut names, &tags(0..most));
        assert_eq!(names.found.len(), most);
        take(&mut names, &tags(0..most));
        assert!(names.take(&page(&tags(most..2 * most))).is_err());
        assert!(names.found.len() <= most + 1, "no more is kept");
        let mut many = Names { most, ..Names::new("repositories") };
        let same = format!(r#"{{"repositories":[{}"x"]}}"#, r#""x","#.repeat(2 * most));
        assert_eq!(take(&mut many, &same), None, "many times the same name is one name");
        assert_eq!(many.found, ["x"]);
    }
}
