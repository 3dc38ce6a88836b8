//! Runs the binary with arguments, and checks exit code, output and files.

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

/// Time limit of a run, far above the time that any run needs. It turns a hang into a failure.
const LIMIT: Duration = Duration::from_mins(2);

/// The list file that [`Longshore::list`] writes.
const LIST: &str = "images.txt";

/// A run of the binary in its own directory and environment.
///
/// The run does not see the developer's environment: no proxy, no credentials, no settings file.
/// Tests share only compiled plugins, so that each is compiled once. Manifests are not cached
/// unless a test asks for it.
#[derive(Debug)]
pub(crate) struct Longshore {
    scratch: Arc<TempDir>,
    /// The program, preceded by wrapper commands.
    program: Vec<OsString>,
    arguments: Vec<OsString>,
    variables: Vec<(OsString, OsString)>,
    input: Option<String>,
}

impl Longshore {
    /// Creates a run in a new directory.
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

    /// Uses the `mirror` command.
    pub(crate) fn mirror(self) -> Self {
        self.arg("mirror")
    }

    /// Uses the `mirror-validate` command.
    pub(crate) fn validate(self) -> Self {
        self.arg("mirror-validate")
    }

    /// Caches manifests and blob locations for the next run in the same directory.
    pub(crate) fn with_caches(self) -> Self {
        let cache = self.scratch.path().join("cache");
        share_compiled(&cache);
        self.env("LONGSHORE_CACHE_DIR", cache)
    }

    /// Writes the list and passes it with `-f`.
    pub(crate) fn list(self, text: &str) -> Self {
        self.file(LIST, text).args(["-f", LIST])
    }

    /// Passes `-s`.
    pub(crate) fn source(self, address: &str) -> Self {
        self.args(["-s", address])
    }

    /// Passes `-d`.
    pub(crate) fn destination(self, address: &str) -> Self {
        self.args(["-d", address])
    }

    /// Adds an argument.
    pub(crate) fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    pub(crate) fn args<A: AsRef<OsStr>>(self, arguments: impl IntoIterator<Item = A>) -> Self {
        arguments.into_iter().fold(self, Self::arg)
    }

    /// Sets an environment variable.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.variables.push((name.into(), value.as_ref().to_owned()));
        self
    }

    /// Sets the standard input, which is not a terminal. The default is empty.
    pub(crate) fn stdin(mut self, text: &str) -> Self {
        self.input = Some(text.to_owned());
        self
    }

    /// Writes a file into the working directory. `../home/…` is in the home directory.
    pub(crate) fn file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        let path = self.directory().join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).expect("a folder in the scratch directory can be made");
        }
        std::fs::write(&path, content).expect("a file in the scratch directory can be written");
        self
    }

    /// Runs `script` first, which may mount file systems: the run is root in its own user and mount
    /// namespace. Returns `None` and skips the test where that is not possible.
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

    /// Runs `script` first, and then longshore without the capabilities that let root ignore permissions.
    /// Returns `None` and skips the test where that is not possible.
    ///
    /// The user stays the same, because another user may lack access to the program.
    pub(crate) fn unprivileged(mut self, script: &str) -> Option<Self> {
        let root = "test $(id -u) = 0";
        let drop = "setpriv --bounding-set=-all --inh-caps=-all";
        let probe = format!("if {root}; then {drop} true; fi");
        let probe = Command::new("sh").args(["-ec", &probe]).output();
        if !probe.is_ok_and(|probe| probe.status.success()) {
            skip("root cannot drop its capabilities with setpriv");
            return None;
        }
        let script = format!("{script}\nif {root}; then set -- {drop} \"$@\"; fi\nexec \"$@\"");
        let before = ["sh", "-ec", &script, "sh"];
        self.program.splice(0..0, before.map(OsString::from));
        Some(self)
    }

    /// Runs a shell command line in which `longshore` is the program under test.
    fn shell(mut self, command: &str) -> Self {
        self.program = ["sh", "-c", command].map(OsString::from).to_vec();
        let folder = Path::new(PROGRAM).parent().expect("a program is in a folder");
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(folder.to_owned()).chain(std::env::split_paths(&path));
        let path = std::env::join_paths(folders).expect("no folder of PATH has a colon");
        self.env("PATH", path)
    }

    /// Returns the working directory.
    pub(crate) fn directory(&self) -> PathBuf {
        self.scratch.path().join("work")
    }

    /// Runs to completion.
    pub(crate) fn run(self) -> Run {
        self.start().finish()
    }

    /// Returns the command, for tests that start it themselves.
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

    /// Starts the run without waiting for its end.
    pub(crate) fn start(self) -> Running {
        let mut command = self.command();
        if self.input.is_some() {
            command.stdin(Stdio::piped());
        }
        let mut process = Process::start("longshore", &mut command);
        if let (Some(text), Some(mut stdin)) = (self.input, process.child().stdin.take()) {
            // A thread, because a long text does not fit into the pipe before longshore reads.
            // longshore may also exit without reading all of it.
            std::thread::spawn(move || stdin.write_all(text.as_bytes()));
        }
        Running { process, scratch: self.scratch }
    }
}

/// Puts the plugins that other tests have compiled into a cache, if it has none.
pub(crate) fn share_compiled(cache: &Path) {
    let compiled = cache.join("compiled");
    if compiled.exists() {
        return;
    }
    let private = DirBuilder::new().recursive(true).mode(0o700).create(&compiled);
    private.expect("a folder in the scratch directory can be made");
    for entry in shared_cache().join("compiled").read_dir().into_iter().flatten().flatten() {
        let _gone = std::fs::hard_link(entry.path(), compiled.join(entry.file_name()));
    }
}

