//! `.helmignore`: Helm's rules, which differ from those of `.gitignore`.
//!
//! A pattern with a slash matches the whole path, any other one the name. `!` drops everything that
//! does *not* match, and `**` is an error.

use regex::Regex;

use super::ArchiveError;

/// The rules of one folder.
#[derive(Debug, Default)]
pub(super) struct Rules(Vec<Rule>);

#[derive(Debug)]
struct Rule {
    pattern: Regex,
    negated: bool,
    only_folders: bool,
    /// Whether the pattern is compared with the whole path.
    whole: bool,
}

impl Rules {
    /// Reads `.helmignore`, and adds Helm's own rule: no dot files in `templates/`.
    pub(super) fn parse(text: &str) -> Result<Self, ArchiveError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut rules = Vec::new();
        for (line, rule) in (1..).zip(text.lines().chain(["templates/.?*"])) {
            let rule = rule.trim();
            if rule.is_empty() || rule.starts_with('#') {
                continue;
            }
            rules.push(Rule::parse(rule).map_err(|why| ArchiveError::Ignore { line, why })?);
        }
        Ok(Self(rules))
    }

    /// Whether a file or folder is left out; of a folder, all that is in it.
    pub(super) fn ignore(&self, path: &str, is_folder: bool) -> bool {
        for rule in &self.0 {
            let matches = rule.matches(path);
            if rule.negated {
                if (rule.only_folders && !is_folder) || !matches {
                    return true;
                }
            } else if matches && (is_folder || !rule.only_folders) {
                return true;
            }
        }
        false
    }
}

impl Rule {
    fn parse(rule: &str) -> Result<Self, String> {
        if rule.contains("**") {
            return Err(format!("`{rule}`: ** is not supported by Helm"));
        }
        let (negated, rule) = rule.strip_prefix('!').map_or((false, rule), |rest| (true, rest));
        let (only_folders, rule) =
            rule.strip_suffix('/').map_or((false, rule), |rest| (true, rest));
        let whole = rule.contains('/');
        let pattern = rule.strip_prefix('/').unwrap_or(rule);
        let pattern = expression(pattern).ok_or_else(|| format!("`{rule}` is not a pattern"))?;
        Ok(Self { pattern, negated, only_folders, whole })
    }

    fn matches(&self, path: &str) -> bool {
        let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
        self.pattern.is_match(if self.whole { path } else { name })
    }
}

/// Translates a pattern of Go's `filepath.Match`: `*`, `?`, `[a-z]`, `[^a-z]` and `\`.
fn expression(pattern: &str) -> Option<Regex> {
    let mut text = String::from("^");
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        match character {
            '*' => text.push_str("[^/]*"),
            '?' => text.push_str("[^/]"),
            '\\' => text.push_str(&regex::escape(&characters.next()?.to_string())),
            '[' => class(&mut characters, &mut text)?,
            other => text.push_str(&regex::escape(&other.to_string())),
        }
    }
    text.push('$');
    Regex::new(&text).ok()
}

/// Translates a class of characters, whose bracket was read.
fn class(characters: &mut std::str::Chars<'_>, text: &mut String) -> Option<()> {
    let mut members = String::new();
    let mut negated = false;
    loop {
        match characters.next()? {
            '^' if members.is_empty() && !negated => negated = true,
            ']' if !members.is_empty() => break,
            '-' => members.push('-'),
            '\\' => members.push_str(&regex::escape(&characters.next()?.to_string())),
            other => members.push_str(&regex::escape(&other.to_string())),
        }
    }
    text.push_str(if negated { "[^/" } else { "[" });
    text.push_str(&members);
    text.push(']');
    Some(())
}

#[cfg(test)]
mod tests {
    use super::Rules;

    fn ignored(rules: &str, path: &str, is_folder: bool) -> bool {
        Rules::parse(rules).unwrap().ignore(path, is_folder)
    }

    #[test]
    fn rules_mean_what_helm_means() {
        for (rules, path, is_folder, expected) in [
            ("*.md", "docs/README.md", false, true),
            ("*.md", "README.mdx", false, false),
            ("/README.md", "README.md", false, true),
            ("/README.md", "docs/README.md", false, false),
            ("docs/*.md", "docs/a.md", false, true),
            ("docs/*.md", "docs/sub/a.md", false, false),
            ("ci/", "ci", true, true),
            ("ci/", "ci", false, false),
            ("ci/", "templates/ci", true, true),
            ("# ci\n\n", "ci", true, false),
            ("[ab].txt", "a.txt", false, true),
            ("[^ab].txt", "a.txt", false, false),
            ("[a-c].txt", "b.txt", false, true),
            ("a?c", "abc", false, true),
            ("\\*.txt", "*.txt", false, true),
            ("\\*.txt", "a.txt", false, false),
            (".git", ".git", true, true),
            // A negated rule drops all that does not match.
            ("!keep*", "other", false, true),
            ("!keep*", "kept", false, true),
            ("!keep*", "keep.txt", false, false),
            ("\u{feff}*.bak", "a.bak", false, true),
            // Helm's own rule.
            ("", "templates/.hidden", false, true),
            ("", "templates/x/.hidden", false, false),
            ("", ".hidden", false, false),
        ] {
            assert_eq!(ignored(rules, path, is_folder), expected, "{rules:?} on {path}");
        }
    }

    #[test]
    fn wrong_rules_are_named_with_their_line() {
        for (rules, message) in [
            ("a\n**/b\n", ".helmignore:2: `**/b`: ** is not supported by Helm"),
            ("[a", ".helmignore:1: `[a` is not a pattern"),
            ("\n\na\\", ".helmignore:3: `a\\` is not a pattern"),
        ] {
            assert_eq!(Rules::parse(rules).unwrap_err().to_string(), message);
        }
    }
}
