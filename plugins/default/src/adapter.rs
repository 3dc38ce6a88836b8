//! The format `default` as a component; the format itself is in the crate's root.

#[expect(
    unsafe_code,
    reason = "the canonical ABI passes pointers; wit-bindgen writes that code, none of it is ours"
)]
mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "list-format-plugin",
    });
    export!(Component);

    use super::Component;
}

use longshore_plugin_sdk::line::{Confidence, Diagnostic, Severity};
use longshore_plugin_sdk::reference::Select;

use bindings::exports::longshore::plugin::list_format::{self, Guest, Parsed};
use bindings::longshore::plugin::{config, types};

struct Component;

impl Guest for Component {
    fn probe(_file_name: String, head: String) -> list_format::Confidence {
        match crate::probe(&head) {
            Confidence::No => list_format::Confidence::No,
            Confidence::Maybe => list_format::Confidence::Maybe,
            Confidence::Certain => list_format::Confidence::Certain,
        }
    }

    fn parse(_file_name: String, text: String) -> Result<Parsed, types::PluginError> {
        if config::get() != "{}" {
            let message = "the list format `default` takes no configuration";
            return Err(types::PluginError::InvalidConfig(message.into()));
        }
        let mut parsed = Parsed { entries: Vec::new(), diagnostics: Vec::new() };
        for read in crate::parse(&text) {
            parsed.entries.extend(read.entry.map(entry));
            parsed.diagnostics.extend(read.diagnostic.map(diagnostic));
        }
        Ok(parsed)
    }
}

fn entry(entry: crate::Entry<'_>) -> types::Entry {
    types::Entry {
        source: entry.source.into(),
        repositories: None,
        select: selection(entry.select),
        destination: None,
        destination_tag: None,
        platforms: Vec::new(),
        line: entry.line,
        attributes: Vec::new(),
    }
}

fn selection(select: Select<'_>) -> types::Selection {
    match select {
        Select::Tag(tag) => types::Selection::ByTag(tag.into()),
        Select::Digest { digest, tag } => types::Selection::ByDigest(types::Pinned {
            digest: digest.into(),
            tag: tag.map(Into::into),
        }),
    }
}

fn diagnostic(diagnostic: Diagnostic) -> types::Diagnostic {
    types::Diagnostic {
        severity: match diagnostic.severity {
            Severity::Warning => types::Severity::Warning,
            Severity::Error => types::Severity::Error,
        },
        line: diagnostic.line,
        column: diagnostic.column,
        message: diagnostic.message,
    }
}
