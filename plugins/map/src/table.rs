//! What goes where: references, repositories and prefixes, the longest first.

use std::collections::HashMap;

use longshore_plugin_sdk::reference::Parts;

/// The registry of a source that names none.
const DOCKER_HUB: &str = "docker.io";

/// The table, by the complete FROM.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    rows: HashMap<String, Target>,
    /// Whether a FROM without a registry is on Docker Hub, as a source without one is.
    of_sources: bool,
}

/// A TO, cut into its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Target {
    /// `None` keeps the destination's.
    registry: Option<String>,
    path: String,
    /// `:TAG`, `@DIGEST` or both; empty keeps the destination's.
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

    /// A FROM with its registry; a first component with a dot or a colon, or `localhost`, is one.
    fn complete(&self, from: &str) -> String {
        let (first, rest) = from.split_once('/').unwrap_or(("", from));
        match (is_registry(first), self.of_sources) {
            (true, _) => from.to_owned(),
            (false, true) if first.is_empty() => format!("{DOCKER_HUB}/library/{rest}"),
            (false, true) => format!("{DOCKER_HUB}/{from}"),
            (false, false) => from.to_owned(),
        }
    }

    /// Where what is `compared` goes instead of `destination`, both of them complete references.
    pub(crate) fn destination(&self, compared: &str, destination: &str) -> Option<String> {
        let (_, without_registry) = compared.split_once('/')?;
        self.find(compared, destination).or_else(|| match self.of_sources {
            true => None,
            // A destination may be named without the registry that `-d` gave it.
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
            // A prefix may go to the root of a registry. Its port looks like a tag here.
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

    /// The new destination; `rest` is what a prefix leaves of the path.
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

fn is_registry(component: &str) -> bool {
    component.contains(['.', ':']) || component == "localhost"
}
