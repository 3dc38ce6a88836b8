//! Images in arguments, commands and environment variables.

use std::collections::HashMap;

use longshore_plugin_sdk::diagnostic::Place;
use longshore_plugin_sdk::yaml::Node;

use crate::Finding;
use crate::likeness::{Likeness, is_certain, is_digest, is_suspect, is_tag};
use crate::name::{is_bare, is_image, is_repository, words};

/// A named value: a flag, a variable or a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Setting<'n> {
    pub(crate) name: &'n str,
    pub(crate) value: &'n str,
    pub(crate) place: Place,
    /// Whether the value is one word, and not a part of a script.
    pub(crate) whole: bool,
}

impl<'n> Setting<'n> {
    fn of(name: &'n str, value: &'n str, place: Place) -> Self {
        let value = value.trim();
        Self { name, value, place, whole: !value.contains(char::is_whitespace) }
    }
}

/// Characters around the references in a value.
const AROUND: [char; 13] = ['=', ',', ';', '"', '\'', '(', ')', '[', ']', '|', '\n', '\t', ' '];

/// Returns the settings of a list of arguments. Values without a flag have an empty name.
pub(crate) fn arguments(list: &Node) -> Vec<Setting<'_>> {
    let mut settings: Vec<Setting<'_>> = Vec::new();
    // The flag whose value is the next argument.
    let mut flag = "";
    for item in list.items() {
        let Some(text) = item.as_text() else { continue };
        let whole = !text.trim().contains(char::is_whitespace);
        for word in text.split_whitespace() {
            let word = word.trim_matches(['"', '\'', ';', '`']);
            let (name, value) = match word.split_once('=') {
                Some((name, value)) => (name, value),
                None if word.starts_with('-') => {
                    flag = word;
                    continue;
                }
                None => (flag, word),
            };
            flag = "";
            settings.push(Setting { name, value, place: item.place, whole });
        }
    }
    settings
}

/// Returns the settings of a list of `{name, value}`.
pub(crate) fn variables(list: &Node) -> Vec<Setting<'_>> {
    list.items().iter().filter_map(|item| of_variable(item)).collect()
}

fn of_variable(item: &Node) -> Option<Setting<'_>> {
    let (name, value) = (item.text_of("name")?, item.get("value")?);
    Some(Setting::of(name, value.as_text()?, value.place))
}

/// Returns the scalar fields of a mapping.
pub(crate) fn fields(node: &Node) -> Vec<Setting<'_>> {
    node.members()
        .filter_map(|(key, value)| {
            let text = value.as_text().filter(|text| !text.contains('\n'))?;
            Some(Setting::of(&key.text, text, value.place))
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
}

/// Finds the images of settings: values that are references, and repositories whose tag has its own
/// setting.
pub(crate) fn find(settings: &[Setting<'_>], source: Source<'_>, found: &mut Vec<Finding>) {
    let by_name = ByName::of(settings);
    for setting in settings {
        if let Some(reference) = by_name.paired(setting) {
            found.push(Finding::Image { place: setting.place, reference });
            continue;
        }
        for text in setting.value.split(AROUND).map(str::trim) {
            found.extend(judge(text, setting, source));
        }
    }
}

fn judge(text: &str, setting: &Setting<'_>, source: Source<'_>) -> Option<Finding> {
    let (likeness, named) = (Likeness::of(text), is_image(setting.name));
    let is_image = match named {
        true if source.trusted => likeness.has_version(),
        true => likeness == Likeness::Full,
        false => source.trusted && is_certain(text),
    };
    let (place, reference) = (setting.place, text.to_owned());
    if setting.whole && is_image {
        return Some(Finding::Image { place, reference });
    }
    let why = match (setting.name, likeness) {
        (name, _) if named && likeness == Likeness::Repository || is_bare(name, text) => {
            format!("`{name}` of {} has no tag and no digest", source.place)
        }
        _ if !(is_suspect(text) || named && likeness.has_version()) => return None,
        ("", _) => format!("it is a part of {}", source.place),
        (name, _) => format!("`{name}` of {} may mean something else", source.place),
    };
    Some(Finding::Suspect { place, reference, why })
}

/// The values of settings by the words of their names.
pub(crate) struct ByName<'n> {
    values: HashMap<String, &'n str>,
}

impl<'n> ByName<'n> {
    pub(crate) fn of(settings: &[Setting<'n>]) -> Self {
        let named = settings.iter().filter(|setting| !setting.value.is_empty());
        Self {
            values: named.map(|setting| (words(setting.name).join("-"), setting.value)).collect(),
        }
    }

    /// Returns the value of the first name with one of these ends.
    fn get(&self, before: &[String], ends: &[&str]) -> Option<&'n str> {
        let mut names = ends.iter().map(|end| match before {
            [] => (*end).to_owned(),
            _ => format!("{}-{end}", before.join("-")),
        });
        names.find_map(|name| self.values.get(&name).copied())
    }

    /// Assembles an image whose registry, tag or digest has its own setting beside the repository,
    /// such as `--x-image-repository` and `--x-image-tag`.
    pub(crate) fn paired(&self, setting: &Setting<'_>) -> Option<String> {
        let likeness = Likeness::of(setting.value);
        if !matches!(likeness, Likeness::Path | Likeness::Repository) {
            return None;
        }
        let words = words(setting.name);
        let before = match &words[..] {
            [before @ .., image, last] if image == "image" && is_repository(last) => before,
            [before @ .., last]
                if last == "image" || !before.is_empty() && last == "repository" =>
            {
                before
            }
            _ => return None,
        };
        let tag = self.get(before, &["image-tag", "tag", "image-version", "version"]);
        let digest = self.get(before, &["image-digest", "digest"]).or(tag);
        let mut reference = match self.get(before, &["image-registry", "registry"]) {
            Some(registry) if likeness == Likeness::Path => {
                format!("{}/{}", registry.trim_end_matches('/'), setting.value)
            }
            _ => setting.value.to_owned(),
        };
        for (mark, version) in
            [(':', tag.filter(|tag| is_tag(tag))), ('@', digest.filter(|digest| is_digest(digest)))]
        {
            if let Some(version) = version {
                reference.push(mark);
                reference.push_str(version);
            }
        }
        Likeness::of(&reference).has_version().then_some(reference)
    }
}
