//! Folders that cannot be a store: clear errors with hints, and nothing is written.

use std::os::unix::fs::symlink;

use longshore_content::{Content, Image, Index, Layouts};

use super::{LIST, image};
use crate::support::{Kind, Longshore, Registry, Run, Store};

/// Prepares `mirror` with a source on which nothing listens.
fn into(destination: &str) -> Longshore {
    Longshore::new().mirror().list(LIST).source("127.0.0.1:9").destination(destination)
}

fn from(source: &str) -> Longshore {
    Longshore::new().mirror().list(LIST).source(source).destination("127.0.0.1:9")
}

#[test]
fn a_source_folder_that_does_not_exist_is_named() {
    for command in ["mirror", "mirror-validate"] {
        let run = Longshore::new().arg(command).list(LIST).source("oci:missing");
        let run = run.destination("127.0.0.1:9").run().exits(2);
        let run = run.complains("failed to open oci:missing: the folder does not exist");
        let run = run.complains("hint: check the path; only a destination is created");
        assert!(!run.directory().join("missing").exists());
        assert_eq!(run.file("mirror-failed.txt"), None);
    }
}

#[test]
fn a_folder_that_is_one_layout_gets_the_hint_to_name_the_folder_above() {
    let Some(store) = Store::new(Kind::Folder) else { return };
    store.push("team/app", "1", &image("linux/amd64", 1));
    let layout = format!("{}/team/app", store.name());
    for run in [from(&layout), into(&layout), into(&layout).arg("--dry-run")] {
        let run = run.run().exits(2).complains("the folder is one image layout");
        run.complains(&format!("hint: name the folder above it: {}/team", store.name()));
    }
}

#[test]
fn a_file_is_not_a_folder() {
    for run in [from("oci:file"), into("oci:file"), into("oci:file/below")] {
        let run = run.file("file", "text").run().exits(2);
        let run = run.complains("failed to open oci:file").complains("ot a directory");
        assert_eq!(run.file("file").as_deref(), Some("text"));
    }
}

#[test]
fn a_link_to_nothing_is_named_with_its_target() {
    for (folder, link) in
        [("oci:link", "link"), ("oci:link/below", "link"), ("oci:./link/", "./link")]
    {
        for run in [into(folder), from(folder), into(folder).arg("--dry-run")] {
            let directory = run.directory();
            symlink("no/where", directory.join("link")).expect("a link can be made");
            let run = run.run().exits(2);
            let run =
                run.complains(&format!("{link} is a symbolic link to no/where, which does not"));
            run.complains("hint: create no/where, or remove the link");
            assert!(!directory.join("no").exists());
        }
    }
    let run = into("oci:link");
    std::fs::create_dir(run.directory().join("target")).expect("a folder can be made");
    symlink("target", run.directory().join("link")).expect("a link can be made");
    run.run().exits(1);
}

#[test]
fn a_folder_in_another_spelling_gets_the_right_one() {
    for (folder, hint) in [
        ("oci://images", "oci:images"),
        ("./images", "oci:./images"),
        ("/images", "oci:/images"),
        ("ocidir://images", "oci:images"),
    ] {
        into(folder).run().exits(2).complains(&format!("hint: write -d {hint}\n"));
        from(folder).run().exits(2).complains(&format!("hint: write -s {hint}\n"));
    }
    for folder in ["oci:~/images", "oci:~jo", "oci:$HOME/images"] {
        let run = into(folder).run().exits(2).complains("is not expanded behind oci:");
        assert_eq!(run.directory().read_dir().expect("it is readable").count(), 1, "{folder}");
    }
    let run = Longshore::new().mirror().list(LIST).env("DOCKER_REGISTRY", "oci:~/images");
    run.run().exits(2).complains("hint: write DOCKER_REGISTRY=oci: and the whole path");
}

#[test]
fn slashes_at_the_end_change_nothing() {
    let source = Registry::embedded();
    source.push("team/app", "1", &image("linux/amd64", 1));
    let run = |folder: &str| {
        Longshore::new().mirror().list(LIST).source(source.address()).destination(folder).run()
    };
    for folder in ["oci:images/", "oci:images//", "oci:./images/"] {
        let run = run(folder).exits(0).complains("images/team/app:1");
        assert!(!run.stderr.contains("//"), "{}", run.stderr);
    }
}

