//! Lists that cannot be used: every command says why, and what the format left out.

use crate::support::{Longshore, Run};

/// Runs each command with the list in a file of that name: `mirror`, a dry run, `mirror-validate` and
/// `convert-list`. Each ends with exit code 2, prints nothing to standard output and writes no file.
fn refused_by_all(name: &str, text: &str, flags: &[&str]) -> Vec<Run> {
    let commands = [&["mirror"][..], &["mirror", "--dry-run"], &["mirror-validate"]];
    let mut runs: Vec<Run> = commands
        .iter()
        .map(|command| {
            let run = Longshore::new().file(name, text).args(*command).args(flags);
            run.args(["-f", name, "-d", "127.0.0.1:9", "-s", "127.0.0.1:9"]).run()
        })
        .collect();
    runs.push(
        Longshore::new().file(name, text).args(["convert-list", "-i", name]).args(flags).run(),
    );
    let runs: Vec<Run> = runs.into_iter().map(|run| run.exits(2)).collect();
    for run in &runs {
        assert_eq!(run.stdout, "");
        for file in
            ["mirror-failed.txt", "mirror-validate-failed.txt", &format!("{name}.converted")]
        {
            assert_eq!(run.file(file), None, "{file}");
        }
    }
    runs
}

#[test]
fn an_empty_result_keeps_the_remarks_that_explain_it() {
    const PACKAGE: &str = r#"{"type":"library","name":"a","purl":"pkg:npm/a@1"}"#;
    const OC_MIRROR: &str =
        "apiVersion: mirror.openshift.io/v2alpha1\nkind: ImageSetConfiguration\nmirror:\n";
    let bom =
        format!(r#"{{"bomFormat":"CycloneDX","specVersion":"1.5","components":[{PACKAGE}]}}"#);
    for (name, text, remark) in [
        (
            "imageset.yaml",
            format!("{OC_MIRROR}  operators: [{{catalog: a}}]\n"),
            "imageset.yaml:4:3: `operators` is ignored: its content is not mirrored",
        ),
        (
            "blocked.yaml",
            format!("{OC_MIRROR}  blockedImages: [{{name: a}}]\n  additionalImages: [{{name: 'a:1'}}]\n"),
            "blocked.yaml:5:29: `a:1` is among `blockedImages`, so it is skipped",
        ),
        (
            "kustomization.yaml",
            "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [a.yaml]\n"
                .to_owned(),
            "kustomization.yaml:1:1: kustomize is not run: the files that it names are not read",
        ),
        ("bom.json", bom, "bom.json:"),
        (
            "compose.yaml",
            "services:\n  a:\n    build: .\n".to_owned(),
            "compose.yaml:3:5: service `a` is built, so there is nothing to mirror",
        ),
        (
            "charts.yaml",
            "apiVersion: content.hauler.cattle.io/v1\nkind: Charts\nspec: {charts: [{name: a}]}\n"
                .to_owned(),
            "charts.yaml:1:1: kind Charts is not mirrored (1 item)",
        ),
    ] {
        for run in refused_by_all(name, &text, &[]) {
            let run = run.complains(&format!("[WARN] {remark}"));
            let run = run.complains(&format!("[ERRO] failed to read the image list {name}: it has"));
            let run = run.complains("hint: the warnings above say what was left out");
            assert!(!run.stderr.contains("DESTINATION TAG"), "{}", run.stderr);
        }
    }
}

#[test]
fn a_document_of_which_nothing_can_be_read_ends_the_run() {
    for (name, text, flags, error) in [
        (
            "pod.yaml",
            "apiVersion: v1\nkind: Pod\nspec: [\n",
            &[][..],
            "pod.yaml:3:7: this is not valid YAML",
        ),
        (
            "compose.yaml",
            "services:\n  a:\n    image: nginx:1\n  b: {image: [}\n",
            &[],
            "compose.yaml:4:14: this is not valid YAML or JSON: mismatched bracket",
        ),
        (
            "unset.yaml",
            "services:\n  a: {image: \"nginx:$TAG\"}\n",
            &[],
            "unset.yaml:2:14: the variable `TAG` is not set and has no default",
        ),
        ("sync.yml", "sync:\n  - {source: [a], target: b, type: image}\n", &[], "sync.yml:2:14: "),
        (
            "bom.json",
            "{\"components\": [\n",
            &["--list-format", "cyclonedx"],
            "bom.json:1:16: this is not",
        ),
    ] {
        for run in refused_by_all(name, text, flags) {
            let run = run.complains(&format!("[ERRO] {error}"));
            let run =
                run.complains(&format!("read the image list {name}: nothing in it can be read as"));
            run.complains("hint: correct what the errors above name");
        }
    }
}

#[test]
fn no_known_format_shows_the_first_lines_and_why_each_format_refuses_them() {
    for (name, text, said) in [
        (
            "prose.txt",
            "# about images\nThese images are needed.\n\nSee the manual, and\nthe other list.\nEnd.\n",
            &[
                "prose.txt:2: These images are needed.",
                "prose.txt:4: See the manual, and",
                "prose.txt:5: the other list.",
                "not default: line 2, column 7: expected one reference a line, found 4 fields (",
                "not mirror: line 2, column 18: expected 3 columns (source, destination, tag), found 4",
                "it lacks the words of other formats: compose (`services`), cyclonedx (`bomFormat` or ",
            ][..],
        ),
        (
            "values.yaml",
            "services: none\nreplicas: 3\n",
            &[
                "values.yaml:1: services: none",
                "not compose: line 1, column 11: `services` must be a mapping, found a single value",
                "not default: ",
            ],
        ),
        (
            "broken.yaml",
            "kind: [\n  a: {\n",
            &[
                "broken.yaml:1: kind: [",
                "not image-syncer: line 2, column 6: this is not valid YAML",
            ],
        ),
    ] {
        for run in refused_by_all(name, text, &[]) {
            let run =
                run.complains(&format!("failed to read the image list {name}: no known format"));
            let run = run.complains("hint: known formats are compose, cyclonedx, default, ");
            said.iter().fold(run, |run, said| run.complains(&format!("[INFO] {said}")));
        }
    }
}

#[test]
fn a_long_line_is_cut() {
    let text = format!("{{{}\nx y\n", "ä ".repeat(500));
    let [run, ..] = &refused_by_all("long.txt", &text, &[])[..] else { panic!("four runs") };
    let line =
        run.stderr.lines().find(|line| line.contains("long.txt:1: ")).expect("the first line");
    assert!(line.ends_with('…') && line.chars().count() < 200, "{line}");
}

#[test]
fn what_other_tools_take_gets_the_message_that_helps() {
    for (text, hint) in [
        ("http://r.io/team/a team/a 1\n", "hint: write references without a scheme"),
        ("https://r.io/team/a:1\n", "hint: write references without a scheme"),
        ("team/a team/a 1 --platform linux/arm64\n", "# longshore: platforms=linux/arm64"),
        ("--platform=linux/arm64 team/a team/a 1\n", "# longshore: platforms=linux/arm64"),
        ("team/a,team/a,1\n", "hint: separate columns with blanks"),
    ] {
        for run in refused_by_all("list.txt", text, &[]) {
            run.complains(hint);
        }
    }
    let one = |line: &str| {
        let list = format!("team/a team/b 1 # a remark\n{line}\n");
        let run = Longshore::new().mirror().list(&list).args(["-d", "127.0.0.1:9", "--dry-run"]);
        run.args(["-s", "127.0.0.1:9"]).run().exits(1)
    };
    one("team/c http://r.io/team/c 1").complains("has a scheme; write it without one");
    one("team/c team/c 1 --platform=linux/arm64")
        .complains("hint: name the platforms in a comment above the line: # longshore: platforms=");
    one("--platform linux/arm64 team/c team/c 1").complains("# longshore: platforms=linux/arm64");
}
