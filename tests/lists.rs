//! Lists of other tools: their images arrive, and patterns select the right tags.

use std::collections::BTreeMap;

use longshore_content::{Content, Image, Index};

use crate::support::{Answer, FaultProxy, Longshore, Registry, Rule, Run};

fn image(seed: u64) -> Content {
    Image::new("linux/amd64").layer(seed, 100).build()
}

fn index(seed: u64) -> Content {
    let other = Image::new("linux/s390x").layer(seed, 90).build();
    Index::oci().child(&image(seed)).child(&other).build()
}

/// Creates a registry with two repositories, each with several tags.
pub(crate) fn source() -> Registry {
    let source = Registry::embedded();
    for (tag, seed) in [("1.0", 1), ("1.1", 2), ("1.1-rc.1", 3), ("2.0", 4), ("latest", 4)] {
        source.push("team/app", tag, &image(seed));
    }
    source.push("tools/jq", "1.7", &index(9));
    source
}

/// Returns tags and digests of both repositories.
pub(crate) fn content(registry: &Registry) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for repository in ["team/app", "tools/jq"] {
        for tag in registry.endpoint().tags(repository).expect("tags are listed") {
            let digest = registry.manifest(repository, &tag).digest;
            registry.assert_complete(repository, &tag);
            found.insert(format!("{repository}:{tag}"), digest);
        }
    }
    found
}

fn mirror(list: &str) -> Run {
    Longshore::new().mirror().list(list).run()
}

/// Creates a regsync configuration with one item: all tags of `from` that match `allow`, to `to`.
fn regsync(from: &str, to: &str, allow: &str) -> String {
    format!(
        "sync:\n- source: {from}\n  target: {to}\n  type: repository\n  tags:\n    allow: ['{allow}']\n"
    )
}

