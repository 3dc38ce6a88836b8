//! The list format `dockerfile`: the images that the build of a Dockerfile pulls.
//!
//! ```text
//! # syntax=docker/dockerfile:1
//! ARG VERSION=1.27
//! FROM --platform=linux/amd64 golang:${VERSION} AS build
//! COPY --from=busybox:1.36 /bin/busybox /bin/
//! RUN --mount=type=bind,from=registry.example.com/tools:2,target=/tools make
//! FROM scratch
//! ```
//!
//! Names of stages, and `scratch`, are not images. Build arguments have the values of the configuration,
//! else their defaults. Their rules are those of BuildKit's frontend.

use std::collections::HashSet;

use longshore_plugin_sdk::list::{Confidence, ListFormat, Parsed};
use longshore_plugin_sdk::variables::Variables;

use instruction::{KNOWN, read};
use scope::Scope;

mod expand;
mod images;
mod instruction;
mod scope;

longshore_plugin_sdk::export_list_format!(Dockerfile);

/// A head of more bytes may be the start of a longer text.
const LONG: usize = 32 * 1024;

/// The format with its build arguments.
#[derive(Clone, Debug, Default)]
pub struct Dockerfile {
    args: Variables,
}

/// Reports whether the text is a Dockerfile.
#[must_use]
pub fn probe(_file_name: &str, head: &str) -> Confidence {
    let mut text = read(head);
    if head.len() > LONG {
        // The last instruction may be cut off.
        text.instructions.pop();
    }
    let starts = text.instructions.first().is_some_and(|first| first.is("FROM") || first.is("ARG"));
    let has_image = text.instructions.iter().any(|one| one.is("FROM") && one.words.len() > 1);
    if !starts || !has_image {
        return Confidence::No;
    }
    let unknown = |one: &&instruction::Instruction| !KNOWN.iter().any(|known| one.is(known));
    match text.instructions.iter().filter(unknown).count() {
        0 => Confidence::Certain,
        unknown if unknown * 4 <= text.instructions.len() => Confidence::Maybe,
        _ => Confidence::No,
    }
}

/// Parses a Dockerfile without build arguments.
#[must_use]
pub fn parse(file_name: &str, text: &str) -> Parsed {
    Dockerfile::default().parse(file_name, text)
}

impl ListFormat for Dockerfile {
    fn probe(file_name: &str, head: &str) -> Confidence {
        probe(file_name, head)
    }

    /// Parses `{"args": …}`: lines `NAME=VALUE`, or a table of strings.
    fn from_config(json: &str) -> Result<Self, String> {
        Ok(Self { args: Variables::from_config(json, "args")? })
    }

    fn parse(&self, _file_name: &str, text: &str) -> Parsed {
        let text = read(text);
        let mut parsed = Parsed::default();
        parsed.diagnostics.extend(text.diagnostics.iter().cloned());
        let mut scope = Scope::new(&self.args, text.escape);
        if let Some(syntax) = &text.syntax {
            // The frontend is an image too, which the builder pulls first.
            parsed.image(syntax.place, &syntax.text);
        }
        images::find(&text, &mut scope, &mut parsed);
        once(&mut parsed);
        parsed.in_order()
    }
}

/// Keeps the first of equal entries: stages often share their base.
fn once(parsed: &mut Parsed) {
    let mut known = HashSet::new();
    parsed.entries.retain(|entry| {
        known.insert((entry.source.clone(), entry.select.clone(), entry.platforms.clone()))
    });
}

#[cfg(test)]
mod tests;
