//! `cargo xtask bench`: what the program itself costs. `bench/README.md` says how to read it.

mod measure;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result};

use self::measure::{Cost, cost_of, median};
use crate::command::{cargo, run as run_command};
use crate::workspace::Workspace;

/// Lines of the large list.
const LINES: usize = 100_000;

/// What `cargo xtask bench` takes.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Measure a binary that is there already, instead of building the release
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Fewer repetitions
    #[arg(long)]
    quick: bool,
}

/// Builds the release, measures it and prints a table in Markdown.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let binary = match &options.binary {
        Some(binary) => binary.canonicalize().context("find the binary")?,
        None => build(&workspace)?,
    };
    let folder = workspace.folder("bench")?;
    let repetitions = if options.quick { 5 } else { 20 };
    let bench = Bench { binary, folder };

    let small = bench.list("one.txt", 1)?;
    let large = bench.list("lines.txt", LINES)?;
    bench.plan(&small)?; // compiles the plugins into the cache
    let bare = bench.repeated(repetitions, |bench| bench.version())?;
    let start = bench.repeated(repetitions, |bench| bench.plan(&small))?;
    let lines = bench.repeated(repetitions.div_ceil(5), |bench| bench.plan(&large))?;

    println!("| what | wall | CPU |\n|---|---|---|");
    row("`longshore --version`", bare);
    row("start with a warm cache: load and call list format and rewrite, plan one line", start);
    row(&format!("the same with {LINES} lines"), lines);
    println!(
        "\nThe plugins' own share: a start costs {:.1} ms more than --version; {LINES} lines cost {:.2} s of CPU \
         more than one.",
        (start.wall - bare.wall).as_secs_f64() * 1000.0,
        (lines.cpu.saturating_sub(start.cpu)).as_secs_f64(),
    );
    Ok(ExitCode::SUCCESS)
}

fn row(what: &str, cost: Cost) {
    let (wall, cpu) = (cost.wall.as_secs_f64() * 1000.0, cost.cpu.as_secs_f64() * 1000.0);
    println!("| {what} | {wall:.1} ms | {cpu:.0} ms |");
}

/// Builds the release and says where it is.
fn build(workspace: &Workspace) -> Result<PathBuf> {
    workspace.ensure_wasm_target()?;
    run_command(cargo(&workspace.root).args(["build", "--release", "-p", "longshore"]))?;
    Ok(workspace.target.join("release/longshore"))
}

struct Bench {
    binary: PathBuf,
    folder: PathBuf,
}

impl Bench {
    /// A list of `lines` lines and one more that goes where the last of them goes: it is parsed,
    /// rewritten and planned, and then refused without a request and without a line for each entry.
    fn list(&self, name: &str, lines: usize) -> Result<PathBuf> {
        let path = self.folder.join(name);
        let mut text = String::new();
        for n in 1..=lines {
            writeln!(text, "team/app{n} team/app{n} 1.0.{n}")?;
        }
        writeln!(text, "team/another team/app{lines} 1.0.{lines}")?;
        std::fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
        Ok(path)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .current_dir(&self.folder)
            .env("LONGSHORE_CACHE_DIR", self.folder.join("cache"))
            .env_remove("LONGSHORE_CONFIG")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    fn version(&self) -> Result<Cost> {
        let mut command = self.command();
        command.arg("--version");
        cost_of(command, 0)
    }

    fn plan(&self, list: &Path) -> Result<Cost> {
        let mut command = self.command();
        command.args(["mirror", "-s", "localhost:1", "-d", "localhost:2", "-f"]).arg(list);
        cost_of(command, 2)
    }

    fn repeated(&self, times: usize, run: impl Fn(&Self) -> Result<Cost>) -> Result<Cost> {
        let costs = (0..times).map(|_| run(self)).collect::<Result<Vec<_>>>()?;
        Ok(median(costs))
    }
}
