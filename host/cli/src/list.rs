//! Reads an image list: its text, with the plugin that recognises it.

mod contract;
mod credential;
mod error;
mod format;
mod input;
mod notation;
mod refusal;

pub(crate) use contract::{to_attribute, to_entry};
pub(crate) use credential::GivenCredential;
pub(crate) use error::ListError;
pub(crate) use format::{Choice, NOT_TEXT, ReadList, choose, credentials, format_of, parse};
pub(crate) use input::{read_file, read_stdin};
pub(crate) use notation::{
    MARK, REPEAT, RUN, command_of_failed_list, format_of_failed_list, is_repeatable, push_line,
};
