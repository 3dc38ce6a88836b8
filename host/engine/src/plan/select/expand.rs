//! Replaces entries that select by pattern by entries with one tag each.
//!
//! Catalogs are listed first, then tags. Each registry and repository is asked once, concurrently.
//! An error of one entry is its outcome, and the entry keeps its place in the list.

use std::collections::HashMap;
use std::hash::Hash;

use futures_util::StreamExt as _;
use futures_util::stream;

use super::pick::{FilterError, Picker};
use super::under::SelectionRoot;
use crate::job::Outcome;
use crate::list::List;
use crate::list::{Entry, Filter, Selection};
use crate::plan::SourceOverride;
use longshore_oci::{ReferenceError, Registry, Repository, StoreName, Tag};
use longshore_store::{StoreError, Stores};

/// The result of expanding the entries that select by pattern.
#[derive(Debug, Default)]
pub struct Expansion {
    /// Entries that selected nothing or failed.
    pub unselected: Vec<Unselected>,
    /// The selections of the other entries, in the order of the list.
    pub picked: Vec<Picked>,
}

/// An entry that remains in the list, and its outcome.
#[derive(Debug)]
pub struct Unselected {
    /// The entry.
    pub entry: Entry,
    /// Its outcome.
    pub outcome: Outcome,
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
    /// The selected names, with the reasons.
    pub names: Vec<(String, String)>,
}

