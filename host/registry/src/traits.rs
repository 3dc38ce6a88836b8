//! What is known of registries before the first request, and what is learnt of them in a run.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use longshore_oci::Registry;

/// So many mounts are refused before the registry counts as one that does not mount.
const REFUSED_MOUNTS: usize = 3;
/// A chunk of an upload measures so much where the registry does not say otherwise, in bytes.
const CHUNK: u64 = 16 * 1024 * 1024;

/// Peculiarities of a registry, by its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Traits {
    /// May a blob be mounted from another repository? Public ECR has trouble with mounts, and
    /// Artifact Registry was never seen to mount. (It takes no chunks either.)
    pub(super) mounts: bool,
    /// Does a mount of a blob from its own repository say whether it is there?
    pub(super) mount_from_self: bool,
    /// A blob can be mounted from a repository only once a manifest there names it (ECR).
    pub(super) mount_after_manifest: bool,
    /// A GET of a manifest uses up a quota that a HEAD does not (Docker Hub).
    pub(super) counts_manifest_gets: bool,
    /// Are uploads taken in chunks?
    pub(super) chunks: bool,
    /// The largest manifest that is taken, in bytes.
    pub(super) manifest_max_size: u64,
    /// The largest body of an upload in one request, in bytes.
    pub(super) upload_max_size: u64,
    /// The smallest chunk that is taken, the last one apart, in bytes.
    pub(super) chunk_min_size: u64,
    /// The largest chunk that is taken, in bytes.
    pub(super) chunk_max_size: u64,
}

const MANY: u64 = u64::MAX;
const MIB: u64 = 1024 * 1024;

impl Traits {
    const USUAL: Self = Self {
        mounts: true,
        mount_from_self: true,
        mount_after_manifest: false,
        counts_manifest_gets: false,
        chunks: true,
        manifest_max_size: MANY,
        upload_max_size: MANY,
        chunk_min_size: CHUNK,
        chunk_max_size: MANY,
    };

    /// The traits of `registry` by the built-in table.
    pub(super) fn of(registry: &Registry) -> Self {
        let host = registry.host();
        let is_ecr = host.contains(".dkr.ecr.");
        match host {
            "docker.io" => Self { counts_manifest_gets: true, ..Self::USUAL },
            // PATCH bodies above 4 MiB are answered 416, and later ones overwrite the first.
            "ghcr.io" => Self { chunk_min_size: 4 * MIB, chunk_max_size: 4 * MIB, ..Self::USUAL },
            "public.ecr.aws" => Self { mounts: false, mount_from_self: false, ..Self::USUAL },
            _ if host.ends_with(".pkg.dev") || host == "gcr.io" || host.ends_with(".gcr.io") => {
                Self { mounts: false, mount_from_self: false, chunks: false, ..Self::USUAL }
            }
            _ if is_ecr => {
                Self { mount_after_manifest: true, mount_from_self: false, ..Self::USUAL }
            }
            _ => Self::USUAL,
        }
    }

    /// The traits with what a repository type says of the registry: the keys of `capabilities` in
    /// `wit/plugin.wit`, and `cross-mount` and `chunked-upload` for its fields. Others, and values that
    /// do not parse, change nothing.
    pub(super) fn described(mut self, attributes: &[(String, String)]) -> Self {
        for (key, value) in attributes {
            let truth = value.parse::<bool>().ok();
            let size = value.parse::<u64>().ok().filter(|size| *size > 0);
            match (key.as_str(), truth, size) {
                ("cross-mount", Some(truth), _) => self.mounts = truth,
                ("chunked-upload", Some(truth), _) => self.chunks = truth,
                ("manifest-max-size", _, Some(size)) => self.manifest_max_size = size,
                ("mount-after-manifest", Some(truth), _) => self.mount_after_manifest = truth,
                ("mount-from-self", Some(truth), _) => self.mount_from_self = truth,
                ("counts-manifest-gets", Some(truth), _) => self.counts_manifest_gets = truth,
                ("upload-max-size", _, Some(size)) => self.upload_max_size = size,
                ("chunk-min-size", _, Some(size)) => self.chunk_min_size = size,
                ("chunk-max-size", _, Some(size)) => self.chunk_max_size = size,
                _ => {}
            }
        }
        self
    }

    /// How large the chunks of an upload are where the registry's answer asks for at least `least`.
    pub(super) fn chunk_size(&self, least: Option<u64>) -> u64 {
        self.chunk_min_size.max(least.unwrap_or(0)).min(self.chunk_max_size)
    }
}

/// What a run learns of a registry while it copies.
#[derive(Debug)]
pub(super) struct Learnt {
    refused_mounts: AtomicUsize,
    /// The largest body that was taken in one request, in bytes; nothing yet is 0.
    largest_put: AtomicU64,
    /// Larger blobs than this go in chunks.
    chunks_above: AtomicU64,
    /// A chunk was taken.
    took_chunk: AtomicBool,
    /// The registry takes no chunks.
    takes_no_chunks: AtomicBool,
    /// It was said that requests are limited.
    pub(super) said_limited: AtomicBool,
    /// It was said that the quota of pulls nears its end.
    pub(super) said_quota: AtomicBool,
}

