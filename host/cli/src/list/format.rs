//! Which plugin reads a list, and reading it.

use longshore_engine::list::{
    Diagnostic, Format, List, ListText, Place, STANDARD_FORMAT, Severity, terms_of,
};
use longshore_plugin_host::contract::Confidence;
use longshore_plugin_host::{Kind, ListFacts, Plugin, PluginError, PluginHost};

use super::ListError;
use super::contract::{Parsed, of_parsed};
use super::credential::GivenCredential;
use super::notation::UNREADABLE_HINT;
use super::refusal::Refusal;

/// A list, and the credentials that its text gives.
pub(crate) struct ReadList {
    /// The list.
    pub(crate) list: List,
    /// The credentials.
    pub(crate) credentials: Vec<GivenCredential>,
}

/// The plugin that reads a list.
pub(crate) struct Choice {
    /// The plugin.
    pub(crate) plugin: Plugin,
    /// The list as the plugin read it, if it had to read the list to be chosen.
    parsed: Option<Parsed>,
}

/// Asks each of `plugins` whether it knows the text, and takes the surest one. They are the built-in and
/// installed formats that the text may be in. If formats of lines are equally sure, it takes the one that
/// reads the whole text with the fewest errors: lines of another kind in a list are usually mistakes.
///
/// They see `head`, the start of the text. A plugin whose probe fails counts as a no; its error goes into
/// `failures`.
///
/// # Errors
/// If no format knows the text, or two are equally sure.
pub(crate) async fn choose(
    text: &ListText,
    head: &str,
    plugins: &[Plugin],
    failures: &mut Vec<PluginError>,
) -> Result<Choice, ListError> {
    let mut sure = Vec::new();
    for plugin in plugins {
        match plugin.probe(&text.name, head).await {
            Ok(confidence) => sure.push((rank(confidence), plugin)),
            Err(error) => failures.push(error),
        }
    }
    let best = sure.iter().map(|(rank, _)| *rank).max().unwrap_or(0);
    if best == 0 && text.says_nothing() {
        let standard = PluginHost::built_in_formats().find(|known| known.name == STANDARD_FORMAT);
        let line_hint = standard.and_then(|known| known.list.line_hint.as_deref());
        let line_hint = line_hint.map(str::to_owned);
        let name = text.name.clone();
        return Err(ListError::Empty { name, line_hint, remarks: Vec::new() });
    }
    if best == 0
        && let Some((line, _)) = text.broken().first()
    {
        return Err(ListError::NotText { name: text.name.clone(), line: *line });
    }
    if best == 0 {
        return Err(no_format(text, plugins).await);
    }
    let surest: Vec<&Plugin> =
        sure.iter().filter(|(rank, _)| *rank == best).map(|(_, plugin)| *plugin).collect();
    if let [only] = surest.as_slice() {
        return Ok(Choice { plugin: (*only).clone(), parsed: None });
    }
    if let [first, second, ..] = surest.as_slice()
        && !surest.iter().all(|plugin| plugin.list_facts().lines)
    {
        return Err(ListError::Ambiguous {
            name: text.name.clone(),
            first: first.name().to_owned(),
            second: second.name().to_owned(),
        });
    }
    let mut read = Vec::new();
    for plugin in surest {
        let parsed = of_parsed(plugin.parse(&text.name, &text.text).await?);
        let errors =
            parsed.diagnostics.iter().filter(|found| found.severity == Severity::Error).count();
        read.push((errors, plugin, parsed));
    }
    read.sort_by_key(|(errors, ..)| *errors);
    let mut read = read.into_iter();
    match (read.next(), read.next()) {
        (Some((first, a, _)), Some((second, b, _))) if first == second => {
            Err(ListError::Ambiguous {
                name: text.name.clone(),
                first: a.name().to_owned(),
                second: b.name().to_owned(),
            })
        }
        (Some((_, plugin, parsed)), _) => {
            Ok(Choice { plugin: plugin.clone(), parsed: Some(parsed) })
        }
        (None, _) => Err(no_format(text, plugins).await),
    }
}

/// Returns the error for a text that no format knows.
async fn no_format(text: &ListText, plugins: &[Plugin]) -> ListError {
    let known = PluginHost::built_in(Kind::ListFormat).into_iter().map(str::to_owned).collect();
    let refusal = Refusal::of(text, plugins).await;
    ListError::NoFormat { name: text.name.clone(), known, refusal }
}

const fn rank(confidence: Confidence) -> u8 {
    match confidence {
        Confidence::No => 0,
        Confidence::Maybe => 1,
        Confidence::Certain => 2,
    }
}

impl Choice {
    /// Reads `text` with the plugin, unless that was needed to choose it.
    async fn read(self, text: &ListText) -> Result<Parsed, ListError> {
        match self.parsed {
            Some(parsed) => Ok(parsed),
            None => Ok(of_parsed(self.plugin.parse(&text.name, &text.text).await?)),
        }
    }

    /// A plugin that was named.
    pub(crate) const fn forced(plugin: Plugin) -> Self {
        Self { plugin, parsed: None }
    }
}

