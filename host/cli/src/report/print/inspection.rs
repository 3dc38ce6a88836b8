//! Prints the tags of a repository, and what an image consists of.

use std::io::{self, Write};

use indicatif::HumanBytes;
use longshore_engine::JobError;
use longshore_engine::counted;
use longshore_engine::inspect::{Configurations, Inspection, Located, Presence};
use longshore_oci::{Digest, Reference};
use serde::Serialize;

use super::column::{DigestColumn, columns_of_stdout, short};
use super::configuration::write_configuration;
use super::document::{write_document_as_json, write_document_as_yaml};
use super::stdout::with_stdout;
use crate::report::error::ReportError;
use crate::report::escape::escape;
use crate::report::options::OutputFormat;

/// Prints tags, one a line or as a list.
///
/// # Errors
/// Returns an error if standard output cannot be written, unless its reader has ended.
pub(crate) fn print_tags(tags: &[&str], output: OutputFormat) -> Result<(), ReportError> {
    with_stdout(|out| match output {
        OutputFormat::Text => tags.iter().try_for_each(|tag| writeln!(out, "{}", escape(tag))),
        format => write_document(&serde_json::json!({ "tags": tags }), format, out),
    })
}

/// A reference at the destination, and what is there, or why that could not be read.
type Copy<'a> = (&'a Reference, Result<&'a Located, &'a JobError>);

/// Prints an image, its configurations if they were read, and what another store has of it.
///
/// # Errors
/// Returns an error if standard output cannot be written, unless its reader has ended.
pub(crate) fn print_inspection(
    reference: &Reference,
    found: &Inspection,
    configurations: Option<&Configurations>,
    copy: Option<Copy<'_>>,
    output: OutputFormat,
) -> Result<(), ReportError> {
    with_stdout(|out| match output {
        OutputFormat::Text => {
            write_text(reference, found, configurations, copy, columns_of_stdout(), out)
        }
        format => write_document(&document(reference, found, configurations, copy), format, out),
    })
}

pub(super) fn write_document(
    document: &impl Serialize,
    output: OutputFormat,
    out: &mut dyn Write,
) -> io::Result<()> {
    match output {
        OutputFormat::Yaml => write_document_as_yaml(document, out),
        _ => write_document_as_json(document, out),
    }
}

fn write_text(
    reference: &Reference,
    found: &Inspection,
    configurations: Option<&Configurations>,
    copy: Option<Copy<'_>>,
    columns: Option<usize>,
    out: &mut dyn Write,
) -> io::Result<()> {
    writeln!(out, "{reference}")?;
    writeln!(out, "digest      {}", found.digest)?;
    writeln!(out, "media type  {}", escape(found.media_type.as_str()))?;
    writeln!(out, "size        {}", HumanBytes(found.size))?;
    let mut lines = DigestColumn::default();
    for manifest in &found.manifests {
        let what = match (&manifest.platform, &manifest.attests) {
            (_, Some(of)) => format!("attestation of {}", short(of)),
            (Some(platform), None) => platform.to_string(),
            (None, None) => "no platform".to_owned(),
        };
        let layers = counted(manifest.layers, "layer", "layers");
        let text = format!("{}, {layers}, {}", escape(&what), HumanBytes(manifest.size));
        lines.add("manifest", &manifest.digest, text);
    }
    for referrer in &found.referrers {
        let what = referrer.artifact_type.as_deref().unwrap_or(referrer.media_type.as_str());
        let mut text = format!("{}, {}", escape(what), HumanBytes(referrer.size));
        if referrer.subject != found.digest {
            text.push_str(&format!(", of {}", of_manifest(found, &referrer.subject)));
        }
        if let Some(tag) = &referrer.tag {
            let kind = tag.as_str().rsplit('.').next().unwrap_or_default();
            text.push_str(&format!(", by cosign's tag .{kind}"));
        }
        lines.add("referrer", &referrer.digest, text);
    }
    lines.write(columns, out)?;
    for manifest in &found.manifests {
        let Some(document) = configurations.and_then(|all| all.of(&manifest.digest)) else {
            continue;
        };
        let name = of_manifest(found, &manifest.digest);
        write_configuration(&name, document, out)?;
    }
    if let Some((copy, located)) = copy {
        let text = match located {
            Ok(located @ Located { cache: Some(why), .. }) => {
                format!("{}; {}", told(found, located), escape(why))
            }
            Ok(located) => told(found, located),
            Err(_) => "it could not be read".to_owned(),
        };
        writeln!(out, "at          {copy}: {text}")?;
    }
    Ok(())
}

