//! Edits of values, and the YAML that makes them.

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use serde_saphyr::DoubleQuoted;

/// A step into values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The value of a key.
    Key(String),
    /// An item of a list.
    Item(usize),
}

/// A value to set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Edit {
    /// The path in the values of the chart.
    pub(super) path: Vec<Step>,
    /// The text that the chart has there.
    pub(super) from: String,
    /// The text to set.
    pub(super) to: String,
}

/// The path of a boolean to set to true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Switch(pub(super) Vec<Step>);

/// Returns the YAML that sets edits and switches over `root`. Helm replaces a list as a whole, so an edit in a list
/// repeats the other items.
pub(super) fn text_of(root: &Value, edits: &[Edit], switches: &[Switch]) -> String {
    let mut values = Value::Object(Map::new());
    for edit in edits {
        set(&mut values, Some(root), &edit.path, &Value::String(edit.to.clone()));
    }
    for Switch(path) in switches {
        set(&mut values, Some(root), path, &Value::Bool(true));
    }
    serde_saphyr::to_string(&Quoted(&values)).unwrap_or_default()
}

/// A value whose texts are in double quotes. Helm reads YAML 1.1, in which `on`, `1_000` and `0777` are
/// no texts.
struct Quoted<'a>(&'a Value);

impl Serialize for Quoted<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::String(text) => DoubleQuoted(text.as_str()).serialize(serializer),
            Value::Array(items) => serializer.collect_seq(items.iter().map(Quoted)),
            Value::Object(fields) => {
                let fields = fields.iter().map(|(key, value)| (Key(key), Quoted(value)));
                serializer.collect_map(fields)
            }
            other => other.serialize(serializer),
        }
    }
}

/// A key, in double quotes where YAML could take it for something other than a text.
struct Key<'a>(&'a str);

impl Serialize for Key<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let words = ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"];
        let is_word = words.iter().any(|word| self.0.eq_ignore_ascii_case(word));
        let is_name = self.0.starts_with(|first: char| first.is_ascii_alphabetic())
            && self.0.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-".contains(letter));
        if is_name && !is_word {
            serializer.serialize_str(self.0)
        } else {
            DoubleQuoted(self.0).serialize(serializer)
        }
    }
}

fn set(values: &mut Value, root: Option<&Value>, path: &[Step], to: &Value) {
    match path {
        [] => *values = to.clone(),
        [Step::Key(key), rest @ ..] => {
            if !values.is_object() {
                *values = Value::Object(Map::new());
            }
            let below = root.and_then(|root| root.get(key));
            if let Value::Object(map) = values {
                set(map.entry(key.clone()).or_insert(Value::Null), below, rest, to);
            }
        }
        [Step::Item(at), rest @ ..] => {
            if !values.is_array() {
                *values = root.cloned().unwrap_or_default();
            }
            if let Some(item) = values.get_mut(at) {
                set_in(item, rest, to);
            }
        }
    }
}

/// Sets a value inside an item that is complete already.
fn set_in(item: &mut Value, path: &[Step], to: &Value) {
    let next = match path {
        [] => return *item = to.clone(),
        [Step::Key(key), ..] => item.get_mut(key),
        [Step::Item(at), ..] => item.get_mut(at),
    };
    if let Some(next) = next {
        set_in(next, &path[1..], to);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Edit, Step, Switch, text_of};

    fn edit(path: &[&str], to: &str) -> Edit {
        let step = |part: &&str| match part.parse() {
            Ok(at) => Step::Item(at),
            Err(_) => Step::Key((*part).to_owned()),
        };
        let path = path.iter().map(step).collect();
        Edit { path, from: String::new(), to: to.to_owned() }
    }

    #[test]
    fn only_the_edited_keys_are_set_and_lists_are_whole() {
        let root = json!({
            "image": {"repository": "a", "tag": "1"},
            "jobs": [{"name": "x", "image": "a", "on": true}, {"name": "y", "images": ["b", "c"]}]
        });
        let edits = [
            edit(&["image", "repository"], "m/a"),
            edit(&["jobs", "0", "image"], "m/a"),
            edit(&["jobs", "1", "images", "1"], "m/c"),
            edit(&["global", "registry"], "m"),
        ];
        let expected = json!({
            "image": {"repository": "m/a"},
            "jobs": [{"name": "x", "image": "m/a", "on": true}, {"name": "y", "images": ["b", "m/c"]}],
            "global": {"registry": "m"},
            "on": true
        });
        let text = text_of(&root, &edits, &[Switch(vec![Step::Key("on".to_owned())])]);
        let found: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn texts_stay_texts_in_every_version_of_yaml() {
        let odd =
            ["on", "No", "0777", "1_000", "1e3", "12:30:45", "~", "2026-01-01", "", "a: b # c"];
        let odd = odd.into_iter().chain(["{{ x }}", "\"q\"", "a\\b", "two\nlines", "é\u{7f}"]);
        let odd: Vec<_> = odd.collect();
        let fields: serde_json::Map<_, _> =
            odd.iter().map(|text| ((*text).to_owned(), json!(text))).collect();
        let root = json!({"jobs": [{"image": "a", "args": odd, "fields": fields, "count": 1}]});
        let text = text_of(&root, &[edit(&["jobs", "0", "image"], "m/a")], &[]);
        let found: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
        assert_eq!(found["jobs"][0]["args"], json!(odd), "{text}");
        assert_eq!(found["jobs"][0]["fields"], json!(fields), "{text}");
        assert_eq!(found["jobs"][0]["count"], 1);
        for quoted in ["\"on\": \"on\"", "- \"0777\"", "image: \"m/a\"", "count: 1\n"] {
            assert!(text.contains(quoted), "{quoted}: {text}");
        }
    }
}
