//! The repositories that the next token should allow mounts from.

use crate::Credential;
use longshore_oci::Repository;

/// The most repositories that are remembered.
const KEPT: usize = 256;
/// The most homes in one token.
const AT_ONCE: usize = 16;
/// The most bytes that homes may add to a token. Each request carries its token, and servers bound
/// their headers at 8 KiB.
const BUDGET: usize = 2048;
/// What a home adds to a token besides its name, in bytes.
const CLAIM: usize = 96;

#[derive(Debug)]
struct Home {
    repository: Repository,
    /// The credential that reads it.
    credential: Option<Credential>,
    /// Blobs that were mounted from it.
    mounts: u32,
}

/// The repositories of a registry that a run pushes to, in the order of their first tokens.
#[derive(Debug, Default)]
pub(crate) struct Homes(Vec<Home>);

impl Homes {
    /// Remembers `repository`.
    pub(crate) fn add(&mut self, repository: &Repository, credential: Option<&Credential>) {
        let is_known = self.0.iter().any(|home| home.repository == *repository);
        if !is_known && self.0.len() < KEPT {
            let credential = credential.cloned();
            self.0.push(Home { repository: repository.clone(), credential, mounts: 0 });
        }
    }

    /// Records that a blob was mounted from `repository`.
    pub(crate) fn used(&mut self, repository: &Repository) {
        let known = self.0.iter_mut().find(|home| home.repository == *repository);
        if let Some(home) = known {
            home.mounts = home.mounts.saturating_add(1);
        }
    }

    /// Returns the homes for the token of `repository`: those with the most mounts, then the oldest,
    /// which have the shared layers. All of them are read with the same credential.
    pub(crate) fn best(
        &self,
        repository: &Repository,
        credential: Option<&Credential>,
    ) -> Vec<Repository> {
        let fits =
            |home: &&Home| home.repository != *repository && home.credential.as_ref() == credential;
        let mut homes: Vec<&Home> = self.0.iter().filter(fits).collect();
        homes.sort_by_key(|home| std::cmp::Reverse(home.mounts));
        let mut spent = 0;
        let within = |home: &&Home| {
            spent += home.repository.as_str().len() + CLAIM;
            spent <= BUDGET
        };
        let chosen = homes.into_iter().take(AT_ONCE).take_while(within);
        chosen.map(|home| home.repository.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{AT_ONCE, BUDGET, CLAIM, Homes, KEPT};
    use crate::{Credential, Secret};
    use longshore_oci::Repository;

    fn repository(name: &str) -> Repository {
        name.parse().unwrap()
    }

    fn names(homes: &Homes, of: &str, credential: Option<&Credential>) -> Vec<String> {
        homes.best(&repository(of), credential).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_most_used_homes_come_first_and_then_the_oldest() {
        let mut homes = Homes::default();
        for name in ["a", "b", "c", "d"] {
            homes.add(&repository(name), None);
            homes.add(&repository(name), None);
        }
        assert_eq!(names(&homes, "new", None), ["a", "b", "c", "d"]);
        assert_eq!(names(&homes, "b", None), ["a", "c", "d"], "no mount from itself");
        homes.used(&repository("c"));
        homes.used(&repository("c"));
        homes.used(&repository("d"));
        homes.used(&repository("unknown"));
        assert_eq!(names(&homes, "new", None), ["c", "d", "a", "b"]);
    }

    #[test]
    fn homes_of_other_credentials_are_left_out() {
        let of = |user: &str| Credential::Basic {
            username: user.to_owned(),
            password: Secret::new("p"),
        };
        let mut homes = Homes::default();
        homes.add(&repository("mine"), Some(&of("me")));
        homes.add(&repository("theirs"), Some(&of("they")));
        homes.add(&repository("open"), None);
        assert_eq!(names(&homes, "new", Some(&of("me"))), ["mine"]);
        assert_eq!(names(&homes, "new", Some(&of("they"))), ["theirs"]);
        assert_eq!(names(&homes, "new", None), ["open"]);
    }

    #[test]
    fn a_token_stays_small() {
        let mut homes = Homes::default();
        for number in 0..2 * KEPT {
            homes.add(&repository(&format!("r{number}")), None);
        }
        assert_eq!(homes.0.len(), KEPT);
        assert_eq!(names(&homes, "new", None).len(), AT_ONCE);
        let mut long = Homes::default();
        for number in 0..AT_ONCE {
            long.add(&repository(&format!("{}{number}", "n".repeat(200))), None);
        }
        let chosen = names(&long, "new", None);
        let bytes: usize = chosen.iter().map(|name| name.len() + CLAIM).sum();
        assert!((1..AT_ONCE).contains(&chosen.len()) && bytes <= BUDGET, "{bytes}");
    }
}
