//! Turns the entries of a list into those of another list, and puts that into a file.
//!
//! Nothing is planned: no default project is added and no rewrite is asked, as `mirror` will do that
//! with the list that is written.

mod entry;
mod error;
mod output;

pub(crate) use entry::{Registries, converted};
pub(crate) use error::ConvertError;
pub(crate) use output::Output;
