//! The variables of a text. They come only from the plugin's configuration: plugins have no
//! environment.

use std::collections::HashMap;

use serde_json::Value;

use crate::line::lines;

/// The values of variables.
#[derive(Clone, Debug, Default)]
pub struct Variables(HashMap<String, String>);

impl Variables {
    /// Parses a configuration with one key: lines `NAME=VALUE` as in an env file, or a table of
    /// strings.
    ///
    /// # Errors
    /// Fails if the configuration has another key or shape.
    pub fn from_config(json: &str, key: &str) -> Result<Self, String> {
        let config: Value = serde_json::from_str(json).map_err(|error| error.to_string())?;
        let config = config.as_object().ok_or("the configuration must be a table")?;
        if let Some(other) = config.keys().find(|found| *found != key) {
            return Err(format!("unknown field `{other}`"));
        }
        match config.get(key) {
            None | Some(Value::Null) => Ok(Self::default()),
            Some(Value::String(text)) => Self::of_lines(text),
            Some(Value::Object(table)) => {
                let pair = |(name, value): (&String, &Value)| match value.as_str() {
                    Some(value) => Ok((name.clone(), value.to_owned())),
                    // A number may have lost a zero: `1.10` would be a version here.
                    None => {
                        Err(format!("the variable `{name}` must be a string, put it in quotes"))
                    }
                };
                table.iter().map(pair).collect::<Result<_, _>>().map(Self)
            }
            Some(_) => Err(format!("{key} must be lines `NAME=VALUE` or a table of strings")),
        }
    }

    /// Parses the lines of an env file. The last one for a name wins.
    fn of_lines(text: &str) -> Result<Self, String> {
        let mut variables = HashMap::new();
        for line in lines(text).filter(|line| !line.trimmed().starts_with('#')) {
            let wrong = |what: &str| format!("line {} of the variables: {what}", line.number);
            let assignment = line.trimmed();
            let assignment = assignment.strip_prefix("export ").unwrap_or(assignment);
            let Some((name, value)) = assignment.split_once('=') else {
                return Err(wrong("expected NAME=VALUE"));
            };
            let name = name.trim();
            if name.is_empty() || name.contains(char::is_whitespace) {
                return Err(wrong("expected NAME=VALUE"));
            }
            variables.insert(name.to_owned(), value_of(value.trim()).map_err(|why| wrong(&why))?);
        }
        Ok(Self(variables))
    }

    /// Returns the value of a variable.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

/// Returns a value without its quotes and without the comment behind it.
fn value_of(text: &str) -> Result<String, String> {
    let Some(quote) = text.chars().next().filter(|first| matches!(first, '"' | '\'')) else {
        let comment =
            text.match_indices('#').find(|(at, _)| *at == 0 || text[..*at].ends_with([' ', '\t']));
        return Ok(text[..comment.map_or(text.len(), |(at, _)| at)].trim_end().to_owned());
    };
    let Some((value, after)) = text[1..].split_once(quote) else {
        return Err(format!("there is no closing {quote}"));
    };
    let after = after.trim_start();
    if after.is_empty() || after.starts_with('#') {
        return Ok(value.to_owned());
    }
    Err(format!("`{after}` follows the closing quote"))
}

#[cfg(test)]
mod tests {
    use super::Variables;

    #[test]
    fn values_come_from_lines_or_a_table() {
        let text =
            "# a\\n\\nexport A=1\\nB = 'x # y' # why\\nC=x#y # z\\nD=\\nE=\\\"q\\\"\\r\\nA=2\\n";
        let lines =
            Variables::from_config(&format!("{{\"variables\":\"{text}\"}}"), "variables").unwrap();
        for (name, value) in [("A", "2"), ("B", "x # y"), ("C", "x#y"), ("D", ""), ("E", "q")] {
            assert_eq!(lines.get(name), Some(value), "{name}");
        }
        let table = Variables::from_config(r#"{"variables":{"A":"$B"}}"#, "variables").unwrap();
        assert_eq!((table.get("A"), table.get("B")), (Some("$B"), None));
        assert!(Variables::from_config("{}", "variables").is_ok());
    }

    #[test]
    fn configurations_that_cannot_work_are_refused() {
        for (json, part) in [
            (r#"{"variables":1}"#, "lines `NAME=VALUE` or a table of strings"),
            (r#"{"variables":{"A":1.10}}"#, "the variable `A` must be a string"),
            (r#"{"variables":"\nA B"}"#, "line 2 of the variables: expected NAME=VALUE"),
            (r#"{"variables":"=1"}"#, "line 1 of the variables: expected NAME=VALUE"),
            (r#"{"variables":"A='x"}"#, "there is no closing '"),
            (r#"{"variables":"A='x'y"}"#, "`y` follows the closing quote"),
            (r#"{"variable":""}"#, "unknown field `variable`"),
        ] {
            let message = Variables::from_config(json, "variables").expect_err(json);
            assert!(message.contains(part), "{json}: {message}");
        }
    }
}
