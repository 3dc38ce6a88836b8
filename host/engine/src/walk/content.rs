//! Walks from a manifest to its content: its blobs, or the children of an index.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::{BoxFuture, FutureExt as _};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use longshore_oci::{Content, Descriptor, Digest, Manifest, Single};

use super::bounds::{AT_ONCE, BLOBS_AT_ONCE, BYTES, DEPTH, DESCRIPTORS, MANIFESTS, OutOfBounds};

/// A child of an index that the visitor entered.
#[derive(Debug)]
pub(crate) enum Entered {
    /// The manifest, whose content needs a visit.
    Manifest(Manifest),
    /// The child is a blob, which its descriptor did not say.
    Blob,
    /// Nothing below the child needs a visit.
    Done,
}

/// The visitor of a walk.
pub(crate) trait Visitor: Sync {
    /// The error that ends a walk.
    type Error: From<OutOfBounds> + Send;

    /// Visits a child manifest of an index once; called in the index's order.
    ///
    /// Runs `visit`, which calls the other methods, unless it was run before. If it is running
    /// elsewhere, waits for it.
    fn once<'a>(
        &'a self,
        child: &'a Descriptor,
        visit: BoxFuture<'a, Result<(), Self::Error>>,
    ) -> BoxFuture<'a, Result<(), Self::Error>>;

    /// Reads `child`.
    fn enter<'a>(&'a self, child: &'a Descriptor) -> BoxFuture<'a, Result<Entered, Self::Error>>;

    /// Visits a blob that a manifest names: the child `of` an index, or else the image itself. A child that
    /// turned out to be a blob is its own `of`.
    fn blob<'a>(
        &'a self,
        blob: &'a Descriptor,
        of: Option<&'a Descriptor>,
    ) -> BoxFuture<'a, Result<(), Self::Error>>;

    /// Called after all content of `manifest` was visited. `position` is its position in the index,
    /// from 1.
    fn leave<'a>(
        &'a self,
        child: &'a Descriptor,
        manifest: &'a Manifest,
        position: u32,
    ) -> BoxFuture<'a, Result<(), Self::Error>>;
}

/// Visits all content that `content` names.
///
/// # Errors
/// Those of the visitor, and [`OutOfBounds`].
pub(crate) async fn walk_content<V: Visitor>(
    visitor: &V,
    content: &Content,
) -> Result<(), V::Error> {
    match content {
        Content::Single(single) => walk_blobs(visitor, single).await,
        Content::Index(index) => walk_children(visitor, index.manifests.iter()).await,
    }
}

/// Visits the children of an index, with all their content.
///
/// # Errors
/// Those of the visitor, and [`OutOfBounds`].
pub(crate) async fn walk_children<'a, V: Visitor>(
    visitor: &'a V,
    children: impl Iterator<Item = &'a Descriptor>,
) -> Result<(), V::Error> {
    let walk = Walk { visitor, manifests: AtomicUsize::new(0), bytes: AtomicUsize::new(0) };
    walk.children(children.collect(), 1).await
}

/// Visits the blobs of a manifest, except content that lives elsewhere.
///
/// # Errors
/// Those of the visitor.
pub(crate) async fn walk_blobs<V: Visitor>(visitor: &V, single: &Single) -> Result<(), V::Error> {
    blobs(visitor, single, None).await
}

async fn blobs<V: Visitor>(
    visitor: &V,
    single: &Single,
    of: Option<&Descriptor>,
) -> Result<(), V::Error> {
    let mut visits = Vec::new();
    for blob in single.blobs() {
        visits.push(visitor.blob(blob, of));
    }
    all(visits, BLOBS_AT_ONCE).await
}

/// Waits for all `visits`, at most `at_once` concurrently; the first error cancels the rest.
async fn all<E>(visits: Vec<BoxFuture<'_, Result<(), E>>>, at_once: usize) -> Result<(), E> {
    stream::iter(visits).buffer_unordered(at_once).try_collect::<Vec<()>>().await.map(drop)
}

/// The state of one walk.
struct Walk<'a, V> {
    visitor: &'a V,
    manifests: AtomicUsize,
    /// Bytes of the manifests whose children are being visited.
    bytes: AtomicUsize,
}

