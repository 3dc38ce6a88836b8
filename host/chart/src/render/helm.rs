//! Renders charts with the program `helm`.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use regex::Regex;
use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::{RenderError, RenderFault, RenderInput, Renderer};
use crate::Rendered;

/// How long one rendering may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// The largest output, in bytes.
const OUTPUT_LIMIT: u64 = 64 * 1024 * 1024;
/// Begins Helm's error about rendered text.
const NOT_YAML: &str = "YAML parse error on ";
/// No server listens there. Helm would fetch remote parts of a values schema.
const NO_PROXY_THERE: &str = "http://127.0.0.1:9";

/// The program `helm`, which runs once per rendering on a copy of the files.
#[derive(Clone, Debug)]
pub struct HelmProgram {
    program: PathBuf,
}

impl HelmProgram {
    /// Makes a renderer of the program at this path.
    pub const fn new(program: PathBuf) -> Self {
        Self { program }
    }

    async fn template(&self, input: &RenderInput) -> Result<Vec<Rendered>, RenderError> {
        let folder = tempfile::Builder::new().prefix("longshore-render-").tempdir();
        let folder = folder.map_err(|error| failed("make a temporary folder", &error))?;
        let (files, values) = (input.files.clone(), input.values.clone());
        let root = folder.path().to_owned();
        let written = tokio::task::spawn_blocking(move || write(&root, &files, &values)).await;
        let values = written
            .map_err(io::Error::other)
            .and_then(|written| written)
            .map_err(|error| failed("write the chart", &error))?;
        let text = match self.run(folder.path(), input, &values, &[]).await {
            // One template that is not YAML stops helm. With this flag it prints all of them.
            Err(error) if error.message.contains(NOT_YAML) => {
                let all = self.run(folder.path(), input, &values, &["--debug"]).await;
                all.map_err(|_| error)?
            }
            text => text?,
        };
        Ok(split(&text))
    }

    async fn run(
        &self,
        folder: &Path,
        input: &RenderInput,
        values: &[PathBuf],
        flags: &[&str],
    ) -> Result<String, RenderError> {
        let mut command = tokio::process::Command::new(&self.program);
        command.arg("template").arg(&input.release).arg(folder.join("chart"));
        command.arg("--namespace").arg(&input.namespace);
        if let Some(version) = &input.kube_version {
            command.arg("--kube-version").arg(version);
        }
        for version in &input.api_versions {
            command.arg("--api-versions").arg(version);
        }
        for file in values {
            command.arg("--values").arg(file);
        }
        if input.skip_tests {
            command.arg("--skip-tests");
        }
        command.args(flags);
        for proxy in ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"] {
            command.env(proxy, NO_PROXY_THERE);
        }
        command.env_remove("NO_PROXY").env_remove("no_proxy").env_remove("HELM_DEBUG");
        command.current_dir(folder).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let what = format!("run {}", self.program.display());
        let mut child = command.spawn().map_err(|error| failed(&what, &error))?;
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let finished = async {
            let (out, err, status) = tokio::join!(read(out), read(err), child.wait());
            Ok::<_, io::Error>((out?, err?, status?))
        };
        let finished = tokio::time::timeout(PATIENCE, finished).await;
        let finished = finished.map_err(|_| RenderError {
            message: format!("it took longer than {} s", PATIENCE.as_secs()),
            fault: RenderFault::Limit,
            ..RenderError::default()
        })?;
        let (out, err, status) = finished.map_err(|error| failed(&what, &error))?;
        let is_partial = !flags.is_empty() && !out.is_empty();
        if !status.success() && !is_partial {
            return Err(helm_error(&String::from_utf8_lossy(&err)));
        }
        String::from_utf8(out).map_err(|_| RenderError {
            message: "the output is not UTF-8".to_owned(),
            ..RenderError::default()
        })
    }
}

impl Renderer for HelmProgram {
    fn render<'a>(
        &'a self,
        input: &'a RenderInput,
    ) -> BoxFuture<'a, Result<Vec<Rendered>, RenderError>> {
        self.template(input).boxed()
    }
}

/// Writes the chart and its values below `root`, and returns the files of values.
fn write(root: &Path, files: &[(String, Vec<u8>)], values: &[String]) -> io::Result<Vec<PathBuf>> {
    for (path, content) in files {
        // The paths come from a checked archive, and have no `..`.
        let path = root.join("chart").join(path);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(path, content)?;
    }
    let mut written = Vec::new();
    for (number, text) in values.iter().enumerate() {
        let path = root.join(format!("values-{number}.yaml"));
        std::fs::write(&path, text)?;
        written.push(path);
    }
    Ok(written)
}

