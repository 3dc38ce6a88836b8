//! Runs `longshore mirror` and `longshore mirror-validate`: list, plan, prepare, copy or validate, report.

mod digests;
mod executing;
mod exit;
mod page;
pub(super) mod planning;
mod prompt;
mod repeat;
pub(super) mod rewrite;
pub(super) mod session;
mod share;

use std::io::IsTerminal;
use std::sync::Arc;

use longshore_engine::event::Level;

use self::exit::exit_of;
use self::session::Session;
use super::mirror_charts::listing::is_of_charts;
use super::mirror_charts::validating;
use crate::error::{Exit, Fatal};
use crate::list;
use crate::report::Log;
use crate::settings::{RunSettings, SettingsError, Task};

/// Runs the command for one list, or for each line at the prompt.
pub(crate) async fn run(settings: RunSettings, log: &Arc<Log>) -> Result<Exit, Fatal> {
    warn_of_output(&settings, log);
    for note in &settings.notes {
        log.write(Level::Info, note);
    }
    let terminal = std::io::stdin().is_terminal();
    let mut session = Session::new(settings, log)?;
    let mut interrupt = session.interrupt.clone();
    let text = match session.settings.list.file.as_deref() {
        None if terminal => {
            if let Some(path) = session.settings.list.report.clone() {
                return Err(SettingsError::ReportOfPrompt(path).into());
            }
            return prompt::run(session).await;
        }
        Some(path) if path != "-" => list::read_file(path.as_ref(), &mut interrupt).await?,
        _ => {
            if terminal {
                let text = "reading the image list from standard input; Ctrl-D ends it";
                log.write(Level::Info, text);
            }
            list::read_stdin(&mut interrupt).await?
        }
    };
    let Some(text) = text else { return Ok(Exit::Interrupted) };
    let is_private = text.is_private;
    let page = session.page("the image list", is_private)?;
    let name = text.name.clone();
    let format = session.settings.list.list_format.as_deref();
    let planned = match is_of_charts(&text, format) {
        true => validating::plan(&mut session, text).await?,
        false => {
            note_of_charts(&session.settings, log);
            session.plan(text, 1).await?.map(|planned| {
                let entries = planned.failed_entries();
                (planned, entries)
            })
        }
    };
    let Some((planned, entries)) = planned else { return Ok(Exit::Interrupted) };
    let command = session.repeat_command(&planned.format);
    let opened = session.failed_list(entries, &command, is_private).await?;
    let Some(failed_list) = opened else { return Ok(Exit::Interrupted) };
    let mut report = session.execute(planned, failed_list).await?;
    let failed = report.finish_failed_list(&mut interrupt).await;
    // Report the copied entries even if the failed list cannot be written.
    let place = failed.as_ref().ok().and_then(Option::as_deref);
    let printed = report.print(place, &command);
    let asked = session.asked(("List", name));
    let paged = page.map_or(Ok(()), |page| report.write_page(page, &asked));
    let exit = exit_of(&report, &session.interrupt);
    let Err(error) = failed.map(|_| ()).and(printed).and(paged) else { return Ok(exit) };
    // The run did start, so the exit code must not say that it could not.
    log.failure(None, &format!("failed to {error}"), error.hint().as_deref());
    Ok(if exit == Exit::Done { Exit::SomeFailed } else { exit })
}

/// Says that flags for a configuration of charts change nothing.
fn note_of_charts(settings: &RunSettings, log: &Log) {
    if let Task::Validate(flags) = &settings.task
        && let Some(note) = flags.charts.note()
    {
        log.write(Level::Info, note);
    }
}

/// Warns of `-o json`, which other tools read as a format.
fn warn_of_output(settings: &RunSettings, log: &Log) {
    let format = settings.failed().to_str().filter(|name| ["json", "yaml"].contains(name));
    if let (Task::Mirror(_), Some(format)) = (&settings.task, format) {
        let text = format!(
            "-o names the file of the failed list, here {format}; --output {format} prints the report in that format"
        );
        log.write(Level::Warning, &text);
    }
}
