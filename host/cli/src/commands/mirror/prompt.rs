//! The prompt `>>>`: plans, executes and reports each line before it asks for the next one.

use std::sync::atomic::Ordering;

use rustyline::error::ReadlineError;

use super::exit::exit_of;
use super::session::Session;
use crate::error::{Exit, Fatal};
use crate::list;
use crate::report::{
    FailedEntry, FailedList, MendCommands, PageFile, PromptReport, ReportError, Verdicts,
};
use longshore_engine::event::Level;
use longshore_engine::list::{ListText, STANDARD_FORMAT, UNREADABLE};
use longshore_engine::plan::PlanError;
use longshore_oci::Name;

/// Words that end the prompt as Ctrl-D does. Neither can be an entry.
const ENDS: [&str; 2] = ["exit", "quit"];
/// The word that asks what to type. It cannot be an entry either.
const HELP: &str = "help";
/// The format of a line with one reference.
const REFERENCES: &str = "default";

/// What to type, in one line.
const WELCOME: &str =
    "type SOURCE DESTINATION TAG or one reference, then Enter; help says more, Ctrl-D ends";

/// The answer to [`HELP`].
const MORE: &str = "\
redis library/redis 7.2     copies one tag; the three columns are those of a list
ghcr.io/team/app:1.0        keeps the path: give the destination registry with -d
# longshore: platforms=all  a comment for the next line works only in a list: use -f FILE
help, exit, quit            Ctrl-D ends too; Ctrl-C ends with exit code 130
Each line is worked on at once. Failed lines are kept in the failed list.
";

