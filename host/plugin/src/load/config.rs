//! The configuration of a plugin, typed and checked by the JSON Schema in its metadata.
//!
//! The schema describes one flat object, because `--plugin-config KEY=VALUE` expresses no more. A
//! schema may use the keywords of JSON Schema that are listed here. The host refuses other keywords, so
//! that it never ignores a constraint of a plugin.

use serde_json::{Map, Number, Value};

use crate::escape::shown;

/// Keywords that describe a value and do not constrain it.
const ANNOTATIONS: [&str; 8] =
    ["$schema", "$id", "$comment", "title", "description", "default", "examples", "deprecated"];

/// Explains why a configuration or its schema is invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The schema is invalid.
    #[error("its config schema is invalid at `{place}`: {reason}")]
    Schema {
        /// The property, or the schema as a whole.
        place: String,
        /// What is wrong.
        reason: String,
    },
    /// A property is a secret.
    #[error(
        "its config schema has a secret in `{key}`; secrets belong to endpoints, whose \
         credentials a plugin never sees"
    )]
    Secret {
        /// The property.
        key: String,
    },
    /// A key is not in the schema.
    #[error("unknown key `{key}` (known: {known})")]
    UnknownKey {
        /// The key that the user set.
        key: String,
        /// The keys in the schema.
        known: String,
    },
    /// A required key is missing.
    #[error("`{key}` needs a value")]
    Missing {
        /// The key.
        key: String,
    },
    /// A value has the wrong type or is out of range.
    #[error("`{key}` must be {expected}, not `{value}`")]
    Mismatch {
        /// The key.
        key: String,
        /// The values that the schema allows.
        expected: String,
        /// The value that the user set.
        value: String,
    },
}

impl ConfigError {
    /// Returns the key that the user set or should set, if the error is about one.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::Schema { .. } | Self::Secret { .. } => None,
            Self::UnknownKey { key, .. } | Self::Missing { key } | Self::Mismatch { key, .. } => {
                Some(key)
            }
        }
    }
}

/// Checks a schema without values.
pub(crate) fn check_schema(schema: Option<&Value>) -> Result<(), ConfigError> {
    schema.map_or(Ok(()), |schema| Schema::read(schema).map(drop))
}

/// Gives the values the types of the schema and checks them. Without a schema they stay unchanged.
pub(crate) fn typed(
    schema: Option<&Value>,
    values: Map<String, Value>,
) -> Result<Map<String, Value>, ConfigError> {
    let Some(schema) = schema else {
        return Ok(values);
    };
    let schema = Schema::read(schema)?;
    let mut typed = Map::new();
    for (key, value) in values {
        let value = match schema.properties.get(&key) {
            Some(property) => Property::read(&key, property)?.fit(&key, value)?,
            None if schema.open => value,
            None => return Err(schema.unknown(&key)),
        };
        typed.insert(key, value);
    }
    match schema.required.iter().find(|&&key| !typed.contains_key(key)) {
        Some(&key) => Err(ConfigError::Missing { key: shown(key) }),
        None => Ok(typed),
    }
}

/// Returns the keys that a schema allows; `None` if it allows any key, or is invalid.
pub(crate) fn keys(schema: &Value) -> Option<Vec<String>> {
    let schema = Schema::read(schema).ok().filter(|schema| !schema.open)?;
    Some(schema.properties.keys().cloned().collect())
}

struct Schema<'a> {
    properties: Map<String, Value>,
    required: Vec<&'a str>,
    /// Whether keys without a property are allowed. Unlike in JSON Schema, the default is no, so that
    /// a misspelt key is an error.
    open: bool,
}

