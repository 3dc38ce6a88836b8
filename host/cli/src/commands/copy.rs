//! Runs `longshore copy`: plans one entry, and goes on as `longshore mirror` does.

use std::sync::Arc;

use longshore_engine::event::Level;
use longshore_engine::list::{Entry, Format, List, ListText, STANDARD_FORMAT, Selection};

use super::mirror::{self, Records, session::Session};
use crate::error::{Exit, Fatal};
use crate::report::{Log, shell_command};
use crate::settings::CopySettings;

/// Copies one image, or the tags of one repository.
pub(crate) async fn run(settings: CopySettings, log: &Arc<Log>) -> Result<Exit, Fatal> {
    let CopySettings { run, entry, again } = settings;
    if is_untagged(&entry) {
        let text = "the destination gets no tag, as only a digest is given";
        log.write(Level::Warning, text);
    }
    let has_list = again.is_none() || !run.failed_is_default;
    let session = Session::new(run, log)?;
    let (page, source) = (session.page("the image list", false)?, entry.source.clone());
    let list = List {
        format: format(),
        text: ListText::new("", Vec::new()),
        entries: vec![entry],
        diagnostics: Vec::new(),
    };
    let rewrites = session.rewrites().await?;
    let Some(planned) = session.plan_list(list, rewrites, 1).await? else {
        return Ok(Exit::Interrupted);
    };
    let command = match again.filter(|_| !has_list) {
        Some(words) => shell_command(words),
        None => session.repeat_command(&format()),
    };
    let (entries, private_list) = (planned.failed_entries(), has_list.then_some(false));
    let records = Records { command: &command, private_list, page, asked: ("Source", source) };
    Ok(mirror::complete(&session, planned, entries, records).await?.exit)
}

/// Says whether only a digest leads to the copy.
const fn is_untagged(entry: &Entry) -> bool {
    match &entry.select {
        Selection::ByDigest(pinned) => pinned.tag.is_none() && entry.destination_tag.is_none(),
        _ => false,
    }
}

/// Returns the format of the failed list. It is not one of lines, so that the list says all of an entry, also
/// that every platform is copied.
fn format() -> Format {
    let name = STANDARD_FORMAT.to_owned();
    Format { flag: name.clone(), name, ..Format::default() }
}
