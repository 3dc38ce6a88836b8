//! Looks for the images of charts and compares with what they need. `cargo xtask charts` runs it.
//!
//! A folder holds charts as archives or folders, and `truth.json`, which says for each chart how it renders and
//! what images it needs. The program prints recall and precision by class and each miss.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a developer command prints to the terminal"
)]

mod builtin;
mod helm;
mod score;
mod truth;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use clap::{Parser, ValueEnum};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use longshore_chart::archive::{Chart, ChartFolder};
use longshore_chart::images::{Discovery, Rendering, discover};
use longshore_chart::overlay::overlay;
use longshore_chart::{RenderError, RenderInput, Renderer};
use longshore_oci::{Reference, Registry, StoreName};
use longshore_renderer::PluginRenderer;

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
    /// Render with the built-in renderer or with helm; auto is the built-in one, else helm
    #[arg(long, value_enum, default_value = "auto")]
    renderer: Choice,
    /// Folder for compiled code
    #[arg(long, hide = true, default_value = "target/charts")]
    cache: PathBuf,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Choice {
    Auto,
    Builtin,
    Helm,
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
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(measure(arguments))
}

async fn measure(arguments: &Arguments) -> Result<()> {
    let folder = arguments.folder.as_ref().unwrap_or(&arguments.default_folder);
    let truth = folder.join("truth.json");
    if !truth.is_file() {
        bail!("{} does not exist: name a folder with charts and their truth.json", truth.display());
    }
    let builtin = match arguments.renderer {
        Choice::Helm => None,
        _ => builtin::load(std::path::absolute(&arguments.cache)?).await?,
    };
    match (&builtin, arguments.renderer) {
        (None, Choice::Builtin) => bail!("this build has no renderer; run `cargo xtask renderer`"),
        (None, Choice::Auto) => println!("this build has no renderer: helm renders"),
        _ => {}
    }
    let is_chosen = |expected: &Expected| {
        arguments.chart.is_empty() || arguments.chart.contains(&expected.chart)
    };
    let at_once = std::thread::available_parallelism().map_or(1, usize::from);
    let builtin = builtin.map(Arc::new);
    let mut looked = stream::iter(truth::read(&truth)?.into_iter().filter(is_chosen))
        .map(|expected| {
            let (folder, builtin) = (folder.clone(), builtin.clone());
            // A task of its own, so that several charts use several cores.
            let looking = tokio::spawn(async move {
                look(&folder, &expected, builtin.as_deref()).await.map(|at| (expected, at))
            });
            async move { looking.await? }
        })
        .buffered(at_once);
    let mut score = Score::default();
    while let Some((expected, looked)) = looked.try_next().await? {
        let Looked { name, note, found, error, .. } = &looked;
        if let Some(note) = note {
            println!("{name}: {note}");
        }
        if arguments.all {
            print(name, found);
        }
        match error {
            Some(error) => {
                println!("{name}: not rendered: {error}");
                score.add_unrendered(name, &expected, found);
                continue;
            }
            None => score.add(name, &expected, found),
        }
        if arguments.overlay {
            move_to_mirror(&looked, builtin.as_deref()).await?;
        }
    }
    score.print();
    Ok(())
}

/// A chart that was looked at.
struct Looked {
    name: String,
    /// What is special about the rendering.
    note: Option<String>,
    chart: Chart,
    input: RenderInput,
    /// Renders the chart if the built-in renderer cannot.
    helm: Option<Helm>,
    found: Discovery,
    error: Option<RenderError>,
}

/// Renders a chart and looks for its images.
async fn look(
    folder: &Path,
    expected: &Expected,
    builtin: Option<&PluginRenderer>,
) -> Result<Looked> {
    let archive = folder.join(&expected.archive);
    let name = expected.archive.trim_end_matches(".tgz").to_owned();
    let chart = open(&archive).with_context(|| format!("failed to open {name}"))?;
    let (Input { input, understood }, flags) = input_of(expected, folder, &chart)?;
    let note = (builtin.is_some() && !understood)
        .then(|| format!("helm renders, because of {}", flags.join(" ")));
    let helm = (builtin.is_none() || !understood).then_some(Helm { chart: archive, flags });
    let rendered = match (builtin, &helm) {
        (Some(builtin), None) => builtin.render(&input).await,
        (_, Some(helm)) => helm.render(&input).await,
        (None, None) => bail!("nothing renders {name}"),
    };
    let (rendered, error) = match rendered {
        Ok(rendered) => (Some(rendered), None),
        Err(error) => (None, Some(error)),
    };
    let rendering =
        rendered.as_ref().map(|rendered| Rendering { name: "", values: &input.values, rendered });
    let found = discover(&chart, rendering.as_slice());
    Ok(Looked { name, note, chart, input, helm, found, error })
}

/// Opens an archive or a folder.
fn open(path: &Path) -> Result<Chart> {
    let archive = match path.is_dir() {
        true => ChartFolder::read(path)?.pack(),
        false => std::fs::read(path)?,
    };
    Ok(Chart::of_archive(&archive)?)
}

/// What a renderer gets for a chart.
struct Input {
    input: RenderInput,
    /// Whether `input` says all that the flags say. Only helm knows the other flags.
    understood: bool,
}

/// Returns the input with which a chart renders, and the flags of helm that say the same.
fn input_of(expected: &Expected, folder: &Path, chart: &Chart) -> Result<(Input, Vec<String>)> {
    let mut input = RenderInput {
        files: Arc::clone(chart.files()),
        release: "x".to_owned(),
        namespace: "default".to_owned(),
        ..RenderInput::default()
    };
    let mut understood = true;
    let Some(with) = &expected.renders_with else {
        return Ok((Input { input, understood }, Vec::new()));
    };
    if with.starts_with("values/") {
        let path = folder.join(with);
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("failed to read {}", path.display()))?;
        input.values.push(text);
        return Ok((Input { input, understood }, Vec::new()));
    }
    let flags: Vec<String> = with.split_whitespace().map(str::to_owned).collect();
    for pair in flags.chunks(2) {
        match pair {
            [flag, value] if flag == "--kube-version" => input.kube_version = Some(value.clone()),
            [flag, value] if flag == "--api-versions" => {
                input.api_versions.extend(value.split(',').map(str::to_owned));
            }
            _ => understood = false,
        }
    }
    Ok((Input { input, understood }, flags))
}

/// Computes the overlay of a chart and prints it.
async fn move_to_mirror(looked: &Looked, builtin: Option<&PluginRenderer>) -> Result<()> {
    let Looked { name, chart, input, helm, .. } = looked;
    let renderer: &dyn Renderer = match (helm, builtin) {
        (Some(helm), _) => helm,
        (None, Some(builtin)) => builtin,
        (None, None) => bail!("nothing renders {name}"),
    };
    let mirror = |source: &Reference| {
        let store = StoreName::from("mirror.example.com".parse::<Registry>().ok()?);
        let repository = source.repository.inside("charts").ok()?;
        Some(Reference { store, repository, version: source.version.clone() })
    };
    let overlay = overlay(chart, input, renderer, mirror)
        .await
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
    for broken in &found.broken {
        println!("{name}: broken: {broken}");
    }
}
