//! Images in arguments, commands, environment variables and other named values.

use longshore_plugin_sdk::reference::looks_like_reference;
use longshore_plugin_sdk::yaml::Node;

use crate::finding::Found;
use crate::likeness::{Likeness, is_certain, is_suspect};
use crate::name::{is_bare, is_database, is_image, is_pushed};
use crate::pair::ByName;
use crate::rule::Rule;
use crate::setting::{At, Setting};

/// Keys of the value of a variable or parameter.
pub(crate) const VALUES: [&str; 2] = ["value", "default"];

/// Returns the settings of a list of arguments. Values without a flag have an empty name.
pub(crate) fn arguments(list: &Node) -> Vec<Setting<'_>> {
    let mut settings: Vec<Setting<'_>> = Vec::new();
    // The flag whose value is the next argument.
    let mut flag = "";
    for (index, item) in list.items().iter().enumerate() {
        let Some(text) = item.as_text() else { continue };
        let whole = !text.trim().contains(char::is_whitespace);
        let at = At::Item(index);
        for (name, value) in words(text, &mut flag) {
            settings.push(Setting { name, value, place: item.place, whole, at });
        }
    }
    settings
}

/// Splits a text into the values of flags, and words without one. `flag` is the flag before the text,
/// and becomes the one whose value is still missing.
pub(crate) fn words<'t>(text: &'t str, flag: &mut &'t str) -> Vec<(&'t str, &'t str)> {
    let mut settings = Vec::new();
    for word in text.split_whitespace() {
        let word = word.trim_matches(['"', '\'', ';', '`']);
        let (name, value) = match word.split_once('=') {
            Some((name, value)) if is_name(name) => (name, value),
            None if word.starts_with('-') => {
                *flag = word;
                continue;
            }
            _ => (*flag, word),
        };
        *flag = "";
        settings.push((name, value));
    }
    settings
}

/// Reports whether a text can be the name of a flag or variable.
pub(crate) fn is_name(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    !text.is_empty() && text.bytes().all(is_letter)
}

/// Returns the settings of a list of `{name, value}`, or of parameters with a default.
pub(crate) fn variables(list: &Node) -> Vec<Setting<'_>> {
    let items = list.items().iter().enumerate();
    items.filter_map(|(index, item)| of_variable(item, index)).collect()
}

/// Returns the setting of `{name, value}`, or of a parameter `{name, default}`.
pub(crate) fn of_variable(item: &Node, index: usize) -> Option<Setting<'_>> {
    let name = item.text_of("name")?;
    let (key, value) = VALUES.iter().find_map(|key| Some((*key, item.get(key)?)))?;
    Some(Setting::of(name, value.as_text()?, value.place, At::Field(index, key)))
}

/// Returns the scalar fields of a mapping.
pub(crate) fn fields(node: &Node) -> Vec<Setting<'_>> {
    node.members()
        .filter_map(|(key, value)| {
            let text = value.as_text().filter(|text| !text.contains('\n'))?;
            Some(Setting::of(&key.text, text, value.place, At::Key(&key.text)))
        })
        .collect()
}

/// Where settings stand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'n> {
    /// The place, in words for messages.
    pub(crate) place: &'n str,
    /// Whether a reference by itself, without a name that says so, is an image for sure.
    pub(crate) trusted: bool,
    /// The rule of its references.
    pub(crate) rule: Rule,
}

/// Finds the images of settings: values that are references, and repositories whose tag has its own
/// setting.
pub(crate) fn find(settings: &[Setting<'_>], source: Source<'_>, found: &mut Found) {
    let by_name = ByName::of(settings);
    for setting in settings {
        let mark = setting.at.enter(found);
        if let Some(reference) = by_name.paired(setting) {
            found.image(setting.place, Rule::Pair, reference);
        } else {
            for word in references(setting.value) {
                judge(word, setting, source, found);
            }
        }
        found.back(mark);
    }
}

/// Splits a text at the characters that stand around references. Leaves out the words that a template
/// or placeholder touches.
pub(crate) fn references(text: &str) -> impl Iterator<Item = Word<'_>> {
    let is_around = |letter: char| {
        letter.is_whitespace()
            || matches!(
                letter,
                '"' | '\''
                    | '`'
                    | ','
                    | ';'
                    | '='
                    | '('
                    | ')'
                    | '['
                    | ']'
                    | '<'
                    | '>'
                    | '|'
                    | '{'
                    | '}'
                    | '\\'
            )
    };
    pieces(text, is_around).filter_map(move |word| {
        let start = word.as_ptr() as usize - text.as_ptr() as usize;
        let (before, after) = (&text[..start], &text[start + word.len()..]);
        let is_template = before.ends_with('}')
            || before.ends_with('>') && !before.ends_with("/>") && !before.contains("</")
            || after.starts_with("{{")
            || after.starts_with('<') && !after.starts_with("</");
        let word = word.trim_end_matches('.');
        (!is_template && !word.is_empty()).then(|| Word::of(word))
    })
}

