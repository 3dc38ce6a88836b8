//! The page of `--report` in a browser: what its script does, and what people see.

use std::path::{Path, PathBuf};

use longshore_content::{Image, Index};
use serde_json::Value;

use crate::support::browser::{Browser, Scheme, file_address};
use crate::support::{Pair, Run};

/// Names that would change the page if they were not escaped.
const HOSTILE: &str = "</script><script>document.title='taken'</script> a b\n\
                       <img/src=x/onerror=document.title='taken'> a b\n";

/// A run with copied, skipped and failed entries, and its page.
fn reported() -> (Run, PathBuf) {
    let pair = Pair::embedded();
    let image = |seed, size| Image::new("linux/amd64").layer(9, 3000).layer(seed, size).build();
    for (name, seed, size) in [("zebra", 1, 700_000), ("apple", 2, 20_000), ("mango", 3, 90_000)] {
        pair.source.push(&format!("team/{name}"), "1", &image(seed, size));
    }
    let index =
        Index::oci().child(&image(5, 100)).child(&Image::new("linux/s390x").build()).build();
    pair.source.push("team/index", "1", &index);
    pair.source.push("team/other", "1", &Image::new("linux/s390x").layer(7, 10).build());
    let names = ["zebra", "apple", "mango", "index", "other", "missing"];
    let list: String = names.iter().map(|name| format!("team/{name} team/{name} 1\n")).collect();
    let run = pair.mirror(&(list + HOSTILE)).args(["-j", "1", "--report", "page.html"]);
    let run = run.run().exits(1);
    let path = run.directory().join("page.html");
    (run, path)
}

/// Returns the value that `script` computes in the page. The page's policy forbids foreign scripts, so this is
/// a copy without the policy.
fn computed(browser: &Browser, run: &Run, scheme: Scheme, script: &str) -> Value {
    let page = run.file("page.html").expect("a page");
    let (before, rest) =
        page.split_once("<meta http-equiv=\"Content-Security-Policy\"").expect("a policy");
    let (_, after) = rest.split_once('>').expect("its end");
    let script = format!(
        "<script>document.body.dataset.found=encodeURIComponent(JSON.stringify((function(){{{script}}})()))</script></body>"
    );
    let copy = format!("{before}{after}").replace("</body>", &script);
    let path = run.directory().join("copy.html");
    std::fs::write(&path, copy).expect("a scratch file can be written");
    found_in(browser, &path, scheme)
}

/// Returns what a script has left in the attribute `data-found` of a page.
fn found_in(browser: &Browser, path: &Path, scheme: Scheme) -> Value {
    let document = browser.document(&file_address(path), scheme);
    let found = document.split("data-found=\"").nth(1).expect("the script ran");
    let found = found.split('"').next().expect("the end of the attribute");
    serde_json::from_str(&decoded(found)).expect("it is JSON")
}

/// Writes a page that has the report in a frame without scripts, and returns its path. `script` computes a value
/// from the `document` in the frame. (Chromium itself needs scripts to print a document without a window.)
fn framed(run: &Run, script: &str) -> PathBuf {
    let page = run.file("page.html").expect("a page");
    let page = page.replace('&', "&amp;").replace('"', "&quot;");
    let text = format!(
        "<!doctype html><html><body style=\"margin:0\">\
         <iframe sandbox=\"allow-same-origin\" style=\"display:block;width:100%;height:5000px;border:0\" srcdoc=\"{page}\">\
         </iframe><script>addEventListener('load', function () {{\
           var inner = document.querySelector('iframe').contentDocument;\
           document.body.dataset.found = encodeURIComponent(JSON.stringify((function (document) {{{script}}})(inner)));\
         }});</script></body></html>"
    );
    let path = run.directory().join("framed.html");
    std::fs::write(&path, text).expect("a scratch file can be written");
    path
}

/// Decodes what `encodeURIComponent` has encoded.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = match first {
            b'%' => {
                let digits = std::str::from_utf8(&tail[..2]).expect("digits");
                bytes.push(u8::from_str_radix(digits, 16).expect("a hexadecimal number"));
                &tail[2..]
            }
            other => {
                bytes.push(other);
                tail
            }
        };
    }
    String::from_utf8(bytes).expect("it is UTF-8")
}

