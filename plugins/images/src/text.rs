//! References in texts: the files of a `ConfigMap`, scripts and annotations.

use longshore_plugin_sdk::diagnostic::Place;

use crate::Finding;
use crate::likeness::is_certain;

/// Finds what looks like a reference among the words of a text. Words tell no images for sure.
pub(crate) fn find(text: &str, place: Place, key: &str, found: &mut Vec<Finding>) {
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
            )
    };
    for word in text.split(is_around).map(|word| word.trim_end_matches('.')) {
        if is_certain(word) {
            let why = format!("it stands in the text of `{key}`");
            found.push(Finding::Suspect { place, reference: word.to_owned(), why });
        }
    }
}
