//! Splits the action of a template into tokens.

use std::fmt;

/// A token of an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// The name of a function or keyword.
    Word(String),
    /// A path of fields such as `.Sync.Source`.
    Field(String),
    Text(String),
    Number(usize),
    Pipe,
    Open,
    Close,
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(text) | Self::Field(text) | Self::Text(text) => f.write_str(text),
            Self::Number(number) => write!(f, "{number}"),
            Self::Pipe => f.write_str("|"),
            Self::Open => f.write_str("("),
            Self::Close => f.write_str(")"),
        }
    }
}

/// Splits an action.
///
/// # Errors
/// Names the character that starts no token.
pub(super) fn tokens(action: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = action.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, after) = match first {
            '|' => (Token::Pipe, &rest[1..]),
            '(' => (Token::Open, &rest[1..]),
            ')' => (Token::Close, &rest[1..]),
            '`' => {
                let (text, after) = rest[1..].split_once('`').ok_or_else(no_end)?;
                (Token::Text(text.to_owned()), after)
            }
            '"' => quoted(&rest[1..])?,
            _ => {
                let is_part =
                    |letter: char| letter.is_ascii_alphanumeric() || "._".contains(letter);
                let (word, after) = rest.split_at(rest.find(|c| !is_part(c)).unwrap_or(rest.len()));
                let token = match (word.parse(), first) {
                    (Ok(number), _) => Token::Number(number),
                    (Err(_), '.') => Token::Field(word.to_owned()),
                    (Err(_), _) if word.is_empty() => {
                        return Err(format!("`{first}` is not supported in a template"));
                    }
                    (Err(_), _) => Token::Word(word.to_owned()),
                };
                (token, after)
            }
        };
        tokens.push(token);
        rest = after.trim_start();
    }
    Ok(tokens)
}

/// Returns the text up to the closing quote, and the rest.
fn quoted(text: &str) -> Result<(Token, &str), String> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Ok((Token::Text(value), &text[at + 1..])),
            '\\' => match characters.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, 't')) => value.push('\t'),
                Some((_, escaped)) => value.push(escaped),
                None => break,
            },
            other => value.push(other),
        }
    }
    Err(no_end())
}

fn no_end() -> String {
    "a text in a template has no end".to_owned()
}
