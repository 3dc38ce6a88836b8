//! Renders charts with `helm`.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};
use longshore_chart::{RenderError, RenderInput, Rendered, Renderer};
use tempfile::NamedTempFile;

/// Renders one archive or folder as the release `x` in the namespace `default`.
#[derive(Debug)]
pub(crate) struct Helm {
    pub(crate) chart: PathBuf,
    /// Flags that make the chart render.
    pub(crate) flags: Vec<String>,
}

impl Helm {
    /// Renders the chart with YAML texts over its values.
    pub(crate) fn run(&self, values: &[String]) -> Result<Vec<Rendered>> {
        let files = values.iter().map(|text| file(text)).collect::<Result<Vec<_>>>()?;
        let run = |more: &[&str]| {
            let mut helm = Command::new(program());
            helm.args(["template", "x"]).arg(&self.chart).args(["--namespace", "default"]);
            helm.arg("--skip-schema-validation").args(&self.flags).args(more);
            for file in &files {
                helm.arg("--values").arg(file.path());
            }
            helm.output().context("failed to run helm; install it, or put it on PATH")
        };
        let mut output = run(&[])?;
        if !output.status.success() {
            let error = String::from_utf8_lossy(&output.stderr).into_owned();
            // A template that is no YAML stops helm, but with --debug it prints all others.
            output = run(&["--debug"])?;
            if output.stdout.is_empty() {
                bail!("{}", error.trim());
            }
        }
        let text = String::from_utf8(output.stdout).context("helm's output is not UTF-8")?;
        Ok(Rendered::of_helm(&text))
    }
}

impl Renderer for Helm {
    fn render<'a>(
        &'a self,
        input: &'a RenderInput,
    ) -> BoxFuture<'a, Result<Vec<Rendered>, RenderError>> {
        let rendered = self.run(&input.values).map_err(|error| RenderError {
            message: format!("{error:#}"),
            ..RenderError::default()
        });
        ready(rendered).boxed()
    }
}

/// The `helm` on PATH, or the one that `go install` built.
fn program() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let home = std::env::var_os("HOME").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([Path::new(&home).join("go/bin")]);
    let mut programs = folders.map(|folder| folder.join("helm"));
    programs.find(|program| program.is_file()).unwrap_or_else(|| "helm".into())
}

fn file(text: &str) -> Result<NamedTempFile> {
    let mut file = NamedTempFile::new().context("failed to create a file for values")?;
    file.write_all(text.as_bytes()).context("failed to write values")?;
    Ok(file)
}
