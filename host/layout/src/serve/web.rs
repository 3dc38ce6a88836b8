//! Pages for people: what the registry holds, at `/`.
//!
//! They have no scripts and fetch nothing from elsewhere.

use std::collections::HashSet;
use std::fmt::Write as _;

use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use longshore_oci::{
    Content, Descriptor, Digest, LARGEST_MANIFEST, Manifest, Platform, Repository, Tag,
};

use super::response::{Code, Refusal, response};
use super::route::parameter;
use super::server::Server;

/// The rows of a page. The manifests of this many tags are read for each page.
const ROWS: usize = 100;
/// The most words that names are searched for.
const WORDS: usize = 16;
/// Platforms of a tag that are shown, and manifests of an index that are read.
const CHILDREN: usize = 64;

const STYLE: &str = "\
:root{color-scheme:light dark;font-family:system-ui,sans-serif;line-height:1.4}\
body{margin:2rem auto;max-width:70rem;padding:0 1rem}\
table{border-collapse:collapse;width:100%}\
th,td{text-align:left;padding:.4rem .8rem .4rem 0;border-bottom:1px solid color-mix(in srgb,currentColor 20%,transparent);vertical-align:top}\
td.number,th.number{text-align:right;white-space:nowrap}\
code{overflow-wrap:anywhere}";

/// A tag as its row shows it.
struct TagRow {
    tag: Tag,
    digest: Digest,
    media_type: String,
    platforms: Vec<String>,
    /// Size of all manifests and blobs, in bytes; what several share counts once.
    size: u64,
    /// True if an index has more manifests than were read.
    is_part: bool,
}

impl Server {
    /// `GET /`: the repositories, or the tags of the one in the query.
    pub(super) async fn show(&self, query: Option<&str>) -> Result<Response, Refusal> {
        let last = parameter(query, "last").filter(|last| !last.is_empty());
        let find = Find::of(parameter(query, "find").as_deref().unwrap_or_default());
        match parameter(query, "repository") {
            None => self.show_repositories(&find, last.as_deref()).await,
            Some(name) => {
                let name = name.parse::<Repository>();
                let name =
                    name.map_err(|error| Refusal::bad(Code::NameInvalid, error.to_string()))?;
                self.show_tags(&name, &find, last.as_deref()).await
            }
        }
    }

    async fn show_repositories(
        &self,
        find: &Find,
        last: Option<&str>,
    ) -> Result<Response, Refusal> {
        let fault = |error| Refusal::fault("list the repositories", &error);
        let all = self.folder.repositories().await.map_err(fault)?;
        let count = all.len();
        let found: Vec<Repository> =
            all.into_iter().filter(|name| find.finds(name.as_str())).collect();
        let heading = find.counted(found.len(), count);
        let mut behind = found
            .into_iter()
            .filter(|name| last.is_none_or(|last| name.as_str() > last))
            .peekable();
        let shown: Vec<Repository> = behind.by_ref().take(ROWS).collect();
        let mut rows = String::new();
        for name in &shown {
            let tags = self.folder.look_up(name, |contents| contents.tags_after(None).count());
            let tags = match tags.await {
                Ok(tags) => tags.unwrap_or(0).to_string(),
                // The others can be shown.
                Err(error) => {
                    tracing::warn!("failed to read the repository {name}: {error}");
                    escape(&format!("cannot be read: {error}"))
                }
            };
            let (link, name) = (query_value(name.as_str()), escape(name.as_str()));
            _ = write!(
                rows,
                "<tr><td><a href=\"/?repository={link}\">{name}</a></td><td class=\"number\">{tags}</td></tr>"
            );
        }
        let next = shown.last().filter(|_| behind.peek().is_some());
        let next =
            next.map(|last| format!("/?last={}{}", query_value(last.as_str()), find.in_query()));
        let head = "<th scope=\"col\">Repository</th><th scope=\"col\" class=\"number\">Tags</th>";
        Ok(page(&heading, "", &find.form(None), head, &rows, next.as_deref()))
    }

