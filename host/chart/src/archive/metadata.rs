//! `Chart.yaml`.

use std::collections::{BTreeMap, HashSet};

use longshore_oci::version_of_tag;
use longshore_plugin_sdk::yaml::mended;
use serde::{Deserialize, Deserializer, Serialize};

use super::ArchiveError;

/// The content of `Chart.yaml`. As JSON it is the configuration of a chart's OCI manifest, with the
/// fields in Helm's order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "the fields are those of Chart.yaml, which Helm documents")]
pub struct Metadata {
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "or_default")]
    pub name: String,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "or_default")]
    pub home: String,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "texts")]
    pub sources: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "or_default")]
    pub version: String,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "or_default")]
    pub description: String,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "texts")]
    pub keywords: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "or_default")]
    pub maintainers: Vec<Maintainer>,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "or_default")]
    pub icon: String,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "or_default")]
    pub api_version: String,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "or_default")]
    pub condition: String,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "or_default")]
    pub tags: String,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "or_default")]
    pub app_version: String,
    #[serde(skip_serializing_if = "is_false", deserialize_with = "or_default")]
    pub deprecated: bool,
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "named_texts")]
    pub annotations: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "or_default")]
    pub kube_version: String,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "or_default")]
    pub dependencies: Vec<Dependency>,
    #[serde(
        rename = "type",
        skip_serializing_if = "String::is_empty",
        deserialize_with = "or_default"
    )]
    pub kind: String,
}

/// A maintainer in `Chart.yaml`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the fields are those of Chart.yaml, which Helm documents")]
pub struct Maintainer {
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "or_default")]
    pub name: String,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "or_default")]
    pub email: String,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "or_default")]
    pub url: String,
}

/// A dependency in `Chart.yaml` or `Chart.lock`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
#[expect(missing_docs, reason = "the fields are those of Chart.yaml, which Helm documents")]
pub struct Dependency {
    #[serde(deserialize_with = "or_default")]
    pub name: String,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "or_default")]
    pub version: String,
    #[serde(deserialize_with = "or_default")]
    pub repository: String,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "or_default")]
    pub condition: String,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "texts")]
    pub tags: Vec<String>,
    #[serde(skip_serializing_if = "is_false", deserialize_with = "or_default")]
    pub enabled: bool,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "or_default")]
    pub import_values: Vec<serde_json::Value>,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "or_default")]
    pub alias: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}

/// Reads `null` as the default, as Go does.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// Reads texts. One that is `null` is empty, as in Go.
fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let texts: Vec<Option<String>> = or_default(deserializer)?;
    Ok(texts.into_iter().map(Option::unwrap_or_default).collect())
}

/// Reads named texts. One that is `null` is empty, as in Go.
fn named_texts<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, String>, D::Error> {
    let texts: BTreeMap<String, Option<String>> = or_default(deserializer)?;
    Ok(texts.into_iter().map(|(name, text)| (name, text.unwrap_or_default())).collect())
}

/// The dependencies in `Chart.lock`, `requirements.yaml` or `requirements.lock`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Dependencies {
    #[serde(deserialize_with = "or_default")]
    dependencies: Vec<Dependency>,
}

impl Metadata {
    /// Parses `Chart.yaml` and checks its fields as Helm does.
    ///
    /// # Errors
    /// If it is not YAML, or a field is missing or wrong.
    pub fn parse(text: &[u8]) -> Result<Self, ArchiveError> {
        let mut metadata: Self = parse_yaml("Chart.yaml", text)?;
        // Charts for Helm 2 may have none.
        if metadata.api_version.is_empty() {
            "v1".clone_into(&mut metadata.api_version);
        }
        metadata.check()?;
        Ok(metadata)
    }

    fn check(&self) -> Result<(), ArchiveError> {
        let wrong = |text: String| Err(ArchiveError::Field(text));
        for (field, value) in [("name", &self.name), ("version", &self.version)] {
            if value.trim().is_empty() {
                return wrong(format!("{field} is missing"));
            }
        }
        let is_folder_name = !matches!(self.name.as_str(), "." | "..")
            && !self.name.contains(['/', '\\'])
            && !self.name.contains(char::is_control);
        if !is_folder_name {
            return wrong(format!("name {:?} cannot be the name of a folder", self.name));
        }
        if version_of_tag(&self.version).is_none() {
            return wrong(format!("version {:?} is not a version such as 1.2.3", self.version));
        }
        if !matches!(self.kind.as_str(), "" | "application" | "library") {
            return wrong(format!("type {:?} is neither application nor library", self.kind));
        }
        let mut names = HashSet::new();
        for dependency in &self.dependencies {
            let name =
                if dependency.alias.is_empty() { &dependency.name } else { &dependency.alias };
            if name.is_empty() {
                return wrong("a dependency has no name".to_owned());
            }
            if !names.insert(name) {
                return wrong(format!("two dependencies have the name or alias {name:?}"));
            }
        }
        Ok(())
    }

    /// Whether the chart only helps other charts, and renders nothing.
    pub fn is_library(&self) -> bool {
        self.kind == "library"
    }

    /// The tag of the chart's version: `+`, which tags cannot have, becomes `_` as in Helm.
    pub fn tag(&self) -> String {
        self.version.replace('+', "_")
    }
}

/// Parses the dependencies of `Chart.lock`, `requirements.yaml` or `requirements.lock`.
pub(crate) fn parse_dependencies(
    file: &'static str,
    text: &[u8],
) -> Result<Vec<Dependency>, ArchiveError> {
    Ok(parse_yaml::<Dependencies>(file, text)?.dependencies)
}

