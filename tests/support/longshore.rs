//! Drives the binary: arguments in, exit code, output and files out.

use std::ffi::{OsStr, OsString};
use std::fs::DirBuilder;
use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Once};
use std::time::Duration;

use tempfile::TempDir;

use super::process::Process;
use super::skip::{installed, skip};

/// The program under test.
const PROGRAM: &str = env!("CARGO_BIN_EXE_longshore");

/// How long a run may take. Far above what any needs: it turns a hang into a failure.
const LIMIT: Duration = Duration::from_mins(2);

/// The list file that [`Longshore::list`] writes.
const LIST: &str = "images.txt";

/// One run of the binary, in a private directory and with an environment of its own.
///
/// Nothing of the developer's environment reaches it: no proxy, no credential, no settings file. Only
/// compiled plugins are shared between tests, so that each is compiled once; manifests are not
/// remembered, unless a test asks for it.
#[derive(Debug)]
pub(crate) struct Longshore {
    scratch: Arc<TempDir>,
    /// The program, and what stands before it.
    program: Vec<OsString>,
    arguments: Vec<OsString>,
    variables: Vec<(OsString, OsString)>,
    input: Option<String>,
}

impl Longshore {
    /// A run in a new directory.
    pub(crate) fn new() -> Self {
        let scratch = tempfile::tempdir().expect("a scratch directory can be made");
        for folder in ["work", "home", "tmp", "run"] {
            std::fs::create_dir(scratch.path().join(folder))
                .expect("the scratch directory is empty");
        }
        Self::within(Arc::new(scratch))
    }

    fn within(scratch: Arc<TempDir>) -> Self {
        let program = vec![PROGRAM.into()];
        Self { scratch, program, arguments: Vec::new(), variables: Vec::new(), input: None }
    }

    /// The `mirror` command.
    pub(crate) fn mirror(self) -> Self {
        self.arg("mirror")
    }

    /// The `mirror-validate` command.
    pub(crate) fn validate(self) -> Self {
        self.arg("mirror-validate")
    }

    /// Remembers manifests and where blobs are, for whoever runs in the same directory again.
    pub(crate) fn remembering(self) -> Self {
        let cache = self.scratch.path().join("cache");
        let compiled = cache.join("compiled");
        if !compiled.exists() {
            let private = DirBuilder::new().recursive(true).mode(0o700).create(&compiled);
            private.expect("a folder in the scratch directory can be made");
            // What another test has compiled need not be compiled again.
            for entry in shared_cache().join("compiled").read_dir().into_iter().flatten().flatten()
            {
                let _gone = std::fs::hard_link(entry.path(), compiled.join(entry.file_name()));
            }
        }
        self.env("LONGSHORE_CACHE_DIR", cache)
    }

    /// Writes the list and names it with `-f`.
    pub(crate) fn list(self, text: &str) -> Self {
        self.file(LIST, text).args(["-f", LIST])
    }

    /// `-s`.
    pub(crate) fn source(self, address: &str) -> Self {
        self.args(["-s", address])
    }

    /// `-d`.
    pub(crate) fn destination(self, address: &str) -> Self {
        self.args(["-d", address])
    }

    /// One more argument.
    pub(crate) fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// More arguments.
    pub(crate) fn args<A: AsRef<OsStr>>(self, arguments: impl IntoIterator<Item = A>) -> Self {
        arguments.into_iter().fold(self, Self::arg)
    }

