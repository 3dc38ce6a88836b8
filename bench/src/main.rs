//! The benchmark: longshore and its peers between two real registries. `bench/README.md` explains
//! the output. `cargo xtask bench` builds the release binary and runs this program.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a developer command prints to the terminal"
)]

mod access_log;
mod certificate;
mod check;
mod corpus;
mod fleet;
mod link;
mod load;
mod machine;
mod measure;
mod options;
mod peer;
mod process;
mod proxy;
mod registry;
mod report;
mod round;
mod run;
mod scale;
mod start;
mod stub;
mod sweep;
mod tools;
mod workbench;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser as _;

use options::Options;
use report::Report;
use workbench::Workbench;

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the requested measurements in the order of the report.
fn run(options: &Options) -> Result<()> {
    if let Some(path) = &options.plot {
        let pictures = report::plot::draw(path)?;
        println!("drew {pictures} pictures of the tables in {}", path.display());
        return Ok(());
    }
    let bench = Workbench::new(options)?;
    start::compile_plugins(&bench)?;
    let mut report = Report::new(&bench);
    if let Some(jobs) = &options.jobs_sweep {
        report.sweeps = sweep::measure(&bench, jobs)?;
        return report.publish(&bench);
    }
    if let Some(sizes) = options.fleets() {
        report.fleets = Some(fleet::measure(&bench, &sizes)?);
        return report.publish(&bench);
    }
    report.start = start::measure(&bench)?;
    for setting in bench.settings() {
        report.rounds.push(round::measure(&bench, &setting)?);
    }
    if options.measures_scale() {
        report.scale = scale::measure(&bench)?;
    }
    report.publish(&bench)
}
