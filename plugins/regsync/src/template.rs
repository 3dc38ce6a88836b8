//! Expands the Go templates of `source` and `target`, as far as they need no program and no file.
//!
//! ```text
//! registry.example.org/hub/{{ .Sync.Source }}
//! {{ env "MIRROR" | default "registry.example.org" }}/{{ index (split .Sync.Source "gcr.io/") 1 }}
//! ```

mod token;

use longshore_plugin_sdk::credential::Part;
use longshore_plugin_sdk::variables::Variables;
use token::{Token, tokens};

/// Maximum depth of parentheses.
const MAX_DEPTH: usize = 16;

/// A hint on how to set a variable.
const HINT: &str = "--plugin-config regsync.variables=@FILE sets it";

/// The values that a template can name.
pub(crate) struct Context<'a> {
    pub(crate) variables: &'a Variables,
    /// The fields of `.Sync` with their values.
    pub(crate) sync: &'a [(&'static str, &'a str)],
}

/// A template with everything expanded, and warnings about variables that are not set.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Expanded {
    pub(crate) text: String,
    pub(crate) remarks: Vec<String>,
}

/// A value inside a template.
enum Value {
    Text(String),
    List(Vec<String>),
    Number(usize),
    /// The variable of this name is not set.
    Unset(String),
    /// What only the host knows: a variable or a file of its own.
    OfHost(Part),
}

/// Expands a template.
///
/// # Errors
/// Names the variable without a value, or the part of the template that is not supported.
pub(crate) fn expanded(text: &str, context: &Context<'_>) -> Result<Expanded, String> {
    let mut result = Expanded::default();
    let Expanded { text: joined, remarks } = &mut result;
    each_value(text, context, remarks, false, |value| {
        joined.push_str(&text_of(value)?);
        Ok(())
    })?;
    Ok(result)
}

/// Expands the template of a secret. Variables that the user does not give to the plugin, and files, are
/// left to the host.
///
/// # Errors
/// Says what is possible. It does not quote the template, which may hold a part of the secret.
pub(crate) fn parts(text: &str, variables: &Variables) -> Result<Vec<Part>, &'static str> {
    let mut parts = Vec::new();
    let context = Context { variables, sync: &[] };
    let expanded = each_value(text, &context, &mut Vec::new(), true, |value| {
        parts.push(match value {
            Value::OfHost(part) => part,
            value => Part::Text(text_of(value)?),
        });
        Ok(())
    });
    expanded
        .map_err(|_| "its template is not supported: use env, file and default, or write it out")?;
    Ok(parts)
}

/// Gives each piece of a template to `take`: the texts between its actions, and the values of these. In a
/// `secret`, variables without a value and files are the host's.
fn each_value(
    text: &str,
    context: &Context<'_>,
    remarks: &mut Vec<String>,
    secret: bool,
    mut take: impl FnMut(Value) -> Result<(), String>,
) -> Result<(), String> {
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (action, after) = after.split_once("}}").ok_or("a `{{` has no `}}`")?;
        let (action, before) = match action.strip_prefix("- ") {
            Some(action) => (action, before.trim_end()),
            None => (action, before),
        };
        let (action, after) = match action.strip_suffix(" -") {
            Some(action) => (action, after.trim_start()),
            None => (action, after),
        };
        if !before.is_empty() {
            take(Value::Text(before.to_owned()))?;
        }
        rest = after;
        let action = action.trim();
        if action.starts_with("/*") && action.ends_with("*/") {
            continue;
        }
        let tokens = tokens(action)?;
        let mut parser = Parser { tokens: &tokens, context, remarks: &mut *remarks, secret };
        let value = parser.pipeline(0)?;
        if let Some(left) = parser.tokens.first() {
            return Err(format!("`{left}` is not expected in a template"));
        }
        take(value)?;
    }
    if !rest.is_empty() {
        take(Value::Text(rest.to_owned()))?;
    }
    Ok(())
}

struct Parser<'t, 'c> {
    tokens: &'t [Token],
    context: &'c Context<'c>,
    remarks: &'t mut Vec<String>,
    /// True if the host expands what the plugin cannot.
    secret: bool,
}

impl Parser<'_, '_> {
    /// Evaluates `COMMAND | COMMAND …`. Each command gets the value before it as its last argument.
    fn pipeline(&mut self, depth: usize) -> Result<Value, String> {
        if depth > MAX_DEPTH {
            return Err("the template is nested too deeply".into());
        }
        let mut value = self.command(None, depth)?;
        while self.tokens.first() == Some(&Token::Pipe) {
            self.tokens = &self.tokens[1..];
            value = self.command(Some(value), depth)?;
        }
        Ok(value)
    }

