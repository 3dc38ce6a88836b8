//! How the registries of a command are reached: with which credentials and certificates, and how
//! gently.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use super::variable;
use crate::error::Fatal;
use crate::oci::Registry;
use crate::plan::Jobs;
use crate::registry::{
    CredentialSources, Credentials, Registries, RegistryOptions, certificate_directories,
};
use crate::report::Log;
use crate::settings::DEFAULT_MAX_WAIT;
use crate::transfer::Level;

/// What the settings say of registries.
pub(super) struct Terms {
    /// `--tls-verify`.
    pub(super) tls_verify: bool,
    /// `--max-wait`.
    pub(super) max_wait: Duration,
    /// No registry has more transfers of large blobs at once.
    pub(super) large_transfers: usize,
}

impl Default for Terms {
    fn default() -> Self {
        Self { tls_verify: true, max_wait: DEFAULT_MAX_WAIT, large_transfers: usize::MAX }
    }
}

/// What the settings say of registries and the environment gives for them, resolved once.
pub(super) struct Access {
    terms: Terms,
    sources: CredentialSources,
    certificates: Vec<PathBuf>,
    root_bundle: Option<PathBuf>,
    /// The registry that gets the credential of the environment.
    bound: OnceLock<Registry>,
}

impl Access {
    /// Reads the environment.
    pub(super) fn of_environment(terms: Terms) -> Result<Self, Fatal> {
        let folders = directories::BaseDirs::new();
        let home = folders.as_ref().map(|folders| folders.home_dir());
        let root_bundle = variable("SSL_CERT_FILE").filter(|path| !path.is_empty());
        Ok(Self {
            terms,
            sources: CredentialSources::of_environment(variable, home)?,
            certificates: certificate_directories(variable, home),
            root_bundle: root_bundle.map(PathBuf::from),
            bound: OnceLock::new(),
        })
    }

    /// The registries of `jobs`; `destination` is the one that holds for all of them, if it was given.
    pub(super) fn registries_of(
        &self,
        jobs: &Jobs,
        destination: Option<&Registry>,
        log: &Log,
    ) -> Result<Registries, Fatal> {
        let bound = self.bound_to(jobs, destination);
        if self.sources.environment.is_some() && bound.is_none() && !jobs.is_empty() {
            log.write(
                Level::Warning,
                "DOCKER_USERNAME and DOCKER_PASSWORD are ignored: there are several destination registries, and neither -d nor DOCKER_REGISTRY names one",
            );
        }
        self.registries(bound)
    }

    /// All registries. The credential of the environment is for `bound`.
    pub(super) fn registries(&self, bound: Option<&Registry>) -> Result<Registries, Fatal> {
        let mut sources = self.sources.clone();
        if let Some(registry) = bound {
            sources.bind_environment(registry.clone());
        }
        Ok(Registries::new(RegistryOptions {
            tls_verify: self.terms.tls_verify,
            credentials: Credentials::new(sources),
            certificate_directories: self.certificates.clone(),
            root_bundle: self.root_bundle.clone(),
            max_wait: self.terms.max_wait,
            large_transfers: self.terms.large_transfers,
        })?)
    }

    /// The registry that the credential of the environment is for. At the prompt the first line
    /// decides: a password typed for one registry is not shown to the next.
    fn bound_to<'a>(
        &self,
        jobs: &'a Jobs,
        destination: Option<&'a Registry>,
    ) -> Option<&'a Registry> {
        let destinations: BTreeSet<&Registry> = jobs.destinations().collect();
        let only = if destinations.len() == 1 { destinations.first().copied() } else { None };
        let registry = destination.or(only)?;
        (self.bound.get_or_init(|| registry.clone()) == registry).then_some(registry)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::OnceLock;

    use super::{Access, Terms};
    use crate::oci::{PlatformFilter, Registry};
    use crate::plan::{Job, Jobs};
    use crate::registry::CredentialSources;

    fn access() -> Access {
        Access {
            terms: Terms::default(),
            sources: CredentialSources::default(),
            certificates: Vec::new(),
            root_bundle: None,
            bound: OnceLock::new(),
        }
    }

    fn jobs(destinations: &[&str]) -> Jobs {
        let job = |(number, destination): (u32, &&str)| Job {
            number,
            line: number,
            source: "a.io/x:1".parse().unwrap(),
            destination: format!("{destination}/x:1").parse().unwrap(),
            filter: PlatformFilter::default(),
        };
        (1..).zip(destinations).map(job).collect()
    }

    fn bound(access: &Access, destinations: &[&str], given: Option<&str>) -> Option<String> {
        let given: Option<Registry> = given.map(|given| given.parse().unwrap());
        let jobs = jobs(destinations);
        access.bound_to(&jobs, given.as_ref()).map(ToString::to_string)
    }

    #[test]
    fn the_password_is_for_the_registry_that_was_given_or_the_only_one() {
        assert_eq!(bound(&access(), &["b.io", "c.io"], Some("d.io")).as_deref(), Some("d.io"));
        assert_eq!(bound(&access(), &["b.io", "b.io"], None).as_deref(), Some("b.io"));
        assert_eq!(bound(&access(), &["b.io", "c.io"], None), None);
        assert_eq!(bound(&access(), &[], None), None);
    }

    #[test]
    fn the_first_line_at_the_prompt_decides() {
        let access = access();
        assert_eq!(bound(&access, &["b.io"], None).as_deref(), Some("b.io"));
        assert_eq!(bound(&access, &["c.io"], None), None, "a second registry sees the password");
        assert_eq!(bound(&access, &["b.io"], None).as_deref(), Some("b.io"));
    }
}