/// Returns the format that a plugin reads, with what its metadata says about it.
pub(crate) fn format_of(plugin: &Plugin) -> Format {
    let ListFacts { lines, directives, default_arch, default_os, line_hint } = plugin.list_facts();
    Format {
        name: plugin.name().to_owned(),
        flag: plugin.given_name().to_owned(),
        lines,
        directives,
        default_arch: default_arch.map(Into::into),
        default_os: default_os.map(Into::into),
        line_hint: line_hint.map(Into::into),
    }
}

/// Reads `text` with the plugin that was chosen.
///
/// # Errors
/// Fails if the plugin fails, or if the list has no entries. Malformed lines count as entries, because a
/// failed list repeats them. Malformed parts of a document do not. Fails if a document is not UTF-8.
pub(crate) async fn parse(text: ListText, choice: Choice) -> Result<ReadList, ListError> {
    let format = format_of(&choice.plugin);
    let mut parsed = choice.read(&text).await?;
    match text.broken() {
        [] => {}
        broken if format.lines => refuse(&mut parsed, broken),
        // Nothing shows what such a line was part of.
        &[(line, _), ..] => {
            return Err(ListError::NotText { name: text.name, line });
        }
    }
    let unreadable = text.unreadable().iter().map(|line| Diagnostic {
        severity: Severity::Error,
        line: *line,
        column: 1,
        message: UNREADABLE_HINT.to_owned(),
    });
    parsed.diagnostics.extend(unreadable);
    if !format.directives {
        parsed.diagnostics.extend(idle_comments(&text, &format));
    }
    number_from(&mut parsed, text.first_line);
    let has_error = parsed.diagnostics.iter().any(|found| found.severity == Severity::Error);
    let Parsed { entries, credentials, diagnostics } = parsed;
    match (entries.is_empty(), has_error) {
        (true, false) => {
            let (name, line_hint) = (text.name, format.line_hint);
            Err(ListError::Empty { name, line_hint, remarks: diagnostics })
        }
        (true, true) if !format.lines => {
            let (name, format) = (text.name, format.name);
            Err(ListError::Malformed { name, format, remarks: diagnostics })
        }
        _ => Ok(ReadList { list: List { format, text, entries, diagnostics }, credentials }),
    }
}

/// Reads only the credentials of `text` with the plugin that was chosen. It needs no entries.
///
/// # Errors
/// Fails if the plugin fails.
pub(crate) async fn credentials(
    text: &ListText,
    choice: Choice,
) -> Result<Vec<GivenCredential>, ListError> {
    Ok(choice.read(text).await?.credentials)
}

/// The message of a line that is not UTF-8.
pub(crate) const NOT_TEXT: &str = "it is not UTF-8 text";

/// The built-in format whose lines are references, with `--platform`.
const REFERENCES: &str = "default";

/// The most warnings of comments without effect.
const MOST_IDLE: usize = 20;

/// Warns of comments for longshore that the format does not read.
fn idle_comments(text: &ListText, format: &Format) -> Vec<Diagnostic> {
    let comments = (1..).zip(text.text.lines());
    let comments = comments.filter_map(|(line, text)| Some((line, terms_of(text.trim())?)));
    let idle = comments.take(MOST_IDLE).map(|(line, terms)| {
        let way_out = match terms.strip_prefix("platforms=") {
            Some(platforms)
                if format.name == REFERENCES && !platforms.contains(char::is_whitespace) =>
            {
                format!("write --platform={platforms} before the reference")
            }
            _ if format.lines => "write the three columns of the format mirror".to_owned(),
            _ => "`longshore convert-list` writes a list that may have them".to_owned(),
        };
        let name = &format.name;
        let message = format!("the format {name} does not read comments for longshore; {way_out}");
        Diagnostic { severity: Severity::Warning, line, column: 1, message }
    });
    idle.collect()
}

/// Turns the entries at `broken` lines, which are not UTF-8, into remarks. A comment may hold any bytes.
fn refuse(parsed: &mut Parsed, broken: &[Place]) {
    let at = |line: u32| broken.binary_search_by_key(&line, |(line, _)| *line).ok();
    let mut lost = vec![false; broken.len()];
    parsed.entries.retain(|entry| match at(entry.line) {
        Some(at) => {
            lost[at] = true;
            false
        }
        None => true,
    });
    parsed.diagnostics.retain(|found| match at(found.line) {
        Some(at) => {
            lost[at] |= found.severity == Severity::Error;
            false
        }
        None => true,
    });
    let refused = broken.iter().zip(lost).filter(|(_, lost)| *lost);
    parsed.diagnostics.extend(refused.map(|(&(line, column), _)| Diagnostic {
        severity: Severity::Error,
        line,
        column,
        message: NOT_TEXT.to_owned(),
    }));
}

/// Numbers the lines from `first` on instead of from 1.
fn number_from(parsed: &mut Parsed, first: u32) {
    if first == 1 {
        return;
    }
    let entries = parsed.entries.iter_mut().map(|entry| &mut entry.line);
    for line in entries.chain(parsed.diagnostics.iter_mut().map(|found| &mut found.line)) {
        // 0 is the input as a whole.
        *line = if *line == 0 { 0 } else { line.saturating_add(first - 1) };
    }
}

#[cfg(test)]
mod tests;
