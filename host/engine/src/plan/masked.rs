//! Hides the secrets of a list whose lines are shown: the failed list names malformed parts of lists in YAML
//! and JSON, and such a part may be a whole document on one line, with passwords. The first lines of a list
//! in no known format may hold passwords too.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

/// Stands for each character of a secret, so that columns stay the same. [`around`] shows three asterisks
/// for several in a row.
const HIDDEN: char = '\u{fffc}';

/// Keys whose values are secrets in the formats that are known: `password`, `creds`, `auth` and the like.
/// The second alternative is the part of a URL with a user's name and password.
static SECRETS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let word = r"[a-z0-9_-]*(?:password|passwd|passphrase|token|secret)|pass|pw|pwd|creds|credentials?|auths?";
    let key = format!(r#"(?i)(?:^|[^a-z0-9_.-])["']?(?:{word})["']?[ \t]*[:=]|://[^/@\s"']+@"#);
    Regex::new(&key).ok()
});

/// Returns `text` with the same lines and columns, and with its secrets hidden. [`around`] shows its lines.
pub fn masked(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(secret) = next_secret(text, at) {
        shown.push_str(&text[at..secret.start]);
        let hidden = text[secret.clone()].chars();
        shown.extend(hidden.map(|character| if character == '\n' { '\n' } else { HIDDEN }));
        at = secret.end;
    }
    shown.push_str(&text[at..]);
    shown
}

/// Finds the next secret from the byte `at` on. Its range is at least one character, and ends after `at`.
fn next_secret(text: &str, at: usize) -> Option<Range<usize>> {
    // The expression is valid; a test would fail otherwise.
    let found = SECRETS.as_ref()?.find_at(text, at)?;
    if found.as_str().starts_with("://") {
        return Some(found.start() + "://".len()..found.end() - 1);
    }
    let value = value(text, found.end());
    // An empty value has nothing to hide, but the search goes on after its key.
    if value.is_empty() { next_secret(text, found.end()) } else { Some(value) }
}

