//! A server of the distribution project, configured for one test: Debian's `docker-registry` (2.8), or
//! version 3 as `go install` builds it.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use longshore_content::Endpoint;

use super::certificate::{Certificate, Tls};
use super::process::Process;
use super::registry::Registry;
use super::skip::skip;

/// Debian's program, distribution 2.8.
const DEBIAN: &str = "docker-registry";

/// The program of distribution 3, which Debian does not package.
const VERSION_3: &str = "registry";

/// Time limit for a server to start on a machine that is also compiling.
const START: Duration = Duration::from_secs(30);

/// The folder of the server with all content.
pub(super) const STORAGE: &str = "storage";

/// The program, and its requirements for its clients.
#[derive(Debug)]
pub(crate) struct DockerRegistry {
    program: &'static str,
    account: Option<(String, String)>,
    tls: Option<Tls>,
    lists_blobs: bool,
    read_only: bool,
    /// The registry that it is a pull-through cache of.
    upstream: Option<String>,
}

impl DockerRegistry {
    /// Debian's `docker-registry`.
    pub(super) fn debian() -> Self {
        Self::of(DEBIAN)
    }

    /// Distribution 3.
    pub(super) fn version_3() -> Self {
        Self::of(VERSION_3)
    }

    const fn of(program: &'static str) -> Self {
        let (account, tls, upstream) = (None, None, None);
        Self { program, account, tls, lists_blobs: false, read_only: false, upstream }
    }

    /// Requires this user name and password.
    pub(crate) fn htpasswd(mut self, user: &str, password: &str) -> Self {
        self.account = Some((user.to_owned(), password.to_owned()));
        self
    }

    /// Serves TLS with a certificate of a temporary authority.
    pub(crate) fn tls(self) -> Self {
        self.tls_of(Tls::Issued)
    }

    /// Serves TLS with a certificate of this kind.
    pub(crate) fn tls_of(mut self, kind: Tls) -> Self {
        self.tls = Some(kind);
        self
    }

    /// Makes it a pull-through cache of a registry on loopback.
    pub(crate) fn caching(self, upstream: &Registry) -> Self {
        self.caching_address(upstream.address())
    }

    /// Makes it a pull-through cache of what listens at this address.
    pub(crate) fn caching_address(mut self, upstream: &str) -> Self {
        self.upstream = Some(upstream.to_owned());
        self
    }

    /// Accepts an index whose children are blobs. Distribution 3 refuses it otherwise, because it looks
    /// for manifests only.
    pub(crate) fn lists_blobs(mut self) -> Self {
        self.lists_blobs = true;
        self
    }

    /// Puts it into its maintenance mode, in which it takes no pushes.
    pub(crate) const fn read_only(mut self) -> Self {
        self.read_only = true;
        self
    }

    /// Starts the server on a free loopback port. Returns `None` and skips the test if it is not
    /// installed.
    ///
    /// With TLS, a password or maintenance, a second server without them shares the storage. Tests push and read
    /// through the second one.
    pub(crate) fn start(self) -> Option<Registry> {
        let Some(program) = super::skip::found(self.program) else {
            skip(match self.program {
                VERSION_3 => "registry (distribution 3) is missing",
                _ => "docker-registry is missing",
            });
            return None;
        };
        let scratch = tempfile::tempdir().expect("a scratch directory can be made");
        let folder = scratch.path();
        let mut config = base_config(folder);
        let certificate = self.tls.map(|kind| Certificate::write(folder, kind));
        if let Some(files) = &certificate {
            let (certificate, key) = (files.certificate.display(), files.key.display());
            // The `http` section is the last one in the file.
            let clients = match self.tls {
                Some(Tls::Mutual) => format!(", clientcas: ['{}']", files.authority.display()),
                _ => String::new(),
            };
            let _ =
                writeln!(config, "  tls: {{certificate: '{certificate}', key: '{key}'{clients}}}");
        }
        if let Some((user, password)) = &self.account {
            let path = folder.join("htpasswd");
            let hash = bcrypt::hash(password, 4).expect("bcrypt takes any password");
            std::fs::write(&path, format!("{user}:{hash}\n")).expect("htpasswd can be written");
            let path = path.display();
            let _ = writeln!(config, "auth: {{htpasswd: {{realm: test, path: '{path}'}}}}");
        }
        if let Some(upstream) = &self.upstream {
            let _ = writeln!(config, "proxy: {{remoteurl: 'http://{upstream}'}}");
        }
        if self.read_only {
            config = config.replace("uploadpurging:", "readonly: {enabled: true}, uploadpurging:");
        }
        if self.lists_blobs {
            config += "validation: {manifests: {indexes: {platforms: none}}}\n";
        }
        let (front, address) = serve(&program, folder, "config.yml", &config);
        let guarded = self.tls.is_some() || self.account.is_some() || self.read_only;
        let back = guarded.then(|| serve(&program, folder, "back.yml", &base_config(folder)));
        let open = back.as_ref().map_or(&address, |(_, address)| address);
        let endpoint = Endpoint::new(open);
        let mut processes = vec![front];
        processes.extend(back.map(|(process, _)| process));
        let authority = certificate.map(|files| files.authority);
        Some(Registry::new(address, endpoint, processes, Some(scratch), authority))
    }
}

fn base_config(folder: &Path) -> String {
    let storage = folder.join(STORAGE);
    format!(
        "version: 0.1\n\
         log: {{level: info, accesslog: {{disabled: false}}}}\n\
         storage:\n  filesystem: {{rootdirectory: '{}'}}\n  delete: {{enabled: true}}\n\
         \x20 maintenance: {{uploadpurging: {{enabled: false}}}}\n\
         http:\n  addr: 127.0.0.1:0\n  secret: of-one-test\n",
        storage.display()
    )
}

/// Starts a server and waits for its address.
fn serve(program: &Path, folder: &Path, name: &str, config: &str) -> (Process, String) {
    let path = folder.join(name);
    std::fs::write(&path, config).expect("the server's configuration can be written");
    let mut command = Command::new(program);
    command.arg("serve").arg(&path).env_clear().stdin(Stdio::null());
    command.envs(std::env::var_os("PATH").map(|value| ("PATH", value)));
    // Version 3 sends traces to a collector otherwise.
    command.env("OTEL_TRACES_EXPORTER", "none");
    let process = Process::start(&program.to_string_lossy(), &mut command);
    let address = process.line(START, |line| {
        let (_, rest) = line.split_once("listening on ")?;
        Some(rest.split(['"', ',']).next()?.to_owned())
    });
    (process, address)
}
