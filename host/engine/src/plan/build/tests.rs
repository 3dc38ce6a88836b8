//! Plans, what rewrites did to them, and the lines that the failed list keeps.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::{BATCH, PlanOptions, build};
use crate::job::{Outcome, Status};
use crate::list::{Diagnostic, Entry, Filter, Pinned, Selection, Severity};
use crate::list::{Format, List, ListText};
use crate::plan::{
    Collision, Ended, FilterFlags, Plan, PlanError, Rewrite, RewriteError, RewriteItem,
    RewriteVerdict, SourceOverride, Unselected,
};

const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn options() -> PlanOptions {
    PlanOptions {
        shard: None,
        source: SourceOverride::default(),
        destination: None,
        filter: FilterFlags::new(None, None).unwrap(),
        first_number: 1,
        unselected: Vec::new(),
    }
}

fn entry(line: u32, source: &str, destination: Option<&str>, tag: &str) -> Entry {
    Entry {
        source: source.to_owned(),
        repositories: None,
        select: Selection::ByTag(tag.to_owned()),
        destination: destination.map(str::to_owned),
        destination_tag: None,
        platforms: Vec::new(),
        line,
        attributes: Vec::new(),
    }
}

fn error(line: u32, column: u32) -> Diagnostic {
    Diagnostic { severity: Severity::Error, line, column, message: "it is odd".to_owned() }
}

/// A format whose entries are lines, and which has every fact.
fn lines() -> Format {
    let text = |text: &str| Some(text.to_owned());
    Format {
        name: "lines".to_owned(),
        flag: "./lines.wasm".to_owned(),
        lines: true,
        directives: true,
        default_arch: text("amd64"),
        default_os: text("linux"),
        line_hint: text("a line is a line"),
    }
}

/// A format whose plugin says nothing.
fn other() -> Format {
    Format { name: "other".to_owned(), flag: "other".to_owned(), ..Format::default() }
}

fn list(format: Format, text: &str, entries: Vec<Entry>, diagnostics: Vec<Diagnostic>) -> List {
    let text = ListText::new("list.txt", text.as_bytes().to_vec());
    List { format, text, entries, diagnostics }
}

async fn planned(list: List, options: &PlanOptions) -> Plan {
    build(list, options, &[]).await.unwrap()
}

fn ended(plan: &Plan, number: u32) -> Option<&Ended> {
    plan.ended.iter().find(|ended| ended.number == number)
}

/// `source → destination` of each job, and the message of each entry that ended.
fn ends(plan: &Plan) -> Vec<String> {
    let end = |number| match (plan.jobs.get(number), ended(plan, number)) {
        (Some(job), None) => format!("{} → {}", job.source, job.destination),
        (None, Some(ended)) => {
            let outcome = &ended.outcome;
            outcome.error.clone().or(outcome.reason.clone()).unwrap_or_default()
        }
        both => panic!("{both:?}"),
    };
    plan.entries.iter().map(|entry| end(entry.number)).collect()
}

fn texts(plan: &Plan) -> Vec<String> {
    plan.entries.iter().map(|entry| String::from_utf8_lossy(&entry.text).into_owned()).collect()
}

#[tokio::test]
async fn entries_and_malformed_lines_are_numbered_in_the_order_of_the_list() {
    let text = "  a b.io/b 1 \nodd\n# c\nc.io/d e.io/f 2\nlast";
    let entries = vec![entry(4, "c.io/d", Some("e.io/f"), "2"), entry(1, "a", Some("b.io/b"), "1")];
    let list = list(lines(), text, entries, vec![error(5, 0), error(2, 4)]);
    let plan = planned(list, &PlanOptions { first_number: 7, ..options() }).await;
    let mut places: Vec<_> = plan.jobs.iter().map(|job| (job.number, job.line)).collect();
    assert_eq!(places, [(7, 1), (9, 4)]);
    places.extend(plan.ended.iter().map(|ended| (ended.number, ended.line)));
    assert_eq!(places[2..], [(8, 2), (10, 5)]);
    assert_eq!(
        ends(&plan),
        ["docker.io/library/a:1 → b.io/b:1", "it is odd", "c.io/d:2 → e.io/f:2", "it is odd"]
    );
    assert_eq!(texts(&plan), ["a b.io/b 1", "odd", "c.io/d e.io/f 2", "last"]);
    let malformed = &plan.ended[0];
    assert_eq!((&*malformed.source, malformed.column), ("odd", Some(4)));
    assert_eq!(malformed.outcome.hint.as_deref(), Some("a line is a line"));
}

