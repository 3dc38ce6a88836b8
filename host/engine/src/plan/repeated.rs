//! How the failed list repeats an entry: as its original line, or as a line of
//! [`STANDARD_FORMAT`] below a comment with what three columns cannot hold.
//!
//! The plugin `mirror` reads both back. Its keys are documented in docs/lists.md.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use longshore_oci::Registry;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::filter::ALL;
use crate::list::{Entry, Filter, Format, STANDARD_FORMAT, Selection};

/// The text of column 3 for tags by pattern.
const PATTERN: &str = "*";

/// The characters that a value in a comment must not hold unencoded. (Characters beyond ASCII are always
/// encoded.)
const VALUE: &AsciiSet = &CONTROLS.add(b' ').add(b'%');
/// The same for an item of a list with commas.
const ITEM: &AsciiSet = &VALUE.add(b',');
/// The same for a key before an equals sign.
const KEY: &AsciiSet = &VALUE.add(b'=');

/// Returns the line that repeats an entry of a list in `format`, and the text of the comment above it.
/// `original` is the entry's line.
pub(super) fn repeated(
    entry: &Entry,
    format: &Format,
    original: Option<Bytes>,
) -> (Bytes, Option<Arc<str>>) {
    let is_standard = format.name == STANDARD_FORMAT;
    let columns = || columns(entry).join(" ");
    let text = match original.filter(|line| format.lines && !line.is_empty()) {
        // The tags of a pattern are other entries than their line.
        Some(line) if is_standard && !says(&line, entry) => columns().into(),
        Some(line) => line,
        None => columns().into(),
    };
    let terms = if format.lines && !format.directives {
        Vec::new()
    } else {
        terms(entry, format, is_standard || !format.lines)
    };
    (text, (!terms.is_empty()).then(|| terms.join(" ").into()))
}

/// Returns whether the first three fields of a standard line are the columns of `entry`.
fn says(line: &[u8], entry: &Entry) -> bool {
    let mut fields =
        line.split(|byte| matches!(byte, b' ' | b'\t')).filter(|field| !field.is_empty());
    columns(entry).iter().all(|column| fields.next() == Some(column.as_bytes()))
}

/// Returns the columns of a standard line for an entry.
fn columns(entry: &Entry) -> [Cow<'_, str>; 3] {
    let version = match (&entry.select, &entry.destination_tag) {
        (Selection::ByTag(tag), _) if tag.is_empty() => Cow::Borrowed("latest"),
        (Selection::ByTag(tag), _) => tag_column(tag),
        (Selection::ByDigest(pinned), to) => match to.as_ref().or(pinned.tag.as_ref()) {
            Some(tag) => format!("{}@{}", tag_column(tag), pinned.digest).into(),
            None => Cow::Borrowed(&*pinned.digest),
        },
        (Selection::All | Selection::Matching(_), _) => Cow::Borrowed(PATTERN),
    };
    let destination = entry.destination.as_deref().unwrap_or_else(|| path_of(&entry.source));
    [column(&entry.source), column(destination), column_text(version)]
}

/// Returns the destination that stands for none: the source's path.
fn path_of(source: &str) -> &str {
    // A source with a scheme fails, and so would the rest of the scheme.
    let source = source.split_once("://").map_or(source, |(_, source)| source);
    match source.split_once('/') {
        Some((first, rest)) if Registry::looks_like_one(first) => {
            let next = rest.split('/').next().unwrap_or_default();
            // Without its registry, the path would start with another one. `-d` replaces both.
            if rest.is_empty() || Registry::looks_like_one(next) { source } else { rest }
        }
        _ => source,
    }
}

fn column(text: &str) -> Cow<'_, str> {
    column_text(Cow::Borrowed(text))
}

/// Encodes a text so that it stays one column and is not read as a remark. No valid reference has the
/// encoded characters, so the entry still fails as before, and nothing decodes them.
fn column_text(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.is_empty() {
        return Cow::Borrowed("%20");
    }
    let is_remark = text.starts_with('#') || text.starts_with("//");
    if !is_remark && !text.contains([' ', '\t']) {
        return text;
    }
    let encoded = text.replace(' ', "%20").replace('\t', "%09");
    match encoded.split_at_checked(1) {
        Some((first, rest)) if is_remark => {
            format!("%{:02X}{rest}", first.as_bytes().first().copied().unwrap_or_default()).into()
        }
        _ => encoded.into(),
    }
}

/// Encodes an invalid tag so that it is not read as a pattern or a digest.
fn tag_column(tag: &str) -> Cow<'_, str> {
    if tag.contains(['*', ':', '@']) {
        tag.replace('*', "%2A").replace(':', "%3A").replace('@', "%40").into()
    } else {
        Cow::Borrowed(tag)
    }
}

