//! The expansion of entries, for given registry lists.

use std::sync::Mutex;

use super::{BYTES, Expansion, Lists, MOST, Room, is_pattern, repository_of};
use crate::job::Status;
use crate::list::{Attribute, Entry, Filter, Selection};
use crate::plan::SourceOverride;
use longshore_oci::{Repository, StoreName};
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
    let store: Option<StoreName> = source.map(|source| source.parse().unwrap());
    let source = SourceOverride { store, ..SourceOverride::default() };
    let from: (StoreName, Repository) = (from.0.parse().unwrap(), from.1.parse().unwrap());
    let asked = repository_of(&entry, &source).ok() == Some(from);
    let listed = asked.then_some(&tags);
    let entries = expansion.tags(entry, &source, listed, &Room::default());
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

    for (is_login, expected) in [(true, "at the source, log in"), (false, "log in")] {
        let operation = Operation::new("list the tags of", "a.io/b");
        let refused = StoreError::new(operation, Fault::Refused, "unauthorized (401)");
        let refused = StoreError { is_login, ..refused.with_hint("log in") };
        let (_, expansion) = expand_tags(None, none(), ("a.io", "b"), Err(refused));
        assert_eq!(expansion.unselected[0].outcome.hint.as_deref(), Some(expected));
    }

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
        let (listed, source) = (Some(&catalogue), SourceOverride::default());
        let entries = shown(&expansion.repositories(entry, &source, listed, &Room::default()));
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

/// Expands entries one after the other into the room of one run, and returns how many entries each
/// becomes; `None` if it fails.
fn in_one_run(entries: impl IntoIterator<Item = Entry>, tags: &[&str]) -> Vec<Option<usize>> {
    let (room, tags) = (Room::default(), names(tags));
    let expand = |entry: Entry| {
        let mut expansion = Expansion::default();
        let entries = expansion.tags(entry, &SourceOverride::default(), Some(&tags), &room);
        let failed = expansion.unselected.first().and_then(|ended| ended.outcome.error.as_ref());
        assert!(failed.is_none_or(|error| error.contains("select more than")), "{failed:?}");
        failed.is_none().then_some(entries.len())
    };
    entries.into_iter().map(expand).collect()
}

#[test]
fn what_a_run_selects_is_bounded() {
    let many: Vec<String> = (0..MOST / 2).map(|number| number.to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let all = || entry("a.io/b", None, Selection::All);
    let half = Some(MOST / 2);
    assert_eq!(in_one_run([all(), all(), all()], &many), [half, half, None]);
    let long = Entry { destination: Some("d".repeat(8000)), ..all() };
    let room = BYTES / 8000;
    assert_eq!(in_one_run([long.clone()], &many[..room]), [None], "long entries are repeated");
    let attribute = Attribute { key: "k".to_owned(), value: "v".repeat(8000) };
    let long = Entry { attributes: vec![attribute], ..all() };
    assert_eq!(in_one_run([long], &many[..room]), [None]);
    let long = Entry { platforms: vec!["p".repeat(8000)], ..all() };
    assert_eq!(in_one_run([long, all()], &many[..room]), [None, Some(room)], "others go on");
}

#[tokio::test]
async fn each_list_is_asked_for_once_and_entries_keep_their_order() {
    let entries = vec![
        entry("a.io/b", None, Selection::All),
        entry("a.io/x", None, Selection::ByTag("1".to_owned())),
        entry("a.io/c", None, Selection::All),
        entry("a.io/b", Some("d.io/b"), Selection::All),
    ];
    let asked = Mutex::new(Vec::new());
    let mut expansion = Expansion::default();
    let lists = Lists {
        key_of: |entry: &Entry| is_pattern(entry).then(|| entry.source.clone()),
        at_once: 2,
        expansion: &mut expansion,
    };
    let ask = |source: String| {
        asked.lock().unwrap().push(source.clone());
        let slow = source == "a.io/b";
        async move {
            if slow {
                tokio::task::yield_now().await;
            }
            names(if slow { &["1", "2"] } else { &["3"] })
        }
    };
    let room = Room::default();
    let expanded = lists.expand(entries, ask, |expansion, entry, names| {
        expansion.tags(entry, &SourceOverride::default(), names, &room)
    });
    let expanded = shown(&expanded.await);
    assert_eq!(
        expanded,
        [
            "a.io/b - 1",
            "a.io/b - 2",
            "a.io/x - 1",
            "a.io/c - 3",
            "a.io/b d.io/b 1",
            "a.io/b d.io/b 2"
        ]
    );
    assert_eq!(*asked.lock().unwrap(), ["a.io/b", "a.io/c"]);
    let from: Vec<&str> = expansion.picked.iter().map(|picked| &*picked.from).collect();
    assert_eq!(from, ["a.io/b", "a.io/c", "a.io/b"]);
}
