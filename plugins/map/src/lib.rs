//! The rewrite `map`: takes destinations from a table.
//!
//! ```text
//! # FROM                     TO
//! docker.io/library/mysql:8  db/mysql:8-lts
//! docker.io/library/mysql    db/mysql
//! quay.io/prometheus/        other.example.io/monitoring/
//! ```
//!
//! FROM is a reference, a repository or, with a trailing slash, a prefix. The longest match wins.
//! Parts that TO does not set (registry, tag, digest) do not change.

use longshore_plugin_sdk::rewrite::{Item, Rewrite, Verdict};
use serde::Deserialize;
use serde_json::{Map, Value};

use table::Table;

mod table;

longshore_plugin_sdk::export_rewrite!(Mapping);

/// The table, and the action for items that it does not match.
#[derive(Clone, Debug)]
pub struct Mapping {
    table: Table,
    by: By,
    unmatched: Unmatched,
}

/// The reference to compare with FROM.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum By {
    /// The source of the item.
    #[default]
    Source,
    /// The destination of the item.
    Destination,
}

/// The action for an item that no FROM matches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Unmatched {
    /// Keeps the destination.
    #[default]
    Keep,
    /// Leaves the item out.
    Skip,
    /// Fails the item.
    Refuse,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    table: Written,
    #[serde(default)]
    by: By,
    #[serde(default)]
    unmatched: Unmatched,
}

/// The table as written in the configuration.
#[derive(Deserialize)]
#[serde(untagged, expecting = "table must be lines `FROM TO` or a table of strings")]
enum Written {
    Lines(String),
    Table(Map<String, Value>),
}

impl Rewrite for Mapping {
    /// Parses `{"table": …, "by": "source", "unmatched": "keep"}`.
    fn from_config(json: &str) -> Result<Self, String> {
        let Config { table: written, by, unmatched } =
            serde_json::from_str(json).map_err(|error| error.to_string())?;
        let mut table = Table::new(by == By::Source);
        match written {
            Written::Lines(text) => {
                for (number, line) in (1..).zip(text.lines()) {
                    add_line(&mut table, line)
                        .map_err(|error| format!("line {number} of the table: {error}"))?;
                }
            }
            Written::Table(pairs) => {
                for (from, to) in pairs {
                    let to = to
                        .as_str()
                        .ok_or_else(|| format!("`{from}` must have a string as its value"))?;
                    table.add(&from, to)?;
                }
            }
        }
        if table.is_empty() {
            return Err("the table is empty".into());
        }
        Ok(Self { table, by, unmatched })
    }

    fn apply(&self, item: Item) -> Verdict {
        let compared = match self.by {
            By::Source => &item.source,
            By::Destination => &item.destination,
        };
        match (self.table.destination(compared, &item.destination), self.unmatched) {
            (Some(destination), _) => Verdict::Destination(destination),
            (None, Unmatched::Keep) => Verdict::Destination(item.destination),
            (None, Unmatched::Skip) => Verdict::Skip(format!("the table has no `{compared}`")),
            (None, Unmatched::Refuse) => Verdict::Refuse(format!("the table has no `{compared}`")),
        }
    }
}

/// Parses a line `FROM TO`, a blank line or a comment.
fn add_line(table: &mut Table, line: &str) -> Result<(), String> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    match fields[..] {
        [] => Ok(()),
        [first, ..] if first.starts_with('#') => Ok(()),
        [from, to] => table.add(from, to),
        _ => Err(format!("expected 2 columns (FROM, TO), found {}", fields.len())),
    }
}

#[cfg(test)]
mod tests;