    fn command(&mut self, piped: Option<Value>, depth: usize) -> Result<Value, String> {
        let Some((first, rest)) = self.tokens.split_first() else {
            return Err("a template is empty".into());
        };
        let Token::Word(name) = first else {
            if piped.is_some() {
                return Err(format!("`{first}` is not a function"));
            }
            return self.operand(depth);
        };
        self.tokens = rest;
        let mut arguments = Vec::new();
        while !matches!(self.tokens.first(), None | Some(Token::Pipe | Token::Close)) {
            arguments.push(self.operand(depth)?);
        }
        arguments.extend(piped);
        self.call(name, arguments)
    }

    fn operand(&mut self, depth: usize) -> Result<Value, String> {
        let Some((first, rest)) = self.tokens.split_first() else {
            return Err("a template is cut off".into());
        };
        self.tokens = rest;
        match first {
            Token::Text(text) => Ok(Value::Text(text.clone())),
            Token::Number(number) => Ok(Value::Number(*number)),
            Token::Field(path) => self.field(path),
            Token::Open => {
                let value = self.pipeline(depth + 1)?;
                match self.tokens.split_first() {
                    Some((Token::Close, rest)) => self.tokens = rest,
                    _ => return Err("a `(` has no `)`".into()),
                }
                Ok(value)
            }
            Token::Word(name) => self.call(&name.clone(), Vec::new()),
            Token::Pipe | Token::Close => Err(format!("`{first}` is not expected in a template")),
        }
    }

    fn field(&self, path: &str) -> Result<Value, String> {
        let name = path.strip_prefix(".Sync.").unwrap_or_default();
        match self.context.sync.iter().find(|(field, _)| *field == name) {
            Some((_, value)) => Ok(Value::Text((*value).to_owned())),
            None => {
                Err(format!("the template names `{path}`, which is not supported: write it out"))
            }
        }
    }

    fn call(&mut self, name: &str, arguments: Vec<Value>) -> Result<Value, String> {
        match (name, <[Value; 1]>::try_from(arguments)) {
            ("env", Ok([key])) => {
                let key = text_of(key)?;
                Ok(match self.context.variables.get(&key) {
                    Some(value) => Value::Text(value.to_owned()),
                    None if self.secret => {
                        Value::OfHost(Part::Variable { name: key, default: None })
                    }
                    None => Value::Unset(key),
                })
            }
            ("file", Ok([path])) if self.secret => Ok(Value::OfHost(Part::File(text_of(path)?))),
            ("lower", Ok([value])) => changed(value, str::to_lowercase),
            ("upper", Ok([value])) => changed(value, str::to_uppercase),
            ("print", Ok([value])) => Ok(value),
            ("default", Err(arguments)) => match <[Value; 2]>::try_from(arguments) {
                Ok([default, value]) => self.default(default, value),
                Err(_) => Err("`default` needs two values".into()),
            },
            ("split", Err(arguments)) => match <[Value; 2]>::try_from(arguments) {
                Ok([text, separator]) => {
                    let (text, separator) = (text_of(text)?, text_of(separator)?);
                    Ok(Value::List(text.split(separator.as_str()).map(str::to_owned).collect()))
                }
                Err(_) => Err("`split` needs a text and a separator".into()),
            },
            ("join", Err(arguments)) => match <[Value; 2]>::try_from(arguments) {
                Ok([Value::List(items), separator]) => {
                    Ok(Value::Text(items.join(&text_of(separator)?)))
                }
                _ => Err("`join` needs a list and a separator".into()),
            },
            ("index", Err(arguments)) => match <[Value; 2]>::try_from(arguments) {
                Ok([Value::List(items), Value::Number(at)]) => match items.get(at) {
                    Some(item) => Ok(Value::Text(item.clone())),
                    None => Err(format!("`index` asks for item {at} of {}", items.len())),
                },
                _ => Err("`index` needs a list and a number".into()),
            },
            ("env" | "lower" | "upper" | "print", Err(_)) => {
                Err(format!("`{name}` needs one value"))
            }
            _ => Err(format!("the template uses `{name}`, which is not supported: write it out")),
        }
    }

    /// Returns the value, or the default if it is empty.
    fn default(&mut self, default: Value, value: Value) -> Result<Value, String> {
        Ok(match value {
            Value::OfHost(Part::Variable { name, .. }) => {
                Value::OfHost(Part::Variable { name, default: Some(text_of(default)?) })
            }
            Value::OfHost(_) => return Err("a file has no default".into()),
            Value::Unset(name) => {
                self.remarks.push(format!("the variable `{name}` is not set: its default is used"));
                default
            }
            Value::Text(text) if text.is_empty() => default,
            Value::List(items) if items.is_empty() => default,
            Value::Number(0) => default,
            value => value,
        })
    }
}