#[tokio::test]
async fn sources_are_completed_and_destinations_follow_them() {
    let mut pinned = entry(3, "a.io/x/y", None, "");
    let tag = Some("1".to_owned());
    pinned.select = Selection::ByDigest(Pinned { digest: DIGEST.to_owned(), tag });
    let mut renamed = entry(4, "a.io/x", Some("b.io/x"), "1");
    renamed.destination_tag = Some("2".to_owned());
    let entries = || {
        vec![
            entry(1, "redis", None, ""),
            entry(2, "a.io/x", None, "2"),
            pinned.clone(),
            renamed.clone(),
        ]
    };
    let given = PlanOptions { destination: Some("d.io".parse().unwrap()), ..options() };
    let plan = planned(list(other(), "", entries(), vec![]), &given).await;
    assert_eq!(
        ends(&plan),
        [
            "docker.io/library/redis:latest → docker.io/redis:latest".to_owned(),
            "a.io/x:2 → docker.io/x:2".to_owned(),
            format!("a.io/x/y:1@{DIGEST} → docker.io/x/y:1"),
            "a.io/x:1 → b.io/x:2".to_owned(),
        ]
    );
    // Such an entry is a line of the standard format in the failed list.
    assert_eq!(
        texts(&plan),
        [
            "redis redis latest".to_owned(),
            "a.io/x x 2".to_owned(),
            format!("a.io/x/y x/y 1@{DIGEST}"),
            "a.io/x b.io/x 1".to_owned(),
        ]
    );
    assert_eq!(
        plan.entries[0].terms.as_deref(),
        Some("platforms=all"),
        "a default filter would hold"
    );
    let renamed = plan.entries[3].terms.as_deref();
    assert_eq!(renamed, Some("platforms=all destination-tag=2"), "three columns cannot say it");

    let source =
        SourceOverride { store: Some("s.io".parse().unwrap()), ..SourceOverride::default() };
    let replaced = PlanOptions { source, ..given };
    let plan = planned(list(other(), "", entries(), vec![]), &replaced).await;
    assert_eq!(
        ends(&plan)[..2],
        ["s.io/redis:latest → docker.io/redis:latest", "s.io/x:2 → docker.io/x:2"]
    );
    // A project replaces that of the source, and the destination keeps its own.
    let source =
        SourceOverride { project: Some("new".parse().unwrap()), ..SourceOverride::default() };
    let replaced = PlanOptions { source, ..replaced };
    let plan = planned(list(other(), "", entries(), vec![]), &replaced).await;
    assert_eq!(
        ends(&plan),
        [
            "docker.io/new/redis:latest → docker.io/redis:latest".to_owned(),
            "a.io/new/x:2 → docker.io/x:2".to_owned(),
            format!("a.io/new/y:1@{DIGEST} → docker.io/x/y:1"),
            "a.io/new/x:1 → b.io/x:2".to_owned(),
        ]
    );
}

#[tokio::test]
async fn a_line_format_repeats_its_lines_and_has_comments_only_if_it_applies_them() {
    let mut named = entry(1, "a.io/x", Some("b.io/x"), "1");
    named.platforms = vec!["linux/arm64".to_owned()];
    let entries = || vec![named.clone(), entry(2, "a.io/y", Some("b.io/y"), "1")];
    for (directives, terms) in [(true, Some("platforms=linux/arm64")), (false, None)] {
        let format = Format { directives, ..lines() };
        assert_eq!(format.repeated_as(), "./lines.wasm");
        let plan = planned(list(format, "1st | line\n2nd", entries(), vec![]), &options()).await;
        assert_eq!(texts(&plan), ["1st | line", "2nd"]);
        assert_eq!(plan.entries[0].terms.as_deref(), terms);
        assert_eq!(plan.entries[1].terms, None);
    }
    let filters: Vec<String> = planned(list(lines(), "", entries(), vec![]), &options())
        .await
        .jobs
        .iter()
        .map(|job| job.filter.to_string())
        .collect();
    assert_eq!(filters, ["platforms linux/arm64", "arch amd64, os linux"]);
    assert_eq!(other().repeated_as(), crate::list::STANDARD_FORMAT);
    let broken = Format { default_arch: Some(String::new()), ..lines() };
    let error = build(list(broken, "", entries(), vec![]), &options(), &[]).await.unwrap_err();
    assert!(matches!(error, PlanError::FormatFilter { .. }), "{error}");
}

