//! Prints plugins. Components wrote most of these texts, so they are cut and escaped.

use std::collections::BTreeMap;
use std::io::{self, Write};

use indicatif::HumanBytes;
use longshore_plugin_host::escape::shown;
use longshore_plugin_host::{ComponentInfo, Endpoint, Kind};

use super::inspection::write_document;
use super::stdout::with_stdout;
use crate::report::error::ReportError;
use crate::report::options::OutputFormat;

/// A plugin in a list.
#[derive(Debug)]
pub(crate) struct PluginRow {
    /// The name that users type.
    pub(crate) name: String,
    /// What it is for.
    pub(crate) kind: Kind,
    /// Its own version.
    pub(crate) version: String,
    /// Where it comes from.
    pub(crate) source: String,
    /// The SHA-256 of its component.
    pub(crate) sha256: String,
    /// The requests that it may send.
    pub(crate) grants: Vec<String>,
}

/// A plugin, and where it comes from.
#[derive(Debug)]
pub(crate) struct PluginDescription {
    /// Where it comes from.
    pub(crate) source: String,
    /// What it says about itself.
    pub(crate) info: ComponentInfo,
}

/// Prints a table of plugins, or a list of them.
///
/// # Errors
/// Returns an error if standard output cannot be written, unless its reader has ended.
pub(crate) fn print_plugins(rows: &[PluginRow], output: OutputFormat) -> Result<(), ReportError> {
    with_stdout(|out| match output {
        OutputFormat::Text => write_table(rows, out),
        format => {
            let plugins: Vec<_> = rows.iter().map(document_of_row).collect();
            write_document(&serde_json::json!({ "plugins": plugins }), format, out)
        }
    })
}

/// Prints one plugin.
///
/// # Errors
/// Returns an error if standard output cannot be written, unless its reader has ended.
pub(crate) fn print_plugin(
    plugin: &PluginDescription,
    output: OutputFormat,
) -> Result<(), ReportError> {
    with_stdout(|out| match output {
        OutputFormat::Text => write_text(plugin, out),
        format => write_document(&document(plugin), format, out),
    })
}

/// The digits of a digest in a table; documents have all.
const SHORT: usize = 12;

fn write_table(rows: &[PluginRow], out: &mut dyn Write) -> io::Result<()> {
    let head = ["NAME", "KIND", "VERSION", "SHA256", "SOURCE"].map(str::to_owned);
    let cells = rows.iter().map(|row| {
        let sha256 = row.sha256.get(..SHORT).unwrap_or(&row.sha256).to_owned();
        [shown(&row.name), row.kind.to_string(), shown(&row.version), sha256, shown(&row.source)]
    });
    let lines: Vec<[String; 5]> = std::iter::once(head).chain(cells).collect();
    let width = |column: usize| {
        let widths = lines.iter().map(|line| line[column].chars().count());
        widths.max().unwrap_or(0)
    };
    let widths: [usize; 4] = std::array::from_fn(width);
    for (position, line) in lines.iter().enumerate() {
        for (cell, width) in line.iter().zip(widths) {
            write!(out, "{cell:<width$}  ")?;
        }
        writeln!(out, "{}", line[4])?;
        let row = position.checked_sub(1).and_then(|position| rows.get(position));
        for grant in row.iter().flat_map(|row| &row.grants) {
            writeln!(out, "  may send {}", shown(grant))?;
        }
    }
    Ok(())
}

fn document_of_row(row: &PluginRow) -> serde_json::Value {
    serde_json::json!({
        "name": row.name,
        "kind": row.kind,
        "version": row.version,
        "source": row.source,
        "sha256": row.sha256,
        "grants": row.grants,
    })
}