#[test]
fn the_script_of_the_page_runs_and_no_other_one() {
    let Some(browser) = Browser::find() else { return };
    let (run, path) = reported();
    let document = browser.document(&file_address(&path), Scheme::Light);
    assert!(document.contains("8 of 8 match, 8 shown"), "the script did not run:\n{document}");
    assert_eq!(document.matches("<tr data-status=\"").count(), 8);
    assert!(!document.contains("id=\"written\""), "the rows are twice in the page:\n{document}");
    let title = |document: &str| {
        let (_, rest) = document.split_once("<title>").expect("a title");
        rest.split("</title>").next().expect("its end").to_owned()
    };
    let expected = "longshore mirror: 4 of 8 entries arrived, 1 skipped, 3 failed";
    assert_eq!(title(&document), expected);
    assert!(document.contains("&lt;/script&gt;&lt;script&gt;document.title"), "{document}");
    // Even a script in the page does not run.
    let page = run.file("page.html").expect("a page");
    let page = page.replace("</body>", "<script>document.title='taken'</script></body>");
    let planted = run.directory().join("planted.html");
    std::fs::write(&planted, page).expect("a scratch file can be written");
    assert_eq!(title(&browser.document(&file_address(&planted), Scheme::Light)), expected);
}

#[test]
fn the_table_sorts_filters_and_tells_screen_readers() {
    let Some(browser) = Browser::find() else { return };
    let (run, _) = reported();
    let found = computed(
        &browser,
        &run,
        Scheme::Light,
        r##"
        var table = document.getElementById("entries"), heads = table.tHead.rows[0].cells;
        function rows() {
            return Array.from(table.querySelectorAll("tbody tr")).filter(function (row) {
                return getComputedStyle(row).display !== "none";
            }).map(function (row) { return row.cells[0].textContent; }).join(" ");
        }
        function state() { return rows() + " | " + Array.from(heads).map(function (head) { return head.getAttribute("aria-sort")[0]; }).join(""); }
        function set(id, value, event) {
            var control = document.getElementById(id);
            control.value = value;
            control.dispatchEvent(new Event(event));
        }
        function click(at) { heads[at].querySelector("button").click(); }
        var found = { start: state() };
        click(2); found.source = state();
        click(2); found.sourceDown = state();
        click(5); found.moved = state();
        click(0); found.number = state();
        set("status", "failed", "change"); found.failed = rows();
        set("find", "team MISSING", "input"); found.words = rows();
        found.count = document.getElementById("count").textContent;
        set("find", "nothing at all", "input"); found.none = rows();
        set("find", "", "input"); set("status", "", "change"); found.all = rows();
        // The rows have twelve digits; a log has them all.
        var digits = /sha256:[0-9a-f]{12}/.exec(table.tBodies[0].textContent)[0];
        var whole = digits + "0123456789abc".repeat(4);
        set("find", digits, "input"); found.digits = rows();
        set("find", whole, "input"); found.whole = rows();
        set("find", "team/x@" + whole, "input"); found.other = rows();
        set("find", whole.slice(7).toUpperCase(), "input"); found.bare = rows();
        set("find", whole.slice(0, -30), "input"); found.part = rows();
        set("find", "", "input");
        return found;
    "##,
    );
    assert_eq!(found["start"], "1 2 3 4 5 6 7 8 | annnnnnnn");
    assert_ne!(found["digits"], "");
    for spelling in ["whole", "bare", "part"] {
        assert_eq!(found[spelling], found["digits"], "{spelling}");
    }
    assert_eq!(found["other"], "", "no row has this name");
    let (source, down) = (found["source"].as_str().unwrap(), found["sourceDown"].as_str().unwrap());
    let order = |text: &str| {
        let rows = text.split(" | ").next().unwrap_or_default();
        rows.split(' ').map(str::to_owned).collect::<Vec<_>>()
    };
    assert!(source.ends_with(" | nnannnnnn"), "{source}");
    assert!(source.contains("2 4 3 6 5 1"), "apple index mango missing other zebra: {source}");
    assert!(down.ends_with(" | nndnnnnnn"), "{down}");
    assert_eq!(order(down), order(source).into_iter().rev().collect::<Vec<_>>());
    let moved = found["moved"].as_str().unwrap();
    assert!(moved.starts_with("1 3 2 4 ") && moved.ends_with(" | nnnnndnnn"), "{moved}");
    assert_eq!(found["number"], "1 2 3 4 5 6 7 8 | annnnnnnn");
    assert_eq!(found["failed"], "6 7 8");
    assert_eq!((&found["words"], &found["count"]), (&"6".into(), &"1 of 8 match, 1 shown".into()));
    assert_eq!((&found["none"], &found["all"]), (&"".into(), &"1 2 3 4 5 6 7 8".into()));
}

