//! Runs `longshore convert-list`.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use longshore_chart::source::RepoLogin;
use longshore_engine::counted;
use longshore_engine::event::Level;
use longshore_engine::list::{Entry, Format, List, ListText, Severity};
use longshore_oci::StoreName;
use longshore_plugin_host::{Plugin, PluginHost};
use longshore_store::Interrupt;

use super::mirror_charts::listing::{Reading, config_of, is_of_charts};
use super::mirror_charts::renderer::Plugins;
use crate::convert::{
    ConvertError, Inexpressible, Output, Rendered, Replacements, converted, render, resolvable,
    without,
};
use crate::error::{Exit, Fatal};
use crate::flags::Convert;
use crate::list::{self, ReadList};
use crate::report::{self, Log};
use crate::settings::ConvertSettings;
use crate::setup::{Formats, RegistrySettings, StoreSetup, log_remark, plugin_host};
use longshore_engine::plan::{self, SourceOverride, Unselected};

/// The file name that means standard input or standard output.
const STREAM: &str = "-";
/// The most tag lists to request at once.
const AT_ONCE: usize = 8;
/// The platforms of an entry without a filter.
const ALL: &str = "all";

/// The target of the new list.
enum Target {
    Stdout,
    File(Box<Output>),
}

/// Converts a list, and writes the new one if it has entries.
pub(crate) async fn run(mut settings: ConvertSettings, log: &Arc<Log>) -> Result<Exit, Fatal> {
    let logins = std::mem::replace(&mut settings.logins, Ok(Vec::new()));
    let flags = &settings.flags;
    for note in &settings.notes {
        log.write(Level::Info, note);
    }
    let target = target(flags)?;
    // Nothing listens for signals, so that the first one ends the process.
    let (_never, mut interrupt) = Interrupt::channel();
    let text = match flags.input.as_str() {
        STREAM => list::read_stdin(&mut interrupt).await?,
        path => list::read_file(Path::new(path), &mut interrupt).await?,
    };
    let Some(text) = text else { return Ok(Exit::Interrupted) };
    let is_private = text.is_private;
    let plugins = plugin_host(&settings.plugins, log)?;
    let formats = Formats { plugins: &plugins, settings: &settings.plugins, log };
    let to = formats.load(&flags.to).await?;
    if !to.can_render() {
        return Err(ConvertError::ReadOnly { format: to.name().to_owned() }.into());
    }
    let (mut list, mut failed) = match is_of_charts(&text, flags.list_format.as_deref()) {
        true => charts(text, logins?, &settings, &plugins, log).await?,
        false => {
            if let Some(note) = flags.charts.note() {
                log.write(Level::Info, note);
            }
            let ReadList { list, credentials } =
                formats.read(text, flags.list_format.as_deref()).await?;
            if !credentials.is_empty() {
                let name = &list.text.name;
                let are = ["credential of the list is", "credentials of the list are"];
                let count = counted(credentials.len(), are[0], are[1]);
                let text = format!("{name}: {count} not written");
                log.write(Level::Warning, &text);
            }
            let failed = log_remarks(&list, log);
            (list, failed)
        }
    };
    if flags.resolve {
        failed += resolve(&mut list, &settings, log).await?;
    }
    let (entries, invalid) = converted_entries(&list, &settings, &list::format_of(&to), log);
    failed += invalid;
    let name = &list.text.name;
    let (written, refused) = expressible(entries, &to, flags.keep_going, name, log).await?;
    failed += refused;
    let Some((text, count)) = written else {
        // An empty list is of no use, and an older file may be.
        return Err(ConvertError::NothingLeft { list: name.clone(), failed }.into());
    };
    let place = target.write(&text, is_private)?;
    let entries = counted(count, "entry", "entries");
    let left_out = match failed {
        0 => String::new(),
        failed => format!(" and left out {failed}"),
    };
    log.write(Level::Info, &format!("wrote {entries} to {place}{left_out}"));
    Ok(if failed > 0 { Exit::SomeFailed } else { Exit::Done })
}

/// Lists the charts and images of a configuration of charts. Also returns the number of failures.
async fn charts(
    text: ListText,
    logins: Vec<RepoLogin>,
    settings: &ConvertSettings,
    host: &PluginHost,
    log: &Arc<Log>,
) -> Result<(List, usize), Fatal> {
    let config = config_of(&text)?;
    let plain_http = Vec::from_iter(config.target.insecure.then(|| config.target.registry.clone()));
    let registries = RegistrySettings {
        insecure: settings.insecure.clone(),
        plain_http,
        ..RegistrySettings::default()
    };
    let stores = StoreSetup::of_environment(registries, None)?.stores(None)?;
    let plugins = Plugins { host, settings: &settings.plugins, log };
    let reading = Reading { flags: &settings.flags.charts, plugins, logins };
    let listed = reading.read(config, &text.name, stores.registries).await?;
    let (entries, failed) = listed.entries(log);
    let format = Format { name: "charts".to_owned(), ..Format::default() };
    Ok((List { format, text, entries, diagnostics: Vec::new() }, failed))
}

