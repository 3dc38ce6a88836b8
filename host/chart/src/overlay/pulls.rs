//! Configuration of container runtimes that sends pulls to the mirror, for images that no value moves.

use std::collections::{BTreeMap, BTreeSet};

use longshore_oci::Reference;

use super::Stays;

/// The pulls of container runtimes to send to the mirror.
#[derive(Clone, Debug, Default)]
pub struct Pulls {
    /// Whether the mirror may be reached over plain HTTP.
    insecure: bool,
    /// Names at the source, and where they are in the mirror.
    names: BTreeMap<String, String>,
    /// Registries, and the hosts to ask before them.
    hosts: BTreeMap<String, BTreeSet<Host>>,
}

/// A host in `hosts.toml`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Host {
    address: String,
    /// Whether the address has the path of the API in it.
    overrides_path: bool,
}

impl Pulls {
    /// Makes an empty configuration for a mirror; `insecure` allows plain HTTP.
    #[must_use]
    pub fn new(insecure: bool) -> Self {
        Self { insecure, ..Self::default() }
    }

    /// Adds an image. Returns whether `hosts.toml` can move it too: containerd asks that the path in the
    /// mirror ends with the path at the source.
    pub fn add(&mut self, stays: &Stays) -> bool {
        let (from, to) = (&stays.image.reference, &stays.destination);
        self.names.insert(from.name().to_string(), to.name().to_string());
        let Some(host) = self.host(from, to) else { return false };
        self.hosts.entry(from.store.to_string()).or_default().insert(host);
        true
    }

    fn host(&self, from: &Reference, to: &Reference) -> Option<Host> {
        let before = to.repository.as_str().strip_suffix(from.repository.as_str())?;
        let scheme = if self.insecure { "http" } else { "https" };
        let root = format!("{scheme}://{}", to.store);
        match before.strip_suffix('/') {
            Some(before) => {
                Some(Host { address: format!("{root}/v2/{before}"), overrides_path: true })
            }
            None if before.is_empty() => Some(Host { address: root, overrides_path: false }),
            None => None,
        }
    }

    /// Whether nothing was added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Returns the text of a file for `registries.conf.d` (containers-registries.conf(5)).
    #[must_use]
    pub fn registries_conf(&self) -> String {
        let insecure = if self.insecure { "insecure = true\n" } else { "" };
        let tables = self.names.iter().map(|(from, to)| {
            format!("[[registry]]\nprefix = \"{from}\"\nlocation = \"{to}\"\n{insecure}")
        });
        tables.collect::<Vec<_>>().join("\n")
    }

    /// Returns the text of `hosts.toml` for each registry, in the order of their names (containerd's
    /// `certs.d`).
    #[must_use]
    pub fn hosts_toml(&self) -> Vec<(String, String)> {
        let of = |(registry, hosts): (&String, &BTreeSet<Host>)| {
            // containerd knows docker.io under another name.
            let server = if registry == "docker.io" { "registry-1.docker.io" } else { registry };
            let mut text = format!("server = \"https://{server}\"\n");
            for Host { address, overrides_path } in hosts {
                let path = if *overrides_path { "  override_path = true\n" } else { "" };
                text.push_str(&format!(
                    "\n[host.\"{address}\"]\n  capabilities = [\"pull\", \"resolve\"]\n{path}"
                ));
            }
            (registry.clone(), text)
        };
        self.hosts.iter().map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use longshore_oci::Reference;

    use super::super::Stays;
    use super::Pulls;
    use crate::images::{Confidence, Image};

    fn stays(from: &str, to: &str) -> Stays {
        let reference: Reference = from.parse().unwrap();
        Stays {
            image: Image {
                reference,
                written: from.to_owned(),
                confidence: Confidence::Sure,
                provenance: Vec::new(),
            },
            destination: to.parse().unwrap(),
        }
    }

    #[test]
    fn each_name_and_each_registry_stands_once() {
        let mut pulls = Pulls::new(false);
        assert!(pulls.is_empty());
        assert!(pulls.add(&stays("q.io/a/b:1", "m.io/ns/a/b:1")));
        assert!(pulls.add(&stays("q.io/a/b:2", "m.io/ns/a/b:2")));
        assert!(pulls.add(&stays("q.io/c:1", "m.io/ns/c:1")));
        assert!(pulls.add(&stays("docker.io/library/d:1", "m.io/library/d:1")));
        assert_eq!(
            pulls.registries_conf(),
            "[[registry]]\nprefix = \"docker.io/library/d\"\nlocation = \"m.io/library/d\"\n\n\
             [[registry]]\nprefix = \"q.io/a/b\"\nlocation = \"m.io/ns/a/b\"\n\n\
             [[registry]]\nprefix = \"q.io/c\"\nlocation = \"m.io/ns/c\"\n"
        );
        let hosts = pulls.hosts_toml();
        let expected = [
            (
                "docker.io",
                "server = \"https://registry-1.docker.io\"\n\n[host.\"https://m.io\"]\n  \
                 capabilities = [\"pull\", \"resolve\"]\n",
            ),
            (
                "q.io",
                "server = \"https://q.io\"\n\n[host.\"https://m.io/v2/ns\"]\n  \
                 capabilities = [\"pull\", \"resolve\"]\n  override_path = true\n",
            ),
        ]
        .map(|(registry, text)| (registry.to_owned(), text.to_owned()));
        assert_eq!(hosts, expected);
    }

    #[test]
    fn containerd_moves_no_image_whose_path_changed() {
        for (from, to) in [
            ("q.io/a/b:1", "m.io/ns/a-b:1"),
            ("q.io/b:1", "m.io/ns/a-b:1"),
            ("q.io/a/b:1", "m.io/b:1"),
        ] {
            let mut pulls = Pulls::new(false);
            assert!(!pulls.add(&stays(from, to)), "{from} {to}");
            assert!(pulls.hosts_toml().is_empty() && !pulls.is_empty());
        }
    }

    #[test]
    fn an_insecure_mirror_is_asked_over_plain_http() {
        let mut pulls = Pulls::new(true);
        pulls.add(&stays("q.io/b:1", "m.io:5000/ns/b:1"));
        assert!(pulls.registries_conf().ends_with("insecure = true\n"));
        assert!(pulls.hosts_toml()[0].1.contains("[host.\"http://m.io:5000/v2/ns\"]"));
    }
}
