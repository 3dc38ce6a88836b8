//! What a repository holds: its `index.json` in memory, and every manifest that it leads to.
//!
//! `index.json` names tags and the manifests that nothing else leads to. The children of an index
//! are left out, so that it stays small and tools that expect one image in a layout find one.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde_json::Value;
use serde_json::value::RawValue;

use longshore_oci::{Content, Descriptor, Digest, Manifest, ManifestReference, MediaType, Tag};

use super::index_text::IndexText;

/// The longest media type that is taken, in bytes; RFC 6838 allows 255.
pub(crate) const MEDIA_TYPE_LIMIT: usize = 255;

/// A manifest of the repository: what is kept of it in memory. Annotations can have megabytes, and stay
/// in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) digest: Digest,
    pub(crate) media_type: MediaType,
    /// In bytes.
    pub(crate) size: u64,
    children: Vec<Digest>,
    subject: Option<Digest>,
}

impl Known {
    /// What is kept of a parsed manifest.
    pub(super) fn of(manifest: &Manifest) -> Self {
        let (children, subject) = match &manifest.content {
            Content::Index(index) => {
                let children = index.manifests.iter().map(|child| child.digest.clone());
                (children.collect(), &index.subject)
            }
            Content::Single(single) => (Vec::new(), &single.subject),
        };
        Self {
            digest: manifest.raw.digest.clone(),
            media_type: manifest.raw.media_type.clone(),
            size: manifest.raw.bytes.len() as u64,
            children,
            subject: subject.as_ref().map(|subject| subject.digest.clone()),
        }
    }

    /// A manifest of which only its descriptor can be read.
    pub(super) const fn bare(digest: Digest, media_type: MediaType, size: u64) -> Self {
        Self { digest, media_type, size, children: Vec::new(), subject: None }
    }

    /// Its line in `index.json`.
    fn line(&self, tag: Option<&Tag>) -> String {
        let mut line = serde_json::json!({
            "mediaType": self.media_type,
            "digest": self.digest,
            "size": self.size,
        });
        if let Some(tag) = tag {
            line["annotations"] = serde_json::json!({ Descriptor::REF_NAME: tag.as_str() });
        }
        line.to_string()
    }
}

/// A line of `index.json`, kept as it was written.
#[derive(Clone, Debug)]
struct Entry {
    digest: Digest,
    line: String,
}

/// A repository in memory.
#[derive(Debug)]
pub(crate) struct Contents {
    tags: BTreeMap<Tag, Entry>,
    /// Manifests without a tag that no index leads to.
    untagged: BTreeMap<Digest, Entry>,
    /// Lines of other tools that are neither: with names that are not tags, or with unknown digests.
    others: Vec<(Option<Digest>, String)>,
    manifests: HashMap<Digest, Known>,
    /// Manifests that a line or an index names and that are missing or damaged.
    broken: HashSet<Digest>,
    referrers: HashMap<Digest, BTreeSet<Digest>>,
    /// The members of `index.json` beside `manifests`.
    rest: BTreeMap<String, Box<RawValue>>,
}

/// Something to be done to a repository.
#[derive(Debug)]
pub(super) enum Change {
    /// A manifest, under a tag or without one, and the content that must be there before it.
    Put(Option<Tag>, Known, Vec<Digest>),
    /// Removes a tag. Its manifest stays.
    Untag(Tag),
    /// Removes a manifest and all its tags.
    Delete(Digest),
}

/// The result of a change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Effect {
    /// Whether the tag or manifest existed.
    pub(super) found: bool,
    /// Whether `index.json` has to be written.
    pub(super) changed: bool,
    /// Nothing was done: this content was removed after it was looked for.
    pub(super) missing: Option<Digest>,
    /// Nothing was done: an index names the manifest.
    pub(super) in_use: bool,
}

impl Default for Contents {
    fn default() -> Self {
        let text = |value: Value| serde_json::value::to_raw_value(&value).unwrap_or_default();
        let rest = BTreeMap::from([
            ("schemaVersion".to_owned(), text(Value::from(2))),
            ("mediaType".to_owned(), text(Value::from(MediaType::OCI_INDEX.as_str()))),
        ]);
        Self {
            tags: BTreeMap::new(),
            untagged: BTreeMap::new(),
            others: Vec::new(),
            manifests: HashMap::new(),
            broken: HashSet::new(),
            referrers: HashMap::new(),
            rest,
        }
    }
}

