//! What the authors of plugins use: [`create`] makes the folder of a new plugin, [`test()`] runs a plugin
//! on its fixtures, [`measure()`] tells what its calls cost, and [`component_of()`] makes a component of a core
//! module.
//!
//! A fixture is a file `fixtures/NAME.json`: one call, and what is expected of it. See
//! `docs/writing-plugins.md`.

mod call;
mod component;
mod error;
mod exchange;
mod fixture;
mod measure;
mod project;
mod template;
mod test;

pub use component::component_of;
pub use error::{AuthorError, CoreModuleError};
pub use measure::{Figures, measure};
pub use project::Project;
pub use template::{Language, create};
pub use test::{Mode, Recorder, Tested, Verdict, test};
