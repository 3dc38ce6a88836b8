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
        match parameter(query, "repository") {
            None => self.show_repositories(last.as_deref()).await,
            Some(name) => {
                let name = name.parse::<Repository>();
                let name =
                    name.map_err(|error| Refusal::bad(Code::NameInvalid, error.to_string()))?;
                self.show_tags(&name, last.as_deref()).await
            }
        }
    }

    async fn show_repositories(&self, last: Option<&str>) -> Result<Response, Refusal> {
        let fault = |error| Refusal::fault("list the repositories", &error);
        let all = self.folder.repositories().await.map_err(fault)?;
        let count = all.len();
        let mut behind =
            all.into_iter().filter(|name| last.is_none_or(|last| name.as_str() > last)).peekable();
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
        let next = next.map(|last| format!("/?last={}", query_value(last.as_str())));
        let heading = format!("{count} {}", if count == 1 { "repository" } else { "repositories" });
        let head = "<th scope=\"col\">Repository</th><th scope=\"col\" class=\"number\">Tags</th>";
        Ok(page(&heading, "", head, &rows, next.as_deref()))
    }

    async fn show_tags(&self, name: &Repository, last: Option<&str>) -> Result<Response, Refusal> {
        let fault = |error| Refusal::fault("read the repository", &error);
        let tags = self.folder.look_up(name, |contents| {
            let tagged = |tag: &Tag| Some((tag.clone(), contents.tagged(tag)?.clone()));
            let tags = contents.tags_after(last).filter_map(tagged);
            tags.take(ROWS + 1).collect::<Vec<_>>()
        });
        let mut tags = tags.await.map_err(fault)?.ok_or_else(|| Refusal::no_repository(name))?;
        let has_more = tags.len() > ROWS;
        tags.truncate(ROWS);
        let next = tags.last().filter(|_| has_more);
        let next = next.map(|(last, _)| {
            let (name, last) = (query_value(name.as_str()), query_value(last.as_str()));
            format!("/?repository={name}&amp;last={last}")
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
        Ok(page(name.as_str(), back, head, &rows, next.as_deref()))
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

/// A page with one table.
fn page(heading: &str, above: &str, head: &str, rows: &str, next: Option<&str>) -> Response {
    let heading = escape(heading);
    let next =
        next.map_or_else(String::new, |next| format!("<p><a href=\"{next}\">Next page</a></p>"));
    let text = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>{heading} · longshore</title><style>{STYLE}</style></head><body>\
         <main>{above}<h1>{heading}</h1><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>\
         {next}</main></body></html>\n"
    );
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        // Names and media types are what clients pushed: they are escaped, and could not run either.
        (
            CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(
                "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
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
    use super::{escape, human};

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
