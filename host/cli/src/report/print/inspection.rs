//! Prints the tags of a repository, and what an image consists of.

use std::io::{self, Write};

use indicatif::HumanBytes;
use longshore_engine::counted;
use longshore_engine::inspect::{Inspection, Presence};
use longshore_oci::{Digest, Reference};
use serde::Serialize;

use super::quoted::Escaping;
use super::stdout::with_stdout;
use crate::report::error::ReportError;
use crate::report::escape::escape;
use crate::report::options::OutputFormat;

/// Prints tags, one a line or as a list.
///
/// # Errors
/// Returns an error if standard output cannot be written, unless its reader has ended.
pub(crate) fn print_tags(tags: &[String], output: OutputFormat) -> Result<(), ReportError> {
    with_stdout(|out| match output {
        OutputFormat::Text => tags.iter().try_for_each(|tag| writeln!(out, "{}", escape(tag))),
        format => write_document(&serde_json::json!({ "tags": tags }), format, out),
    })
}

/// Prints an image, and what another store has of it.
///
/// # Errors
/// Returns an error if standard output cannot be written, unless its reader has ended.
pub(crate) fn print_inspection(
    reference: &Reference,
    found: &Inspection,
    copy: Option<&(Reference, Presence)>,
    output: OutputFormat,
) -> Result<(), ReportError> {
    with_stdout(|out| match output {
        OutputFormat::Text => write_text(reference, found, copy, out),
        format => write_document(&document(reference, found, copy), format, out),
    })
}

pub(super) fn write_document(
    document: &impl Serialize,
    output: OutputFormat,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut out = Escaping(out);
    if output == OutputFormat::Yaml {
        let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
        let written = serde_saphyr::to_io_writer_with_options(&mut out, document, options);
        return written.map_err(|error| io::Error::other(error.to_string()));
    }
    serde_json::to_writer_pretty(&mut out, document)?;
    out.write_all(b"\n")
}

fn write_text(
    reference: &Reference,
    found: &Inspection,
    copy: Option<&(Reference, Presence)>,
    out: &mut dyn Write,
) -> io::Result<()> {
    writeln!(out, "{reference}")?;
    writeln!(out, "digest      {}", found.digest)?;
    writeln!(out, "media type  {}", escape(found.media_type.as_str()))?;
    writeln!(out, "size        {}", HumanBytes(found.size))?;
    for manifest in &found.manifests {
        let what = match (&manifest.platform, &manifest.attests) {
            (_, Some(of)) => format!("attestation of {}", short(of)),
            (Some(platform), None) => platform.to_string(),
            (None, None) => "no platform".to_owned(),
        };
        let layers = if manifest.layers == 1 { "layer" } else { "layers" };
        let (size, count) = (HumanBytes(manifest.size), manifest.layers);
        writeln!(
            out,
            "manifest    {}  {}, {count} {layers}, {size}",
            manifest.digest,
            escape(&what)
        )?;
    }
    for referrer in &found.referrers {
        let what = referrer.artifact_type.as_deref().unwrap_or(referrer.media_type.as_str());
        let size = HumanBytes(referrer.size);
        write!(out, "referrer    {}  {}, {size}", referrer.digest, escape(what))?;
        if referrer.subject != found.digest {
            write!(out, ", of {}", of_manifest(found, &referrer.subject))?;
        }
        if let Some(tag) = &referrer.tag {
            let kind = tag.as_str().rsplit('.').next().unwrap_or_default();
            write!(out, ", by cosign's tag .{kind}")?;
        }
        writeln!(out)?;
    }
    if let Some((copy, presence)) = copy {
        let all = counted(found.manifests.len(), "manifest", "manifests");
        let text = match presence {
            Presence::Same => "the same digest".to_owned(),
            Presence::Other { digest, manifests } => {
                format!("another digest, {digest}; {manifests} of {all} there")
            }
            Presence::Absent { manifests: 0 } => "missing".to_owned(),
            Presence::Absent { manifests } => {
                format!("no such tag; {manifests} of {all} there")
            }
        };
        writeln!(out, "at          {copy}: {text}")?;
    }
    Ok(())
}

/// Names a manifest of the image by its platform, or else by its digest.
fn of_manifest(found: &Inspection, digest: &Digest) -> String {
    let manifest = found.manifests.iter().find(|manifest| manifest.digest == *digest);
    match manifest.and_then(|manifest| manifest.platform.as_ref()) {
        Some(platform) => escape(&platform.to_string()).into_owned(),
        None => short(&digest.to_string()).to_owned(),
    }
}

/// Returns a digest as short as Docker shows it.
fn short(digest: &str) -> &str {
    digest.get(..19).unwrap_or(digest)
}

fn document(
    reference: &Reference,
    found: &Inspection,
    copy: Option<&(Reference, Presence)>,
) -> serde_json::Value {
    let manifest = |manifest: &longshore_engine::inspect::InspectedManifest| {
        serde_json::json!({
            "digest": manifest.digest,
            "mediaType": manifest.media_type,
            "platform": manifest.platform.as_ref().map(ToString::to_string),
            "attestationOf": manifest.attests,
            "layers": manifest.layers,
            "bytes": manifest.size,
        })
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
    let copy = copy.map(|(copy, presence)| {
        let (status, digest, manifests) = match presence {
            Presence::Same => ("same", Some(&found.digest), found.manifests.len()),
            Presence::Other { digest, manifests } => ("other", Some(digest), *manifests),
            Presence::Absent { manifests } => ("missing", None, *manifests),
        };
        serde_json::json!({
            "reference": copy.to_string(),
            "status": status,
            "digest": digest,
            "manifests": manifests,
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
