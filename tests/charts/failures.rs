//! What the failed list keeps: of an interrupted run, and of images that `mirror` would send elsewhere.

use std::time::{Duration, Instant};

use longshore_content::Image;

use super::images::run_over;
use super::server::{Answer, Server};
use super::{archive, config, mirror_charts};
use crate::support::{Registry, Run};

#[test]
fn an_interrupt_while_fetching_leaves_a_failed_list() {
    let (server, target) = (Server::start(), Registry::embedded());
    server.set("/index.yaml", Answer::Silence);
    let lines =
        format!("type: repo\nrepo: {}\nchart: demo\nversions: ['1.0.0', '^2', latest]", server.url);
    let interrupted = |more: &[&str]| {
        let before = server.requests().len();
        let run = mirror_charts(&config(&target, &lines)).args(["--all", "--charts-only"]);
        let running = run.args(more).start();
        let deadline = Instant::now() + Duration::from_secs(60);
        while server.requests().len() == before {
            assert!(Instant::now() < deadline, "nothing was fetched");
            std::thread::sleep(Duration::from_millis(10));
        }
        running.interrupt();
        running.finish().exits(130)
    };
    let run = interrupted(&[]);
    assert!(run.stdout.contains("0 pushed, 0 skipped, 3 failed"), "{}", run.stdout);
    let list = run.file("mirror-charts-failed.txt").expect("a failed list");
    for version in ["1.0.0", "'^2'", "latest:1"] {
        let command = format!("--chart=a --version={version}");
        let found = list.lines().any(|line| line.starts_with("# ") && line.ends_with(&command));
        assert!(found, "{command}: {list}");
    }
    let again =
        run.stdout.lines().find(|line| line.starts_with("repeat with: ")).unwrap_or_default();
    assert!(again.starts_with("repeat with: longshore mirror-charts "), "{}", run.stdout);
    assert!(again.ends_with(" --all"), "a list without lines cannot be repeated: {again}");
    let dry = interrupted(&["--dry-run"]);
    assert_eq!(dry.file("mirror-charts-failed.txt"), None);
}

#[test]
fn an_image_without_a_project_is_repeated_where_it_belongs() {
    let (source, target) = (Registry::embedded(), Registry::embedded());
    let address = source.address();
    let images = [format!("{address}/pause:1"), format!("{address}/team/gone:1")];
    let Some(run) = run_over(&target, &images, "") else { return };
    // The target has no path.
    let lines = "type: local\npath: ./demo\nchart: demo\nversions: ['1.0.0']";
    let text = config(&target, lines).replace("/ns\n", "\n");
    let run = run.file("mirror.yaml", text).run().exits(1);
    let list = run.file("mirror-charts-failed.txt").expect("a failed list");
    let entries: Vec<&str> =
        list.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
    let line = format!("{address}/team/gone {}/team/gone 1", target.address());
    assert_eq!(entries, [line.as_str()], "`mirror` would push library/pause: {list}");
    let command = "--chart=a --version=1.0.0";
    assert!(list.lines().any(|line| line.starts_with('#') && line.ends_with(command)), "{list}");
}

const LIST: &str = "mirror-charts-failed.txt";

/// A repository with the version 1.0.0 of a chart, and a run of 1.0.0 and 2.0.0.
fn half_failed(server: &Server, target: &Registry) -> Run {
    server.set(
        "/index.yaml",
        Answer::File(b"entries:\n  demo:\n  - {version: 1.0.0, urls: [a.tgz]}\n".to_vec()),
    );
    server.set("/a.tgz", Answer::File(archive("demo", "1.0.0", &[])));
    let lines =
        format!("type: repo\nrepo: {}\nchart: demo\nversions: ['1.0.0', '2.0.0']", server.url);
    let run = mirror_charts(&config(target, &lines)).args(["--all", "--charts-only"]);
    run.run().exits(1)
}

#[test]
fn a_run_of_a_part_leaves_the_failed_list_of_all() {
    let (server, target) = (Server::start(), Registry::embedded());
    let all = half_failed(&server, &target);
    let list = all.file(LIST).expect("a failed list");
    let whose = format!(" # run: mirror.yaml (--charts-only) to {}", target.address());
    assert!(list.lines().next().is_some_and(|line| line.ends_with(&whose)), "{list}");
    let part = |flags: &[&str]| all.again().arg("mirror-charts").args(flags).run();
    let stays = format!("{LIST} stays: it is of another run (mirror.yaml (--charts-only) to ");
    for flags in [
        &["--chart", "a", "--version", "1.0.0", "--charts-only"][..],
        &["--chart=a", "--version=1.0.0", "--version=^1", "--charts-only"],
        &["--chart=a", "--version=latest:1", "--charts-only", "--output=json"],
    ] {
        let run = part(flags).exits(0).complains(&stays);
        assert_eq!(run.file(LIST).as_deref(), Some(&*list), "{flags:?}");
    }
    // What fails in another run is kept too, and a warning names the run whose list is gone.
    let gone = part(&["--chart=a", "--version=9.9.9", "--charts-only"]).exits(1);
    let gone = gone.complains(&format!(
        "[WARN] {LIST} had the failed entries of another run (mirror.yaml (--charts-only) to "
    ));
    let named = gone.file(LIST).expect("a failed list");
    assert!(
        named.contains(" # run: mirror.yaml (--chart=a --version=9.9.9 --charts-only) to "),
        "{named}"
    );
    // The same run removes its own.
    server.set(
        "/index.yaml",
        Answer::File(b"entries:\n  demo:\n  - {version: 9.9.9, urls: [b.tgz]}\n".to_vec()),
    );
    server.set("/b.tgz", Answer::File(archive("demo", "9.9.9", &[])));
    let well = part(&["--chart=a", "--version=9.9.9", "--charts-only"]).exits(0);
    assert_eq!(well.file(LIST), None);
}

