//! The page of a run (`--report`): its file, and what it says was asked.

use std::path::Path;

use longshore_registry::redact;

use super::session::Session;
use crate::report::{Asked, PageFile, ReportError, shell_command};

/// Parts of keys of plugins whose values the page does not show.
const SECRET: [&str; 4] = ["password", "secret", "token", "credential"];

impl Session {
    /// Opens the file of `--report` before the run, if it was given. If the list that was read `is_private`,
    /// so is the page.
    ///
    /// # Errors
    /// Returns an error if the page could not be written.
    pub(in crate::commands) fn page(
        &self,
        list: &'static str,
        is_private: bool,
    ) -> Result<Option<PageFile>, ReportError> {
        let Some(path) = &self.settings.list.images.report else { return Ok(None) };
        let file = self.settings.list.file.as_deref().filter(|file| *file != "-");
        let mut taken = vec![("the failed list", self.settings.failed())];
        taken.extend(file.map(|file| (list, Path::new(file))));
        PageFile::open(path, &taken, is_private).map(Some)
    }

    /// Returns what was asked of this run. `list` names the list or the configuration, and `repeat` is the command
    /// for the failed list, if there is one.
    pub(in crate::commands) fn asked(
        &self,
        list: (&'static str, String),
        failed_list: Option<&Path>,
        repeat: &str,
    ) -> Asked {
        let words = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned());
        let command =
            shell_command(std::iter::once("longshore".to_owned()).chain(words.map(shown)));
        let mut asked = vec![("Command", redact(&command).into_owned()), list];
        if let Some(destination) = &self.settings.destination {
            asked.push(("Destination", destination.to_string()));
        }
        if let Some(shard) = self.settings.list.shard {
            asked.push(("Part", shard.described()));
        }
        if let Some(path) = failed_list {
            asked.push(("Failed list", path.display().to_string()));
            asked.push(("Repeat with", repeat.to_owned()));
        }
        asked
    }
}

/// Hides the value of a plugin's key that names a secret: `harbor.password=***`.
fn shown(word: String) -> String {
    let given = word.strip_prefix("--plugin-config=").unwrap_or(&word);
    match given.split_once('=') {
        Some((key, _)) if SECRET.iter().any(|part| key.to_lowercase().contains(part)) => {
            let flag = &word[..word.len() - given.len()];
            format!("{flag}{key}=***")
        }
        _ => word,
    }
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn secrets_of_plugins_are_not_shown() {
        for (word, expected) in [
            ("harbor.password=x=y", "harbor.password=***"),
            ("--plugin-config=mine.apiToken=abc", "--plugin-config=mine.apiToken=***"),
            ("--plugin-config=prefix.prefix=a/b", "--plugin-config=prefix.prefix=a/b"),
            ("my.client-SECRET=1", "my.client-SECRET=***"),
            ("--arch=amd64", "--arch=amd64"),
            ("images.txt", "images.txt"),
        ] {
            assert_eq!(shown(word.to_owned()), expected);
        }
    }
}
