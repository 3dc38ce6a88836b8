//! One line: a reference, and what people write around it.

use longshore_plugin_sdk::diagnostic::Diagnostic;
use longshore_plugin_sdk::line::{Field, Line};
use longshore_plugin_sdk::list::{Entry, Selection};
use longshore_plugin_sdk::reference::{Parts, image_id, is_image_id};
use longshore_plugin_sdk::shape::{fields_before_remark, image_key, pull_command};

/// The option that names platforms.
const PLATFORM: &str = "--platform";
/// Options of `docker pull` that select nothing.
const IGNORED: [&str; 5] =
    ["-q", "--quiet", "--disable-content-trust", "--tls-verify", "--insecure-registry"];
/// Options of `docker pull` that select every tag.
const ALL_TAGS: [&str; 2] = ["-a", "--all-tags"];

/// The parts of a line.
#[derive(Default)]
struct Words<'a> {
    references: Vec<Field<'a>>,
    platforms: Vec<String>,
    is_all_tags: bool,
}

/// Parses a line.
pub(crate) fn read(line: &Line<'_>) -> Result<(Entry, Option<Diagnostic>), Diagnostic> {
    let fields = fields_before_remark(line);
    let words = Words::of(line, &fields)?;
    let Some(&reference) = words.references.first() else {
        return Err(line.error(0, "expected one reference a line, found none".into()));
    };
    if let Some(second) = words.references.get(1) {
        let message = format!("expected one reference a line, found {} fields", fields.len());
        return Err(line.error(second.start, message));
    }
    let (selection, name, warning) = version(line, unquoted(reference), words.is_all_tags)?;
    let entry = Entry { platforms: words.platforms, ..Entry::new(name, selection, line.number) };
    Ok((entry, warning))
}

impl<'a> Words<'a> {
    fn of(line: &Line<'_>, fields: &[Field<'a>]) -> Result<Self, Diagnostic> {
        let bullet = fields.first().is_some_and(|field| matches!(field.text, "-" | "*"));
        let before = image_key(fields).max(usize::from(bullet));
        let fields = &fields[before..];
        let command = pull_command(fields);
        let mut words = Self::default();
        let mut fields = fields[command..].iter();
        while let Some(field) = fields.next() {
            let (option, value) = match field.text.split_once('=') {
                Some((option, value)) => (option, Some(value)),
                None => (field.text, None),
            };
            if option == PLATFORM {
                let Some(value) = value.or_else(|| fields.next().map(|next| next.text)) else {
                    let message = format!("there is no platform after `{PLATFORM}`");
                    return Err(line.error(field.start, message));
                };
                words.platforms.extend(platforms(value).map_err(|m| line.error(field.start, m))?);
            } else if command > 0 && ALL_TAGS.contains(&option) {
                words.is_all_tags = value != Some("false");
            } else if option.starts_with('-') && !(command > 0 && IGNORED.contains(&option)) {
                return Err(line.error(field.start, format!("`{option}` is not an option here")));
            } else if !option.starts_with('-') {
                words.references.push(*field);
            }
        }
        Ok(words)
    }
}

/// Returns the platforms of a list such as `linux/amd64,linux/arm64`. As for docker, an architecture
/// alone is one of Linux. An empty list is none.
fn platforms(list: &str) -> Result<Vec<String>, String> {
    let named = list.trim_matches(['"', '\'']).split(',').map(str::trim);
    named.filter(|name| !name.is_empty()).map(platform).collect()
}

fn platform(name: &str) -> Result<String, String> {
    if name.contains('/') || name == "all" {
        return Ok(name.to_owned());
    }
    let architecture = match name {
        "linux" | "windows" | "darwin" | "freebsd" => {
            return Err(format!("the platform `{name}` has no architecture"));
        }
        "x86_64" | "x86-64" => "amd64",
        "aarch64" => "arm64",
        "armhf" => "arm/v7",
        "armel" => "arm/v6",
        "i386" => "386",
        other => other,
    };
    Ok(format!("linux/{architecture}"))
}

/// Removes quotes around a reference.
fn unquoted(field: Field<'_>) -> Field<'_> {
    for quote in ['"', '\''] {
        let inner = field.text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote));
        if let Some(text) = inner {
            return Field { text, start: field.start + 1 };
        }
    }
    field
}

/// Splits a reference into its selection and its name.
fn version<'a>(
    line: &Line<'_>,
    reference: Field<'a>,
    is_all_tags: bool,
) -> Result<(Selection, &'a str, Option<Diagnostic>), Diagnostic> {
    if is_image_id(reference.text) {
        return Err(line.error(reference.start, image_id(reference.text)));
    }
    let parts = Parts::of(reference.text);
    let name_end = reference.start + parts.name.len();
    if parts.name.is_empty() {
        return Err(line.error(reference.start, "there is no name before the tag".into()));
    }
    if parts.tag == Some("") {
        return Err(line.error(name_end, "there is no tag after the colon".into()));
    }
    if parts.digest == Some("") {
        let at = reference.start + reference.text.len() - 1;
        return Err(line.error(at, "there is no digest after the `@`".into()));
    }
    if is_all_tags {
        if parts.tag.is_some() || parts.digest.is_some() {
            let message = "a reference with a tag or digest does not name all tags";
            return Err(line.error(name_end, message.into()));
        }
        return Ok((Selection::All, parts.name, None));
    }
    let warning = (parts.digest.is_some() && parts.tag.is_none()).then(|| {
        line.warning(name_end, "the destination gets no tag, as only a digest is given".into())
    });
    Ok((parts.selection(), parts.name, warning))
}
