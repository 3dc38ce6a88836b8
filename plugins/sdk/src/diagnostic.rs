//! Diagnostics about the input, with their positions.

pub use crate::bindings::imports::types::{Diagnostic, Severity};

/// A position in the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Line, counted from 1; 0 means the whole input.
    pub line: u32,
    /// Column in Unicode scalar values, counted from 1; 0 means the whole line.
    pub column: u32,
}

impl Diagnostic {
    /// Creates an error at `place`.
    #[must_use]
    pub fn error(place: Place, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, place, message)
    }

    /// Creates a warning at `place`.
    #[must_use]
    pub fn warning(place: Place, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, place, message)
    }

    fn new(severity: Severity, place: Place, message: impl Into<String>) -> Self {
        let mut message = message.into();
        // Quoted input may contain line breaks and other control characters.
        if message.contains(char::is_control) {
            message = message.chars().flat_map(escaped).collect();
        }
        Self { severity, line: place.line, column: place.column, message }
    }
}

/// Escapes a character for one-line output.
fn escaped(character: char) -> impl Iterator<Item = char> {
    let is_control = character.is_control();
    let escape = is_control.then(|| character.escape_default());
    escape.into_iter().flatten().chain((!is_control).then_some(character))
}

#[cfg(test)]
mod tests {
    use super::{Diagnostic, Place};

    #[test]
    fn a_message_is_one_line() {
        let place = Place { line: 1, column: 2 };
        assert_eq!(Diagnostic::error(place, "no `a\n\u{1b}ä`").message, "no `a\\n\\u{1b}ä`");
        assert_eq!(Diagnostic::warning(place, "nö").message, "nö");
    }
}
