//! Makes the call of a fixture, and writes its result as JSON.

use std::fs;
use std::path::Path;

use longshore_plugin_host::contract::{
    Artifact, Attribute, Capabilities, ChartFile, Confidence, Diagnostic, Entry, Filter, Item,
    Manifest, Parsed, Prepared, Release, Scope, Selection, Severity, State, Verdict,
};
use longshore_plugin_host::{Plugin, PluginError};
use serde_json::{Map, Value, json};

use crate::error::AuthorError;
use crate::fixture::{Called, Fixture, FixtureItem, beside};
use crate::project::{MAX_TEXT, read};

/// The key of the result of a call that failed.
pub(crate) const ERROR: &str = "error";
/// The text that a probe gets at most, in bytes.
const HEAD: usize = 64 * 1024;

/// The input of a call, read before the call.
pub(crate) enum Input {
    List { name: String, text: String },
    Items(Vec<Item>),
    Describe,
    Scopes(Vec<String>),
    Prepare(Scope),
    Chart(Vec<ChartFile>),
}

impl Input {
    /// Reads the input of a fixture.
    pub(crate) fn of(fixture: &Fixture, path: &Path) -> Result<Self, AuthorError> {
        let called =
            fixture.called().map_err(|why| AuthorError::Fixture { path: path.to_owned(), why })?;
        Ok(match called {
            Called::Parse(name) => {
                let list = beside(path, name)?;
                let text = String::from_utf8(read(&list, MAX_TEXT)?)
                    .map_err(|error| AuthorError::Fixture { path: list, why: error.to_string() })?;
                Self::List { name: name.to_owned(), text }
            }
            Called::Rewrite => Self::Items(fixture.items.iter().map(item).collect()),
            Called::Describe => Self::Describe,
            Called::Scopes => Self::Scopes(fixture.scopes.clone()),
            Called::Prepare(scope) => {
                Self::Prepare(Scope { kind: scope.kind.clone(), name: scope.name.clone() })
            }
            Called::Render(name) => {
                let mut files = Vec::new();
                collect(&beside(path, name)?, "", &mut files)?;
                Self::Chart(files)
            }
        })
    }

    /// Makes the call. A failure of the plugin is a result too.
    pub(crate) async fn call(&self, plugin: &Plugin, fixture: &Fixture) -> Value {
        match self.result(plugin, fixture).await {
            Ok(result) => result,
            Err(PluginError::Call { failure, .. }) => json!({ ERROR: failure.to_string() }),
            Err(error) => json!({ ERROR: error.to_string() }),
        }
    }

    async fn result(&self, plugin: &Plugin, fixture: &Fixture) -> Result<Value, PluginError> {
        let registry = fixture.registry();
        Ok(match self {
            Self::List { name, text } => {
                let probed = plugin.probe(name, head(text)).await?;
                list(probed, plugin.parse(name, text).await?)
            }
            Self::Items(items) => plugin.rewrite(items).await?.into_iter().map(verdict).collect(),
            Self::Describe => capabilities(plugin.describe(registry).await?),
            Self::Scopes(repositories) => {
                let scopes = plugin.scopes(registry, repositories).await?;
                let scope = |scope: Scope| json!({ "kind": scope.kind, "name": scope.name });
                scopes
                    .into_iter()
                    .map(|list| list.into_iter().map(scope).collect::<Value>())
                    .collect()
            }
            Self::Prepare(scope) => {
                prepared(plugin.prepare(registry, scope, fixture.dry_run).await?)
            }
            Self::Chart(files) => {
                let release = Release {
                    name: "test".to_owned(),
                    namespace: "default".to_owned(),
                    kube_version: None,
                    api_versions: Vec::new(),
                    skip_tests: false,
                };
                let manifests = plugin.render_chart(files, &fixture.values, &release).await?;
                let manifest = |Manifest { path, text }| json!({ "path": path, "text": text });
                manifests.into_iter().map(manifest).collect()
            }
        })
    }
}

/// The start of a list that a probe gets, cut after a line.
fn head(text: &str) -> &str {
    if text.len() <= HEAD {
        return text;
    }
    let cut = &text[..text.floor_char_boundary(HEAD)];
    cut.rfind('\n').map_or(cut, |end| &cut[..=end])
}

