//! Exports list formats as components.

#[expect(missing_docs, reason = "wit-bindgen writes this code")]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "list-format-plugin",
        pub_export_macro: true,
        export_macro_name: "export_list_format_world",
    });
}

pub use bindings::exports::longshore::plugin::list_format::{Confidence, Guest, Parsed};
pub use bindings::longshore::plugin::types::PluginError;

use bindings::longshore::plugin::{config, types};

use crate::diagnostic::{Diagnostic, Severity};
use crate::list::{self, Configured, Entry, Filter, Selection};

/// Makes the crate a list format component. The first form takes two functions, `fn(file_name:
/// &str, head: &str) -> Confidence` and `fn(file_name: &str, text: &str) -> Parsed`. The second
/// form takes the first function and `configured` with a type that implements
/// [`Configured`](crate::list::Configured).
#[macro_export]
macro_rules! export_list_format {
    ($probe:path, configured $format:path) => {
        $crate::export_list_format!(@ $probe, $crate::component::list_format::configured::<$format>);
    };
    ($probe:path, $parse:path) => {
        $crate::export_list_format!(@ $probe, |file_name, text| {
            $crate::component::list_format::unconfigured(file_name, text, $parse)
        });
    };
    (@ $probe:path, $parse:expr) => {
        struct Component;

        impl $crate::component::list_format::Guest for Component {
            fn probe(
                file_name: String,
                head: String,
            ) -> $crate::component::list_format::Confidence {
                $probe(&file_name, &head).into()
            }

            fn parse(
                file_name: String,
                text: String,
            ) -> Result<
                $crate::component::list_format::Parsed,
                $crate::component::list_format::PluginError,
            > {
                ($parse)(&file_name, &text)
            }
        }

        $crate::component::list_format::bindings::export_list_format_world!(
            Component with_types_in $crate::component::list_format::bindings
        );
    };
}

/// Parses a text with a format that has no configuration.
///
/// # Errors
/// Fails if a configuration is given.
pub fn unconfigured(
    file_name: &str,
    text: &str,
    parse: fn(&str, &str) -> list::Parsed,
) -> Result<Parsed, PluginError> {
    match config::get().as_str() {
        "{}" => Ok(parse(file_name, text).into()),
        _ => Err(PluginError::InvalidConfig("this list format takes no configuration".into())),
    }
}

/// Configures a format and parses a text with it.
///
/// # Errors
/// Fails if the configuration is not valid.
pub fn configured<F: Configured>(file_name: &str, text: &str) -> Result<Parsed, PluginError> {
    let format = F::from_config(&config::get()).map_err(PluginError::InvalidConfig)?;
    Ok(format.parse(file_name, text).into())
}

impl From<list::Confidence> for Confidence {
    fn from(confidence: list::Confidence) -> Self {
        match confidence {
            list::Confidence::No => Self::No,
            list::Confidence::Maybe => Self::Maybe,
            list::Confidence::Certain => Self::Certain,
        }
    }
}

impl From<list::Parsed> for Parsed {
    fn from(parsed: list::Parsed) -> Self {
        Self {
            entries: parsed.entries.into_iter().map(Into::into).collect(),
            diagnostics: parsed.diagnostics.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<Entry> for types::Entry {
    fn from(entry: Entry) -> Self {
        let attribute = |(key, value)| types::Attribute { key, value };
        // An empty platform is none. As one of the list, it would select nothing.
        let is_named = |platform: &String| !platform.trim().is_empty();
        Self {
            source: entry.source,
            repositories: entry.repositories.map(Into::into),
            select: entry.selection.into(),
            destination: entry.destination,
            destination_tag: entry.destination_tag,
            platforms: entry.platforms.into_iter().filter(is_named).collect(),
            line: entry.line,
            attributes: entry.attributes.into_iter().map(attribute).collect(),
        }
    }
}

impl From<Selection> for types::Selection {
    fn from(selection: Selection) -> Self {
        match selection {
            Selection::Tag(tag) => Self::ByTag(tag),
            Selection::Digest { digest, tag } => Self::ByDigest(types::Pinned { digest, tag }),
            Selection::All => Self::All,
            Selection::Matching(filter) => Self::Matching(filter.into()),
        }
    }
}

impl From<Filter> for types::Filter {
    fn from(filter: Filter) -> Self {
        let Filter { allow, deny, versions, latest } = filter;
        Self { allow, deny, versions, latest }
    }
}

impl From<Diagnostic> for types::Diagnostic {
    fn from(diagnostic: Diagnostic) -> Self {
        Self {
            severity: match diagnostic.severity {
                Severity::Warning => types::Severity::Warning,
                Severity::Error => types::Severity::Error,
            },
            line: diagnostic.line,
            column: diagnostic.column,
            message: diagnostic.message,
        }
    }
}
