//! The values that a chart and its subcharts really have.

use std::collections::HashMap;

use longshore_plugin_sdk::yaml::{self, Key, Node, read_last};
use serde_json::{Map, Number, Value};

use crate::archive::{Chart, Metadata, parse_dependencies};

/// The deepest nesting of subcharts.
const DEPTH: usize = 16;

/// The file in which charts of `apiVersion: v1` name their dependencies.
const REQUIREMENTS: &str = "requirements.yaml";

/// The files beside `Chart.yaml` that are read.
const FILES: [&str; 2] = ["values.yaml", REQUIREMENTS];

/// The most values in a file with all aliases expanded.
const MOST_VALUES: usize = 500_000;

/// The values of a chart or subchart, with those that the charts above set.
#[derive(Debug)]
pub(crate) struct Effective {
    /// The folder inside the chart, with a slash; empty for the chart itself.
    pub(crate) folder: String,
    /// Keys of the values in those of the chart: `redis` for a subchart, or none.
    pub(crate) prefix: Vec<String>,
    /// `appVersion` of the chart.
    pub(crate) app_version: String,
    /// The values.
    pub(crate) values: Value,
}

/// Returns the folders of a chart and its subcharts with the text of their `Chart.yaml`. A folder has
/// its slash.
pub(crate) fn charts(chart: &Chart) -> impl Iterator<Item = (&str, &[u8])> {
    chart.files().iter().filter_map(|(path, content)| {
        let folder = path.strip_suffix("Chart.yaml")?;
        is_chart_folder(folder).then_some((folder, content.as_slice()))
    })
}

/// Reports whether a path is made of `charts/NAME/`.
fn is_chart_folder(folder: &str) -> bool {
    let parts: Vec<&str> = folder.split_terminator('/').collect();
    parts.len().is_multiple_of(2) && parts.iter().step_by(2).all(|part| *part == "charts")
}

/// Returns the values of a chart and all its subcharts, as a rendering with `over` has them. Subcharts
/// count whether their conditions hold or not.
pub(crate) fn effective(chart: &Chart, over: &[String]) -> Vec<Effective> {
    let files: HashMap<&str, &[u8]> = chart
        .files()
        .iter()
        .filter(|(path, _)| FILES.contains(&path.rsplit('/').next().unwrap_or_default()))
        .map(|(path, content)| (path.as_str(), content.as_slice()))
        .collect();
    let read = |folder: &str, text: &[u8]| {
        let mut metadata = Metadata::parse(text).ok()?;
        let required = files.get(format!("{folder}{REQUIREMENTS}").as_str());
        let required = required.and_then(|text| parse_dependencies(REQUIREMENTS, text).ok());
        metadata.dependencies = required.unwrap_or(metadata.dependencies);
        Some(metadata)
    };
    let metadata: HashMap<&str, Metadata> =
        charts(chart).filter_map(|(folder, text)| Some((folder, read(folder, text)?))).collect();
    let mut set = Value::Object(Map::new());
    for text in over {
        merge(&mut set, &parse(text.as_bytes()));
    }
    let mut all = Vec::new();
    Tree { files, metadata }.add("", &[], &set, &mut all);
    all
}

struct Tree<'c> {
    files: HashMap<&'c str, &'c [u8]>,
    metadata: HashMap<&'c str, Metadata>,
}