/// Returns the cache that all tests share. Files in place of its folders keep it from caching
/// manifests, blob locations, charts and renderings. Otherwise the requests of a test would depend on other tests.
pub(crate) fn shared_cache() -> PathBuf {
    static BLOCKED: Once = Once::new();
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("longshore-cache");
    BLOCKED.call_once(|| {
        std::fs::create_dir_all(&cache).expect("the target directory can be written");
        for folder in ["manifests", "hints", "charts", "renderings"] {
            std::fs::write(cache.join(folder), "").expect("the shared cache has no such folder");
        }
    });
    cache
}

/// Returns the complete environment of a run or of another client.
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
    // `cargo llvm-cov` needs `LLVM_PROFILE_FILE` to measure the coverage of child processes.
    for name in ["PATH", "LLVM_PROFILE_FILE"] {
        variables.extend(std::env::var_os(name).map(|value| (name.into(), value)));
    }
    variables
}

/// A running process.
#[derive(Debug)]
pub(crate) struct Running {
    process: Process,
    scratch: Arc<TempDir>,
}

impl Running {
    /// Waits for a line on either output stream from which `pick` returns a value.
    pub(crate) fn line<T>(&self, pick: impl Fn(&str) -> Option<T>) -> T {
        self.process.line(LIMIT, pick)
    }

    /// Sends SIGINT, like Ctrl-C.
    pub(crate) fn interrupt(&self) {
        self.process.interrupt();
    }

    /// Sends a signal by its name, without `SIG`.
    pub(crate) fn signal(&self, signal: &str) {
        self.process.signal(signal);
    }

    /// Returns the peak memory so far in KiB. Only works on Linux while the process runs.
    pub(crate) fn peak_memory(&mut self) -> Option<u64> {
        let status = format!("/proc/{}/status", self.process.child().id());
        let status = std::fs::read_to_string(status).ok()?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        peak.trim().strip_suffix(" kB")?.parse().ok()
    }

    /// Kills the process. Returns a new run with the same directory and home.
    pub(crate) fn kill(mut self) -> Longshore {
        self.process.kill();
        Longshore::within(Arc::clone(&self.scratch))
    }

    /// Returns the working directory.
    pub(crate) fn directory(&self) -> PathBuf {
        self.scratch.path().join("work")
    }

    /// Waits for the end of the process.
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

/// The result of a run. Dropping it removes the directory.
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
    /// Checks the exit code. Shows the output if it differs.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.exit, code, "exit code\n{}", self.said());
        self
    }

    /// Checks that standard error contains the text.
    #[track_caller]
    pub(crate) fn complains(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "no `{text}` on standard error\n{}", self.said());
        self
    }

    /// Checks the summary line, such as `1 copied, 0 skipped, 0 failed`. Lines about bytes and the
    /// failed list may follow it.
    #[track_caller]
    pub(crate) fn sums_up(self, counts: &str) -> Self {
        let found = self.stdout.lines().any(|line| line.starts_with(&format!("{counts}, ")));
        assert!(found, "no `{counts}` on standard output\n{}", self.said());
        self
    }

    /// Returns the log lines at the levels WARN and ERRO, without their time.
    pub(crate) fn complaints(&self) -> Vec<&str> {
        let lines = self.stderr.lines().filter_map(|line| line.get(9..));
        lines.filter(|line| line.starts_with("[WARN]") || line.starts_with("[ERRO]")).collect()
    }

    /// Parses standard output as one JSON document.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        let document = serde_json::from_str(&self.stdout);
        document.unwrap_or_else(|error| panic!("no JSON: {error}\n{}", self.said()))
    }

    /// Creates another run in the same directory, with the same home.
    pub(crate) fn again(&self) -> Longshore {
        Longshore::within(Arc::clone(&self.scratch))
    }

    /// Runs the command in the first line of a failed list through the shell.
    #[track_caller]
    pub(crate) fn repeated(&self, failed_list: &str) -> Self {
        let list = self.file(failed_list).expect("there is a failed list");
        let first = list.lines().next().unwrap_or_default();
        let command = first.split_once("repeat the run with: ");
        let (_, command) = command.unwrap_or_else(|| panic!("no command in {first}"));
        self.shell(command)
    }

    /// Returns the command in the last line of `mirror-validate`.
    #[track_caller]
    pub(crate) fn mend_command(&self) -> &str {
        let command = self.stdout.lines().last().and_then(|line| line.strip_prefix("mend with: "));
        command.unwrap_or_else(|| panic!("no command\n{}", self.said()))
    }

    /// Runs the command in the last line of `mirror-validate`.
    #[track_caller]
    pub(crate) fn repaired(&self) -> Self {
        self.shell(self.mend_command())
    }

    /// Runs a command that longshore printed through the shell.
    pub(crate) fn shell(&self, command: &str) -> Self {
        self.again().shell(command).run()
    }

    /// Returns the working directory.
    pub(crate) fn directory(&self) -> PathBuf {
        self.scratch.path().join("work")
    }

    /// Returns the content of a file in the working directory, if it exists.
    pub(crate) fn file(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.scratch.path().join("work").join(name)).ok()
    }

    fn said(&self) -> String {
        format!("--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr)
    }
}
