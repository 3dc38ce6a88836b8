//! The registries that need not prove who they are.

use longshore_oci::Registry;

/// The registries whose certificates are not verified, and which may be reached over plain HTTP.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InsecureRegistries {
    /// `--tls-verify=false`: every registry.
    pub all: bool,
    /// `--insecure-registry`: these, with the hosts to which they lead, such as their token services.
    pub named: Vec<Registry>,
}

impl InsecureRegistries {
    /// Says whether `registry` is one of them.
    pub fn has(&self, registry: &Registry) -> bool {
        self.all || self.named.contains(registry)
    }
}

#[cfg(test)]
mod tests {
    use super::InsecureRegistries;

    #[test]
    fn a_registry_is_named_with_its_port() {
        let named = ["a.io", "b.io:5000", "docker.io"].map(|name| name.parse().unwrap());
        let insecure = InsecureRegistries { all: false, named: named.into() };
        for (registry, expected) in [
            ("a.io", true),
            ("b.io:5000", true),
            ("index.docker.io", true),
            ("a.io:443", false),
            ("b.io", false),
            ("c.a.io", false),
        ] {
            assert_eq!(insecure.has(&registry.parse().unwrap()), expected, "{registry}");
        }
        let all = InsecureRegistries { all: true, named: Vec::new() };
        assert!(all.has(&"a.io".parse().unwrap()));
        assert!(!InsecureRegistries::default().has(&"a.io".parse().unwrap()));
    }
}
