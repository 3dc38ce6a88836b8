//! The values of variables. They come only from the plugin's configuration: plugins have no
//! environment.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::env_file;
use crate::interpolate::Interpolated;

/// The values of variables. A value that itself needs an unset variable is an error. It is reported
/// where the variable is used, because env files set many variables that images do not need.
#[derive(Clone, Debug, Default)]
pub(crate) struct Variables {
    values: HashMap<String, Result<Interpolated, String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    variables: Option<Written>,
}

/// The variables as written in the configuration.
#[derive(Deserialize)]
#[serde(untagged, expecting = "variables must be lines `NAME=VALUE` or a table of strings")]
enum Written {
    File(String),
    Table(Map<String, Value>),
}

impl Variables {
    /// Parses `{"variables": …}`.
    ///
    /// # Errors
    /// Fails if the configuration is not valid.
    pub(crate) fn from_config(json: &str) -> Result<Self, String> {
        let Config { variables } = serde_json::from_str(json).map_err(|error| error.to_string())?;
        match variables {
            None => Ok(Self::default()),
            Some(Written::File(text)) => Self::of_file(&text),
            Some(Written::Table(table)) => {
                let mut variables = Self::default();
                for (name, value) in table {
                    // A number may have lost a zero: `1.10` would be a version here.
                    let text = value.as_str().ok_or_else(|| {
                        format!("the variable `{name}` must be a string, put it in quotes")
                    })?;
                    let text = text.to_owned();
                    variables.set(name, Ok(Interpolated { text, remarks: Vec::new() }));
                }
                Ok(variables)
            }
        }
    }

    /// Parses the text of an env file.
    ///
    /// # Errors
    /// Fails at a line that is not an assignment.
    pub(crate) fn of_file(text: &str) -> Result<Self, String> {
        env_file::read(text)
    }

    pub(crate) fn set(&mut self, name: String, value: Result<Interpolated, String>) {
        self.values.insert(name, value);
    }

    /// Returns the value of a variable, or why it has none.
    pub(crate) fn get(&self, name: &str) -> Option<&Result<Interpolated, String>> {
        self.values.get(name)
    }
}

#[cfg(test)]
mod tests {
    use super::Variables;

    fn value(json: &str, name: &str) -> Option<String> {
        let variables = Variables::from_config(json).expect(json);
        variables.get(name).map(|value| value.as_ref().expect("a value").text.clone())
    }

    #[test]
    fn values_come_from_a_file_or_a_table() {
        assert_eq!(value(r#"{"variables":"A=1\nB=${A}2\n"}"#, "B").as_deref(), Some("12"));
        assert_eq!(value(r#"{"variables":{"A":"$B"}}"#, "A").as_deref(), Some("$B"));
        assert_eq!(value(r#"{"variables":{"A":"1"}}"#, "B"), None);
        assert_eq!(value("{}", "A"), None);
    }

    #[test]
    fn configurations_that_cannot_work_are_refused() {
        for (json, part) in [
            (r#"{"variables":1}"#, "lines `NAME=VALUE` or a table of strings"),
            (r#"{"variables":{"A":1.10}}"#, "the variable `A` must be a string"),
            (r#"{"variables":"\nA B"}"#, "line 2 of the variables: "),
            (r#"{"variable":""}"#, "unknown field `variable`"),
        ] {
            let message = Variables::from_config(json).expect_err(json);
            assert!(message.contains(part), "{json}: {message}");
        }
    }
}