#[tokio::test]
async fn an_entry_without_a_destination_is_an_error() {
    let list = list(lines(), "a\nb\n", vec![entry(2, "b", None, "1")], vec![]);
    let error = build(list, &options(), &[]).await.unwrap_err();
    assert!(matches!(error, PlanError::NoDestination { line: 2, .. }), "{error}");
}

#[tokio::test]
async fn an_error_of_one_entry_fails_only_that_entry() {
    let mut everything = entry(3, "a.io/x", Some("b.io/x"), "");
    everything.select = Selection::All;
    let mut platform = entry(4, "a.io/x", Some("b.io/x"), "1");
    platform.platforms = vec!["linux".to_owned()];
    let entries = vec![
        entry(1, "a.io/X", Some("b.io/x"), "1"),
        entry(2, "a.io/x", Some("b.io/x"), "-1"),
        everything,
        platform,
        entry(5, "a.io/x", Some("a.io/x"), "1"),
        entry(6, "a.io/x", Some("b.io/x"), "1"),
        entry(7, "a.io/x", Some("b.io/x"), "1"),
    ];
    let plan = planned(list(lines(), "", entries, vec![]), &options()).await;
    let ends = ends(&plan);
    for (end, why) in ends.iter().zip([
        "source: repository \"X\" is invalid",
        "source: tag \"-1\" is invalid",
        "by pattern",
        "platform \"linux\" is invalid",
        "source and destination are the same",
        "a.io/x:1 → b.io/x:1",
        "the same as line 6",
    ]) {
        assert!(end.contains(why), "{end}");
    }
    assert_eq!(ends.len(), 7);
    let status = |number| ended(&plan, number).map(|ended| ended.outcome.status);
    assert_eq!(
        (status(1), status(6), status(7)),
        (Some(Status::Failed), None, Some(Status::Skipped))
    );
    assert_eq!(plan.jobs.len(), 1);
}

#[tokio::test]
async fn an_entry_that_selects_nothing_ends() {
    let everything =
        |line: u32| Entry { select: Selection::All, ..entry(line, "a.io/x", Some("b.io/x"), "") };
    let unselected =
        Unselected { entry: everything(2), outcome: Outcome::skipped("a.io/x has no tags") };
    let options = PlanOptions { unselected: vec![unselected], ..options() };
    let entries = vec![everything(1), everything(2)];
    let plan = planned(list(other(), "", entries, vec![]), &options).await;
    let expected = ["it selects tags by pattern, and none were listed", "a.io/x has no tags"];
    assert_eq!(ends(&plan), expected);
    assert_eq!(texts(&plan), ["a.io/x b.io/x *"; 2], "it can be repeated");
}

#[tokio::test]
async fn lines_for_one_job_fail_with_it() {
    let text = "--platform=linux/arm64 a\n--platform=linux/amd64 a\na # again\nb\na # again\n";
    let entries = [1, 2, 3, 4, 5].map(|line| {
        let source = if line == 4 { "a.io/b" } else { "a.io/a" };
        entry(line, source, Some("b.io/x"), if line == 4 { "2" } else { "1" })
    });
    let options = PlanOptions { first_number: 11, ..options() };
    let plan = planned(list(lines(), text, entries.to_vec(), vec![]), &options).await;
    let numbers: Vec<u32> = plan.entries.iter().map(|entry| entry.number).collect();
    assert_eq!(numbers, [11, 11, 11, 14, 11]);
    assert_eq!(plan.ended.iter().map(|ended| ended.number).collect::<Vec<_>>(), [12, 13, 15]);
    let twice = [entry(1, "a.io/a", Some("b.io/x"), "1"), entry(2, "a.io/a", Some("b.io/x"), "1")];
    let plan = planned(list(other(), "", twice.to_vec(), vec![]), &options).await;
    let numbers: Vec<u32> = plan.entries.iter().map(|entry| entry.number).collect();
    assert_eq!(numbers, [11, 12], "the first says it all");
}

