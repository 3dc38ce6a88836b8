//! Parses env files in the syntax that Docker documents for Compose.
//!
//! ```text
//! # a comment
//! NAME=value # another one
//! OTHER="a ${NAME}\t"
//! LITERAL: 'not ${expanded}'
//! ```

use crate::interpolate::{Interpolated, interpolated};
use crate::variables::Variables;

/// Blank characters around names and values.
const BLANKS: [char; 3] = [' ', '\t', '\r'];

/// Parses all assignments. The last one for a name wins.
///
/// # Errors
/// Fails at a line that is not an assignment.
pub(crate) fn read(text: &str) -> Result<Variables, String> {
    let mut variables = Variables::default();
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut number = 1;
    while !rest.is_empty() {
        let after = statement(rest, &mut variables)
            .map_err(|message| format!("line {number} of the variables: {message}"))?;
        number += rest[..rest.len() - after.len()].matches('\n').count();
        rest = after;
    }
    Ok(variables)
}

/// Parses one assignment, comment or blank line, and returns the rest of the text.
fn statement<'t>(text: &'t str, variables: &mut Variables) -> Result<&'t str, String> {
    let start = text.trim_start_matches(BLANKS);
    if start.is_empty() || start.starts_with(['#', '\n']) {
        return Ok(line(start).1);
    }
    let exported = start.strip_prefix("export").filter(|rest| rest.starts_with(BLANKS));
    let named = exported.unwrap_or(start).trim_start_matches(BLANKS);
    let is_part =
        |letter: char| letter.is_ascii_alphanumeric() || ['_', '.', '-'].contains(&letter);
    let end = named.find(|letter| !is_part(letter)).unwrap_or(named.len());
    let (name, behind) = named.split_at(end);
    let behind = behind.trim_start_matches(BLANKS);
    if name.is_empty() {
        return Err("expected NAME=VALUE".into());
    }
    let Some(value) = behind.strip_prefix(['=', ':']) else {
        // A name without a value takes it from the environment, and plugins do not have one.
        let (left, after) = line(behind);
        return if left.is_empty() || left.starts_with('#') {
            Ok(after)
        } else {
            Err("expected NAME=VALUE".into())
        };
    };
    let opened = value.trim_start_matches(BLANKS);
    let (value, after) = match opened.chars().next() {
        Some('\'') => {
            let (text, after) = quoted(&opened[1..], '\'')?;
            (Ok(Interpolated { text, remarks: Vec::new() }), after)
        }
        Some('"') => {
            let (text, after) = quoted(&opened[1..], '"')?;
            (interpolated(&text, variables), after)
        }
        _ => {
            let (text, after) = line(value);
            let comment = text.match_indices('#').find(|(at, _)| text[..*at].ends_with(BLANKS));
            let text = &text[..comment.map_or(text.len(), |(at, _)| at)];
            (interpolated(text.trim_matches(BLANKS), variables), after)
        }
    };
    variables.set(name.to_owned(), value);
    Ok(after)
}

/// Splits off the first line and returns it with the rest of the text.
fn line(text: &str) -> (&str, &str) {
    let (line, after) = text.split_once('\n').unwrap_or((text, ""));
    (line.trim_end_matches(BLANKS), after)
}

/// Parses a quoted value, which may span lines. Returns it with the text after its last line.
fn quoted(text: &str, quote: char) -> Result<(String, &str), String> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        if character == quote {
            let (left, after) = line(&text[at + 1..]);
            let left = left.trim_start_matches(BLANKS);
            return if left.is_empty() || left.starts_with('#') {
                Ok((value, after))
            } else {
                Err(format!("`{left}` follows the closing quote"))
            };
        }
        if character != '\\' {
            value.push(character);
            continue;
        }
        let escaped = characters.clone().next().map(|(_, escaped)| escaped);
        let meant = match (quote, escaped) {
            (_, Some(escaped)) if escaped == quote => quote,
            ('"', Some('n')) => '\n',
            ('"', Some('r')) => '\r',
            ('"', Some('t')) => '\t',
            ('"', Some('\\')) => '\\',
            ('"', Some('$')) => {
                // A dollar sign that does not start a variable.
                value.push('$');
                '$'
            }
            _ => {
                value.push('\\');
                continue;
            }
        };
        value.push(meant);
        characters.next();
    }
    Err(format!("there is no closing {quote}"))
}

