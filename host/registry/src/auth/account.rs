//! What a registry thinks of the credentials that it was shown, so that a wrong password is shown
//! once in a run: many tries lock accounts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OwnedMutexGuard;

use crate::{Cause, Credential};

/// How a credential was received.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It was not answered yet.
    #[default]
    Untried,
    /// It was accepted.
    Accepted,
    /// It was refused and is not shown again.
    Refused,
    /// There were too many logins, and it is not shown again.
    Limited,
}

/// The right to show a credential for the first time; nobody else shows it while this is held.
#[derive(Debug)]
pub(crate) struct Trial {
    held: OwnedMutexGuard<Standing>,
    whose: String,
}

impl Trial {
    /// The credential was received so.
    pub(crate) fn ends(mut self, standing: Standing) {
        *self.held = standing;
        let whose = &self.whose;
        match standing {
            Standing::Untried | Standing::Accepted => {}
            Standing::Refused => tracing::warn!("the credential for {whose} was refused"),
            Standing::Limited => tracing::warn!(
                "logins with the credential for {whose} are limited (429); it is not shown again in this run, as more \
                 tries lock accounts"
            ),
        }
    }
}

type Shared = Arc<tokio::sync::Mutex<Standing>>;

/// The credentials of one registry by how they were received.
#[derive(Debug, Default)]
pub(crate) struct Accounts(Mutex<HashMap<Credential, Shared>>);

impl Accounts {
    /// Asks for the right to show `credential`. Where nobody knows yet what comes of it, the others
    /// wait until the first has its answer.
    ///
    /// # Errors
    /// It was refused before, or logins with it were limited; `whose` is its registry's name and where
    /// it came from.
    pub(crate) async fn show(
        &self,
        credential: &Credential,
        whose: impl ToString,
    ) -> Result<Option<Trial>, Cause> {
        let held = self.of(credential).lock_owned().await;
        match *held {
            Standing::Untried => Ok(Some(Trial { held, whose: whose.to_string() })),
            Standing::Accepted => Ok(None),
            Standing::Refused => Err(Cause::CredentialRefused(whose.to_string())),
            Standing::Limited => Err(Cause::LoginLimited(whose.to_string())),
        }
    }

    /// A credential that had been good is received so now.
    pub(crate) async fn received(&self, credential: &Credential, standing: Standing) {
        *self.of(credential).lock().await = standing;
    }

    fn of(&self, credential: &Credential) -> Shared {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(credential.clone()).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::{Accounts, Standing};
    use crate::{Cause, Credential, Secret};

    #[tokio::test]
    async fn one_shows_it_first_and_a_refusal_is_kept() {
        let accounts = Accounts::default();
        let credential = Credential::IdentityToken(Secret::new("x".to_owned()));
        let trial = accounts.show(&credential, "a").await.unwrap().expect("the first tries");
        let second = accounts.show(&credential, "a");
        let soon = std::time::Duration::from_millis(20);
        let mut second = std::pin::pin!(second);
        assert!(tokio::time::timeout(soon, &mut second).await.is_err(), "the others wait");
        trial.ends(Standing::Accepted);
        assert!(second.await.unwrap().is_none(), "it is known to be good");
        accounts.received(&credential, Standing::Refused).await;
        let refused = accounts.show(&credential, "a").await;
        assert!(matches!(refused, Err(Cause::CredentialRefused(name)) if name == "a"));
        accounts.received(&credential, Standing::Limited).await;
        let limited = accounts.show(&credential, "a").await;
        assert!(matches!(limited, Err(Cause::LoginLimited(name)) if name == "a"));
    }
}
