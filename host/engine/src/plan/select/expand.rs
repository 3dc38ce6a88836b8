//! Replaces entries that select by pattern by entries with one tag each.
//!
//! Catalogs are listed first, then tags. Each registry and repository is asked once, concurrently.
//! An error of one entry is its outcome, and the entry keeps its place in the list.

use std::collections::HashMap;
use std::hash::Hash;
use std::pin::pin;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use futures_util::StreamExt as _;
use futures_util::stream;

use super::by_pattern::{Unselected, is_pattern};
use super::joint::join;
use super::names::{valid_names, valid_tags};
use super::pick::{FilterError, Picker};
use super::under::SelectionRoot;
use crate::counted;
use crate::error::of_side;
use crate::job::Outcome;
use crate::list::{Entry, Filter, Selection};
use crate::list::{List, ListText};
use crate::plan::SourceOverride;
use crate::source_reader::list_tags;
use longshore_oci::{ReferenceError, Registry, Repository, StoreName, is_tag_of_referrers};
use longshore_store::{StoreError, Stores};

/// The result of expanding the entries that select by pattern.
#[derive(Debug, Default)]
pub struct Expansion {
    /// Entries that selected nothing or failed.
    pub unselected: Vec<Unselected>,
    /// The selections of the other entries, in the order of the list.
    pub picked: Vec<Picked>,
}

/// The selection of one entry.
#[derive(Debug, PartialEq, Eq)]
pub struct Picked {
    /// The line where the entry starts.
    pub line: u32,
    /// The repository whose tags were listed, or the registry or path whose repositories were
    /// listed.
    pub from: String,
    /// `tags` or `repositories`.
    pub what: &'static str,
    /// How many were listed.
    pub count: usize,
    /// How many tags of signatures and other referrers were left out.
    pub of_referrers: usize,
    /// The selected names, with the reasons.
    pub names: Vec<(String, String)>,
}

impl Picked {
    /// The log message of the selection in `list`.
    pub fn told_of(&self, list: &ListText) -> String {
        let Self { line, from, what, count, of_referrers, names } = self;
        let one = if *what == "tags" { "tag" } else { "repository" };
        let all = counted(*count, one, what);
        let left_out = match of_referrers {
            0 => String::new(),
            1 => "; 1 tag of referrers is left to --referrers".to_owned(),
            many => format!("; {many} tags of referrers are left to --referrers"),
        };
        format!("{}{} of {all} of {from} selected{left_out}", list.place_of(*line), names.len())
    }
}

