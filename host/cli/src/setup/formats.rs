//! Loads list formats, and reads a list with the format that recognises it.

use std::sync::Arc;

use futures_util::future::try_join_all;

use crate::error::Fatal;
use longshore_engine::list::{Diagnostic, ListText, Severity};

use crate::list::{self, Choice, GivenCredential, ListError, ReadList, format_of_failed_list};
use crate::report::Log;
use crate::settings::PluginSettings;
use longshore_engine::event::Level;
use longshore_plugin_host::{
    Kind, LogLevel, Plugin, PluginError, PluginHost, PluginLog, PluginSetup,
};

/// The list formats of a run.
pub(crate) struct Formats<'a> {
    pub(crate) plugins: &'a PluginHost,
    pub(crate) settings: &'a PluginSettings,
    pub(crate) log: &'a Arc<Log>,
}

impl Formats<'_> {
    /// Loads the format `name`: a built-in or installed plugin, or a component by its path.
    pub(crate) async fn load(&self, name: &str) -> Result<Plugin, Fatal> {
        let configured = self.plugins.name_of(Kind::ListFormat, name).await?;
        let setup = PluginSetup {
            config: self.settings.config(&configured),
            grants: Vec::new(),
            origins: std::collections::HashMap::new(),
            transport: None,
            log: Arc::new(LogOfPlugins(Arc::clone(self.log))),
            dry_run: false,
        };
        let loaded = self.plugins.load(Kind::ListFormat, name, setup).await;
        loaded.map_err(|error| self.settings.blamed(error))
    }

    /// Reads a list in the format `forced`, or else in the format that recognises it best. Logs what
    /// explains an error.
    pub(crate) async fn read(
        &self,
        text: ListText,
        forced: Option<&str>,
    ) -> Result<ReadList, Fatal> {
        let read = self.read_list(text, forced).await;
        if let Err(Fatal::List(error)) = &read {
            self.explain(error);
        }
        read
    }

    /// Logs the remarks on a list that cannot be used.
    fn explain(&self, error: &ListError) {
        match error {
            ListError::Empty { name, remarks, .. } | ListError::Malformed { name, remarks, .. } => {
                for remark in remarks {
                    log_remark(self.log, name, remark, None);
                }
            }
            ListError::NoFormat { name, refusal, .. } | ListError::Unread { name, refusal, .. } => {
                for line in refusal.told_of(name) {
                    self.log.write(Level::Info, &line);
                }
            }
            _ => {}
        }
    }

    /// Reads a list as [`Self::read`] does, and logs no remarks.
    pub(crate) async fn read_list(
        &self,
        text: ListText,
        forced: Option<&str>,
    ) -> Result<ReadList, Fatal> {
        let choice = self.choose(&text, forced).await?;
        Ok(list::parse(text, choice).await?)
    }

    /// Reads only the credentials of a list, which needs no entries. Also returns the name of its format.
    pub(crate) async fn read_credentials(
        &self,
        text: &ListText,
    ) -> Result<(String, Vec<GivenCredential>), Fatal> {
        let choice = self.choose(text, None).await?;
        let format = choice.plugin.name().to_owned();
        Ok((format, list::credentials(text, choice).await?))
    }

    /// Returns the plugin `forced`, or else the one that recognises the text best.
    async fn choose(&self, text: &ListText, forced: Option<&str>) -> Result<Choice, Fatal> {
        // A failed list of longshore names its format. The list may come from another person, so it may only
        // choose a built-in plugin.
        let built_in = PluginHost::built_in(Kind::ListFormat);
        let named = format_of_failed_list(text).filter(|name| built_in.contains(name));
        if let (None, Some(name)) = (forced, named) {
            self.log.write(Level::Info, &read_as(text, name));
        }
        Ok(match forced.or(named) {
            Some(name) => Choice::forced(self.load(name).await?),
            None => {
                let mut failures = Vec::new();
                let (mut choice, mut unusable) =
                    self.recognise(text, text.head(), &mut failures).await?;
                // The words that identify a format may come late.
                if let (Err(ListError::NoFormat { .. } | ListError::Ambiguous { .. }), Some(head)) =
                    (&choice, text.long_head())
                {
                    failures.clear();
                    (choice, unusable) = self.recognise(text, head, &mut failures).await?;
                }
                for failure in &failures {
                    self.log.write(Level::Warning, &failure.to_string());
                }
                for error in &unusable {
                    let text = format!("failed to {error}; the list is read without this plugin");
                    // If no other format reads the list, the error at the end has the hint.
                    let hint = error.hint().filter(|_| choice.is_ok());
                    self.log.warning(&text, hint.as_deref());
                }
                let known = self.plugins.names(Kind::ListFormat);
                let plugin = |fatal| if let Fatal::Plugin(it) = fatal { Some(it) } else { None };
                let unusable = unusable.into_iter().find_map(plugin);
                let choice =
                    choice.map_err(|error| error.with_known(&known).because_of(unusable))?;
                self.log.write(Level::Info, &read_as(text, choice.plugin.name()));
                choice
            }
        })
    }
}

impl Formats<'_> {
    /// Asks the formats that may read a text, of which they see `head`. An installed one that cannot be loaded
    /// counts as a no, and its error is returned too. The errors of probes go into `failures`. The outer error
    /// is that of a built-in plugin.
    async fn recognise(
        &self,
        text: &ListText,
        head: &str,
        failures: &mut Vec<PluginError>,
    ) -> Result<(Result<Choice, ListError>, Vec<Fatal>), Fatal> {
        let known = PluginHost::formats_for(&text.name, head).into_iter();
        let mut plugins = try_join_all(known.map(|name| self.load(name))).await?;
        let mut unusable = Vec::new();
        for name in self.plugins.installed_formats_for(&text.name, head) {
            match self.load(name).await {
                Ok(plugin) => plugins.push(plugin),
                Err(error) => unusable.push(error),
            }
        }
        Ok((list::choose(text, head, &plugins, failures).await, unusable))
    }
}

/// Logs a remark on the list of this name. `hint` is advice for an error.
pub(crate) fn log_remark(log: &Log, list: &str, remark: &Diagnostic, hint: Option<&str>) {
    let text = remark.told_of(list);
    match remark.severity {
        Severity::Warning => log.write(Level::Warning, &text),
        Severity::Error => log.failure(None, &text, hint),
    }
}

/// Writes the messages of plugins to the log.
pub(crate) struct LogOfPlugins(pub(crate) Arc<Log>);

impl PluginLog for LogOfPlugins {
    fn line(&self, plugin: &str, level: LogLevel, message: &str) {
        let level = match level {
            LogLevel::Debug => Level::Debug,
            LogLevel::Info => Level::Info,
            LogLevel::Warning => Level::Warning,
            LogLevel::Error => Level::Error,
        };
        self.0.write(level, &format!("{plugin}: {message}"));
    }
}

/// Says in which format a list is read.
fn read_as(text: &ListText, format: &str) -> String {
    let name = if text.name == "-" { "standard input" } else { &text.name };
    format!("{name} is read as {format}")
}