fn parse_yaml<T: serde::de::DeserializeOwned>(
    file: &'static str,
    text: &[u8],
) -> Result<T, ArchiveError> {
    // Helm reads a key that is there twice too; the last one counts.
    let options = serde_saphyr::options! {
        duplicate_keys: serde_saphyr::options::DuplicateKeyPolicy::LastWins,
        with_snippet: false,
    };
    let text = std::str::from_utf8(text)
        .map_err(|_| ArchiveError::Yaml { file, message: "it is not UTF-8".to_owned() })?;
    let text = first_document(text);
    let read = |text: &str| serde_saphyr::from_str_with_options(text, options.clone());
    let found = read(text).or_else(|error| mended(text).ok_or(error).and_then(|text| read(&text)));
    found.map_err(|error| {
        let message = error.to_string();
        ArchiveError::Yaml { file, message: message.lines().next().unwrap_or_default().to_owned() }
    })
}

/// Returns the first document of a text. Helm reads no further.
fn first_document(text: &str) -> &str {
    let mut is_begun = false;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let is_marker = line
            .strip_prefix("---")
            .is_some_and(|rest| rest.trim_start() != rest || rest.is_empty());
        if is_marker && is_begun {
            return &text[..at];
        }
        let is_empty = line.trim().is_empty() || line.trim_start().starts_with('#');
        is_begun |= is_marker || !is_empty && !line.starts_with('%');
        at += line.len();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::Metadata;

    fn error(text: &str) -> String {
        Metadata::parse(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn the_configuration_has_helm_s_fields_in_helm_s_order() {
        let text = "apiVersion: v2\nversion: 1.0\nname: demo\nappVersion: 16\nunknown: x\n\
                    deprecated: true\nhome: null\nmaintainers:\n- name: a\n  email: a@b.c\n\
                    annotations: {b: '1', a: x}\ndependencies:\n- name: d\n  version: 1.x.x\n  \
                    repository: https://r\n  import-values: [a, {child: b, parent: c}]\n";
        let metadata = Metadata::parse(text.as_bytes()).unwrap();
        assert_eq!(
            serde_json::to_string(&metadata).unwrap(),
            r#"{"name":"demo","version":"1.0","maintainers":[{"name":"a","email":"a@b.c"}],"apiVersion":"v2","appVersion":"16","deprecated":true,"annotations":{"a":"x","b":"1"},"dependencies":[{"name":"d","version":"1.x.x","repository":"https://r","import-values":["a",{"child":"b","parent":"c"}]}]}"#
        );
    }

    #[test]
    fn files_are_read_as_helm_reads_them() {
        for (text, expected) in [
            ("keywords: [null, a, 1]", r#""keywords":["","a","1"]"#),
            ("sources: [~]\nkeywords: null", r#""sources":[""]"#),
            ("annotations: {a: null, b: ~, c: ''}", r#""annotations":{"a":"","b":"","c":""}"#),
            ("description: \"one\ntwo\"", r#""description":"one two""#),
            ("description: 'one\n\n two'\nhome: x", r#""home":"x""#),
            ("home: x\n---\n", r#""home":"x""#),
            ("home: x\r\n---\r\n", r#""home":"x""#),
            ("home: x\n--- # y\nname: b\n---\n", r#""home":"x""#),
            ("home: x\n...\n", r#""home":"x""#),
            ("description: |\n  a\n  ---\n  b", r#""description":"a\n---\nb"#),
            ("description: ---", r#""description":"---""#),
        ] {
            for head in ["", "---\n", "# a\n\n--- # b\n", "%YAML 1.1\n---\n"] {
                let text = format!("{head}apiVersion: v2\nname: a\nversion: 1.0.0\n{text}\n");
                let found = serde_json::to_string(&Metadata::parse(text.as_bytes()).unwrap());
                assert!(found.unwrap().contains(expected), "{text}");
            }
        }
    }

    #[test]
    fn each_wrong_field_is_named() {
        let with = |line: &str| format!("apiVersion: v2\n{line}");
        assert_eq!(error(&with("version: 1.0.0\n")), "Chart.yaml: name is missing");
        assert_eq!(error(&with("name: a\n")), "Chart.yaml: version is missing");
        for name in ["..", "a/b", "'a\\b'", "\"a\\0b\""] {
            let found = error(&with(&format!("version: 1.0.0\nname: {name}\n")));
            assert!(found.contains("cannot be the name of a folder"), "{found}");
        }
        for version in ["latest", "1.2.3.4", "x"] {
            let found = error(&with(&format!("version: {version}\nname: a\n")));
            assert!(found.contains("is not a version"), "{found}");
        }
        assert!(error(&with("name: a\nversion: 1.0.0\ntype: app\n")).contains("neither"));
        assert!(error("a: [\n").starts_with("Chart.yaml: "));
        let twice = "name: a\nversion: 1.0.0\ndependencies: [{name: b}, {name: c, alias: b}]\n";
        assert!(error(&with(twice)).contains("two dependencies"));
    }

    #[test]
    fn a_chart_for_helm_2_needs_no_version_of_the_api() {
        for line in ["", "apiVersion:\n", "apiVersion: ''\n", "apiVersion: v1\n"] {
            let metadata = Metadata::parse(format!("{line}name: a\nversion: 1.0.0\n").as_bytes());
            assert_eq!(metadata.unwrap().api_version, "v1", "{line}");
        }
    }

    #[test]
    fn a_build_becomes_a_tag() {
        let text = "apiVersion: v2\nname: a\nversion: 1.0.0+k3s1\n";
        assert_eq!(Metadata::parse(text.as_bytes()).unwrap().tag(), "1.0.0_k3s1");
    }
}