#[cfg(test)]
mod tests {
    use longshore_plugin_sdk::list::{Confidence, Parsed};
    use longshore_plugin_sdk::testing::survives_mutations;

    use super::read;

    #[test]
    fn values_are_read_as_documented() {
        let text = "\u{feff}# a comment\r\n\n  # another\nPLAIN=VAL\nPLAIN_BLANKS = VAL  \r\nYAML: VAL\n\
                    HASH=VAL# not a comment\nCOMMENT=VAL # a comment\nONLY= # a comment\nNONE=\n\
                    IN='VAL # not a comment' # a comment\nDOUBLE=\"VAL # not\"# a comment\n\
                    APOSTROPHE='Let\\'s go!'\nJSON=\"{\\\"a\\\": \\\"b\\\"}\"\nTAB=\"a\\tb\\\\\"\n\
                    NO_TAB='a\\tb'\nBARE=a\\tb\nLINES='a\nb'\nexport EXPORTED=1\nexport=2\n\
                    VALUE=${PLAIN}-$YAML\nQUOTED=\"${PLAIN}\"\nLITERAL='${PLAIN}'\nESCAPED=\"\\$PLAIN\"\n\
                    dotted.name-1=x\nINHERITED\nTWICE=1\nTWICE=2";
        let variables = read(text).expect("variables");
        for (name, expected) in [
            ("PLAIN", "VAL"),
            ("PLAIN_BLANKS", "VAL"),
            ("YAML", "VAL"),
            ("HASH", "VAL# not a comment"),
            ("COMMENT", "VAL"),
            ("ONLY", ""),
            ("NONE", ""),
            ("IN", "VAL # not a comment"),
            ("DOUBLE", "VAL # not"),
            ("APOSTROPHE", "Let's go!"),
            ("JSON", "{\"a\": \"b\"}"),
            ("TAB", "a\tb\\"),
            ("NO_TAB", "a\\tb"),
            ("BARE", "a\\tb"),
            ("LINES", "a\nb"),
            ("EXPORTED", "1"),
            ("export", "2"),
            ("VALUE", "VAL-VAL"),
            ("QUOTED", "VAL"),
            ("LITERAL", "${PLAIN}"),
            ("ESCAPED", "$PLAIN"),
            ("dotted.name-1", "x"),
            ("TWICE", "2"),
        ] {
            let value = variables.get(name).unwrap_or_else(|| panic!("{name}"));
            assert_eq!(value.as_ref().expect(name).text, expected, "{name}");
        }
        assert!(variables.get("INHERITED").is_none());
    }

    #[test]
    fn mutated_files_never_panic() {
        let text = "# a\nA=1 # b\nB='ä\n' # c\nexport C: \"$A\\n${B:-\\\"}\"\r\nD=${A}😀\n";
        survives_mutations(
            &[text],
            |_, _| Confidence::No,
            |_, text| {
                let message = read(text).err().unwrap_or_default();
                assert!(!message.contains('\n'), "{message:?}");
                Parsed::default()
            },
        );
    }

    #[test]
    fn invalid_assignments_are_rejected_with_their_line() {
        for (text, expected) in [
            ("A=1\nB C", "line 2 of the variables: expected NAME=VALUE"),
            ("=1", "line 1 of the variables: expected NAME=VALUE"),
            ("A='x\ny'\n\n$B=1", "line 4 of the variables: expected NAME=VALUE"),
            ("A='x\ny", "line 1 of the variables: there is no closing '"),
            ("A=\"x\\\"", "line 1 of the variables: there is no closing \""),
            ("A='x'y # z", "line 1 of the variables: `y # z` follows the closing quote"),
        ] {
            assert_eq!(read(text).expect_err(text), expected, "{text}");
        }
    }
}
