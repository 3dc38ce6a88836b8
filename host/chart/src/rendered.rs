//! The result of rendering a chart.

/// Line before each document of `helm template` that names its template.
const SOURCE: &str = "# Source: ";

/// What one template of a chart renders to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// Path of the template, from the chart's folder on: `vault/templates/server.yaml`.
    pub template: String,
    /// Its YAML documents, hooks included.
    pub text: String,
}

impl Rendered {
    /// Splits the output of `helm template` by the templates that it names. Documents of one template
    /// may be in several parts.
    #[must_use]
    pub fn of_helm(output: &str) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for line in output.split_inclusive('\n') {
            match line.strip_prefix(SOURCE) {
                Some(template) => {
                    all.push(Self { template: template.trim().to_owned(), text: String::new() });
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
}

#[cfg(test)]
mod tests {
    use super::Rendered;

    #[test]
    fn each_document_belongs_to_its_template() {
        let output =
            "---\n# Source: a/templates/b.yaml\nkind: B\n---\n# Source: a/c.yaml\nkind: C\n";
        let found = Rendered::of_helm(output);
        let parts: Vec<_> =
            found.iter().map(|part| (part.template.as_str(), part.text.as_str())).collect();
        assert_eq!(parts, [("a/templates/b.yaml", "kind: B\n---\n"), ("a/c.yaml", "kind: C\n")]);
        assert_eq!(Rendered::of_helm("no template\n"), []);
    }
}
