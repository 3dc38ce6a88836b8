//! Templates of origins, and patterns of registry hosts in which `{word}` stands for one label.

/// A part of a pattern or template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part<'a> {
    Text(&'a str),
    Word(&'a str),
}

/// Returns the words of a host that fits the pattern, or `None`.
pub(super) fn fits<'a>(pattern: &'a str, host: &'a str) -> Option<Vec<(&'a str, &'a str)>> {
    let mut words = Vec::new();
    let mut rest = host;
    for part in parts(pattern)? {
        match part {
            Part::Text(text) => rest = rest.strip_prefix(text)?,
            Part::Word(word) => {
                let end = rest.find(|c: char| !is_label(c)).unwrap_or(rest.len());
                let (label, after) = rest.split_at(end);
                if label.is_empty() {
                    return None;
                }
                words.push((word, label));
                rest = after;
            }
        }
    }
    rest.is_empty().then_some(words)
}

/// Returns whether the text is `https://` and a host in which only `{registry}` and the words of
/// `pattern` stand for other text. A word of a pattern ends where its label does, so that it cannot be
/// followed by another character of a label.
pub(super) fn is_template(origin: &str, pattern: Option<&str>) -> bool {
    let known: Option<Vec<&str>> = match pattern {
        None => Some(vec!["registry"]),
        Some(pattern) => parts(pattern).filter(|parts| are_whole_labels(parts)).map(|parts| {
            let words = parts.into_iter().filter_map(|part| match part {
                Part::Word(word) => Some(word),
                Part::Text(_) => None,
            });
            words.chain(["registry"]).collect()
        }),
    };
    let (Some(known), Some(parts)) = (known, origin.strip_prefix("https://").and_then(parts))
    else {
        return false;
    };
    !parts.is_empty()
        && parts.iter().all(|part| match part {
            Part::Word(word) => known.contains(word),
            Part::Text(text) => {
                text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:".contains(&byte))
            }
        })
}

/// Returns whether every word stands alone between dots or ends.
fn are_whole_labels(parts: &[Part<'_>]) -> bool {
    parts.windows(2).all(|pair| match pair {
        [Part::Word(_), Part::Text(text)] => text.starts_with('.'),
        [Part::Text(text), Part::Word(_)] => text.ends_with('.'),
        [Part::Word(_), Part::Word(_)] => false,
        _ => true,
    })
}

const fn is_label(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-'
}

/// Splits a text at its words, or returns `None` if a brace is unbalanced or a word is not one.
fn parts(text: &str) -> Option<Vec<Part<'_>>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let Some((before, after)) = rest.split_once('{') else {
            parts.push(Part::Text(rest));
            break;
        };
        let (word, behind) = after.split_once('}')?;
        if word.is_empty() || !word.bytes().all(|byte| byte.is_ascii_lowercase()) {
            return None;
        }
        if !before.is_empty() {
            parts.push(Part::Text(before));
        }
        parts.push(Part::Word(word));
        rest = behind;
    }
    let texts = parts.iter().filter_map(|part| match part {
        Part::Text(text) => Some(text),
        Part::Word(_) => None,
    });
    let is_balanced = !texts.into_iter().any(|text| text.contains(['{', '}']));
    is_balanced.then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::{fits, is_template};

    #[test]
    fn a_word_is_one_label() {
        assert_eq!(fits("{a}.x.{b}.y", "1.x.eu-1.y"), Some(vec![("a", "1"), ("b", "eu-1")]));
        assert_eq!(fits("x.y", "x.y"), Some(Vec::new()));
        for host in ["1.x.y", "1.2.x.eu.y", ".x.eu.y", "1.x.eu.y.z", "1.x.eu.y:5000", ""] {
            assert_eq!(fits("{a}.x.{b}.y", host), None, "{host}");
        }
    }

    #[test]
    fn a_template_uses_known_words_only() {
        assert!(is_template("https://{registry}", None));
        assert!(is_template("https://api.{registry}", None));
        assert!(is_template(
            "https://api.{region}.example.com",
            Some("{account}.{region}.example.com")
        ));
        for (origin, pattern) in [
            ("https://{region}", None),
            ("https://{region", Some("{region}.example.com")),
            ("https://{other}.example.com", Some("{region}.example.com")),
            ("https://{region}.example.com/a", Some("{region}.example.com")),
            ("https://{region}@example.com", Some("{region}.example.com")),
            ("https://{region}.example.com", Some("x{region}.example.com")),
            ("https://{region}.example.com", Some("{region}x.example.com")),
            ("https://{region}.example.com", Some("{region}{account}")),
            ("http://{registry}", None),
            ("https://", None),
        ] {
            assert!(!is_template(origin, pattern), "{origin} {pattern:?}");
        }
    }
}
