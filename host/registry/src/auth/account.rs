//! The state of each credential, so that a wrong password is sent once per run: repeated failures
//! lock accounts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OwnedMutexGuard;

use crate::{Cause, Credential};

/// The state of a credential at a registry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum CredentialState {
    /// No answer yet.
    #[default]
    Untried,
    /// The registry's API refused it. The API may want another credential than the registry, so it is
    /// proved before it is used there.
    Doubted,
    /// The registry accepted it.
    Accepted,
    /// The registry refused it; it is not sent again.
    Refused,
    /// Logins are rate limited (429); it is not sent again.
    Limited,
}

/// The right to send a credential for the first time. While it is held, all other requests with the
/// credential wait.
#[derive(Debug)]
pub(crate) struct FirstUse {
    held: OwnedMutexGuard<CredentialState>,
    owner: String,
}

impl FirstUse {
    /// Whether an API refused the credential.
    pub(crate) fn is_doubted(&self) -> bool {
        *self.held == CredentialState::Doubted
    }

    /// Records the result, and warns if the credential is not usable.
    pub(crate) fn settle(mut self, state: CredentialState) {
        *self.held = state;
        let owner = &self.owner;
        match state {
            CredentialState::Untried | CredentialState::Doubted | CredentialState::Accepted => {}
            CredentialState::Refused => tracing::warn!(
                "the credential for {owner} was refused (401 or 403); it is not sent again in this run, as repeated \
                 logins lock accounts"
            ),
            CredentialState::Limited => tracing::warn!(
                "logins with the credential for {owner} are limited (429); it is not sent again in this run, as repeated \
                 logins lock accounts"
            ),
        }
    }
}

type SharedState = Arc<tokio::sync::Mutex<CredentialState>>;

/// The credentials of one registry and their states.
#[derive(Debug, Default)]
pub(crate) struct Accounts(Mutex<HashMap<Credential, SharedState>>);

impl Accounts {
    /// Asks for permission to send `credential`. The first caller gets a [`FirstUse`]; the others
    /// wait for its result.
    ///
    /// # Errors
    /// If the credential was refused before, or its logins are rate limited. The error names
    /// `owner`: the registry, and where the credential came from.
    pub(crate) async fn present(
        &self,
        credential: &Credential,
        owner: impl ToString,
    ) -> Result<Option<FirstUse>, Cause> {
        let held = self.of(credential).lock_owned().await;
        match *held {
            CredentialState::Untried | CredentialState::Doubted => {
                Ok(Some(FirstUse { held, owner: owner.to_string() }))
            }
            CredentialState::Accepted => Ok(None),
            CredentialState::Refused => Err(Cause::CredentialRefused(owner.to_string())),
            CredentialState::Limited => Err(Cause::LoginLimited(owner.to_string())),
        }
    }

    /// Like [`Self::present`], for the registry's API, which gets no credential that it refused.
    ///
    /// # Errors
    /// Those of [`Self::present`].
    pub(crate) async fn present_to_api(
        &self,
        credential: &Credential,
        owner: impl ToString,
    ) -> Result<Option<FirstUse>, Cause> {
        let first_use = self.present(credential, owner).await?;
        match first_use {
            Some(doubted) if doubted.is_doubted() => Err(Cause::CredentialRefused(doubted.owner)),
            first_use => Ok(first_use),
        }
    }

    /// Updates the state of a credential that was accepted before.
    pub(crate) async fn update(&self, credential: &Credential, state: CredentialState) {
        *self.of(credential).lock().await = state;
    }

    fn of(&self, credential: &Credential) -> SharedState {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(credential.clone()).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::{Accounts, CredentialState};
    use crate::{Cause, Credential, Secret};

    #[tokio::test]
    async fn one_request_uses_a_credential_first_and_a_refusal_is_kept() {
        let accounts = Accounts::default();
        let credential = Credential::IdentityToken(Secret::new("x".to_owned()));
        let first_use = accounts.present(&credential, "a").await.unwrap().expect("the first tries");
        let second = accounts.present(&credential, "a");
        let soon = std::time::Duration::from_millis(20);
        let mut second = std::pin::pin!(second);
        assert!(tokio::time::timeout(soon, &mut second).await.is_err(), "the others wait");
        first_use.settle(CredentialState::Accepted);
        assert!(second.await.unwrap().is_none(), "it is known to be good");
        accounts.update(&credential, CredentialState::Refused).await;
        let refused = accounts.present(&credential, "a").await;
        assert!(matches!(refused, Err(Cause::CredentialRefused(name)) if name == "a"));
        accounts.update(&credential, CredentialState::Limited).await;
        let limited = accounts.present(&credential, "a").await;
        assert!(matches!(limited, Err(Cause::LoginLimited(name)) if name == "a"));
    }

    #[tokio::test]
    async fn a_credential_that_an_api_refused_is_kept_from_it_and_proved_elsewhere() {
        let accounts = Accounts::default();
        let credential = Credential::IdentityToken(Secret::new("x".to_owned()));
        let first_use = accounts.present_to_api(&credential, "a").await.unwrap();
        first_use.expect("the first tries").settle(CredentialState::Doubted);
        let again = accounts.present_to_api(&credential, "a").await;
        assert!(matches!(again, Err(Cause::CredentialRefused(name)) if name == "a"));
        let elsewhere = accounts.present(&credential, "a").await.unwrap().expect("it is not known");
        assert!(elsewhere.is_doubted());
        elsewhere.settle(CredentialState::Accepted);
        assert!(accounts.present_to_api(&credential, "a").await.unwrap().is_none());
    }
}
