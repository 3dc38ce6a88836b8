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
        Self { severity, line: place.line, column: place.column, message: message.into() }
    }
}
