//! A pattern and its replacement.

use std::borrow::Cow;

use regex_lite::Regex;

/// A rule: a compiled pattern and its replacement.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pattern: Regex,
    replacement: String,
}

impl Rule {
    /// Parses `PATTERN => REPLACEMENT`. The replacement may be empty.
    pub(crate) fn of_line(line: &str) -> Result<Self, String> {
        let line = line.trim();
        let parts = match line.strip_suffix(" =>") {
            Some(pattern) => Some((pattern, "")),
            None => line.split_once(" => "),
        };
        let parts = parts.or_else(|| Some(("", line.strip_prefix("=> ")?)));
        let (pattern, replacement) =
            parts.ok_or("expected PATTERN => REPLACEMENT, with blanks around the arrow")?;
        Self::new(pattern.trim(), replacement.trim())
    }

    /// Compiles the pattern and checks that it has the groups that the replacement uses.
    pub(crate) fn new(pattern: &str, replacement: &str) -> Result<Self, String> {
        if pattern.is_empty() {
            return Err("the pattern is empty".into());
        }
        let compiled =
            Regex::new(pattern).map_err(|error| format!("pattern `{pattern}`: {error}"))?;
        for group in groups(replacement) {
            let known = match group.parse::<usize>() {
                Ok(number) => number < compiled.captures_len(),
                Err(_) => compiled.capture_names().any(|name| name == Some(group)),
            };
            if !known {
                let hint = "; write ${…} around a group's number or name that letters follow";
                let hint = if group.starts_with(|first: char| first.is_ascii_digit())
                    && group.parse::<usize>().is_err()
                {
                    hint
                } else {
                    ""
                };
                return Err(format!("the pattern has no group `{group}`{hint}"));
            }
        }
        Ok(Self { pattern: compiled, replacement: replacement.to_owned() })
    }

    /// Replaces all matches in the text. Returns `None` if there is none.
    pub(crate) fn replaced(&self, text: &str) -> Option<String> {
        match self.pattern.replace_all(text, self.replacement.as_str()) {
            Cow::Borrowed(_) => None,
            Cow::Owned(replaced) => Some(replaced),
        }
    }
}

/// Lists the groups in a replacement: `$1`, `$name`, `${name}`. `$$` is a literal dollar sign.
fn groups(replacement: &str) -> Vec<&str> {
    let mut groups = Vec::new();
    let mut rest = replacement;
    while let Some(dollar) = rest.find('$') {
        rest = &rest[dollar + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            rest = after;
            continue;
        }
        let group = match rest.strip_prefix('{').and_then(|braced| braced.split_once('}')) {
            Some((group, _)) => group,
            None => {
                let word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
                &rest[..rest.find(|letter| !word(letter)).unwrap_or(rest.len())]
            }
        };
        if !group.is_empty() {
            groups.push(group);
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::groups;

    #[test]
    fn replacement_groups_are_found() {
        assert_eq!(groups("$1/${b}-$c_d:$$e$"), ["1", "b", "c_d"]);
        assert_eq!(groups("$$$1x ${1}x"), ["1x", "1"]);
        assert_eq!(groups("plain ${open"), [""; 0]);
    }
}
