//! AWS keys from the environment: of a web identity, a profile, or the role of a container or an instance.
//!
//! The order is that of AWS's SDKs. The metadata service of an instance is asked only if a request must be
//! signed and no other source has keys.

mod container;
mod instance;
mod local;
mod profile;
mod web_identity;

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::time::SystemTime;

use tokio::sync::Mutex;

use crate::Registries;
use crate::auth::exchange::Held;
use crate::auth::sigv4::AwsKeys;

/// Keys, and when they end.
type Found = (AwsKeys, Option<SystemTime>);

/// Returns the value of an environment variable.
type Variables = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// What the sources are found with.
struct Surroundings {
    variables: Variables,
    home: Option<PathBuf>,
}

impl Surroundings {
    /// Returns the value of a variable; an empty one is unset.
    fn variable(&self, name: &str) -> Option<String> {
        (self.variables)(name).filter(|value| !value.is_empty())
    }
}

/// The sources of AWS keys apart from `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`. They are asked once in
/// a run, and again before keys end.
pub struct AwsSources {
    surroundings: Surroundings,
    /// The keys by the profile that the settings name.
    held: Mutex<HashMap<Option<String>, Held<Option<AwsKeys>>>>,
}

impl fmt::Debug for AwsSources {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("AwsSources").finish_non_exhaustive()
    }
}

impl AwsSources {
    /// Creates the sources that these variables and the home directory lead to.
    pub fn new(
        variables: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
        home: Option<PathBuf>,
    ) -> Self {
        let surroundings = Surroundings { variables: Box::new(variables), home };
        Self { surroundings, held: Mutex::default() }
    }

    /// Returns the keys of `profile`, or without one those of the first source that has some.
    ///
    /// # Errors
    /// Returns a fragment without a secret if a source exists and gives no keys.
    pub async fn keys(
        &self,
        profile: Option<&str>,
        registries: &Registries,
    ) -> Result<Option<AwsKeys>, String> {
        let mut held = self.held.lock().await;
        let key = profile.map(str::to_owned);
        if let Some(held) = held.get(&key).filter(|held| held.holds(SystemTime::now())) {
            return held.result.clone();
        }
        let found = self.find(profile, registries).await;
        let fetched = found.map(|found| match found {
            Some((keys, ends)) => (Some(keys), ends),
            None => (None, None),
        });
        let fresh = Held::new(fetched, SystemTime::now());
        let result = fresh.result.clone();
        held.insert(key, fresh);
        result
    }

    /// Returns the region of `profile`, or without one that of the profile in use.
    pub fn region(&self, profile: Option<&str>) -> Option<String> {
        profile::region(&self.surroundings, profile)
    }

    async fn find(
        &self,
        profile: Option<&str>,
        registries: &Registries,
    ) -> Result<Option<Found>, String> {
        let surroundings = &self.surroundings;
        if profile.is_none()
            && let Some(found) = web_identity::fetch(surroundings, registries).await?
        {
            return Ok(Some(found));
        }
        if let Some(keys) = profile::find(surroundings, profile)? {
            return Ok(Some((keys, None)));
        }
        if let Some(found) = container::fetch(surroundings).await? {
            return Ok(Some(found));
        }
        instance::fetch(surroundings).await
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::path::Path;

    use super::Surroundings;

    /// Creates surroundings with these variables.
    pub(super) fn surroundings(variables: &[(&str, &str)], home: Option<&Path>) -> Surroundings {
        let variables: HashMap<String, String> =
            variables.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        Surroundings {
            variables: Box::new(move |name| variables.get(name).cloned()),
            home: home.map(Path::to_owned),
        }
    }

    #[test]
    fn an_empty_variable_is_unset() {
        let surroundings = surroundings(&[("A", ""), ("B", "b")], None);
        assert_eq!(surroundings.variable("A"), None);
        assert_eq!(surroundings.variable("B").as_deref(), Some("b"));
    }
}