#[tokio::test]
async fn malformed_parts_of_other_formats_are_named_without_secrets() {
    let text = "a: 1\n{\"password\":\"s3\",\"image\":1}\nlongshore: destination-tag=x\n";
    let errors = vec![error(2, 17), error(3, 0), error(0, 0)];
    let plan = planned(list(other(), text, vec![], errors), &options()).await;
    assert_eq!(
        texts(&plan),
        [
            "? list.txt:0:0: it is odd: ",
            "? list.txt:2:17: it is odd: {\"password\":***,\"image\":1}",
            "? list.txt:3:0: it is odd: longshore: destination-tag=x",
        ]
    );
    assert_eq!(plan.ended[1].source, "{\"password\":***,\"image\":1}");
}

#[tokio::test]
async fn several_faults_at_one_place_are_one_entry() {
    let fault = |line, column, message: &str| Diagnostic {
        message: message.to_owned(),
        ..error(line, column)
    };
    let faults = vec![
        fault(2, 3, "`source` is missing"),
        fault(2, 3, "`type` is missing"),
        fault(2, 3, "`type` is missing"),
        fault(2, 9, "it is odd"),
        fault(3, 0, "it is odd"),
        fault(3, 0, "it is odder"),
        fault(0, 0, "a: it is odd"),
        fault(0, 0, "b: it is odd"),
    ];
    let plan = planned(list(other(), "a: 1\n- b: c\n- d\n", vec![], faults), &options()).await;
    let errors: Vec<&str> =
        plan.ended.iter().map(|ended| ended.outcome.error.as_deref().unwrap_or_default()).collect();
    assert_eq!(errors.len(), 6, "{errors:?}");
    let merged = |error: &&&str| error.contains("`source` is missing; `type` is missing");
    assert_eq!(errors.iter().filter(merged).count(), 1, "{errors:?}");
    assert!(
        texts(&plan).iter().any(|text| text.starts_with("? list.txt:2:3: `source` is missing; "))
    );
}

#[tokio::test]
async fn a_part_of_another_list_stays_in_the_failed_list() {
    let text = "? list.yml:3: it is odd: # a\n";
    let plan =
        planned(list(lines(), text, vec![], vec![error(1, 1), error(0, 0)]), &options()).await;
    assert_eq!(texts(&plan)[1], text.trim_end());
    assert_eq!(texts(&plan)[0], "? list.txt:0:0: it is odd: ", "no line of it can be repeated");
    assert_eq!(plan.ended[1].outcome.hint, None, "what a line is does not help");
}

#[tokio::test]
async fn batches_are_one_plan() {
    let count = u32::try_from(BATCH).unwrap() + 2;
    let entries = |last: u32| {
        let tag = |line: u32| if line == count { last } else { line };
        let entry = |line| entry(line, "a.io/x", Some("b.io/x"), &tag(line).to_string());
        list(lines(), "", (1..=count).map(entry).collect(), vec![error(count, 0)])
    };
    let plan = planned(entries(1), &options()).await;
    let numbers: Vec<u32> = plan.entries.iter().map(|entry| entry.number).collect();
    assert!(numbers.into_iter().eq(1..=count + 1), "each has its number");
    assert_eq!(plan.jobs.len(), BATCH + 1);
    assert_eq!(ends(&plan)[BATCH + 1..], ["the same as line 1", "it is odd"]);
    assert_eq!(planned(entries(count), &options()).await.jobs.len(), BATCH + 2);
    let mut colliding = entries(1);
    colliding.entries[BATCH + 1].source = "c.io/x".to_owned();
    let plan = planned(colliding, &options()).await;
    let of_lines = |found: &Collision| (found.first.line, found.second.line);
    assert_eq!(plan.collisions.iter().map(of_lines).collect::<Vec<_>>(), [(1, count)]);
    let entry = |line: u32| entry(line, &format!("a.io/x-{line}"), Some("b.io/x"), "1");
    let all = list(lines(), "", (1..=count).map(entry).collect(), Vec::new());
    let error = build(all, &options(), &[]).await.unwrap_err().to_string();
    assert!(error.ends_with(", 1 and 22, 9980 more"), "{error}");
}

