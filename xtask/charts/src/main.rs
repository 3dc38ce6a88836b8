//! Looks for the images of charts and compares with what they need. `cargo xtask charts` runs it.
//!
//! A folder holds charts as archives or folders, and `truth.json`, which says for each chart how it renders and
//! what images it needs. The program prints recall and precision by class and each miss.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a developer command prints to the terminal"
)]

mod helm;
mod score;
mod truth;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::Parser;
use futures_util::FutureExt as _;
use longshore_chart::RenderInput;
use longshore_chart::archive::{Chart, ChartFolder};
use longshore_chart::images::{Discovery, Rendering, discover};
use longshore_chart::overlay::overlay;
use longshore_oci::{Reference, Registry, StoreName};

use crate::helm::Helm;
use crate::score::Score;
use crate::truth::Expected;

#[derive(Parser)]
#[command(name = "cargo xtask charts", about = "Look for the images of real charts")]
struct Arguments {
    /// Folder with charts (archives or folders) and truth.json
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
    /// Also compute the values that make each chart pull from a mirror
    #[arg(long)]
    overlay: bool,
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
        let (values, flags) = arguments_of(&expected, folder)?;
        let helm = Helm { chart: archive.clone(), flags };
        let rendered = match helm.run(&values) {
            Ok(rendered) => rendered,
            Err(error) => {
                println!("{name}: not rendered: {error:#}");
                score.not_rendered(&expected);
                continue;
            }
        };
        let chart = open(&archive).with_context(|| format!("failed to open {name}"))?;
        let rendering = Rendering { name: "", values: &values, rendered: &rendered };
        let found = discover(&chart, &[rendering]);
        if arguments.all {
            print(&name, &found);
        }
        score.add(&name, &expected, &found);
        if arguments.overlay {
            move_to_mirror(&name, &chart, values, &helm)?;
        }
    }
    score.print();
    Ok(())
}

/// Opens an archive or a folder.
fn open(path: &Path) -> Result<Chart> {
    let archive = match path.is_dir() {
        true => ChartFolder::read(path)?.pack(),
        false => std::fs::read(path)?,
    };
    Ok(Chart::of_archive(&archive)?)
}

/// Returns the values and the flags that make a chart render.
fn arguments_of(expected: &Expected, folder: &Path) -> Result<(Vec<String>, Vec<String>)> {
    let Some(with) = &expected.renders_with else { return Ok((Vec::new(), Vec::new())) };
    if with.starts_with("values/") {
        let path = folder.join(with);
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("failed to read {}", path.display()))?;
        return Ok((vec![text], Vec::new()));
    }
    Ok((Vec::new(), with.split_whitespace().map(str::to_owned).collect()))
}

/// Computes the overlay of a chart and prints it.
fn move_to_mirror(name: &str, chart: &Chart, values: Vec<String>, helm: &Helm) -> Result<()> {
    let input = RenderInput { values, ..RenderInput::default() };
    let mirror = |source: &Reference| {
        let store = "mirror.example.com".parse::<Registry>().map(StoreName::from);
        let repository = source.repository.inside("charts");
        let parts = store.ok().zip(repository.ok());
        let version = source.version.clone();
        parts.map_or_else(
            || source.clone(),
            |(store, repository)| Reference { store, repository, version },
        )
    };
    let overlay = overlay(chart, &input, helm, mirror)
        .now_or_never()
        .context("helm does not wait")?
        .map_err(|error| anyhow::anyhow!("failed to render {name}: {error}"))?;
    println!("{name}: {} moved, {} stay", overlay.moved.len(), overlay.stays.len());
    for stays in &overlay.stays {
        let place = stays.image.provenance.first().map(ToString::to_string).unwrap_or_default();
        println!("    stays {}: {place}", stays.image.reference);
    }
    for line in overlay.values.iter().flat_map(|values| values.lines()) {
        println!("    {line}");
    }
    Ok(())
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