/// Errors of a single entry.
#[derive(Debug, thiserror::Error)]
enum SelectError {
    #[error("source: {0}")]
    Source(#[from] ReferenceError),
    #[error(transparent)]
    Filter(#[from] FilterError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the patterns of the list select more than {MOST} tags, or {} MiB", BYTES >> 20)]
    TooMany,
}

impl SelectError {
    /// Advice for the user.
    fn hint(&self) -> Option<String> {
        match self {
            Self::Source(_) => Some("write the source as [REGISTRY/]REPOSITORY".to_owned()),
            Self::Filter(error) => Some(error.hint().to_owned()),
            Self::Store(error) => of_side("source", error),
            Self::TooMany => Some("select fewer tags, or split the list into several".to_owned()),
        }
    }
}

/// Expands the entries of `list` that select by pattern. `source` replaces parts of every source;
/// `at_once` limits concurrent requests.
///
/// Names are picked as soon as a list is there, so that a run holds few lists in memory.
pub async fn expand(
    list: &mut List,
    source: &SourceOverride,
    stores: &dyn Stores,
    at_once: usize,
) -> Expansion {
    let mut expansion = Expansion::default();
    let room = Room::default();
    let catalogue_of = |entry: &Entry| {
        let root = SelectionRoot::of(&entry.source, source).ok();
        root.filter(|_| entry.repositories.is_some()).map(|root| root.store)
    };
    let entries = std::mem::take(&mut list.entries);
    let catalogues = Lists { key_of: catalogue_of, at_once, expansion: &mut expansion };
    let ask = |store: StoreName| async move { stores.source(&store)?.repositories().await };
    let entries = catalogues
        .expand(entries, ask, |expansion, entry, names| {
            expansion.repositories(entry, source, names, &room)
        })
        .await;

    let tags_of = |entry: &Entry| {
        has_tags_to_pick(entry).then(|| repository_of(entry, source).ok()).flatten()
    };
    let tags = Lists { key_of: tags_of, at_once, expansion: &mut expansion };
    let ask = |(store, repository): (StoreName, Repository)| async move {
        list_tags(&*stores.source(&store)?, &repository).await
    };
    list.entries = tags
        .expand(entries, ask, |expansion, entry, names| expansion.tags(entry, source, names, &room))
        .await;
    join(&mut list.entries, &mut expansion.unselected);
    expansion
}

/// Names, or why they cannot be listed; `None` if nothing was asked.
type Listed<'a> = Option<&'a Result<Vec<String>, StoreError>>;

/// The lists that entries need, by `key_of`.
struct Lists<'a, F> {
    key_of: F,
    at_once: usize,
    expansion: &'a mut Expansion,
}

impl<F> Lists<'_, F> {
    /// Asks for each list once, and expands the entries that need it with `expand`.
    async fn expand<K, A>(
        self,
        entries: Vec<Entry>,
        ask: impl Fn(K) -> A,
        expand: impl Fn(&mut Expansion, Entry, Listed<'_>) -> Vec<Entry>,
    ) -> Vec<Entry>
    where
        K: Clone + Eq + Hash,
        F: Fn(&Entry) -> Option<K>,
        A: Future<Output = Result<Vec<String>, StoreError>>,
    {
        let mut waiting: HashMap<K, Vec<(usize, Entry)>> = HashMap::new();
        let mut keys = Vec::new();
        let mut expanded: Vec<(Vec<Entry>, Expansion)> = Vec::new();
        expanded.resize_with(entries.len(), Default::default);
        for (at, entry) in entries.into_iter().enumerate() {
            let Some(key) = (self.key_of)(&entry) else {
                expanded[at].0 = expand(&mut expanded[at].1, entry, None);
                continue;
            };
            let those = waiting.entry(key.clone()).or_default();
            if those.is_empty() {
                keys.push(key);
            }
            those.push((at, entry));
        }
        let asked = stream::iter(keys).map(|key| {
            let asked = ask(key.clone());
            async { (key, asked.await) }
        });
        let mut asked = pin!(asked.buffer_unordered(self.at_once.max(1)));
        while let Some((key, names)) = asked.next().await {
            for (at, entry) in waiting.remove(&key).unwrap_or_default() {
                expanded[at].0 = expand(&mut expanded[at].1, entry, Some(&names));
            }
        }
        let mut all = Vec::new();
        for (entries, expansion) in expanded {
            all.extend(entries);
            self.expansion.unselected.extend(expansion.unselected);
            self.expansion.picked.extend(expansion.picked);
        }
        all
    }
}

/// The room for what a run selects by pattern. A short list may select very much.
#[derive(Debug)]
struct Room {
    entries: AtomicUsize,
    bytes: AtomicUsize,
}

/// The most entries that a run selects by pattern.
const MOST: usize = 250_000;
/// The most bytes that they take.
const BYTES: usize = 112 * 1024 * 1024;

impl Default for Room {
    fn default() -> Self {
        Self { entries: AtomicUsize::new(MOST), bytes: AtomicUsize::new(BYTES) }
    }
}

impl Room {
    /// Takes room for `count` copies of `entry` with names and reasons of `bytes`.
    fn take(&self, entry: &Entry, count: usize, bytes: usize) -> Result<(), SelectError> {
        let take = |room: &AtomicUsize, size: usize| {
            room.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(size)).is_ok()
        };
        let size = count.saturating_mul(size_of_copy(entry)).saturating_add(bytes);
        if take(&self.entries, count) && take(&self.bytes, size) {
            Ok(())
        } else {
            Err(SelectError::TooMany)
        }
    }
}

/// What a copy of `entry` takes, in bytes, beside the selected name.
fn size_of_copy(entry: &Entry) -> usize {
    let attributes = entry.attributes.iter();
    let attributes = attributes.map(|one| 64 + one.key.len() + one.value.len());
    let platforms = entry.platforms.iter().map(|one| 32 + one.len());
    let texts = entry.source.len()
        + entry.destination.as_ref().map_or(0, String::len)
        + entry.destination_tag.as_ref().map_or(0, String::len);
    size_of::<Entry>() + texts + attributes.chain(platforms).sum::<usize>()
}

/// The registry of a source as written, with its slash.
fn registry_text(source: &str) -> String {
    let first = source.split('/').next().unwrap_or_default();
    if Registry::looks_like_one(first) { format!("{first}/") } else { String::new() }
}

fn repository_of(
    entry: &Entry,
    source: &SourceOverride,
) -> Result<(StoreName, Repository), ReferenceError> {
    source.complete(entry.source.parse()?)
}

/// Entries whose repositories were not selected have no tags to pick.
const fn has_tags_to_pick(entry: &Entry) -> bool {
    entry.repositories.is_none() && is_pattern(entry)
}

/// What a selected name and its reason take beside their texts, in bytes.
const NAMED: usize = 100;

/// The listed names.
fn listed_names(names: Listed<'_>) -> Result<&[String], StoreError> {
    match names {
        Some(Ok(names)) => Ok(names),
        Some(Err(error)) => Err(error.clone()),
        None => Ok(&[]),
    }
}

/// Says whether a pattern asks for tags of digests. Without one, `--referrers` copies what is below these tags,
/// and merges fallback indexes instead of replacing them.
fn names_digests(select: &Selection) -> bool {
    let Selection::Matching(filter) = select else { return false };
    filter.allow.iter().any(|pattern| pattern.contains("sha256") || pattern.contains("sha512"))
}

fn picker(filter: &Filter) -> Result<Picker, SelectError> {
    Ok(Picker::new(filter)?)
}

