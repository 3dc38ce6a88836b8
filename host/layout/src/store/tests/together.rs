//! Several stores on one folder, and what a run that was killed leaves.

use std::fs;
use std::path::Path;
use std::time::Duration;

use futures_util::future::join_all;
use longshore_oci::Content;
use longshore_store::BlobPresence;
use serde_json::{Value, json};

use super::{LayoutStore, Opened, by_digest, image, index, name, repository, tag};

fn lines_of_index(opened: &Opened, at: &str) -> usize {
    let text = fs::read(opened.root.join(at).join("index.json")).unwrap();
    let index: Value = serde_json::from_slice(&text).unwrap();
    index["manifests"].as_array().unwrap().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_stores_that_write_tags_at_once_lose_none() {
    let root = tempfile::tempdir().unwrap();
    let (one, two) = (Opened::at(root.path()), Opened::at(root.path()));
    one.push_image("app", "0", b"layer").await;
    let pushes = (1..=300).map(|number| {
        let opened = if number % 2 == 0 { &one } else { &two };
        let manifest = image(&[b"layer"], &json!({"annotations": {"n": number.to_string()}}));
        async move { opened.push("app", &tag(&format!("t{number}")), &manifest).await.unwrap() }
    });
    join_all(pushes).await;
    assert_eq!(lines_of_index(&one, "app"), 301);
    for opened in [&one, &two] {
        assert_eq!(opened.store.tags(&repository("app")).await.unwrap().len(), 301);
        assert!(opened.read("app", &tag("t150")).await.is_ok());
    }
}

#[tokio::test]
async fn what_one_store_writes_another_sees_with_the_children() {
    let root = tempfile::tempdir().unwrap();
    let (one, two) = (Opened::at(root.path()), Opened::at(root.path()));
    let child = one.push_image("app", "child", b"layer").await;
    assert!(two.read("app", &by_digest(&child)).await.is_ok());
    let parent = index(&[&child]);
    one.push("app", &tag("parent"), &parent).await.unwrap();
    assert_eq!(two.read("app", &tag("parent")).await.unwrap().raw, parent);
    // The child no longer has a line of its own after its tag has moved.
    let other = one.push_image("app", "child", b"other").await;
    assert_eq!(two.read("app", &tag("child")).await.unwrap().raw, other);
    assert_eq!(two.read("app", &by_digest(&child)).await.unwrap().raw, child);
    let third = Opened::at(root.path());
    assert_eq!(third.read("app", &by_digest(&child)).await.unwrap().raw, child);
}

#[tokio::test]
async fn many_images_pushed_at_once_are_all_written() {
    let root = tempfile::tempdir().unwrap();
    let opened = Opened::at(root.path());
    opened.push_image("app", "0", b"layer").await;
    let pushes = (1..=1000).map(|number| {
        let manifest = image(&[b"layer"], &json!({"annotations": {"n": number.to_string()}}));
        let opened = &opened;
        async move { opened.push("app", &tag(&format!("t{number}")), &manifest).await.unwrap() }
    });
    join_all(pushes).await;
    assert_eq!(lines_of_index(&opened, "app"), 1001);
}

#[tokio::test]
async fn only_what_nobody_writes_any_more_is_removed() {
    let root = tempfile::tempdir().unwrap();
    let first = Opened::at(root.path());
    let incoming = root.path().join(".longshore/incoming");
    let processes = || fs::read_dir(&incoming).unwrap().count();
    let own = fs::read_dir(&incoming).unwrap().next().unwrap().unwrap().path();
    fs::write(own.join("blob"), b"half").unwrap();
    let dead = incoming.join("dead");
    fs::create_dir(&dead).unwrap();
    fs::write(dead.join("blob"), b"half").unwrap();

    let second = Opened::at(root.path());
    assert!(own.join("blob").is_file() && !dead.exists());
    assert_eq!(processes(), 2);
    drop(first);
    drop(second);
    assert_eq!(processes(), 0);
}

#[tokio::test]
async fn after_a_kill_between_the_manifest_and_the_index_a_push_completes() {
    let root = tempfile::tempdir().unwrap();
    let opened = Opened::at(root.path());
    let manifest = opened.push_image("app", "1", b"layer").await;
    // As if the process had been killed before the first index was written.
    fs::remove_file(root.path().join("app/index.json")).unwrap();
    let again = Opened::at(root.path());
    assert!(again.read("app", &tag("1")).await.unwrap_err().is_not_found());
    assert_eq!(again.store.repositories().await.unwrap(), [""; 0]);
    again.push("app", &tag("1"), &manifest).await.unwrap();
    assert_eq!(again.read("app", &tag("1")).await.unwrap().raw, manifest);
    assert_eq!(opened.read("app", &tag("1")).await.unwrap().raw, manifest);
}

/// Where the process that is killed writes.
const FOLDER: &str = "LONGSHORE_TEST_FOLDER";

/// Writes images until the process is killed.
async fn write_for_ever(folder: &Path) {
    let opened = Opened::at(folder);
    for number in 0.. {
        let layer = format!("{}-{number}", std::process::id()).repeat(10_000);
        opened.push_image("app", &format!("t{}", number % 50), layer.as_bytes()).await;
    }
}

#[tokio::test]
async fn after_kills_each_tag_has_its_content() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        // This is one of the processes that are killed.
        return write_for_ever(folder.as_ref()).await;
    }
    let root = tempfile::tempdir().unwrap();
    let start = || {
        std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "store::tests::together::after_kills_each_tag_has_its_content"])
            .env(FOLDER, root.path())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap()
    };
    let mut tags = 0;
    for round in 0..8 {
        let mut processes = [start(), start()];
        tokio::time::sleep(Duration::from_millis(150 + 37 * round)).await;
        for process in &mut processes {
            process.kill().unwrap();
            process.wait().unwrap();
        }
        let opened = Opened::at(root.path());
        let processes = fs::read_dir(root.path().join(".longshore/incoming")).unwrap().count();
        assert_eq!(processes, 1, "what was left is removed");
        tags = check_tags(&opened).await;
        // The lock of a process that was killed holds nobody up.
        opened.push_image("app", "mine", b"mine").await;
    }
    assert!(tags > 1, "nothing was written");
}

