//! What a source and a destination may be.

use std::fs;

use super::{End, Side};

/// Writes an end as `store | repository | tag | digest`.
fn read(side: Side, text: &str) -> String {
    let end = End::parse(side, text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let or_none = |part: Option<String>| part.unwrap_or_else(|| "-".to_owned());
    let digest = end.digest.map(|digest| digest.to_string()[..10].to_owned());
    let parts = [
        end.repository.map(|repository| repository.to_string()),
        end.tag.map(|tag| tag.to_string()),
        digest,
    ];
    format!("{} | {}", end.store, parts.map(or_none).join(" | "))
}

fn hint(side: Side, text: &str) -> String {
    End::parse(side, text).unwrap_err().hint().unwrap()
}

const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

#[test]
fn a_source_is_completed_as_container_runtimes_do() {
    for (text, expected) in [
        ("redis", "docker.io | library/redis | - | -"),
        ("redis:7.2", "docker.io | library/redis | 7.2 | -"),
        ("docker://docker.io/team/app:1", "docker.io | team/app | 1 | -"),
        ("localhost:5000/app", "localhost:5000 | app | - | -"),
        ("[::1]:5000/a/b:latest", "[::1]:5000 | a/b | latest | -"),
        ("oci:5000/app:1", "oci:5000 | app | 1 | -"),
    ] {
        assert_eq!(read(Side::Source, text), expected, "{text}");
    }
    let pinned = format!("ghcr.io/team/app:1@{DIGEST}");
    assert_eq!(read(Side::Source, &pinned), "ghcr.io | team/app | 1 | sha256:e3b");
    let bare = format!("ghcr.io/team/app@{DIGEST}");
    assert_eq!(read(Side::Source, &bare), "ghcr.io | team/app | - | sha256:e3b");
}

#[test]
fn a_destination_names_its_registry() {
    for (text, expected) in [
        ("localhost:5001", "localhost:5001 | - | - | -"),
        ("registry.example.com/", "registry.example.com | - | - | -"),
        ("docker://localhost:5001/a/b", "localhost:5001 | a/b | - | -"),
        ("docker.io/redis:1", "docker.io | library/redis | 1 | -"),
        ("r.io/docker.io/library/redis:1", "r.io | docker.io/library/redis | 1 | -"),
    ] {
        assert_eq!(read(Side::Destination, text), expected, "{text}");
    }
    assert_eq!(
        hint(Side::Destination, "team/app:1"),
        "begin with the registry, such as docker.io/team/app:1"
    );
    assert!(hint(Side::Destination, "app").contains("docker.io/app"));
}

#[test]
fn a_folder_is_a_layout_if_it_has_a_tag_or_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("Usb");
    fs::create_dir_all(root.join("app")).unwrap();
    let root = root.to_str().unwrap();
    let both = [Side::Source, Side::Destination];
    for side in both {
        let whole = format!("oci:{root}");
        assert_eq!(read(side, &whole), format!("{whole} | - | - | -"));
        assert_eq!(read(side, &format!("{whole}/app:1")), format!("{whole} | app | 1 | -"));
        let pinned = format!("{whole}/app@{DIGEST}");
        assert_eq!(read(side, &pinned), format!("{whole} | app | - | sha256:e3b"));
        assert!(
            hint(side, &format!("{whole}:1")).contains("oci:DIR/app:1"),
            "Usb is no repository"
        );
    }
    // A colon at the end makes it a layout that need not exist.
    for (below, expected) in [("new:", "new | - | -"), ("app:", "app | - | -")] {
        for side in both {
            let whole = format!("oci:{root}");
            assert_eq!(read(side, &format!("{whole}/{below}")), format!("{whole} | {expected}"));
        }
    }
    fs::write(format!("{root}/app/oci-layout"), "{}").unwrap();
    assert_eq!(read(Side::Source, &format!("oci:{root}/app")), format!("oci:{root} | app | - | -"));
    assert_eq!(read(Side::Source, "oci:app:1"), "oci:. | app | 1 | -");
    assert_eq!(read(Side::Source, "oci:./app:1"), "oci:. | app | 1 | -");
}

#[test]
fn a_layout_below_a_folder_of_longshore_belongs_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().to_str().unwrap().to_owned();
    fs::create_dir(folder.path().join(".longshore")).unwrap();
    for (below, expected) in [
        ("team/app:1", "team/app | 1 | -"),
        ("team/app", "team/app | - | -"),
        ("a/b/c:x", "a/b/c | x | -"),
    ] {
        let read = read(Side::Destination, &format!("oci:{root}/{below}"));
        assert_eq!(read, format!("oci:{root} | {expected}"));
    }
}