#[test]
fn a_long_list_shows_its_first_rows_and_all_if_asked() {
    let Some(browser) = Browser::find() else { return };
    let pair = Pair::embedded();
    let list: String = (0..1500).map(|number| format!("half{number} line\n")).collect();
    let run = pair.mirror(&list).args(["--list-format=mirror", "--report", "page.html"]);
    let run = run.run().exits(1);
    let found = computed(
        &browser,
        &run,
        Scheme::Light,
        r##"
        var found = [], many = document.getElementById("many");
        ["100", "1000", ""].forEach(function (value) {
            many.value = value;
            many.dispatchEvent(new Event("change"));
            var rows = Array.from(document.querySelectorAll("#entries tbody tr"));
            found.push(rows.filter(function (row) { return getComputedStyle(row).display !== "none"; }).length);
        });
        return found;
    "##,
    );
    assert_eq!(found, serde_json::json!([100, 1000, 1500]));
}

/// Looks for what a screen reader needs, and for text without contrast (WCAG 2.2, 1.4.3).
const FAULTS: &str = r##"
    var faults = [];
    function each(selector, check) { document.querySelectorAll(selector).forEach(check); }
    each("table", function (table) {
        if (!table.caption || !table.caption.textContent) { faults.push("table without a caption"); }
        if (!table.tHead) { faults.push("table without a head"); }
    });
    each("th", function (head) { if (!head.scope) { faults.push("th without a scope: " + head.textContent); } });
    each("input, select", function (control) { if (!control.labels.length) { faults.push("no label: " + control.id); } });
    each("svg", function (picture) {
        if (picture.getAttribute("role") !== "img") { faults.push("svg without a role"); }
        var names = picture.getAttribute("aria-labelledby");
        var named = names && names.split(" ").every(function (name) { return document.getElementById(name); });
        if (!picture.getAttribute("aria-label") && !named) { faults.push("svg without a name"); }
    });
    each("[role=region]", function (region) {
        if (!document.getElementById(region.getAttribute("aria-labelledby"))) { faults.push("region without a name"); }
    });
    if (document.querySelectorAll("h1").length !== 1) { faults.push("not one h1"); }
    if (document.documentElement.lang !== "en") { faults.push("no language"); }
    var ids = Array.from(document.querySelectorAll("[id]")).map(function (element) { return element.id; });
    if (new Set(ids).size !== ids.length) { faults.push("an id occurs twice"); }
    if (document.documentElement.scrollWidth > document.documentElement.clientWidth) { faults.push("the page scrolls sideways"); }
    function numbers(colour) { return colour.match(/[\d.]+/g).map(Number); }
    function light(colour) {
        var parts = numbers(colour).slice(0, 3).map(function (part) {
            part /= 255;
            return part <= 0.04045 ? part / 12.92 : Math.pow((part + 0.055) / 1.055, 2.4);
        });
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
    }
    function behind(element) {
        for (; element; element = element.parentElement) {
            var colour = getComputedStyle(element).backgroundColor;
            if (numbers(colour)[3] !== 0) { return colour; }
        }
        return "rgb(255, 255, 255)";
    }
    each("body *", function (element) {
        var has = Array.from(element.childNodes).some(function (node) { return node.nodeType === 3 && node.data.trim(); });
        if (!has || element.closest("script, style, title, desc")) { return; }
        var style = getComputedStyle(element);
        var text = element.namespaceURI.endsWith("svg") ? style.fill : style.color;
        var one = light(text), other = light(behind(element));
        var contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
        if (contrast < 4.5) { faults.push(element.tagName + " " + contrast.toFixed(2) + ": " + element.textContent.slice(0, 40)); }
    });
    return faults;