impl<V: Visitor> Walk<'_, V> {
    /// Visits children; boxed, as an index may contain indexes.
    fn children<'a>(
        &'a self,
        children: Vec<&'a Descriptor>,
        depth: usize,
    ) -> BoxFuture<'a, Result<(), V::Error>> {
        async move {
            if depth > DEPTH {
                return Err(OutOfBounds::Depth.into());
            }
            if let Some(many) = OutOfBounds::of_children(children.len()) {
                return Err(many.into());
            }
            let mut visits = Vec::new();
            let mut indexes = Vec::new();
            for (position, child) in (1..).zip(children) {
                if child.media_type.is_index() || child.is_unclear() {
                    indexes.push((position, child));
                } else if child.may_be_manifest() {
                    let visit = self.child(child, position, depth);
                    visits.push(self.visitor.once(child, visit.boxed()));
                } else if !child.is_foreign() {
                    // BuildKit's cache index names layers and a configuration as its children.
                    visits.push(self.visitor.blob(child, None));
                }
            }
            all(visits, AT_ONCE).await?;
            // One after the other, as each may hold as many manifests as this one.
            for (position, child) in indexes {
                self.visitor.once(child, self.child(child, position, depth).boxed()).await?;
            }
            Ok(())
        }
        .boxed()
    }

    async fn child(&self, child: &Descriptor, position: u32, depth: usize) -> Result<(), V::Error> {
        if self.manifests.fetch_add(1, Ordering::Relaxed) >= MANIFESTS {
            return Err(OutOfBounds::Manifests.into());
        }
        let manifest = match self.visitor.enter(child).await? {
            Entered::Manifest(manifest) => manifest,
            Entered::Blob => return self.visitor.blob(child, Some(child)).await,
            Entered::Done => return Ok(()),
        };
        let held = manifest.raw.bytes.len();
        if self.bytes.fetch_add(held, Ordering::Relaxed) + held > BYTES {
            return Err(OutOfBounds::Bytes.into());
        }
        match &manifest.content {
            Content::Single(single) => blobs(self.visitor, single, Some(child)).await?,
            Content::Index(index) => {
                self.children(index.manifests.iter().collect(), depth + 1).await?;
            }
        }
        self.visitor.leave(child, &manifest, position).await?;
        self.bytes.fetch_sub(held, Ordering::Relaxed);
        Ok(())
    }
}

/// Reads nested indexes of an image.
pub(crate) trait Descendants: Sync {
    /// The error of a read.
    type Error: From<OutOfBounds> + Send;

    /// Reads a child that is an index, or of which only the content tells what it is; `None` if it is a blob.
    fn read<'a>(
        &'a self,
        child: &'a Descriptor,
    ) -> BoxFuture<'a, Result<Option<Manifest>, Self::Error>>;
}

/// The content below an index, each digest once.
#[derive(Debug, Default)]
pub(crate) struct Below {
    /// The manifests, children before their parents' other descendants.
    pub(crate) manifests: Vec<Descriptor>,
    /// The blobs that indexes name, as BuildKit's caches do.
    pub(crate) blobs: Vec<Descriptor>,
}