impl<'a> Schema<'a> {
    fn read(schema: &'a Value) -> Result<Self, ConfigError> {
        const WHOLE: &str = "the schema";
        let object = schema.as_object().ok_or_else(|| invalid(WHOLE, "it must be an object"))?;
        let mut read = Self { properties: Map::new(), required: Vec::new(), open: false };
        for (keyword, value) in object {
            match (keyword.as_str(), value) {
                ("type", Value::String(kind)) if kind == "object" => {}
                ("properties", Value::Object(properties)) => read.properties = properties.clone(),
                ("additionalProperties", Value::Bool(open)) => read.open = *open,
                ("required", Value::Array(keys)) => {
                    read.required = keys
                        .iter()
                        .map(Value::as_str)
                        .collect::<Option<_>>()
                        .ok_or_else(|| invalid(WHOLE, "`required` must list strings"))?;
                }
                (keyword, _) if ANNOTATIONS.contains(&keyword) => {}
                (keyword, _) => return Err(unsupported(WHOLE, keyword)),
            }
        }
        let is_known = |key: &&&str| read.open || read.properties.contains_key(**key);
        if let Some(key) = read.required.iter().find(|key| !is_known(key)) {
            let reason = format!("`required` has `{}`, which is not a property", shown(key));
            return Err(invalid(WHOLE, &reason));
        }
        // Checks all properties, so that an invalid schema fails even if the user sets no key.
        for (key, property) in &read.properties {
            Property::read(key, property)?;
        }
        Ok(read)
    }

