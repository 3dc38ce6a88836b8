//! Runs skopeo, to check what another client sees.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::skip::{installed, skip};

/// Debian's skopeo, without certificate checks and without the developer's credentials.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Skopeo;

impl Skopeo {
    /// Finds skopeo. Returns `None` and skips the test if it is not installed.
    pub(crate) fn find() -> Option<Self> {
        if installed("skopeo") {
            return Some(Self);
        }
        skip("skopeo is missing");
        None
    }

    /// Returns the raw manifest of `host:port/repository:tag`.
    #[track_caller]
    pub(crate) fn inspect_raw(self, reference: &str) -> Vec<u8> {
        self.inspect_raw_at(&format!("docker://{reference}"))
    }

    /// Returns the raw manifest of an image of any transport, such as `oci:DIRECTORY:TAG`.
    #[track_caller]
    pub(crate) fn inspect_raw_at(self, name: &str) -> Vec<u8> {
        self.run(&["inspect", "--tls-verify=false", "--raw", name]).stdout
    }

    /// Copies an image with all its platforms between transports, such as `docker://…` and
    /// `oci:DIRECTORY:TAG`.
    #[track_caller]
    pub(crate) fn copy_all(self, source: &str, destination: &str) {
        let verify = ["--src-tls-verify=false", "--dest-tls-verify=false"];
        let arguments = ["--insecure-policy", "copy", "--all", "--preserve-digests", "--quiet"];
        self.run(&[&arguments[..], &verify[..], &[source, destination]].concat());
    }

    /// Lists the tags of `host:port/repository` with the credentials of a file.
    #[track_caller]
    pub(crate) fn list_tags(self, repository: &str, auth_file: &Path) -> String {
        let auth_file = auth_file.to_str().expect("the path is text");
        let name = format!("docker://{repository}");
        let listed = self.run(&["list-tags", "--tls-verify=false", "--authfile", auth_file, &name]);
        String::from_utf8_lossy(&listed.stdout).into_owned()
    }

    #[track_caller]
    fn run(self, arguments: &[&str]) -> Output {
        let home = tempfile::tempdir().expect("a scratch directory can be made");
        let output = Command::new("skopeo")
            .args(arguments)
            .env_clear()
            .envs(std::env::var_os("PATH").map(|value| ("PATH", value)))
            .env("HOME", home.path())
            .env("XDG_RUNTIME_DIR", home.path())
            .stdin(Stdio::null())
            .output()
            .unwrap_or_else(|error| panic!("failed to start skopeo: {error}"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "skopeo {}: {said}", arguments.join(" "));
        output
    }
}
