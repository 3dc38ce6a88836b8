//! The prompt `>>>`: plans, executes and reports each line before it asks for the next one.

use rustyline::error::ReadlineError;

use super::exit::exit_of;
use super::session::Session;
use crate::error::{Exit, Fatal};
use crate::list;
use crate::report::{FailedEntry, FailedList, MendCommands, Verdicts};
use longshore_engine::event::Level;
use longshore_engine::list::{ListText, STANDARD_FORMAT, UNREADABLE};

/// Words that end the prompt as Ctrl-D does. Neither can be an entry.
const ENDS: [&str; 2] = ["exit", "quit"];

/// Asks for lines until Ctrl-D. The exit code and the failed list cover all lines, even after an error.
pub(super) async fn run(mut session: Session) -> Result<Exit, Fatal> {
    let name =
        session.settings.list.list_format.get_or_insert_with(|| STANDARD_FORMAT.to_owned()).clone();
    let format = list::format_of(&session.formats().load(&name).await?);
    let (command, mend) = (session.repeat_command(&format), session.mend_commands(&format));
    let opened = session.failed_list(Vec::new(), &command, true).await?;
    let Some(failed_list) = opened else { return Ok(Exit::Interrupted) };
    let mut conversation = Conversation {
        session,
        command,
        mend,
        repeats_lines: format.lines,
        failed_list,
        failures: Vec::new(),
        verdicts: Verdicts::default(),
        next_number: 1,
        lines: 0,
        exit: Exit::Done,
    };
    let asked = conversation.ask().await;
    let ended = conversation.end();
    asked?;
    ended
}

/// The state of the prompt after some lines.
struct Conversation {
    session: Session,
    command: String,
    mend: MendCommands,
    /// True if the failed list has the typed lines, and not lines of another format.
    repeats_lines: bool,
    failed_list: Option<FailedList>,
    failures: Vec<(u32, String)>,
    /// What `mirror-validate` found in all lines.
    verdicts: Verdicts,
    next_number: u32,
    /// The number of typed lines.
    lines: u32,
    exit: Exit,
}

impl Conversation {
    async fn ask(&mut self) -> Result<(), Fatal> {
        let mut editor = rustyline::DefaultEditor::new()?;
        while self.exit != Exit::Interrupted {
            // Reading blocks this thread. No other task runs while the prompt waits.
            let line = match tokio::task::block_in_place(|| editor.readline(">>> ")) {
                Ok(line) => line,
                Err(ReadlineError::Eof) => break,
                Err(ReadlineError::Interrupted) => {
                    self.exit = Exit::Interrupted;
                    break;
                }
                Err(error) => return Err(error.into()),
            };
            self.lines += 1;
            let text = line.trim();
            if ENDS.contains(&text) {
                break;
            }
            if text.is_empty() || text.starts_with('#') || text.starts_with("//") {
                continue;
            }
            let _unused = editor.add_history_entry(text);
            self.line(&line).await?;
        }
        Ok(())
    }

    async fn line(&mut self, line: &str) -> Result<(), Fatal> {
        let mut text = ListText::new(">>>", line.as_bytes().to_vec());
        text.first_line = self.lines;
        let planned = match self.session.plan(text, self.next_number).await {
            Ok(Some(planned)) => planned,
            Ok(None) => {
                self.exit = Exit::Interrupted;
                return Ok(());
            }
            Err(error) => return self.refused(line, &error),
        };
        self.next_number += planned.plan.count;
        if let Some(list) = &mut self.failed_list {
            list.add(&planned.failed_entries())?;
        }
        let report = self.session.execute(planned, None).await?;
        let failed = report.failures();
        self.failures.extend(failed.into_iter().map(|(number, why)| (number, why.to_owned())));
        self.verdicts.add(report.totals.verdicts);
        self.keep()?;
        report.print(None, &self.command)?;
        match exit_of(&report, &self.session.interrupt) {
            Exit::Done | Exit::Usage => {}
            exit @ (Exit::SomeFailed | Exit::Interrupted) => self.exit = exit,
        }
        Ok(())
    }

    /// Reports a line without a plan as failed, so that the prompt can go on.
    fn refused(&mut self, line: &str, error: &Fatal) -> Result<(), Fatal> {
        let why = format!("failed to {error}");
        self.session.log.failure(None, &why, error.hint().as_deref());
        let (number, line) = (self.next_number, line.trim());
        let text = if self.repeats_lines {
            line.to_owned().into()
        } else {
            format!("{UNREADABLE}>>>:{}: {why}: {line}", self.lines).into()
        };
        if let Some(list) = &mut self.failed_list {
            list.add(&[FailedEntry { number, text, terms: None }])?;
        }
        self.next_number += 1;
        self.failures.push((number, why));
        self.exit = Exit::SomeFailed;
        self.keep()
    }

    fn failures(&self) -> Vec<(u32, &str)> {
        self.failures.iter().map(|(number, why)| (*number, why.as_str())).collect()
    }

    /// Writes the failed list, in case the process is killed before the end.
    fn keep(&mut self) -> Result<(), Fatal> {
        let Some(mut list) = self.failed_list.take() else { return Ok(()) };
        let kept = list.rewrite(&self.failures());
        self.failed_list = Some(list);
        Ok(kept?)
    }

    fn end(mut self) -> Result<Exit, Fatal> {
        let Some(list) = self.failed_list.take() else { return Ok(self.exit) };
        if let Some(path) = list.finish(&self.failures())? {
            let text = format!("failed list: {}; repeat with: {}", path.display(), self.command);
            self.session.log.write(Level::Info, &text);
            if let Some(mend) = self.mend.of(self.verdicts) {
                self.session.log.write(Level::Info, &format!("mend with: {mend}"));
            }
        }
        Ok(self.exit)
    }
}
