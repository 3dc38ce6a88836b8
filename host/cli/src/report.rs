//! Turns events into progress bars, log lines, the report and the failed list.
//!
//! Only this module prints: data to standard output, everything else to standard error. Other modules send
//! events, or log through `tracing`.

mod charts;
mod command;
mod course;
mod ending;
mod error;
mod escape;
mod failed_list;
mod finished;
mod log;
mod options;
mod page;
mod print;
mod reporter;
mod row;
mod spent;
mod totals;

pub(crate) use charts::{
    ChartFailure, ChartGroup, ChartPlan, ChartReport, ChartReporter, ChartVersion, ImageUse,
    NotMoved, Place, UnusedImage, WrittenOverlay,
};
pub(crate) use command::shell_command;
pub(crate) use error::ReportError;
pub(crate) use escape::escape;
pub(crate) use failed_list::{FailedEntry, FailedList, FailedListFile, Remark, run_of};
pub(crate) use finished::Report;
pub(crate) use log::{Log, LogLayer, has_terminal};
pub(crate) use options::{OutputFormat, ReportOptions, Verb};
pub(crate) use page::{Asked, PageFile, PromptReport};
pub(crate) use print::mend::MendCommands;
pub(crate) use print::{
    PluginDescription, PluginRow, grouped_imports, next_step, print, print_inspection,
    print_plugin, print_plugins, print_tags,
};
pub(crate) use reporter::Reporter;
pub(crate) use totals::Totals;
pub(crate) use totals::Verdicts;

#[cfg(test)]
mod tests;
