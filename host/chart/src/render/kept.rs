//! Results of renderings, on disk by a digest of all that they depend on.
//!
//! The cache is optional: an unusable, full or damaged one counts as empty. A result stays the same as long
//! as the chart, the values, the release and the renderer do; only the time in it is that of the first
//! rendering.

use std::io;
use std::path::Path;
use std::sync::Arc;

use longshore_files::BoundedFolder;
use longshore_oci::{Algorithm, Digest, Hasher};

use super::{RenderInput, Renderer};
use crate::Rendered;

/// The folder's name.
const FOLDER: &str = "renderings";
/// The limit for all files together, in bytes.
const LIMIT: u64 = 256 * 1024 * 1024;
/// The largest result that is kept, in bytes.
const LARGEST: u64 = 32 * 1024 * 1024;
/// Changes whenever a file or a key is made in another way.
const FORMAT: &[u8] = b"longshore renderings 1";
/// Ends the first line of a file, which holds the digest of the rest.
const DIGEST_END: u8 = b'\n';

/// Results of earlier renderings. Clones and other runs share them.
#[derive(Clone, Debug)]
pub struct KeptRenderings(Arc<BoundedFolder>);

impl KeptRenderings {
    /// Opens the cache below `root`.
    ///
    /// # Errors
    /// If the folder cannot be created, belongs to another user, or is open to others. There is no
    /// cache then.
    pub fn open(root: &Path) -> io::Result<Self> {
        Ok(Self(Arc::new(BoundedFolder::open(root, FOLDER, LIMIT)?)))
    }

    /// Returns what an earlier run rendered.
    pub async fn get(&self, renderer: &dyn Renderer, input: &RenderInput) -> Option<Vec<Rendered>> {
        let (kept, input, identity) = (Arc::clone(&self.0), input.clone(), renderer.identity()?);
        let read = move || kept.read(&key(&identity, &input), LARGEST, parsed);
        tokio::task::spawn_blocking(read).await.ok().flatten()
    }

    /// Keeps what a renderer returned. Errors are not kept.
    pub async fn keep(&self, renderer: &dyn Renderer, input: &RenderInput, rendered: &[Rendered]) {
        let Some(identity) = renderer.identity() else { return };
        let texts: Vec<(&str, &str)> =
            rendered.iter().map(|one| (one.template.as_str(), one.text.as_str())).collect();
        let Ok(content) = serde_json::to_vec(&texts) else { return };
        if content.len() as u64 > LARGEST - 1024 {
            return;
        }
        let (kept, input) = (Arc::clone(&self.0), input.clone());
        let write = move || {
            let digest = Digest::of(&content).to_string();
            kept.keep(&key(&identity, &input), &[digest.as_bytes(), &[DIGEST_END], &content])
        };
        // Without the cache, the next run renders again.
        let _optional = tokio::task::spawn_blocking(write).await;
    }
}

/// Reads a file, if it is not damaged.
fn parsed(content: Vec<u8>) -> Option<Vec<Rendered>> {
    let end = content.iter().position(|byte| *byte == DIGEST_END)?;
    let (digest, content) = (&content[..end], &content[end + 1..]);
    if Digest::of(content).to_string().as_bytes() != digest {
        return None;
    }
    let texts: Vec<(String, String)> = serde_json::from_slice(content).ok()?;
    Some(texts.into_iter().map(|(template, text)| Rendered { template, text }).collect())
}