#[test]
fn the_innermost_folder_of_longshore_decides_whatever_lies_further_up() {
    let folder = tempfile::tempdir().unwrap();
    let images = folder.path().join("usb/images");
    fs::create_dir_all(images.join(".longshore")).unwrap();
    fs::create_dir_all(images.join("lib/tool")).unwrap();
    fs::write(images.join("lib/tool/oci-layout"), "{}").unwrap();
    let root = format!("oci:{}", images.to_str().unwrap());
    let pinned = format!("/team/app@{DIGEST}");
    let cases = [
        ("/team/app:v2.9.1", "team/app | v2.9.1 | -"),
        ("/lib/tool", "lib/tool | - | -"),
        ("/new/app", "new/app | - | -"),
        ("/new/app:", "new/app | - | -"),
        (&pinned, "team/app | - | sha256:e3b"),
        ("", "- | - | -"),
    ];
    // The second and the third time, longshore has written to the folders around it.
    for written in ["usb/images", "usb", "."] {
        fs::create_dir_all(folder.path().join(written).join(".longshore")).unwrap();
        for (below, expected) in cases {
            for side in [Side::Source, Side::Destination] {
                let found = read(side, &format!("{root}{below}"));
                assert_eq!(found, format!("{root} | {expected}"), "{written}: {below}");
            }
        }
    }
    let tagged = read(Side::Destination, &format!("{root}:1"));
    assert!(tagged.ends_with("/usb | images | 1 | -"), "{tagged}");
}

#[test]
fn a_file_behind_oci_is_no_layout() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().to_str().unwrap();
    for name in ["ex.tar", "ex.tar.gz", "file"] {
        fs::write(folder.path().join(name), "").unwrap();
    }
    for (name, expected) in [
        ("ex.tar", "run skopeo copy docker-archive:ROOT/ex.tar oci:DIR:TAG"),
        ("ex.tar:1", "run skopeo copy docker-archive:ROOT/ex.tar oci:DIR:TAG"),
        ("ex.tar.gz:", "run skopeo copy docker-archive:ROOT/ex.tar.gz oci:DIR:TAG"),
        ("file", "name the folder that has the file oci-layout"),
        ("file:1", "name the folder that has the file oci-layout"),
    ] {
        let found = hint(Side::Source, &format!("oci:{root}/{name}"));
        assert!(found.starts_with(&expected.replace("ROOT", root)), "{name}: {found}");
    }
    let to = hint(Side::Destination, &format!("oci:{root}/ex.tar:1"));
    assert!(to.ends_with(&format!("docker-archive:{root}/ex.tar")), "{to}");
}

#[test]
fn what_other_tools_take_gets_a_way_out() {
    for (text, expected) in [
        ("https://ghcr.io/team/app", "write ghcr.io/team/app"),
        ("http://r.io/app:1", "write r.io/app:1, and give --tls-verify=false"),
        ("ocidir://dir/app:1", "write oci:dir/app:1"),
        ("oci:///mnt/app:1", "write oci:/mnt/app:1"),
        (
            "oci://r.io/app:1",
            "write r.io/app:1 for a registry, or oci:r.io/app:1 for an image layout",
        ),
        ("./app:1", "write oci:./app:1 for an image layout"),
        ("/mnt/app", "write oci:/mnt/app for an image layout"),
        (
            "docker-daemon:app:1",
            "run skopeo copy docker-daemon:app:1 oci:DIR:TAG, and copy oci:DIR:TAG",
        ),
        ("oci:~/app:1", "write oci: and the whole path, or quote it as \"oci:$HOME/DIR\""),
        ("oci:", "write oci:DIR:TAG"),
        ("", "write REGISTRY/REPOSITORY:TAG"),
        ("docker://", "write REGISTRY/REPOSITORY:TAG"),
        (
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "name the image by its tag, or by the digest of its manifest, as in redis:7",
        ),
        (
            "docker://oci:dir:1",
            "write [REGISTRY/]REPOSITORY:TAG or @DIGEST, or oci:DIR:TAG for an image layout",
        ),
    ] {
        assert_eq!(hint(Side::Source, text), expected, "{text}");
    }
    for path in ["./ex.zip", "/mnt/ex.7z"] {
        let error = End::parse(Side::Source, path).unwrap_err();
        assert!(error.to_string().contains("it is the path of an archive"), "{error}");
        assert_eq!(
            hint(Side::Source, path),
            "unpack it, and write oci:DIR:TAG for an image layout"
        );
    }
    for path in
        ["./ex.tar", "/mnt/ex.tar.gz", "../ex.tgz", "/mnt/ex.tar.zst", "./EX.TAR", "./ex.txz"]
    {
        let error = End::parse(Side::Source, path).unwrap_err();
        assert!(error.to_string().contains("it is the path of an archive"), "{error}");
        let expected =
            format!("run skopeo copy docker-archive:{path} oci:DIR:TAG, or oci-archive:");
        assert!(error.hint().unwrap().starts_with(&expected), "{path}");
        let expected = format!("docker://REGISTRY/REPOSITORY:TAG docker-archive:{path}");
        assert!(hint(Side::Destination, path).ends_with(&expected), "{path}");
    }
    let archive = hint(Side::Destination, "docker-archive:x.tar");
    assert_eq!(archive, "run skopeo copy docker://REGISTRY/REPOSITORY:TAG docker-archive:x.tar");
    assert_eq!(read(Side::Source, "dir:5000/app:1"), "dir:5000 | app | 1 | -");
}

#[test]
fn a_password_is_not_shown() {
    for text in ["jo:pa55@r.io/app:1", "docker://jo:pa55@r.io/app", "https://jo:pa55@r.io/app"] {
        let error = End::parse(Side::Source, text).unwrap_err();
        let said = format!("{error} {error:?} {:?}", error.hint());
        assert!(!said.contains("pa55"), "{said}");
    }
}
