//! Compiles a component in another process, which may be ended.
//!
//! A small component can make the compiler work for minutes and take gigabytes. A thread cannot be ended,
//! and memory cannot be taken from it, but the system does both with a process.

use std::ffi::OsString;
use std::io::{self, Read as _, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, Signal, setrlimit};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;

use crate::error::LoadProblem;
use crate::escape::shown;
use crate::sandbox::engine;

/// The first argument of a process that compiles.
const ROLE: &str = "--compile-plugin";
/// The exit code of a process to which the component is invalid.
const INVALID: u8 = 3;
/// The most bytes of compiled code. That of Helm in Go takes 54 MiB.
const MOST_CODE: u64 = 1024 * 1024 * 1024;
/// The most bytes of an error message.
const MOST_MESSAGE: u64 = 64 * 1024;
/// What Rust says when it gets no memory.
const NO_MEMORY: &str = "memory allocation of";
/// The most threads that compile. Each takes memory.
const THREADS: usize = 8;

/// What a process that compiles may use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CompileLimits {
    /// CPU time of all its threads, in whole seconds.
    pub(crate) cpu: Duration,
    /// Time from its start to its end.
    pub(crate) wall: Duration,
    /// Bytes of address space.
    pub(crate) memory: u64,
}

/// A program whose `main` calls [`compile_if_asked`].
#[derive(Clone, Debug)]
pub struct Compiler {
    /// The program, in the same version as this one.
    pub program: PathBuf,
}

impl Compiler {
    /// Compiles a component within these limits. Dropping the future ends the process.
    pub(crate) async fn compile(
        &self,
        component: &[u8],
        limits: CompileLimits,
    ) -> Result<Vec<u8>, LoadProblem> {
        let CompileLimits { cpu, wall, memory } = limits;
        let failed = |error: io::Error| LoadProblem::Compiler(shown(&error.to_string()));
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(THREADS);
        let mut process = Command::new(&self.program)
            .arg(ROLE)
            .arg(memory.to_string())
            .arg(cpu.as_secs().to_string())
            .env_clear()
            .env("RAYON_NUM_THREADS", threads.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C is for this process, which ends the other one.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let missing = || failed(io::ErrorKind::BrokenPipe.into());
        let mut stdin = process.stdin.take().ok_or_else(missing)?;
        let stdout = process.stdout.take().ok_or_else(missing)?;
        let stderr = process.stderr.take().ok_or_else(missing)?;
        let working = async {
            // The process may end before it has read everything. Its exit code says why.
            let feeding = async {
                let _ended = stdin.write_all(&(component.len() as u64).to_le_bytes()).await;
                let _ended = stdin.write_all(component).await;
                let _ended = stdin.flush().await;
            };
            let ((), code, said) =
                tokio::join!(feeding, read(stdout, MOST_CODE), read(stderr, MOST_MESSAGE));
            Ok::<_, io::Error>((code?, said?, process.wait().await?))
        };
        let ended = tokio::time::timeout(wall, working).await;
        // Until now, a closed pipe would have told the process that nobody waits for it.
        drop(stdin);
        let Ok(ended) = ended else {
            return Err(LoadProblem::CompileTime { limit: wall });
        };
        let (code, said, status) = ended.map_err(failed)?;
        let said = String::from_utf8_lossy(&said);
        match status.code() {
            Some(0) => Ok(code),
            Some(code) if code == i32::from(INVALID) => Err(LoadProblem::Component(shown(&said))),
            None if status.signal() == Some(Signal::XCPU.as_raw()) => {
                Err(LoadProblem::CompileCpu { limit: cpu })
            }
            _ if said.contains(NO_MEMORY) => Err(LoadProblem::CompileMemory { limit: memory }),
            _ => {
                let why = said.lines().next().unwrap_or_default();
                Err(LoadProblem::Compiler(shown(&format!("it ended with {status} {why}"))))
            }
        }
    }
}

/// Reads a pipe to its end, and keeps at most `most` bytes.
async fn read(mut pipe: impl AsyncRead + Unpin, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    (&mut pipe).take(most).read_to_end(&mut bytes).await?;
    tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await?;
    Ok(bytes)
}

/// Compiles the component on standard input if a [`Compiler`] started this process with these `arguments`.
/// Returns `None` otherwise.
pub fn compile_if_asked(arguments: impl IntoIterator<Item = OsString>) -> Option<ExitCode> {
    let mut arguments = arguments.into_iter().skip(1);
    if arguments.next()? != ROLE {
        return None;
    }
    let mut number = || arguments.next()?.to_str()?.parse().ok();
    let (memory, seconds) = (number()?, number()?);
    Some(match compile(memory, seconds) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            // Nobody reads it if the other process has ended.
            let _gone = io::stderr().write_all(why.as_bytes());
            ExitCode::from(INVALID)
        }
    })
}

