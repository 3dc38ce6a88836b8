//! Folders with links, dependencies and ignored files.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::ChartFolder;
use crate::archive::{ArchiveError, Chart};

fn write(folder: &Path, files: &[(&str, &str)]) {
    for (path, text) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

fn chart(folder: &Path, name: &str, more: &str) {
    let text = format!("apiVersion: v2\nname: {name}\nversion: 1.2.0\n{more}");
    write(folder, &[("Chart.yaml", &text)]);
}

fn error(folder: &Path) -> String {
    ChartFolder::read(folder).unwrap_err().to_string()
}

fn dependency(name: &str, version: &str, repository: &str) -> String {
    format!("- name: {name}\n  version: '{version}'\n  repository: '{repository}'\n")
}

#[test]
fn the_same_files_give_the_same_archive_whatever_their_times() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for folder in [one.path(), two.path()] {
        chart(folder, "a", "");
    }
    write(one.path(), &[("values.yaml", "a: 1"), ("templates/x.yaml", "x"), ("b.md", "no")]);
    write(two.path(), &[("b.txt", "no"), ("templates/x.yaml", "x"), ("values.yaml", "a: 1")]);
    for folder in [one.path(), two.path()] {
        write(folder, &[(".helmignore", "b.*\n"), ("templates/.swp", "no")]);
    }
    let old = fs::File::open(two.path().join("values.yaml")).unwrap();
    old.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1000)).unwrap();
    let [one, two] = [&one, &two].map(|folder| ChartFolder::read(folder.path()).unwrap().pack());
    assert_eq!(one, two);
    let paths: Vec<_> =
        Chart::of_archive(&one).unwrap().files().iter().map(|(path, _)| path.clone()).collect();
    assert_eq!(paths, ["Chart.yaml", ".helmignore", "templates/x.yaml", "values.yaml"]);
}

#[test]
fn links_inside_are_followed_and_links_out_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    chart(folder.path(), "a", "");
    write(folder.path(), &[("files/x", "x")]);
    symlink("files/x", folder.path().join("linked")).unwrap();
    let packed = ChartFolder::read(folder.path()).unwrap().pack();
    let chart = Chart::of_archive(&packed).unwrap();
    assert!(chart.files().contains(&("linked".to_owned(), b"x".to_vec())));

    for (target, leads) in
        [("/etc/hostname", "out of"), ("..", "out of"), ("missing", "nowhere"), (".", "back to")]
    {
        let link = folder.path().join("bad");
        symlink(target, &link).unwrap();
        assert!(error(folder.path()).contains(leads), "{target}");
        fs::remove_file(link).unwrap();
    }
    symlink("/etc", folder.path().join("ignored")).unwrap();
    write(folder.path(), &[(".helmignore", "ignored/\n")]);
    assert!(ChartFolder::read(folder.path()).is_ok(), "what is left out does no harm");
}