impl Expansion {
    /// The expansion of `list` after an interrupt: nothing is selected.
    pub fn interrupted(list: &List) -> Self {
        let outcome = Outcome { unfinished: true, ..Outcome::failed("interrupted") };
        let entries = list.entries.iter().filter(|entry| is_pattern(entry)).cloned();
        let unselected =
            entries.map(|entry| Unselected { entry, outcome: outcome.clone() }).collect();
        Self { unselected, picked: Vec::new() }
    }

    /// Ends an entry, which stays in the list.
    fn end(&mut self, entry: Entry, outcome: Outcome) -> Vec<Entry> {
        self.unselected.push(Unselected { entry: entry.clone(), outcome });
        vec![entry]
    }

    fn fail(&mut self, entry: Entry, error: &SelectError) -> Vec<Entry> {
        self.end(entry, Outcome { hint: error.hint(), ..Outcome::failed(error) })
    }

    /// Expands an entry into one for each selected repository.
    fn repositories(
        &mut self,
        entry: Entry,
        source: &SourceOverride,
        names: Listed<'_>,
        room: &Room,
    ) -> Vec<Entry> {
        let Some(filter) = &entry.repositories else { return vec![entry] };
        let listed = || -> Result<_, SelectError> {
            let root = SelectionRoot::of(&entry.source, source)?;
            let picker = picker(filter)?;
            Ok((root, picker, listed_names(names)?))
        };
        let (root, picker, names) = match listed() {
            Ok(listed) => listed,
            Err(error) => return self.fail(entry, &error),
        };
        let is_valid = |name: &str| name.parse::<Repository>().is_ok();
        let names = valid_names(names, &entry.source, "repositories", is_valid);
        let registry = registry_text(&entry.source);
        let mut entries = Vec::new();
        let mut picked = Vec::new();
        let mut below = 0;
        for name in names {
            let Some(suffix) = root.below(name) else { continue };
            below += 1;
            let Some(why) = picker.matches(name) else { continue };
            // The name is in the source, the destination and the log.
            if let Err(error) = room.take(&entry, 1, 3 * name.len() + why.len() + NAMED) {
                return self.fail(entry, &error);
            }
            picked.push((name.to_owned(), why));
            let destination = entry.destination.as_deref().map(|to| match suffix {
                "" => to.to_owned(),
                suffix => format!("{}/{suffix}", to.trim_end_matches('/')),
            });
            entries.push(Entry {
                source: format!("{registry}{name}"),
                repositories: None,
                destination,
                ..entry.clone()
            });
        }
        if entries.is_empty() {
            let reason = match below {
                0 => format!("there are no repositories at {}", entry.source),
                1 => format!("the only repository at {} is not selected", entry.source),
                _ => format!("none of {below} repositories at {} is selected", entry.source),
            };
            return self.end(entry, Outcome::skipped(reason));
        }
        let (line, from) = (entry.line, entry.source);
        self.picked.push(Picked {
            line,
            from,
            what: "repositories",
            count: below,
            of_referrers: 0,
            names: picked,
        });
        entries
    }

    /// Expands an entry into one for each selected tag.
    fn tags(
        &mut self,
        entry: Entry,
        source: &SourceOverride,
        names: Listed<'_>,
        room: &Room,
    ) -> Vec<Entry> {
        if !has_tags_to_pick(&entry) {
            return vec![entry];
        }
        let listed = || -> Result<_, SelectError> {
            repository_of(&entry, source)?;
            let picker = match &entry.select {
                Selection::Matching(filter) => picker(filter)?,
                _ => Picker::all(),
            };
            Ok((picker, listed_names(names)?))
        };
        let (picker, tags) = match listed() {
            Ok(listed) => listed,
            Err(error) => return self.fail(entry, &error),
        };
        let tags = valid_tags(tags, &entry.source);
        let listed = tags.len();
        let tags: Vec<&str> = match names_digests(&entry.select) {
            true => tags,
            false => tags.into_iter().filter(|tag| !is_tag_of_referrers(tag)).collect(),
        };
        let of_referrers = listed - tags.len();
        let picks = picker.pick(&tags, MOST + 1);
        if picks.is_empty() {
            let reason = match tags.len() {
                0 if of_referrers > 0 => {
                    format!("{} has only tags of signatures and other referrers", entry.source)
                }
                0 => format!("{} has no tags", entry.source),
                1 => format!("the only tag of {} is not selected", entry.source),
                count => format!("none of {count} tags of {} is selected", entry.source),
            };
            return self.end(entry, Outcome::skipped(reason));
        }
        let bytes = picks.iter().map(|pick| 2 * pick.name.len() + pick.why.len() + NAMED).sum();
        if let Err(error) = room.take(&entry, picks.len(), bytes) {
            return self.fail(entry, &error);
        }
        let entries = picks
            .iter()
            .map(|pick| Entry { select: Selection::ByTag(pick.name.clone()), ..entry.clone() });
        let entries = entries.collect();
        self.picked.push(Picked {
            line: entry.line,
            from: entry.source,
            what: "tags",
            count: tags.len(),
            of_referrers,
            names: picks.into_iter().map(|pick| (pick.name, pick.why)).collect(),
        });
        entries
    }
}

#[cfg(test)]
mod tests;