/// Returns the same list in each format: two tags of `team/app`, and `tools/jq`.
pub(crate) fn same_list(from: &str, to: &str) -> [(&'static str, String); 4] {
    let app = regsync(&format!("{from}/team/app"), &format!("{to}/team/app"), r"1\.\d");
    let jq = format!("- source: {from}/tools/jq:1.7\n  target: {to}/tools/jq:1.7\n  type: image\n");
    let skopeo = format!(
        "{from}:\n  images:\n    tools/jq: ['1.7']\n  images-by-semver:\n    team/app: '1.x'\n"
    );
    let syncer =
        format!("{from}/team/app:/^1\\.\\d$/: {to}/team/app\n{from}/tools/jq:1.7: {to}/tools/jq\n");
    let dregsy = format!(
        "tasks:\n- source: {{registry: '{from}'}}\n  target: {{registry: '{to}'}}\n  mappings:\n  \
         - from: regex:team/.*\n    tags: ['regex: 1\\.\\d']\n  - {{from: tools/jq, tags: ['1.7']}}\n"
    );
    [("regsync", app + &jq), ("skopeo-sync", skopeo), ("image-syncer", syncer), ("dregsy", dregsy)]
}

#[test]
fn the_same_images_arrive_from_every_format() {
    let source = source();
    let expected = BTreeMap::from([
        ("team/app:1.0".to_owned(), image(1).digest().to_owned()),
        ("team/app:1.1".to_owned(), image(2).digest().to_owned()),
        ("tools/jq:1.7".to_owned(), index(9).digest().to_owned()),
    ]);
    for at in 0..4 {
        let destination = Registry::embedded();
        let (name, list) = &same_list(source.address(), destination.address())[at];
        let run = Longshore::new().mirror().list(list);
        // In this format, the destination is an argument of the tool.
        let run = match *name {
            "skopeo-sync" => run.destination(destination.address()),
            _ => run,
        };
        let run = run.run().exits(0).complains(&format!("is read as {name}"));
        run.sums_up("3 copied, 0 skipped, 0 failed");
        assert_eq!(content(&destination), expected, "{name}");
        let again = Longshore::new().validate().list(list).destination(destination.address());
        again.run().exits(0).sums_up("3 valid, 0 skipped, 0 failed");
    }
}

#[test]
fn pages_are_followed_to_their_end_and_each_repository_is_asked_once() {
    let source = source();
    let (proxy, destination) = (FaultProxy::before(&source), Registry::embedded());
    // The first page links to the second one, on a host name that only the registry believes in.
    proxy.rule(Rule::on("GET", "/v2/team/app/tags/list*").answers_by(|seen| {
        let (tags, link) = match seen.query.as_str() {
            "n=1000" => (r#"{"name":"x","tags":["1.0"]}"#, Some("last=1.0")),
            "last=1.0" => (r#"{"name":"x","tags":["1.1","2.0"]}"#, None),
            other => panic!("asked for {other}"),
        };
        let answer = Answer::status(200).body(tags);
        let to = |link: &str| format!("<http://inside/v2/team/app/tags/list?{link}>; rel=\"next\"");
        Some(match link {
            Some(link) => answer.header("link", &to(link)),
            None => answer,
        })
    }));
    let (from, to) = (format!("{}/team/app", proxy.address()), destination.address());
    let list = format!("{from}: {to}/a/app\n{from}:/^1/: {to}/b/app\n");
    mirror(&list).exits(0).sums_up("5 copied, 0 skipped, 0 failed");
    assert_eq!(proxy.count("GET", "/v2/team/app/tags/list"), 2, "{}", proxy.tally());
    assert_eq!(destination.endpoint().tags("a/app").unwrap(), ["1.0", "1.1", "2.0"]);
    assert_eq!(destination.endpoint().tags("b/app").unwrap(), ["1.0", "1.1"]);
}

#[test]
fn a_tag_list_error_fails_only_its_entry() {
    let source = source();
    let (proxy, destination) = (FaultProxy::before(&source), Registry::embedded());
    let circle = r#"</v2/team/app/tags/list?n=1000>; rel="next""#;
    let page = Answer::status(200).body(r#"{"tags":["1.0"]}"#).header("link", circle);
    proxy.rule(Rule::on("GET", "/v2/team/app/tags/list*").answers(page));
    let (from, to) = (proxy.address(), destination.address());
    let list = format!(
        "{from}/team/app: {to}/team/app\n{from}/team/none: {to}/team/none\n\
         {from}/tools/jq:/(/: {to}/bad/jq\n{from}/tools/jq: {to}/tools/jq\n"
    );
    let run = mirror(&list).exits(1);
    let run = run
        .complains(&format!("list the tags of {from}/team/app: the list cannot be read: its pages go round in a circle"))
        .complains(&format!("list the tags of {from}/team/none: "))
        .complains("the expression `(` cannot be used: unclosed group")
        .sums_up("1 copied, 0 skipped, 3 failed");
    let failed = run.file("mirror-failed.txt").expect("a failed list");
    assert!(
        failed
            .contains(&format!("\n# longshore: platforms=all\n{from}/team/app {to}/team/app *\n")),
        "{failed}"
    );
    assert_eq!(content(&destination).len(), 1);
}

#[test]
fn an_image_without_matching_platforms_is_skipped_with_a_warning() {
    let (source, destination) = (source(), Registry::embedded());
    let list = regsync(
        &format!("{}/team/app", source.address()),
        &format!("{}/x", destination.address()),
        "7",
    );
    let text = format!("none of 5 tags of {}/team/app is selected", source.address());
    let run = mirror(&list).exits(0).complains(&text);
    run.sums_up("0 copied, 1 skipped, 0 failed");
}

#[test]
fn a_dry_run_says_why_each_tag_is_selected() {
    let (source, destination) = (source(), Registry::embedded());
    let (from, to) = (source.address(), destination.address());
    let list = format!(
        "sync:\n- source: {from}/team/app\n  target: {to}/team/app\n  type: repository\n  tags:\n    \
         allow: ['\\d.*']\n    semverRange: ['>=1.1']\n"
    );
    let run = Longshore::new().mirror().list(&list).arg("--dry-run").run().exits(0);
    let run = run
        .complains(&format!("2 of 5 tags of {from}/team/app selected"))
        .complains(&format!(
            "{from}/team/app: 1.1 is selected: matches `^\\d.*$`, 1.1.0 is in `>=1.1`"
        ))
        .sums_up("2 to copy, 0 skipped, 0 failed");
    assert!(
        run.stdout.contains(&format!("{from}/team/app:2.0 → {to}/team/app:2.0")),
        "{}",
        run.stdout
    );
    assert!(destination.endpoint().tags("team/app").unwrap_or_default().is_empty());
}

#[test]
fn a_whole_registry_is_mirrored() {
    let Some(source) = Registry::docker().start() else { return };
    source.push("team/app", "1.0", &image(1));
    source.push("team/old", "1.0", &image(2));
    source.push("tools/jq", "1.7", &index(9));
    let destination = Registry::embedded();
    let (from, to) = (source.address(), destination.address());
    let list = format!(
        "sync:\n- source: {from}\n  target: {to}\n  type: registry\n  repos:\n    deny: ['team/old']\n"
    );
    let run = mirror(&list).exits(0).complains(&format!("2 of 3 repositories of {from} selected"));
    run.sums_up("2 copied, 0 skipped, 0 failed");
    assert_eq!(content(&destination).keys().collect::<Vec<_>>(), ["team/app:1.0", "tools/jq:1.7"]);
    assert!(destination.endpoint().tags("team/old").unwrap_or_default().is_empty());
}

#[test]
fn the_failed_list_has_lines_with_one_tag_each() {
    let source = source();
    let (proxy, destination) = (FaultProxy::before(&source), Registry::embedded());
    proxy.rule(Rule::on("*", "/v2/team/app/manifests/1.1").answers(Answer::status(403)));
    let (from, to) = (proxy.address(), destination.address());
    let list = regsync(&format!("{from}/team/app"), &format!("{to}/team/app"), r"1\.\d");
    let run = mirror(&list).exits(1).sums_up("1 copied, 0 skipped, 1 failed");
    let failed = run.file("mirror-failed.txt").expect("a failed list");
    let line = format!("# longshore: platforms=all\n{from}/team/app {to}/team/app 1.1\n");
    assert!(failed.contains(&line), "{failed}");
    assert!(failed.contains("--list-format=mirror"), "{failed}");
    proxy.clear_rules();
    run.repeated("mirror-failed.txt").exits(0).sums_up("1 copied, 0 skipped, 0 failed");
    assert_eq!(content(&destination).len(), 2);
}

#[test]
fn dregsy_keeps_the_latest_versions_and_the_tags_by_name() {
    let (source, destination) = (source(), Registry::embedded());
    let (from, to) = (source.address(), destination.address());
    let list = format!(
        "tasks:\n- source: {{registry: '{from}'}}\n  target: {{registry: '{to}'}}\n  mappings:\n  \
         - {{from: team/app, tags: [latest, 'semver: >=1.0.0', 'keep: latest 2']}}\n"
    );
    mirror(&list).exits(0).sums_up("3 copied, 0 skipped, 0 failed");
    assert_eq!(destination.endpoint().tags("team/app").unwrap(), ["1.1", "2.0", "latest"]);
}

#[test]
fn an_empty_half_of_keep_latest_is_not_reported() {
    let (source, destination) = (source(), Registry::embedded());
    let (from, to) = (source.address(), destination.address());
    let list = |tags: &str| {
        format!(
            "tasks:\n- source: {{registry: '{from}'}}\n  target: {{registry: '{to}'}}\n  mappings:\n  \
             - {{from: team/app, tags: [{tags}, 'keep: latest 1']}}\n"
        )
    };
    // Only versions, only other tags, both.
    for (tags, count) in [("'regex: 2.*'", 1), ("'regex: late.*'", 1), ("'regex: .*'", 2)] {
        let run = Longshore::new().mirror().list(&list(tags)).arg("--dry-run").run().exits(0);
        let run = run.sums_up(&format!("{count} to copy, 0 skipped, 0 failed"));
        assert!(!run.stderr.contains("[WARN]"), "{tags}: {}", run.stderr);
    }
    let none = Longshore::new().mirror().list(&list("'regex: z.*'")).run().exits(0);
    none.complains("none of 5 tags").sums_up("0 copied, 1 skipped, 0 failed");
    // A converted list has a line for each half.
    let converted =
        Longshore::new().args(["convert-list", "-i", "-"]).stdin(&list("'regex: 2.*'")).run();
    let converted = converted.exits(0).stdout;
    assert_eq!(converted.matches("attribute=joint-selection=").count(), 2, "{converted}");
    let run = mirror(&converted).exits(0);
    run.sums_up("1 copied, 0 skipped, 0 failed");
    let json = Longshore::new().mirror().list(&converted).args(["--output", "json"]).run().exits(0);
    assert_eq!(json.json()["entries"].as_array().map(Vec::len), Some(1), "{}", json.stdout);
}

#[test]
fn lines_may_have_a_platform_a_command_a_bullet_and_a_remark() {
    let (source, destination) = (source(), Registry::embedded());
    let from = source.address();
    let list = format!(
        "--platform=linux/s390x {from}/tools/jq:1.7\ndocker pull {from}/team/app:1.0 # the app\n\
         - {from}/team/app:1.1\n"
    );
    let run = Longshore::new().mirror().list(&list).destination(destination.address()).run();
    run.exits(0).complains("is read as default").sums_up("3 copied, 0 skipped, 0 failed");
    assert_eq!(destination.endpoint().tags("team/app").unwrap(), ["1.0", "1.1"]);
    assert_eq!(destination.endpoint().tags("tools/jq").unwrap(), ["1.7"]);
}

#[test]
fn one_line_that_fits_makes_no_list() {
    for text in [
        "set -e\ncd /src\ngo build -o app . && \\\n  go mod download\nexec ./app --listen 80\n",
        "name: test\ndescription: two\n  and other\n  sets.\n",
        "[\"nginx:1.25\"]\n",
        "This text names some images,\nsuch as\nnginx\nand it says why they are needed.\n",
    ] {
        mirror(text).exits(2).complains("no known format");
    }
}

#[test]
fn two_equally_certain_formats_are_an_error_that_names_both() {
    let list = "sync: [{source: a, target: b, type: image}]\n\
                tasks: [{source: {}, target: {}, mappings: []}]\n";
    let run = mirror(list).exits(2);
    run.complains("it may be in the format dregsy or regsync").complains("--list-format");
    let run = Longshore::new().mirror().list(list).args(["--list-format", "regsync", "--dry-run"]);
    run.run().complains("unknown key \"tasks\" is ignored");
}

#[test]
fn broken_yaml_fails_with_its_place_and_nothing_of_it_is_copied() {
    let (source, destination) = (source(), Registry::embedded());
    let (from, to) = (source.address(), destination.address());
    let list = format!("{from}/team/app:1.0: {to}/team/app\n{from}/team/app:2.0: [{to}/team/app\n");
    let run = Longshore::new().mirror().list(&list).args(["--list-format", "image-syncer"]).run();
    let run = run.exits(2).complains("this is not valid YAML or JSON: ").complains("images.txt:2:");
    run.complains("nothing in it can be read as image-syncer");
    assert!(destination.endpoint().tags("team/app").unwrap_or_default().is_empty());
}

#[test]
fn lists_of_tools_that_name_destinations_keep_the_name() {
    let found = |registry: &Registry| {
        let names = ["alpine", "late", "library/alpine", "library/late", "team/alpine"];
        let tags = |name: &str| registry.endpoint().tags(name).unwrap_or_default();
        let of = |name| tags(name).into_iter().map(move |tag| format!("{name}:{tag}"));
        names.into_iter().flat_map(of).collect::<Vec<String>>()
    };
    let source = Registry::embedded();
    source.push("alpine", "1", &image(1));
    let from = source.address();
    let lists = |to: &str| {
        let regsync = format!(
            "version: 1\nsync:\n- source: {from}/alpine:1\n  target: {to}/alpine:1\n  type: image\n"
        );
        let syncer = format!("{from}/alpine:1: {to}/alpine:1\n");
        let dregsy = format!(
            "tasks:\n- source: {{registry: '{from}'}}\n  target: {{registry: '{to}'}}\n  mappings:\n  \
             - {{from: alpine, to: alpine, tags: ['1']}}\n"
        );
        let plain = format!("{from}/alpine {to}/alpine 1\n");
        [
            ("regsync", regsync, "alpine:1"),
            ("image-syncer", syncer, "alpine:1"),
            ("dregsy", dregsy, "alpine:1"),
            ("mirror", plain, "library/alpine:1"),
        ]
    };
    for at in 0..4 {
        let destination = Registry::embedded();
        let (name, list, expected) = &lists(destination.address())[at];
        let run = Longshore::new().mirror().list(list).run().exits(0);
        assert_eq!(found(&destination), [*expected], "{name}");
        let valid = run.again().validate().list(list).run().exits(0);
        valid.sums_up("1 valid, 0 skipped, 0 failed");
        // Who asks for a project gets it.
        let run = Longshore::new().mirror().list(list).arg("--default-project=team").run();
        run.exits(0);
        assert_eq!(found(&destination), [expected, "team/alpine:1"], "{name}");
    }
    // The failed list has columns, and its command keeps the name too.
    let destination = Registry::embedded();
    let (_, list, _) = &lists(destination.address())[0];
    let list = list.replace("alpine:1", "late:1");
    let run = Longshore::new().mirror().list(&list).run().exits(1);
    source.push("late", "1", &image(1));
    run.repeated("mirror-failed.txt").exits(0);
    assert_eq!(found(&destination), ["late:1"]);
}