    /// A variable of its environment.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.variables.push((name.into(), value.as_ref().to_owned()));
        self
    }

    /// What it reads from standard input, which is no terminal; without this it is empty.
    pub(crate) fn stdin(mut self, text: &str) -> Self {
        self.input = Some(text.to_owned());
        self
    }

    /// Writes a file into its working directory (`../home/…` is in its home).
    pub(crate) fn file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        let path = self.directory().join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).expect("a folder in the scratch directory can be made");
        }
        std::fs::write(&path, content).expect("a file in the scratch directory can be written");
        self
    }

    /// Runs it where `script` may mount things: as root of a user and mount namespace of its own.
    /// `None`, and the test is skipped, where that is not possible.
    pub(crate) fn mounting(mut self, script: &str) -> Option<Self> {
        let probe = || Command::new("unshare").args(["-rm", "true"]).stderr(Stdio::null()).status();
        if !installed("unshare") || !probe().is_ok_and(|status| status.success()) {
            skip("unshare -rm is not possible");
            return None;
        }
        let script = format!("{script}\nexec \"$@\"");
        let before = ["unshare", "-rm", "sh", "-ec", &script, "sh"];
        self.program.splice(0..0, before.map(OsString::from));
        Some(self)
    }

    /// Runs a command line, in which `longshore` is the program under test, through the shell.
    fn shell(mut self, command: &str) -> Self {
        self.program = ["sh", "-c", command].map(OsString::from).to_vec();
        let folder = Path::new(PROGRAM).parent().expect("a program is in a folder");
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(folder.to_owned()).chain(std::env::split_paths(&path));
        let path = std::env::join_paths(folders).expect("no folder of PATH has a colon");
        self.env("PATH", path)
    }

    /// Its working directory.
    pub(crate) fn directory(&self) -> PathBuf {
        self.scratch.path().join("work")
    }

    /// Runs it to its end.
    pub(crate) fn run(self) -> Run {
        self.start().finish()
    }

    /// What would be started, for a test that starts it in a way of its own.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.program[0]);
        command
            .args(&self.program[1..])
            .args(&self.arguments)
            .current_dir(self.directory())
            .env_clear()
            .envs(environment(self.scratch.path()))
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        command
    }

    /// Starts it; the caller says when and how it ends.
    pub(crate) fn start(self) -> Running {
        let mut command = self.command();
        if self.input.is_some() {
            command.stdin(Stdio::piped());
        }
        let mut process = Process::start("longshore", &mut command);
        if let (Some(text), Some(mut stdin)) = (self.input, process.child().stdin.take()) {
            // A thread, because a long text does not fit into the pipe before longshore reads; it
            // may also end without reading all of it.
            std::thread::spawn(move || stdin.write_all(text.as_bytes()));
        }
        Running { process, scratch: self.scratch }
    }
}

/// The cache that all tests share, in which neither manifests nor places of blobs can be remembered: a
/// file is in the way. The requests of one test would depend on the others otherwise.
fn shared_cache() -> PathBuf {
    static BLOCKED: Once = Once::new();
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("longshore-cache");
    BLOCKED.call_once(|| {
        std::fs::create_dir_all(&cache).expect("the target directory can be written");
        for folder in ["manifests", "hints"] {
            std::fs::write(cache.join(folder), "").expect("the shared cache has no such folder");
        }
    });
    cache
}

/// The whole environment of a run or of a client beside it.
fn environment(scratch: &Path) -> Vec<(OsString, OsString)> {
    let home = scratch.join("home");
    let cache = shared_cache();
    let mut variables: Vec<(OsString, OsString)> = vec![
        ("LANG".into(), "C.UTF-8".into()),
        ("LONGSHORE_CACHE_DIR".into(), cache.into()),
        ("TMPDIR".into(), scratch.join("tmp").into()),
        ("XDG_RUNTIME_DIR".into(), scratch.join("run").into()),
        ("XDG_CONFIG_HOME".into(), home.join(".config").into()),
        ("XDG_CACHE_HOME".into(), home.join(".cache").into()),
        ("XDG_DATA_HOME".into(), home.join(".local/share").into()),
        ("HOME".into(), home.into()),
    ];
    // `LLVM_PROFILE_FILE` is how `cargo llvm-cov` measures what a child covers.
    for name in ["PATH", "LLVM_PROFILE_FILE"] {
        variables.extend(std::env::var_os(name).map(|value| (name.into(), value)));
    }
    variables
}

/// A run that has not ended.
#[derive(Debug)]
pub(crate) struct Running {
    process: Process,
    scratch: Arc<TempDir>,
}

