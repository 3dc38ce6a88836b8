//! The prompt `>>>`: plans, executes and reports each line before it asks for the next one.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;

use super::exit::exit_of;
use super::session::Session;
use crate::error::{Exit, Fatal};
use crate::list;
use crate::report::{
    FailedEntry, FailedList, MendCommands, PageFile, PromptReport, Remark, ReportError, Totals,
    Verb, Verdicts, next_step,
};
use longshore_engine::counted;
use longshore_engine::event::Level;
use longshore_engine::list::{Format, ListText, STANDARD_FORMAT, UNREADABLE, terms_of};
use longshore_engine::plan::PlanError;
use longshore_oci::Name;

/// Words that end the prompt as Ctrl-D does. Neither can be an entry.
const ENDS: [&str; 2] = ["exit", "quit"];
/// The word that asks what to type. It cannot be an entry either.
const HELP: &str = "help";
/// The format of a line with one reference.
const REFERENCES: &str = "default";

/// Why a line failed that an interrupt has left undone.
const INTERRUPTED: &str = "interrupted";

/// What to type, in one line.
const WELCOME: &str =
    "type SOURCE DESTINATION TAG or one reference, then Enter; help says more, Ctrl-D ends";

/// The answer to [`HELP`].
const MORE: &str = "\
redis library/redis 7.2     copies one tag; the three columns are those of a list
ghcr.io/team/app:1.0        keeps the path: give the destination registry with -d
# longshore: platforms=all  sets options of the next line, which must have three columns
help, exit, quit            Ctrl-D ends too; Ctrl-C ends with exit code 130
longshore works on each line at once, also if you paste several lines. The failed list keeps failed lines.
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
    let opened = session.failed_list(Vec::new(), &command, true, "the prompt").await?;
    let Some(failed_list) = opened else { return Ok(Exit::Interrupted) };
    let mut conversation = Conversation {
        session,
        command,
        mend,
        format,
        is_chosen,
        failed_list,
        failures: Vec::new(),
        verdicts: Verdicts::default(),
        sums: Sums::default(),
        page: page.map(|page| (page, lines)),
        typed: VecDeque::new(),
        above: Vec::new(),
        next_number: 1,
        lines: 0,
        exit: Exit::Done,
    };
    let asked = conversation.ask().await;
    let ended = conversation.end();
    asked?;
    ended
}

/// The sums of all lines.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    /// The lines that were worked on.
    lines: u32,
    /// Entries that were copied, would be copied, or are valid.
    done: u32,
    skipped: u32,
    failed: u32,
}

impl Sums {
    fn add(&mut self, totals: &Totals) {
        self.lines += 1;
        self.done += totals.copied + totals.valid + totals.dry_run;
        self.skipped += totals.skipped;
        self.failed += totals.failed;
    }

    /// Returns the line at the end. One line has told all of itself.
    fn told(self, done: &str) -> Option<String> {
        let Self { lines, done: count, skipped, failed } = self;
        (lines > 1).then(|| {
            format!("all {lines} lines: {count} {done}, {skipped} skipped, {failed} failed")
        })
    }
}

/// The state of the prompt after some lines.
struct Conversation {
    session: Session,
    command: String,
    mend: MendCommands,
    /// The format of the lines, and of the failed list if it has lines.
    format: Format,
    /// True if `--list-format` says how to read each line.
    is_chosen: bool,
    failed_list: Option<FailedList>,
    failures: Vec<(u32, String)>,
    /// What `mirror-validate` found in all lines.
    verdicts: Verdicts,
    sums: Sums,
    /// The page of `--report`, which is written at the end, and what it shows.
    page: Option<(PageFile, PromptReport)>,
    /// Pasted lines that wait for their turn.
    typed: VecDeque<String>,
    /// The comment for the next line, and the empty lines and comments after it.
    above: Vec<String>,
    next_number: u32,
    /// The number of lines so far.
    lines: u32,
    exit: Exit,
}

impl Conversation {
    async fn ask(&mut self) -> Result<(), Fatal> {
        let mut editor = DefaultEditor::new()?;
        if !self.is_chosen {
            self.session.log.tell(WELCOME);
        }
        while self.exit != Exit::Interrupted {
            let Some(line) = self.next_line(&mut editor)? else { break };
            self.lines += 1;
            let text = line.trim();
            if ENDS.contains(&text) {
                self.tell_unread(text);
                break;
            }
            if text == HELP {
                self.session.log.tell(MORE.trim_end());
                continue;
            }
            if is_silent(text) {
                // Otherwise, comments without a meaning for longshore would pile up.
                if !self.above.is_empty() || text.to_lowercase().contains("longshore") {
                    self.above.push(line);
                }
                continue;
            }
            for line in text.lines() {
                let _unused = editor.add_history_entry(line.trim());
            }
            let above = std::mem::take(&mut self.above);
            self.line(&above, &line).await?;
        }
        if self.exit == Exit::Interrupted {
            self.keep_unread().await?;
        }
        if !self.above.is_empty() {
            let text = "the comment for longshore had no effect: no line came after it";
            self.session.log.write(Level::Warning, text);
        }
        Ok(())
    }

