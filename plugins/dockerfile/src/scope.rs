//! The values of build arguments and variables.

use std::collections::HashMap;

use longshore_plugin_sdk::variables::Variables;

use crate::expand::{Expanded, expand};
use crate::instruction::{Instruction, Word};

/// Arguments whose values depend on where and for what an image is built.
const AUTOMATIC: [&str; 8] = [
    "BUILDPLATFORM",
    "BUILDOS",
    "BUILDARCH",
    "BUILDVARIANT",
    "TARGETPLATFORM",
    "TARGETOS",
    "TARGETARCH",
    "TARGETVARIANT",
];

/// The arguments at a point of a Dockerfile.
pub(crate) struct Scope<'a> {
    given: &'a Variables,
    escape: char,
    /// The arguments above the first `FROM`, which only `FROM` sees.
    global: HashMap<String, String>,
    /// What the current stage sees; none above the first `FROM`.
    stage: Option<HashMap<String, String>>,
}

/// The value of a word.
pub(crate) enum Value {
    Known(Expanded),
    /// It depends on the platform that is built on or for.
    Automatic(String),
}

impl<'a> Scope<'a> {
    pub(crate) fn new(given: &'a Variables, escape: char) -> Self {
        Self { given, escape, global: HashMap::new(), stage: None }
    }

    /// Starts a stage: its arguments are declared anew.
    pub(crate) fn start_stage(&mut self) {
        self.stage = Some(HashMap::new());
    }

    /// Expands a word of `FROM`.
    pub(crate) fn of_from(&self, word: &str) -> Result<Value, String> {
        self.value(word, &self.global)
    }

    /// Expands a word of another instruction.
    pub(crate) fn of_stage(&self, word: &str) -> Result<Value, String> {
        self.value(word, self.stage.as_ref().unwrap_or(&self.global))
    }

    fn value(&self, word: &str, known: &HashMap<String, String>) -> Result<Value, String> {
        let automatic = std::cell::RefCell::new(None);
        let expanded = expand(word, self.escape, &|name| {
            let value = known.get(name).cloned();
            let is_automatic = value.is_none() && AUTOMATIC.contains(&name);
            if is_automatic && let Some(given) = self.given.get(name) {
                return Some(given.to_owned());
            }
            if is_automatic {
                automatic.replace(Some(name.to_owned()));
            }
            value
        })?;
        Ok(automatic.into_inner().map_or(Value::Known(expanded), Value::Automatic))
    }

    /// Reads `ARG NAME[=DEFAULT] …` and `ENV NAME=VALUE …`.
    pub(crate) fn read(&mut self, instruction: &Instruction) {
        let arguments = instruction.arguments();
        if instruction.is("ENV") {
            match arguments {
                [name, value @ ..] if !name.text.contains('=') => {
                    let value: Vec<&str> = value.iter().map(|word| word.text.as_str()).collect();
                    self.set(&name.text, Some(&value.join(" ")));
                }
                pairs => pairs.iter().for_each(|pair| self.set_pair(pair)),
            }
        } else if instruction.is("ARG") {
            for word in arguments {
                let (name, default) = match word.text.split_once('=') {
                    Some((name, default)) => (name, Some(default)),
                    None => (word.text.as_str(), None),
                };
                match self.given.get(name).map(str::to_owned) {
                    Some(given) => self.insert(name, given),
                    None => self.set(name, default),
                }
            }
        }
    }

    fn set_pair(&mut self, pair: &Word) {
        if let Some((name, value)) = pair.text.split_once('=') {
            self.set(name, Some(value));
        }
    }

    /// Sets a variable to a text, which may use others. Without one, a stage takes the global value.
    fn set(&mut self, name: &str, text: Option<&str>) {
        let value = match text {
            Some(text) => match self.of_stage(text) {
                Ok(Value::Known(expanded)) => Some(expanded.text),
                // An image that uses it is an error, which names the variable.
                Ok(Value::Automatic(_)) | Err(_) => None,
            },
            None => self.stage.as_ref().and_then(|_| self.global.get(name).cloned()),
        };
        match value {
            Some(value) => self.insert(name, value),
            None => {
                self.stage.as_mut().unwrap_or(&mut self.global).remove(name);
            }
        }
    }

    fn insert(&mut self, name: &str, value: String) {
        self.stage.as_mut().unwrap_or(&mut self.global).insert(name.to_owned(), value);
    }
}
