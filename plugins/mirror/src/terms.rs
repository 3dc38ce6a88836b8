//! The comment `# longshore: KEY=VALUE …`, which sets options of the next line that have no column.

use longshore_plugin_sdk::diagnostic::Diagnostic;
use longshore_plugin_sdk::line::Line;
use longshore_plugin_sdk::list::Entry;

const PLATFORMS: &str = "platforms";
const DESTINATION_TAG: &str = "destination-tag";
/// The value that selects all platforms.
const ALL: &str = "all";

/// The options that comments set for the next line.
#[derive(Debug, Default)]
pub(crate) struct Terms {
    platforms: Option<Vec<String>>,
    destination_tag: Option<String>,
    /// The warning about the last comment if no line follows.
    unused: Option<Diagnostic>,
}

impl Terms {
    /// Parses a comment and stores its options. Ignores other comments. Adds a warning for invalid
    /// options.
    pub(crate) fn read(&mut self, line: &Line<'_>, diagnostics: &mut Vec<Diagnostic>) {
        let comment = line.trimmed().strip_prefix('#').map(str::trim_start);
        let Some(terms) = comment.and_then(|comment| comment.strip_prefix("longshore:")) else {
            return;
        };
        let mut warn = |message: String| diagnostics.push(line.warning(0, message));
        for (key, value) in pairs(terms) {
            let replaced = match key {
                PLATFORMS => self.platforms.replace(platforms(&value)).is_some(),
                DESTINATION_TAG => self.destination_tag.replace(value.clone()).is_some(),
                _ => {
                    warn(format!(
                        "`{key}` is not an option, use `{PLATFORMS}=` or `{DESTINATION_TAG}=`"
                    ));
                    continue;
                }
            };
            if value.is_empty() {
                warn(format!("`{key}` has no value"));
                self.forget(key);
            } else if replaced {
                warn(format!("`{key}` was set before, and no line has used it"));
            }
        }
        self.unused = Some(line.warning(0, "no line comes after this comment".into()));
    }

    fn forget(&mut self, key: &str) {
        match key {
            PLATFORMS => self.platforms = None,
            _ => self.destination_tag = None,
        }
    }

    /// Returns the warning for options that no line has used.
    pub(crate) fn unused(self) -> Option<Diagnostic> {
        self.unused
    }

    /// Moves the options to `entry`.
    pub(crate) fn give_to(self, entry: &mut Entry) {
        entry.platforms = self.platforms.unwrap_or_default();
        entry.destination_tag = self.destination_tag;
    }

    /// Formats the comment for the platforms and the destination tag of an entry, if it needs one.
    pub(crate) fn comment(platforms: &[String], destination_tag: Option<&str>) -> Option<String> {
        let platforms =
            (!platforms.is_empty()).then(|| format!(" {PLATFORMS}={}", platforms.join(",")));
        let tag = destination_tag.map(|tag| format!(" {DESTINATION_TAG}={tag}"));
        let terms: String = [platforms, tag].into_iter().flatten().collect();
        (!terms.is_empty()).then(|| format!("# longshore:{terms}\n"))
    }
}

/// Returns a warning if the options stand behind an entry and not above it.
pub(crate) fn late(line: &Line<'_>) -> Option<Diagnostic> {
    let mut fields = line.fields().skip_while(|field| !field.text.starts_with('#'));
    let first = fields.next()?;
    let named = first.text.trim_start_matches('#');
    let is_longshore = match named {
        "" => fields.next().is_some_and(|field| field.text.starts_with("longshore:")),
        _ => named.starts_with("longshore:"),
    };
    let message = "options for longshore belong into a line of their own above the entry";
    is_longshore.then(|| line.warning(first.start, message.into()))
}

/// Splits the options into keys and values. A word without `=` continues the value before it, as in
/// a list with blanks.
fn pairs(terms: &str) -> Vec<(&str, String)> {
    let mut pairs: Vec<(&str, String)> = Vec::new();
    for word in terms.split_whitespace() {
        match (word.split_once('='), pairs.last_mut()) {
            (None, Some((_, value))) => value.push_str(word),
            (None, None) => pairs.push((word, String::new())),
            (Some((key, value)), _) => pairs.push((key, value.to_owned())),
        }
    }
    pairs
}

fn platforms(list: &str) -> Vec<String> {
    let named = list.split(',').filter(|platform| !platform.is_empty());
    let named: Vec<String> = named.map(str::to_owned).collect();
    if named.iter().any(|platform| platform == ALL) { vec![ALL.to_owned()] } else { named }
}