#[test]
fn a_folder_that_is_source_and_destination_gets_a_hint_about_folders() {
    let Some(store) = Store::new(Kind::Folder) else { return };
    store.push("team/app", "1", &image("linux/amd64", 1));
    let slashes = format!("{}//", store.name());
    for destination in [store.name(), slashes] {
        let run = Longshore::new().mirror().list(LIST).source(&store.name());
        let run = run.destination(&destination).run().exits(1);
        let run = run.complains("source and destination are the same");
        run.complains("hint: give another folder or a registry with -d");
    }
}

#[test]
fn a_disk_that_cannot_be_written_is_named() {
    let script = "mkdir disk; mount -t tmpfs -o ro tmpfs disk";
    let Some(run) = into("oci:disk").mounting(script) else { return };
    let run = run.run().exits(2).complains("failed to open oci:disk");
    run.complains("hint: remount the disk that holds disk so that it can be written");
}

#[test]
fn a_read_only_folder_is_a_source_all_the_same() {
    let destination = Registry::embedded();
    let Some(store) = Store::new(Kind::Folder) else { return };
    let image = image("linux/amd64", 1);
    store.push("team/app", "1", &image);
    let Store::Folder(layouts, _) = &store else { unreachable!("it is a folder") };
    let root = layouts.root().display();
    let script = format!("mount --bind '{root}' '{root}'; mount -o remount,bind,ro '{root}'");
    let run = Longshore::new().mirror().list(LIST).source(&store.name());
    let Some(run) = run.destination(destination.address()).mounting(&script) else { return };
    run.run().exits(0);
    Store::from(destination).assert_has("team/app", "1", &image);
}

#[test]
fn a_folder_without_permission_is_named() {
    let script = "mkdir closed; chmod 0 closed";
    let Some(run) = into("oci:closed/images").unprivileged(script) else { return };
    let run = run.run().exits(2).complains("failed to open oci:closed/images");
    run.complains("hint: run as a user who may read and write closed/images");
}

#[test]
fn a_folder_in_a_list_gets_the_hint_to_use_the_flags() {
    let Some(store) = Store::new(Kind::Folder) else { return };
    store.push("team/app", "1", &image("linux/amd64", 1));
    let destination = Registry::embedded();
    let list = format!("{}/team/app team/app 1\n", store.name());
    let run = Longshore::new().mirror().list(&list).destination(destination.address()).run();
    let run = run.exits(1).sums_up("0 copied, 0 skipped, 1 failed");
    run.complains("a folder of image layouts, which only -s and -d");
    for folder in ["oci:images", "oci:./images"] {
        let list = format!("team/app {folder}/app 1\n");
        let run = Longshore::new().mirror().list(&list).source(&store.name()).run();
        let run = run.exits(1).sums_up("0 copied, 0 skipped, 1 failed");
        let run = run.complains("a folder of image layouts, which only -s and -d");
        assert!(!run.directory().join("images").exists());
        assert!(!run.directory().join(folder).exists());
    }
}

#[test]
fn an_index_that_is_not_json_is_named_and_kept() {
    let source = Registry::embedded();
    source.push("team/app", "1", &image("linux/amd64", 1));
    for (text, at_source) in [("{\"manifests\":[{", false), ("", false), ("{", true)] {
        let Some(store) = Store::new(Kind::Folder) else { return };
        store.push("team/app", "2", &image("linux/amd64", 2));
        let Store::Folder(layouts, _) = &store else { unreachable!("it is a folder") };
        let path = layouts.root().join("team/app/index.json");
        std::fs::write(&path, text).expect("the index can be written");
        let run = Longshore::new().mirror().list(LIST);
        let run = match at_source {
            true => run.source(&store.name()).destination(source.address()),
            false => run.source(source.address()).destination(&store.name()),
        };
        let run = run.run().exits(1).complains(&format!("{} is broken: ", path.display()));
        run.complains("hint: remove the repository's folder and mirror it again");
        assert_eq!(std::fs::read_to_string(path).ok().as_deref(), Some(text), "it was replaced");
    }
}