#[test]
fn local_dependencies_are_packed_and_those_of_repositories_are_named() {
    let root = tempfile::tempdir().unwrap();
    let dependencies = format!(
        "dependencies:\n{}{}{}{}",
        dependency("near", "^1.0", "file://../near"),
        dependency("there", ">=1", ""),
        dependency("far", "2.x", "https://charts.example"),
        dependency("unpacked", "1.x.x", "https://charts.example"),
    );
    let main = root.path().join("main");
    chart(&main, "main", &dependencies);
    chart(&main.join("charts/there"), "there", "");
    chart(&main.join("charts/other-name"), "unpacked", "");
    let below = format!("dependencies:\n{}", dependency("deep", "3.0.0", "oci://r.example/x"));
    chart(&root.path().join("near"), "near", &below);
    let mut folder = ChartFolder::read(&main).unwrap();
    let missing: Vec<_> = folder
        .missing()
        .into_iter()
        .map(|(place, locked)| (place, locked.dependency.name, locked.version))
        .collect();
    let expected = [(vec![], "far", "2.x"), (vec![0], "deep", "3.0.0")];
    assert_eq!(missing, expected.map(|(p, n, v)| (p, n.to_owned(), v.to_owned())));

    let archive = |name: &str| {
        let text = format!("apiVersion: v2\nname: {name}\nversion: 3.0.0\n");
        crate::archive::pack(name, &[("Chart.yaml".to_owned(), text.into_bytes())])
    };
    folder.add(&[], "far", "2.1.0", archive("far"));
    folder.add(&[0], "deep", "3.0.0", archive("deep"));
    let packed = Chart::of_archive(&folder.pack()).unwrap();
    let charts: Vec<_> = packed
        .files()
        .iter()
        .filter(|(path, _)| path.ends_with("Chart.yaml"))
        .map(|(path, _)| path.as_str())
        .collect();
    assert_eq!(
        charts,
        [
            "Chart.yaml",
            "charts/far-2.1.0/Chart.yaml",
            "charts/near-1.2.0/Chart.yaml",
            "charts/near-1.2.0/charts/deep-3.0.0/Chart.yaml",
            "charts/other-name/Chart.yaml",
            "charts/there/Chart.yaml",
        ]
    );
}

#[test]
fn dependencies_in_a_circle_are_an_error() {
    let root = tempfile::tempdir().unwrap();
    for (name, other) in [("a", "b"), ("b", "c"), ("c", "a")] {
        let other = dependency(other, "*", &format!("file://../{other}"));
        chart(&root.path().join(name), name, &format!("dependencies:\n{other}"));
    }
    let found = error(&root.path().join("a"));
    assert!(found.starts_with("the dependencies go in a circle: "), "{found}");
    chart(
        &root.path().join("a"),
        "a",
        &format!("dependencies:\n{}", dependency("a", "", "file://.")),
    );
    assert!(error(&root.path().join("a")).contains("circle"));
}

#[test]
fn the_lock_decides_and_must_match() {
    let folder = tempfile::tempdir().unwrap();
    let repository = "https://charts.example";
    let needs = format!("dependencies:\n{}", dependency("far", "^2.0", repository));
    chart(folder.path(), "a", &needs);
    let lock = |text: String| write(folder.path(), &[("Chart.lock", &text)]);
    lock(format!("dependencies:\n{}", dependency("far", "2.3.4", repository)));
    let found = ChartFolder::read(folder.path()).unwrap().missing();
    assert_eq!(found[0].1.version, "2.3.4");
    for (text, why) in [
        (format!("dependencies:\n{}", dependency("far", "1.0.0", repository)), "not in the range"),
        (format!("dependencies:\n{}", dependency("near", "2.0.0", repository)), "far is missing"),
        ("dependencies: []\n".to_owned(), "it has 0 dependencies of 1"),
    ] {
        lock(text);
        let found = error(folder.path());
        assert!(found.starts_with("Chart.lock does not match") && found.contains(why), "{found}");
    }
    lock("dependencies: [\n".to_owned());
    assert!(error(folder.path()).starts_with("Chart.lock: "));
}

#[test]
fn a_dependency_that_is_nowhere_or_another_chart_is_named() {
    let root = tempfile::tempdir().unwrap();
    let main = root.path().join("main");
    chart(&root.path().join("other"), "other", "");
    for (needs, why) in [
        (dependency("gone", "1.x", ""), "is not in charts/, and names no repository"),
        (dependency("gone", "1.x", "file://../gone"), "gone"),
        (dependency("wrong", "1.x", "file://../other"), "holds other 1.2.0"),
        (dependency("other", "2.x", "file://../other"), "the dependency is other 2.x"),
        (dependency("other", "=>>1", "file://../other"), "is not a version condition"),
    ] {
        chart(&main, "main", &format!("dependencies:\n{needs}"));
        let found = error(&main);
        assert!(found.contains(why), "{found}");
    }
}

