//! Hides the secrets of a list whose lines are shown: the failed list names malformed parts of lists in YAML
//! and JSON, and such a part may be a whole document on one line, with passwords. The first lines of a list
//! in no known format may hold passwords too.

use std::cell::Cell;
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
fn next_secret(text: &str, mut at: usize) -> Option<Range<usize>> {
    loop {
        // The expression is valid; a test would fail otherwise.
        let found = SECRETS.as_ref()?.find_at(text, at)?;
        if found.as_str().starts_with("://") {
            return Some(found.start() + "://".len()..found.end() - 1);
        }
        let value = value(text, found.end());
        if !value.is_empty() {
            return Some(value);
        }
        // An empty value has nothing to hide, but the search goes on after its key.
        at = found.end();
    }
}

/// Returns the range of the value after a key that ends at `from`, as YAML and JSON write it. What may
/// belong to the value counts as a part of it.
fn value(text: &str, from: usize) -> Range<usize> {
    let skipped = text[from..].len() - text[from..].trim_start_matches([' ', '\t']).len();
    let start = from + skipped;
    let rest = &text[start..];
    let length = match rest.chars().next() {
        Some(quote @ ('"' | '\'')) => quoted(rest, quote),
        Some('{' | '[') => bracketed(rest),
        // A block scalar, or a value on the next lines: all that is indented deeper.
        None | Some('\n' | '\r' | '|' | '>' | '&' | '!') => block(rest, indent_at(text, from)),
        Some(_) => rest.find([',', '}', ']', '\n']).unwrap_or(rest.len()),
    };
    start..start + length
}

/// Returns the indent of the line with the byte `at`. A line may have megabytes and very many secrets, so only a
/// value that ends its line asks for it.
fn indent_at(text: &str, at: usize) -> usize {
    let line_start = text[..at].rfind('\n').map_or(0, |at| at + 1);
    indent(&text[line_start..])
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

/// A place in a line: characters and bytes before it.
#[derive(Clone, Copy, Debug, Default)]
struct InLine {
    characters: usize,
    bytes: usize,
}

/// The lines of a [`masked`] text, which are shown in the order of the text.
#[derive(Debug)]
pub(super) struct MaskedLines {
    text: String,
    /// The end of each line, in bytes.
    ends: Vec<usize>,
    /// The number of the first line.
    first: u32,
    /// The line that was shown last, and where: a line of megabytes may have very many errors.
    last: Cell<(u32, InLine)>,
}

impl MaskedLines {
    /// Masks a text whose first line has the number `first`.
    pub(super) fn of(text: &str, first: u32) -> Self {
        let text = masked(text);
        let mut ends: Vec<usize> = text.match_indices('\n').map(|(at, _)| at).collect();
        ends.push(text.len());
        Self { text, ends, first, last: Cell::default() }
    }

    /// Returns the part of a line around a column, from 1; empty if there is no such line.
    pub(super) fn around(&self, line: u32, column: u32) -> String {
        let found = line.checked_sub(self.first).and_then(|at| {
            let at = at as usize;
            let end = *self.ends.get(at)?;
            let start = at.checked_sub(1).map_or(0, |before| self.ends[before] + 1);
            Some(self.text[start..end].trim_ascii())
        });
        let (last, known) = self.last.get();
        let known = if last == line { known } else { InLine::default() };
        let (shown, reached) = part(found.unwrap_or_default(), column, known);
        self.last.set((line, reached));
        shown
    }
}

/// Returns a line of a [`masked`] text, or of a long one the part around a column, from 1.
pub fn around(line: &str, column: u32) -> String {
    part(line, column, InLine::default()).0
}

/// Returns what [`around`] shows, and where it begins. The search for that begins at `known`.
fn part(line: &str, column: u32, known: InLine) -> (String, InLine) {
    let before = match line.chars().nth(SHOWN) {
        Some(_) => (column as usize).saturating_sub(SHOWN / 2),
        None => 0,
    };
    let known = if known.characters <= before { known } else { InLine::default() };
    let ahead = line[known.bytes..].char_indices().nth(before - known.characters);
    let start = ahead.map_or(line.len(), |(at, _)| known.bytes + at);
    // Behind the end of the line, the next search begins anew.
    let reached = match ahead {
        Some(_) => InLine { characters: before, bytes: start },
        None => InLine::default(),
    };
    let mut rest = line[start..].chars();
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
    (shown, reached)
}

#[cfg(test)]
mod tests {
    use super::{MaskedLines, SHOWN, around, masked};

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
    fn many_places_of_one_long_line_are_shown() {
        let text = format!("a\n  {}\nb", "ä1€".repeat(50_000));
        let lines = MaskedLines::of(&text, 3);
        let long = text.lines().nth(1).unwrap().trim();
        for column in (1..150_000).step_by(4_999).chain([3, 200_000, 90, 149_999, 1]) {
            assert_eq!(lines.around(4, column), around(long, column), "{column}");
        }
        for (line, expected) in [(2, ""), (3, "a"), (5, "b"), (6, "")] {
            assert_eq!(lines.around(line, 1), expected, "{line}");
        }
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

    /// In quadratic time, or with a stack frame for each secret, this would not end well.
    #[test]
    fn very_many_secrets_in_one_line_are_hidden() {
        let count = 40_000;
        for (secret, hidden) in [
            (r#"{"password":"s3"},"#, r#"{"password":***},"#),
            ("password:,", "password:,"),
            ("x://u:s3@a.io ", "x://***@a.io "),
            ("auth: [s3], ", "auth: ***, "),
            ("pw=s3,", "pw=***,"),
        ] {
            let text = masked(&format!(" {}", secret.repeat(count)));
            assert!(!text.contains("s3"), "{secret}");
            let start: String = hidden.repeat(3);
            assert!(around(&text, 1).starts_with(&format!(" {start}")), "{secret}");
        }
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
