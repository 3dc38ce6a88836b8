//! The commands that reports give: to repeat a run, and to mend a destination.

use longshore_engine::list::Format;

use super::credentials::UNKNOWN_FILE;
use super::session::Session;
use crate::report::{MendCommands, shell_command};

/// The start of the flag whose value says which list gives credentials.
const CREDENTIALS: &str = "--list-credentials=";

impl Session {
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
        }
        words.push(format!("--file={file}"));
        words.push(format!("--list-format={repeated}"));
        shell_command(words)
    }
}