/// Asks for lines until Ctrl-D. The exit code and the failed list cover all lines, even after an error.
pub(super) async fn run(mut session: Session) -> Result<Exit, Fatal> {
    let is_chosen = session.settings.list.list_format.is_some();
    let name =
        session.settings.list.list_format.get_or_insert_with(|| STANDARD_FORMAT.to_owned()).clone();
    let format = list::format_of(&session.formats().load(&name).await?);
    let (command, mend) = (session.repeat_command(&format), session.mend_commands(&format));
    let page = session.page("the image list", true)?;
    let lines = PromptReport::new(session.settings.verb(), session.settings.dry_run());
    let opened = session.failed_list(Vec::new(), &command, true).await?;
    let Some(failed_list) = opened else { return Ok(Exit::Interrupted) };
    let mut conversation = Conversation {
        session,
        command,
        mend,
        repeats_lines: format.lines,
        is_chosen,
        failed_list,
        failures: Vec::new(),
        verdicts: Verdicts::default(),
        page: page.map(|page| (page, lines)),
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
    /// True if `--list-format` says how to read each line.
    is_chosen: bool,
    failed_list: Option<FailedList>,
    failures: Vec<(u32, String)>,
    /// What `mirror-validate` found in all lines.
    verdicts: Verdicts,
    /// The page of `--report`, which is written at the end, and what it shows.
    page: Option<(PageFile, PromptReport)>,
    next_number: u32,
    /// The number of typed lines.
    lines: u32,
    exit: Exit,
}

impl Conversation {
    async fn ask(&mut self) -> Result<(), Fatal> {
        let mut editor = rustyline::DefaultEditor::new()?;
        if !self.is_chosen {
            self.session.log.write(Level::Info, WELCOME);
        }
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
            // What is pasted may be several lines.
            for line in line.split(['\n', '\r']) {
                self.lines += 1;
                let text = line.trim();
                if ENDS.contains(&text) {
                    return Ok(());
                }
                if text == HELP {
                    self.session.log.write(Level::Info, MORE.trim_end());
                    continue;
                }
                if text.is_empty() || text.starts_with('#') || text.starts_with("//") {
                    continue;
                }
                let _unused = editor.add_history_entry(text);
                self.line(line).await?;
                if self.exit == Exit::Interrupted {
                    break;
                }
            }
        }
        Ok(())
    }

    async fn line(&mut self, line: &str) -> Result<(), Fatal> {
        let mut text = ListText::new(">>>", line.as_bytes().to_vec());
        text.first_line = self.lines;
        let typed = if self.is_chosen { Typed::AsChosen } else { Typed::of(line) };
        if let (Typed::Columns, Some(destination)) = (typed, self.without_registry(line)) {
            let error = PlanError::NoRegistry { line: self.lines, destination };
            return self.refused(line, &error.into());
        }
        let planned = match typed {
            Typed::AsChosen | Typed::Columns => self.session.plan(text, self.next_number).await,
            Typed::Reference => {
                self.session.plan_as_columns(text, self.next_number, REFERENCES).await
            }
        };
        let planned = match planned {
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
        if report.totals.copied > 0 {
            // Once is enough for all lines.
            self.session.referrers_left_out.store(true, Ordering::Relaxed);
        }
        match exit_of(&report, &self.session.interrupt) {
            Exit::Done | Exit::Usage => {}
            exit @ (Exit::SomeFailed | Exit::Interrupted) => self.exit = exit,
        }
        if let Some((_, page)) = &mut self.page {
            page.add(report);
        }
        Ok(())
    }

    /// Returns the destination of a line with columns if nothing names its registry: it would be Docker
    /// Hub, which nobody means who types it.
    fn without_registry(&self, line: &str) -> Option<String> {
        if self.session.settings.destination.is_some() {
            return None;
        }
        let destination = line.split_whitespace().nth(1)?;
        let names_none = destination.parse::<Name>().is_ok_and(|name| name.store.is_none());
        names_none.then(|| destination.to_owned())
    }

    /// Reports a line without a plan as failed, so that the prompt can go on.
    fn refused(&mut self, line: &str, error: &Fatal) -> Result<(), Fatal> {
        let why = format!("failed to {error}");
        self.session.log.failure(None, &why, error.hint().as_deref());
        let (number, line) = (self.next_number, line.trim());
        let is_of_list = self.is_chosen || Typed::of(line) == Typed::Columns;
        let text = if self.repeats_lines && is_of_list {
            line.to_owned().into()
        } else {
            format!("{UNREADABLE}>>>:{}: {why}: {line}", self.lines).into()
        };
        if let Some(list) = &mut self.failed_list {
            list.add(&[FailedEntry { number, text, terms: None }])?;
        }
        self.next_number += 1;
        if let Some((_, page)) = &mut self.page {
            page.refuse(number, line, &why, error.hint());
        }
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
        let paged = self.write_page();
        let exit = self.end_failed_list()?;
        paged?;
        Ok(exit)
    }

    fn write_page(&mut self) -> Result<(), ReportError> {
        let Some((page, lines)) = self.page.take() else { return Ok(()) };
        let asked = self.session.asked(("List", "lines typed at the prompt".to_owned()));
        lines.write_page(page, &asked)
    }

    fn end_failed_list(&mut self) -> Result<Exit, Fatal> {
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

/// How to read a typed line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Typed {
    /// In the format of `--list-format`.
    AsChosen,
    /// As source, destination and tag.
    Columns,
    /// As one reference, or as the command that pulls it.
    Reference,
}

impl Typed {
    /// Tells columns from one reference, without the remark behind it.
    fn of(line: &str) -> Self {
        let is_remark = |word: &&str| !word.starts_with('#') && !word.starts_with("//");
        let words: Vec<&str> = line.split_whitespace().take_while(is_remark).collect();
        let is_command = words.get(1) == Some(&"pull") || words.get(2) == Some(&"pull");
        let has_option = words.first().is_some_and(|word| word.starts_with('-'));
        match words.len() {
            1 => Self::Reference,
            _ if is_command || has_option => Self::Reference,
            _ => Self::Columns,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Typed;

    #[test]
    fn a_line_is_columns_or_one_reference() {
        for line in [
            "redis:7.2",
            "  ghcr.io/team/app@sha256:0 ",
            "redis # a remark",
            "docker pull redis:7.2",
            "--platform=linux/arm64 redis:7.2",
            "- redis:7.2",
        ] {
            assert_eq!(Typed::of(line), Typed::Reference, "{line}");
        }
        for line in ["a b 1", "only two", "a\tb\t1 # a remark", "a b 1 2"] {
            assert_eq!(Typed::of(line), Typed::Columns, "{line}");
        }
    }
}
