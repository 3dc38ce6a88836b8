//! What the failed list keeps: of an interrupted run, and of images that `mirror` would send elsewhere.

use std::time::{Duration, Instant};

use super::images::run_over;
use super::server::{Answer, Server};
use super::{config, mirror_charts};
use crate::support::Registry;

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
