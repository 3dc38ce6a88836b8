//! Developer commands. `cargo xtask --help` lists them. Each prints the commands that it runs.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a developer command prints to the terminal"
)]

mod bench;
mod bindings;
mod charts;
mod command;
mod dist;
mod lint;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod order;
mod quickstart;
mod renderer;
mod test;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Developer commands of longshore")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build longshore, mirror a few made-up images between two registries, and check the result
    Quickstart(quickstart::Options),
    /// Build the chart renderer, which needs Go; the next build of longshore embeds it
    Renderer,
    /// Write the bindings of the SDK and of plugins in Go again after `wit/plugin.wit` has grown; needs Go
    Bindings,
    /// Set up what the tests need and run all of them
    Test(test::Options),
    /// Measure longshore and its peers side by side
    Bench(bench::Options),
    /// Look for the images of real charts, and compare with what they need
    Charts(charts::Options),
    /// Build a release archive with completions, manual pages and checksums, static on Linux where that builds
    Dist(dist::Options),
    /// Record which functions a run calls, for `host/cli/run-functions.txt`; needs openssl
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    Order,
    /// Check format, lints, documentation and dependencies
    Lint,
}

fn main() -> ExitCode {
    let result = match Arguments::parse().task {
        Task::Quickstart(options) => quickstart::run(&options),
        Task::Renderer => renderer::run(),
        Task::Bindings => bindings::run(),
        Task::Test(options) => test::run(&options),
        Task::Bench(options) => bench::run(&options),
        Task::Charts(options) => charts::run(&options),
        Task::Dist(options) => dist::run(&options),
        #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
        Task::Order => order::run(),
        Task::Lint => lint::run(),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