    /// Returns the next pasted line, or asks for one. Returns `None` at the end.
    fn next_line(&mut self, editor: &mut DefaultEditor) -> Result<Option<String>, Fatal> {
        if let Some(line) = self.typed.pop_front() {
            return Ok(Some(line));
        }
        // Reading blocks this thread. No other task runs while the prompt waits.
        match tokio::task::block_in_place(|| editor.readline(">>> ")) {
            // Only a format of lines has an entry in each line of a bracketed paste.
            Ok(text) if self.format.lines && text.contains('\n') => {
                let mut lines = text.split('\n').map(str::to_owned);
                let first = lines.next();
                self.typed.extend(lines);
                Ok(first)
            }
            Ok(text) => Ok(Some(text)),
            Err(ReadlineError::Eof) => Ok(None),
            Err(ReadlineError::Interrupted) => {
                self.exit = Exit::Interrupted;
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Warns of pasted lines that come after the word that ends the prompt.
    fn tell_unread(&mut self, word: &str) {
        self.typed.retain(|line| !line.trim().is_empty());
        if !self.typed.is_empty() {
            let lines = counted(self.typed.len(), "line", "lines");
            let text = format!("{lines} after `{word}` had no effect");
            self.session.log.write(Level::Warning, &text);
        }
    }

    /// Adds the pasted lines to the failed list that an interrupt has left undone.
    async fn keep_unread(&mut self) -> Result<(), Fatal> {
        let mut above = Vec::new();
        for line in std::mem::take(&mut self.typed) {
            self.lines += 1;
            if is_silent(&line) {
                above.push(line);
            } else {
                let above = std::mem::take(&mut above);
                self.add_failure(&above, &line, INTERRUPTED.to_owned(), None).await?;
            }
        }
        self.keep()
    }

    /// Plans, executes and reports a line, or a text in a format without lines. `above` has the comments for
    /// it.
    async fn line(&mut self, above: &[String], line: &str) -> Result<(), Fatal> {
        let text = self.text_of(above, line);
        let typed = if self.is_chosen { Typed::AsChosen } else { Typed::of(line) };
        if let (Typed::Columns, Some(destination)) = (typed, self.without_registry(line)) {
            let error = PlanError::NoRegistry { line: self.lines, destination };
            return self.refused(above, line, &error.into()).await;
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
                return self.add_failure(above, line, INTERRUPTED.to_owned(), None).await;
            }
            Err(error) => return self.refused(above, line, &error).await,
        };
        self.next_number += planned.plan.count;
        if let Some(list) = &mut self.failed_list {
            list.add(&planned.failed_entries())?;
        }
        let report = self.session.execute(planned, None).await?;
        let failed = report.failures();
        self.failures.extend(failed.into_iter().map(|(number, why)| (number, why.to_owned())));
        self.verdicts.add(report.totals.verdicts);
        self.sums.add(&report.totals);
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

    /// Returns a line as a list, with the comments `above` it.
    fn text_of(&self, above: &[String], line: &str) -> ListText {
        let list: String =
            above.iter().flat_map(|above| [above.as_str(), "\n"]).chain([line]).collect();
        let mut text = ListText::new(">>>", list.into_bytes());
        let above_it = u32::try_from(above.len()).unwrap_or(u32::MAX);
        text.first_line = self.lines.saturating_sub(above_it).max(1);
        text
    }

    /// Returns the destination of a line with columns if nothing names its registry: it would be Docker
    /// Hub, which is hardly what the user means. A line with another number of columns has no destination.
    fn without_registry(&self, line: &str) -> Option<String> {
        if self.session.settings.destination.is_some() {
            return None;
        }
        let [_, destination, _] = words_of(line)[..] else { return None };
        let names_none = destination.parse::<Name>().is_ok_and(|name| name.store.is_none());
        names_none.then(|| destination.to_owned())
    }

    /// Reports a line without a plan as failed, so that the prompt can go on.
    async fn refused(&mut self, above: &[String], line: &str, error: &Fatal) -> Result<(), Fatal> {
        let why = format!("failed to {error}");
        self.session.log.failure(None, &why, error.hint().as_deref());
        self.add_failure(above, line, why, error.hint()).await?;
        self.exit = Exit::SomeFailed;
        self.keep()
    }

    /// Adds a line without a plan to the failed list, with what the comments `above` say.
    async fn add_failure(
        &mut self,
        above: &[String],
        line: &str,
        why: String,
        hint: Option<String>,
    ) -> Result<(), Fatal> {
        let (number, line) = (self.next_number, line.trim());
        let entries = self.repeated(above, line, &why).await;
        if let Some(list) = &mut self.failed_list {
            list.add(&entries)?;
        }
        if let Some((_, page)) = &mut self.page {
            page.refuse(number, line, &why, hint);
        }
        for FailedEntry { number, .. } in entries {
            self.next_number = self.next_number.max(number + 1);
            self.failures.push((number, why.clone()));
        }
        self.sums.lines += 1;
        self.sums.failed += 1;
        Ok(())
    }

    /// Returns the entries of the failed list for a line without a plan: at least one.
    async fn repeated(&self, above: &[String], line: &str, why: &str) -> Vec<FailedEntry> {
        let number = self.next_number;
        let format = match self.is_chosen || Typed::of(line) == Typed::Columns {
            true if self.format.lines => {
                let terms: Vec<&str> =
                    above.iter().filter_map(|comment| terms_of(comment.trim())).collect();
                let terms = (!terms.is_empty()).then(|| terms.join(" ").into());
                return vec![FailedEntry { number, text: line.to_owned().into(), terms }];
            }
            true => &self.format.flag,
            false => REFERENCES,
        };
        // What cannot be read is kept below. The run has told why already, or reports it as interrupted.
        let columns = self.session.as_columns(self.text_of(above, line), number, format).await;
        columns.ok().filter(|entries| !entries.is_empty()).unwrap_or_else(|| {
            let text = format!("{UNREADABLE}>>>:{}: {why}: {line}", self.lines).into();
            vec![FailedEntry { number, text, terms: None }]
        })
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
        let done = match (self.session.settings.verb(), self.session.settings.dry_run()) {
            (Verb::Mirror, true) => "to copy",
            (Verb::Mirror, false) => "copied",
            (Verb::Validate, _) => "valid",
        };
        if let Some(text) = self.sums.told(done) {
            self.session.log.tell(&text);
        }
        let kept = self.end_failed_list();
        let paged = self.write_page(kept.as_ref().ok().and_then(Option::as_deref));
        kept?;
        paged?;
        Ok(self.exit)
    }

    fn write_page(&mut self, failed_list: Option<&Path>) -> Result<(), ReportError> {
        let Some((page, lines)) = self.page.take() else { return Ok(()) };
        let list = ("List", "lines typed at the prompt".to_owned());
        let mut asked = self.session.asked(list, failed_list, &self.command);
        if failed_list.is_some() {
            asked.extend(self.mend.of(self.verdicts).map(|mend| ("Mend with", mend.to_owned())));
        }
        lines.write_page(page, &asked)
    }

    /// Writes the failed list at the end, and returns its path.
    fn end_failed_list(&mut self) -> Result<Option<PathBuf>, Fatal> {
        let Some(list) = self.failed_list.take() else { return Ok(None) };
        let log = &self.session.log;
        let tell = |remark: Remark| log.write(remark.level(), &remark.to_string());
        let path = list.finish(&self.failures(), tell)?;
        if let Some(path) = &path {
            let next = next_step(Some(path), &self.command);
            let text = format!("failed list: {}; {next}", path.display());
            self.session.log.tell(&text);
            if let Some(mend) = self.mend.of(self.verdicts) {
                self.session.log.tell(&format!("mend with: {mend}"));
            }
        }
        Ok(path)
    }
}

/// Says whether a text has only empty lines and comments.
fn is_silent(text: &str) -> bool {
    let says_nothing = |line: &str| {
        let line = line.trim();
        line.is_empty() || line.starts_with('#') || line.starts_with("//")
    };
    text.lines().all(says_nothing)
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

/// Returns the words of a line, without the remark after it.
fn words_of(line: &str) -> Vec<&str> {
    let is_text = |word: &&str| !word.starts_with('#') && !word.starts_with("//");
    line.split_whitespace().take_while(is_text).collect()
}

impl Typed {
    /// Tells columns from one reference, without the remark after it.
    fn of(line: &str) -> Self {
        let words = words_of(line);
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
    use super::{Sums, Typed};
    use crate::report::Totals;

    #[test]
    fn several_lines_are_summed_up() {
        let mut sums = Sums::default();
        assert_eq!(sums.told("copied"), None);
        sums.add(&Totals { copied: 2, failed: 1, ..Totals::default() });
        assert_eq!(sums.told("copied"), None);
        sums.add(&Totals { valid: 1, skipped: 3, ..Totals::default() });
        let told = "all 2 lines: 3 copied, 3 skipped, 1 failed";
        assert_eq!(sums.told("copied").as_deref(), Some(told));
    }

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