impl Learnt {
    /// Nothing but what `traits` say.
    pub(super) fn new(traits: &Traits) -> Self {
        Self {
            refused_mounts: AtomicUsize::new(0),
            largest_put: AtomicU64::new(0),
            chunks_above: AtomicU64::new(traits.upload_max_size),
            took_chunk: AtomicBool::new(false),
            takes_no_chunks: AtomicBool::new(false),
            said_limited: AtomicBool::new(false),
            said_quota: AtomicBool::new(false),
        }
    }

    /// Does the registry mount, as far as was seen?
    pub(super) fn mounts(&self) -> bool {
        self.refused_mounts.load(Ordering::Relaxed) < REFUSED_MOUNTS
    }

    /// A mount from a repository that has the blob came back with a session or a refusal.
    pub(super) fn mount_refused(&self) {
        self.refused_mounts.fetch_add(1, Ordering::Relaxed);
    }

    /// The registry gives no token for two repositories at once.
    pub(super) fn never_mounts(&self) {
        self.refused_mounts.store(REFUSED_MOUNTS, Ordering::Relaxed);
    }

    /// A mount worked: refusals before were about something else.
    pub(super) fn mounted(&self) {
        self.refused_mounts.store(0, Ordering::Relaxed);
    }

    /// A chunk was taken.
    pub(super) fn took_chunk(&self) {
        self.took_chunk.store(true, Ordering::Relaxed);
    }

    /// A chunk was refused. If none was ever taken, bodies go in one again; is that news?
    pub(super) fn chunk_refused(&self) -> bool {
        !self.took_chunk.load(Ordering::Relaxed)
            && !self.takes_no_chunks.swap(true, Ordering::Relaxed)
    }

    /// A body of `size` bytes was taken in one request.
    pub(super) fn took(&self, size: u64) {
        self.largest_put.fetch_max(size, Ordering::Relaxed);
    }

    /// What a repository type says is more than the table knew.
    pub(super) fn described(&self, traits: &Traits) {
        self.chunks_above.fetch_min(traits.upload_max_size, Ordering::Relaxed);
    }

    /// Was a body ever taken in one request?
    pub(super) fn took_any(&self) -> bool {
        self.largest_put.load(Ordering::Relaxed) > 0
    }

    /// Bodies above the size that passed go in chunks from here on.
    pub(super) fn chunk_from_now(&self) {
        self.chunks_above.fetch_min(self.largest_put.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// Does a blob of `size` bytes go in chunks?
    pub(super) fn wants_chunks(&self, size: u64) -> bool {
        size > self.chunks_above.load(Ordering::Relaxed)
            && !self.takes_no_chunks.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::{CHUNK, Learnt, MIB, Traits};

    fn traits(host: &str) -> Traits {
        Traits::of(&host.parse().unwrap())
    }

    #[test]
    fn the_table_goes_by_host() {
        assert_eq!(traits("localhost:5000"), Traits::USUAL);
        assert!(traits("docker.io").counts_manifest_gets);
        assert!(!traits("europe-docker.pkg.dev").mounts);
        assert!(traits("1.dkr.ecr.eu-west-1.amazonaws.com").mount_after_manifest);
        assert_eq!(traits("ghcr.io").chunk_size(None), 4 * MIB);
    }

    #[test]
    fn a_description_overrides_the_table() {
        let said = |pairs: &[(&str, &str)]| {
            let pairs: Vec<(String, String)> =
                pairs.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
            traits("r.test").described(&pairs)
        };
        let described = said(&[("mount-from-self", "false"), ("chunk-max-size", "5000000")]);
        assert!(!described.mount_from_self);
        assert_eq!(described.chunk_size(Some(6_000_000)), 5_000_000);
        assert_eq!(said(&[("chunk-max-size", "many"), ("else", "1")]), Traits::USUAL);
        assert_eq!(Traits::USUAL.chunk_size(Some(CHUNK + 1)), CHUNK + 1);
    }

    #[test]
    fn three_refusals_and_the_registry_does_not_mount() {
        let learnt = Learnt::new(&Traits::USUAL);
        learnt.mount_refused();
        learnt.mount_refused();
        learnt.mounted();
        learnt.mount_refused();
        learnt.mount_refused();
        assert!(learnt.mounts());
        learnt.mount_refused();
        assert!(!learnt.mounts());
    }

    #[test]
    fn what_passed_in_one_request_goes_on_to_do_so() {
        let learnt = Learnt::new(&Traits::USUAL);
        assert!(!learnt.wants_chunks(u64::MAX) && !learnt.took_any());
        learnt.took(100);
        learnt.chunk_from_now();
        assert!(!learnt.wants_chunks(100) && learnt.wants_chunks(101));
    }
}
