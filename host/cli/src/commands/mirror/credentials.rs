//! Credentials of image lists: a run uses them with `--list-credentials`, and otherwise says that it does not.

use std::path::Path;

use longshore_engine::counted;
use longshore_engine::event::Level;
use longshore_registry::ListedCredential;

use super::session::Session;
use crate::error::Fatal;
use crate::flags::ListCredentials;
use crate::list::{self, GivenCredential};
use crate::settings::SettingsError;

/// The file in a command that repeats a run, if longshore does not know it.
pub(super) const UNKNOWN_FILE: &str = "FILE";

impl Session {
    /// Uses the credentials that `--list-credentials` names: those that the list `name` has `given`, or those of
    /// another file. Returns `None` if the run is interrupted.
    pub(super) async fn use_credentials(
        &self,
        name: &str,
        given: &[GivenCredential],
    ) -> Result<Option<()>, Fatal> {
        match &self.settings.list.list_credentials {
            ListCredentials::Ignored => self.tell_of_ignored(name, given),
            ListCredentials::OfList if given.is_empty() => {
                let text =
                    format!("{name} gives no credentials: --list-credentials changes nothing");
                self.tell_once(Level::Warning, &text);
            }
            ListCredentials::OfList => {
                if self.credentials_file().is_none() {
                    let text = format!(
                        "the failed list has no credentials: if it is needed, write the list into a file and give \
                         it with --list-credentials={UNKNOWN_FILE}"
                    );
                    self.tell_once(Level::Info, &text);
                }
                self.use_given(name, given);
            }
            ListCredentials::OfFile(path) => {
                if !is_same(path, self.settings.list.file.as_deref()) {
                    self.tell_of_ignored(name, given);
                }
                let mut interrupt = self.interrupt.clone();
                let read = list::read_file(path, &mut interrupt).await;
                let read = read.map_err(|error| SettingsError::ListCredentials {
                    path: path.clone(),
                    error: error.to_string(),
                });
                let Some(text) = read? else { return Ok(None) };
                let formats = self.formats();
                let reading = self.unless_interrupted(formats.read_credentials(&text));
                let Some((format, given)) = reading.await? else { return Ok(None) };
                if given.is_empty() {
                    return Err(SettingsError::NoListCredentials(path.clone()).into());
                }
                self.credentials_format.get_or_init(|| format);
                self.use_given(&text.name, &given);
            }
        }
        Ok(Some(()))
    }

    fn use_given(&self, name: &str, given: &[GivenCredential]) {
        let mut listed: Vec<ListedCredential> = Vec::with_capacity(given.len());
        for given in given {
            let place = given.place(name);
            let Some(credential) = given.resolved(name, |name| std::env::var(name).ok()) else {
                let text = format!(
                    "{place}: a credential is not used: {:?} is not a registry",
                    given.registry()
                );
                self.log.write(Level::Warning, &text);
                continue;
            };
            match listed.iter().find(|listed| listed.key() == credential.key()) {
                Some(first) if first.differs_from(&credential) => {
                    let text = format!(
                        "{place}: a second credential for {} is not used: {} gives the first one",
                        credential.key(),
                        first.place()
                    );
                    self.log.write(Level::Warning, &text);
                }
                Some(_) => {}
                None => listed.push(credential),
            }
        }
        self.stores.use_listed(listed);
    }

    fn tell_of_ignored(&self, name: &str, given: &[GivenCredential]) {
        let Some(first) = given.first() else { return };
        let registries = match given.len() {
            1 => first.registry().to_owned(),
            count => format!("{} and {} more", first.registry(), count - 1),
        };
        let credentials = counted(given.len(), "credential", "credentials");
        let (verb, object) = if given.len() == 1 { ("is", "it") } else { ("are", "them") };
        let text = format!(
            "{}: {credentials} of the list ({registries}) {verb} ignored; --list-credentials uses {object}",
            first.place(name)
        );
        self.tell_once(Level::Warning, &text);
    }

    fn tell_once(&self, level: Level, text: &str) {
        self.credentials_told.call_once(|| self.log.write(level, text));
    }

    /// Returns the list's file, if it can be read again.
    pub(super) fn credentials_file(&self) -> Option<&str> {
        let file = self.settings.list.file.as_deref().filter(|file| *file != "-")?;
        Path::new(file).is_file().then_some(file)
    }
}

/// Says whether the list itself is the file with the credentials.
fn is_same(path: &Path, list: Option<&str>) -> bool {
    list.is_some_and(|list| path == Path::new(list))
}
