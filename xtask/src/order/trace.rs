//! Records which functions a program calls, by a breakpoint at the start of each.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use nix::errno::Errno;
use nix::libc;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// The instruction `int3`.
const BREAKPOINT: u8 = 0xcc;

/// Runs the command, and returns those of the addresses that were called. The addresses are of functions in
/// `program`, before relocation. The program must not fork: a child would stop at the breakpoints.
pub(super) fn called(
    program: &Path,
    arguments: &mut Command,
    functions: impl Iterator<Item = u64>,
) -> Result<BTreeSet<u64>> {
    let process = start(arguments)?;
    let mut memory = Memory::of(process, program)?;
    memory.set_breakpoints(functions)?;
    resume(process, None)?;
    loop {
        match waitpid(None, Some(WaitPidFlag::__WALL)).context("failed to wait for the program")? {
            WaitStatus::Stopped(thread, Signal::SIGTRAP) => {
                memory.pass(thread)?;
                resume(thread, None)?;
            }
            WaitStatus::Stopped(thread, signal) => resume(thread, Some(signal))?,
            WaitStatus::PtraceEvent(thread, ..) => resume(thread, None)?,
            WaitStatus::Exited(ended, code) if ended == process => {
                if code != 0 {
                    bail!("the program ended with {code}");
                }
                return Ok(memory.called);
            }
            WaitStatus::Signaled(ended, signal, _) if ended == process => {
                bail!("the program ended by {signal}");
            }
            _ => {}
        }
    }
}

/// Starts the command and stops it where the new program has been loaded and nothing of it has run.
fn start(arguments: &Command) -> Result<Pid> {
    let mut shell = Command::new("sh");
    shell.args(["-c", "kill -STOP $$; exec \"$@\"", "sh"]);
    shell.arg(arguments.get_program()).args(arguments.get_args());
    for (name, value) in arguments.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    if let Some(folder) = arguments.get_current_dir() {
        shell.current_dir(folder);
    }
    let child = shell.spawn().context("failed to run sh")?;
    let process = Pid::from_raw(child.id().try_into().context("a process ID is too large")?);
    waitpid(process, Some(WaitPidFlag::WUNTRACED)).context("failed to wait for sh")?;
    let options =
        Options::PTRACE_O_TRACEEXEC | Options::PTRACE_O_TRACECLONE | Options::PTRACE_O_EXITKILL;
    ptrace::seize(process, options).context("failed to trace the program")?;
    kill(process, Signal::SIGCONT).context("failed to continue the program")?;
    loop {
        match waitpid(process, Some(WaitPidFlag::__WALL)).context("failed to wait for sh")? {
            WaitStatus::PtraceEvent(_, _, libc::PTRACE_EVENT_EXEC) => return Ok(process),
            WaitStatus::Exited(..) | WaitStatus::Signaled(..) => {
                bail!("sh did not run the program")
            }
            _ => resume(process, None)?,
        }
    }
}

/// Lets a thread go on. A thread that has ended meanwhile is no error.
fn resume(thread: Pid, signal: Option<Signal>) -> Result<()> {
    match ptrace::cont(thread, signal) {
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(error) => Err(error).context("failed to continue a thread"),
    }
}

/// The memory of a stopped program.
struct Memory {
    file: File,
    /// What is added to an address before relocation.
    base: u64,
    /// The first byte of each function by its address before relocation.
    originals: BTreeMap<u64, u8>,
    called: BTreeSet<u64>,
}

impl Memory {
    fn of(process: Pid, program: &Path) -> Result<Self> {
        let maps = fs::read_to_string(format!("/proc/{process}/maps"))
            .context("failed to read the program's mappings")?;
        let program = program.to_string_lossy();
        let first = maps.lines().find(|line| line.ends_with(program.as_ref()));
        let start = first.and_then(|line| line.split('-').next()).context("it is not mapped")?;
        let base = u64::from_str_radix(start, 16).context("a mapping has no address")?;
        let file = File::options().read(true).write(true).open(format!("/proc/{process}/mem"));
        let file = file.context("failed to open the program's memory")?;
        Ok(Self { file, base, originals: BTreeMap::new(), called: BTreeSet::new() })
    }

    /// Puts a breakpoint at each address.
    fn set_breakpoints(&mut self, functions: impl Iterator<Item = u64>) -> Result<()> {
        for function in functions {
            let mut original = [0];
            let place = self.base + function;
            self.file.read_exact_at(&mut original, place).context("failed to read a function")?;
            self.file.write_all_at(&[BREAKPOINT], place).context("failed to write a breakpoint")?;
            self.originals.insert(function, original[0]);
        }
        Ok(())
    }

    /// Removes the breakpoint at which a thread stands, and notes the function.
    fn pass(&mut self, thread: Pid) -> Result<()> {
        let mut registers = ptrace::getregs(thread).context("failed to read registers")?;
        // The processor has gone past the breakpoint, which has one byte.
        let place = registers.rip.wrapping_sub(1);
        let function = place.wrapping_sub(self.base);
        let Some(original) = self.originals.get(&function) else { return Ok(()) };
        self.file.write_all_at(&[*original], place).context("failed to remove a breakpoint")?;
        registers.rip = place;
        ptrace::setregs(thread, registers).context("failed to write registers")?;
        self.called.insert(function);
        Ok(())
    }
}