/// Reads all that the tags of `app` name, and says how many there are.
async fn check_tags(opened: &Opened) -> usize {
    let (at, store) = (repository("app"), opened.store.as_ref());
    let tags = match store.tags(&at).await {
        Err(error) if error.is_not_found() => return 0,
        tags => tags.unwrap(),
    };
    for name in &tags {
        let manifest = opened.read("app", &tag(name)).await.unwrap();
        let Content::Single(image) = manifest.content else { panic!("{name} is an index") };
        for blob in image.blobs() {
            let presence = store.blob_content(&at, blob).await.unwrap();
            assert_eq!(presence, BlobPresence::Present, "a blob of {name}");
        }
    }
    tags.len()
}

#[tokio::test]
async fn a_layout_of_another_tool_is_read_and_kept() {
    let root = tempfile::tempdir().unwrap();
    let opened = Opened::at(root.path());
    let manifest = opened.push_image("app", "1", b"layer").await;
    let path = root.path().join("app/index.json");
    let text = fs::read_to_string(&path).unwrap();
    let line = text.lines().find(|line| line.contains("ref.name")).unwrap();
    let full = line.replace(r#":"1""#, r#":"docker.io/library/app:1""#);
    let replacement = root.path().join("app/new");
    fs::write(&replacement, text.replace(line, &format!("{line},\n{full}"))).unwrap();
    fs::rename(&replacement, &path).unwrap();

    assert_eq!(opened.store.tags(&repository("app")).await.unwrap(), ["1"]);
    opened.push("app", &tag("2"), &manifest).await.unwrap();
    let written = fs::read_to_string(&path).unwrap();
    assert!(written.contains("docker.io/library/app:1"), "{written}");
    fs::write(&path, b"{ broken").unwrap();
    let error = opened.read("app", &tag("1")).await.unwrap_err();
    assert!(error.message.contains("is broken") && error.hint.is_some(), "{error:?}");
    let source = LayoutStore::open_source(&name(root.path())).unwrap();
    assert!(source.tags(&repository("app")).await.is_err());
}
