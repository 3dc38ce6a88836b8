//! `longshore convert-list`.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use longshore_oci::StoreName;

use super::arguments::Global;
use super::caches::plugin_host;
use super::formats::Formats;
use super::stores::{RegistrySettings, StoreSetup};
use crate::convert::{ConvertError, Output, Registries, converted};
use crate::error::{Exit, Fatal};
use longshore_engine::list::{Format, List, STANDARD_FORMAT};

use crate::list;
use crate::report::{self, Log};
use crate::settings::{ConvertArguments, ConvertSettings};
use longshore_engine::event::Level;
use longshore_engine::list::{Entry, Severity};
use longshore_engine::plan::{self, Unselected};
use longshore_plugin_host::PluginHost;

/// Standard input or standard output in place of a file.
const STREAM: &str = "-";
/// Lists of tags that are asked for at once.
const AT_ONCE: usize = 8;
/// The word for no platform filter.
const ALL: &str = "all";

/// Write an image list in another format: SOURCE DESTINATION TAG, unless --to says otherwise
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  longshore convert-list -i rancher-images.txt -d registry.example.com
  longshore convert-list -i regsync.yml -o images.txt -y

Names, ports, tags and digests are kept as they are written; what the format cannot say is an error
that names the entry. With --resolve, tags that are selected by pattern are written one by one.")]
pub(super) struct Convert {
    /// The list to convert; - is standard input
    #[arg(short, long, value_name = "FILE")]
    input: String,
    /// The list to write; - is standard output [default: INPUT.converted]
    #[arg(short, long, value_name = "FILE")]
    output: Option<String>,
    /// Override the source registry of the list
    #[arg(short, long, value_name = "REGISTRY")]
    source: Option<String>,
    /// Override the destination registry of the list
    #[arg(short, long, value_name = "REGISTRY")]
    destination: Option<String>,
    /// Overwrite the output without asking
    #[arg(short = 'y', long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL", hide_possible_values = true)]
    auto_yes: Option<bool>,
    /// Format of the list: a built-in plugin or the path of a component [default: the plugins are
    /// asked]
    #[arg(long, value_name = "PLUGIN")]
    list_format: Option<String>,
    #[arg(long, value_name = "PLUGIN", help = to_help())]
    to: Option<String>,
    /// Ask the registries for the tags that the list selects by pattern, and write each by itself
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL", hide_possible_values = true)]
    resolve: Option<bool>,
    /// Configure a plugin; @FILE as value is that file's content; may be repeated
    #[arg(long, value_name = "NAME.KEY=VALUE")]
    plugin_config: Vec<String>,
}

fn to_help() -> String {
    let written = PluginHost::built_in_formats().filter(|format| format.renders);
    let names: Vec<&str> = written.map(|format| format.name).collect();
    format!(
        "Format to write: a built-in plugin ({}) or the path of a component [default: {STANDARD_FORMAT}]",
        names.join(", ")
    )
}

/// Where the list goes.
enum Target {
    Stdout,
    File(Output),
}

impl Convert {
    /// What of it the settings file may leave open or give.
    pub(super) fn arguments(&self, global: &Global) -> ConvertArguments {
        ConvertArguments {
            source: self.source.clone(),
            destination: self.destination.clone(),
            list_format: self.list_format.clone(),
            to: self.to.clone(),
            resolve: self.resolve,
            tls_verify: global.tls_verify,
            plugin_config: self.plugin_config.clone(),
            debug: global.debug,
        }
    }

    /// Flags that only the command line gives: they name what one run is about.
    pub(super) const OWN_FLAGS: [&str; 3] = ["input", "output", "auto-yes"];

    pub(super) async fn run(
        self,
        settings: ConvertSettings,
        log: &Arc<Log>,
    ) -> Result<Exit, Fatal> {
        super::follow_tracing(log);
        let target = self.target()?;
        let text = match self.input.as_str() {
            STREAM => tokio::task::spawn_blocking(list::read_stdin)
                .await
                .map_err(std::io::Error::other)??,
            path => list::read_file(Path::new(path))?,
        };
        let plugins = plugin_host()?;
        let formats = Formats { plugins: &plugins, settings: &settings.plugins, log };
        let to = formats.load(&settings.to).await?;
        if !to.can_render() {
            return Err(ConvertError::ReadOnly { format: to.name().to_owned() }.into());
        }
        let mut list = formats.read(text, settings.list_format.as_deref()).await?;
        let unresolved =
            if settings.resolve { resolve(&mut list, &settings, log).await? } else { 0 };
        let patterns = plan::selects_by_pattern(&list);
        let to_format = list::format_of(&to);
        let (entries, failed) = converted_entries(&list, &settings, &to_format, log);
        if !entries.is_empty() {
            let entries: Vec<_> = entries.into_iter().map(list::to_entry).collect();
            let rendered = to.render(&entries).await;
            let text = rendered.map_err(|error| ConvertError::Render { error, patterns })?;
            match &target {
                Target::Stdout => report::print(&text)?,
                Target::File(output) => output.write(&text)?,
            }
            let place = match &target {
                Target::Stdout => "standard output".to_owned(),
                Target::File(output) => output.path().display().to_string(),
            };
            let text = format!("{} entries are written to {place}", entries.len());
            log.write(Level::Info, &text);
        }
        Ok(if failed + unresolved > 0 { Exit::SomeFailed } else { Exit::Done })
    }