#[test]
fn the_first_line_of_the_list_has_the_command_of_the_summary() {
    let (source, target, server) = (Registry::embedded(), Registry::embedded(), Server::start());
    let same = |run: &Run, command: &str| {
        let list = run.file(LIST).expect("a failed list");
        let first = list.lines().next().unwrap_or_default();
        let asked = run.stdout.lines().find_map(|line| line.strip_prefix("repeat with: "));
        let asked = asked.expect("a command");
        assert!(asked.starts_with(command), "{asked}");
        assert!(
            first.contains(&format!("; repeat the run with: {asked} # run: ")),
            "{first}\n{asked}"
        );
    };
    same(&half_failed(&server, &target), "longshore mirror-charts ");
    let gone = [format!("{}/team/gone:1", source.address())];
    let Some(run) = run_over(&target, &gone, "") else { return };
    same(&run.run().exits(1), "longshore mirror --file=");
}

#[test]
fn a_quiet_run_shows_only_what_failed() {
    let (server, target) = (Server::start(), Registry::embedded());
    let all = half_failed(&server, &target);
    assert!(all.stderr.contains("── demo:1.0.0 ──"), "{}", all.stderr);
    assert!(all.stderr.contains("Images: not looked for (--charts-only)"), "{}", all.stderr);
    let again = |flags: &[&str]| {
        all.again().args(["mirror-charts", "--charts-only", "--quiet"]).args(flags).run()
    };
    let quiet = again(&["--all"]).exits(1);
    assert!(!quiet.stderr.contains("demo:1.0.0"), "{}", quiet.stderr);
    assert_eq!(quiet.stderr.matches("Mirror: a (demo)").count(), 1, "{}", quiet.stderr);
    assert!(
        quiet.stderr.contains("── demo:2.0.0 ──\n  Chart: pulling... FAILED"),
        "{}",
        quiet.stderr
    );
    assert!(quiet.stdout.contains("Charts:  0 pushed, 1 skipped, 1 failed"), "{}", quiet.stdout);
    let well = again(&["--chart=a", "--version=1.0.0"]).exits(0);
    assert_eq!(well.stderr, "");
}

/// Checks that the failed list has only the commands of these charts, and that the run is repeated as a whole.
fn has_commands(run: &Run, charts: &[(&str, &str)]) {
    let list = run.file(LIST).expect("a failed list");
    let flags = |(key, version): &(&str, &str)| format!("--chart={key} --version={version}");
    let expected: Vec<String> = charts.iter().map(flags).collect();
    let commands: Vec<&str> =
        list.lines().skip(1).filter_map(|line| Some(&line[line.find("--chart=")?..])).collect();
    assert_eq!(commands, expected, "{list}");
    assert!(list.lines().all(|line| line.is_empty() || line.starts_with('#')), "{list}");
    let again = "repeat with: longshore mirror-charts ";
    assert!(run.stdout.lines().any(|line| line.starts_with(again)), "{}", run.stdout);
}

/// A configuration with two keys that have the same chart.
fn two_keys(target: &Registry, versions: [&str; 2]) -> String {
    let lines =
        |versions: &str| format!("type: local\npath: ./demo\nchart: demo\nversions: [{versions}]");
    let second: String = lines(versions[1]).lines().map(|line| format!("    {line}\n")).collect();
    format!("{}  b:\n{second}", config(target, &lines(versions[0])))
}

const CHART: &str = "apiVersion: v2\nname: demo\nversion: 1.0.0\n";

#[test]
fn a_chart_that_failed_is_not_taken_for_one_with_its_name() {
    for (versions, failed) in [
        (["^1, 9.9.9", "'latest:1'"], &[("a", "9.9.9")][..]),
        (["^1", "1.0.0, 9.9.9"], &[("b", "9.9.9")]),
        (["8.0.0, ^1, 9.9.9", "^1, 9.9.9"], &[("a", "8.0.0"), ("a", "9.9.9"), ("b", "9.9.9")]),
    ] {
        let target = Registry::embedded();
        let run = mirror_charts(&two_keys(&target, versions)).file("demo/Chart.yaml", CHART);
        let run = run.args(["--all", "--charts-only", "--quiet"]).run().exits(1);
        has_commands(&run, failed);
        let done = format!("2 pushed, 0 skipped, {} failed", failed.len());
        assert!(run.stdout.contains(&done), "{}", run.stdout);
    }
}

#[test]
fn charts_that_fail_together_are_all_in_the_failed_list() {
    let target = Registry::embedded();
    let text = two_keys(&target, ["^1", "1.0.0, 9.9.9"]);
    drop(target);
    let run = mirror_charts(&text).file("demo/Chart.yaml", CHART);
    let run = run.args(["--all", "--charts-only", "--retries=0"]).run().exits(1);
    has_commands(&run, &[("a", "1.0.0"), ("b", "1.0.0"), ("b", "9.9.9")]);
}

#[test]
fn a_chart_that_failed_is_not_taken_for_an_image_with_the_content_of_another() {
    let (sources, target) = ([Registry::embedded(), Registry::embedded()], Registry::embedded());
    let content = Image::new("linux/amd64").layer(1, 100).build();
    let images = sources.each_ref().map(|source| {
        source.push("team/app", "1", &content);
        format!("{}/team/app:1", source.address())
    });
    let Some(run) = run_over(&target, &images, "") else { return };
    let lines = "type: local\npath: ./demo\nchart: demo\nversions: ['1.0.0', '9.9.9']";
    let run = run.file("mirror.yaml", config(&target, lines)).run().exits(1);
    has_commands(&run, &[("a", "9.9.9")]);
}