impl Tree<'_> {
    /// Adds a chart and its subcharts. `over` are the values that the charts above set for it.
    fn add(&self, folder: &str, prefix: &[String], over: &Value, all: &mut Vec<Effective>) {
        let Some(metadata) = self.metadata.get(folder).filter(|_| prefix.len() < DEPTH) else {
            return;
        };
        let file = self.files.get(format!("{folder}values.yaml").as_str());
        let mut values = file.map_or_else(|| Value::Object(Map::new()), |text| parse(text));
        merge(&mut values, over);
        let mut subcharts: Vec<&str> = self
            .metadata
            .keys()
            .filter(|below| below.strip_prefix(folder).is_some_and(is_subchart))
            .copied()
            .collect();
        subcharts.sort_unstable();
        for below in subcharts {
            // A library renders nothing, and its values mean nothing by themselves.
            let subchart = self.metadata.get(below).filter(|subchart| !subchart.is_library());
            let Some(subchart) = subchart else { continue };
            let aliases: Vec<&str> = metadata
                .dependencies
                .iter()
                .filter(|dependency| dependency.name == subchart.name)
                .map(|dependency| match dependency.alias.as_str() {
                    "" => dependency.name.as_str(),
                    alias => alias,
                })
                .collect();
            let names = if aliases.is_empty() { vec![subchart.name.as_str()] } else { aliases };
            for name in names {
                let mut over = values.get(name).cloned().unwrap_or_default();
                if !over.is_object() {
                    over = Value::Object(Map::new());
                }
                if let (Some(global), Some(over)) = (values.get("global"), over.as_object_mut()) {
                    merge(
                        over.entry("global").or_insert_with(|| Value::Object(Map::new())),
                        global,
                    );
                }
                let below_prefix = [prefix, &[name.to_owned()]].concat();
                self.add(below, &below_prefix, &over, all);
            }
        }
        all.push(Effective {
            folder: folder.to_owned(),
            prefix: prefix.to_vec(),
            app_version: metadata.app_version.clone(),
            values,
        });
    }
}

fn is_subchart(below: &str) -> bool {
    below.strip_prefix("charts/").is_some_and(|name| {
        name.strip_suffix('/').is_some_and(|name| !name.is_empty() && !name.contains('/'))
    })
}

/// Parses values, and merges those of all documents. A text that is too large has none.
fn parse(text: &[u8]) -> Value {
    let documents = read_last(&String::from_utf8_lossy(text));
    let mut left = MOST_VALUES;
    let mut all = Value::Object(Map::new());
    for root in documents.whole() {
        match value(root, &mut left) {
            Some(values) => merge(&mut all, &values),
            None => return Value::Object(Map::new()),
        }
    }
    all
}

/// Returns a node as JSON; `None` if it has more than `left` values. Aliases count each time.
fn value(node: &Node, left: &mut usize) -> Option<Value> {
    *left = left.checked_sub(1)?;
    Some(match &node.value {
        yaml::Value::Null => Value::Null,
        yaml::Value::Scalar(scalar) if scalar.plain => plain(&scalar.text),
        yaml::Value::Scalar(scalar) => Value::String(scalar.text.clone()),
        yaml::Value::Sequence(items) => {
            Value::Array(items.iter().map(|item| value(item, left)).collect::<Option<_>>()?)
        }
        yaml::Value::Mapping(map) => {
            let pairs = map.iter().map(|(key, node)| Some((key_text(key), value(node, left)?)));
            Value::Object(pairs.collect::<Option<_>>()?)
        }
    })
}

/// Returns a key as Helm has it: a boolean or number without quotes gets its usual text, so `on` is `true`.
fn key_text(key: &Key) -> String {
    match plain(&key.text) {
        Value::Bool(is) if key.plain => is.to_string(),
        Value::Number(number) if key.plain => number.to_string(),
        _ => key.text.clone(),
    }
}

/// Returns a scalar without quotes: a boolean or number, if it is one, as Helm reads it, which is YAML 1.1.
fn plain(text: &str) -> Value {
    match text {
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "y" | "Y" => {
            Value::Bool(true)
        }
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" | "n" | "N" => {
            Value::Bool(false)
        }
        _ => number(text).map_or_else(|| Value::String(text.to_owned()), Value::Number),
    }
}

/// Reads a number of YAML 1.1, as Go's package does.
fn number(text: &str) -> Option<Number> {
    let starts = |first: char| first.is_ascii_digit() || "+-.".contains(first);
    if !text.starts_with(starts) || text.starts_with("._") {
        return None;
    }
    let text = text.replace('_', "");
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(&text)),
    };
    let (radix, whole) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &digits[2..]),
        [b'0', b'o' | b'O', ..] => (8, &digits[2..]),
        [b'0', b'b' | b'B', ..] => (2, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    // The digits after `0x` have no sign of their own.
    if whole.starts_with(|first: char| first.is_ascii_alphanumeric()) {
        if let Ok(whole) = i64::from_str_radix(&format!("{sign}{whole}"), radix) {
            return Some(whole.into());
        }
        if let (true, Ok(whole)) = (sign.is_empty(), u64::from_str_radix(whole, radix)) {
            return Some(whole.into());
        }
    }
    let is_float = digits.contains(|digit: char| digit.is_ascii_digit())
        && digits.chars().all(|letter| letter.is_ascii_digit() || ".eE+-".contains(letter))
        && !digits.starts_with(['e', 'E', '+', '-']);
    let float = is_float.then(|| text.parse::<f64>().ok()).flatten()?;
    // Helm prints 1.0 as 1.
    match format!("{float}").parse::<i64>() {
        Ok(whole) => Some(whole.into()),
        Err(_) => Number::from_f64(float),
    }
}