    /// Finds out where the list goes, and asks before a file is overwritten.
    fn target(&self) -> Result<Target, Fatal> {
        let path = match self.output.as_deref().filter(|path| !path.is_empty()) {
            Some(STREAM) => return Ok(Target::Stdout),
            None if self.input == STREAM => return Ok(Target::Stdout),
            Some(path) => PathBuf::from(path),
            None => PathBuf::from(format!("{}.converted", self.input)),
        };
        let output = Output::find(&path)?;
        if !output.overwrites() || self.auto_yes == Some(true) {
            return Ok(Target::File(output));
        }
        // The answer cannot come from where the list comes from.
        if self.input == STREAM || !std::io::stdin().is_terminal() {
            return Err(ConvertError::Exists(path).into());
        }
        let question = format!("overwrite {}? [y/N] ", report::escape(&path.to_string_lossy()));
        let answer = match rustyline::DefaultEditor::new()?.readline(&question) {
            Ok(answer) => answer,
            Err(rustyline::error::ReadlineError::Eof) => String::new(),
            Err(error) => return Err(error.into()),
        };
        match answer.trim().to_ascii_lowercase().as_str() {
            "y" | "yes" => Ok(Target::File(output)),
            _ => Err(ConvertError::Kept(path).into()),
        }
    }
}

/// Replaces the entries that select tags by pattern by one for each tag; those for which that fails are
/// reported and left out, and counted.
async fn resolve(list: &mut List, settings: &ConvertSettings, log: &Log) -> Result<usize, Fatal> {
    if !plan::selects_by_pattern(list) {
        return Ok(0);
    }
    let registries =
        RegistrySettings { tls_verify: settings.tls_verify, ..RegistrySettings::default() };
    let setup = StoreSetup::of_environment(registries, None)?;
    let stores = setup.stores(settings.destination.as_ref())?;
    let source = settings.source.clone().map(StoreName::from);
    let expansion = plan::expand(list, source.as_ref(), &stores, AT_ONCE).await;
    for picked in &expansion.picked {
        log.write(Level::Info, &picked.told_of(&list.text.name));
    }
    let mut failed = 0;
    for Unselected { entry, outcome } in &expansion.unselected {
        list.entries.retain(|left| left != entry);
        let place = format!("{}:{}: {}", list.text.name, entry.line, entry.source);
        match (&outcome.error, &outcome.reason) {
            (Some(error), _) => {
                failed += 1;
                log.failure(None, &format!("{place}: {error}"), outcome.hint.as_deref());
            }
            (None, reason) => {
                let reason = reason.as_deref().unwrap_or("nothing is selected");
                log.write(Level::Warning, &format!("{place}: {reason}"));
            }
        }
    }
    Ok(failed)
}

/// The entries as the new list has them, and how many lines or entries are none.
fn converted_entries(
    list: &List,
    settings: &ConvertSettings,
    to: &Format,
    log: &Log,
) -> (Vec<Entry>, usize) {
    let changes_filter = to.directives && to.has_filter() && !to.has_filter_of(&list.format);
    let mut failed = 0;
    for found in &list.diagnostics {
        let place = format!("{}:{}:{}", list.text.name, found.line, found.column);
        let text = format!("{place}: {}", found.message);
        match found.severity {
            Severity::Warning => log.write(Level::Warning, &text),
            Severity::Error => {
                failed += 1;
                log.failure(None, &text, list.format.line_hint.as_deref());
            }
        }
    }
    let registries =
        Registries { source: settings.source.clone(), destination: settings.destination.clone() };
    let mut entries = Vec::with_capacity(list.entries.len());
    for entry in &list.entries {
        match converted(entry.clone(), &registries) {
            Ok(mut entry) => {
                // The new list's default filter must not apply to an entry that has another one.
                if changes_filter && entry.platforms.is_empty() {
                    entry.platforms = vec![ALL.to_owned()];
                }
                entries.push(entry);
            }
            Err(error) => {
                failed += 1;
                let text = format!("{}:{}: {}: {error}", list.text.name, entry.line, entry.source);
                log.failure(None, &text, None);
            }
        }
    }
    (entries, failed)
}
