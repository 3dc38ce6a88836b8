//! A real registry on a free loopback port, with logs to parse.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::access_log::Tally;
use crate::certificate::Certificate;

/// Time limit for the start.
const START: Duration = Duration::from_secs(30);

/// Log lines are written after the response. The log is complete after this time without a new
/// line.
const QUIET: Duration = Duration::from_millis(60);

/// distribution. Dropping it kills the process by its ID.
pub(crate) struct Registry {
    child: Child,
    address: String,
    /// The access log, with one line per request.
    access: PathBuf,
    /// The registry's own log, with one document per request that has the client port.
    log: PathBuf,
}

/// Positions in the logs of a registry.
#[derive(Clone, Copy, Default)]
pub(crate) struct Mark {
    access: usize,
    log: usize,
}

impl Registry {
    /// Starts it on this storage. Writes its configuration and logs to `folder`.
    pub(crate) fn start(
        program: &Path,
        storage: &Path,
        folder: &Path,
        certificate: Option<&Certificate>,
    ) -> Result<Self> {
        fs::create_dir_all(folder).context("failed to create a registry's folder")?;
        let config = folder.join("config.yml");
        fs::write(&config, configuration(storage, certificate))
            .context("failed to write a registry's configuration")?;
        let (access, log) = (folder.join("access.log"), folder.join("registry.log"));
        let create = |path: &Path| File::create(path).context("failed to create a registry's log");
        let mut command = Command::new(program);
        command.arg("serve").arg(&config).env_clear().stdin(Stdio::null());
        // Otherwise distribution 3 would try to export traces.
        command.env("OTEL_TRACES_EXPORTER", "none");
        command.stdout(create(&access)?).stderr(create(&log)?);
        let child =
            command.spawn().with_context(|| format!("failed to start {}", program.display()))?;
        let mut registry = Self { child, address: String::new(), access, log };
        registry.address = registry.wait_for_address()?;
        Ok(registry)
    }

    /// Returns `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Returns the process ID.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    fn wait_for_address(&mut self) -> Result<String> {
        let started = Instant::now();
        loop {
            let said = read(&self.log) + &read(&self.access);
            if let Some(address) = listening(&said) {
                return Ok(address);
            }
            if started.elapsed() > START || self.child.try_wait().is_ok_and(|end| end.is_some()) {
                bail!("the registry does not say where it listens:\n{said}");
            }
            sleep(Duration::from_millis(5));
        }
    }

    /// Waits until the logs are complete and returns their ends.
    pub(crate) fn mark(&self) -> Mark {
        let end = |path: &Path| fs::metadata(path).map_or(0, |file| file.len() as usize);
        let mut mark = Mark { access: end(&self.access), log: end(&self.log) };
        loop {
            sleep(QUIET);
            let next = Mark { access: end(&self.access), log: end(&self.log) };
            if next.access == mark.access && next.log == mark.log {
                return mark;
            }
            mark = next;
        }
    }

    /// Returns the requests between two marks.
    pub(crate) fn tally(&self, from: Mark, to: Mark) -> Tally {
        let (access, log) = (read(&self.access), read(&self.log));
        let mut tally = Tally::default();
        let cut = |text: &str, from: usize, to: usize| text.get(from..to).map(str::to_owned);
        for line in cut(&access, from.access, to.access).unwrap_or_default().lines() {
            tally.read(line);
        }
        for line in cut(&log, from.log, to.log).unwrap_or_default().lines() {
            tally.read_port(line);
        }
        tally
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        // Both fail only if the process has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}

/// Returns the address from `… listening on 127.0.0.1:5000, tls …`.
fn listening(said: &str) -> Option<String> {
    let (_, rest) = said.split_once("listening on ")?;
    let end = rest.find(['"', ',', ' ', '\n'])?;
    Some(rest[..end].to_owned())
}

fn configuration(storage: &Path, certificate: Option<&Certificate>) -> String {
    let mut text = format!(
        "version: 0.1\n\
         log: {{level: info, formatter: json, accesslog: {{disabled: false}}}}\n\
         storage:\n  filesystem: {{rootdirectory: '{}'}}\n  delete: {{enabled: true}}\n\
         \x20 maintenance: {{uploadpurging: {{enabled: false}}}}\n\
         http:\n  addr: 127.0.0.1:0\n  secret: of-the-benchmark\n",
        storage.display()
    );
    if let Some(files) = certificate {
        let (certificate, key) = (files.certificate.display(), files.key.display());
        // The `http` section is the last one in the file. Writing into a string cannot fail.
        let _ = writeln!(text, "  tls: {{certificate: '{certificate}', key: '{key}'}}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::listening;

    #[test]
    fn the_address_is_read_with_and_without_tls() {
        let plain = r#"{"level":"info","msg":"listening on 127.0.0.1:4001","time":"…"}"#;
        assert_eq!(listening(plain).as_deref(), Some("127.0.0.1:4001"));
        let tls = r#"{"msg":"listening on 127.0.0.1:4002, tls"}"#;
        assert_eq!(listening(tls).as_deref(), Some("127.0.0.1:4002"));
        assert_eq!(listening("listening on 127.0.0.1:40"), None, "half a line");
    }
}
