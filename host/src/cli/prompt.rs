//! The prompt `>>>`: each line is planned, worked on and reported before the next.

use rustyline::error::ReadlineError;

use super::session::{MIRROR_FORMAT, Session, exit_of};
use crate::error::{Exit, Fatal};
use crate::list::ListText;

/// Asks until Ctrl-D. The exit code covers all lines.
pub(super) async fn run(mut session: Session) -> Result<Exit, Fatal> {
    let format =
        session.settings.list_format.get_or_insert_with(|| MIRROR_FORMAT.to_owned()).clone();
    let command = session.repeat_command(&format);
    let mut failed_list = session.failed_list(&[], &command)?;
    let mut editor = rustyline::DefaultEditor::new()?;
    let mut failures: Vec<(u32, String)> = Vec::new();
    let mut exit = Exit::Done;
    let mut next_number = 1;
    loop {
        // Reading blocks; nothing else is under way while the prompt waits.
        let line = match tokio::task::block_in_place(|| editor.readline(">>> ")) {
            Ok(line) => line,
            Err(ReadlineError::Eof) => break,
            Err(ReadlineError::Interrupted) => {
                exit = Exit::Interrupted;
                break;
            }
            Err(error) => return Err(error.into()),
        };
        let text = line.trim();
        if text.is_empty() || text.starts_with('#') || text.starts_with("//") {
            continue;
        }
        let _unused = editor.add_history_entry(text);
        let planned = match session
            .plan(ListText::new(">>>", text.as_bytes().to_vec())?, next_number)
            .await
        {
            Ok(planned) => planned,
            Err(error) => {
                session.log.failure(None, &format!("failed to {error}"), error.hint().as_deref());
                exit = Exit::SomeFailed;
                continue;
            }
        };
        next_number += planned.count();
        if let Some(list) = &mut failed_list {
            list.add(&planned.failed_entries())?;
        }
        let mut report = session.execute(planned, failed_list.take()).await?;
        failed_list = report.take_failed_list();
        failures.extend(
            report.failures().into_iter().map(|(number, reason)| (number, reason.to_owned())),
        );
        report.print(None, &command)?;
        match exit_of(&report, &session.interrupt) {
            Exit::Interrupted => {
                exit = Exit::Interrupted;
                break;
            }
            Exit::SomeFailed => exit = Exit::SomeFailed,
            Exit::Done | Exit::Usage => {}
        }
    }
    if let Some(list) = failed_list {
        let failures: Vec<(u32, &str)> =
            failures.iter().map(|(number, why)| (*number, why.as_str())).collect();
        list.finish(&failures)?;
    }
    Ok(exit)
}