#[test]
fn aliases_of_one_chart_share_its_archive() {
    let root = tempfile::tempdir().unwrap();
    let (main, near) = (root.path().join("main"), root.path().join("near"));
    chart(&near, "near", "");
    let with = |name: &str, version: &str, repository: &str, alias: &str| {
        format!("{}  alias: {alias}\n", dependency(name, version, repository))
    };
    let needs = [
        with("near", "1.x", "file://../near", "one"),
        with("near", "~1", "file://../near", "two"),
        with("far", "~1", "https://r", "three"),
        with("far", "~1", "https://r", "four"),
        with("far", ">=1", "https://r", "five"),
        with("far", "~1", "https://other", "six"),
    ];
    chart(&main, "main", &format!("dependencies:\n{}", needs.concat()));
    let mut folder = ChartFolder::read(&main).unwrap();
    let missing = folder.missing();
    let asked = missing.iter().map(|(_, locked)| locked.dependency.alias.as_str());
    assert_eq!(asked.collect::<Vec<_>>(), ["three", "five", "six"]);
    for (place, _) in &missing {
        folder.add(place, "far", "1.0.0", ChartFolder::read(&near).unwrap().pack());
    }
    let packed = Chart::of_archive(&folder.pack()).unwrap();
    let found = packed.files().iter().filter(|(path, _)| path.ends_with("Chart.yaml"));
    let found: Vec<_> = found.map(|(path, _)| path.as_str()).collect();
    assert_eq!(found.len(), 3, "{found:?}");
}

#[test]
fn requirements_of_old_charts_count() {
    for (head, lock) in [
        ("apiVersion: v1", "requirements.lock"),
        ("home: https://x", "requirements.lock"),
        ("apiVersion: v2", "requirements.lock"),
        ("apiVersion: v2", "Chart.lock"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        write(
            folder.path(),
            &[
                ("Chart.yaml", &format!("{head}\nname: a\nversion: 1.0.0\n")),
                (
                    "requirements.yaml",
                    &format!("dependencies:\n{}", dependency("b", "~1", "https://r")),
                ),
                (lock, &format!("dependencies:\n{}", dependency("b", "1.5.0", "https://r"))),
            ],
        );
        let found = ChartFolder::read(folder.path()).unwrap().missing();
        let found = (found[0].1.dependency.name.as_str(), found[0].1.version.as_str());
        assert_eq!(found, ("b", "1.5.0"), "{head} {lock}");
    }
}

#[test]
fn files_without_end_and_large_ones_are_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    fs::write(file("Chart.yaml"), "apiVersion: v2\nname: a\nversion: 1.0.0\n").unwrap();
    for name in [".helmignore", "templates"] {
        symlink("/dev/zero", file(name)).unwrap();
        let error = ChartFolder::read(folder.path()).unwrap_err().to_string();
        assert!(error.contains(name) && !error.is_empty(), "{error}");
        fs::remove_file(file(name)).unwrap();
    }
    let zeros = fs::File::create(file(".helmignore")).unwrap();
    zeros.set_len(super::FILE_LIMIT + 1).unwrap();
    let error = ChartFolder::read(folder.path()).unwrap_err().to_string();
    assert!(error.contains(".helmignore: it has more than"), "{error}");
    fs::remove_file(file(".helmignore")).unwrap();
    assert_eq!(super::metadata_in(folder.path()).unwrap().name, "a");
    let zeros = fs::File::create(file("Chart.yaml")).unwrap();
    zeros.set_len(super::FILE_LIMIT + 1).unwrap();
    let error = super::metadata_in(folder.path()).unwrap_err().to_string();
    assert!(error.contains("Chart.yaml: it has more than"), "{error}");
    fs::remove_file(file("Chart.yaml")).unwrap();
    assert!(matches!(super::metadata_in(folder.path()), Err(ArchiveError::NoChartYaml)));
}