#[test]
fn a_relative_folder_and_one_with_blanks_can_be_repeated() {
    let source = Registry::embedded();
    let image = image("linux/amd64", 1);
    source.push("team/app", "1", &image);
    let list = "team/app team/app 1\nteam/late team/late 1\n";
    let run = Longshore::new().mirror().list(list).source(source.address());
    let run = run.destination("oci:my images/$x").run().exits(1);
    source.push("team/late", "1", &image);
    let run = run.repeated("mirror-failed.txt").exits(0).sums_up("1 copied, 0 skipped, 0 failed");
    let layouts = Layouts::new(&run.directory().join("my images/$x"));
    assert_eq!(layouts.repositories().expect("it is readable"), ["team/app", "team/late"]);
    assert_eq!(layouts.broken("team/late", "1").expect("it is readable"), [""; 0]);
}

/// Creates an image with media types of Docker and a layer of its own.
fn docker(seed: u64) -> Content {
    Image::new("linux/amd64").docker().layer(seed, 100).build()
}

/// Returns the source of the image that the warning about media types of Docker names, and their count at the end.
fn told_of_docker(run: &Run) -> (Option<&str>, Option<&str>) {
    let before = |text| run.stderr.lines().find_map(|line: &str| Some(line.split_once(text)?.0));
    let last = |text: &'static str| before(text).and_then(|before| before.split(' ').next_back());
    (last(" has Docker's media type "), last(" images in folders have Docker's media types"))
}

#[test]
fn only_what_a_run_copied_counts_as_of_docker_s_types() {
    let source = Registry::embedded();
    for seed in 1..=4 {
        source.push(&format!("team/app{seed}"), "1", &docker(seed));
    }
    let other = Image::new("linux/s390x").docker().layer(9, 100).build();
    source.push("team/index", "1", &Index::docker().child(&docker(5)).child(&other).build());
    let folder = tempfile::tempdir().expect("a scratch directory can be made");
    let to = format!("oci:{}", folder.path().display());
    let mirror = |list: &str, flags: &[&str]| {
        let run = Longshore::new().mirror().list(list).source(source.address());
        run.destination(&to).args(["-j", "1"]).args(flags).run()
    };
    let entry = |name: &str| format!("team/{name} team/{name} 1\n");
    let broken = entry("app1") + &entry("app2");
    for seed in [1, 2] {
        source.lose(&format!("team/app{seed}"), docker(seed).blobs()[1].digest());
    }
    // Nothing arrives.
    let run = mirror(&broken, &[]).exits(1).sums_up("0 copied, 0 skipped, 2 failed");
    assert_eq!(told_of_docker(&run), (None, None), "{}", run.stderr);
    // A part arrives; the index is cut.
    let list = broken + &entry("app3") + &entry("app4") + &entry("index");
    let first = format!("{}/team/app3:1", source.address());
    let run = mirror(&list, &["-a", "amd64"]).exits(1).sums_up("3 copied, 0 skipped, 2 failed");
    assert_eq!(told_of_docker(&run), (Some(&*first), Some("3")), "{}", run.stderr);
    run.complains("this run copied them");
    // What was there is not counted again, whether it is cut, as it was, or looked through.
    let good = entry("app3") + &entry("app4") + &entry("index");
    for flags in [&["-a", "amd64"][..], &["-a", "amd64", "--force-recursive"]] {
        let run = mirror(&good, flags).exits(0).sums_up("0 copied, 3 skipped, 0 failed");
        assert_eq!(told_of_docker(&run), (None, None), "{}", run.stderr);
    }
    // What is mended counts.
    let lost = docker(3).blobs()[1].digest().to_owned();
    let path = Layouts::new(folder.path()).file("team/app3", &lost);
    std::fs::remove_file(path).expect("the layer is there");
    let run = mirror(&good, &["-a", "amd64", "--force-recursive"]).exits(0);
    let run = run.sums_up("1 copied, 2 skipped, 0 failed");
    assert_eq!(told_of_docker(&run), (Some(&*first), None), "{}", run.stderr);
}