    fn unknown(&self, key: &str) -> ConfigError {
        let known: Vec<_> = self.properties.keys().map(|key| shown(key)).collect();
        ConfigError::UnknownKey {
            key: shown(key),
            known: if known.is_empty() { "none".to_owned() } else { known.join(", ") },
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Type {
    Any,
    Boolean,
    Integer,
    Number,
    String,
    Array,
    Object,
}

struct Property<'a> {
    kind: Type,
    items: Option<Box<Self>>,
    allowed: Option<&'a [Value]>,
    least: Option<f64>,
    most: Option<f64>,
}

impl<'a> Property<'a> {
    fn read(key: &str, schema: &'a Value) -> Result<Self, ConfigError> {
        let object = schema.as_object().ok_or_else(|| invalid(key, "it must be an object"))?;
        let mut read =
            Self { kind: Type::Any, items: None, allowed: None, least: None, most: None };
        for (keyword, value) in object {
            match (keyword.as_str(), value) {
                ("type", Value::String(kind)) => read.kind = kind_of(key, kind)?,
                ("items", items) => read.items = Some(Box::new(Self::read(key, items)?)),
                ("enum", Value::Array(values)) => read.allowed = Some(values),
                ("minimum", Value::Number(least)) => read.least = least.as_f64(),
                ("maximum", Value::Number(most)) => read.most = most.as_f64(),
                ("writeOnly", Value::Bool(false)) => {}
                ("writeOnly", _) => return Err(ConfigError::Secret { key: shown(key) }),
                ("format", format) if format == "password" => {
                    return Err(ConfigError::Secret { key: shown(key) });
                }
                // In JSON Schema `format` is an annotation by default.
                ("format", Value::String(_)) => {}
                (keyword, _) if ANNOTATIONS.contains(&keyword) => {}
                (keyword, _) => return Err(unsupported(key, keyword)),
            }
        }
        read.check(key)?;
        Ok(read)
    }

    /// Fails if no value fits.
    fn check(&self, key: &str) -> Result<(), ConfigError> {
        if self.least.zip(self.most).is_some_and(|(least, most)| least > most) {
            return Err(invalid(key, "`minimum` is greater than `maximum`"));
        }
        match self.allowed {
            Some(allowed) if !allowed.iter().any(|value| self.kind.holds(value)) => {
                Err(invalid(key, "`enum` has no value of the type"))
            }
            _ => Ok(()),
        }
    }

    fn fit(&self, key: &str, value: Value) -> Result<Value, ConfigError> {
        let fitting = match (self.kind, &value) {
            (Type::Array, Value::Array(values)) => Some(self.fit_items(key, values.clone())?),
            (Type::Array, Value::String(text)) => {
                let values = text.split(',').map(|item| Value::from(item.trim()));
                let values = values.filter(|item| item != "").collect();
                Some(self.fit_items(key, values)?)
            }
            (kind, Value::String(text)) => kind.parse(text),
            (kind, value) => kind.holds(value).then(|| value.clone()),
        };
        match fitting.filter(|fitting| self.allows(fitting)) {
            Some(fitting) => Ok(fitting),
            None => Err(ConfigError::Mismatch {
                key: shown(key),
                expected: self.expected(),
                value: shown(value.as_str().map_or(&value.to_string(), |text| text)),
            }),
        }
    }

    fn fit_items(&self, key: &str, values: Vec<Value>) -> Result<Value, ConfigError> {
        let Some(items) = &self.items else {
            return Ok(Value::Array(values));
        };
        let fitted: Result<Vec<_>, _> =
            values.into_iter().map(|value| items.fit(key, value)).collect();
        fitted.map(Value::Array)
    }

    fn allows(&self, value: &Value) -> bool {
        let number = value.as_f64();
        self.allowed.is_none_or(|allowed| allowed.contains(value))
            && !matches!((number, self.least), (Some(number), Some(least)) if number < least)
            && !matches!((number, self.most), (Some(number), Some(most)) if number > most)
    }

    fn expected(&self) -> String {
        if let Some(allowed) = self.allowed {
            let allowed: Vec<_> = allowed
                .iter()
                .map(|value| shown(value.as_str().map_or(&value.to_string(), |text| text)))
                .collect();
            return format!("one of {}", allowed.join(", "));
        }
        let bounds = match (self.least, self.most) {
            (Some(least), Some(most)) => format!(" from {least} to {most}"),
            (Some(least), None) => format!(" of at least {least}"),
            (None, Some(most)) => format!(" of at most {most}"),
            (None, None) => String::new(),
        };
        format!("{}{bounds}", self.kind.named())
    }
}

impl Type {
    /// Parses a text from the command line as this type.
    fn parse(self, text: &str) -> Option<Value> {
        match self {
            Self::Any | Self::String => Some(Value::from(text)),
            Self::Boolean => text.parse().ok().map(Value::Bool),
            Self::Integer => text.parse::<i64>().ok().map(Value::from),
            Self::Number => text.parse().ok().and_then(Number::from_f64).map(Value::Number),
            Self::Array => None,
            Self::Object => serde_json::from_str(text).ok().filter(Value::is_object),
        }
    }

    fn holds(self, value: &Value) -> bool {
        match self {
            Self::Any => true,
            Self::Boolean => value.is_boolean(),
            Self::Integer => value.is_i64() || value.is_u64(),
            Self::Number => value.is_number(),
            Self::String => value.is_string(),
            Self::Array => value.is_array(),
            Self::Object => value.is_object(),
        }
    }

    const fn named(self) -> &'static str {
        match self {
            Self::Any => "a value",
            Self::Boolean => "true or false",
            Self::Integer => "an integer",
            Self::Number => "a number",
            Self::String => "a string",
            Self::Array => "a comma-separated list",
            Self::Object => "a JSON object",
        }
    }
}

fn kind_of(key: &str, kind: &str) -> Result<Type, ConfigError> {
    Ok(match kind {
        "boolean" => Type::Boolean,
        "integer" => Type::Integer,
        "number" => Type::Number,
        "string" => Type::String,
        "array" => Type::Array,
        "object" => Type::Object,
        _ => return Err(invalid(key, &format!("unknown type `{}`", shown(kind)))),
    })
}

fn invalid(place: &str, reason: &str) -> ConfigError {
    ConfigError::Schema { place: shown(place), reason: reason.to_owned() }
}

fn unsupported(place: &str, keyword: &str) -> ConfigError {
    let reason = format!("the keyword `{}` is not supported here", shown(keyword));
    invalid(place, &reason)
}

#[cfg(test)]
mod tests;
