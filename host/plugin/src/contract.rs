//! What a plugin is asked and what it answers, as the rest of the host sees it.
//!
//! These are the types of `wit/plugin.wit`, generated, with public fields; they hold plain strings
//! that nobody has parsed yet. `Plugin` has checked that strings which become part of a reference
//! hold no control characters, and has escaped those that are only shown.

pub use super::bindings::exports::longshore::plugin::list_format::{Confidence, Parsed};
pub use super::bindings::exports::longshore::plugin::repo_type::{
    Capabilities, Outcome as Prepared, Scope, State,
};
pub use super::bindings::exports::longshore::plugin::rewrite::{Artifact, Item, Verdict};
pub use super::bindings::longshore::plugin::types::{
    Attribute, Diagnostic, Entry, Filter, Pinned, Selection, Severity,
};
