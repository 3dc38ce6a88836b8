//! What the authors of plugins use: [`create`] makes the folder of a new plugin, [`test()`] runs a plugin
//! on its fixtures, and [`measure()`] tells what its calls cost.
//!
//! A fixture is a file `fixtures/NAME.json`: one call, and what is expected of it. See
//! `docs/writing-plugins.md`.

mod call;
mod error;
mod exchange;
mod fixture;
mod measure;
mod project;
mod sources;
mod template;
mod test;

pub use error::AuthorError;
pub use measure::{Figures, measure};
pub use project::Project;
pub use template::{Language, create};
pub use test::{Mode, Recorder, Tested, Verdict, test};
