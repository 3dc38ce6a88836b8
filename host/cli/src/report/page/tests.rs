use std::time::Duration;

use super::item::{Item, Kind};
use super::{Head, write};
use crate::report::course::{Figures, Saved};

/// Every text of the page that others choose.
const HOSTILE: &str = "</script><script>x()</script><b a='\"&\u{202e}";

fn page(items: &[Item<'static>]) -> String {
    let asked = vec![("Command", HOSTILE.to_owned())];
    let head = Head {
        command: "mirror",
        noun: ["entry", "entries"],
        headline: format!("all {HOSTILE}"),
        counts: vec![("copied", 1), ("failed", 1)],
        asked: &asked,
        elapsed: Duration::from_secs(3),
        bytes: 10,
        figures: &Figures::new(std::time::Instant::now()),
    };
    let mut bytes = Vec::new();
    write(&head, || items.iter().cloned(), &mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

fn item(number: u32, kind: Kind) -> Item<'static> {
    let digest = || Some(format!("sha256:{number:064}"));
    Item {
        number,
        kind,
        status: kind.class(),
        source: format!("a.io/{number}"),
        destination: format!("b.io/{number}"),
        took: Duration::from_millis(u64::from(number)),
        bytes: u64::from(number),
        saved: Saved { mounted: 1, present: 2, shared: 3 },
        source_digest: digest(),
        destination_digest: digest(),
        digest_change: None,
        reason: None,
        error: None,
        hint: None,
    }
}

#[test]
fn hostile_texts_stay_texts_wherever_they_stand() {
    let text = Some(HOSTILE);
    let hostile = Item {
        source: HOSTILE.to_owned(),
        destination: HOSTILE.to_owned(),
        source_digest: Some(HOSTILE.to_owned()),
        destination_digest: Some(HOSTILE.to_owned()),
        digest_change: text,
        reason: text,
        error: text,
        hint: text,
        ..item(1, Kind::Failed)
    };
    let copied = Item { kind: Kind::Copied, error: None, ..hostile.clone() };
    let page = page(&[hostile, copied]);
    assert!(!page.contains("<script>x()"), "{page}");
    assert!(!page.contains("<b a="), "{page}");
    assert!(!page.contains('\u{202e}'), "{page}");
    assert_eq!(page.matches("<script>").count(), 2, "only ours");
    assert_eq!(page.matches("</script>").count(), 2, "only ours");
    assert!(page.contains("&lt;script&gt;x()&lt;/script&gt;"), "{page}");
}

#[test]
fn long_tables_are_cut_and_the_last_one_has_all() {
    let items: Vec<Item<'_>> = (1..=500)
        .map(|number| Item { error: Some("denied"), ..item(number, Kind::Failed) })
        .collect();
    let page = page(&items);
    assert!(page.contains("The first 200 of 500 entries"), "{page}");
    assert_eq!(page.matches("<tr data-status=\"failed\">").count(), 500);
    assert_eq!(page.matches("denied").count(), 700);
    let slowest = page.split("id=\"slowest\"").nth(1).unwrap();
    let first = slowest.split("<td class=\"name\">").nth(1).unwrap();
    assert!(first.starts_with("a.io/500 → b.io/500"), "{first}");
}

#[test]
fn the_policy_names_our_scripts_and_nothing_else() {
    let page = page(&[item(1, Kind::Copied)]);
    let policy = page.split("Content-Security-Policy\" content=\"").nth(1).unwrap();
    let policy = policy.split('"').next().unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    for foreign in ["http://", "https://", "//", "@import", "url(", "style=\"", "onclick", "src="] {
        let comment = |line: &&str| line.trim_start().starts_with("//");
        let found = page.lines().filter(|line| !comment(line)).find(|line| line.contains(foreign));
        assert_eq!(found, None, "{foreign}");
    }
}
