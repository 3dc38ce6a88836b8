//! Converts the entries of a list, and writes the new list into a file.
//!
//! It does not plan: default project and rewrites apply when `mirror` reads the new list.

mod entry;
mod error;
mod output;

pub(crate) use entry::{Registries, converted};
pub(crate) use error::ConvertError;
pub(crate) use output::Output;
