//! The commands that reports give: to repeat a run, and to mend a destination.

use longshore_engine::event::Level;
use longshore_engine::list::{Format, ListText};

use super::credentials::UNKNOWN_FILE;
use super::session::Session;
use crate::flags::NO_PROJECT;
use crate::list::command_of_failed_list;
use crate::report::{MendCommands, shell_command};

/// The start of the flag whose value says which list gives credentials.
const CREDENTIALS: &str = "--list-credentials=";

/// The flags that say where the entries of a failed list come from and go to.
const REGISTRIES: [&str; 2] = ["--source=", "--destination="];

impl Session {
    /// Warns if `text` is a failed list whose own command names other registries. Another run in the same folder
    /// may have replaced the list for which a command was printed.
    pub(super) fn warn_of_other_registries(&self, text: &ListText) {
        let Some(command) = command_of_failed_list(text) else { return };
        let written = shlex::split(command).unwrap_or_default();
        let (of_list, of_run) = (registries(&written), registries(&self.settings.repeat));
        if of_list == of_run {
            return;
        }
        let warning = format!(
            "{} is the failed list of a run with {of_list}, but this run has {of_run}; the command in the \
             first line of the list repeats that run",
            text.name
        );
        self.log.write(Level::Warning, &warning);
    }

    /// Returns the command that repeats the run of a list in `format` with the failed list.
    ///
    /// The command always names the format, because malformed lines alone do not reveal it.
    pub(in crate::commands) fn repeat_command(&self, format: &Format) -> String {
        self.command_of(self.settings.repeat.clone(), format)
    }

    /// Returns the commands that mend the findings in a list in `format`: `mirror` with the same flags and
    /// the failed list.
    pub(super) fn mend_commands(&self, format: &Format) -> MendCommands {
        let kept = |word: &&String| {
            let flags = ["--failed=", "--output=", "--deep=", "--renderer=", "--include-disabled="];
            !flags.iter().any(|flag| word.starts_with(flag))
        };
        let mut words: Vec<String> = self.settings.repeat.iter().filter(kept).cloned().collect();
        words[1] = "mirror".to_owned();
        let again = self.command_of(words.clone(), format);
        words.push("--force-recursive".to_owned());
        let thoroughly = self.command_of(words.clone(), format);
        words.push("--deep".to_owned());
        MendCommands { again, thoroughly, deeply: self.command_of(words, format) }
    }

    /// Returns the command with these words and the failed list.
    fn command_of(&self, mut words: Vec<String>, format: &Format) -> String {
        let failed = self.settings.failed();
        // A failed list in a device or a pipe cannot be read again. The original list can.
        let (file, repeated) = match (failed.metadata(), &self.settings.list.file) {
            (Ok(found), Some(list)) if !found.is_file() => (list.clone(), &*format.flag),
            _ => (failed.display().to_string(), format.repeated_as()),
        };
        let mut needs_format = false;
        for word in words.iter_mut().filter(|word| word.starts_with(CREDENTIALS)) {
            needs_format = true;
            // The failed list gives no credentials. The original list does.
            if word[CREDENTIALS.len()..] == *"true" {
                *word = format!("{CREDENTIALS}{}", self.credentials_file().unwrap_or(UNKNOWN_FILE));
            }
        }
        if repeated != format.flag {
            // The failed list does not use that format: its options go, and its default filter stays.
            let config = format!("--plugin-config={}.", format.name);
            words.retain(|word| needs_format || !word.starts_with(&config));
            let flags = ["arch", "os"].into_iter().zip(self.settings.filter.defaults(format));
            words.extend(flags.filter_map(|(flag, value)| Some(format!("--{flag}={}", value?))));
            if self.keeps_names(format) {
                words.push(format!("--default-project={NO_PROJECT}"));
            }
        }
        words.push(format!("--file={file}"));
        words.push(format!("--list-format={repeated}"));
        shell_command(words)
    }
}

/// Returns the flags among these words that name registries.
fn registries(words: &[String]) -> String {
    let of = |flag: &&str| words.iter().find(|word| word.starts_with(*flag)).map(String::as_str);
    let named: Vec<&str> = REGISTRIES.iter().filter_map(of).collect();
    match named.as_slice() {
        [] => "the registries of its lines".to_owned(),
        named => named.join(" "),
    }
}