/// Says what a store has of an image.
fn told(found: &Inspection, located: &Located) -> String {
    let all = counted(found.manifests.len(), "manifest", "manifests");
    let text = match &located.presence {
        Presence::Same => "the same digest".to_owned(),
        Presence::Other { digest, tagged, manifests } => {
            let has = match tagged.len() {
                0 => "the tag has no manifest of this image".to_owned(),
                count => format!("the tag has {count} of {all}{}", named(found, tagged)),
            };
            let elsewhere = match manifests.saturating_sub(tagged.len()) {
                0 => String::new(),
                count => format!("; {count} more in the repository, not under this tag"),
            };
            format!("another digest, {digest}; {has}{elsewhere}")
        }
        Presence::Absent { manifests: 0 } => return "missing".to_owned(),
        Presence::Absent { manifests } => {
            format!("no such tag; {manifests} of {all} in the repository")
        }
    };
    let referrers = found.referrers.len();
    match referrers.saturating_sub(located.referrers) {
        0 => text,
        missing if missing == referrers => {
            format!("{text}; without its {}", counted(referrers, "referrer", "referrers"))
        }
        missing => {
            format!(
                "{text}; without {missing} of its {}",
                counted(referrers, "referrer", "referrers")
            )
        }
    }
}

/// Returns the platforms of these manifests in parentheses, if they have some.
fn named(found: &Inspection, digests: &[Digest]) -> String {
    let those = found.manifests.iter().filter(|manifest| digests.contains(&manifest.digest));
    let platforms: Vec<String> = those
        .filter_map(|manifest| Some(escape(&manifest.platform.as_ref()?.to_string()).into_owned()))
        .collect();
    if platforms.is_empty() { String::new() } else { format!(" ({})", platforms.join(", ")) }
}

/// Names a manifest of the image by its platform, or else by its digest.
fn of_manifest(found: &Inspection, digest: &Digest) -> String {
    let manifest = found.manifests.iter().find(|manifest| manifest.digest == *digest);
    match manifest.and_then(|manifest| manifest.platform.as_ref()) {
        Some(platform) => escape(&platform.to_string()).into_owned(),
        None => short(&digest.to_string()).to_owned(),
    }
}

fn document(
    reference: &Reference,
    found: &Inspection,
    configurations: Option<&Configurations>,
    copy: Option<Copy<'_>>,
) -> serde_json::Value {
    let manifest = |manifest: &longshore_engine::inspect::InspectedManifest| {
        let mut document = serde_json::json!({
            "digest": manifest.digest,
            "mediaType": manifest.media_type,
            "platform": manifest.platform.as_ref().map(ToString::to_string),
            "attestationOf": manifest.attests,
            "layers": manifest.layers,
            "bytes": manifest.size,
        });
        if let Some(configurations) = configurations {
            document["configuration"] = configurations.of(&manifest.digest).cloned().into();
        }
        document
    };
    let referrer = |referrer: &longshore_engine::inspect::InspectedReferrer| {
        serde_json::json!({
            "digest": referrer.digest,
            "mediaType": referrer.media_type,
            "artifactType": referrer.artifact_type,
            "subject": referrer.subject,
            "tag": referrer.tag.as_ref().map(|tag| tag.as_str()),
            "bytes": referrer.size,
        })
    };
    let copy = copy.map(|(copy, located)| {
        let all = || found.manifests.iter().map(|manifest| manifest.digest.clone()).collect();
        let located = match located {
            Ok(located) => located,
            Err(error) => {
                return serde_json::json!({
                    "reference": copy.to_string(),
                    "status": "failed",
                    "error": error.without_side(),
                });
            }
        };
        let (status, digest, tagged, manifests): (_, _, Vec<Digest>, _) = match &located.presence {
            Presence::Same => ("same", Some(&found.digest), all(), found.manifests.len()),
            Presence::Other { digest, tagged, manifests } => {
                ("other", Some(digest), tagged.clone(), *manifests)
            }
            Presence::Absent { manifests } => ("missing", None, Vec::new(), *manifests),
        };
        serde_json::json!({
            "reference": copy.to_string(),
            "status": status,
            "digest": digest,
            "manifests": manifests,
            "tagged": tagged,
            "referrers": located.referrers,
            "pullThroughCache": located.cache,
        })
    });
    serde_json::json!({
        "reference": reference.to_string(),
        "digest": found.digest,
        "mediaType": found.media_type,
        "isIndex": found.is_index,
        "bytes": found.size,
        "manifests": found.manifests.iter().map(manifest).collect::<Vec<_>>(),
        "referrers": found.referrers.iter().map(referrer).collect::<Vec<_>>(),
        "destination": copy,
    })
}