/// Finds the manifests and blobs among `children` and below nested indexes. The blobs of single manifests are not
/// included.
///
/// # Errors
/// If an index cannot be read, and [`OutOfBounds`].
pub(crate) async fn descendants<D: Descendants>(
    reader: &D,
    children: Vec<Descriptor>,
) -> Result<Below, D::Error> {
    let mut seen: HashSet<Digest> = HashSet::new();
    let mut all = Below::default();
    if let Some(many) = OutOfBounds::of_children(children.len()) {
        return Err(many.into());
    }
    let (mut level, mut named) = (children, 0);
    for _ in 0..=DEPTH {
        let mut below = Vec::new();
        for child in level {
            if child.is_foreign() || !seen.insert(child.digest.clone()) {
                continue;
            }
            if seen.len() - all.blobs.len() > MANIFESTS {
                return Err(OutOfBounds::Manifests.into());
            }
            if !child.may_be_manifest() {
                all.blobs.push(child);
                continue;
            }
            if child.media_type.is_index() || child.is_unclear() {
                match reader.read(&child).await?.map(|manifest| manifest.content) {
                    Some(Content::Index(index)) => {
                        named += index.manifests.len();
                        let many = OutOfBounds::of_children(index.manifests.len());
                        let many =
                            many.or((named > DESCRIPTORS).then_some(OutOfBounds::Descriptors));
                        if let Some(many) = many {
                            return Err(many.into());
                        }
                        below.extend(index.manifests);
                    }
                    Some(Content::Single(_)) => {}
                    None => {
                        all.blobs.push(child);
                        continue;
                    }
                }
            }
            all.manifests.push(child);
        }
        if below.is_empty() {
            return Ok(all);
        }
        level = below;
    }
    Err(OutOfBounds::Depth.into())
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};
    use std::sync::Mutex;

    use bytes::Bytes;
    use futures_util::future::{BoxFuture, FutureExt as _};
    use longshore_oci::{Content, Descriptor, Digest, Manifest, MediaType, RawManifest};

    use super::{Descendants, Entered, Visitor, descendants, walk_content};
    use crate::walk::OutOfBounds;
    use crate::walk::bounds::{BYTES, CHILDREN, DEPTH, DESCRIPTORS, MANIFESTS};

    const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
    const CACHE: &str = "application/vnd.buildkit.cacheconfig.v0";

    /// Manifests by digest, and a log of visits.
    #[derive(Default)]
    struct Graph {
        manifests: HashMap<Digest, RawManifest>,
        begun: Mutex<HashSet<Digest>>,
        done: Mutex<Vec<String>>,
    }

    fn descriptor(media_type: &str, content: &[u8]) -> String {
        let digest = Digest::of(content);
        format!(r#"{{"mediaType":"{media_type}","digest":"{digest}","size":{}}}"#, content.len())
    }

    impl Graph {
        fn add(&mut self, text: String, media_type: MediaType) -> String {
            let manifest = RawManifest::built(text.into_bytes(), media_type.clone());
            let descriptor = descriptor(media_type.as_str(), &manifest.bytes);
            self.manifests.insert(manifest.digest.clone(), manifest);
            descriptor
        }

        /// Adds an image with one layer.
        fn image(&mut self, layer: &str) -> String {
            let layer = descriptor(LAYER, layer.as_bytes());
            let text = format!(r#"{{"schemaVersion":2,"layers":[{layer}]}}"#);
            self.add(text, MediaType::OCI_MANIFEST)
        }

        /// Adds an index of `children`, padded by an annotation.
        fn index_of(&mut self, children: &[String], padding: usize) -> String {
            let (children, padding) = (children.join(","), "x".repeat(padding));
            let text = format!(
                r#"{{"schemaVersion":2,"manifests":[{children}],"annotations":{{"x":"{padding}"}}}}"#
            );
            self.add(text, MediaType::OCI_INDEX)
        }

        fn manifest(&self, digest: &Digest) -> Manifest {
            let raw = &self.manifests[digest];
            Manifest::parse(raw.bytes.clone(), Some(&raw.media_type), digest.clone()).unwrap()
        }

        /// The manifest of a child; `None` if it is a blob.
        fn found(&self, child: &Descriptor) -> Option<Manifest> {
            self.manifests.contains_key(&child.digest).then(|| self.manifest(&child.digest))
        }

        /// Walks from the manifest that `root` describes.
        async fn walk(&self, root: &str) -> Result<Vec<String>, OutOfBounds> {
            let root: Descriptor = serde_json::from_str(root).unwrap();
            walk_content(self, &self.manifest(&root.digest).content).await?;
            Ok(self.done.lock().unwrap().clone())
        }

        fn does(&self, what: &str, digest: &Digest) {
            let content =
                self.manifests.get(digest).map_or_else(Bytes::new, |raw| raw.bytes.clone());
            let text = format!("{what} {} {}", &digest.hex()[..8], content.len());
            self.done.lock().unwrap().push(text);
        }
    }

    impl Visitor for Graph {
        type Error = OutOfBounds;

        fn once<'a>(
            &'a self,
            child: &'a Descriptor,
            visit: BoxFuture<'a, Result<(), OutOfBounds>>,
        ) -> BoxFuture<'a, Result<(), OutOfBounds>> {
            match self.begun.lock().unwrap().insert(child.digest.clone()) {
                true => visit,
                false => std::future::ready(Ok(())).boxed(),
            }
        }

        fn enter<'a>(
            &'a self,
            child: &'a Descriptor,
        ) -> BoxFuture<'a, Result<Entered, OutOfBounds>> {
            async { Ok(self.found(child).map_or(Entered::Blob, Entered::Manifest)) }.boxed()
        }

        fn blob<'a>(
            &'a self,
            blob: &'a Descriptor,
            _of: Option<&'a Descriptor>,
        ) -> BoxFuture<'a, Result<(), OutOfBounds>> {
            async {
                self.does("blob", &blob.digest);
                Ok(())
            }
            .boxed()
        }

        fn leave<'a>(
            &'a self,
            child: &'a Descriptor,
            _manifest: &'a Manifest,
            _position: u32,
        ) -> BoxFuture<'a, Result<(), OutOfBounds>> {
            async {
                self.does("manifest", &child.digest);
                Ok(())
            }
            .boxed()
        }
    }

    impl Descendants for Graph {
        type Error = OutOfBounds;

        fn read<'a>(
            &'a self,
            child: &'a Descriptor,
        ) -> BoxFuture<'a, Result<Option<Manifest>, OutOfBounds>> {
            async { Ok(self.found(child)) }.boxed()
        }
    }

    #[tokio::test]
    async fn blobs_come_before_their_manifest_and_children_before_their_index() {
        let mut graph = Graph::default();
        let image = graph.image("layer");
        let inner = graph.index_of(std::slice::from_ref(&image), 0);
        let root = graph.index_of(&[inner, image], 0);
        let done = graph.walk(&root).await.unwrap();
        let kinds: Vec<&str> = done.iter().map(|done| &done[..4]).collect();
        assert_eq!(kinds, ["blob", "mani", "mani"], "{done:?}");
    }

    #[tokio::test]
    async fn children_that_are_blobs_are_visited_as_blobs() {
        let mut graph = Graph::default();
        let children = [descriptor(LAYER, b"layer"), descriptor(CACHE, b"cache")];
        let root = graph.index_of(&children, 0);
        let done = graph.walk(&root).await.unwrap();
        assert!(done.len() == 2 && done.iter().all(|done| done.starts_with("blob")), "{done:?}");
        let Content::Index(index) = graph.manifest(graph.manifests.keys().next().unwrap()).content
        else {
            panic!("the root is an index")
        };
        let below = descendants(&graph, index.manifests).await.unwrap();
        assert_eq!((below.manifests.len(), below.blobs.len()), (0, 2));
    }

    /// Their content lives elsewhere, as that of the layers of an image does.
    #[tokio::test]
    async fn children_that_are_foreign_layers_are_not_visited() {
        let types = [
            "application/vnd.oci.image.layer.nondistributable.v1.tar",
            "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
            "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        ];
        let mut graph = Graph::default();
        let with_urls = |media_type: &&str| {
            descriptor(media_type, media_type.as_bytes()).replacen(
                '{',
                r#"{"urls":["https://r.test/layer"],"#,
                1,
            )
        };
        let mut children: Vec<String> = types.iter().map(with_urls).collect();
        children.push(descriptor(types[0], b"without an URL, so it is here"));
        children.push(descriptor(CACHE, b"cache"));
        let root = graph.index_of(&children, 0);
        assert_eq!(graph.walk(&root).await.unwrap().len(), 2);
        let root: Descriptor = serde_json::from_str(&root).unwrap();
        let below = descendants(&graph, vec![root]).await.unwrap();
        assert_eq!((below.manifests.len(), below.blobs.len()), (1, 2));
    }

    #[tokio::test]
    async fn the_content_decides_what_a_child_without_a_known_type_is() {
        let mut graph = Graph::default();
        let image = graph.image("layer");
        let inner = graph.index_of(std::slice::from_ref(&image), 0);
        let untyped = |descriptor: &str, media_type: &str| {
            let (_, rest) = descriptor.split_once("\",").unwrap();
            format!(r#"{{"mediaType":"{media_type}",{rest}"#)
        };
        for media_type in ["", "application/vnd.example.index", "application/vnd.x.manifest.v9"] {
            graph.begun.lock().unwrap().clear();
            graph.done.lock().unwrap().clear();
            let blob = untyped(&descriptor(LAYER, b"other"), media_type);
            let root = graph.index_of(&[blob, untyped(&inner, media_type)], 0);
            let done = graph.walk(&root).await.unwrap();
            let kinds: Vec<&str> = done.iter().map(|done| &done[..4]).collect();
            assert_eq!(kinds, ["blob", "blob", "mani", "mani"], "{media_type:?} {done:?}");
            let root: Descriptor = serde_json::from_str(&root).unwrap();
            let below = descendants(&graph, vec![root]).await.unwrap();
            assert_eq!((below.manifests.len(), below.blobs.len()), (3, 1), "{media_type:?}");
        }
    }

    #[tokio::test]
    async fn many_references_to_one_child_cost_one_visit() {
        let mut graph = Graph::default();
        let mut child = graph.image("layer");
        for _ in 0..3 {
            child = graph.index_of(&vec![child; 200], 0);
        }
        assert_eq!(graph.walk(&child).await.unwrap().len(), 4);
        let root: Descriptor = serde_json::from_str(&child).unwrap();
        assert_eq!(descendants(&graph, vec![root]).await.unwrap().manifests.len(), 4);
    }

    #[tokio::test]
    async fn depth_and_children_are_bounded() {
        let mut graph = Graph::default();
        let mut deep = graph.image("layer");
        for _ in 0..DEPTH {
            deep = graph.index_of(&[deep], 0);
        }
        assert!(graph.walk(&deep).await.is_ok(), "so deep is allowed");
        let too_deep = graph.index_of(&[deep], 0);
        graph.begun.lock().unwrap().clear();
        assert_eq!(graph.walk(&too_deep).await.unwrap_err(), OutOfBounds::Depth);
        let layer = descriptor(LAYER, b"layer");
        let wide = graph.index_of(&vec![layer; CHILDREN + 1], 0);
        assert_eq!(graph.walk(&wide).await.unwrap_err(), OutOfBounds::Children);
        let wide: Descriptor = serde_json::from_str(&wide).unwrap();
        let too_many = descendants(&graph, vec![wide]).await.unwrap_err();
        assert_eq!(too_many, OutOfBounds::Children);
    }

    /// The blobs of caches do not count as manifests.
    #[tokio::test]
    async fn what_all_indexes_name_is_bounded_where_it_is_listed() {
        let layer = descriptor(LAYER, b"layer");
        for (count, expected) in [
            (DESCRIPTORS / CHILDREN, None),
            (DESCRIPTORS / CHILDREN + 1, Some(OutOfBounds::Descriptors)),
        ] {
            let mut graph = Graph::default();
            let children: Vec<Descriptor> = (0..count)
                .map(|number| graph.index_of(&vec![layer.clone(); CHILDREN], number))
                .map(|index| serde_json::from_str(&index).unwrap())
                .collect();
            assert_eq!(descendants(&graph, children).await.err(), expected, "{count}");
        }
    }

    #[tokio::test]
    async fn all_bodies_that_are_held_at_once_count() {
        let mut graph = Graph::default();
        let image = graph.image("layer");
        let size = BYTES / 4;
        let mut nested = image.clone();
        for level in 0..4 {
            nested = graph.index_of(&[nested], size + level);
        }
        let root = graph.index_of(&[nested], 0);
        assert_eq!(graph.walk(&root).await.unwrap_err(), OutOfBounds::Bytes);
        let beside: Vec<String> =
            (0..8).map(|n| graph.index_of(std::slice::from_ref(&image), size + n)).collect();
        let root = graph.index_of(&beside, 0);
        graph.begun.lock().unwrap().clear();
        assert!(graph.walk(&root).await.is_ok(), "one after the other, they fit");
    }
    #[tokio::test]
    async fn the_number_of_manifests_is_bounded() {
        let mut graph = Graph::default();
        let width = CHILDREN / 32;
        let number =
            |number: usize| descriptor(MediaType::OCI_MANIFEST.as_str(), &number.to_le_bytes());
        let mut indexes = Vec::new();
        for at in 0..=MANIFESTS / width {
            let children: Vec<String> = (at * width..(at + 1) * width).map(number).collect();
            indexes.push(graph.index_of(&children, 0));
        }
        let root = graph.index_of(&indexes, 0);
        let root: Descriptor = serde_json::from_str(&root).unwrap();
        let few = graph.index_of(&indexes[..8], 0);
        let few: Descriptor = serde_json::from_str(&few).unwrap();
        assert_eq!(descendants(&graph, vec![few]).await.unwrap().manifests.len(), 9 + 8 * width);
        let all = descendants(&graph, vec![root.clone()]).await;
        assert_eq!(all.unwrap_err(), OutOfBounds::Manifests);
        for manifest in (0..(MANIFESTS / width + 1) * width).map(usize::to_le_bytes) {
            // What is visited as a child has no content of its own.
            let empty = RawManifest {
                bytes: Bytes::from_static(br#"{"schemaVersion":2,"layers":[]}"#),
                media_type: MediaType::OCI_MANIFEST,
                digest: Digest::of(&manifest),
            };
            graph.manifests.insert(empty.digest.clone(), empty);
        }
        let content = graph.manifest(&root.digest).content;
        assert_eq!(walk_content(&graph, &content).await.unwrap_err(), OutOfBounds::Manifests);
    }
}