fn item(item: &FixtureItem) -> Item {
    let attribute = |(key, value): (&String, &Value)| Attribute {
        key: key.clone(),
        value: value.as_str().map_or_else(|| value.to_string(), str::to_owned),
    };
    Item {
        artifact: if item.chart { Artifact::Chart } else { Artifact::Image },
        source: item.source.clone(),
        destination: item.destination.clone(),
        attributes: item.attributes.iter().map(attribute).collect(),
    }
}

/// Reads the files of a chart.
fn collect(folder: &Path, prefix: &str, files: &mut Vec<ChartFile>) -> Result<(), AuthorError> {
    let failed = |error| AuthorError::Folder { path: folder.to_owned(), error };
    let mut entries: Vec<_> =
        fs::read_dir(folder).map_err(failed)?.collect::<Result<_, _>>().map_err(failed)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let path = entry.path();
        let found = entry.file_type().map_err(failed)?;
        if found.is_symlink() {
            // It may lead out of the chart, or back into it without end.
            return Err(AuthorError::Fixture { path, why: "it is a symbolic link".to_owned() });
        }
        if found.is_dir() {
            collect(&path, &format!("{name}/"), files)?;
        } else {
            files.push(ChartFile { path: name, content: read(&path, MAX_TEXT)? });
        }
    }
    Ok(())
}

fn list(probed: Confidence, parsed: Parsed) -> Value {
    let probed = match probed {
        Confidence::No => "no",
        Confidence::Maybe => "maybe",
        Confidence::Certain => "certain",
    };
    json!({
        "probe": probed,
        "entries": parsed.entries.into_iter().map(entry).collect::<Value>(),
        "diagnostics": parsed.diagnostics.into_iter().map(diagnostic).collect::<Value>(),
    })
}

/// Writes an entry, without the fields that say nothing.
fn entry(entry: Entry) -> Value {
    let mut fields = Map::new();
    let mut field = |key: &str, value: Value| {
        if !value.is_null() {
            fields.insert(key.to_owned(), value);
        }
    };
    field("line", entry.line.into());
    field("source", entry.source.into());
    field("repositories", entry.repositories.map_or(Value::Null, filter));
    match entry.select {
        Selection::ByTag(tag) => field("tag", tag.into()),
        Selection::ByDigest(pinned) => {
            field("digest", pinned.digest.into());
            field("tag", pinned.tag.into());
        }
        Selection::All => field("tags", "all".into()),
        Selection::Matching(tags) => field("tags", filter(tags)),
    }
    field("destination", entry.destination.into());
    field("destination-tag", entry.destination_tag.into());
    if !entry.platforms.is_empty() {
        field("platforms", entry.platforms.into());
    }
    if !entry.attributes.is_empty() {
        field("attributes", attributes(entry.attributes));
    }
    Value::Object(fields)
}

fn filter(filter: Filter) -> Value {
    json!({
        "allow": filter.allow,
        "deny": filter.deny,
        "versions": filter.versions,
        "latest": filter.latest,
    })
}

fn attributes(attributes: Vec<Attribute>) -> Value {
    attributes.into_iter().map(|one| json!([one.key, one.value])).collect()
}

fn diagnostic(found: Diagnostic) -> Value {
    let severity = match found.severity {
        Severity::Warning => "warning",
        Severity::Error => "error",
    };
    let place = format!("{}:{}", found.line, found.column);
    json!({ severity: format!("{place} {}", found.message) })
}

fn verdict(verdict: Verdict) -> Value {
    match verdict {
        Verdict::Destination(destination) => json!({ "destination": destination }),
        Verdict::Skip(why) => json!({ "skip": why }),
        Verdict::Refuse(why) => json!({ "refuse": why }),
    }
}

fn capabilities(found: Capabilities) -> Value {
    json!({
        "max-depth": found.max_depth,
        "chunked-upload": found.chunked_upload,
        "cross-mount": found.cross_mount,
        "referrers": found.referrers,
        "attributes": attributes(found.attributes),
    })
}

fn prepared(outcome: Prepared) -> Value {
    let state = match outcome.state {
        State::Ready => "ready",
        State::Created => "created",
        State::WouldCreate => "would-create",
        State::ReadOnly => "read-only",
    };
    json!({ "state": state, "message": outcome.message })
}
