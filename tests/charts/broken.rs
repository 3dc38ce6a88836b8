//! Charts of which a part does not render: the rest is mirrored, and the message says what helps.

use longshore_content::Image;

use super::images::run_over;
use super::{archive, config, mirror_charts, pod};
use crate::support::Registry;

/// A source with the images `team/app:1` and `team/other:1`.
fn source() -> Registry {
    let source = Registry::embedded();
    for (name, seed) in [("team/app", 1), ("team/other", 2)] {
        source.push(name, "1", &Image::new("linux/amd64").layer(seed, 100).build());
    }
    source
}

#[test]
fn a_template_that_is_not_yaml_costs_no_other_image() {
    let (source, target) = (source(), Registry::embedded());
    let image = format!("{}/team/app:1", source.address());
    for (path, text, why) in [
        (
            "README.md",
            "# Title\n\nwords: and: more\n".to_owned(),
            "README.md: rendered text is not valid YAML",
        ),
        ("list.yaml", "- a\n".to_owned(), "list.yaml: rendered text is not valid YAML"),
        ("tab.yaml", pod("x/y:1").replace("spec:", "\tspec:"), "tab.yaml: rendered text is not"),
        ("words.txt", "just words\n".to_owned(), "words.txt: rendered text is not valid YAML"),
    ] {
        let Some(run) = run_over(&target, std::slice::from_ref(&image), "") else { return };
        let run = run.file(&format!("demo/templates/{path}"), text);
        let run = run.args(["-o", "json"]).run().exits(1);
        assert!(run.stderr.contains(why), "{why}: {}", run.stderr);
        assert!(run.stderr.contains("hint: give upstream \"a\" `values`"), "{}", run.stderr);
        let report = run.json();
        let arrived = [&report["imagesCopied"], &report["imagesSkipped"]].map(|of| of.as_u64());
        assert_eq!(arrived.into_iter().flatten().sum::<u64>(), 1, "{path}: {report:#}");
    }
}

#[test]
fn a_set_of_values_that_fails_costs_no_other_set() {
    let (source, target) = (source(), Registry::embedded());
    let template = "{{ if eq .Values.kind \"bad\" }}{{ fail \"boom\" }}{{ end }}\n".to_owned()
        + &pod("{{ .Values.image }}");
    let sets = "values: [one.yaml, bad.yaml, [one.yaml, two.yaml]]";
    let Some(run) = run_over(&target, &[], sets) else { return };
    let image = |name: &str| format!("kind: good\nimage: {}/team/{name}:1\n", source.address());
    let run = run
        .file("demo/templates/a.yaml", template)
        .file("one.yaml", image("app"))
        .file("two.yaml", image("other"))
        .file("bad.yaml", "kind: bad\n");
    let run = run.args(["-o", "json"]).run().exits(1);
    assert_eq!(run.json()["imagesCopied"], 2, "{}", run.stderr);
    assert!(run.stderr.contains("render ./demo with bad.yaml: "), "{}", run.stderr);
    assert!(
        run.stderr.contains("correct the `values` of upstream \"a\": bad.yaml"),
        "{}",
        run.stderr
    );
}

#[test]
fn what_the_configuration_adds_is_mirrored_even_if_the_chart_does_not_render() {
    let (source, target) = (source(), Registry::embedded());
    let added = format!("images: ['{}/team/other:1']", source.address());
    let image = format!("{}/team/app:1", source.address());
    let run = |flags: &[&str]| {
        let run = run_over(&target, std::slice::from_ref(&image), &added)?;
        let values = format!("off: {{image: '{image}'}}\n");
        let run = run.file("demo/values.yaml", values);
        let run = run.file("demo/templates/fail.yaml", "{{ fail \"boom\" }}");
        Some(run.args(["-o", "json"]).args(flags).run().exits(1))
    };
    let Some(first) = run(&[]) else { return };
    let report = first.json();
    assert_eq!((&report["imagesCopied"], &report["imagesFailed"]), (&1.into(), &1.into()));
    let off = &report["charts"][0]["versions"][0]["notMirrored"][0];
    assert_eq!(off["source"], image.as_str());
    assert!(off["reason"].as_str().is_some_and(|why| why.contains("not rendered")), "{off}");
    target.assert_complete("ns/team/other", "1");
    let Some(all) = run(&["--include-disabled"]) else { return };
    assert_eq!(all.json()["imagesCopied"], 1, "{}", all.stderr);
    target.assert_complete("ns/team/app", "1");
}

