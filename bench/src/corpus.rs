//! The images to copy: generated once, deterministically, in the storage layout of a registry.

mod layout;
mod plan;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use longshore_content::digest;
use serde::{Deserialize, Serialize};

pub(crate) use layout::Layout;
pub(crate) use plan::Plan;

/// A tag and everything below it.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// The repository at both ends.
    pub(crate) repository: String,
    /// The tag at both ends.
    pub(crate) tag: String,
    /// Digest of the manifest or index under the tag.
    pub(crate) digest: String,
    /// Digests of the children of an index.
    pub(crate) children: Vec<String>,
    /// Digests of all configs and layers.
    pub(crate) blobs: Vec<String>,
}

/// The content of a source registry.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Corpus {
    /// The name in the report.
    pub(crate) name: String,
    /// The entries, in the order of the list.
    pub(crate) entries: Vec<Entry>,
    /// Digest and size of each distinct blob.
    pub(crate) blobs: BTreeMap<String, u64>,
    /// The storage folder of the registry.
    #[serde(skip)]
    pub(crate) storage: PathBuf,
}

impl Corpus {
    /// Loads the corpus that an earlier run generated from the same plan, or generates it.
    pub(crate) fn cached(plan: &Plan, folder: &Path) -> Result<Self> {
        // A changed plan, or one that gives other content, uses another folder.
        let first = plan.images.first().map(|image| image.content().digest().to_owned());
        let fingerprint = digest(format!("{plan:?} {first:?}").as_bytes());
        let folder = folder.join(format!("{}-{}", plan.name, &fingerprint[7..19]));
        let (index, storage) = (folder.join("corpus.json"), folder.join("storage"));
        if index.exists() {
            let text = fs::read(&index).context("failed to read a corpus's index")?;
            let mut corpus: Self = serde_json::from_slice(&text)
                .with_context(|| format!("{} is not what was written", index.display()))?;
            corpus.storage = storage;
            return Ok(corpus);
        }
        println!("generating the corpus {}", plan.name);
        if folder.exists() {
            fs::remove_dir_all(&folder).context("failed to remove an incomplete corpus")?;
        }
        let corpus = Self::make(plan, storage)?;
        // Written last, because it marks the corpus as complete.
        fs::write(&index, serde_json::to_vec(&corpus)?).context("failed to write the index")?;
        Ok(corpus)
    }

    /// Generates the corpus image by image.
    fn make(plan: &Plan, storage: PathBuf) -> Result<Self> {
        let layout = Layout::new(&storage);
        let mut blobs = BTreeMap::new();
        let mut entries = Vec::new();
        for image in &plan.images {
            let content = image.content();
            layout.write(&image.repository, &image.tag, &content)?;
            let leaves = if content.children().is_empty() {
                vec![&content]
            } else {
                content.children().iter().collect()
            };
            let mut entry = Entry {
                repository: image.repository.clone(),
                tag: image.tag.clone(),
                digest: content.digest().to_owned(),
                children: content
                    .children()
                    .iter()
                    .map(|child| child.digest().to_owned())
                    .collect(),
                blobs: Vec::new(),
            };
            for blob in leaves.into_iter().flat_map(|leaf| leaf.blobs()) {
                blobs.insert(blob.digest().to_owned(), blob.bytes().len() as u64);
                entry.blobs.push(blob.digest().to_owned());
            }
            entries.push(entry);
        }
        Ok(Self { name: plan.name.clone(), entries, blobs, storage })
    }

    /// Returns the total size of all distinct blobs, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.blobs.values().sum()
    }

    /// Returns the list for longshore and Hangar.
    pub(crate) fn list(&self) -> String {
        let mut text = String::new();
        for Entry { repository, tag, .. } in &self.entries {
            // Writing into a string cannot fail.
            let _ = writeln!(text, "{repository} {repository} {tag}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{Corpus, Plan};

    #[test]
    fn the_same_plan_makes_the_same_corpus() {
        let folder = tempfile::tempdir().expect("a scratch directory can be made");
        let plan = Plan::tiny(10);
        let make = |name: &str| {
            Corpus::cached(&plan, &folder.path().join(name)).expect("a small corpus can be made")
        };
        let (one, other) = (make("one"), make("other"));
        assert_eq!((&one.entries, &one.blobs), (&other.entries, &other.blobs));
        // Ten configs, ten own layers, two shared layers.
        assert_eq!((one.entries.len(), one.blobs.len()), (10, 22));

        let again = make("one");
        assert_eq!(one, again);
        let tag = again
            .storage
            .join("docker/registry/v2/repositories/tiny/app-000/_manifests/tags/1.0/current/link");
        let link = fs::read_to_string(tag).expect("the tag is there");
        assert_eq!(link, one.entries[0].digest);
    }

    #[test]
    fn the_digest_of_the_first_image_is_stable() {
        let content = Plan::tiny(1).images[0].content();
        assert_eq!(
            content.digest(),
            "sha256:a119ef2764254211cda12f18ec747c58bb535f7395917a120bf8a5938909c699"
        );
    }
}