/// Changes a text. A variable that is not set stays unset.
fn changed(value: Value, change: fn(&str) -> String) -> Result<Value, String> {
    match value {
        Value::Unset(name) => Ok(Value::Unset(name)),
        value => Ok(Value::Text(change(&text_of(value)?))),
    }
}

fn text_of(value: Value) -> Result<String, String> {
    match value {
        Value::Text(text) => Ok(text),
        Value::Number(number) => Ok(number.to_string()),
        Value::List(_) => Err("the template gives a list, not a text".into()),
        Value::Unset(name) => Err(format!("the variable `{name}` is not set; {HINT}")),
        Value::OfHost(_) => Err("only `default` takes a variable or a file of the host".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Context, Expanded, expanded};
    use longshore_plugin_sdk::variables::Variables;

    fn of(text: &str) -> Result<Expanded, String> {
        let variables = Variables::from_config(
            r#"{"variables": "REG=r.io:5000\nEMPTY=\nUP=Team"}"#,
            "variables",
        );
        let sync = [("Source", "gcr.io/team/app"), ("Type", "repository"), ("Platform", "")];
        expanded(text, &Context { variables: &variables.expect("variables"), sync: &sync })
    }

    #[test]
    fn what_needs_no_program_is_expanded() {
        for (text, expected) in [
            ("alpine", "alpine"),
            ("{{ env \"REG\" }}/a", "r.io:5000/a"),
            ("{{env `REG`}}/{{.Sync.Source}}", "r.io:5000/gcr.io/team/app"),
            ("{{ .Sync.Type | upper }}", "REPOSITORY"),
            ("a/{{ env \"UP\" | lower }}", "a/team"),
            ("a/{{ lower (env \"UP\") }}", "a/team"),
            ("{{ env \"EMPTY\" | default \"b\" }}", "b"),
            ("{{ default \"b\" (env \"REG\") }}", "r.io:5000"),
            ("{{ default `linux` .Sync.Platform }}", "linux"),
            ("r/{{ index (split .Sync.Source \"gcr.io/\") 1 }}", "r/team/app"),
            ("{{ join (split .Sync.Source \"/\") \"-\" }}", "gcr.io-team-app"),
            ("a {{- /* a remark */ -}} b", "ab"),
            ("a/ {{- print \"b\" }}", "a/b"),
            ("{{ \"x\\\"y\" }}", "x\"y"),
        ] {
            let found = of(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(found, Expanded { text: expected.to_owned(), remarks: vec![] }, "{text}");
        }
        let found = of("{{ env \"NO\" | lower | default \"a\" }}").expect("a default");
        assert_eq!(found.text, "a");
        assert_eq!(found.remarks, ["the variable `NO` is not set: its default is used"]);
    }

    #[test]
    fn the_rest_is_refused_by_name() {
        for (text, part) in [
            (
                "{{ env \"NO\" }}",
                "the variable `NO` is not set; --plugin-config regsync.variables=",
            ),
            ("{{ split (env \"NO\") \"/\" }}", "the variable `NO` is not set"),
            ("{{ file \"/etc/name\" }}", "the template uses `file`, which is not supported"),
            ("{{ time.Now }}", "the template uses `time.Now`"),
            ("{{ if .Sync.Source }}a{{ end }}", "the template uses `if`"),
            ("{{ range .Sync.Tags.Allow }}", "`.Sync.Tags.Allow`"),
            ("{{ json .Sync.Source }}", "the template uses `json`"),
            ("{{ .Sync.Tags }}", "names `.Sync.Tags`"),
            ("{{ .Ref.Tag }}", "names `.Ref.Tag`"),
            ("{{ . }}", "names `.`"),
            ("{{ $x := 1 }}", "`$`"),
            ("{{ split \"a\" \"b\" }}", "gives a list"),
            ("{{ index (split \"a\" \"b\") 1 }}", "item 1 of 1"),
            ("{{ env }}", "`env` needs one value"),
            ("{{ env \"A\" \"B\" }}", "`env` needs one value"),
            ("{{ lower (env \"REG\" }}", "has no `)`"),
            ("{{ env \"REG }}", "a text in a template has no end"),
            ("{{ env \"REG\"", "has no `}}`"),
            ("{{ }}", "is empty"),
            ("{{ \"a\" | \"b\" }}", "is not a function"),
            ("{{ \"a\" \"b\" }}", "is not expected"),
            (&format!("{{{{ {}1 }}}}", "(".repeat(40)), "nested too deeply"),
        ] {
            let message = of(text).expect_err(text);
            assert!(message.contains(part), "{text}: {message}");
        }
    }
}
