//! Comparison of platforms and of JSON objects.

use serde_json::{Map, Value};

use super::room::FINDINGS;
use crate::job::Finding;
use longshore_oci::Platform;

/// The most characters shown of a value.
const SHOWN: usize = 200;

/// Compares two platforms; the findings have Hangar's order and words.
pub(super) fn platforms(wanted: Option<&Platform>, found: Option<&Platform>) -> Vec<Finding> {
    let nothing = Platform::default();
    parts(wanted.unwrap_or(&nothing))
        .into_iter()
        .zip(parts(found.unwrap_or(&nothing)))
        .filter(|((_, one), (_, other))| one != other)
        .map(|((part, one), (_, other))| Finding::differs(part, one, other))
        .collect()
}

fn parts(platform: &Platform) -> [(&'static str, String); 5] {
    [
        ("arch", platform.architecture.clone()),
        ("os", platform.os.clone()),
        ("variant", platform.variant.clone().unwrap_or_default()),
        ("os.version", platform.os_version.clone().unwrap_or_default()),
        ("os.features", platform.os_features.clone().unwrap_or_default().join(",")),
    ]
}

/// Compares two objects by key, except those in `skipped`. Absent, `null` and empty values are
/// equal.
pub(super) fn keys(wanted: &Value, found: &Value, skipped: &[&str]) -> Vec<Finding> {
    let nothing = Map::new();
    let (wanted, found) =
        (wanted.as_object().unwrap_or(&nothing), found.as_object().unwrap_or(&nothing));
    let added = found.keys().filter(|key| !wanted.contains_key(*key));
    wanted
        .keys()
        .chain(added)
        .filter(|key| !skipped.contains(&key.as_str()))
        .filter_map(|key| {
            let (one, other) = (value(wanted, key), value(found, key));
            (one != other).then(|| Finding::differs(key, shown(one), shown(other)))
        })
        .take(FINDINGS)
        .collect()
}

fn value<'a>(map: &'a Map<String, Value>, key: &str) -> &'a Value {
    let is_empty = |value: &Value| match value {
        Value::Object(map) => map.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    };
    map.get(key).filter(|value| !is_empty(value)).unwrap_or(&Value::Null)
}

fn shown(value: &Value) -> String {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if text.chars().count() <= SHOWN {
        return text;
    }
    text.chars().take(SHOWN).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::keys;

    #[test]
    fn only_what_says_something_differs() {
        let one = json!({"a": {"x": "1"}, "b": null, "c": 1, "skipped": 1});
        let other = json!({"a": {"x": "2"}, "c": 1, "d": [], "e": "new"});
        let found: Vec<String> =
            keys(&one, &other, &["skipped"]).into_iter().map(|finding| finding.text).collect();
        assert_eq!(
            found,
            [r#"source a "{"x":"1"}" != dest a "{"x":"2"}""#, r#"source e "" != dest e "new""#,]
        );
    }
}
