//! Converts the entries of a list, and writes the new list into a file.
//!
//! It does not plan: default project and rewrites apply when `mirror` reads the new list.

mod entry;
mod error;
mod output;
mod render;

pub(crate) use entry::{Replacements, converted};
pub(crate) use error::ConvertError;
pub(crate) use output::Output;
pub(crate) use render::{Inexpressible, Rendered, render, resolvable, without};
