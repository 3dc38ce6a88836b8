//! Verifies a copy without longshore.

use anyhow::{Result, bail};
use longshore_content::Endpoint;
use serde_json::Value;

use crate::corpus::{Corpus, Entry, Layout};
use crate::peer::Peer;
use crate::registry::Registry;
use crate::workbench::Workbench;

/// Maximum number of findings to show.
const SHOWN: usize = 5;

/// Reads every manifest of the destination over plain HTTP through a separate registry on the same
/// storage. Looks up each blob in that storage. The registry has verified the digests when it
/// stored the blobs.
pub(crate) fn check(bench: &Workbench<'_>, corpus: &Corpus, peer: Peer) -> Result<()> {
    let storage = bench.storage();
    let folder = bench.folder.join("work/check");
    let registry = Registry::start(&bench.server, &storage, &folder, None)?;
    let endpoint = Endpoint::new(registry.address());
    let layout = Layout::new(&storage);
    let mut wrong = Vec::new();
    for entry in &corpus.entries {
        let name = format!("{}:{}", entry.repository, entry.tag);
        match endpoint.manifest(&entry.repository, &entry.tag)? {
            None => wrong.push(format!("{name} is missing")),
            Some(found) if found.digest == entry.digest => {}
            Some(found) if !peer.keeps_indexes() && children(&found.bytes) == entry.children => {}
            Some(found) => wrong.push(format!("{name} is {}, not {}", found.digest, entry.digest)),
        }
        for child in &entry.children {
            let found = endpoint.manifest(&entry.repository, child)?;
            if found.is_none_or(|found| found.digest != *child) {
                wrong.push(format!("{name}: manifest {child} is missing or wrong"));
            }
        }
        wrong.extend(missing(&layout, corpus, entry));
    }
    if !wrong.is_empty() {
        let count = wrong.len();
        wrong.truncate(SHOWN);
        bail!("the copy differs from the original, {count} findings: {}", wrong.join("; "));
    }
    Ok(())
}

fn missing(layout: &Layout, corpus: &Corpus, entry: &Entry) -> Vec<String> {
    let blobs = entry.blobs.iter().filter(|blob| {
        let size = corpus.blobs.get(*blob).copied().unwrap_or(0);
        !layout.has_blob(&entry.repository, blob, size)
    });
    blobs.map(|blob| format!("{}: blob {blob} is missing", entry.repository)).collect()
}

/// Returns the digests of the children of an index.
fn children(index: &[u8]) -> Vec<String> {
    let document: Value = serde_json::from_slice(index).unwrap_or_default();
    let children = document["manifests"].as_array().into_iter().flatten();
    children.filter_map(|child| child["digest"].as_str().map(str::to_owned)).collect()
}
