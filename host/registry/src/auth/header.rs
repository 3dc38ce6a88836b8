//! The `Authorization` headers of credentials and tokens.

use base64::Engine as _;
use reqwest::header::HeaderValue;

use crate::secret::known::remember;
use crate::{Cause, Secret};

/// Builds the header of HTTP's Basic scheme (RFC 7617).
pub(crate) fn basic(username: &str, password: &Secret) -> Result<HeaderValue, Cause> {
    let pair = format!("{username}:{}", password.expose());
    let encoded = base64::engine::general_purpose::STANDARD.encode(pair);
    remember(password.expose());
    remember(encoded.trim_end_matches('='));
    sensitive(format!("Basic {encoded}"))
}

/// Builds the header of a token (RFC 6750).
pub(crate) fn bearer(token: &Secret) -> Result<HeaderValue, Cause> {
    remember(token.expose());
    sensitive(format!("Bearer {}", token.expose()))
}

fn sensitive(text: String) -> Result<HeaderValue, Cause> {
    let mut value = HeaderValue::try_from(text).map_err(|_| {
        Cause::Credential(
            "the credential contains characters that are not allowed in a header".to_owned(),
        )
    })?;
    value.set_sensitive(true);
    Ok(value)
}
