//! Runs regctl, to check how another client finds referrers.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::skip::{found, skip};

/// regclient's regctl, without the developer's credentials.
#[derive(Clone, Debug)]
pub(crate) struct Regctl(PathBuf);

impl Regctl {
    /// Finds regctl. Returns `None` and skips the test if it is neither on `PATH` nor in
    /// `~/go/bin`.
    pub(crate) fn find() -> Option<Self> {
        let program = found("regctl");
        if program.is_none() {
            skip("regctl is missing");
        }
        program.map(Self)
    }

    /// Returns a blob. The registry must speak plain HTTP.
    #[track_caller]
    pub(crate) fn blob(&self, address: &str, repository: &str, digest: &str) -> Vec<u8> {
        let home = tempfile::tempdir().expect("a scratch directory can be made");
        let host = format!("reg={address},tls=disabled");
        let output = Command::new(&self.0)
            .args(["blob", "get", &format!("{address}/{repository}"), digest, "--host", &host])
            .env_clear()
            .env("HOME", home.path())
            .stdin(Stdio::null())
            .output()
            .unwrap_or_else(|error| panic!("failed to start regctl: {error}"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "regctl blob get {digest}: {said}");
        output.stdout
    }

    /// Lists the digests of the referrers of `repository@digest`, sorted. The registry must speak
    /// plain HTTP.
    #[track_caller]
    pub(crate) fn referrers(&self, address: &str, repository: &str, digest: &str) -> Vec<String> {
        let home = tempfile::tempdir().expect("a scratch directory can be made");
        let host = format!("reg={address},tls=disabled");
        let reference = format!("{address}/{repository}@{digest}");
        let output = Command::new(&self.0)
            .args(["artifact", "list", &reference, "--host", &host, "--format", "{{json .}}"])
            .env_clear()
            .env("HOME", home.path())
            .stdin(Stdio::null())
            .output()
            .unwrap_or_else(|error| panic!("failed to start regctl: {error}"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "regctl artifact list {reference}: {said}");
        let listed: Value = serde_json::from_slice(&output.stdout).expect("regctl prints JSON");
        let descriptors = listed["descriptors"].as_array().into_iter().flatten();
        let mut digests: Vec<String> = descriptors
            .filter_map(|descriptor| descriptor["digest"].as_str().map(str::to_owned))
            .collect();
        digests.sort();
        digests
    }
}
