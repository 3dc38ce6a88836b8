//! Entries and remarks as the contract with plugins has them, and as the rest of the host has them.

use longshore_engine::list::{Attribute, Diagnostic, Entry, Filter, Pinned, Selection, Severity};
use longshore_plugin_host::contract;

use super::credential::GivenCredential;

/// What a list format has read.
#[derive(Default)]
pub(crate) struct Parsed {
    pub(crate) entries: Vec<Entry>,
    /// The credentials, which do not become entries.
    pub(crate) credentials: Vec<GivenCredential>,
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// What a plugin has read, in the host's own types.
pub(crate) fn of_parsed(parsed: contract::Parsed) -> Parsed {
    let (credentials, entries): (Vec<_>, Vec<_>) =
        parsed.entries.into_iter().partition(GivenCredential::is_one);
    Parsed {
        entries: entries.into_iter().map(of_entry).collect(),
        credentials: credentials.into_iter().filter_map(GivenCredential::of).collect(),
        diagnostics: parsed.diagnostics.into_iter().map(of_diagnostic).collect(),
    }
}

fn of_entry(entry: contract::Entry) -> Entry {
    Entry {
        source: entry.source,
        repositories: entry.repositories.map(of_filter),
        select: match entry.select {
            contract::Selection::ByTag(tag) => Selection::ByTag(tag),
            contract::Selection::ByDigest(contract::Pinned { digest, tag }) => {
                Selection::ByDigest(Pinned { digest, tag })
            }
            contract::Selection::All => Selection::All,
            contract::Selection::Matching(filter) => Selection::Matching(of_filter(filter)),
        },
        destination: entry.destination,
        destination_tag: entry.destination_tag,
        platforms: entry.platforms,
        line: entry.line,
        attributes: entry.attributes.into_iter().map(of_attribute).collect(),
    }
}

fn of_filter(contract::Filter { allow, deny, versions, latest }: contract::Filter) -> Filter {
    Filter { allow, deny, versions, latest }
}

fn of_attribute(contract::Attribute { key, value }: contract::Attribute) -> Attribute {
    Attribute { key, value }
}

fn of_diagnostic(found: contract::Diagnostic) -> Diagnostic {
    Diagnostic {
        severity: match found.severity {
            contract::Severity::Warning => Severity::Warning,
            contract::Severity::Error => Severity::Error,
        },
        line: found.line,
        column: found.column,
        message: found.message,
    }
}

/// An entry as a plugin gets it that writes a list.
pub(crate) fn to_entry(entry: Entry) -> contract::Entry {
    contract::Entry {
        source: entry.source,
        repositories: entry.repositories.map(to_filter),
        select: match entry.select {
            Selection::ByTag(tag) => contract::Selection::ByTag(tag),
            Selection::ByDigest(Pinned { digest, tag }) => {
                contract::Selection::ByDigest(contract::Pinned { digest, tag })
            }
            Selection::All => contract::Selection::All,
            Selection::Matching(filter) => contract::Selection::Matching(to_filter(filter)),
        },
        destination: entry.destination,
        destination_tag: entry.destination_tag,
        platforms: entry.platforms,
        line: entry.line,
        attributes: entry.attributes.into_iter().map(to_attribute).collect(),
    }
}

fn to_filter(Filter { allow, deny, versions, latest }: Filter) -> contract::Filter {
    contract::Filter { allow, deny, versions, latest }
}

/// An attribute as a plugin gets it.
pub(crate) fn to_attribute(Attribute { key, value }: Attribute) -> contract::Attribute {
    contract::Attribute { key, value }
}
