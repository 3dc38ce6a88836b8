//! The rewrite `policy`: refuses or skips artifacts, and changes no destination.
//!
//! ```toml
//! [plugins.policy]
//! allow = ["docker.io/library/*", "quay.io/**", "*:v* team=payments"]
//! deny = ["*:*-rc*"]
//! refuse-latest = true
//! ```
//!
//! The first check that fails gives the reason: `deny`, `allow`, `refuse-latest`, `require-digest`.

use longshore_plugin_sdk::reference::{LATEST, Parts};
use longshore_plugin_sdk::rewrite::{Item, Rewrite, Verdict};
use serde::Deserialize;

use pattern::Pattern;

mod glob;
mod pattern;

longshore_plugin_sdk::export_rewrite!(Policy);

/// The validated policy.
#[derive(Clone, Debug)]
pub struct Policy {
    allow: Vec<Pattern>,
    deny: Vec<Pattern>,
    refuse_latest: bool,
    require_digest: bool,
    by: By,
    action: Action,
}

/// The reference that is checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum By {
    #[default]
    Source,
    Destination,
}

/// What happens to a violation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Action {
    /// The entry fails.
    #[default]
    Refuse,
    /// The entry is left out.
    Skip,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct Config {
    allow: Option<Written>,
    deny: Option<Written>,
    refuse_latest: bool,
    require_digest: bool,
    by: By,
    action: Action,
}

/// Patterns as written in the configuration.
#[derive(Deserialize)]
#[serde(untagged, expecting = "patterns must be lines, separated by commas, or a list of strings")]
enum Written {
    Lines(String),
    List(Vec<String>),
}

impl Rewrite for Policy {
    fn from_config(json: &str) -> Result<Self, String> {
        let config: Config = serde_json::from_str(json).map_err(|error| error.to_string())?;
        let policy = Self {
            allow: patterns("allow", config.allow)?,
            deny: patterns("deny", config.deny)?,
            refuse_latest: config.refuse_latest,
            require_digest: config.require_digest,
            by: config.by,
            action: config.action,
        };
        if policy.allow.is_empty()
            && policy.deny.is_empty()
            && !policy.refuse_latest
            && !policy.require_digest
        {
            return Err("the policy has no rule: set `allow`, `deny`, `refuse-latest` or \
                        `require-digest`"
                .into());
        }
        Ok(policy)
    }

    fn apply(&self, item: Item) -> Verdict {
        match (self.violation(&item), self.action) {
            (None, _) => Verdict::Destination(item.destination),
            (Some(why), Action::Refuse) => Verdict::Refuse(why),
            (Some(why), Action::Skip) => Verdict::Skip(why),
        }
    }
}

impl Policy {
    /// Returns why the policy does not allow an item.
    fn violation(&self, item: &Item) -> Option<String> {
        let checked = match self.by {
            By::Source => &item.source,
            By::Destination => &item.destination,
        };
        let parts = Parts::of(checked);
        if let Some(rule) = self.deny.iter().find(|rule| rule.matches(&parts, item)) {
            return Some(format!("the policy denies `{}`: {checked}", rule.text));
        }
        if !self.allow.is_empty() && !self.allow.iter().any(|rule| rule.matches(&parts, item)) {
            return Some(format!("the policy does not allow {checked}"));
        }
        let is_latest = parts.tag.unwrap_or(LATEST) == LATEST;
        match parts.digest {
            None if self.refuse_latest && is_latest => {
                Some(format!("the policy refuses the tag `latest`: {checked}"))
            }
            None if self.require_digest => Some(format!("the policy requires a digest: {checked}")),
            _ => None,
        }
    }
}

/// Parses the patterns of a key.
fn patterns(key: &str, written: Option<Written>) -> Result<Vec<Pattern>, String> {
    let texts: Vec<String> = match written {
        None => Vec::new(),
        Some(Written::List(texts)) => texts,
        Some(Written::Lines(text)) => {
            let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
            lines.flat_map(|line| line.split(',')).map(str::to_owned).collect()
        }
    };
    let texts = texts.iter().map(|text| text.trim()).filter(|text| !text.is_empty());
    texts.map(|text| Pattern::new(text).map_err(|why| format!("{key}: {why}"))).collect()
}

#[cfg(test)]
mod tests;
