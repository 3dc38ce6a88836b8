//! The expansion of entries, for given registry lists.

use std::collections::HashMap;

use super::Expansion;
use crate::job::Status;
use crate::list::{Entry, Filter, Selection};
use crate::plan::SourceOverride;
use longshore_oci::StoreName;
use longshore_store::{Fault, Operation, StoreError};

fn entry(source: &str, destination: Option<&str>, select: Selection) -> Entry {
    Entry {
        source: source.to_owned(),
        repositories: None,
        select,
        destination: destination.map(str::to_owned),
        destination_tag: None,
        platforms: vec!["linux/arm64".to_owned()],
        line: 7,
        attributes: Vec::new(),
    }
}

fn filter(allow: &[&str]) -> Filter {
    let allow = allow.iter().map(|&text| text.to_owned()).collect();
    Filter { allow, deny: Vec::new(), versions: None, latest: None }
}

fn names(names: &[&str]) -> Result<Vec<String>, StoreError> {
    Ok(names.iter().map(|&name| name.to_owned()).collect())
}

/// `SOURCE DESTINATION TAG` of each entry.
fn shown(entries: &[Entry]) -> Vec<String> {
    let shown = |entry: &Entry| {
        let tag = match &entry.select {
            Selection::ByTag(tag) => tag.as_str(),
            _ => "*",
        };
        assert_eq!((entry.line, entry.platforms.len()), (7, 1), "the rest is kept");
        format!("{} {} {tag}", entry.source, entry.destination.as_deref().unwrap_or("-"))
    };
    entries.iter().map(shown).collect()
}

fn expand_tags(
    source: Option<&str>,
    entry: Entry,
    from: (&str, &str),
    tags: Result<Vec<String>, StoreError>,
) -> (Vec<String>, Expansion) {
    let mut expansion = Expansion::default();
    let from = (from.0.parse().unwrap(), from.1.parse().unwrap());
    let store: Option<StoreName> = source.map(|source| source.parse().unwrap());
    let source = SourceOverride { store, project: None };
    let entries = expansion.tags(entry, &source, &HashMap::from([(from, tags)]));
    (shown(&entries), expansion)
}

#[test]
fn an_entry_becomes_one_for_each_tag() {
    let all = entry("alpine", Some("d.io/x"), Selection::All);
    let (entries, expansion) =
        expand_tags(None, all, ("docker.io", "library/alpine"), names(&["3", "edge"]));
    assert_eq!(entries, ["alpine d.io/x 3", "alpine d.io/x edge"]);
    let picked = &expansion.picked[0];
    assert_eq!((picked.count, picked.names.len(), &*picked.from), (2, 2, "alpine"));
    assert_eq!(picked.names[0], ("3".to_owned(), "every tag is".to_owned()));

    let some = entry("a.io/b/c", None, Selection::Matching(filter(&["^v"])));
    let (entries, expansion) =
        expand_tags(Some("s.io"), some, ("s.io", "b/c"), names(&["1", "v1"]));
    assert_eq!(entries, ["a.io/b/c - v1"], "as it stood before -s");
    assert_eq!(expansion.picked[0].names[0].1, "matches `^v`");
}

#[test]
fn nothing_selected_is_skipped_and_a_refusal_fails() {
    let none = || entry("a.io/b", None, Selection::Matching(filter(&["^v"])));
    let (entries, expansion) = expand_tags(None, none(), ("a.io", "b"), names(&["1", "2"]));
    assert_eq!(entries, ["a.io/b - *"], "it keeps its place");
    let ended = &expansion.unselected[0].outcome;
    assert_eq!(ended.status, Status::Skipped);
    assert_eq!(ended.reason.as_deref(), Some("none of 2 tags of a.io/b is selected"));

    let operation = Operation::new("list the tags of", "a.io/b");
    let refused = StoreError::new(operation, Fault::Other, "it is no JSON of the expected shape");
    let (_, expansion) = expand_tags(None, none(), ("a.io", "b"), Err(refused));
    let ended = &expansion.unselected[0].outcome;
    assert_eq!(ended.status, Status::Failed);
    assert!(ended.error.as_deref().unwrap().starts_with("list the tags of a.io/b: "));

    let broken = entry("a.io/b", None, Selection::Matching(filter(&["("])));
    let (_, expansion) = expand_tags(None, broken, ("a.io", "b"), names(&["1"]));
    assert!(expansion.unselected[0].outcome.hint.as_deref().unwrap().contains("RE2"));
    let broken = entry("a.io/UPPER", None, Selection::All);
    let (_, expansion) = expand_tags(None, broken, ("a.io", "b"), names(&["1"]));
    assert!(expansion.unselected[0].outcome.error.as_deref().unwrap().starts_with("source: "));
}

#[test]
fn repositories_keep_what_their_path_has_behind_the_source() {
    let catalogue = names(&["team/app", "team/deep/tool", "teams/other", "team", "alone"]);
    let expand = |source: &str, destination: Option<&str>, allow: &[&str]| {
        let mut expansion = Expansion::default();
        let entry = Entry {
            repositories: Some(filter(allow)),
            ..entry(source, destination, Selection::All)
        };
        let catalogues = HashMap::from([("a.io:5000".parse().unwrap(), catalogue.clone())]);
        let entries =
            shown(&expansion.repositories(entry, &SourceOverride::default(), &catalogues));
        (entries, expansion)
    };
    let (entries, expansion) = expand("a.io:5000", Some("b.io"), &["^team/.*$"]);
    assert_eq!(
        entries,
        ["a.io:5000/team/app b.io/team/app *", "a.io:5000/team/deep/tool b.io/team/deep/tool *"]
    );
    assert_eq!((expansion.picked[0].count, expansion.picked[0].names.len()), (5, 2));
    let (entries, expansion) = expand("a.io:5000/team/", Some("b.io/x"), &[]);
    assert_eq!(
        entries,
        [
            "a.io:5000/team/app b.io/x/app *",
            "a.io:5000/team/deep/tool b.io/x/deep/tool *",
            "a.io:5000/team b.io/x *",
        ]
    );
    assert_eq!(expansion.picked[0].count, 3);
    assert_eq!(expand("a.io:5000/team", None, &["app"]).0, ["a.io:5000/team/app - *"]);
    let (entries, expansion) = expand("a.io:5000/none", None, &[]);
    assert_eq!(entries, ["a.io:5000/none - *"]);
    assert_eq!(
        expansion.unselected[0].outcome.reason.as_deref(),
        Some("there are no repositories at a.io:5000/none")
    );
}

#[test]
fn names_that_cannot_be_tags_are_left_out() {
    let all = || entry("a.io/b", None, Selection::All);
    let digest = format!("sha256:{}", "0".repeat(64));
    let long = "x".repeat(129);
    let odd = names(&["", &digest, "-1", "a/b", "a b", &long, "ü", "1.0", "latest"]);
    let (entries, expansion) = expand_tags(None, all(), ("a.io", "b"), odd);
    assert_eq!(entries, ["a.io/b - 1.0", "a.io/b - latest"]);
    assert_eq!(expansion.picked[0].count, 2);
    let (_, expansion) = expand_tags(None, all(), ("a.io", "b"), names(&["", "."]));
    let ended = &expansion.unselected[0].outcome;
    assert_eq!(ended.reason.as_deref(), Some("a.io/b has no tags"));
}
