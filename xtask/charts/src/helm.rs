//! Renders charts with the `helm` on PATH.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use longshore_chart::Rendered;

/// Line before each document that names its template.
const SOURCE: &str = "# Source: ";

/// Renders an archive as the release `x` in the namespace `default`.
pub(crate) fn render(archive: &Path, arguments: &[String]) -> Result<Vec<Rendered>> {
    let run = |more: &[&str]| {
        let mut helm = Command::new("helm");
        helm.args(["template", "x"]).arg(archive).args(["--namespace", "default"]);
        helm.arg("--skip-schema-validation").args(arguments).args(more);
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
    Ok(split(&text))
}

/// Splits helm's output at the lines that name templates.
fn split(text: &str) -> Vec<Rendered> {
    let mut all: Vec<Rendered> = Vec::new();
    for line in text.split_inclusive('\n') {
        match line.strip_prefix(SOURCE) {
            Some(template) => {
                all.push(Rendered { template: template.trim().to_owned(), text: String::new() });
            }
            None => {
                if let Some(last) = all.last_mut() {
                    last.text.push_str(line);
                }
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn each_document_belongs_to_its_template() {
        let found =
            split("---\n# Source: a/templates/b.yaml\nkind: B\n---\n# Source: a/c.yaml\nkind: C\n");
        let parts: Vec<_> =
            found.iter().map(|part| (part.template.as_str(), part.text.as_str())).collect();
        assert_eq!(parts, [("a/templates/b.yaml", "kind: B\n---\n"), ("a/c.yaml", "kind: C\n")]);
    }
}