/// Returns the range of the value after a key that ends at `from`, as YAML and JSON write it. What may
/// belong to the value counts as a part of it.
fn value(text: &str, from: usize) -> Range<usize> {
    let line_start = text[..from].rfind('\n').map_or(0, |at| at + 1);
    let indent = indent(&text[line_start..]);
    let skipped = text[from..].len() - text[from..].trim_start_matches([' ', '\t']).len();
    let start = from + skipped;
    let rest = &text[start..];
    let length = match rest.chars().next() {
        Some(quote @ ('"' | '\'')) => quoted(rest, quote),
        Some('{' | '[') => bracketed(rest),
        // A block scalar, or a value on the next lines: all that is indented deeper.
        None | Some('\n' | '\r' | '|' | '>' | '&' | '!') => block(rest, indent),
        Some(_) => rest.find([',', '}', ']', '\n']).unwrap_or(rest.len()),
    };
    start..start + length
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// Returns the length of a text in quotes. Without an end it is the whole rest.
fn quoted(text: &str, quote: char) -> usize {
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' if quote == '"' => drop(characters.next()),
            '\'' if quote == '\'' && characters.peek().is_some_and(|(_, next)| *next == '\'') => {
                characters.next();
            }
            end if end == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Returns the length of an object or an array with all that it holds. Without an end it is the whole rest.
fn bracketed(text: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(character) = text[at..].chars().next() {
        match character {
            '{' | '[' => depth += 1,
            '}' | ']' => depth -= 1,
            quote @ ('"' | '\'') => {
                at += quoted(&text[at..], quote);
                continue;
            }
            _ => {}
        }
        at += character.len_utf8();
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

/// Returns the length of the rest of the line, and of all lines after it that are blank, deeper than `indent`,
/// or items of a list at this indent.
fn block(text: &str, indent: usize) -> usize {
    let mut lines = text.split_inclusive('\n');
    let first = lines.next().map_or(0, str::len);
    let is_inside = |line: &&str| {
        let own = self::indent(line);
        line.trim().is_empty() || own > indent || (own == indent && line[own..].starts_with("- "))
    };
    first + lines.take_while(is_inside).map(str::len).sum::<usize>()
}

/// The most characters shown of a line. A whole document may be on one line, and every remark on the line
/// shows it.
const SHOWN: usize = 160;

/// Returns a line of a [`masked`] text, or of a long one the part around a column, from 1.
pub fn around(line: &str, column: u32) -> String {
    let before = match line.chars().nth(SHOWN) {
        Some(_) => (column as usize).saturating_sub(SHOWN / 2),
        None => 0,
    };
    let mut rest = line.chars().skip(before);
    let mut shown = if before > 0 { "…".to_owned() } else { String::new() };
    let mut is_hidden = false;
    for character in rest.by_ref().take(SHOWN) {
        match (character == HIDDEN, is_hidden) {
            (true, false) => shown.push_str("***"),
            (true, true) => {}
            (false, _) => shown.push(character),
        }
        is_hidden = character == HIDDEN;
    }
    if rest.next().is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::{SHOWN, around, masked};

    /// Each line of a text as it is shown.
    fn shown(text: &str) -> String {
        masked(text).lines().map(|line| around(line, 1)).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_long_line_is_shown_around_its_column() {
        let short = "x".repeat(SHOWN);
        assert_eq!(around(&short, 150), short, "all of it");
        let long = format!("{}here{}", "a".repeat(500), "b".repeat(500));
        let shown = around(&long, 501);
        assert!(shown.starts_with("…a") && shown.contains("here") && shown.ends_with("b…"));
        assert_eq!(shown.chars().count(), SHOWN + 2);
        assert!(around(&long, 0).starts_with('a'), "no column is the start");
    }

    #[test]
    fn secrets_of_one_line_are_hidden() {
        for (text, expected) in [
            (
                r#"{"auth":{"a.io":{"username":"u","password":"s}3"}},"images":{"x":1}}"#,
                r#"{"auth":***,"images":{"x":1}}"#,
            ),
            (
                r#"{"username":"u","password":"s\"3","x":1}"#,
                r#"{"username":"u","password":***,"x":1}"#,
            ),
            (r#"{"password": s3, "x": 1}"#, r#"{"password": ***, "x": 1}"#),
            ("creds: [{registry: a.io, user: u, pass: s3}]", "creds: ***"),
            (
                "- {registry: a.io, user: u, pass: 's''3', x: 1}",
                "- {registry: a.io, user: u, pass: ***, x: 1}",
            ),
            (r#"{"auth":"dTpzMw==","x":"#, r#"{"auth":***,"x":"#),
            (r#"{"password":"s3 is not closed, {"x":1}"#, r#"{"password":***x":1}"#),
            (r#"{"auth":{"a":"s3""#, r#"{"auth":***"#),
            ("identityToken: s3", "identityToken: ***"),
            ("x: https://u:s3@a.io/b?c", "x: https://***@a.io/b?c"),
            ("REGISTRY_PASSWORD=s3", "REGISTRY_PASSWORD=***"),
            ("password:", "password:"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn secrets_of_several_lines_are_hidden() {
        assert_eq!(shown("a:\n  password:\n    s3\n  x: 1"), "a:\n  password:\n***\n  x: 1");
        assert_eq!(shown("password: |\n  s3\n\n  s4\nx: 1"), "password: ***\n***\n\n***\nx: 1");
        assert_eq!(shown("creds:\n- user: u\n  pass: s3\nx: 1"), "creds:\n***\n***\nx: 1");
        assert_eq!(shown("auth: {\n\"a\": \"s3\"},\nx: 1"), "auth: ***\n***,\nx: 1");
        assert_eq!(shown("pass: \"s3\ns4\"\nx"), "pass: ***\n***\nx");
    }

    #[test]
    fn other_text_stays_with_its_columns() {
        let text = "author: me\nimagePullSecrets: [x]\ntokens: 3\nimage: a.io/auth/b:1@sha256:00\nbypass: 1";
        assert_eq!(masked(text), text);
        let text = "ü: {password: größe, image: x}";
        assert_eq!(masked(text).chars().count(), text.chars().count());
        assert!(masked(text).ends_with(", image: x}"));
    }
}