/// The name of the file for an input. Each part is hashed with its length, so that parts cannot move.
fn key(identity: &str, input: &RenderInput) -> String {
    let RenderInput { files, values, release, namespace, kube_version, api_versions, skip_tests } =
        input;
    let mut hasher = Hasher::new(Algorithm::Sha256);
    let mut add = |part: &[u8]| {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    };
    add(FORMAT);
    for text in [identity, release, namespace, kube_version.as_deref().unwrap_or_default()] {
        add(text.as_bytes());
    }
    add(&[u8::from(*skip_tests), u8::from(kube_version.is_some())]);
    for texts in [values, api_versions] {
        add(&(texts.len() as u64).to_le_bytes());
        texts.iter().for_each(|text| add(text.as_bytes()));
    }
    for (path, content) in files.iter() {
        add(path.as_bytes());
        add(content);
    }
    hasher.finish().file_name()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::FutureExt as _;
    use futures_util::future::{BoxFuture, ready};

    use super::{KeptRenderings, key};
    use crate::{RenderError, RenderInput, Rendered, Renderer};

    #[derive(Debug)]
    struct Named(Option<&'static str>);

    impl Renderer for Named {
        fn identity(&self) -> Option<String> {
            self.0.map(str::to_owned)
        }

        fn render<'a>(
            &'a self,
            _input: &'a RenderInput,
        ) -> BoxFuture<'a, Result<Vec<Rendered>, RenderError>> {
            ready(Ok(Vec::new())).boxed()
        }
    }

    fn input() -> RenderInput {
        let file = |path: &str, text: &str| (path.to_owned(), text.as_bytes().to_vec());
        RenderInput {
            files: Arc::new(vec![file("a", "b"), file("c", "")]),
            values: vec!["x".to_owned(), "y".to_owned()],
            release: "r".to_owned(),
            namespace: "n".to_owned(),
            kube_version: None,
            api_versions: Vec::new(),
            skip_tests: false,
        }
    }

    #[test]
    fn everything_that_a_result_depends_on_is_in_its_name() {
        let file = |path: &str, text: &str| (path.to_owned(), text.as_bytes().to_vec());
        let mut keys = vec![key("i", &input()), key("j", &input())];
        let changes: [fn(&mut RenderInput); 10] = [
            |input| input.values = vec!["y".to_owned(), "x".to_owned()],
            |input| input.values = vec!["xy".to_owned()],
            |input| input.values.clear(),
            |input| input.release = "rn".to_owned(),
            |input| input.namespace = "r".to_owned(),
            |input| input.kube_version = Some(String::new()),
            |input| input.kube_version = Some("1.31".to_owned()),
            |input| input.api_versions = vec!["x".to_owned()],
            |input| input.skip_tests = true,
            |input| {
                input.values.clear();
                input.api_versions = vec!["x".to_owned(), "y".to_owned()];
            },
        ];
        for change in changes {
            let mut changed = input();
            change(&mut changed);
            keys.push(key("i", &changed));
        }
        for files in [vec![file("a", "bc"), file("", "")], vec![file("a", "b"), file("", "c")]] {
            keys.push(key("i", &RenderInput { files: Arc::new(files), ..input() }));
        }
        let count = keys.len();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), count);
        assert_eq!(key("i", &input()), key("i", &input()));
    }

    #[tokio::test]
    async fn a_result_comes_back_and_never_damaged() {
        let root = tempfile::tempdir().unwrap();
        let kept = KeptRenderings::open(root.path()).unwrap();
        let rendered = vec![Rendered {
            template: "c/templates/a.yaml".to_owned(),
            text: "a: ü\n".to_owned(),
        }];
        let (renderer, other, unknown) = (Named(Some("a")), Named(Some("b")), Named(None));
        kept.keep(&unknown, &input(), &rendered).await;
        assert_eq!(std::fs::read_dir(kept.0.path()).unwrap().count(), 0);
        kept.keep(&renderer, &input(), &rendered).await;
        let again = KeptRenderings::open(root.path()).unwrap();
        assert_eq!(again.get(&renderer, &input()).await.as_ref(), Some(&rendered));
        assert_eq!(again.get(&other, &input()).await, None);
        assert_eq!(again.get(&unknown, &input()).await, None);
        let path = kept.0.path().join(key("a", &input()));
        let good = std::fs::read(&path).unwrap();
        for damaged in [&good[..good.len() - 1], b"", b"\n[]", &[b"x", &good[..]].concat()] {
            std::fs::write(&path, damaged).unwrap();
            assert_eq!(kept.get(&renderer, &input()).await, None);
            assert!(!path.exists());
        }
    }
}
