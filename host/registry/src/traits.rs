//! Capabilities of registries: known before the first request, and observed during a run.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use longshore_oci::Registry;

/// After this many refused mounts in a row, the registry counts as one that does not mount.
const REFUSED_MOUNTS: usize = 3;
/// The default chunk size of an upload, in bytes.
const DEFAULT_CHUNK: u64 = 16 * 1024 * 1024;
/// The smallest upper limit of a chunk or an upload that is believed, in bytes. With smaller chunks, an
/// upload would need very many requests.
const LEAST_CHUNK: u64 = 256 * 1024;
/// The smallest upper limit of a manifest that is believed, in bytes.
const LEAST_MANIFEST: u64 = 64 * 1024;

/// What a registry supports, by its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Capabilities {
    /// Whether blobs can be mounted from another repository. Public ECR has trouble with mounts.
    /// Artifact Registry was never seen to mount; it does not accept chunks either.
    pub(super) mounts: bool,
    /// Whether a mount of a blob from its own repository tells if the blob exists.
    pub(super) mount_from_self: bool,
    /// Whether a blob can be mounted only once a manifest of its repository names it (ECR).
    pub(super) mount_after_manifest: bool,
    /// Whether a GET of a manifest counts against a quota that a HEAD does not (Docker Hub).
    pub(super) counts_manifest_gets: bool,
    /// Whether uploads in chunks are accepted.
    pub(super) chunks: bool,
    /// Whether the referrers API may be asked. A registry without it answers 404, or anything else.
    pub(super) referrers: bool,
    /// The largest accepted manifest, in bytes.
    pub(super) manifest_max_size: u64,
    /// The largest accepted request body of an upload, in bytes.
    pub(super) upload_max_size: u64,
    /// The smallest accepted chunk, in bytes; the last chunk may be smaller.
    pub(super) chunk_min_size: u64,
    /// The largest accepted chunk, in bytes.
    pub(super) chunk_max_size: u64,
    /// Whether it is a known service, which is never a pull-through cache.
    pub(super) is_service: bool,
}

const UNLIMITED: u64 = u64::MAX;
const MIB: u64 = 1024 * 1024;

impl Capabilities {
    const DEFAULT: Self = Self {
        mounts: true,
        mount_from_self: true,
        mount_after_manifest: false,
        counts_manifest_gets: false,
        chunks: true,
        referrers: true,
        manifest_max_size: UNLIMITED,
        upload_max_size: UNLIMITED,
        chunk_min_size: DEFAULT_CHUNK,
        chunk_max_size: UNLIMITED,
        is_service: false,
    };

    /// Looks `registry` up in the built-in table.
    pub(super) fn of(registry: &Registry) -> Self {
        let host = registry.host();
        let is_ecr = host.contains(".dkr.ecr.");
        let of_host = match host {
            "docker.io" => Self { counts_manifest_gets: true, ..Self::DEFAULT },
            // PATCH bodies above 4 MiB get a 416, and later chunks overwrite the first.
            "ghcr.io" => Self { chunk_min_size: 4 * MIB, chunk_max_size: 4 * MIB, ..Self::DEFAULT },
            "public.ecr.aws" => Self { mounts: false, mount_from_self: false, ..Self::DEFAULT },
            _ if host.ends_with(".pkg.dev") || host == "gcr.io" || host.ends_with(".gcr.io") => {
                Self { mounts: false, mount_from_self: false, chunks: false, ..Self::DEFAULT }
            }
            _ if is_ecr => {
                Self { mount_after_manifest: true, mount_from_self: false, ..Self::DEFAULT }
            }
            _ => Self::DEFAULT,
        };
        Self { is_service: host == "quay.io" || of_host != Self::DEFAULT, ..of_host }
    }