impl Contents {
    /// Reads an `index.json`, and says which manifests it leads to. They are not known yet.
    pub(super) fn parse(text: &[u8]) -> Result<(Self, Vec<Descriptor>), serde_json::Error> {
        let document: IndexText<'_> = serde_json::from_slice(text)?;
        let mut contents = Self { rest: document.rest, ..Self::default() };
        let mut roots = Vec::new();
        for line in document.manifests {
            let line = line.get().to_owned();
            let Ok(root) = serde_json::from_str::<Descriptor>(&line) else {
                contents.others.push((None, line));
                continue;
            };
            let digest = root.digest.clone();
            let name = root.annotations.get(Descriptor::REF_NAME).map(|name| name.parse::<Tag>());
            roots.push(root);
            match name {
                // Of two lines with one name the later is the tag, as after an append.
                Some(Ok(tag)) => {
                    let entry = Entry { digest, line };
                    if let Some(earlier) = contents.tags.insert(tag, entry) {
                        contents.others.push((Some(earlier.digest), earlier.line));
                    }
                }
                Some(Err(_)) => contents.others.push((Some(digest), line)),
                None => {
                    contents.untagged.insert(digest.clone(), Entry { digest, line });
                }
            }
        }
        Ok((contents, roots))
    }

    /// The text of `index.json`.
    pub(super) fn render(&self) -> String {
        let others = self.others.iter().map(|(_, line)| line);
        let untagged = self.untagged.values().map(|entry| &entry.line);
        let tagged = self.tags.values().map(|entry| &entry.line);
        let mut text = String::from("{");
        for (key, value) in &self.rest {
            text.push_str(&Value::from(key.as_str()).to_string());
            text.push(':');
            text.push_str(value.get());
            text.push(',');
        }
        text.push_str("\"manifests\":[");
        for (position, line) in others.chain(untagged).chain(tagged).enumerate() {
            text.push_str(if position == 0 { "\n" } else { ",\n" });
            text.push_str(line);
        }
        text.push_str("\n]}\n");
        text
    }

    /// Adds an existing manifest. Returns false if it was known.
    pub(super) fn learn(&mut self, known: Known) -> bool {
        if let Some(subject) = &known.subject {
            let referrers = self.referrers.entry(subject.clone()).or_default();
            referrers.insert(known.digest.clone());
        }
        self.broken.remove(&known.digest);
        self.manifests.insert(known.digest.clone(), known).is_none()
    }

    /// Records that a manifest is missing or damaged.
    pub(super) fn learn_broken(&mut self, digest: Digest) {
        self.broken.insert(digest);
    }

    /// The manifest that `reference` names, if it is missing or damaged.
    pub(super) fn broken(&self, reference: &ManifestReference) -> Option<&Digest> {
        let digest = match reference {
            ManifestReference::Tag(tag) => self.tagged_digest(tag)?,
            ManifestReference::Digest(digest) => digest,
        };
        self.broken.get(digest)
    }

    /// All manifests.
    pub(super) fn all(&self) -> impl Iterator<Item = &Known> {
        self.manifests.values()
    }

    /// A manifest and its children; `None` if one of them is not known.
    pub(super) fn known_with_children(&self, digest: &Digest) -> Option<(&Known, Vec<&Known>)> {
        let known = self.known(digest)?;
        let children = known.children.iter().map(|child| self.known(child));
        Some((known, children.collect::<Option<_>>()?))
    }

    /// Applies a change, in memory.
    pub(super) fn apply(&mut self, change: Change) -> Effect {
        match change {
            Change::Put(tag, known, _) => self.put(tag, known),
            Change::Untag(tag) => match self.tags.remove(&tag) {
                Some(entry) => {
                    self.keep(&entry.digest);
                    Effect { found: true, changed: true, ..Effect::default() }
                }
                None => Effect::default(),
            },
            Change::Delete(digest) => self.delete(&digest),
        }
    }

