use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::course::{Course, Saved, Slot};
use super::log::tests::log_at_noon;
use super::row::tests::{ended, job};
use super::totals::{Totals, Verdicts};
use super::{
    FailedEntry, FailedList, FailedListFile, Log, OutputFormat, Report, ReportOptions, Reporter,
    Verb,
};
use longshore_engine::event::{Event, EventSender, Level, Transferred};
use longshore_engine::job::{Jobs, Outcome, Status};
use longshore_engine::plan::Ended;
use longshore_oci::Digest;
use longshore_store::{Effort, Interrupt, PauseSpan, StoreEffort};

fn options() -> ReportOptions {
    ReportOptions {
        started: Instant::now(),
        shard: None,
        output: OutputFormat::Text,
        verb: Verb::Mirror,
        dry_run: false,
        page: false,
        referrers: false,
        terminal: false,
        mend: None,
        list: "list.txt".to_owned(),
    }
}

/// A run with an entry for each way to end.
fn jobs_and_ended() -> (Arc<Jobs>, Vec<Ended>) {
    let jobs = [job(1, "copied"), job(2, "skipped"), job(3, "failed"), job(6, "late")];
    let malformed = "parse the entry: expected 3 fields, found 2";
    let upper = "repository \"Redis\" is invalid:\n  it has an upper-case letter";
    let ended = vec![
        Ended { column: Some(4), ..ended(4, "yes\t\u{202e}1.0", "", malformed) },
        ended(5, "a.io/Redis", "1.0", upper),
    ];
    (Arc::new(jobs.into_iter().collect()), ended)
}

fn send_events(events: &EventSender) {
    let digest = Digest::of(b"a");
    events.note(0, None, Level::Info, "reading list.txt");
    events.send(Event::Started { job: 1 });
    events.send(Event::BlobPlanned { job: 1, size: 4096 });
    events.send(Event::Progress { job: 1, bytes: 1024 });
    for (size, how) in [
        (1024, Transferred::Moved),
        (2048, Transferred::Mounted),
        (512, Transferred::Present),
        (512, Transferred::Shared),
    ] {
        events.send(Event::BlobPlaced { job: 1, digest: digest.clone(), size, how });
    }
    events.note(1, Some(2), Level::Warning, "the platform is unknown");
    let copied = Outcome {
        source_digest: Some(digest.clone()),
        destination_digest: Some(Digest::of(b"b")),
        bytes: 1500,
        reason: Some("the digest changed: 1 of 2 children were selected".to_owned()),
        digest_change: Some("1 of 2 children were selected".to_owned()),
        took: Duration::from_millis(1100),
        ..Outcome::new(Status::Copied)
    };
    events.send(Event::Finished { job: 1, outcome: Box::new(copied) });
    events.send(Event::Finished { job: 1, outcome: Box::new(Outcome::failed("said twice")) });
    let skipped = Outcome {
        source_digest: Some(digest.clone()),
        destination_digest: Some(digest),
        ..Outcome::skipped("the destination has it")
    };
    events.send(Event::Finished { job: 2, outcome: Box::new(skipped) });
    let failed = Outcome {
        hint: Some("log in with docker login".to_owned()),
        ..Outcome::failed("fetch the manifest: 401 Unauthorized")
    };
    events.send(Event::Finished { job: 3, outcome: Box::new(failed) });
    events.send(Event::Started { job: 6 });
    let span = PauseSpan { ago: Duration::ZERO, length: Duration::from_secs(1) };
    let paused = Duration::from_secs(1);
    let name = "r.example.com".to_owned();
    let store = StoreEffort { name, retries: 3, pauses: 1, paused, spans: vec![span] };
    events.send(Event::Effort(Effort { stores: vec![store] }));
}

async fn run(options: ReportOptions, log: Arc<Log>) -> Report {
    let (jobs, ended) = jobs_and_ended();
    let (sender, receiver) = EventSender::channel();
    send_events(&sender);
    drop(sender);
    let mut report = Reporter::new(options, log).run(jobs, ended, receiver).await;
    report.elapsed = Duration::from_millis(1234);
    report.figures.started_at = jiff::Timestamp::UNIX_EPOCH;
    // Where events take longer than an interval, there are more.
    let slots = std::mem::take(&mut report.figures.timeline.slots);
    report.figures.timeline.slots = vec![slots.into_iter().fold(Slot::default(), Slot::with)];
    report.figures.timeline.pauses[0].start = Duration::from_millis(200);
    report
}

fn blocking<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

pub(super) fn report_of_all_kinds() -> Report {
    let options = ReportOptions { output: OutputFormat::Json, ..options() };
    blocking(run(options, log_at_noon(false, false).0))
}

