//! Products that serve several repositories of their own at one host, each with many images. How a
//! request finds its repository is a setting of the server, which the user names.

use super::{Capabilities, Outcome, Scope, State};
use crate::{Attribute, PluginError};

/// How the host of a registry leads to one of the product's repositories.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Routing {
    /// The user did not say. The first component may name the repository, so it is looked for and not
    /// created.
    #[default]
    Unknown,
    /// The first component of the path names the repository.
    Path,
    /// The first label of the host names the repository.
    Subdomain,
    /// The host, or one of its ports, leads to this repository.
    Only(String),
}

impl Routing {
    /// Reads the values of the keys `routing` and `repository`.
    ///
    /// # Errors
    /// Returns why the values contradict each other.
    pub fn read(routing: Option<&str>, repository: Option<&str>) -> Result<Self, String> {
        match (routing, repository) {
            (None, None) => Ok(Self::Unknown),
            (Some("path"), None) => Ok(Self::Path),
            (Some("subdomain"), None) => Ok(Self::Subdomain),
            (None, Some("")) => Err("repository is empty".to_owned()),
            (None, Some(name)) => Ok(Self::Only(name.to_owned())),
            (Some(_), None) => Err("routing must be path or subdomain".to_owned()),
            (Some(_), Some(_)) => {
                Err("routing and repository exclude each other: a repository has its own host or \
                     port"
                    .to_owned())
            }
        }
    }

    /// Describes a registry that is routed so, apart from what the product cannot do.
    ///
    /// # Errors
    /// Fails if the host of the registry has no subdomain and should have one.
    pub fn describe(&self, code: &str, registry: &str) -> Result<Capabilities, PluginError> {
        if *self == Self::Subdomain && subdomain(registry).is_none() {
            return Err(PluginError::other(
                format!("{code}/no-subdomain"),
                format!("routing is subdomain, and {registry} is not REPOSITORY.HOST"),
            ));
        }
        let attributes = match self {
            Self::Path => vec![Attribute::new("min-depth", "2")],
            Self::Unknown | Self::Subdomain | Self::Only(_) => Vec::new(),
        };
        Ok(Capabilities { attributes, ..Capabilities::default() })
    }

    /// Returns the product's repository for the images at `path`, as a scope of this kind.
    #[must_use]
    pub fn scope(&self, kind: &str, registry: &str, path: &str) -> Option<Scope> {
        let name = match self {
            Self::Unknown | Self::Path => path.split_once('/')?.0,
            Self::Subdomain => subdomain(registry)?,
            Self::Only(name) => name,
        };
        Some(Scope::new(kind, name))
    }

    /// Prepares the repository `name`: creates it if it does not exist. `code` begins the codes and the keys of
    /// the plugin.
    ///
    /// # Errors
    /// Fails if `exists` or `create` does, or if nobody said that the first component names a repository.
    pub fn prepare(
        &self,
        code: &str,
        name: &str,
        dry_run: bool,
        exists: impl FnOnce(&str) -> Result<bool, PluginError>,
        create: impl FnOnce(&str) -> Result<Outcome, PluginError>,
    ) -> Result<Outcome, PluginError> {
        if exists(name)? {
            return Ok(Outcome::new(State::Ready));
        }
        self.may_create(code, name)?;
        if dry_run {
            return Ok(Outcome::new(State::WouldCreate));
        }
        create(name)
    }

    /// Checks that a missing repository may be created.
    fn may_create(&self, code: &str, name: &str) -> Result<(), PluginError> {
        if *self != Self::Unknown {
            return Ok(());
        }
        Err(PluginError::other(
            format!("{code}/unknown-routing"),
            format!(
                "there is no repository {name}, or the account does not see it, and it may be no \
                 repository but part of an image's name; {code}.routing=path creates it, \
                 {code}.routing=subdomain or {code}.repository=NAME say where the images lie"
            ),
        ))
    }
}

/// Returns the first label of a host with more than two labels.
fn subdomain(registry: &str) -> Option<&str> {
    let host = registry.rsplit_once(':').map_or(registry, |(host, _)| host);
    let is_address = host.ends_with(']') || host.ends_with(|last: char| last.is_ascii_digit());
    let (first, rest) = host.split_once('.')?;
    (!is_address && rest.contains('.')).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::Routing;

    fn name(routing: &Routing, registry: &str, path: &str) -> Option<String> {
        routing.scope("repository", registry, path).map(|scope| scope.name)
    }

    #[test]
    fn each_routing_finds_its_repository() {
        let only = Routing::Only("hub".into());
        for (routing, registry, path, expected) in [
            (&Routing::Path, "a.test", "local/team/app", Some("local")),
            (&Routing::Path, "a.test", "app", None),
            (&Routing::Unknown, "a.test", "local/app", Some("local")),
            (&Routing::Unknown, "a.test", "app", None),
            (&Routing::Subdomain, "local.a.test", "app", Some("local")),
            (&Routing::Subdomain, "local.a.test:8443", "team/app", Some("local")),
            (&Routing::Subdomain, "a.test", "team/app", None),
            (&Routing::Subdomain, "10.0.0.1:80", "team/app", None),
            (&Routing::Subdomain, "[fd00::1]:80", "team/app", None),
            (&only, "10.0.0.1:8082", "app", Some("hub")),
            (&only, "a.test", "team/app", Some("hub")),
        ] {
            let found = name(routing, registry, path);
            assert_eq!(found.as_deref(), expected, "{routing:?} {registry} {path}");
        }
    }

    #[test]
    fn the_keys_must_agree() {
        assert_eq!(Routing::read(None, None), Ok(Routing::Unknown));
        assert_eq!(Routing::read(Some("path"), None), Ok(Routing::Path));
        assert_eq!(Routing::read(Some("subdomain"), None), Ok(Routing::Subdomain));
        assert_eq!(Routing::read(None, Some("a")), Ok(Routing::Only("a".into())));
        for (routing, repository) in
            [(Some("port"), None), (Some("path"), Some("a")), (None, Some("")), (Some(""), None)]
        {
            assert!(Routing::read(routing, repository).is_err(), "{routing:?} {repository:?}");
        }
    }

    #[test]
    fn only_a_named_routing_creates() {
        assert!(Routing::Unknown.may_create("depot", "a").is_err());
        for routing in [Routing::Path, Routing::Subdomain, Routing::Only("a".into())] {
            assert_eq!(routing.may_create("depot", "a"), Ok(()));
        }
    }

    #[test]
    fn the_routing_says_how_deep_a_path_must_be() {
        let keys = |routing: Routing, registry: &str| {
            let found = routing.describe("depot", registry).ok()?;
            Some(found.attributes.into_iter().map(|attribute| attribute.key).collect::<Vec<_>>())
        };
        assert_eq!(keys(Routing::Path, "a.test"), Some(vec!["min-depth".to_owned()]));
        assert_eq!(keys(Routing::Unknown, "a.test"), Some(vec![]));
        assert_eq!(keys(Routing::Subdomain, "x.a.test"), Some(vec![]));
        assert_eq!(keys(Routing::Subdomain, "a.test"), None);
    }
}
