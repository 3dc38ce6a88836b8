//! The comment `# longshore: KEY=VALUE …`, which says of the next line what three columns cannot.

use longshore_plugin_sdk::diagnostic::Diagnostic;
use longshore_plugin_sdk::line::Line;
use longshore_plugin_sdk::list::Entry;

const PLATFORMS: &str = "platforms";
const DESTINATION_TAG: &str = "destination-tag";
/// The platform that means all of them.
const ALL: &str = "all";

/// What the comments above a line say of it.
#[derive(Debug, Default)]
pub(crate) struct Terms {
    platforms: Option<Vec<String>>,
    destination_tag: Option<String>,
    /// What is said of the last of them if no line comes.
    unused: Option<Diagnostic>,
}

impl Terms {
    /// Takes in what a comment says, if it is one of these; what is wrong with it is a warning.
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
                        "`{key}` says nothing here, `{PLATFORMS}=` and `{DESTINATION_TAG}=` do"
                    ));
                    continue;
                }
            };
            if value.is_empty() {
                warn(format!("`{key}` has no value"));
                self.forget(key);
            } else if replaced {
                warn(format!("`{key}` was said before, and no line has used it"));
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

    /// What is to be said at the end of the list.
    pub(crate) fn unused(self) -> Option<Diagnostic> {
        self.unused
    }

    /// Gives `entry` what was said of it.
    pub(crate) fn give_to(self, entry: &mut Entry) {
        entry.platforms = self.platforms.unwrap_or_default();
        entry.destination_tag = self.destination_tag;
    }

    /// The comment that gives an entry its platforms and its tag at the destination, if it needs one.
    pub(crate) fn comment(platforms: &[String], destination_tag: Option<&str>) -> Option<String> {
        let platforms =
            (!platforms.is_empty()).then(|| format!(" {PLATFORMS}={}", platforms.join(",")));
        let tag = destination_tag.map(|tag| format!(" {DESTINATION_TAG}={tag}"));
        let terms: String = [platforms, tag].into_iter().flatten().collect();
        (!terms.is_empty()).then(|| format!("# longshore:{terms}\n"))
    }
}

/// Keys and values; a word without `=` belongs to the value before it, as in a list with blanks.
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
