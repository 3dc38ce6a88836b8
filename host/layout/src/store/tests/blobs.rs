//! Placing and reading blobs.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use longshore_oci::Digest;
use longshore_store::{
    BlobPresence, Fault, Interrupt, LOST_CONTENT, Placed, Prefix, Progress, Source, StoreError,
    TransferFailure, Trust, VerifiedBlob,
};

use super::fake::{FakeSource, Sends};
use super::{Opened, Way, descriptor, repository};

/// Content that spans several batches and pieces.
fn large() -> Vec<u8> {
    (0_u32..600_000).flat_map(u32::to_le_bytes).collect()
}

async fn content_of(
    store: &dyn Source,
    at: &str,
    content: &[u8],
    from: usize,
) -> Result<Vec<u8>, StoreError> {
    let (at, blob) = (repository(at), descriptor(content));
    let mut prefix = VerifiedBlob::new(
        store.read_blob(&at, &blob, 0, false).await?,
        blob.clone(),
        Prefix::empty(&blob),
        Progress::ignored(),
    );
    prefix.pass(from as u64).await?;
    let rest = store.read_blob(&at, &blob, from as u64, false).await?;
    let mut rest = VerifiedBlob::new(rest, blob.clone(), prefix.prefix(), Progress::ignored());
    let mut bytes = Vec::new();
    while let Some(piece) = rest.next(u64::MAX).await? {
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

#[tokio::test]
async fn a_blob_is_moved_once_and_comes_back() {
    let root = tempfile::tempdir().unwrap();
    let opened = Opened::at(root.path());
    for content in [large(), b"small".to_vec(), Vec::new()] {
        assert_eq!(opened.place_good("team/app", &content).await, Placed::Moved);
        assert_eq!(opened.place_good("team/app", &content).await, Placed::Present);
        let store = opened.store.as_ref();
        for from in [0, content.len() / 3, content.len()] {
            let found = content_of(store, "team/app", &content, from).await.unwrap();
            assert!(found == content[from..], "the content from {from} on differs");
        }
        let (at, blob) = (repository("team/app"), descriptor(&content));
        assert_eq!(store.blob_presence(&at, &blob).await.unwrap(), BlobPresence::Present);
        assert_eq!(store.blob_content(&at, &blob).await.unwrap(), BlobPresence::Present);
        let small = store.small_blob(&at, &blob, blob.size).await.unwrap();
        assert!(small == content);
        if blob.size > 0 {
            let error = store.small_blob(&at, &blob, blob.size - 1).await.unwrap_err();
            assert!(error.message.contains("are read"), "{error}");
        }
    }
    assert_eq!(opened.incomplete(), 0);
}

#[tokio::test]
async fn a_blob_that_is_damaged_or_missing_is_noticed() {
    let root = tempfile::tempdir().unwrap();
    let opened = Opened::at(root.path());
    let (at, store) = (repository("app"), opened.store.as_ref());
    opened.place_good("app", b"content").await;
    let blob = descriptor(b"content");
    fs::write(opened.blob_path("app", b"content"), b"CONTENT").unwrap();
    let found = BlobPresence::OtherContent(Digest::of(b"CONTENT"));
    assert_eq!(store.blob_content(&at, &blob).await.unwrap(), found);
    let error = store.small_blob(&at, &blob, 100).await.unwrap_err();
    assert!(matches!(*error.fault, Fault::Digest { .. }), "{error}");
    let error = content_of(store, "app", b"content", 0).await.unwrap_err();
    assert!(matches!(*error.fault, Fault::Digest { .. }), "{error}");
    assert!(store.retries().after(&error).is_none(), "a disk does not get better");

    fs::write(opened.blob_path("app", b"content"), b"con").unwrap();
    assert_eq!(store.blob_presence(&at, &blob).await.unwrap(), BlobPresence::OtherSize(3));
    assert_eq!(store.blob_content(&at, &blob).await.unwrap(), BlobPresence::OtherSize(3));
    let error = store.read_blob(&at, &blob, 0, false).await.unwrap_err();
    assert_eq!(*error.fault, Fault::Size { expected: 7, found: 3 });

    fs::remove_file(opened.blob_path("app", b"content")).unwrap();
    assert_eq!(store.blob_presence(&at, &blob).await.unwrap(), BlobPresence::Absent);
    let error = store.read_blob(&at, &blob, 0, false).await.unwrap_err();
    let target = format!("{} of oci:{}/app", blob.digest, root.path().display());
    assert_eq!(error.to_string(), format!("fetch blob {target}: not found"));
    assert_eq!(error.hint.as_deref(), Some(LOST_CONTENT));
}

#[tokio::test]
async fn a_file_that_is_too_short_is_replaced() {
    let root = tempfile::tempdir().unwrap();
    let opened = Opened::at(root.path());
    opened.place_good("app", b"content").await;
    fs::write(opened.blob_path("app", b"content"), b"con").unwrap();
    assert_eq!(opened.place_good("app", b"content").await, Placed::Moved);
    assert_eq!(fs::read(opened.blob_path("app", b"content")).unwrap(), b"content");
}

#[tokio::test]
async fn content_is_hashed_where_nothing_is_believed() {
    let root = tempfile::tempdir().unwrap();
    let opened = Opened::at(root.path());
    opened.place_good("app", b"content").await;
    let source = FakeSource::sends(&[b"content"]);
    let way = || Way { trust: Trust::Nothing, from: Some("other"), ..Way::of(&source) };
    assert_eq!(opened.place("app", b"content", way()).await.unwrap(), Placed::Present);
    let path = opened.blob_path("app", b"content");
    fs::write(&path, b"CONTENT").unwrap();
    assert_eq!(opened.place("app", b"content", way()).await.unwrap(), Placed::Moved);
    assert_eq!(fs::read(&path).unwrap(), b"content");
}

#[tokio::test]
async fn a_blob_of_another_repository_is_linked() {
    let root = tempfile::tempdir().unwrap();
    let opened = Opened::at(root.path());
    opened.place_good("one", b"content").await;
    let nothing = FakeSource::sends(&[]);
    let way = Way { from: Some("one"), ..Way::of(&nothing) };
    assert_eq!(
        opened.place("two", b"content", way).await.unwrap(),
        Placed::Mounted(repository("one"))
    );

    // The source is the same folder by another path.
    let other_path = root.path().join("one/..");
    let same = Opened::at(&other_path).store.as_source();
    let way = Way { source_repository: "two", ..Way::of(&same) };
    assert_eq!(
        opened.place("three", b"content", way).await.unwrap(),
        Placed::Mounted(repository("two"))
    );
    let links = fs::metadata(opened.blob_path("three", b"content")).unwrap().nlink();
    assert_eq!(links, 3);

    // A file of the wrong size is not linked.
    let short = root.path().join("short/blobs/sha256");
    fs::create_dir_all(&short).unwrap();
    fs::write(short.join(Digest::of(b"content").hex()), b"con").unwrap();
    let good = FakeSource::sends(&[b"content"]);
    let way = Way { from: Some("short"), ..Way::of(&good) };
    assert_eq!(opened.place("four", b"content", way).await.unwrap(), Placed::Moved);
    assert_eq!(opened.incomplete(), 0);
}

#[tokio::test]
async fn another_folder_is_read_and_not_linked() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let content = large();
    Opened::at(there.path()).place_good("there", &content).await;
    let opened = Opened::at(here.path());
    let source = super::LayoutStore::open_source(&super::name(there.path())).unwrap();
    let placed = opened.place("app", &content, Way::of(&source)).await;
    assert_eq!(placed.unwrap(), Placed::Moved);
    assert_eq!(fs::metadata(opened.blob_path("app", &content)).unwrap().nlink(), 1);
}

#[tokio::test]
async fn a_source_is_tried_again_as_it_says_but_wrong_content_only_once() {
    let root = tempfile::tempdir().unwrap();
    let opened = Opened::at(root.path());
    let all = |content: &[u8]| Sends::All(content.to_vec());
    let heals = vec![Sends::Busy, all(b"conten?"), Sends::Busy, all(b"content")];
    let source = FakeSource::script(heals);
    let placed = opened.place("app", b"content", Way::of(&source)).await;
    assert_eq!(placed.unwrap(), Placed::Moved);

    let source = FakeSource::sends(&[b"wrong", b"wrong again", b"not asked for"]);
    let failure = opened.place("app", b"other", Way::of(&source)).await.unwrap_err();
    let TransferFailure::Source(error) = failure else { panic!("{failure:?}") };
    assert!(error.is_wrong_content());
    assert!(!opened.blob_path("app", b"other").exists());
    assert_eq!(opened.incomplete(), 0);
}

#[tokio::test]
async fn an_interrupted_transfer_leaves_nothing_behind() {
    let root = tempfile::tempdir().unwrap();
    let opened = Arc::new(Opened::at(root.path()));
    let content = large();
    let source = FakeSource::script(vec![Sends::Hangs(content[..2_000_000].to_vec())]);
    let (raise, interrupt) = Interrupt::channel();
    let placing = {
        let (opened, content) = (Arc::clone(&opened), content.clone());
        tokio::spawn(async move {
            opened.place("app", &content, Way { interrupt, ..Way::of(&source) }).await
        })
    };
    while opened.incomplete() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    raise.send(true).unwrap();
    let failure = placing.await.unwrap().unwrap_err();
    assert!(matches!(failure, TransferFailure::Interrupted), "{failure:?}");
    assert_eq!(opened.incomplete(), 0);
    assert!(!opened.blob_path("app", &content).exists());
}

#[tokio::test]
async fn the_pieces_of_a_blob_are_bounded() {
    let root = tempfile::tempdir().unwrap();
    let opened = Opened::at(root.path());
    let content = large();
    opened.place_good("app", &content).await;
    let (at, digest) = (repository("app"), Digest::of(&content));
    let folder = crate::folder::Folder::open_to_read(root.path()).unwrap();
    let opened = folder.open_blob(&at, &digest, |size| Some(0..size)).await.unwrap();
    let (_, Some(pieces)) = opened.unwrap() else { panic!("no pieces") };
    let sizes: Vec<usize> = pieces.into_stream().map(|piece| piece.unwrap().len()).collect().await;
    assert!(sizes.len() > 4 && sizes.iter().all(|size| *size <= 512 * 1024), "{sizes:?}");
}
