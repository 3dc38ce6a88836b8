//! The mapping table: references, repositories and prefixes, longest match first.

use std::collections::HashMap;

use longshore_plugin_sdk::reference::{Parts, is_registry};

/// The registry of a source that does not name one.
const DOCKER_HUB: &str = "docker.io";

/// The table, keyed by complete FROM.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    rows: HashMap<String, Target>,
    /// Whether a FROM without a registry is on Docker Hub, like a source without one.
    of_sources: bool,
}

/// A TO split into its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Target {
    /// `None` keeps the registry of the destination.
    registry: Option<String>,
    path: String,
    /// `:TAG`, `@DIGEST` or both. Empty keeps those of the destination.
    version: String,
}

impl Table {
    pub(crate) fn new(of_sources: bool) -> Self {
        Self { rows: HashMap::new(), of_sources }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Adds a row.
    pub(crate) fn add(&mut self, from: &str, to: &str) -> Result<(), String> {
        let from = from.strip_suffix("/*").map_or(from.to_owned(), |prefix| format!("{prefix}/"));
        let is_prefix = from.ends_with('/');
        let to = match to.strip_suffix("/*").or_else(|| to.strip_suffix('/')) {
            Some(prefix) if is_prefix => prefix,
            _ => to,
        };
        let target = Target::of(to, is_prefix)?;
        if is_prefix && !target.version.is_empty() {
            return Err(format!("`{from}` is a prefix, so `{to}` can have no tag and no digest"));
        }
        if from.trim_matches('/').is_empty() {
            return Err(format!("`{from}` names nothing"));
        }
        let from = self.complete(&from);
        match self.rows.insert(from.clone(), target.clone()) {
            Some(other) if other != target => Err(format!("`{from}` has two destinations")),
            _ => Ok(()),
        }
    }

    /// Adds the registry to a FROM. A first component with a dot or a colon, or `localhost`, is a
    /// registry.
    fn complete(&self, from: &str) -> String {
        let (first, rest) = from.split_once('/').unwrap_or(("", from));
        match (is_registry(first), self.of_sources) {
            (true, _) => from.to_owned(),
            (false, true) if first.is_empty() => format!("{DOCKER_HUB}/library/{rest}"),
            (false, true) => format!("{DOCKER_HUB}/{from}"),
            (false, false) => from.to_owned(),
        }
    }

    /// Returns the destination that the table sets for `compared`. It keeps missing parts from
    /// `destination`. Both are complete references.
    pub(crate) fn destination(&self, compared: &str, destination: &str) -> Option<String> {
        let (_, without_registry) = compared.split_once('/')?;
        self.find(compared, destination).or_else(|| match self.of_sources {
            true => None,
            // A FROM may omit the registry that `-d` gave the destination.
            false => self.find(without_registry, destination),
        })
    }

    fn find(&self, compared: &str, destination: &str) -> Option<String> {
        let parts = Parts::of(compared);
        let tagged = parts.tag.map(|tag| format!("{}:{tag}", parts.name));
        let pinned = parts.digest.map(|digest| format!("{}@{digest}", parts.name));
        let exact = [Some(compared), tagged.as_deref(), pinned.as_deref(), Some(parts.name)];
        if let Some(target) = exact.into_iter().flatten().find_map(|from| self.rows.get(from)) {
            return Some(target.instead_of(destination, ""));
        }
        let slashes = parts.name.match_indices('/').map(|(slash, _)| slash + 1);
        slashes.rev().find_map(|end| {
            let target = self.rows.get(&parts.name[..end])?;
            Some(target.instead_of(destination, &parts.name[end..]))
        })
    }
}

impl Target {
    fn of(to: &str, is_prefix: bool) -> Result<Self, String> {
        let parts = Parts::of(to);
        if parts.tag == Some("") || parts.digest == Some("") {
            return Err(format!("`{to}` ends before its tag or digest"));
        }
        let (registry, path) = match parts.name.split_once('/') {
            Some((first, path)) if is_registry(first) => (Some(first), path),
            // A prefix may map to the root of a registry. The port of the registry looks like a tag
            // here.
            _ if is_prefix && is_registry(to) && !to.contains('/') => {
                let registry = Some(to.to_owned());
                return Ok(Self { registry, path: String::new(), version: String::new() });
            }
            _ => (None, parts.name),
        };
        if path.is_empty() && !is_prefix {
            return Err(format!("`{to}` names no repository"));
        }
        Ok(Self {
            registry: registry.map(str::to_owned),
            path: path.to_owned(),
            version: to[parts.name.len()..].to_owned(),
        })
    }

    /// Returns the new destination. `rest` is the part of the path after a prefix.
    fn instead_of(&self, destination: &str, rest: &str) -> String {
        let (registry, old) = destination.split_once('/').unwrap_or((destination, ""));
        let registry = self.registry.as_deref().unwrap_or(registry);
        let version = match self.version.as_str() {
            "" => &old[Parts::of(old).name.len()..],
            version => version,
        };
        let between = if self.path.is_empty() || rest.is_empty() { "" } else { "/" };
        format!("{registry}/{}{between}{rest}{version}", self.path)
    }
}