    async fn show_tags(
        &self,
        name: &Repository,
        find: &Find,
        last: Option<&str>,
    ) -> Result<Response, Refusal> {
        let fault = |error| Refusal::fault("read the repository", &error);
        let tags = self.folder.look_up(name, |contents| {
            let tagged = |tag: &Tag| Some((tag.clone(), contents.tagged(tag)?.clone()));
            let tags = contents.tags_after(last).filter(|tag| find.finds(tag.as_str()));
            let tags = tags.filter_map(tagged);
            tags.take(ROWS + 1).collect::<Vec<_>>()
        });
        let mut tags = tags.await.map_err(fault)?.ok_or_else(|| Refusal::no_repository(name))?;
        let has_more = tags.len() > ROWS;
        tags.truncate(ROWS);
        let next = tags.last().filter(|_| has_more);
        let next = next.map(|(last, _)| {
            let (name, last) = (query_value(name.as_str()), query_value(last.as_str()));
            format!("/?repository={name}&amp;last={last}{}", find.in_query())
        });
        let mut rows = String::new();
        for (tag, known) in tags {
            let media_type = known.media_type.to_string();
            let (platforms, digest) = (Vec::new(), known.digest);
            let row = TagRow { tag, digest, media_type, platforms, size: 0, is_part: false };
            let row = self.measured(name, row).await.map_err(fault)?;
            let platforms = row.platforms.join(", ");
            _ = write!(
                rows,
                "<tr><td>{}</td><td>{}</td><td class=\"number\">{}{}</td><td><code>{}</code><br>{}</td></tr>",
                escape(row.tag.as_str()),
                escape(&platforms),
                if row.is_part { "over " } else { "" },
                human(row.size),
                row.digest,
                escape(&row.media_type)
            );
        }
        let head = "<th scope=\"col\">Tag</th><th scope=\"col\">Platforms</th>\
            <th scope=\"col\" class=\"number\">Size</th><th scope=\"col\">Digest and media type</th>";
        let back = "<p><a href=\"/\">All repositories</a></p>";
        let form = find.form(Some(name));
        Ok(page(name.as_str(), back, &form, head, &rows, next.as_deref()))
    }

    /// Reads the sizes and platforms of a tag. What cannot be read counts as nothing.
    async fn measured(&self, name: &Repository, mut row: TagRow) -> std::io::Result<TagRow> {
        let Some(manifest) = self.manifest_of(name, &row.digest).await? else { return Ok(row) };
        let mut seen = HashSet::new();
        row.size = manifest.raw.bytes.len() as u64;
        match &manifest.content {
            Content::Single(single) => {
                row.size = row.size.saturating_add(added(single.blobs(), &mut seen));
                if let Some(config) = single.config.as_ref().filter(|_| manifest.is_image()) {
                    let bytes =
                        self.folder.manifest_bytes(name, &config.digest).await.ok().flatten();
                    let platform = bytes.as_deref().and_then(Platform::of_configuration);
                    row.platforms.extend(platform.map(|platform| platform.to_string()));
                }
            }
            Content::Index(index) => {
                row.is_part = index.manifests.len() > CHILDREN;
                for child in index.manifests.iter().take(CHILDREN) {
                    row.size = row.size.saturating_add(added(vec![child], &mut seen));
                    let is_known = |platform: &&Platform| !platform.is_unknown();
                    let platform = child.platform.as_ref().filter(is_known);
                    row.platforms.extend(platform.map(ToString::to_string));
                    if child.may_be_manifest()
                        && let Some(child) = self.manifest_of(name, &child.digest).await?
                        && let Content::Single(single) = &child.content
                    {
                        row.size = row.size.saturating_add(added(single.blobs(), &mut seen));
                    }
                }
            }
        }
        Ok(row)
    }

    async fn manifest_of(
        &self,
        name: &Repository,
        digest: &Digest,
    ) -> std::io::Result<Option<Manifest>> {
        let _room = self.room_for_text(LARGEST_MANIFEST).await;
        let bytes = self.folder.manifest_bytes(name, digest).await?;
        Ok(bytes.and_then(|bytes| Manifest::parse(bytes, None, digest.clone()).ok()))
    }
}

/// Returns the size of the content that is not among `seen` yet, and adds it.
fn added(content: Vec<&Descriptor>, seen: &mut HashSet<Digest>) -> u64 {
    let new = content.into_iter().filter(|content| seen.insert(content.digest.clone()));
    new.map(|content| content.size).fold(0, u64::saturating_add)
}

/// The words that names must have to be shown.
struct Find {
    text: String,
    words: Vec<String>,
}

