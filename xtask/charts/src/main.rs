//! Looks for the images of charts and compares with what they need. `cargo xtask charts` runs it.
//!
//! A folder holds `NAME.tgz` archives and `truth.json`, which says for each chart how it renders and
//! what images it needs. The program prints recall and precision by class and each miss.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a developer command prints to the terminal"
)]

mod helm;
mod score;
mod truth;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::Parser;
use longshore_chart::archive::Chart;
use longshore_chart::images::{Discovery, Rendering, discover};

use crate::score::Score;
use crate::truth::Expected;

#[derive(Parser)]
#[command(name = "cargo xtask charts", about = "Look for the images of real charts")]
struct Arguments {
    /// Folder with the archives and truth.json
    folder: Option<PathBuf>,
    /// Folder to read if none is given
    #[arg(long, hide = true, default_value = ".")]
    default_folder: PathBuf,
    /// Look at this chart only; may be repeated
    #[arg(long, value_name = "NAME")]
    chart: Vec<String>,
    /// Also print every image with its places, and every remark
    #[arg(long)]
    all: bool,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let folder = arguments.folder.as_ref().unwrap_or(&arguments.default_folder);
    let truth = folder.join("truth.json");
    if !truth.is_file() {
        bail!("{} does not exist: name a folder with charts and their truth.json", truth.display());
    }
    let mut score = Score::default();
    for expected in truth::read(&truth)? {
        if !arguments.chart.is_empty() && !arguments.chart.contains(&expected.chart) {
            continue;
        }
        let archive = folder.join(&expected.archive);
        let name = expected.archive.trim_end_matches(".tgz").to_owned();
        let rendered = match helm::render(&archive, &helm_arguments(&expected, folder)) {
            Ok(rendered) => rendered,
            Err(error) => {
                println!("{name}: not rendered: {error:#}");
                score.not_rendered(&expected);
                continue;
            }
        };
        let bytes = std::fs::read(&archive)
            .with_context(|| format!("failed to read {}", archive.display()))?;
        let chart = Chart::of_archive(&bytes).with_context(|| format!("failed to open {name}"))?;
        let values = Vec::new();
        let rendering = Rendering { name: "", values: &values, rendered: &rendered };
        let found = discover(&chart, &[rendering]);
        if arguments.all {
            print(&name, &found);
        }
        score.add(&name, &expected, &found);
    }
    score.print();
    Ok(())
}

/// Returns the arguments that make a chart render: a file with values, or flags.
fn helm_arguments(expected: &Expected, folder: &std::path::Path) -> Vec<String> {
    let Some(with) = &expected.renders_with else { return Vec::new() };
    if with.starts_with("values/") {
        return vec!["--values".to_owned(), folder.join(with).display().to_string()];
    }
    with.split_whitespace().map(str::to_owned).collect()
}

/// Prints what a chart needs and where it stands.
fn print(name: &str, found: &Discovery) {
    let groups = [("image", &found.images), ("disabled", &found.disabled), ("hint", &found.hints)];
    for (kind, images) in groups {
        for image in images {
            println!("{name}: {kind} {} ({:?})", image.reference, image.confidence);
            for provenance in &image.provenance {
                println!("    {provenance}");
            }
        }
    }
    for remark in &found.remarks {
        println!("{name}: remark: {remark}");
    }
}