fn write_text(plugin: &PluginDescription, out: &mut dyn Write) -> io::Result<()> {
    let PluginDescription { source, info } = plugin;
    let mut line = |key: &str, value: &str| writeln!(out, "{key:<12} {}", shown(value));
    match &info.metadata {
        Some(metadata) => {
            line("name", &metadata.name)?;
            line("kind", metadata.kind.as_str())?;
            line("version", &metadata.version)?;
            if !metadata.description.is_empty() {
                line("description", &metadata.description)?;
            }
            if let Some(least) = &metadata.least_host_version {
                line("needs", &format!("longshore {least}"))?;
            }
        }
        None => {
            line("metadata", "none")?;
            for kind in info.kinds() {
                line("kind", kind.as_str())?;
            }
        }
    }
    line("source", source)?;
    line("size", &HumanBytes(info.size as u64).to_string())?;
    line("sha256", &info.sha256)?;
    if let Some(metadata) = &info.metadata {
        for endpoint in &metadata.endpoints {
            line("endpoint", &told(endpoint))?;
        }
        for grant in &metadata.grants {
            line("wants", grant)?;
        }
        for key in keys(metadata.config_schema.as_ref()) {
            line("key", &key)?;
        }
    }
    for export in &info.exports {
        line("exports", export)?;
    }
    for import in grouped_imports(&info.imports) {
        line("imports", &import)?;
    }
    Ok(())
}

/// Returns the imports of a component, those of WASI in one text per version: nothing in WASI gives it access.
pub(crate) fn grouped_imports(imports: &[String]) -> Vec<String> {
    let mut texts = Vec::new();
    let mut wasi: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for import in imports {
        match import.strip_prefix("wasi:") {
            Some(name) => {
                let (name, version) = name.rsplit_once('@').unwrap_or((name, "?"));
                wasi.entry(version).or_default().push(name);
            }
            None => texts.push(import.clone()),
        }
    }
    texts.extend(wasi.into_iter().map(|(version, names)| {
        format!(
            "wasi@{version}, where all is empty: no files, environment variables, input and network ({})",
            names.join(", ")
        )
    }));
    texts
}

fn told(endpoint: &Endpoint) -> String {
    let https = endpoint.https_key.as_ref();
    let https = https.map_or_else(String::new, |key| format!(", plain HTTP with {key}=false"));
    format!("{} at {}, authentication {}{https}", endpoint.name, endpoint.origin, endpoint.auth)
}

/// Returns the keys of the configuration, with what the schema says about each.
fn keys(schema: Option<&serde_json::Value>) -> Vec<String> {
    let properties = schema.and_then(|schema| schema.get("properties")?.as_object());
    let key = |(key, property): (&String, &serde_json::Value)| {
        let description = property.get("description").and_then(serde_json::Value::as_str);
        let values = property.get("enum").and_then(serde_json::Value::as_array);
        let values: Vec<&str> =
            values.into_iter().flatten().filter_map(serde_json::Value::as_str).collect();
        let text = description.map_or_else(|| key.clone(), |text| format!("{key}: {text}"));
        match values.as_slice() {
            [] => text,
            values => format!("{text} (one of {})", values.join(", ")),
        }
    };
    properties.into_iter().flatten().map(key).collect()
}

fn document(plugin: &PluginDescription) -> serde_json::Value {
    let PluginDescription { source, info } = plugin;
    serde_json::json!({
        "source": source,
        "bytes": info.size,
        "sha256": info.sha256,
        "kinds": info.kinds(),
        "metadata": info.metadata,
        "exports": info.exports,
        "imports": info.imports,
    })
}

#[cfg(test)]
mod tests {
    use super::{grouped_imports, keys};

    #[test]
    fn the_imports_of_wasi_are_one_text_per_version() {
        let imports = [
            "wasi:cli/environment@0.2.6",
            "longshore:plugin/types@0.1.0",
            "wasi:io/poll@0.2.3",
            "wasi:cli/stdin@0.2.6",
            "other:host/files@1.0.0",
        ];
        let told = grouped_imports(&imports.map(str::to_owned));
        assert_eq!(told[..2], ["longshore:plugin/types@0.1.0", "other:host/files@1.0.0"]);
        assert!(told[2].starts_with("wasi@0.2.3, ") && told[2].ends_with("(io/poll)"), "{told:?}");
        assert!(told[3].ends_with("(cli/environment, cli/stdin)"), "{told:?}");
        assert_eq!(grouped_imports(&[]), Vec::<String>::new());
    }

    #[test]
    fn keys_name_their_values() {
        let schema = serde_json::json!({"properties": {
            "a": {"enum": ["keep", "skip"], "description": "What to do"},
            "b": {"description": "A text"},
            "c": {"enum": ["x"]},
            "d": {},
        }});
        let told = ["a: What to do (one of keep, skip)", "b: A text", "c (one of x)", "d"];
        assert_eq!(keys(Some(&schema)), told);
    }
}