impl Target {
    /// Writes the list. If it `is_private`, others may not read it. Returns the name of the target.
    fn write(&self, text: &str, is_private: bool) -> Result<String, Fatal> {
        Ok(match self {
            Self::Stdout => {
                report::print(text)?;
                "standard output".to_owned()
            }
            Self::File(output) => {
                output.write(text, is_private)?;
                output.path().display().to_string()
            }
        })
    }
}

/// Logs the remarks on a list. Returns the number of errors.
fn log_remarks(list: &List, log: &Log) -> usize {
    for remark in &list.diagnostics {
        let hint = match remark.message == list::NOT_TEXT {
            true => Some("save the list as UTF-8"),
            false => list.format.line_hint.as_deref(),
        };
        log_remark(log, &list.text.name, remark, hint);
    }
    list.diagnostics.iter().filter(|remark| remark.severity == Severity::Error).count()
}

/// The text of a list, and the number of its entries.
type Written = (String, usize);

/// Writes `entries` as text in the format `to`. Names each entry that the format cannot express, and leaves
/// these out if it shall keep going. Returns the text, and how many entries it leaves out.
async fn expressible(
    entries: Vec<Entry>,
    to: &Plugin,
    keep_going: bool,
    list: &str,
    log: &Log,
) -> Result<(Option<Written>, usize), ConvertError> {
    if entries.is_empty() {
        return Ok((None, 0));
    }
    let is_pattern: Vec<bool> = entries.iter().map(plan::is_pattern).collect();
    let entries: Vec<_> = entries.into_iter().map(list::to_entry).collect();
    let refused = match render(to, &entries).await? {
        Rendered::Whole(text) => return Ok((Some((text, entries.len())), 0)),
        Rendered::Part(refused) => refused,
    };
    for Inexpressible { position, why } in &refused {
        let entry = &entries[*position];
        log.failure(None, &format!("{list}:{}: {}: {why}", entry.line, entry.source), None);
    }
    if !keep_going {
        let of_patterns = refused.iter().filter(|entry| is_pattern[entry.position]);
        let patterns = resolvable(to, of_patterns.map(|refused| &entries[refused.position])).await;
        return Err(ConvertError::Inexpressible {
            format: to.name().to_owned(),
            refused: refused.len(),
            entries: entries.len(),
            patterns,
        });
    }
    let kept = without(entries, &refused);
    if kept.is_empty() {
        return Ok((None, refused.len()));
    }
    Ok((Some((to.render(&kept).await?, kept.len())), refused.len()))
}

/// Finds the target of the list, and asks before it overwrites a file.
fn target(flags: &Convert) -> Result<Target, Fatal> {
    let path = match flags.output.as_deref() {
        Some(STREAM) => return Ok(Target::Stdout),
        None if flags.input == STREAM => return Ok(Target::Stdout),
        Some(path) => PathBuf::from(path),
        None => PathBuf::from(format!("{}.converted", flags.input)),
    };
    let output = Output::find(&path, flags.output.is_none())?;
    if !output.overwrites() || flags.auto_yes {
        return Ok(Target::File(Box::new(output)));
    }
    // Standard input cannot give both the list and the answer.
    if flags.input == STREAM || !std::io::stdin().is_terminal() {
        return Err(ConvertError::Exists(path).into());
    }
    let question = format!("overwrite {}? [y/N] ", report::escape(&path.to_string_lossy()));
    let answer = match rustyline::DefaultEditor::new()?.readline(&question) {
        Ok(answer) => answer,
        Err(rustyline::error::ReadlineError::Eof) => String::new(),
        Err(error) => return Err(error.into()),
    };
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(Target::File(Box::new(output))),
        _ => Err(ConvertError::Kept(path).into()),
    }
}

/// Replaces each entry that selects tags by pattern with one entry for each tag. Reports and removes the
/// entries for which this fails, and returns their number.
async fn resolve(list: &mut List, settings: &ConvertSettings, log: &Log) -> Result<usize, Fatal> {
    if !plan::selects_by_pattern(list) {
        return Ok(0);
    }
    let registries =
        RegistrySettings { insecure: settings.insecure.clone(), ..RegistrySettings::default() };
    let setup = StoreSetup::of_environment(registries, None)?;
    let Replacements { source, destination, source_project, .. } = &settings.replacements;
    let stores = setup.stores(destination.as_ref())?;
    let store = source.clone().map(StoreName::from);
    let source =
        SourceOverride { store, project: source_project.clone(), ..SourceOverride::default() };
    let expansion = plan::expand(list, &source, &stores, AT_ONCE).await;
    for picked in &expansion.picked {
        log.write(Level::Info, &picked.told_of(&list.text));
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

/// Converts the entries. Also returns how many of them are invalid.
fn converted_entries(
    list: &List,
    settings: &ConvertSettings,
    to: &Format,
    log: &Log,
) -> (Vec<Entry>, usize) {
    let changes_filter = to.directives && to.has_filter() && !to.has_filter_of(&list.format);
    let mut failed = 0;
    let mut entries = Vec::with_capacity(list.entries.len());
    for entry in &list.entries {
        match converted(entry.clone(), &settings.replacements) {
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
                log.failure(None, &text, error.hint());
            }
        }
    }
    (entries, failed)
}