#[test]
fn advice_names_the_key_that_helps() {
    let target = Registry::embedded();
    for (template, hint) in [
        ("{{ fail \"needs Kubernetes 1.99\" }}", "set `kube-version` of upstream \"a\""),
        ("{{ fail \"install a.example.com/v1 first\" }}", "`api-versions` of upstream \"a\""),
        ("{{ required \"set it\" .Values.it }}", "give upstream \"a\" `values` with which"),
        ("{{ env \"HOME\" }}", "the chart itself is wrong"),
        ("{{ if }}", "the chart itself is wrong"),
    ] {
        let Some(run) = run_over(&target, &[], "") else { return };
        let run = run.file("demo/templates/fail.yaml", template).arg("--dry-run").run().exits(1);
        assert!(run.stderr.contains(hint), "{hint}: {}", run.stderr);
    }
    let dependency = "apiVersion: v2\nname: demo\nversion: 1.0.0\n\
                      dependencies: [{name: db, version: 1.0.0, repository: ''}]\n";
    let Some(run) = run_over(&target, &[], "") else { return };
    let packed = archive("demo", "1.0.0", &[("Chart.yaml", dependency)]);
    let lines = "type: local\npath: ./demo.tgz\nchart: demo\nversions: ['1.0.0']";
    let run = run.file("demo.tgz", packed).file("mirror.yaml", config(&target, lines));
    let run = run.arg("--dry-run").run().exits(1);
    assert!(run.stderr.contains("missing in charts/ directory: db"), "{}", run.stderr);
    assert!(run.stderr.contains("hint: the archive is incomplete"), "{}", run.stderr);
}

#[test]
fn why_says_what_it_could_not_look_at() {
    let target = Registry::embedded();
    let asked = ["--why", "quay.io/team/none"];
    let Some(run) = run_over(&target, &["q.io/a:1".to_owned()], "") else { return };
    let run = run.args(asked).run().exits(1);
    assert_eq!(run.stdout, "no chart needs quay.io/team/none\n");
    let Some(run) = run_over(&target, &["q.io/a:1".to_owned()], "") else { return };
    let run = run.file("demo/templates/x.yaml", "{{ fail \"boom\" }}").args(asked).run().exits(1);
    assert_eq!(run.stdout, "none of the other charts needs quay.io/team/none\n");
    assert!(run.stderr.contains("a 1.0.0: failed to render"), "{}", run.stderr);
}

#[test]
fn two_charts_for_one_tag_are_named_by_their_upstreams() {
    let target = Registry::embedded();
    let upstream = |key: &str, file: &str| {
        format!("  {key}: {{type: local, path: ./{file}, chart: demo, versions: ['1.0.0']}}\n")
    };
    let text = format!(
        "target: {{url: {}/ns}}\nupstreams:\n{}{}{}",
        target.address(),
        upstream("one", "one.tgz"),
        upstream("two", "two.tgz"),
        upstream("same", "one.tgz"),
    );
    let run = mirror_charts(&text)
        .file("one.tgz", archive("demo", "1.0.0", &[]))
        .file("two.tgz", archive("demo", "1.0.0", &[("values.yaml", "a: 1\n")]))
        .args(["--all", "--charts-only"])
        .run()
        .exits(1);
    for text in
        ["demo 1.0.0 of one (sha256:", "demo 1.0.0 of two (sha256:", "with another `charts-prefix`"]
    {
        assert!(run.stderr.contains(text), "{text}: {}", run.stderr);
    }
    assert!(!run.stderr.contains(".invalid"), "a name that nobody knows: {}", run.stderr);
}
