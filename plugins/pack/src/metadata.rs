//! The metadata types.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::PackError;
use crate::endpoint::{Endpoint, Exchange};
use crate::name::{check_name, shown};

/// The content of the metadata section. Unknown keys are ignored, so that a host can read what a
/// newer `pack` wrote.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Metadata {
    /// The name that users type: lower-case words joined by hyphens.
    pub name: String,
    /// The plugin's own version.
    pub version: String,
    /// The kind of plugin. The host checks it against the exports of the component.
    pub kind: Kind,
    /// One sentence that lists of plugins show.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Words that a list format expects. A readable text contains at least one of them in its first
    /// 64 KiB. The host calls the probe only for such texts, or for every text if this is empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub probe_words: Vec<String>,
    /// File name endings for which the host calls the probe of a list format even without a probe
    /// word.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub probe_names: Vec<String>,
    /// What is true of a list format.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list: Option<ListFacts>,
    /// True for a rewrite that only skips or refuses items. The host warns of every other one that changes no
    /// item of a run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub only_checks: bool,
    /// The endpoints that the plugin sends requests to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub endpoints: Vec<Endpoint>,
    /// The requests that the plugin sends to them, each as `METHODS ENDPOINT /path`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<String>,
    /// The request that fetches the registry's own credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exchange: Option<Exchange>,
    /// JSON Schema of the plugin's configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_schema: Option<serde_json::Value>,
    /// The oldest longshore version that the plugin works with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub least_host_version: Option<String>,
}

/// What a list-format plugin says about its format. A format that says nothing has entries of
/// several lines, no default platform filter, and the default of each fact.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct ListFacts {
    /// Each entry is one line, and lines that start with `#` are comments. A failed list repeats
    /// these lines as they are.
    #[serde(skip_serializing_if = "is_false")]
    pub lines: bool,
    /// The plugin applies comments `# longshore: KEY=VALUE …` to the next line.
    #[serde(skip_serializing_if = "is_false")]
    pub directives: bool,
    /// The `--arch` for entries that name no platforms, such as `amd64,arm64`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_arch: Option<Cow<'static, str>>,
    /// The `--os` for entries that name no platforms, such as `linux`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_os: Option<Cow<'static, str>>,
    /// A hint for malformed lines that says what a line is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line_hint: Option<Cow<'static, str>>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
const fn is_false(fact: &bool) -> bool {
    !*fact
}

/// The kind of a plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Reads one list format.
    ListFormat,
    /// Decides where things go.
    Rewrite,
    /// Knows one kind of registry.
    RepoType,
    /// Renders a Helm chart.
    ChartRender,
}

impl Kind {
    /// The kind as it is written in metadata and as the WIT interface is called.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ListFormat => "list-format",
            Self::Rewrite => "rewrite",
            Self::RepoType => "repo-type",
            Self::ChartRender => "chart-render",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.as_str())
    }
}

impl Metadata {
    /// Checks what the types leave open: names become settings keys and words of a command line.
    pub(crate) fn check(&self) -> Result<(), PackError> {
        check_name("the plugin's name", &self.name)?;
        for (index, endpoint) in self.endpoints.iter().enumerate() {
            check_name("the endpoint's name", &endpoint.name)?;
            if self.endpoints[..index].iter().any(|earlier| earlier.name == endpoint.name) {
                return Err(PackError::EndpointTwice { name: endpoint.name.clone() });
            }
        }
        match &self.exchange {
            Some(exchange)
                if !self.endpoints.iter().any(|known| known.name == exchange.endpoint) =>
            {
                Err(PackError::ExchangeEndpoint { name: shown(&exchange.endpoint) })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, ListFacts, Metadata};

    #[test]
    fn the_json_is_kebab_case_and_ignores_unknown_keys() {
        let metadata: Metadata = serde_json::from_str(
            r#"{"name":"x","version":"1","kind":"list-format","least-host-version":"0.1.0",
                "config-schema":{},"later":1}"#,
        )
        .expect("reads");
        assert_eq!(metadata.kind, Kind::ListFormat);
        assert_eq!(metadata.least_host_version.as_deref(), Some("0.1.0"));
        assert!(metadata.config_schema.is_some());
        let kind: Kind = serde_json::from_str(&format!("\"{}\"", Kind::ChartRender)).expect("kind");
        assert_eq!(kind, Kind::ChartRender);
    }

    #[test]
    fn list_facts_have_defaults_and_ignore_unknown_keys() {
        let facts: ListFacts =
            serde_json::from_str(r#"{"lines":true,"default-arch":"amd64","later":1}"#)
                .expect("reads");
        let expected =
            ListFacts { lines: true, default_arch: Some("amd64".into()), ..ListFacts::default() };
        assert_eq!(facts, expected);
        let json = serde_json::to_string(&facts).expect("writes");
        assert_eq!(json, r#"{"lines":true,"default-arch":"amd64"}"#);
    }
}
