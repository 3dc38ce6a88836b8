//! Names of plugins and endpoints.

use crate::PackError;

const MAX_NAME: usize = 64;

pub(crate) fn check_name(what: &'static str, name: &str) -> Result<(), PackError> {
    if is_name(name) { Ok(()) } else { Err(PackError::Name { what, name: shown(name) }) }
}

/// Reports whether a plugin or an endpoint may have this name: lower-case words of letters and digits,
/// joined by single hyphens, at most 64 characters.
#[must_use]
pub fn is_name(name: &str) -> bool {
    name.len() <= MAX_NAME
        && name.split('-').all(|word| {
            !word.is_empty()
                && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        })
}

pub(crate) fn shown(text: &str) -> String {
    text.chars().take(MAX_NAME).collect()
}