impl Running {
    /// Waits for a line on standard error or standard output from which `pick` reads something.
    pub(crate) fn line<T>(&self, pick: impl Fn(&str) -> Option<T>) -> T {
        self.process.line(LIMIT, pick)
    }

    /// Sends SIGINT, as Ctrl-C does.
    pub(crate) fn interrupt(&self) {
        self.process.interrupt();
    }

    /// The most memory that it has held until now, in KiB, where the system tells: Linux, and only
    /// before its end.
    pub(crate) fn peak_memory(&mut self) -> Option<u64> {
        let status = format!("/proc/{}/status", self.process.child().id());
        let status = std::fs::read_to_string(status).ok()?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        peak.trim().strip_suffix(" kB")?.parse().ok()
    }

    /// Kills it on the spot; the next run is in the same directory and with the same home.
    pub(crate) fn kill(mut self) -> Longshore {
        self.process.kill();
        Longshore::within(Arc::clone(&self.scratch))
    }

    /// Its working directory.
    pub(crate) fn directory(&self) -> PathBuf {
        self.scratch.path().join("work")
    }

    /// Waits for its end.
    pub(crate) fn finish(mut self) -> Run {
        let status = self.process.finish(LIMIT);
        let stdout = self.process.stdout();
        let stderr = self.process.stderr();
        let exit = status
            .code()
            .unwrap_or_else(|| panic!("longshore ended by {status}\n{stdout}\n{stderr}"));
        Run { exit, stdout, stderr, scratch: Arc::clone(&self.scratch) }
    }
}

/// What a run left behind; its directory is there as long as this is.
#[derive(Debug)]
pub(crate) struct Run {
    /// The exit code.
    pub(crate) exit: i32,
    /// All of standard output.
    pub(crate) stdout: String,
    /// All of standard error.
    pub(crate) stderr: String,
    scratch: Arc<TempDir>,
}

impl Run {
    /// Checks the exit code, and shows what was said if it is another one.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.exit, code, "exit code\n{}", self.said());
        self
    }

    /// Checks that standard error holds the text.
    #[track_caller]
    pub(crate) fn complains(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "no `{text}` on standard error\n{}", self.said());
        self
    }

    /// Checks the last line but those on bytes and the failed list: `1 copied, 0 skipped, 0 failed`.
    #[track_caller]
    pub(crate) fn sums_up(self, counts: &str) -> Self {
        let found = self.stdout.lines().any(|line| line.starts_with(&format!("{counts}, ")));
        assert!(found, "no `{counts}` on standard output\n{}", self.said());
        self
    }

    /// The log lines of the levels WARN and ERRO, without their time.
    pub(crate) fn complaints(&self) -> Vec<&str> {
        let lines = self.stderr.lines().filter_map(|line| line.get(9..));
        lines.filter(|line| line.starts_with("[WARN]") || line.starts_with("[ERRO]")).collect()
    }

    /// Standard output as one JSON document.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        let document = serde_json::from_str(&self.stdout);
        document.unwrap_or_else(|error| panic!("no JSON: {error}\n{}", self.said()))
    }

    /// Another run in the same directory, with the same home.
    pub(crate) fn again(&self) -> Longshore {
        Longshore::within(Arc::clone(&self.scratch))
    }

    /// Runs the command that the first line of a failed list gives, through the shell.
    #[track_caller]
    pub(crate) fn repeated(&self, failed_list: &str) -> Self {
        let list = self.file(failed_list).expect("there is a failed list");
        let first = list.lines().next().unwrap_or_default();
        let command = first.split_once("repeat the run with: ");
        let (_, command) = command.unwrap_or_else(|| panic!("no command in {first}"));
        self.shell(command)
    }

    /// Runs a command that longshore gave, through the shell.
    pub(crate) fn shell(&self, command: &str) -> Self {
        self.again().shell(command).run()
    }

    /// Its working directory.
    pub(crate) fn directory(&self) -> PathBuf {
        self.scratch.path().join("work")
    }

    /// A file of its working directory, if there is one.
    pub(crate) fn file(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.scratch.path().join("work").join(name)).ok()
    }

    fn said(&self) -> String {
        format!("--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr)
    }
}