#[tokio::test]
async fn parts_are_disjoint_and_together_everything() {
    let whole = || {
        let of = |line: u32, source: &str| entry(line, source, Some("b.io/x"), &line.to_string());
        let mut entries: Vec<Entry> =
            (1..40).map(|line| of(line, &format!("a.io/x-{}", line % 13))).collect();
        entries.extend([of(40, "b.io/x"), of(41, "a.io/UPPER"), of(42, "busybox")]);
        // Two entries that are one, and an entry of the default registry.
        entries.push(Entry { line: 43, ..of(42, "docker.io/library/busybox") });
        list(lines(), &"odd line\n".repeat(45), entries, vec![error(44, 1), error(45, 1)])
    };
    let all = planned(whole(), &options()).await;
    let shown = |plan: &Plan| {
        let jobs = plan
            .jobs
            .iter()
            .map(|job| format!("{} {} {}", job.number, job.source, job.destination));
        let ended = plan.ended.iter().map(|ended| {
            format!("{} {}", ended.number, format_args!("{:?}", ended.outcome.status))
        });
        jobs.chain(ended).collect::<Vec<_>>()
    };
    let mut union = Vec::new();
    for part in 1..=4 {
        let shard = Some(format!("{part}/4").parse().unwrap());
        let plan = planned(whole(), &PlanOptions { shard, ..options() }).await;
        assert_eq!(plan.count, all.count, "each part numbers all entries");
        assert_eq!(plan.entries.len(), plan.jobs.len() + plan.ended.len());
        assert!(plan.jobs.len() < all.jobs.len(), "it is a part");
        union.extend(shown(&plan));
    }
    let mut expected = shown(&all);
    expected.sort();
    union.sort();
    assert_eq!(union, expected);
}

#[tokio::test]
async fn each_part_has_the_entries_whose_repositories_could_not_be_listed() {
    let everything = Entry {
        select: Selection::All,
        repositories: Some(Filter { allow: vec![], deny: vec![], versions: None, latest: None }),
        ..entry(1, "a.io/team", Some("b.io"), "")
    };
    for part in 1..=3 {
        let unselected =
            Unselected { entry: everything.clone(), outcome: Outcome::failed("a.io is away") };
        let shard = Some(format!("{part}/3").parse().unwrap());
        let options = PlanOptions { unselected: vec![unselected], shard, ..options() };
        let plan = planned(list(other(), "", vec![everything.clone()], vec![]), &options).await;
        assert_eq!(ends(&plan), ["a.io is away"], "part {part}");
    }
}

#[tokio::test]
async fn each_part_knows_all_collisions() {
    let colliding = || {
        let entries =
            (1..=8).map(|line| entry(line, &format!("a.io/x-{line}"), Some("b.io/x"), "1"));
        list(lines(), "", entries.collect(), vec![])
    };
    for part in 1..=3 {
        let shard = Some(format!("{part}/3").parse().unwrap());
        let plan = planned(colliding(), &PlanOptions { shard, ..options() }).await;
        let found = plan.collisions.iter().map(|found| (found.first.line, found.second.line));
        assert!(found.eq((2..=8).map(|second| (1, second))));
    }
}

#[tokio::test]
async fn the_registry_that_all_destinations_of_the_list_share_is_known() {
    let listed_with = async |tag: &str, destinations: &[&str]| {
        let last = destinations.len() as u32;
        let entries = (1..).zip(destinations).map(|(line, to)| {
            entry(line, "a.io/x", Some(to), if line == last { tag } else { "1" })
        });
        let text = "x\n".repeat(destinations.len());
        let list = list(lines(), &text, entries.collect(), Vec::new());
        planned(list, &options()).await.listed.map(|registry| registry.to_string())
    };
    let listed = async |destinations: &[&str]| listed_with("1", destinations).await;
    assert_eq!(listed(&["r.io/a", "r.io/b"]).await.as_deref(), Some("r.io"));
    assert_eq!(listed(&["r.io/a", "s.io/b"]).await, None);
    assert_eq!(listed(&["r.io/a", "s.io/b", "r.io/c"]).await, None);
    assert_eq!(listed(&["r.io/a", "docker.io/b"]).await, None);
    assert_eq!(listed(&["r.io/a", "-/b", "r.io/c"]).await.as_deref(), Some("r.io"));
    assert_eq!(listed(&[]).await, None);
    // The last entry fails.
    let of_failed = async |destinations: &[&str]| listed_with("not:a:tag", destinations).await;
    assert_eq!(of_failed(&["r.io/a", "s.io/b"]).await, None);
    assert_eq!(of_failed(&["r.io/a", "s.io"]).await, None, "the destination of a whole registry");
    assert_eq!(of_failed(&["r.io/a", "r.io/b"]).await.as_deref(), Some("r.io"));
    assert_eq!(of_failed(&["r.io/a", ""]).await.as_deref(), Some("r.io"), "it names none");
}