    /// Applies what a repository type says about the registry.
    ///
    /// The keys are those of `capabilities` in `wit/plugin.wit`, and `cross-mount`, `chunked-upload` and
    /// `referrers` for its fields. Other keys, and values that do not parse, are ignored. Limits that
    /// are too low are raised.
    pub(super) fn with_attributes(mut self, attributes: &[(String, String)]) -> Self {
        for (key, value) in attributes {
            let truth = value.parse::<bool>().ok();
            let size = value.parse::<u64>().ok().filter(|size| *size > 0);
            match (key.as_str(), truth, size) {
                ("cross-mount", Some(truth), _) => self.mounts = truth,
                ("chunked-upload", Some(truth), _) => self.chunks = truth,
                ("referrers", Some(truth), _) => self.referrers = truth,
                ("manifest-max-size", _, Some(size)) => {
                    self.manifest_max_size = size.max(LEAST_MANIFEST);
                }
                ("mount-after-manifest", Some(truth), _) => self.mount_after_manifest = truth,
                ("mount-from-self", Some(truth), _) => self.mount_from_self = truth,
                ("counts-manifest-gets", Some(truth), _) => self.counts_manifest_gets = truth,
                ("upload-max-size", _, Some(size)) => self.upload_max_size = size.max(LEAST_CHUNK),
                ("chunk-min-size", _, Some(size)) => self.chunk_min_size = size.max(LEAST_CHUNK),
                ("chunk-max-size", _, Some(size)) => self.chunk_max_size = size.max(LEAST_CHUNK),
                _ => {}
            }
        }
        self
    }

    /// The chunk size of an upload for which the registry asks for at least `least` bytes per
    /// chunk.
    pub(super) fn chunk_size(&self, least: Option<u64>) -> u64 {
        self.chunk_min_size.max(least.unwrap_or(0)).min(self.chunk_max_size)
    }
}

/// What a run observes about a registry while it copies.
#[derive(Debug)]
pub(super) struct Observed {
    refused_mounts: AtomicUsize,
    /// The largest body that was accepted in one request, in bytes; 0 before the first.
    largest_put: AtomicU64,
    /// Blobs above this size, in bytes, are sent in chunks.
    chunks_above: AtomicU64,
    /// Whether a chunk was accepted.
    took_chunk: AtomicBool,
    /// Whether the registry rejects all chunks.
    takes_no_chunks: AtomicBool,
    /// Whether the warning about throttling was printed.
    pub(super) warned_throttled: AtomicBool,
    /// Whether the warning about the pull quota was printed.
    pub(super) warned_quota: AtomicBool,
}

impl Observed {
    /// Starts with the limits of `capabilities`.
    pub(super) fn new(capabilities: &Capabilities) -> Self {
        Self {
            refused_mounts: AtomicUsize::new(0),
            largest_put: AtomicU64::new(0),
            chunks_above: AtomicU64::new(capabilities.upload_max_size),
            took_chunk: AtomicBool::new(false),
            takes_no_chunks: AtomicBool::new(false),
            warned_throttled: AtomicBool::new(false),
            warned_quota: AtomicBool::new(false),
        }
    }

    /// Whether mounts work, as far as observed.
    pub(super) fn mounts(&self) -> bool {
        self.refused_mounts.load(Ordering::Relaxed) < REFUSED_MOUNTS
    }

    /// Records a mount that failed, or opened a session, although its source holds the blob.
    pub(super) fn mount_refused(&self) {
        self.refused_mounts.fetch_add(1, Ordering::Relaxed);
    }

    /// Records that the registry issues no token for two repositories.
    pub(super) fn never_mounts(&self) {
        self.refused_mounts.store(REFUSED_MOUNTS, Ordering::Relaxed);
    }

    /// Records a mount that worked. Earlier refusals had other reasons.
    pub(super) fn mounted(&self) {
        self.refused_mounts.store(0, Ordering::Relaxed);
    }

    /// Records an accepted chunk.
    pub(super) fn took_chunk(&self) {
        self.took_chunk.store(true, Ordering::Relaxed);
    }

    /// Records a refused chunk, and returns whether single bodies were enabled by it.
    ///
    /// They are enabled once, and only if no chunk was ever accepted.
    pub(super) fn chunk_refused(&self) -> bool {
        !self.took_chunk.load(Ordering::Relaxed)
            && !self.takes_no_chunks.swap(true, Ordering::Relaxed)
    }

    /// Records a body of `size` bytes that was accepted in one request.
    pub(super) fn accepted_body(&self, size: u64) {
        self.largest_put.fetch_max(size, Ordering::Relaxed);
    }

