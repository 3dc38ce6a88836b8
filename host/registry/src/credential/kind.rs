//! The kinds of credential.

use crate::secret::Secret;

/// A credential for a registry or its token service.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Credential {
    /// A user name and a password or access token.
    Basic {
        /// The user name.
        username: String,
        /// The password, or an access token.
        password: Secret,
    },
    /// Docker's `identitytoken`: an OAuth 2 refresh token, which the token service exchanges for an
    /// access token (`grant_type=refresh_token`).
    IdentityToken(Secret),
    /// Docker's `registrytoken`: a bearer token that is sent to the registry unchanged.
    RegistryToken(Secret),
}

impl Credential {
    /// The secret part.
    pub(super) const fn secret(&self) -> &Secret {
        match self {
            Self::Basic { password: secret, .. }
            | Self::IdentityToken(secret)
            | Self::RegistryToken(secret) => secret,
        }
    }
}