#[test]
fn each_way_to_end_has_its_log_line() {
    let (log, page) = log_at_noon(false, false);
    blocking(run(options(), log));
    insta::assert_snapshot!(page.text(), @r#"
    12:00:07 [ERRO] [M_ID:4] list.txt:5:4: parse the entry: expected 3 fields, found 2
    12:00:07 [ERRO] [M_ID:5] list.txt:6: failed a.io/Redis → 1.0: repository "Redis" is invalid:
      it has an upper-case letter
    12:00:07 [INFO] reading list.txt
    12:00:07 [WARN] [M_ID:1] [IMG_ID:2] the platform is unknown
    12:00:07 [INFO] [M_ID:1] copied docker.io/library/copied:1 → r.example.com/library/copied:1 (sha256:3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d, 1.46 KiB moved): the digest changed: 1 of 2 children were selected
    12:00:07 [INFO] [M_ID:2] skipped docker.io/library/skipped:1 → r.example.com/library/skipped:1: the destination has it
    12:00:07 [ERRO] [M_ID:3] failed docker.io/library/failed:1 → r.example.com/library/failed:1: fetch the manifest: 401 Unauthorized
    12:00:07 [ERRO] [M_ID:3] hint: log in with docker login
    "#);
}

#[test]
fn an_interrupt_counts_what_never_began() {
    let (log, page) = log_at_noon(false, false);
    let (sender, receiver) = EventSender::channel();
    let interrupted = || Outcome { unfinished: true, ..Outcome::failed("interrupted") };
    sender.send(Event::Started { job: 1 });
    for job in 1..=3 {
        sender.send(Event::Finished { job, outcome: Box::new(interrupted()) });
    }
    drop(sender);
    let jobs = Arc::new([job(1, "a"), job(2, "b"), job(3, "c")].into_iter().collect());
    let report = blocking(Reporter::new(options(), log).run(jobs, Vec::new(), receiver));
    assert_eq!((report.totals.unfinished, report.rows.failures().len()), (3, 3));
    insta::assert_snapshot!(page.text(), @r"
    12:00:07 [WARN] [M_ID:1] unfinished docker.io/library/a:1 → r.example.com/library/a:1: interrupted
    12:00:07 [WARN] 2 entries were not begun: interrupted
    ");
}

#[test]
fn validation_and_dry_runs_log_in_their_own_words() {
    let (log, page) = log_at_noon(false, false);
    let (sender, receiver) = EventSender::channel();
    sender.send(Event::Finished { job: 1, outcome: Box::new(Outcome::new(Status::Valid)) });
    drop(sender);
    let options_of = ReportOptions { verb: Verb::Validate, ..options() };
    let jobs = Arc::new([job(1, "a")].into_iter().collect());
    blocking(Reporter::new(options_of, log).run(jobs, Vec::new(), receiver));
    assert!(page.text().contains("] valid docker.io/library/a:1 → "), "{}", page.text());
    let (log, page) = log_at_noon(false, false);
    blocking(run(ReportOptions { dry_run: true, ..options() }, log));
    assert!(!page.text().contains("skipped docker.io"), "standard output says it");
    assert!(page.text().contains("failed docker.io/library/failed:1"), "{}", page.text());
}

#[test]
fn the_figures_add_up() {
    let report = report_of_all_kinds();
    let expected = Totals {
        valid: 0,
        left_out: 0,
        duplicates: 0,
        cut: 0,
        cut_before: 0,
        cut_by_list: 0,
        at_most: 0,
        unsized_entries: 0,
        unknown: 0,
        verdicts: Verdicts::default(),
        copied: 1,
        skipped: 1,
        failed: 4,
        dry_run: 0,
        unfinished: 1,
        bytes: 1500,
    };
    assert_eq!(report.totals, expected);
    assert_eq!(report.figures.saved, Saved { mounted: 2048, present: 512, shared: 512 });
    assert_eq!(report.figures.retries(), 3);
    assert_eq!(report.figures.paused(), Duration::from_secs(1));
    let slots = &report.figures.timeline.slots;
    assert_eq!(slots.iter().map(|slot| slot.moved).sum::<u64>(), 1024);
    assert_eq!(slots.iter().map(|slot| slot.saved).sum::<u64>(), 3072);
    assert_eq!(slots.iter().map(|slot| slot.ended).sum::<u64>(), 5, "one never ended");
    assert!(report.has_failures());
    let numbers: Vec<u32> = report.failures().iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, [3, 4, 5, 6]);
}

/// Opens the failed list at `path`, the default one, of six lines.
fn failed_list(path: &Path) -> FailedList {
    let texts: Vec<FailedEntry> = (1..=6)
        .map(|number| FailedEntry { number, text: format!("line {number}").into(), terms: None })
        .collect();
    let file = FailedListFile { path, is_default: true, is_private: false, run: "" };
    FailedList::open(file, "longshore mirror -f failed.txt", &texts).unwrap()
}

#[test]
fn the_log_says_once_that_the_list_cannot_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("failed.txt");
    let list = failed_list(&path);
    fs::write(&path, "my notes\n").unwrap();
    let (log, page) = log_at_noon(false, false);
    let reporter = Reporter::new(options(), log).with_failed_list(list);
    let trigger = reporter.rewrite_trigger();
    let (jobs, ended) = jobs_and_ended();
    let (sender, receiver) = EventSender::channel();
    blocking(async {
        let run = tokio::spawn(reporter.run(jobs, ended, receiver));
        send_events(&sender);
        // The first time is waited for, and the others come if they come.
        while !page.text().contains("another file") {
            trigger.notify_one();
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        for _ in 0..3 {
            trigger.notify_one();
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        drop(sender);
        run.await.unwrap()
    });
    let log = page.text();
    assert_eq!(log.matches("another file took its place").count(), 1, "{log}");
}

#[test]
fn an_interrupt_leaves_a_list_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("failed.txt");
    let list = failed_list(&path);
    let reporter = Reporter::new(options(), log_at_noon(false, false).0).with_failed_list(list);
    let trigger = reporter.rewrite_trigger();
    let (jobs, ended) = jobs_and_ended();
    let (sender, receiver) = EventSender::channel();
    let mut report = blocking(async {
        let run = tokio::spawn(reporter.run(jobs, ended, receiver));
        send_events(&sender);
        trigger.notify_one();
        while !path.exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let early = fs::read_to_string(&path).unwrap();
        assert!(early.contains("line 6"), "{early}");
        drop(sender);
        run.await.unwrap()
    });
    let finished = blocking(report.finish_failed_list(&mut Interrupt::channel().1));
    assert_eq!(finished.unwrap(), Some(path.clone()));
    insta::assert_snapshot!(fs::read_to_string(&path).unwrap(), @r#"
    # failed list of longshore; repeat the run with: longshore mirror -f failed.txt
    # fetch the manifest: 401 Unauthorized
    line 3
    # parse the entry: expected 3 fields, found 2
    line 4
    # repository "Redis" is invalid:\n  it has an upper-case letter
    line 5
    # the run ended before this entry was done
    line 6
    "#);
    assert!(report.failed_list.take().is_none());
}

#[test]
fn bars_are_for_people_at_a_terminal() {
    let at_terminal = ReportOptions { terminal: true, ..options() };
    assert!(at_terminal.draws_bars());
    assert!(!options().draws_bars());
    assert!(!ReportOptions { output: OutputFormat::Json, ..at_terminal.clone() }.draws_bars());
    let (log, page) = log_at_noon(false, false);
    let report = blocking(run(at_terminal, log));
    assert_eq!(report.totals.failed, 4);
    assert!(page.text().contains("failed docker.io/library/failed:1"), "{}", page.text());
}

#[test]
fn progress_is_a_log_line_without_a_terminal_and_rows_with_one() {
    let show = |terminal, output| {
        let (log, page) = log_at_noon(false, false);
        let options = ReportOptions { terminal, output, ..options() };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let _inside = runtime.enter();
        let mut course = Course::new(&options, log, Instant::now(), 3);
        let period = course.timer().period();
        course.started(1, || "a.io/one:1".to_owned());
        course.started(2, || "a.io/two:1".to_owned());
        course.take(Event::BlobPlanned { job: 2, size: 100 });
        course.take(Event::Progress { job: 2, bytes: 40 });
        course.finished(1, true);
        course.show();
        drop(course);
        (period, page.text())
    };
    let (json, yaml) = (OutputFormat::Json, OutputFormat::Yaml);
    for (terminal, output) in [(false, OutputFormat::Text), (true, json), (false, yaml)] {
        let (period, text) = show(terminal, output);
        assert_eq!(period, Duration::from_secs(30));
        assert!(text.starts_with("12:00:07 [INFO] 1 of 3 images, 1 failed, 40 B, "), "{text}");
        assert!(text.ends_with("; moving: a.io/two:1 40 %\n"), "{text}");
        assert_eq!(text.lines().count(), 1, "what starts is not told: {text}");
    }
    let (period, text) = show(true, OutputFormat::Text);
    assert!(period < Duration::from_secs(1));
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("1 of 3 images, 1 failed, 40 B, "), "{text}");
    assert!(lines[1].starts_with("  a.io/two:1 ") && lines[1].contains(" 40 % "), "{text}");
    let removed = "\u{1b}[2A\r\u{1b}[K\u{1b}[B\u{1b}[J\u{1b}[A";
    assert_eq!(lines[2], removed, "the rows are removed at the end: {text}");
}
