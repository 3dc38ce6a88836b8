//! The arguments and results of plugin functions: the generated types of `wit/plugin.wit`.
//!
//! They hold strings that are not parsed yet. [`Plugin`](crate::Plugin) has checked that a string which
//! becomes part of a reference holds no control characters. It has escaped strings that are only shown.

pub use crate::bindings::exports::longshore::plugin::chart_render::{
    File as ChartFile, Manifest, Release,
};
pub use crate::bindings::exports::longshore::plugin::list_format::{Confidence, Parsed};
pub use crate::bindings::exports::longshore::plugin::repo_type::{
    Capabilities, Outcome as Prepared, Scope, State,
};
pub use crate::bindings::exports::longshore::plugin::rewrite::{Artifact, Item, Verdict};
pub use crate::bindings::longshore::plugin::types::{
    Attribute, Diagnostic, Entry, Filter, Pinned, Selection, Severity,
};
