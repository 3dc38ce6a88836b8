//! The commands that reports give: to repeat a run, and to mend a destination.

use longshore_engine::list::failed_list_format;
use longshore_engine::validate::MendCommands;

use super::session::Session;
use crate::report::shell_command;

impl Session {
    /// Returns the command that repeats the run of a list in `format` with the failed list.
    ///
    /// The command always names the format, because malformed lines alone do not reveal it.
    pub(super) fn repeat_command(&self, format: &str) -> String {
        self.command_of(self.settings.repeat.clone(), format)
    }

    /// Returns the commands that mend the findings in a list in `format`: `mirror` with the same flags and
    /// the failed list.
    pub(super) fn mend_commands(&self, format: &str) -> MendCommands {
        let kept = |word: &&String| {
            !["--failed=", "--output=", "--deep="].iter().any(|flag| word.starts_with(flag))
        };
        let mut words: Vec<String> = self.settings.repeat.iter().filter(kept).cloned().collect();
        words[1] = "mirror".to_owned();
        let again = self.command_of(words.clone(), format);
        words.push("--force-recursive".to_owned());
        MendCommands { again, thoroughly: self.command_of(words, format) }
    }

    /// Returns the command with these words and the failed list.
    fn command_of(&self, mut words: Vec<String>, format: &str) -> String {
        let failed = self.settings.failed();
        // A failed list in a device or a pipe cannot be read again. The original list can.
        let (file, repeated) = match (failed.metadata(), &self.settings.list.file) {
            (Ok(found), Some(list)) if !found.is_file() => (list.clone(), format),
            _ => (failed.display().to_string(), failed_list_format(format)),
        };
        if repeated != format {
            // The failed list does not use that format, so its options go too.
            words.retain(|word| !word.starts_with(&format!("--plugin-config={format}.")));
        }
        words.push(format!("--file={file}"));
        words.push(format!("--list-format={repeated}"));
        shell_command(words)
    }
}