    /// Applies limits that a repository type adds to the table.
    pub(super) fn apply(&self, capabilities: &Capabilities) {
        self.chunks_above.fetch_min(capabilities.upload_max_size, Ordering::Relaxed);
    }

    /// Whether a body was ever accepted in one request.
    pub(super) fn accepted_any_body(&self) -> bool {
        self.largest_put.load(Ordering::Relaxed) > 0
    }

    /// Sends blobs in chunks from now on if they are larger than every body that was accepted.
    pub(super) fn chunk_from_now(&self) {
        self.chunks_above.fetch_min(self.largest_put.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// Whether a blob of `size` bytes is sent in chunks.
    pub(super) fn wants_chunks(&self, size: u64) -> bool {
        size > self.chunks_above.load(Ordering::Relaxed)
            && !self.takes_no_chunks.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::{Capabilities, DEFAULT_CHUNK, LEAST_CHUNK, LEAST_MANIFEST, MIB, Observed};

    fn of_host(host: &str) -> Capabilities {
        Capabilities::of(&host.parse().unwrap())
    }

    #[test]
    fn the_table_goes_by_host() {
        assert_eq!(of_host("localhost:5000"), Capabilities::DEFAULT);
        assert!(of_host("docker.io").counts_manifest_gets);
        assert!(!of_host("europe-docker.pkg.dev").mounts);
        assert!(of_host("1.dkr.ecr.eu-west-1.amazonaws.com").mount_after_manifest);
        assert_eq!(of_host("ghcr.io").chunk_size(None), 4 * MIB);
    }

    #[test]
    fn a_description_overrides_the_table() {
        let said = |pairs: &[(&str, &str)]| {
            let pairs: Vec<(String, String)> =
                pairs.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
            of_host("r.test").with_attributes(&pairs)
        };
        let described = said(&[("mount-from-self", "false"), ("chunk-max-size", "5000000")]);
        assert!(!described.mount_from_self);
        assert_eq!(described.chunk_size(Some(6_000_000)), 5_000_000);
        assert_eq!(said(&[("chunk-max-size", "many"), ("else", "1")]), Capabilities::DEFAULT);
        assert!(Capabilities::DEFAULT.referrers && !said(&[("referrers", "false")]).referrers);
        assert_eq!(Capabilities::DEFAULT.chunk_size(Some(DEFAULT_CHUNK + 1)), DEFAULT_CHUNK + 1);
    }

    #[test]
    fn limits_that_would_need_endless_requests_are_not_believed() {
        for size in ["1", "1000", "262143"] {
            let pair = |key: &str| (key.to_owned(), size.to_owned());
            let said = |keys: &[&str]| {
                let pairs: Vec<_> = keys.iter().map(|&key| pair(key)).collect();
                of_host("r.test").with_attributes(&pairs)
            };
            for keys in [&["chunk-max-size"][..], &["chunk-min-size", "chunk-max-size"]] {
                let described = said(keys);
                assert_eq!(described.chunk_size(None), LEAST_CHUNK, "{keys:?} {size}");
                assert_eq!(described.chunk_size(Some(1)), LEAST_CHUNK);
            }
            assert_eq!(said(&["upload-max-size"]).upload_max_size, LEAST_CHUNK);
            assert!(said(&["manifest-max-size"]).manifest_max_size >= LEAST_MANIFEST);
        }
        let large = [("chunk-min-size".to_owned(), u64::MAX.to_string())];
        assert_eq!(of_host("r.test").with_attributes(&large).chunk_size(None), u64::MAX);
    }

    #[test]
    fn three_refusals_and_the_registry_does_not_mount() {
        let observed = Observed::new(&Capabilities::DEFAULT);
        observed.mount_refused();
        observed.mount_refused();
        observed.mounted();
        observed.mount_refused();
        observed.mount_refused();
        assert!(observed.mounts());
        observed.mount_refused();
        assert!(!observed.mounts());
    }

    #[test]
    fn accepted_sizes_stay_single_requests() {
        let observed = Observed::new(&Capabilities::DEFAULT);
        assert!(!observed.wants_chunks(u64::MAX) && !observed.accepted_any_body());
        observed.accepted_body(100);
        observed.chunk_from_now();
        assert!(!observed.wants_chunks(100) && observed.wants_chunks(101));
    }
}