/// Merges values as Helm does: mappings key by key, `null` removes a key, and anything else replaces.
fn merge(into: &mut Value, over: &Value) {
    let (Value::Object(into), Value::Object(over)) = (into, over) else { return };
    for (key, value) in over {
        match (into.get_mut(key), value) {
            (Some(_), Value::Null) => {
                into.remove(key);
            }
            (Some(existing @ Value::Object(_)), Value::Object(_)) => merge(existing, value),
            _ => {
                into.insert(key.clone(), value.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{effective, parse};
    use crate::archive::{Chart, pack};

    fn chart(files: &[(&str, &str)]) -> Chart {
        let files: Vec<_> = files
            .iter()
            .map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec()))
            .collect();
        Chart::of_archive(&pack("a", &files)).expect("the chart is good")
    }

    #[test]
    fn scalars_have_the_types_that_helm_gives_them() {
        let text = "{a: true, b: 'true', c: 1.10, d: '1.10', e: 1.2.3, f: ~, g: [07, -1], h: 0x1}";
        let expected = json!({
            "a": true, "b": "true", "c": 1.1, "d": "1.10", "e": "1.2.3", "f": null,
            "g": [7, -1], "h": 1
        });
        assert_eq!(parse(text.as_bytes()), expected);
        assert_eq!(parse(b"a: {b: 1}\na: {c: 2, c: 3}\n"), json!({"a": {"c": 3}}));
        // What `toJson` prints in Helm 4.3.
        let text = "{l: [y, N, yes, On, OFF, yEs, tRUE, 'on']}";
        let expected = json!({
            "l": [true, false, true, true, false, "yEs", "tRUE", "on"]
        });
        assert_eq!(parse(text.as_bytes()), expected);
        for (whole, expected) in [
            ("0644", 420),
            ("0o644", 420),
            ("0x1F", 31),
            ("-0x1F", -31),
            ("0b11", 3),
            ("-0b11", -3),
            ("1_000", 1000),
            ("+1", 1),
            ("0_7", 7),
            ("-1", -1),
            ("0", 0),
            ("1.0", 1),
            ("1E5", 100_000),
            ("1e3", 1000),
            ("1.", 1),
            ("5.", 5),
            ("08", 8),
        ] {
            assert_eq!(parse(format!("a: {whole}").as_bytes()), json!({"a": expected}), "{whole}");
        }
        for (float, expected) in [
            ("09.5", 9.5),
            (".5", 0.5),
            ("-.5", -0.5),
            ("+.5", 0.5),
            ("1_0.5", 10.5),
            ("0.10", 0.1),
        ] {
            assert_eq!(parse(format!("a: {float}").as_bytes()), json!({"a": expected}), "{float}");
        }
        assert_eq!(parse(b"a: 12345678901234567890"), json!({"a": 12_345_678_901_234_567_890_u64}));
        for text in [
            "1:30",
            "2020-01-01",
            "0x",
            "1e",
            "0644x",
            "1.2.3",
            "e5",
            "0x-1",
            ".",
            "1-1",
            "v1",
            "10.0.0.0/8",
            "0xg",
            ".e1",
        ] {
            assert_eq!(parse(format!("a: {text}").as_bytes()), json!({"a": text}), "{text}");
        }
        for other in ["[1]", "text", "", "a: [", "\u{feff}"] {
            assert_eq!(parse(other.as_bytes()), json!({}), "{other}");
        }
    }

    #[test]
    fn keys_have_the_texts_that_helm_gives_them() {
        // What `toYaml` prints in Helm 4.3.
        for (key, expected) in [
            ("on", "true"),
            ("y", "true"),
            ("No", "false"),
            ("true", "true"),
            ("0777", "511"),
            ("1_000", "1000"),
            ("0x1F", "31"),
            ("1.50", "1.5"),
            ("1e3", "1000"),
            ("2024-01-01", "2024-01-01"),
            ("yEs", "yEs"),
            ("name", "name"),
            ("'on'", "on"),
            ("\"0777\"", "0777"),
            ("!!str no", "no"),
        ] {
            assert_eq!(parse(format!("{key}: x").as_bytes()), json!({expected: "x"}), "{key}");
            let below = format!("a: [&a {{{key}: x}}, {{<<: *a}}]");
            let expected = json!({expected: "x"});
            assert_eq!(parse(below.as_bytes()), json!({"a": [expected, expected]}), "{key}");
        }
    }

    #[test]
    fn the_documents_of_a_file_are_merged() {
        for (text, expected) in [
            ("a: {b: 1, c: 2}\n---\na: {b: 3}\nd: 4\n", json!({"a": {"b": 3, "c": 2}, "d": 4})),
            ("---\na: 1\n---\n# none\n---\nb: 2\n", json!({"a": 1, "b": 2})),
            ("a: 1\n---\na: null\n", json!({})),
            ("# first\n---\na: [1]\n---\na: [2]\n", json!({"a": [2]})),
        ] {
            assert_eq!(parse(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn old_charts_name_their_dependencies_in_a_file_of_its_own() {
        for (head, file, expected) in [
            ("apiVersion: v1", "{dependencies: [{name: b, alias: one}]}", &["one", ""][..]),
            ("x: 1", "dependencies: [{name: b, alias: one}, {name: b}]", &["one", "b", ""]),
            // Helm warns, and takes them.
            (
                "apiVersion: v2\ndependencies: [{name: b}]",
                "dependencies: [{name: b, alias: c}]",
                &["c", ""],
            ),
            ("apiVersion: v1", "dependencies: [", &["b", ""]),
        ] {
            let chart = chart(&[
                ("Chart.yaml", &format!("{head}\nname: a\nversion: 1.0.0\n")),
                ("requirements.yaml", file),
                ("charts/b/Chart.yaml", "apiVersion: v2\nname: b\nversion: 1.0.0\n"),
            ]);
            let found: Vec<_> =
                effective(&chart, &[]).iter().map(|values| values.prefix.join(".")).collect();
            assert_eq!(found, expected, "{head} {file}");
        }
    }

    #[test]
    fn values_that_expand_without_end_are_not_read() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..6 {
            let below = format!("*a{}, ", level - 1).repeat(10);
            text.push_str(&format!("a{level}: &a{level} [{below}]\n"));
        }
        assert_eq!(parse(text.as_bytes()), json!({}));
    }

    #[test]
    fn a_subchart_has_what_all_charts_above_set() {
        let chart = chart(&[
            (
                "Chart.yaml",
                "apiVersion: v2\nname: a\nversion: 1.0.0\n\
                 dependencies: [{name: b, alias: one}, {name: b, alias: two}]\n",
            ),
            ("values.yaml", "global: {g: 1}\none: {x: 2, c: {v: 3}, gone: null}\nc: no\n"),
            ("charts/b/Chart.yaml", "apiVersion: v2\nname: b\nversion: 1.0.0\n"),
            ("charts/b/values.yaml", "x: 1\ngone: 1\nc: {z: 1}\n"),
            ("charts/b/charts/c/Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\n"),
            ("charts/b/charts/c/values.yaml", "v: 1\nz: 0\n"),
            ("templates/Chart.yaml", "not: a chart"),
        ]);
        let found: Vec<_> = effective(&chart, &["two: {x: 9}\n".to_owned()])
            .into_iter()
            .map(|values| (values.prefix.join("."), values.values))
            .collect();
        let global = json!({"g": 1});
        let with_global = |mut values: serde_json::Value| {
            values["global"] = global.clone();
            values
        };
        let expected = [
            ("one.c", with_global(json!({"v": 3, "z": 1}))),
            ("one", with_global(json!({"x": 2, "c": {"v": 3, "z": 1}}))),
            ("two.c", with_global(json!({"v": 1, "z": 1}))),
            ("two", with_global(json!({"x": 9, "gone": 1, "c": {"z": 1}}))),
        ];
        for (prefix, values) in expected {
            let (_, found) = found.iter().find(|(found, _)| found == prefix).expect(prefix);
            assert_eq!(*found, values, "{prefix}");
        }
        assert_eq!(found.last().map(|(prefix, _)| prefix.as_str()), Some(""));
        assert_eq!(found.len(), 5);
    }
}
