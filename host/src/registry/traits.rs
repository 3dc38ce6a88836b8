//! What is known of registries before the first request.

use crate::oci::Registry;

/// Peculiarities of a registry, by its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Traits {
    /// May a blob be mounted from another repository? Docker Hub refuses tokens over three levels
    /// and public ECR has trouble with mounts.
    pub(super) mounts: bool,
}

impl Traits {
    /// The traits of `registry` by the built-in table.
    pub(super) fn of(registry: &Registry) -> Self {
        let host = registry.host();
        let never_mounts = host == "public.ecr.aws" || host.ends_with(".pkg.dev");
        Self { mounts: !never_mounts }
    }
}

#[cfg(test)]
mod tests {
    use super::Traits;

    #[test]
    fn the_table_goes_by_host() {
        let mounts = |text: &str| Traits::of(&text.parse().unwrap()).mounts;
        assert!(mounts("localhost:5000"));
        assert!(!mounts("europe-docker.pkg.dev"));
    }
}
