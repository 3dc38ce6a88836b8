//! Runs `longshore mirror` and `longshore mirror-validate`: list, plan, prepare, copy or validate, report.

mod credentials;
mod digests;
mod executing;
mod exit;
mod page;
pub(super) mod planning;
mod prompt;
mod repeat;
pub(super) mod rewrite;
mod schedule;
pub(super) mod session;
mod share;

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use longshore_engine::event::Level;
use longshore_engine::list::ListText;

use self::exit::exit_of;
use self::planning::Planned;
use self::session::Session;
use super::mirror_charts::listing::is_of_charts;
use super::mirror_charts::validating;
use crate::error::{Exit, Fatal};
use crate::flags::ListCredentials;
use crate::list;
use crate::report::{FailedEntry, Log, PageFile, Totals};
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
    if let Some(every) = session.settings.list.schedule.every {
        return match session.settings.list.file.clone().filter(|path| path != "-") {
            Some(path) => schedule::run(session, path.as_ref(), every).await,
            None => Err(SettingsError::EveryWithoutFile.into()),
        };
    }
    let text = match session.settings.list.file.as_deref() {
        None if terminal => {
            if session.settings.list.list_credentials == ListCredentials::OfList {
                return Err(SettingsError::CredentialsOfPrompt.into());
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
    Ok(run_list(&mut session, text, || {}).await?.exit)
}

/// Plans, executes and reports a list. Calls `planned` in between.
async fn run_list(
    session: &mut Session,
    text: ListText,
    planned: impl FnOnce(),
) -> Result<Completed, Fatal> {
    let (is_private, name) = (text.is_private, text.name.clone());
    session.warn_of_other_registries(&text);
    let page = session.page("the image list", is_private)?;
    let format = session.settings.list.list_format.as_deref();
    let plan = match is_of_charts(&text, format) {
        true => validating::plan(session, text).await?,
        false => {
            note_of_charts(&session.settings, &session.log);
            session.plan(text, 1).await?.map(|plan| {
                let entries = plan.failed_entries();
                (plan, entries)
            })
        }
    };
    let Some((plan, entries)) = plan else { return Ok(Completed::interrupted()) };
    planned();
    let command = session.repeat_command(&plan.format);
    let private_list = Some(is_private);
    let records = Records { command: &command, private_list, page, asked: ("List", name) };
    complete(session, plan, entries, records).await
}

/// What a run leaves behind.
pub(super) struct Records<'a> {
    /// The command that repeats it.
    pub(super) command: &'a str,
    /// Whether others may not read the failed list; `None` for no failed list.
    pub(super) private_list: Option<bool>,
    /// The page of `--report`.
    pub(super) page: Option<PageFile>,
    /// What the page says of its input.
    pub(super) asked: (&'static str, String),
}

/// A run that ended.
pub(super) struct Completed {
    pub(super) exit: Exit,
    /// `None` if the run was interrupted before it did anything.
    pub(super) totals: Option<Totals>,
}

impl Completed {
    /// A run that was interrupted before it did anything.
    const fn interrupted() -> Self {
        Self { exit: Exit::Interrupted, totals: None }
    }
}

/// Executes and reports a plan, whose failed list has room for `entries`.
pub(super) async fn complete(
    session: &Session,
    planned: Planned,
    entries: Vec<FailedEntry>,
    records: Records<'_>,
) -> Result<Completed, Fatal> {
    session.tell_of_idle(&planned.plan.idle);
    let failed_list = match records.private_list {
        None => None,
        Some(is_private) => {
            let asked = match records.asked.1.as_str() {
                "-" => "standard input",
                asked => asked,
            };
            let opened = session.failed_list(entries, records.command, is_private, asked).await?;
            let Some(failed_list) = opened else { return Ok(Completed::interrupted()) };
            failed_list
        }
    };
    let mut interrupt = session.interrupt.clone();
    let mut report = session.execute(planned, failed_list).await?;
    let failed = report.finish_failed_list(&mut interrupt).await;
    // Report the copied entries even if the failed list cannot be written.
    let place = failed.as_ref().ok().and_then(Option::as_deref);
    let printed = report.print(place, records.command);
    if report.speaks_of_referrers() {
        // Not again after the next run of --every.
        session.referrers_left_out.store(true, Ordering::Relaxed);
    }
    if records.private_list.is_none() && report.has_failures() {
        session.log.tell(&format!("repeat with: {}", records.command));
    }
    let mut asked = session.asked(records.asked, place, records.command);
    asked.extend(report.mend().map(|mend| ("Mend with", mend.to_owned())));
    let paged = records.page.map_or(Ok(()), |page| report.write_page(page, &asked));
    let totals = Some(report.totals);
    let exit = exit_of(&report, &session.interrupt);
    let Err(error) = failed.map(|_| ()).and(printed).and(paged) else {
        return Ok(Completed { exit, totals });
    };
    // The run did start, so the exit code must not say that it could not.
    session.log.failure(None, &format!("failed to {error}"), error.hint().as_deref());
    let exit = if exit == Exit::Done { Exit::SomeFailed } else { exit };
    Ok(Completed { exit, totals })
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