impl Picked {
    /// The log message of the selection; `list` is the list's name.
    pub fn told_of(&self, list: &str) -> String {
        let Self { line, from, what, count, names } = self;
        format!("{list}:{line}: {} of {count} {what} of {from} selected", names.len())
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
}

impl SelectError {
    /// Advice for the user.
    fn hint(&self) -> Option<String> {
        match self {
            Self::Source(_) => Some("write the source as [REGISTRY/]REPOSITORY".to_owned()),
            Self::Filter(FilterError::Pattern { .. }) => {
                Some("use RE2 syntax, without look-around and backreferences".to_owned())
            }
            Self::Filter(FilterError::Range { .. }) => {
                Some("write a range such as \">=1.2 <2 || ^3\"".to_owned())
            }
            Self::Store(error) => error.hint.clone(),
        }
    }
}

/// Whether any entry of `list` needs expansion.
pub fn selects_by_pattern(list: &List) -> bool {
    list.entries.iter().any(is_pattern)
}

/// Whether the entry selects tags or repositories by pattern.
pub const fn is_pattern(entry: &Entry) -> bool {
    entry.repositories.is_some() || matches!(entry.select, Selection::All | Selection::Matching(_))
}

/// Expands the entries of `list` that select by pattern. `source` replaces parts of every source;
/// `at_once` limits concurrent requests.
pub async fn expand(
    list: &mut List,
    source: &SourceOverride,
    stores: &dyn Stores,
    at_once: usize,
) -> Expansion {
    let mut expansion = Expansion::default();
    let catalogues = list.entries.iter().filter(|entry| entry.repositories.is_some());
    let catalogues = catalogues.filter_map(|entry| SelectionRoot::of(&entry.source, source).ok());
    let catalogues = ask_each(catalogues.map(|root| root.store), at_once, |store| async move {
        stores.source(&store)?.repositories().await
    });
    let catalogues = catalogues.await;
    list.entries = std::mem::take(&mut list.entries)
        .into_iter()
        .flat_map(|entry| expansion.repositories(entry, source, &catalogues))
        .collect();

    let wanted = list.entries.iter().filter(|entry| has_tags_to_pick(entry));
    let wanted = wanted.filter_map(|entry| repository_of(entry, source).ok());
    let tags = ask_each(wanted, at_once, |(store, repository)| async move {
        stores.source(&store)?.tags(&repository).await
    });
    let tags = tags.await;
    list.entries = std::mem::take(&mut list.entries)
        .into_iter()
        .flat_map(|entry| expansion.tags(entry, source, &tags))
        .collect();
    expansion
}

/// Calls `ask` once for each distinct key.
async fn ask_each<K, F>(
    keys: impl Iterator<Item = K>,
    at_once: usize,
    ask: impl Fn(K) -> F,
) -> HashMap<K, F::Output>
where
    K: Clone + Eq + Hash,
    F: Future,
{
    let mut distinct: Vec<K> = Vec::new();
    let mut known = std::collections::HashSet::new();
    distinct.extend(keys.filter(|key| known.insert(key.clone())));
    stream::iter(distinct)
        .map(|key| {
            let asked = ask(key.clone());
            async { (key, asked.await) }
        })
        .buffer_unordered(at_once.max(1))
        .collect()
        .await
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

/// So many names that are left out are shown.
const SHOWN: usize = 3;

/// Those of `names`, which a registry listed as `what` of `from`, that can be one. The others, such as a
/// digest among tags, are left out with a warning.
fn valid(
    names: Vec<String>,
    from: &str,
    what: &str,
    is_valid: impl Fn(&str) -> bool,
) -> Vec<String> {
    let (valid, others): (Vec<String>, Vec<String>) =
        names.into_iter().partition(|name| is_valid(name));
    if !others.is_empty() {
        let shown: Vec<String> =
            others.iter().take(SHOWN).map(|name| format!("{name:?}")).collect();
        let more = if others.len() > SHOWN { ", …" } else { "" };
        tracing::warn!(
            "{from} lists names that are not {what}, and {} left out: {}{more}",
            if others.len() == 1 { "1 is".to_owned() } else { format!("{} are", others.len()) },
            shown.join(", ")
        );
    }
    valid
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
        catalogues: &HashMap<StoreName, Result<Vec<String>, StoreError>>,
    ) -> Vec<Entry> {
        let Some(filter) = &entry.repositories else { return vec![entry] };
        let listed = || -> Result<_, SelectError> {
            let root = SelectionRoot::of(&entry.source, source)?;
            let picker = picker(filter)?;
            let names = catalogues.get(&root.store).cloned().unwrap_or_else(|| Ok(Vec::new()))?;
            Ok((root, picker, names))
        };
        let (root, picker, names) = match listed() {
            Ok(listed) => listed,
            Err(error) => return self.fail(entry, &error),
        };
        let is_valid = |name: &str| name.parse::<Repository>().is_ok();
        let names = valid(names, &entry.source, "repositories", is_valid);
        let registry = registry_text(&entry.source);
        let mut entries = Vec::new();
        let mut picked = Vec::new();
        let mut below = 0;
        for name in &names {
            let Some(suffix) = root.below(name) else { continue };
            below += 1;
            let Some(why) = picker.matches(name) else { continue };
            picked.push((name.clone(), why));
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
        self.picked.push(Picked { line, from, what: "repositories", count: below, names: picked });
        entries
    }

    /// Expands an entry into one for each selected tag.
    fn tags(
        &mut self,
        entry: Entry,
        source: &SourceOverride,
        tags: &HashMap<(StoreName, Repository), Result<Vec<String>, StoreError>>,
    ) -> Vec<Entry> {
        if !has_tags_to_pick(&entry) {
            return vec![entry];
        }
        let listed = || -> Result<_, SelectError> {
            let repository = repository_of(&entry, source)?;
            let picker = match &entry.select {
                Selection::Matching(filter) => picker(filter)?,
                _ => Picker::all(),
            };
            Ok((picker, tags.get(&repository).cloned().unwrap_or_else(|| Ok(Vec::new()))?))
        };
        let (picker, tags) = match listed() {
            Ok(listed) => listed,
            Err(error) => return self.fail(entry, &error),
        };
        let tags = valid(tags, &entry.source, "tags", |name| name.parse::<Tag>().is_ok());
        let picks = picker.pick(&tags);
        if picks.is_empty() {
            let reason = match tags.len() {
                0 => format!("{} has no tags", entry.source),
                1 => format!("the only tag of {} is not selected", entry.source),
                count => format!("none of {count} tags of {} is selected", entry.source),
            };
            return self.end(entry, Outcome::skipped(reason));
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
            names: picks.into_iter().map(|pick| (pick.name, pick.why)).collect(),
        });
        entries
    }
}

#[cfg(test)]
mod tests;
