//! List formats as components.

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
use crate::list::{self, Entry, Filter, Selection};

/// Makes a component of the crate: a list format by two functions,
/// `fn(file_name: &str, head: &str) -> Confidence` and `fn(file_name: &str, text: &str) -> Parsed`.
#[macro_export]
macro_rules! export_list_format {
    ($probe:path, $parse:path) => {
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
                $crate::component::list_format::check_config()?;
                Ok($parse(&file_name, &text).into())
            }
        }

        $crate::component::list_format::bindings::export_list_format_world!(
            Component with_types_in $crate::component::list_format::bindings
        );
    };
}

/// None of these formats takes a configuration.
///
/// # Errors
/// Where there is one.
pub fn check_config() -> Result<(), PluginError> {
    match config::get().as_str() {
        "{}" => Ok(()),
        _ => Err(PluginError::InvalidConfig("this list format takes no configuration".into())),
    }
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
        Self {
            source: entry.source,
            repositories: entry.repositories.map(Into::into),
            select: entry.selection.into(),
            destination: entry.destination,
            destination_tag: entry.destination_tag,
            platforms: entry.platforms,
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