async fn read(stream: Option<impl AsyncRead + Unpin>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(stream) = stream {
        stream.take(OUTPUT_LIMIT + 1).read_to_end(&mut bytes).await?;
    }
    if bytes.len() as u64 > OUTPUT_LIMIT {
        return Err(io::Error::other(format!("it wrote more than {OUTPUT_LIMIT} bytes")));
    }
    Ok(bytes)
}

fn failed(what: &str, error: &io::Error) -> RenderError {
    RenderError { message: format!("{what}: {error}"), ..RenderError::default() }
}

/// Splits the output at the comments in which Helm names the template.
fn split(text: &str) -> Vec<Rendered> {
    let mut all: Vec<Rendered> = Vec::new();
    for document in text.split("\n---\n") {
        let document = document.strip_prefix("---\n").unwrap_or(document);
        let source = document.lines().next().and_then(|line| line.strip_prefix("# Source: "));
        let template = source.unwrap_or_default().trim();
        match all.iter_mut().find(|known| !template.is_empty() && known.template == template) {
            Some(known) => {
                known.text.push_str("\n---\n");
                known.text.push_str(document);
            }
            None if document.trim().is_empty() => {}
            None => all.push(Rendered { template: template.to_owned(), text: document.to_owned() }),
        }
    }
    all
}

/// Reads the error that Helm printed.
fn helm_error(text: &str) -> RenderError {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let first = lines.iter().position(|line| line.starts_with("Error:")).unwrap_or(0);
    let message = lines.get(first..).unwrap_or_default().join("; ");
    let message = message.strip_prefix("Error:").unwrap_or(&message).trim();
    let message: String = message.chars().take(1000).collect();
    let place = Regex::new(r"\(?([\w.-]+/templates/[^\s:()]+):(\d+)").ok();
    let found = place.and_then(|place| {
        let found = place.captures(&message)?;
        Some((found[1].to_owned(), found[2].parse().ok()?))
    });
    let (template, line) = found.unzip();
    let message =
        if message.is_empty() { "helm failed and said nothing".to_owned() } else { message };
    let has = |words: &[&str]| words.iter().any(|word| message.contains(word));
    let fault = if has(&["missing in charts/"]) {
        RenderFault::Dependencies
    } else if has(&["): invalid character '", "causing reference cycle"]) {
        RenderFault::Chart
    } else if has(&["values don't meet the specifications of the schema", "values.schema.json"]) {
        RenderFault::Values
    } else if has(&["cannot load ", "not installable", "validation: "]) {
        RenderFault::Chart
    } else {
        RenderFault::of_message(&message)
    };
    RenderError { template, line, message, fault, hint: None }
}

#[cfg(test)]
mod tests {
    use super::{RenderFault, helm_error, split};

    #[test]
    fn documents_go_to_their_templates() {
        let text = "---\n# Source: a/templates/x.yaml\nkind: A\n---\n# Source: a/charts/b/templates/y.yaml\nkind: B\n\
                    ---\n# Source: a/templates/x.yaml\nkind: C\n";
        let found = split(text);
        let templates: Vec<_> = found.iter().map(|rendered| rendered.template.as_str()).collect();
        assert_eq!(templates, ["a/templates/x.yaml", "a/charts/b/templates/y.yaml"]);
        assert!(found[0].text.contains("kind: A") && found[0].text.contains("kind: C"));
        assert!(split("").is_empty());
    }

    #[test]
    fn the_template_and_line_are_found_in_an_error() {
        let text = "Error: execution error at (demo/templates/x.yaml:3:5): a value is needed\n\nUse --debug flag\n";
        let error = helm_error(text);
        assert_eq!(
            (error.template.as_deref(), error.line),
            (Some("demo/templates/x.yaml"), Some(3))
        );
        assert!(error.message.starts_with("execution error at"), "{}", error.message);
        let error = helm_error("level=warn x\nError: chart requires kubeVersion: >=1.99.0\n");
        assert_eq!((error.template, error.line), (None, None));
        assert_eq!(error.fault, RenderFault::Kubernetes);
        assert_eq!(error.message, "chart requires kubeVersion: >=1.99.0");
        assert!(!helm_error("").message.is_empty());
    }
}
