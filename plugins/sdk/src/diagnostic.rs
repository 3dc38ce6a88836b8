//! Remarks on the input, with their places.

/// Whether something of the input was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// What could be read was read; a person should know of it all the same.
    Warning,
    /// Something was not turned into an entry.
    Error,
}

/// Where something starts in the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// From 1; 0 is the input as a whole.
    pub line: u32,
    /// From 1, in Unicode scalar values; 0 is the whole line.
    pub column: u32,
}

/// A remark on the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whether something was lost.
    pub severity: Severity,
    /// From 1; 0 is the input as a whole.
    pub line: u32,
    /// From 1, in Unicode scalar values; 0 is the whole line.
    pub column: u32,
    /// One lower-case fragment.
    pub message: String,
}

impl Diagnostic {
    /// An error at `place`.
    #[must_use]
    pub fn error(place: Place, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, place, message)
    }

    /// A warning at `place`.
    #[must_use]
    pub fn warning(place: Place, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, place, message)
    }

    fn new(severity: Severity, place: Place, message: impl Into<String>) -> Self {
        let mut message = message.into();
        // What a message quotes may have been written over lines.
        if message.contains(char::is_control) {
            message = message.chars().flat_map(escaped).collect();
        }
        Self { severity, line: place.line, column: place.column, message }
    }
}

/// A character as it may stand in a line.
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