/// Splits a text at the letters that are `around`. The brackets of an IPv6 address are a part of its word.
fn pieces(text: &str, is_around: impl Fn(char) -> bool) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let mut end = text.find(&is_around).unwrap_or(text.len());
        let is_start = end == 0 || text[..end].ends_with("://");
        if let Some(behind) = behind_ipv6(&text[end..]).filter(|_| is_start) {
            let start = text.len() - behind.len();
            end = behind.find(&is_around).map_or(text.len(), |at| start + at);
        }
        let mut letters = text[end..].chars();
        rest = letters.next().map(|_| letters.as_str());
        Some(&text[..end])
    })
}

/// The longest text of an IPv6 address, with an IPv4 address in it. Further bytes are not searched.
const LONGEST_IPV6: usize = 45;

/// Returns what follows an IPv6 address in brackets, if a text begins with one and a name may follow.
fn behind_ipv6(text: &str) -> Option<&str> {
    let mut inner = text.strip_prefix('[')?.bytes().take(LONGEST_IPV6 + 1);
    let end = inner.position(|byte| byte == b']')? + "[]".len();
    let (address, behind) = text.split_at(end);
    let is_one = looks_like_reference(&format!("{address}/a"));
    (is_one && behind.starts_with([':', '/'])).then_some(behind)
}

/// A word of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Word<'t> {
    /// The word without a scheme.
    pub(crate) text: &'t str,
    /// Whether a scheme says that the rest is an image.
    is_image: bool,
}

impl<'t> Word<'t> {
    fn of(word: &'t str) -> Self {
        // Runners write `LABEL:docker://IMAGE`.
        match word.split_once("docker://") {
            Some((before, text)) if before.is_empty() || before.ends_with(':') => {
                Self { text, is_image: true }
            }
            _ => Self { text: without_scheme(word), is_image: false },
        }
    }
}

/// Removes a scheme that says that the rest is a reference.
pub(crate) fn without_scheme(text: &str) -> &str {
    let schemes = ["docker-image://", "docker://", "oci://", "registry://"];
    schemes.iter().find_map(|scheme| text.strip_prefix(scheme)).unwrap_or(text)
}

fn judge(word: Word<'_>, setting: &Setting<'_>, source: Source<'_>, found: &mut Found) {
    if is_pushed(setting.name) {
        return;
    }
    let text = word.text;
    let (likeness, named) = (Likeness::of(text), word.is_image || is_image(setting.name));
    let is_image = match named {
        true if source.trusted => likeness.has_version(),
        true => likeness == Likeness::Full,
        false => source.trusted && is_certain(text),
    };
    if setting.whole && is_image {
        return found.image(setting.place, source.rule, text);
    }
    if likeness == Likeness::Repository && is_database(setting.name) {
        let why = format!("`{}` of {} has no tag", setting.name, source.place);
        return found.likely(setting.place, source.rule, text, why);
    }
    // Programs have names like `image` for all sorts of values.
    let is_bare = source.rule != Rule::Text && is_bare(setting.name, text);
    if named && likeness == Likeness::Repository || is_bare {
        let why = format!("`{}` of {} has no tag and no digest", setting.name, source.place);
        return found.doubtful(setting.place, source.rule, text, why);
    }
    let is_versioned = named && likeness.has_version();
    if !(is_suspect(text) || is_versioned) {
        return;
    }
    let why = match setting.name {
        "" => format!("it is a part of {}", source.place),
        name => format!("`{name}` of {} may mean something else", source.place),
    };
    if is_versioned || is_certain(text) {
        found.likely(setting.place, source.rule, text, why);
    } else {
        found.doubtful(setting.place, source.rule, text, why);
    }
}

#[cfg(test)]
mod tests {
    use super::references;

    #[test]
    fn words_beside_templates_are_left_out() {
        for (text, expected) in [
            ("a q.io/b:1, 'c'", &["a", "q.io/b:1", "c"][..]),
            ("{{ .Hub }}/pilot:1", &[".Hub"]),
            ("q.io/a:1.{{ .Minor }} x", &[".Minor", "x"]),
            ("{{ .Registry }}q.io/a:1", &[".Registry"]),
            ("q.io/a:<tag>", &["tag"]),
            ("<code>q.io/a:1</code>", &["code", "/code"]),
            ("{\"a\":\"q.io/a:1\"}", &["a", ":", "q.io/a:1"]),
            ("x:docker://a:1 registry://q.io/b:2.", &["a:1", "q.io/b:2"]),
            ("[::1]:5000/a:1,[fd00::1]/b:2 c", &["[::1]:5000/a:1", "[fd00::1]/b:2", "c"]),
            ("--x=[::1]:5000/a:1", &["--x", "[::1]:5000/a:1"]),
            ("docker://[::1]:80/a:1 [\"[::1]/b:2\"]", &["[::1]:80/a:1", "[::1]/b:2"]),
            ("[a,b] x[::1]:2/c [::1] [::z]/d", &["a", "b", "x", "::1", ":2/c", "::1", "::z", "/d"]),
            (
                "[::1 [ä] [ööööööööööööööööööööööööööööö]/a:1",
                &["::1", "ä", "ööööööööööööööööööööööööööööö", "/a:1"],
            ),
        ] {
            let words: Vec<_> = references(text).map(|word| word.text).collect();
            assert_eq!(words, expected, "{text}");
        }
    }
}