#[tokio::test]
async fn a_destination_is_on_docker_hub_only_by_its_name() {
    for (destination, is_refused) in
        [("b", true), ("team/b", true), ("docker.io/team/b", false), ("b.io/b", false)]
    {
        let entries = vec![entry(1, "a.io/x", Some(destination), "1")];
        let list = list(lines(), "x", entries, Vec::new());
        let built = build(list, &options(), &[]).await;
        match built {
            Err(PlanError::NoRegistry { line: 1, .. }) => assert!(is_refused, "{destination}"),
            Err(other) => panic!("{destination}: {other}"),
            Ok(_) => assert!(!is_refused, "{destination}"),
        }
    }
    let named = PlanOptions { destination: Some("d.io".parse().unwrap()), ..options() };
    let list = list(lines(), "x", vec![entry(1, "a.io/x", Some("b"), "1")], Vec::new());
    assert!(build(list, &named, &[]).await.is_ok(), "-d names the registry");
}

/// A rewrite that answers one destination or refusal, and keeps the others.
struct Only {
    name: &'static str,
    to: &'static str,
    answer: RewriteVerdict,
    checks: bool,
}

impl Rewrite for Only {
    fn name(&self) -> &str {
        self.name
    }

    fn batch(&self) -> usize {
        2
    }

    fn only_checks(&self) -> bool {
        self.checks
    }

    fn apply(
        &self,
        items: Vec<RewriteItem>,
    ) -> BoxFuture<'_, Result<Vec<RewriteVerdict>, RewriteError>> {
        let answer = |item: RewriteItem| match item.destination == self.to {
            true => self.answer.clone(),
            false => RewriteVerdict::Destination(item.destination),
        };
        let answers = items.into_iter().map(answer).collect();
        async { Ok(answers) }.boxed()
    }
}

#[tokio::test]
async fn a_rewrite_without_effect_is_named_with_what_it_saw() {
    let rewrite = |name, to, answer, checks| -> Box<dyn Rewrite> {
        Box::new(Only { name, to, answer, checks })
    };
    let keep = || RewriteVerdict::Destination("b.io/x:9".to_owned());
    let refuse = || RewriteVerdict::Refuse("no".to_owned());
    let skip = || RewriteVerdict::Skip("no".to_owned());
    let rewrites: Vec<Box<dyn Rewrite>> = vec![
        rewrite("registry", "", keep(), false),
        rewrite("misspelt", "b.io/x:7", keep(), false),
        rewrite("moves", "b.io/x:5", keep(), false),
        // Its rule fits what the one before it has written.
        rewrite("late", "b.io/x:9", RewriteVerdict::Destination("b.io/x:8".to_owned()), false),
        rewrite("same", "b.io/x:1", RewriteVerdict::Destination("b.io/x:1".to_owned()), false),
        rewrite("refuses", "b.io/x:2", refuse(), false),
        rewrite("skips", "b.io/x:3", skip(), false),
        rewrite("policy", "b.io/x:6", refuse(), true),
    ];
    let entries = |tags: &[&str]| {
        let entry = |(tag, line)| entry(line, "a.io/x", Some("b.io/x"), tag);
        list(other(), "", tags.iter().copied().zip(1..).map(entry).collect(), Vec::new())
    };
    let idle = async |tags: &[&str]| {
        let plan = build(entries(tags), &options(), &rewrites).await.unwrap();
        let told = plan.idle.into_iter().map(|idle| {
            let (source, destination) = idle.first;
            format!("{} {}: {source} {destination}", idle.name, idle.entries)
        });
        told.collect::<Vec<_>>()
    };
    let first = "a.io/x:1 b.io/x:1";
    assert_eq!(
        idle(&["1", "2", "3", "4", "5"]).await,
        [format!("misspelt 5: {first}"), format!("same 5: {first}")]
    );
    let all = ["misspelt", "moves", "late", "same", "refuses", "skips"];
    assert_eq!(idle(&["4"]).await, all.map(|name| format!("{name} 1: a.io/x:4 b.io/x:4")));
    // What the others refuse or skip is not asked about.
    assert_eq!(idle(&[]).await, [] as [&str; 0]);
}
