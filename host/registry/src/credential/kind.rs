//! The kinds of credential.

use crate::secret::Secret;

/// What a registry or its token realm is shown.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Credential {
    /// A user's name and password, or what stands for one.
    Basic {
        /// The user.
        username: String,
        /// The password, or an access token in its place.
        password: Secret,
    },
    /// Docker's `identitytoken`: an OAuth2 refresh token, which the token realm trades for an access
    /// token (`grant_type=refresh_token`).
    IdentityToken(Secret),
    /// Docker's `registrytoken`: a bearer token that is sent to the registry as it is.
    RegistryToken(Secret),
}
