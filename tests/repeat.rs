//! Whatever stops an entry, the failed list repeats it as it was, and is there until nothing is left in it.

use std::collections::BTreeMap;
use std::time::Duration;

use longshore_content::{Content, Image};

use crate::interrupt::wait_for;
use crate::lists::{content, same_list, source};
use crate::support::{Answer, FaultProxy, Longshore, Pair, Registry, Rule, Run};

const LIST: &str = "mirror-failed.txt";

fn image(seed: u64) -> Content {
    Image::new("linux/amd64").layer(seed, 100).build()
}

/// Returns the lines of a failed list that are neither comments nor blank.
#[track_caller]
fn entries(run: &Run, list: &str) -> Vec<String> {
    let text = run.file(list).unwrap_or_else(|| panic!("there is no {list}"));
    text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

/// The registry does not answer. It is not asked again at once, which keeps the tests quick.
fn outage(path: &str) -> Rule {
    Rule::on("*", path).answers(Answer::status(418))
}

fn mirror(list: &str) -> Longshore {
    Longshore::new().mirror().list(list)
}

/// Runs with an outage, repeats with the outage, and repeats after it.
#[track_caller]
fn survives(run: Longshore, proxy: &FaultProxy, what: &str) -> Run {
    let run = run.run().exits(1);
    assert!(run.stdout.contains("repeat with: longshore "), "{what}\n{}", run.stdout);
    assert!(!run.stdout.contains("correct the list"), "no fault of the list\n{}", run.stdout);
    let left = entries(&run, LIST);
    let run = run.repeated(LIST).exits(1);
    assert_eq!(entries(&run, LIST), left, "{what}: the same is left");
    proxy.clear_rules();
    let run = run.repeated(LIST).exits(0);
    assert_eq!(run.file(LIST), None, "{what}: nothing is left");
    run
}

#[test]
fn patterns_survive_an_outage_in_every_format_that_has_them() {
    let source = source();
    let expected: Vec<&str> = vec!["team/app:1.0", "team/app:1.1", "tools/jq:1.7"];
    for at in 0..4 {
        let (proxy, destination) = (FaultProxy::before(&source), Registry::embedded());
        proxy
            .rule(outage("*/tags/list*"))
            .rule(outage("*/_catalog*"))
            .rule(outage("*/manifests/*"));
        let (name, list) = &same_list(proxy.address(), destination.address())[at];
        let run = mirror(list);
        let run = match *name {
            "skopeo-sync" => run.destination(destination.address()),
            _ => run,
        };
        survives(run, &proxy, name);
        assert_eq!(content(&destination).keys().collect::<Vec<_>>(), expected, "{name}");
    }
}

#[test]
fn every_kind_of_selection_survives_an_outage() {
    let source = source();
    let all = ["1.0", "1.1", "1.1-rc.1", "2.0", "latest"].map(|tag| format!("team/app:{tag}"));
    let only = |tags: &[usize]| tags.iter().map(|at| all[*at].clone()).collect::<Vec<_>>();
    // List, whether -d is needed, and what arrives.
    let lists = |from: &str, to: &str| {
        let dregsy = |tags: &str| {
            format!(
                "tasks:\n- source: {{registry: '{from}'}}\n  target: {{registry: '{to}'}}\n  mappings:\n  \
                 - {{from: team/app, tags: [{tags}]}}\n"
            )
        };
        let regsync = |tags: &str| {
            format!(
                "sync:\n- source: {from}/team/app\n  target: {to}/team/app\n  type: repository\n  tags: {tags}\n"
            )
        };
        [
            (format!("{from}:\n  images:\n    team/app: []\n"), true, all.to_vec()),
            (
                format!("{from}:\n  images-by-tag-regex:\n    team/app: '^1[.]. ?$'\n"),
                true,
                only(&[0, 1]),
            ),
            (format!("{from}/team/app: {to}/team/app\n"), false, all.to_vec()),
            (dregsy("'semver: >=1.0.0 <2', 'keep: latest 1'"), false, only(&[1])),
            (dregsy("latest, 'semver: >=1.0.0', 'keep: latest 2'"), false, only(&[1, 3, 4])),
            (regsync("{allow: ['1.*', latest], deny: ['.*-rc.*']}"), false, only(&[0, 1, 4])),
            (regsync("{semverRange: ['>=1.1 <1.5 || ^2']}"), false, only(&[1, 3])),
            (format!("docker pull --all-tags {from}/team/app\n"), true, all.to_vec()),
            (
                format!(
                    "# longshore: tags=^1 not-tags=-rc latest=1\n{from}/team/app {to}/team/app *\n"
                ),
                false,
                only(&[1]),
            ),
        ]
    };
    for at in 0..lists("a", "b").len() {
        let (proxy, destination) = (FaultProxy::before(&source), Registry::embedded());
        let (list, needs_destination, expected) =
            &lists(proxy.address(), destination.address())[at];
        proxy.rule(outage("*/tags/list*"));
        let run = mirror(list);
        let run = if *needs_destination { run.destination(destination.address()) } else { run };
        survives(run, &proxy, list);
        let found = content(&destination);
        assert_eq!(found.keys().collect::<Vec<_>>(), expected.iter().collect::<Vec<_>>(), "{list}");
    }
}

/// Creates a list of a whole registry without one of its repositories.
fn registry_list(from: &str, to: &str) -> String {
    format!(
        "sync:\n- source: {from}\n  target: {to}\n  type: registry\n  repos:\n    deny: ['team/old']\n"
    )
}

#[test]
fn repositories_survive_an_outage_of_their_listing_and_of_one_of_them() {
    let source = source();
    source.push("team/old", "1.0", &image(1));
    for path in
        ["*/_catalog*", "/v2/team/app/tags/list*", "*/tags/list*", "/v2/team/app/manifests/1.1"]
    {
        let (proxy, destination) = (FaultProxy::before(&source), Registry::embedded());
        proxy.rule(outage(path));
        let list = registry_list(proxy.address(), destination.address());
        survives(mirror(&list), &proxy, path);
        assert_eq!(content(&destination).len(), 6, "{path}");
        assert!(destination.endpoint().tags("team/old").unwrap_or_default().is_empty(), "{path}");
    }
}

#[test]
fn a_failed_part_of_a_selection_is_repeated_alone() {
    let source = source();
    let (proxy, destination) = (FaultProxy::before(&source), Registry::embedded());
    proxy.rule(outage("/v2/team/app/tags/list*"));
    let (from, to) = (proxy.address(), destination.address());
    let run =
        mirror(&registry_list(from, to)).run().exits(1).sums_up("1 copied, 0 skipped, 1 failed");
    assert_eq!(entries(&run, LIST), [format!("{from}/team/app {to}/team/app *")]);
}

#[test]
fn flags_rewrites_and_platforms_hold_in_the_repeat_of_a_pattern() {
    let source = source();
    let (proxy, destination) = (FaultProxy::before(&source), Registry::embedded());
    proxy.rule(outage("*/tags/list*"));
    let list = "# longshore: platforms=linux/s390x tags=^1\nx.invalid/tools/jq y.invalid/jq *\n";
    let run = mirror(list).source(proxy.address()).destination(destination.address());
    let run = run.args(["--rewrite", "prefix", "--plugin-config", "prefix.prefix=deep"]);
    survives(run, &proxy, list);
    let found = destination.manifest("deep/library/jq", "1.7");
    let text = String::from_utf8_lossy(&found.bytes);
    assert!(text.contains("s390x") && !text.contains("amd64"), "{text}");
    let tags = destination.endpoint().tags("deep/library/jq").expect("it answers");
    assert_eq!(tags, ["1.7"]);
}

#[test]
fn the_issue_s_own_case_arrives() {
    let pair = Pair::embedded();
    pair.source.push("many/tags", "1", &image(1));
    pair.source.push("many/tags", "2", &image(2));
    pair.source.push("one/image", "2", &image(3));
    let proxy = FaultProxy::before(&pair.source);
    proxy.rule(Rule::on("*", "*/tags/list*").answers(Answer::status(503)));
    proxy.rule(Rule::on("*", "*/manifests/*").answers(Answer::status(500)));
    let from = proxy.address();
    let list = format!("{from}:\n  images:\n    many/tags: []\n    one/image: ['2']\n");
    survives(mirror(&list).destination(pair.destination.address()), &proxy, &list);
    pair.assert_arrived("many/tags", "1", &image(1));
    pair.assert_arrived("many/tags", "2", &image(2));
    pair.assert_arrived("one/image", "2", &image(3));
}

#[test]
fn an_interrupt_while_tags_are_listed_loses_nothing() {
    let source = source();
    for path in ["*/tags/list*", "*/_catalog*"] {
        let (proxy, destination) = (FaultProxy::before(&source), Registry::embedded());
        proxy.rule(Rule::on("GET", path).alters(|answer| answer.after(Duration::from_mins(1))));
        let running = mirror(&registry_list(proxy.address(), destination.address())).start();
        wait_for(&proxy, "GET", path);
        running.interrupt();
        let run = running.finish().exits(130);
        proxy.clear_rules();
        run.repeated(LIST).exits(0);
        assert_eq!(content(&destination).len(), 6, "{path}");
    }
}

#[test]
fn a_killed_repeat_keeps_its_list() {
    let source = source();
    let (proxy, destination) = (FaultProxy::before(&source), Registry::embedded());
    proxy.rule(outage("*/tags/list*"));
    let run = mirror(&registry_list(proxy.address(), destination.address())).run().exits(1);
    let left = run.file(LIST).expect("there is a failed list");
    proxy.clear_rules();
    proxy.rule(
        Rule::on("GET", "*/manifests/*").alters(|answer| answer.after(Duration::from_mins(1))),
    );
    proxy.forget();
    let words = ["-f", LIST, "--list-format", "mirror", "-d", destination.address()];
    let running = run.again().mirror().args(words).start();
    wait_for(&proxy, "GET", "*/manifests/*");
    drop(running.kill());
    assert_eq!(run.file(LIST), Some(left));
}

#[test]
fn a_registry_that_was_given_up_stays_in_the_list() {
    let source = source();
    let (proxy, destination) = (FaultProxy::before(&source), Registry::embedded());
    let busy = Answer::status(429).header("retry-after", "600");
    proxy.rule(Rule::on("GET", "*").answers(busy));
    let from = proxy.address();
    let list = format!("{from}:\n  images:\n    team/app: []\n    tools/jq: ['1.7']\n");
    let run = mirror(&list).destination(destination.address()).args(["--max-wait", "1s"]);
    survives(run, &proxy, &list);
    assert_eq!(content(&destination).len(), 6);
}

#[test]
fn what_could_not_be_read_stays_until_it_is_removed_by_hand() {
    let pair = Pair::embedded();
    let text = "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - image: team/late:1\n\
                \x20 - image: '{{ .Values.image }}'\n";
    let run = Longshore::new().mirror().file("pod.yaml", text).args(["-f", "pod.yaml"]);
    let run = run.source(pair.source.address()).destination(pair.destination.address());
    let run = run.run().exits(1).sums_up("0 copied, 0 skipped, 2 failed");
    let part = "? pod.yaml:6:12: `{{ .Values.image }}` is not an image reference: \
                - image: '{{ .Values.image }}'";
    assert_eq!(entries(&run, LIST), ["team/late team/late 1", part]);
    pair.source.push("team/late", "1", &image(1));
    let run = run.repeated(LIST).exits(1).sums_up("1 copied, 0 skipped, 1 failed");
    assert_eq!(entries(&run, LIST), [part], "the list still names it");
    let run = run.complains("correct it there, then remove this line");
    let next = "nothing in it can be repeated as it is: correct the list that was read";
    assert!(run.stdout.contains(next), "{}", run.stdout);
    let run = run.repeated(LIST).exits(1);
    assert_eq!(entries(&run, LIST), [part]);
}

#[test]
fn lines_for_several_platforms_of_one_image_are_all_repeated() {
    let pair = Pair::embedded();
    let lines = ["--platform=linux/s390x team/late:1", "--platform=linux/amd64 team/late:1 # both"];
    let run = pair.mirror(&lines.join("\n")).run().exits(1);
    assert_eq!(entries(&run, LIST), lines);
    let index = longshore_content::Index::oci().child(&image(1));
    let index = index.child(&Image::new("linux/s390x").layer(2, 10).build());
    let index = index.child(&Image::new("linux/arm64").layer(3, 10).build()).build();
    pair.source.push("team/late", "1", &index);
    run.repeated(LIST).exits(0).sums_up("1 copied, 1 skipped, 0 failed");
    let found = pair.destination.manifest("team/late", "1");
    let text = String::from_utf8_lossy(&found.bytes);
    assert!(text.contains("s390x") && text.contains("amd64") && !text.contains("arm64"), "{text}");
}

#[test]
fn one_line_for_every_tag_stands_once() {
    let pair = Pair::embedded();
    for tag in ["1", "2", "3"] {
        pair.source.push("team/app", tag, &image(1));
    }
    let proxy = FaultProxy::before(&pair.source);
    proxy.rule(outage("*/manifests/*"));
    let line = format!("docker pull -a {}/team/app", proxy.address());
    let run = mirror(&line).destination(pair.destination.address()).run().exits(1);
    assert_eq!(entries(&run, LIST), [line]);
    proxy.clear_rules();
    run.repeated(LIST).exits(0).sums_up("3 copied, 0 skipped, 0 failed");
}

#[test]
fn an_image_without_a_tag_is_repeated_as_latest() {
    let pair = Pair::embedded();
    let text = "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - image: team/late\n";
    let run = pair.mirror(text).run().exits(1);
    assert_eq!(entries(&run, LIST), ["team/late team/late latest"]);
    pair.source.push("team/late", "latest", &image(1));
    run.repeated(LIST).exits(0);
    pair.assert_arrived("team/late", "latest", &image(1));
}

#[test]
fn an_invalid_name_in_yaml_never_becomes_another_entry() {
    let pair = Pair::embedded();
    pair.source.push("team/app", "1", &image(1));
    let (from, to) = (pair.source.address(), pair.destination.address());
    let list = format!(
        "{from}:\n  images:\n    'team/app {to}/evil': ['1']\n    '#team/app': ['1']\n    \
         team/app: ['*', '1 # x']\n"
    );
    let run = mirror(&list).destination(to).run().exits(1);
    let run = run.repeated(LIST).exits(1);
    assert_eq!(entries(&run, LIST).len(), 4, "{:?}", run.file(LIST));
    assert_eq!(content(&pair.destination), BTreeMap::new());
}

#[test]
fn the_failed_list_of_a_validation_repeats_patterns_too() {
    let source = source();
    let destination = Registry::embedded();
    let proxy = FaultProxy::before(&source);
    let list = registry_list(proxy.address(), destination.address());
    mirror(&list).run().exits(0);
    for path in ["*/_catalog*", "*/tags/list*"] {
        proxy.rule(outage(path));
        let run = Longshore::new().validate().list(&list).run().exits(1);
        let failed = "mirror-validate-failed.txt";
        assert!(entries(&run, failed).iter().all(|line| line.ends_with(" *")), "{path}");
        proxy.clear_rules();
        let run = run.repeated(failed).exits(0).sums_up("6 valid, 0 skipped, 0 failed");
        assert_eq!(run.file(failed), None);
    }
}
