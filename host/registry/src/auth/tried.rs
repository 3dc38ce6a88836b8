//! How a refused request was logged in, and how to log in otherwise.

use longshore_oci::Registry;

use crate::credential::{CredentialOrigin, variable_of};

/// The login of a refused request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginTried {
    /// The registry.
    pub registry: Registry,
    /// Where the credential was from; `None` if there was none.
    pub origin: Option<CredentialOrigin>,
    /// Whether the registry has said how to log in. Until then, no credential is shown.
    pub is_asked: bool,
}

impl LoginTried {
    /// Says which credential was tried before the answer with `status`, and how to give another one.
    pub(crate) fn advice(&self, status: u16) -> String {
        let registry = &self.registry;
        if !self.is_asked && status != 401 {
            return format!(
                "no credential was shown, because {registry} has not asked for one; ask its operator why it refuses, \
                 or check the proxy in front of it"
            );
        }
        if !self.is_asked {
            return format!(
                "no credential was shown: the 401 of {registry} has no header WWW-Authenticate, which says how to log \
                 in; ask its operator, or check the proxy in front of it"
            );
        }
        let variable = variable_of(registry);
        let other = match &self.origin {
            None => {
                return format!(
                    "no credential was found for {registry}; log in with longshore login {registry}, or set \
                     {variable}"
                );
            }
            // These come first, so that a login would change nothing.
            Some(CredentialOrigin::Environment | CredentialOrigin::Variable(_)) => {
                "set another one there".to_owned()
            }
            Some(CredentialOrigin::List { .. }) => {
                format!("correct it there, or set {variable}, which comes first")
            }
            Some(CredentialOrigin::Exchange) => "check what --repo-type exchanges".to_owned(),
            // `longshore login` writes to Docker's file, which comes after this one.
            Some(CredentialOrigin::File { file, .. } | CredentialOrigin::Program { file, .. })
                if file.ends_with("containers/auth.json") =>
            {
                format!("log in again with podman login {registry}, or set {variable}")
            }
            Some(CredentialOrigin::File { .. } | CredentialOrigin::Program { .. }) => {
                format!("log in again with longshore login {registry}, or set {variable}")
            }
        };
        let origin = self.origin.as_ref().map(ToString::to_string).unwrap_or_default();
        format!(
            "the credential of {origin} was tried for {registry}; check that it is right and may do this, or \
             {other}"
        )
    }
}