"##;

#[test]
fn a_screen_reader_finds_names_and_eyes_find_contrast() {
    let Some(browser) = Browser::find() else { return };
    let (run, _) = reported();
    for scheme in [Scheme::Light, Scheme::Dark] {
        let faults = computed(&browser, &run, scheme, FAULTS);
        assert_eq!(faults, serde_json::json!([]), "{scheme:?}");
    }
}

#[test]
fn without_scripts_the_figures_and_all_rows_are_there() {
    let Some(browser) = Browser::find() else { return };
    let (run, _) = reported();
    let path = framed(
        &run,
        r##"
        var rows = Array.from(document.querySelectorAll("#entries tbody tr"));
        return {
            rows: rows.filter(function (row) { return row.getBoundingClientRect().height > 10; }).length,
            last: rows[rows.length - 1].textContent,
            buttons: document.querySelectorAll("th button").length,
            controls: document.querySelector(".controls").getBoundingClientRect().height,
            title: document.title,
            cards: Array.from(document.querySelectorAll("dl.cards div")).map(function (card) { return card.textContent; })
        };
    "##,
    );
    let found = found_in(&browser, &path, Scheme::Light);
    assert_eq!(found["rows"], 8, "{found:#}");
    assert!(found["last"].as_str().is_some_and(|text| text.contains("img/src")), "{found:#}");
    assert_eq!((&found["buttons"], &found["controls"]), (&0.into(), &0.into()), "{found:#}");
    assert_eq!(found["title"], "longshore mirror: 4 of 8 entries arrived, 1 skipped, 3 failed");
    let cards = found["cards"].as_array().expect("a list");
    assert_eq!(cards[..3], ["copied4", "skipped1", "failed3"], "{found:#}");

    for (scheme, page, copied, failed) in [
        (Scheme::Light, "#ffffff", "#dafbe1", "#ffebe9"),
        (Scheme::Dark, "#0d1117", "#12361f", "#4c1519"),
    ] {
        let picture = browser.picture(&file_address(&path), scheme, (1280, 5000));
        assert!(picture.count(page) > 5000 * 640, "{scheme:?}: the colour of the page");
        // Only the table of all entries has copied ones.
        assert!(picture.count(copied) > 500, "{scheme:?}: the status of copied entries");
        assert!(picture.count(failed) > 500, "{scheme:?}: the status of failed entries");
    }
    let path = framed(&run, FAULTS);
    for scheme in [Scheme::Light, Scheme::Dark] {
        assert_eq!(found_in(&browser, &path, scheme), serde_json::json!([]), "{scheme:?}");
    }
}

#[test]
fn the_picture_has_the_page_in_light_and_dark_and_narrow() {
    let Some(browser) = Browser::find() else { return };
    let (_run, path) = reported();
    let address = file_address(&path);
    for (scheme, page, copied, failed, moved) in [
        (Scheme::Light, "#ffffff", "#dafbe1", "#ffebe9", "#0969da"),
        (Scheme::Dark, "#0d1117", "#12361f", "#4c1519", "#58a6ff"),
    ] {
        for width in [1280, 500] {
            let picture = browser.picture(&address, scheme, (width, 5000));
            let what = format!("{scheme:?} {width}");
            assert_eq!(picture.size, (width, 5000), "{what}");
            assert!(
                picture.colours() > 50,
                "{what}: text has soft edges, so a page has many colours"
            );
            let all = 5000 * width as usize;
            assert!(picture.count(page) > all / 2, "{what}: the colour of the page");
            assert!(picture.count(failed) > 500, "{what}: the status of failed entries");
            assert!(picture.count(copied) > 500, "{what}: the status of copied entries");
            assert!(picture.count(moved) > 2000, "{what}: the bars of moved bytes");
        }
    }
}
