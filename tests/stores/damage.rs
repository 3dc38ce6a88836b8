//! `mirror-validate` finds damage at a destination of each kind, and the command that it prints
//! repairs it.

use std::fs;

use longshore_content::Content;

use super::{LIST, image, index};
use crate::support::{Kind, Run, Stores};

for_each_kind!(
    a_missing_blob_is_found_and_repaired,
    a_cut_blob_is_found,
    a_flipped_bit_in_a_blob_is_found_by_deep,
    a_flipped_bit_in_a_manifest_is_found,
    a_missing_child_is_found_and_repaired,
    a_damaged_source_is_not_copied,
);

/// Creates a store of the kind with a valid copy of the index.
fn mirrored(kind: Kind) -> Option<Stores> {
    let stores = Stores::new(Kind::Serve, kind)?;
    stores.source.push("team/app", "1", &index());
    stores.mirror(LIST).run().exits(0);
    stores.validate(LIST).arg("--deep").run().exits(0);
    Some(stores)
}

/// Returns the second image of the index.
fn arm() -> Content {
    image("linux/arm64", 2)
}

fn layer() -> String {
    arm().blobs()[1].digest().to_owned()
}

/// Changes the stored bytes.
fn change(stores: &Stores, digest: &str, change: impl FnOnce(&mut Vec<u8>)) {
    let path = stores.destination.stored("team/app", digest);
    let mut bytes = fs::read(&path).expect("the content is there");
    change(&mut bytes);
    fs::write(path, bytes).expect("the content can be changed");
}

/// Validates with and without `--deep`, and expects one broken entry with this text.
#[track_caller]
fn finds(stores: &Stores, text: &str) -> Run {
    for arguments in [&["--deep"][..], &[]] {
        finds_with(stores, arguments, text);
    }
    stores.validate(LIST).run()
}

#[track_caller]
fn finds_with(stores: &Stores, arguments: &[&str], text: &str) -> Run {
    let run = stores.validate(LIST).args(arguments).run().exits(1);
    let run = run.sums_up("0 valid, 0 skipped, 1 failed");
    assert!(run.stdout.contains("team/app:1: broken"), "{}", run.stdout);
    assert!(run.stdout.contains(text), "no `{text}` in\n{}", run.stdout);
    run
}

/// Runs the command that the validation printed, and expects everything to be right.
#[track_caller]
fn repairs(stores: &Stores, run: &Run) {
    run.repaired().exits(0).sums_up("1 copied, 0 skipped, 0 failed");
    stores.validate(LIST).arg("--deep").run().exits(0);
    stores.destination.assert_has("team/app", "1", &index());
}

/// A registry says that it has the blob, so a client cannot replace it. The command must say so.
#[track_caller]
fn is_kept(run: &Run) {
    run.repaired().exits(1).complains("from the registry's storage");
}

fn a_missing_blob_is_found_and_repaired(kind: Kind) {
    let Some(stores) = mirrored(kind) else { return };
    fs::remove_file(stores.destination.stored("team/app", &layer())).expect("it is there");
    let run = finds(&stores, &format!("destination lacks blob {}", layer()));
    repairs(&stores, &run);
}

fn a_missing_child_is_found_and_repaired(kind: Kind) {
    let Some(stores) = mirrored(kind) else { return };
    fs::remove_file(stores.destination.stored("team/app", arm().digest())).expect("it is there");
    let run = finds(&stores, &format!("destination lacks manifest {}", arm().digest()));
    repairs(&stores, &run);
}

fn a_cut_blob_is_found(kind: Kind) {
    let Some(stores) = mirrored(kind) else { return };
    change(&stores, &layer(), |bytes| bytes.truncate(60));
    match kind {
        Kind::DockerRegistry | Kind::Distribution => is_kept(&finds(&stores, "100")),
        Kind::Folder => repairs(&stores, &finds(&stores, "100")),
        // It hands out no damaged blob.
        Kind::Serve => repairs(&stores, &finds(&stores, &format!("lacks blob {}", layer()))),
    }
}

fn a_flipped_bit_in_a_blob_is_found_by_deep(kind: Kind) {
    let Some(stores) = mirrored(kind) else { return };
    change(&stores, &layer(), |bytes| bytes[50] ^= 1);
    if kind == Kind::Serve {
        // It hands out no damaged blob.
        repairs(&stores, &finds(&stores, &format!("lacks blob {}", layer())));
        return;
    }
    stores.validate(LIST).run().exits(0);
    let run = finds_with(&stores, &["--deep"], &layer());
    match kind {
        Kind::Folder => repairs(&stores, &run),
        _ => is_kept(&run.complains("delete it from the registry's storage first")),
    }
}

fn a_flipped_bit_in_a_manifest_is_found(kind: Kind) {
    let Some(stores) = mirrored(kind) else { return };
    change(&stores, arm().digest(), |bytes| *bytes.last_mut().expect("it is not empty") = b' ');
    if matches!(kind, Kind::DockerRegistry | Kind::Distribution) {
        // These verify manifests themselves, and answer with an error.
        for arguments in [&["--deep"][..], &[]] {
            let run = stores.validate(LIST).args(arguments).run().exits(1);
            run.sums_up("0 valid, 0 skipped, 1 failed").complains(arm().digest());
        }
        return;
    }
    let run = finds(&stores, arm().digest());
    if kind == Kind::Folder {
        repairs(&stores, &run);
    }
}

/// Content is verified on its way, whatever the kind of its source.
fn a_damaged_source_is_not_copied(kind: Kind) {
    let Some(stores) = Stores::new(kind, Kind::Folder) else { return };
    stores.source.push("team/app", "1", &index());
    let path = stores.source.stored("team/app", &layer());
    let mut bytes = fs::read(&path).expect("the content is there");
    bytes[50] ^= 1;
    fs::write(path, bytes).expect("the content can be changed");
    let run = stores.mirror(LIST).run().exits(1).sums_up("0 copied, 0 skipped, 1 failed");
    run.complains(&layer());
    stores.destination.assert_lacks("team/app", "1");
    stores.destination.assert_lacks("team/app", index().digest());
    assert!(!stores.destination.stored("team/app", &layer()).exists(), "the wrong bytes are kept");
}