/// Returns the terms of the comment above the line: what the columns do not say. `all` adds those that only
/// the standard format knows.
fn terms(entry: &Entry, format: &Format, all: bool) -> Vec<String> {
    let mut terms = Vec::new();
    match entry.platforms.as_slice() {
        // The repeated command, or the standard format of the prompt, has this filter too.
        [] if format.lines || (format.default_arch.is_some() && format.default_os.is_some()) => {}
        // The default filter of the standard format must not apply to an entry of another format.
        [] => terms.push(format!("platforms={ALL}")),
        platforms => {
            let platforms: Vec<String> = platforms.iter().map(|item| value(item, ITEM)).collect();
            terms.push(format!("platforms={}", platforms.join(",")));
        }
    }
    let renamed = match &entry.select {
        Selection::ByTag(tag) => entry.destination_tag.as_ref().filter(|to| *to != tag),
        // In three columns a digest has the destination's tag before it.
        _ => entry.destination_tag.as_ref().filter(|_| format.lines),
    };
    terms.extend(renamed.map(|to| format!("destination-tag={}", value(to, VALUE))));
    if !all {
        return terms;
    }
    if let Some(filter) = &entry.repositories {
        if filter.allow.is_empty() {
            terms.push(format!("repositories={PATTERN}"));
        }
        push_patterns(&mut terms, "repositories", filter);
    }
    if let Selection::Matching(filter) = &entry.select {
        push_patterns(&mut terms, "tags", filter);
        terms.extend(
            filter.versions.iter().map(|range| format!("versions={}", value(range, VALUE))),
        );
        terms.extend(filter.latest.map(|count| format!("latest={count}")));
    }
    let attributes = entry.attributes.iter();
    terms.extend(attributes.map(|attribute| {
        let key = utf8_percent_encode(&attribute.key, KEY);
        format!("attribute={key}={}", utf8_percent_encode(&attribute.value, VALUE))
    }));
    terms
}

fn push_patterns(terms: &mut Vec<String>, key: &str, filter: &Filter) {
    for (key, patterns) in [(key.to_owned(), &filter.allow), (format!("not-{key}"), &filter.deny)] {
        for pattern in patterns {
            // An empty expression matches every name, as this one does.
            let pattern = if pattern.is_empty() { "(?:)" } else { pattern };
            terms.push(format!("{key}={}", value(pattern, VALUE)));
        }
    }
}

/// Encodes a value of a comment. An empty one becomes a blank, which is as invalid and is not left out.
fn value(text: &str, set: &'static AsciiSet) -> String {
    if text.is_empty() { "%20".to_owned() } else { utf8_percent_encode(text, set).to_string() }
}

