//! Reads environment variables.

/// Returns the value of an environment variable; a value that is not UTF-8 counts as unset.
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
