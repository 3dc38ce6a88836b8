//! Prints a finished run to standard output, as a summary or as a document.

mod column;
mod comparison;
mod configuration;
mod document;
mod figures;
mod inspection;
pub(super) mod mend;
mod plugin;
mod quoted;
mod stdout;
mod summary;

use std::path::Path;

use longshore_engine::event::Level;

use self::document::Repeat;
pub(super) use self::document::{
    write_document_as_json as write_json, write_document_as_yaml as write_yaml,
};
pub(super) use self::figures::{RunFigures, seconds};
pub(crate) use self::inspection::{print_inspection, print_tags};
pub(crate) use self::plugin::{
    PluginDescription, PluginRow, grouped_imports, print_plugin, print_plugins,
};
use self::quoted::Quoted;
pub(crate) use self::stdout::print;
pub(super) use self::stdout::with_stdout;
use super::error::ReportError;
use super::failed_list;
use super::finished::Report;
use super::options::OutputFormat;

impl Report {
    /// Writes the summary or the document to standard output. `command` repeats the run with the failed
    /// list at `failed_list`.
    ///
    /// # Errors
    /// Returns an error if standard output cannot be written, unless its reader has ended.
    pub(crate) fn print(
        &self,
        failed_list: Option<&Path>,
        command: &str,
    ) -> Result<(), ReportError> {
        if let Some(warning) = self.warning().filter(|_| self.options.output != OutputFormat::Text)
        {
            self.log.write(Level::Warning, &warning);
        }
        if let Some(path) = failed_list
            && self.options.output != OutputFormat::Text
        {
            let path = path.display();
            let next = next_step(failed_list, command);
            self.log.write(Level::Info, &format!("failed list: {path}; {next}"));
            if let Some(mend) = self.mend() {
                self.log.write(Level::Info, &format!("mend with: {mend}"));
            }
        }
        let path = failed_list.map(|path| path.to_string_lossy());
        let is_repeatable = failed_list.is_some_and(failed_list::has_entries);
        let repeat = path.as_deref().map(|path| Repeat {
            failed_list: Quoted(path),
            repeat: is_repeatable.then_some(Quoted(command)),
        });
        with_stdout(|out| match self.options.output {
            OutputFormat::Text => {
                summary::write_text(self, failed_list, &next_step(failed_list, command), out)
            }
            OutputFormat::Json => document::write_json(self, repeat, out),
            OutputFormat::Yaml => document::write_yaml(self, repeat, out),
        })
    }
}

/// Says what to do with the failed list: run `command`, unless the list has comments only.
pub(crate) fn next_step(failed_list: Option<&Path>, command: &str) -> String {
    if failed_list.is_some_and(|path| !failed_list::has_entries(path)) {
        return "nothing in it can be repeated as it is: correct the list that was read".to_owned();
    }
    format!("repeat with: {command}")
}
