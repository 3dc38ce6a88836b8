//! Fixtures: one call of a plugin each, in JSON.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use longshore_files::replace_text;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::AuthorError;
use crate::project::{MAX_TEXT, read};

/// A fixture. The call follows from its keys: `input` parses a list, `items` rewrites, `describe`,
/// `scopes` and `prepare` ask a repository type, `chart` renders.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct Fixture {
    /// The configuration of the plugin.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub(crate) config: Map<String, Value>,
    /// The origins of endpoints that are not at the registry, by their names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) origins: BTreeMap<String, String>,
    /// The list to parse: a file beside the fixture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) input: Option<String>,
    /// The items to rewrite.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) items: Vec<FixtureItem>,
    /// The destination that a repository type is asked about, as `host[:port]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) registry: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) describe: bool,
    /// The repositories whose scopes are asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) scopes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) prepare: Option<FixtureScope>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) dry_run: bool,
    /// The requests that the call sends, in order, and their answers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) exchanges: Vec<Exchange>,
    /// The chart to render: a folder beside the fixture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) chart: Option<String>,
    /// Texts of values for the chart.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) values: Vec<String>,
    /// What the call returns; none before the first `--update`.
    pub(crate) expected: Option<Value>,
}

/// An item of a rewrite.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct FixtureItem {
    pub(crate) source: String,
    pub(crate) destination: String,
    /// Whether it is a Helm chart.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) chart: bool,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub(crate) attributes: Map<String, Value>,
}

/// A scope of a repository type.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct FixtureScope {
    pub(crate) kind: String,
    pub(crate) name: String,
}

/// A request and its answer.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Exchange {
    /// `METHOD ENDPOINT /path[?query]`, escaped as it is sent.
    pub(crate) request: String,
    /// The body that the request must have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) body: Option<String>,
    /// The status of the answer; none if the server cannot be reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<u16>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub(crate) headers: Map<String, Value>,
    /// The body of the answer.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) answer: String,
}

/// The functions that fixtures call.
pub(crate) enum Called<'a> {
    Parse(&'a str),
    Rewrite,
    Describe,
    Scopes,
    Prepare(&'a FixtureScope),
    Render(&'a str),
}

impl Fixture {
    /// Reads a fixture.
    pub(crate) fn read(path: &Path) -> Result<Self, AuthorError> {
        let json = read(path, MAX_TEXT)?;
        let fixture: Self = serde_json::from_slice(&json).map_err(|error| {
            AuthorError::Fixture { path: path.to_owned(), why: error.to_string() }
        })?;
        fixture.called().map_err(|why| AuthorError::Fixture { path: path.to_owned(), why })?;
        Ok(fixture)
    }

    /// Writes the fixture, in a form that people edit.
    pub(crate) fn write(&self, path: &Path) -> Result<(), AuthorError> {
        let mut json = serde_json::to_string_pretty(self).map_err(|error| {
            AuthorError::Fixture { path: path.to_owned(), why: error.to_string() }
        })?;
        json.push('\n');
        replace_text(path, &json, None)
            .map_err(|error| AuthorError::Write { path: path.to_owned(), error })
    }

    /// Returns the one function that the fixture calls.
    pub(crate) fn called(&self) -> Result<Called<'_>, String> {
        let mut calls = Vec::new();
        calls.extend(self.input.as_deref().map(Called::Parse));
        calls.extend((!self.items.is_empty()).then_some(Called::Rewrite));
        calls.extend(self.describe.then_some(Called::Describe));
        calls.extend((!self.scopes.is_empty()).then_some(Called::Scopes));
        calls.extend(self.prepare.as_ref().map(Called::Prepare));
        calls.extend(self.chart.as_deref().map(Called::Render));
        match <[Called<'_>; 1]>::try_from(calls) {
            Ok([call]) => Ok(call),
            Err(calls) => Err(format!(
                "it must have one of `input`, `items`, `describe`, `scopes`, `prepare` and `chart`, \
                 and has {}",
                calls.len()
            )),
        }
    }

    /// Returns the destination that a repository type is asked about.
    pub(crate) fn registry(&self) -> &str {
        self.registry.as_deref().unwrap_or("registry.example.com")
    }
}

/// Returns the path of a file that a fixture names. It must lie beside the fixture.
pub(crate) fn beside(fixture: &Path, name: &str) -> Result<PathBuf, AuthorError> {
    let named = Path::new(name);
    let is_below = named.components().all(|part| matches!(part, std::path::Component::Normal(_)));
    if !is_below || name.is_empty() {
        let why = format!("`{}` is not a path beside it", name.escape_debug());
        return Err(AuthorError::Fixture { path: fixture.to_owned(), why });
    }
    Ok(fixture.parent().unwrap_or(Path::new("")).join(named))
}
