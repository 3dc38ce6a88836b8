//! Comments that look as if they should set options, and set none.

use longshore_plugin_sdk::diagnostic::Diagnostic;
use longshore_plugin_sdk::line::Line;
use strsim::osa_distance;

/// The word that options stand behind.
const WORD: &str = "longshore";
/// Most typing errors in [`WORD`].
const MOST_ERRORS: usize = 2;

/// Returns a warning for a comment in a line of its own that was probably meant to set options. `keys` are
/// their names.
pub(crate) fn nearly(line: &Line<'_>, keys: &[&str]) -> Option<Diagnostic> {
    let message = "this comment sets nothing: write `# longshore: KEY=VALUE`";
    is_near(line.trimmed(), keys).then(|| line.warning(0, message.into()))
}

/// Says whether a comment, with its marks, nearly sets options, such as `# Longshore: latest=1`.
pub(crate) fn is_near(comment: &str, keys: &[&str]) -> bool {
    let text = comment.trim_start_matches(['#', '/', ' ', '\t']);
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '-' || c == '_'));
    let (word, rest) = text.split_at(end.unwrap_or(text.len()));
    let word = word.to_lowercase();
    if osa_distance(&word, WORD) > MOST_ERRORS {
        return false;
    }
    if word == WORD && rest.starts_with(':') {
        return true;
    }
    let is_blank = |c: char| c.is_whitespace() || matches!(c, ':' | ';' | ',');
    let option =
        |word: &str| word.split_once('=').is_some_and(|(key, _)| nearest(key, keys).is_some());
    rest.split(is_blank).any(option)
}

/// Returns the option that `key` probably means.
pub(crate) fn nearest<'a>(key: &str, keys: &[&'a str]) -> Option<&'a str> {
    let key = key.to_lowercase();
    let errors = keys.iter().map(|known| (osa_distance(&key, known), *known));
    let few = errors.filter(|(errors, known)| *errors <= if known.len() < 7 { 2 } else { 3 });
    few.min_by_key(|(errors, _)| *errors).map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::{is_near, nearest};

    const KEYS: [&str; 4] = ["tags", "latest", "platforms", "destination-tag"];

    #[test]
    fn a_comment_may_nearly_set_options() {
        for comment in [
            "# longshore latest=1",
            "# Longshore: latest=1",
            "#LONGSHORE:latest=1",
            "// longshore: platforms=all",
            "## longshore: tags=x",
            "# longshore : tags=x",
            "# longshore; latest=1",
            "# longshor: latest=1",
            "# lonshgore: platfroms=all",
            "# Longshore:",
        ] {
            assert!(is_near(comment, &KEYS), "{comment}");
        }
        for comment in [
            "# longshore is a tool",
            "# longshore copies a=b",
            "# failed list of longshore; repeat the run with: longshore mirror --latest=1",
            "# reason: longshore: latest=1",
            "# latest=1",
            "# a remark",
            "#",
        ] {
            assert!(!is_near(comment, &KEYS), "{comment}");
        }
    }

    #[test]
    fn a_mistyped_option_has_a_nearest_one() {
        for (key, expected) in [
            ("latset", Some("latest")),
            ("platform", Some("platforms")),
            ("Tags", Some("tags")),
            ("tag", Some("tags")),
            ("destinationtag", Some("destination-tag")),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(key, &KEYS), expected, "{key}");
        }
    }
}