/// Compiles with at most this memory in bytes and this CPU time in seconds.
fn compile(memory: u64, seconds: u64) -> Result<(), String> {
    let limited = |resource, most: u64, grace: u64| {
        let limit = Rlimit { current: Some(most), maximum: Some(most.saturating_add(grace)) };
        setrlimit(resource, limit).map_err(|error| format!("limit the compiler: {error}"))
    };
    limited(Resource::As, memory, 0)?;
    // At the limit, the system sends a signal that says why. Without the grace it would send SIGKILL.
    limited(Resource::Cpu, seconds, 5)?;
    limited(Resource::Core, 0, 0)?;
    let mut stdin = io::stdin();
    let mut size = [0; 8];
    let read = |error: io::Error| format!("read the component: {error}");
    stdin.read_exact(&mut size).map_err(read)?;
    let mut component = Vec::new();
    let size = u64::from_le_bytes(size);
    stdin.by_ref().take(size).read_to_end(&mut component).map_err(read)?;
    // The pipe stays open as long as the other process waits.
    std::thread::spawn(|| {
        let _closed = io::stdin().read(&mut [0]);
        std::process::exit(i32::from(INVALID));
    });
    let engine = engine::compiler().map_err(|error| format!("{error:#}"))?;
    let code = engine.precompile_component(&component).map_err(|error| format!("{error:#}"))?;
    io::stdout().write_all(&code).map_err(|error| format!("write the code: {error}"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::time::Duration;

    use super::{CompileLimits, Compiler, compile_if_asked};
    use crate::error::LoadProblem;

    const MINUTE: Duration = Duration::from_secs(60);

    fn limits(wall: Duration) -> CompileLimits {
        CompileLimits { cpu: Duration::from_secs(3), wall, memory: 5 }
    }

    /// Lets a shell script take the place of the compiler.
    async fn compiled(script: &str, wall: Duration) -> Result<Vec<u8>, LoadProblem> {
        let folder = tempfile::tempdir().expect("a folder");
        let program = folder.path().join("compiler");
        std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).expect("is written");
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&program, mode).expect("is a program");
        Compiler { program }.compile(&[0; 100_000], limits(wall)).await
    }

    #[tokio::test]
    async fn the_end_of_the_process_is_the_result() {
        let code = compiled("printf code", MINUTE).await.expect("compiles");
        assert_eq!(code, b"code");
        for (script, expected) in [
            ("echo 'bad type' >&2; exit 3", "bad type"),
            (
                "echo 'memory allocation of 9 bytes failed' >&2; kill -ABRT $$",
                "it takes more than 5 bytes of memory to compile",
            ),
            ("exit 1", "the compiler failed: it ended with exit status: 1"),
            ("kill -KILL $$", "the compiler failed: it ended with signal: 9"),
            ("kill -XCPU $$", "it takes more than 3 s of CPU time to compile"),
        ] {
            let error = compiled(script, MINUTE).await.expect_err(script).to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[tokio::test]
    async fn a_process_that_takes_too_long_is_ended() {
        let error =
            compiled("exec sleep 600", Duration::from_millis(50)).await.expect_err("it ended");
        assert!(matches!(error, LoadProblem::CompileTime { .. }), "{error}");
    }

    #[tokio::test]
    async fn a_program_that_cannot_be_started_is_an_error() {
        let compiler = Compiler { program: "/no/such/program".into() };
        let error = compiler.compile(b"", limits(MINUTE)).await.expect_err("started");
        assert!(matches!(error, LoadProblem::Compiler(_)), "{error}");
    }

    #[test]
    fn other_arguments_are_not_for_the_compiler() {
        for arguments in [&[][..], &["longshore"], &["longshore", "mirror"], &["l", "--help", "1"]]
        {
            let arguments = arguments.iter().map(Into::into);
            assert!(compile_if_asked(arguments).is_none());
        }
    }
}
