//! What a registry thinks of the credentials that it was shown, so that a wrong password is shown
//! once in a run: many tries lock accounts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OwnedMutexGuard;

use super::{Cause, Credential};

/// How a credential was received.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Standing {
    /// It was not answered yet.
    #[default]
    Untried,
    /// It was accepted.
    Accepted,
    /// It was refused and is not shown again.
    Refused,
}

/// The right to show a credential for the first time; nobody else shows it while this is held.
#[derive(Debug)]
pub(super) struct Trial {
    held: OwnedMutexGuard<Standing>,
    whose: String,
}

impl Trial {
    /// The credential was accepted, or refused.
    pub(super) fn ends(mut self, accepted: bool) {
        *self.held = if accepted { Standing::Accepted } else { Standing::Refused };
        if !accepted {
            tracing::warn!("the credential for {} was refused", self.whose);
        }
    }
}

type Shared = Arc<tokio::sync::Mutex<Standing>>;

/// The credentials of one registry by how they were received.
#[derive(Debug, Default)]
pub(super) struct Accounts(Mutex<HashMap<Credential, Shared>>);

impl Accounts {
    /// Asks for the right to show `credential`. Where nobody knows yet what comes of it, the others
    /// wait until the first has its answer.
    ///
    /// # Errors
    /// It was refused before; `whose` is its registry's name and where it came from.
    pub(super) async fn show(
        &self,
        credential: &Credential,
        whose: impl ToString,
    ) -> Result<Option<Trial>, Cause> {
        let held = self.of(credential).lock_owned().await;
        match *held {
            Standing::Untried => Ok(Some(Trial { held, whose: whose.to_string() })),
            Standing::Accepted => Ok(None),
            Standing::Refused => Err(Cause::CredentialRefused(whose.to_string())),
        }
    }

    /// A credential that had been good was refused.
    pub(super) async fn refuse(&self, credential: &Credential) {
        *self.of(credential).lock().await = Standing::Refused;
    }

    fn of(&self, credential: &Credential) -> Shared {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(credential.clone()).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::Accounts;
    use crate::registry::{Cause, Credential, Secret};

    #[tokio::test]
    async fn one_shows_it_first_and_a_refusal_is_kept() {
        let accounts = Accounts::default();
        let credential = Credential::IdentityToken(Secret::new("x".to_owned()));
        let trial = accounts.show(&credential, "a").await.unwrap().expect("the first tries");
        let second = accounts.show(&credential, "a");
        let soon = std::time::Duration::from_millis(20);
        let mut second = std::pin::pin!(second);
        assert!(tokio::time::timeout(soon, &mut second).await.is_err(), "the others wait");
        trial.ends(true);
        assert!(second.await.unwrap().is_none(), "it is known to be good");
        accounts.refuse(&credential).await;
        let refused = accounts.show(&credential, "a").await;
        assert!(matches!(refused, Err(Cause::CredentialRefused(name)) if name == "a"));
    }
}
