//! An image that a chart needs, and where it stands.

use std::fmt;

use longshore_oci::Reference;
use longshore_plugin_images::{Origin, Rule};
use serde::Serialize;

/// How sure it is that a text is an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confidence {
    /// It is a reference by two signs, but stands where any text may stand.
    Likely,
    /// The field, flag or variable says that it is an image.
    Sure,
}

/// Where an image stands in a chart.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Provenance {
    /// The values of the rendering, as the configuration names them; empty for the chart's own.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub values: String,
    /// Path of the template, from the chart's folder on; of `values.yaml` or `Chart.yaml` for images
    /// that are not rendered.
    pub template: String,
    /// `KIND/NAME` of the object; empty outside templates.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub object: String,
    /// Path of the field in the document. `//` stands before the path inside a text.
    pub path: String,
    /// Name of the rule that found it.
    #[serde(serialize_with = "name_of")]
    pub rule: Rule,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn name_of<S: serde::Serializer>(rule: &Rule, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(rule.name())
}

impl Provenance {
    pub(super) fn new(values: &str, template: &str, origin: Origin) -> Self {
        Self {
            values: values.to_owned(),
            template: template.to_owned(),
            object: origin.object,
            path: origin.path,
            rule: origin.rule,
        }
    }
}

/// Formats as `TEMPLATE OBJECT PATH (rule RULE, values VALUES)`, without the empty parts.
impl fmt::Display for Provenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.template)?;
        for part in [&self.object, &self.path] {
            if !part.is_empty() {
                write!(f, " {part}")?;
            }
        }
        write!(f, " (rule {}", self.rule)?;
        if !self.values.is_empty() {
            write!(f, ", values {}", self.values)?;
        }
        f.write_str(")")
    }
}

/// An image that a chart needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The complete reference.
    pub reference: Reference,
    /// The reference as the chart has it.
    pub written: String,
    /// How sure it is that this is an image. The surest place counts.
    pub confidence: Confidence,
    /// The places, in the order of the templates; the surest place is first. At most 256 are kept.
    pub provenance: Vec<Provenance>,
}

/// What a remark is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RemarkKind {
    /// A text that looks like an image and was not taken.
    NotTaken,
    /// A tag or version whose image only an operator knows.
    OperatorChooses,
    /// A part of a template that was not read.
    NotRead,
}

/// Something that the user should know about a chart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// What it is about.
    pub kind: RemarkKind,
    /// The text in the chart: a reference, or a version; empty if nothing was read.
    pub text: String,
    /// A lower-case fragment.
    pub message: String,
    /// The first place.
    pub provenance: Provenance,
}

/// Formats as `MESSAGE: PROVENANCE`.
impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.message, self.provenance)
    }
}