    fn put(&mut self, tag: Option<Tag>, known: Known) -> Effect {
        let digest = known.digest.clone();
        let before = self.manifests.get(&digest);
        let found = before.is_some();
        let same = before.is_some_and(|before| before.media_type == known.media_type);
        let entry = Entry { digest: digest.clone(), line: known.line(tag.as_ref()) };
        let mut changed = false;
        for child in known.children.iter().filter(|child| **child != digest) {
            changed |= self.untagged.remove(child).is_some();
        }
        self.learn(known);
        match tag {
            Some(tag) if same && self.tags.get(&tag).is_some_and(|old| old.digest == digest) => {}
            Some(tag) => {
                changed = true;
                self.untagged.remove(&digest);
                if let Some(old) = self.tags.insert(tag, entry) {
                    self.keep(&old.digest);
                }
            }
            None if same => {}
            None => {
                changed = true;
                self.untagged.insert(digest, entry);
            }
        }
        Effect { found, changed, ..Effect::default() }
    }

    fn delete(&mut self, digest: &Digest) -> Effect {
        let is_above = |known: &Known| known.digest != *digest && known.children.contains(digest);
        if self.manifests.contains_key(digest) && self.manifests.values().any(is_above) {
            return Effect { found: true, in_use: true, ..Effect::default() };
        }
        let known = self.manifests.remove(digest);
        let tags = self.tags.len();
        self.tags.retain(|_, entry| entry.digest != *digest);
        // A damaged manifest is not known, but its lines are removed too.
        let was_untagged = self.untagged.remove(digest).is_some();
        let found = known.is_some() || was_untagged || tags != self.tags.len();
        self.broken.remove(digest);
        self.others.retain(|(other, _)| other.as_ref() != Some(digest));
        if let Some(known) = known {
            if let Some(subject) = &known.subject
                && let Some(referrers) = self.referrers.get_mut(subject)
            {
                referrers.remove(digest);
            }
            for child in &known.children {
                self.keep(child);
            }
        }
        Effect { found, changed: found, ..Effect::default() }
    }

    /// Gives a manifest a line of its own if it has none, so that it is not lost.
    fn keep(&mut self, digest: &Digest) {
        let has_line = self.untagged.contains_key(digest)
            || self.tags.values().any(|entry| entry.digest == *digest);
        if let Some(known) = self.manifests.get(digest).filter(|_| !has_line) {
            let entry = Entry { digest: digest.clone(), line: known.line(None) };
            self.untagged.insert(digest.clone(), entry);
        }
    }

    /// The manifest of a tag.
    pub(crate) fn tagged(&self, tag: &Tag) -> Option<&Known> {
        self.known(&self.tags.get(tag)?.digest)
    }

    /// The digest that a tag names, even if its manifest is missing or damaged.
    pub(crate) fn tagged_digest(&self, tag: &Tag) -> Option<&Digest> {
        Some(&self.tags.get(tag)?.digest)
    }

    /// The manifest of a digest.
    pub(crate) fn known(&self, digest: &Digest) -> Option<&Known> {
        self.manifests.get(digest)
    }

    /// Tags in order, after `last`.
    pub(crate) fn tags_after(&self, last: Option<&str>) -> impl Iterator<Item = &Tag> {
        let last = last.map(str::to_owned);
        self.tags
            .keys()
            .skip_while(move |tag| last.as_ref().is_some_and(|last| tag.as_str() <= last.as_str()))
    }

    /// The manifests that `index.json` names without a tag, or with a name that is not a tag, except those that
    /// refer to another manifest.
    pub(crate) fn untagged_images(&self) -> BTreeSet<&Digest> {
        let others = self.others.iter().filter_map(|(digest, _)| digest.as_ref());
        let refers = |digest: &Digest| self.known(digest).is_some_and(|it| it.subject.is_some());
        let is_tagged = |digest: &Digest| self.tags.values().any(|tag| tag.digest == *digest);
        let all = self.untagged.keys().chain(others);
        all.filter(|digest| !refers(digest) && !is_tagged(digest)).collect()
    }

    /// The manifests whose subject is `subject`.
    pub(super) fn referrers_of(&self, subject: &Digest) -> impl Iterator<Item = &Known> {
        let digests = self.referrers.get(subject).into_iter().flatten();
        digests.filter_map(|digest| self.manifests.get(digest))
    }
}

/// The content that must be in the repository before `manifest`, each once: blobs, and children of an
/// index. Foreign content lives elsewhere.
pub(super) fn content_named(manifest: &Manifest) -> impl Iterator<Item = &Descriptor> {
    let (children, blobs) = match &manifest.content {
        Content::Index(index) => (index.manifests.as_slice(), Vec::new()),
        Content::Single(single) => ([].as_slice(), single.blobs()),
    };
    children.iter().filter(|child| !child.is_foreign()).chain(blobs)
}
