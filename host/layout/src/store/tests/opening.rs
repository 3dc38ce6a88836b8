//! Which folders can be opened, and what is said of the others.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use longshore_store::{Fault, StoreError};

use super::{LayoutStore, Opened, name};

fn hint(error: &StoreError) -> &str {
    error.hint.as_deref().unwrap_or_default()
}

#[tokio::test]
async fn a_destination_is_created_and_a_source_is_not() {
    let root = tempfile::tempdir().unwrap();
    let missing = root.path().join("deep/folder");
    let error = LayoutStore::open_source(&name(&missing)).unwrap_err();
    let expected = format!("open oci:{}: the folder does not exist", missing.display());
    assert_eq!(error.to_string(), expected);
    assert!(error.is_not_found() && hint(&error).starts_with("check the path"), "{error:?}");

    let destination = LayoutStore::open_destination(&name(&missing)).unwrap();
    assert_eq!(destination.repositories().await.unwrap(), [""; 0]);
    assert!(destination.shares_blobs());
    let source = LayoutStore::open_source(&name(&missing)).unwrap();
    assert_eq!(source.name().as_str(), format!("oci:{}", missing.display()));
    assert_eq!(Arc::clone(&destination).as_source().name(), source.name());
}

#[tokio::test]
async fn one_layout_is_not_a_folder_of_them() {
    let root = tempfile::tempdir().unwrap();
    Opened::at(root.path()).push_image("app", "1", b"layer").await;
    let app = name(&root.path().join("app"));
    let as_source = LayoutStore::open_source(&app).unwrap_err();
    let as_destination = LayoutStore::open_destination(&app).unwrap_err();
    for error in [as_source, as_destination] {
        assert_eq!(*error.fault, Fault::Refused);
        let expected = format!("name the folder above it: oci:{}", root.path().display());
        assert_eq!(hint(&error), expected);
    }
}

#[test]
fn a_file_and_a_closed_folder_are_named() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("file");
    fs::write(&file, b"").unwrap();
    let error = LayoutStore::open_destination(&name(&file)).unwrap_err();
    assert!(error.to_string().ends_with("file: not a directory"), "{error}");

    let closed = root.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
    // The superuser may still read it.
    if fs::read_dir(&closed).is_err() {
        let error = LayoutStore::open_source(&name(&closed)).unwrap_err();
        assert!(hint(&error).contains("change its permissions"), "{error:?}");
    }
}

#[test]
fn a_full_disk_is_named_with_advice() {
    let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
    let operation = longshore_store::Operation::new("write blob", "x");
    let error = crate::store::error::failed(operation, "/mnt/usb".as_ref(), &full);
    assert_eq!(error.to_string(), "write blob x: the disk that holds /mnt/usb is full");
    assert!(hint(&error).contains("another disk"), "{error:?}");
    assert!(!error.transient && *error.fault == Fault::Other);
}
