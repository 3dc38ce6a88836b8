//! The metadata types.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::PackError;

const MAX_NAME: usize = 64;

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
    /// The endpoints that the plugin sends requests to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub endpoints: Vec<Endpoint>,
    /// The requests that the plugin sends to them, each as `METHODS ENDPOINT /path`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<String>,
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

/// A place that a plugin sends requests to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Endpoint {
    /// What the plugin calls it.
    pub name: String,
    /// `registry` (the destination itself, scheme included), `https://{registry}`, or `config:KEY`.
    pub origin: String,
    /// The key of a boolean in the configuration. If its value is `false`, the host sends requests
    /// over plain HTTP instead of HTTPS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub https_key: Option<String>,
    /// Which credential the host attaches.
    pub auth: Auth,
}

/// How the host authenticates requests to an endpoint; written `registry`, `none`, `basic`, `bearer` or
/// `sigv4:SERVICE`. The host loads only plugins whose endpoints use the first two; the other words are
/// reserved.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Auth {
    /// The credential that the registry itself is used with.
    Registry,
    /// Without a credential: what everybody may ask, for which a wrong password is not shown.
    None,
    /// A name and a password of the endpoint's own.
    Basic,
    /// A token of the endpoint's own.
    Bearer,
    /// AWS signature version 4.
    Sigv4 {
        /// The service to sign for, such as `ecr`.
        service: String,
    },
}

impl fmt::Display for Auth {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registry => out.write_str("registry"),
            Self::None => out.write_str("none"),
            Self::Basic => out.write_str("basic"),
            Self::Bearer => out.write_str("bearer"),
            Self::Sigv4 { service } => write!(out, "sigv4:{service}"),
        }
    }
}

/// An authentication that is not one of the known ones.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown auth {0:?}, expected registry, none, basic, bearer or sigv4:SERVICE")]
pub struct UnknownAuth(String);

impl FromStr for Auth {
    type Err = UnknownAuth;

    fn from_str(text: &str) -> Result<Self, UnknownAuth> {
        match text {
            "registry" => Ok(Self::Registry),
            "none" => Ok(Self::None),
            "basic" => Ok(Self::Basic),
            "bearer" => Ok(Self::Bearer),
            _ => match text.strip_prefix("sigv4:") {
                Some(service) if is_name(service) => {
                    Ok(Self::Sigv4 { service: service.to_owned() })
                }
                _ => Err(UnknownAuth(shown(text))),
            },
        }
    }
}

impl TryFrom<String> for Auth {
    type Error = UnknownAuth;

    fn try_from(text: String) -> Result<Self, UnknownAuth> {
        text.parse()
    }
}

impl From<Auth> for String {
    fn from(auth: Auth) -> Self {
        auth.to_string()
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
        Ok(())
    }
}

fn check_name(what: &'static str, name: &str) -> Result<(), PackError> {
    if is_name(name) { Ok(()) } else { Err(PackError::Name { what, name: shown(name) }) }
}

fn is_name(name: &str) -> bool {
    name.len() <= MAX_NAME
        && name.split('-').all(|word| {
            !word.is_empty()
                && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        })
}

fn shown(text: &str) -> String {
    text.chars().take(MAX_NAME).collect()
}

#[cfg(test)]
mod tests {
    use super::{Auth, Kind, ListFacts, Metadata};

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

    #[test]
    fn auth_is_one_word() {
        for text in ["registry", "none", "basic", "bearer", "sigv4:ecr-public"] {
            let auth: Auth = text.parse().expect("known");
            assert_eq!(auth.to_string(), text);
        }
        for text in ["", "nothing", "sigv4", "sigv4:", "sigv4:A", "Basic"] {
            assert!(text.parse::<Auth>().is_err(), "{text:?} passed");
        }
    }
}