impl Find {
    fn of(text: &str) -> Self {
        // A form writes blanks so, and no name has a plus.
        let text = text.replace('+', " ").trim().to_owned();
        let words = text.split_whitespace().take(WORDS).map(str::to_lowercase).collect();
        Self { text, words }
    }

    /// Whether `name` has all words, in any case.
    fn finds(&self, name: &str) -> bool {
        let name = name.to_lowercase();
        self.words.iter().all(|word| name.contains(word.as_str()))
    }

    /// Says how many repositories were found.
    fn counted(&self, found: usize, all: usize) -> String {
        let of = if self.words.is_empty() { String::new() } else { format!("{found} of ") };
        format!("{of}{all} {}", if all == 1 { "repository" } else { "repositories" })
    }

    /// The words in the query of a link.
    fn in_query(&self) -> String {
        match self.words.is_empty() {
            true => String::new(),
            false => format!("&amp;find={}", query_value(&self.text)),
        }
    }

    /// The form that asks for words; `repository` is the one whose tags are shown.
    fn form(&self, repository: Option<&Repository>) -> String {
        let repository = repository.map_or_else(String::new, |name| {
            let name = escape(name.as_str());
            format!("<input type=\"hidden\" name=\"repository\" value=\"{name}\">")
        });
        format!(
            "<form role=\"search\" action=\"/\">{repository}<input type=\"search\" name=\"find\" value=\"{}\" \
             aria-label=\"Words in names\"> <button>Find</button></form>",
            escape(&self.text)
        )
    }
}

/// A page with one table, and a `form` before it.
fn page(
    heading: &str,
    above: &str,
    form: &str,
    head: &str,
    rows: &str,
    next: Option<&str>,
) -> Response {
    let heading = escape(heading);
    let next =
        next.map_or_else(String::new, |next| format!("<p><a href=\"{next}\">Next page</a></p>"));
    let text = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>{heading} · longshore</title><style>{STYLE}</style></head><body>\
         <main>{above}<h1>{heading}</h1>{form}<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>\
         {next}</main></body></html>\n"
    );
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        // Names and media types are what clients pushed: they are escaped, and could not run either.
        (
            CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(
                "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'",
            ),
        ),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    response(StatusCode::OK, headers, text)
}

/// Escapes text for HTML, attributes in quotes included.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

fn query_value(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// A size for people, in decimal units as registries show it.
fn human(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut unit = 0;
    let mut whole = bytes;
    while whole >= 1_000_000 && unit + 1 < UNITS.len() {
        whole /= 1000;
        unit += 1;
    }
    format!("{}.{} {}", whole / 1000, whole % 1000 / 100, UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::{Find, escape, human};

    #[test]
    fn names_need_all_words() {
        for (text, name, expected) in [
            ("", "team/app", true),
            (" app ", "team/app", true),
            ("APP team", "team/app", true),
            ("team/a", "team/app", true),
            ("app+team", "team/app", true),
            ("app x", "team/app", false),
            ("rc", "2.0-RC.1", true),
        ] {
            assert_eq!(Find::of(text).finds(name), expected, "{text:?} in {name}");
        }
        let many = format!("{}missing", "a ".repeat(16));
        assert!(Find::of(&many).finds("a"), "the 17th word does not count");
        let words = Find::of(" a  \"<b> ");
        assert_eq!(words.counted(1, 3), "1 of 3 repositories");
        assert_eq!(words.in_query(), "&amp;find=a++%22%3Cb%3E");
        assert!(words.form(None).contains("value=\"a  &quot;&lt;b&gt;\""), "{}", words.form(None));
        assert_eq!(Find::of("").counted(1, 1), "1 repository");
        assert_eq!(Find::of("  ").in_query(), "");
    }

    #[test]
    fn sizes_have_one_digit_behind_the_point() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (1_999, "1.9 kB"),
            (999_999, "999.9 kB"),
            (1_000_000, "1.0 MB"),
            (45_678_901, "45.6 MB"),
            (2_500_000_000, "2.5 GB"),
            (u64::MAX, "18446744.0 TB"),
        ] {
            assert_eq!(human(bytes), text);
        }
    }

    #[test]
    fn text_cannot_become_markup() {
        assert_eq!(escape("<a href=\"x\">'&"), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;");
    }
}