/// Encodes what a comment of a list must not bring into a failed list: control characters and the like.
/// Reading the comment decodes it.
pub(super) fn plain_terms(terms: &str) -> String {
    let keep = |character: char| character.is_ascii() && !character.is_ascii_control();
    if terms.chars().all(keep) {
        terms.to_owned()
    } else {
        utf8_percent_encode(terms, CONTROLS).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::repeated;
    use crate::list::{Attribute, Entry, Filter, Format, Pinned, Selection};

    fn entry(source: &str, select: Selection) -> Entry {
        Entry {
            source: source.to_owned(),
            repositories: None,
            select,
            destination: Some("d/x".to_owned()),
            destination_tag: None,
            platforms: vec!["linux/arm64".to_owned()],
            line: 1,
            attributes: Vec::new(),
        }
    }

    fn tag(tag: &str) -> Selection {
        Selection::ByTag(tag.to_owned())
    }

    fn shown(entry: &Entry, format: &Format, original: Option<&'static str>) -> String {
        let (text, terms) = repeated(entry, format, original.map(|line| line.as_bytes().into()));
        let text = std::str::from_utf8(&text).unwrap();
        format!("{} | {text}", terms.as_deref().unwrap_or("-"))
    }

    fn standard() -> Format {
        let name = "mirror".to_owned();
        Format { name, lines: true, directives: true, ..Format::default() }
    }

    #[test]
    fn patterns_keep_all_that_they_select() {
        let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        let filter = Filter {
            allow: texts(&[r"^v1\.\d+$", "a b%"]),
            deny: texts(&["-rc ü"]),
            versions: Some(">=1.2 <2 || ^3".to_owned()),
            latest: Some(3),
        };
        let yaml = Format::default();
        assert_eq!(
            shown(&entry("a.io/x", Selection::Matching(filter)), &yaml, None),
            r"platforms=linux/arm64 tags=^v1\.\d+$ tags=a%20b%25 not-tags=-rc%20%C3%BC versions=>=1.2%20<2%20||%20^3 latest=3 | a.io/x d/x *"
        );
        let all = entry("a.io/x", Selection::All);
        assert_eq!(shown(&all, &yaml, None), "platforms=linux/arm64 | a.io/x d/x *");
        let none = Filter { allow: vec![], deny: vec![], versions: None, latest: None };
        let prefix = Entry { repositories: Some(none.clone()), platforms: vec![], ..all };
        assert_eq!(shown(&prefix, &yaml, None), "platforms=all repositories=* | a.io/x d/x *");
        let some = Filter { allow: texts(&["^x", ""]), deny: texts(&["y"]), ..none };
        let prefix = Entry { repositories: Some(some), select: tag("1"), ..prefix };
        assert_eq!(
            shown(&prefix, &yaml, None),
            "platforms=all repositories=^x repositories=(?:) not-repositories=y | a.io/x d/x 1"
        );
    }

    #[test]
    fn attributes_are_kept_for_rewrites() {
        let attribute =
            |key: &str, value: &str| Attribute { key: key.to_owned(), value: value.to_owned() };
        let attributes = vec![attribute("team/a=b", "x y\n=1"), attribute("k", "")];
        let entry = Entry { attributes, ..entry("a", tag("1")) };
        let terms = "platforms=linux/arm64 attribute=team/a%3Db=x%20y%0A=1 attribute=k=";
        assert_eq!(shown(&entry, &Format::default(), None), format!("{terms} | a d/x 1"));
        assert_eq!(
            shown(&entry, &standard(), Some("a d/x 1 # r")),
            format!("{terms} | a d/x 1 # r")
        );
    }

    #[test]
    fn a_line_stays_unless_it_has_become_another_entry() {
        let of_default = Format { lines: true, ..Format::default() };
        let all = entry("a", Selection::All);
        assert_eq!(shown(&all, &of_default, Some("docker pull -a a")), "- | docker pull -a a");
        let line = Some("a \t d/x  *  # every tag");
        let kept = "platforms=linux/arm64 | a \t d/x  *  # every tag";
        assert_eq!(shown(&all, &standard(), line), kept);
        let picked = entry("a", tag("1"));
        assert_eq!(shown(&picked, &standard(), line), "platforms=linux/arm64 | a d/x 1");
    }

    #[test]
    fn an_entry_without_a_destination_keeps_its_path() {
        let to = |source: &str| {
            let entry = Entry { destination: None, ..entry(source, tag("")) };
            shown(&entry, &Format::default(), None).split_once("| ").unwrap().1.to_owned()
        };
        assert_eq!(to("a.io/team/x"), "a.io/team/x team/x latest");
        assert_eq!(to("mysql"), "mysql mysql latest");
        assert_eq!(to("http://a.io:5/team/x"), "http://a.io:5/team/x team/x latest");
        assert_eq!(to("docker://team/x"), "docker://team/x team/x latest");
        assert_eq!(to("https://a.io"), "https://a.io a.io latest");
        assert_eq!(to("a.io/b.io/x"), "a.io/b.io/x a.io/b.io/x latest", "b.io is no registry");
        assert_eq!((&*to("a.io"), &*to("a.io/")), ("a.io a.io latest", "a.io/ a.io/ latest"));
    }

    #[test]
    fn no_text_of_an_entry_becomes_another_column_option_or_comment() {
        let yaml = Format::default();
        for (odd, line) in [
            (entry("#a", tag("1")), "%23a d/x 1"),
            (entry("//a b", tag("#1")), "%2F/a%20b d/x %231"),
            (entry("a", tag("*")), "a d/x %2A"),
            (entry("a", tag("sha256:00")), "a d/x sha256%3A00"),
            (entry("", tag("1 2")), "%20 d/x 1%202"),
        ] {
            assert_eq!(shown(&odd, &yaml, None), format!("platforms=linux/arm64 | {line}"));
        }
        let odd = Entry {
            platforms: vec!["linux/amd64,linux/arm64".to_owned(), "a platforms=all".to_owned()],
            destination_tag: Some("x y=1".to_owned()),
            ..entry("a", tag("1"))
        };
        assert_eq!(
            shown(&odd, &yaml, None),
            "platforms=linux/amd64%2Clinux/arm64,a%20platforms=all destination-tag=x%20y=1 | a d/x 1"
        );
        let pinned = Pinned { digest: "sha256:00".to_owned(), tag: Some("a@b".to_owned()) };
        let odd = entry("a", Selection::ByDigest(pinned));
        assert_eq!(shown(&odd, &yaml, None), "platforms=linux/arm64 | a d/x a%40b@sha256:00");
        let odd = Entry { destination_tag: Some(String::new()), ..entry("a", tag("1")) };
        assert!(shown(&odd, &yaml, None).contains("destination-tag=%20 |"));
    }
}
