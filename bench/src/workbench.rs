//! The shared context of all measurements: programs, folders and selected settings.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::runtime::Runtime;

use crate::certificate::Certificate;
use crate::corpus::{Corpus, Plan};
use crate::options::{Choice, Options, Server, Tls};
use crate::peer::Peer;
use crate::tools::Tools;

/// A corpus and the connection to the registries.
pub(crate) struct Setting {
    /// The corpus.
    pub(crate) choice: Choice,
    /// Additional round-trip time.
    pub(crate) round_trip: Duration,
    /// Whether TLS is used.
    pub(crate) tls: bool,
}

/// A program that takes part.
#[derive(Debug)]
pub(crate) struct Contestant {
    /// The peer.
    pub(crate) peer: Peer,
    /// Path of the program.
    pub(crate) program: PathBuf,
    /// The value for `-j`, for longshore only.
    pub(crate) jobs: Option<usize>,
}

/// Programs and folders.
pub(crate) struct Workbench<'a> {
    /// The options of the user.
    pub(crate) options: &'a Options,
    /// Folder for corpora, results and installed peers.
    pub(crate) folder: PathBuf,
    /// Locates programs.
    pub(crate) tools: Tools,
    /// Path of the server's program.
    pub(crate) server: PathBuf,
    /// The certificate that servers use with TLS.
    pub(crate) certificate: Certificate,
    /// Runs proxies and stubs.
    pub(crate) runtime: Runtime,
    binary: PathBuf,
}

impl<'a> Workbench<'a> {
    /// Finds all programs and creates the folders.
    pub(crate) fn new(options: &'a Options) -> Result<Self> {
        let binary = options.binary.canonicalize().context("failed to find the binary")?;
        fs::create_dir_all(options.folder.join("bin")).context("failed to create a folder")?;
        let folder = options.folder.canonicalize().context("failed to find the folder")?;
        let tools = Tools::new(&folder.join("bin"));
        let name = server_name(options.registry);
        let Some(server) = tools.find(name) else {
            bail!("there is no `{name}` on PATH, in ~/go/bin or in {}/bin", folder.display());
        };
        if options.refuse_every.is_some() && options.tls != Tls::No {
            bail!("--refuse-every works only with plain HTTP");
        }
        let certificate = Certificate::write(&folder.join("certificate"))?;
        let runtime = Runtime::new().context("failed to start the runtime")?;
        Ok(Self { options, folder, tools, server, certificate, runtime, binary })
    }

    /// Returns every selected combination.
    pub(crate) fn settings(&self) -> Vec<Setting> {
        let ways: &[bool] = match self.options.tls {
            Tls::No => &[false],
            Tls::Only => &[true],
            Tls::Also => &[false, true],
        };
        let mut settings = Vec::new();
        for &tls in ways {
            for choice in [Choice::Mixed, Choice::Tiny] {
                for round_trip in self.options.round_trips() {
                    if self.options.chose(choice) {
                        settings.push(Setting { choice, round_trip, tls });
                    }
                }
            }
        }
        settings
    }

    /// Returns the corpus. Generates it if it does not exist.
    pub(crate) fn corpus(&self, choice: Choice) -> Result<Corpus> {
        let quick = self.options.quick;
        let plan = match choice {
            Choice::Tiny => Plan::tiny(self.options.tiny_images()),
            _ => {
                if quick {
                    Plan::mixed(4, 20)
                } else {
                    Plan::mixed(40, 1)
                }
            }
        };
        Corpus::cached(&plan, &self.folder.join("corpora"))
    }

    /// Returns longshore.
    pub(crate) fn longshore(&self) -> Contestant {
        Contestant { peer: Peer::Longshore, program: self.binary.clone(), jobs: self.options.jobs }
    }

    /// Returns longshore, followed by the selected and installed peers.
    pub(crate) fn contestants(&self) -> Vec<Contestant> {
        let asked = Peer::ALL.iter().filter(|peer| self.options.takes(**peer));
        let peers = asked.filter_map(|&peer| {
            Some(Contestant { peer, program: self.tools.find(peer.program())?, jobs: None })
        });
        std::iter::once(self.longshore()).chain(peers).collect()
    }

    /// Returns the folder for the destination's storage.
    pub(crate) fn storage(&self) -> PathBuf {
        self.options.storage.clone().unwrap_or_else(|| self.folder.join("work")).join("destination")
    }

    /// Returns longshore's cache for runs that copy nothing.
    pub(crate) fn cache(&self) -> PathBuf {
        self.folder.join("cache")
    }

    /// Creates a folder for one run. It only holds a cache for longshore with its compiled plugins.
    pub(crate) fn scratch(&self) -> Result<PathBuf> {
        let folder = self.folder.join("work/scratch");
        empty(&folder)?;
        let (from, to) = (self.cache().join("compiled"), folder.join("cache/compiled"));
        empty(&to)?;
        // longshore does not trust a folder that is open to other users.
        let mode = fs::metadata(&from).context("failed to find the compiled plugins")?;
        fs::set_permissions(&to, mode.permissions())
            .context("failed to set the permissions of a cache")?;
        for file in fs::read_dir(from).context("failed to read the compiled plugins")? {
            let path = file?.path();
            let name = path.file_name().unwrap_or_default();
            fs::copy(&path, to.join(name)).context("failed to copy the compiled plugins")?;
        }
        Ok(folder)
    }
}

/// Creates an empty folder.
pub(crate) fn empty(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)
            .with_context(|| format!("failed to remove {}", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("failed to create {}", folder.display()))
}

fn server_name(server: Server) -> &'static str {
    match server {
        Server::DockerRegistry => "docker-registry",
        Server::Distribution => "registry",
    }
}
