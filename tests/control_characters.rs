//! Control characters of lists, registries and plugins: they never reach a terminal or a file as they are, and
//! no entry is lost by it.

use longshore_content::Image;

use crate::support::{Answer, FaultProxy, Longshore, Pair, Rule, Run};

const LIST: &str = "mirror-failed.txt";

/// C0, C1, DEL, line separators and characters that reorder text.
const BAD: [&str; 10] = [
    "\u{1b}]0;owned\u{7}",
    "\u{1b}[2J",
    "\r",
    "\u{8}\u{b}\u{c}",
    "\u{7f}",
    "\u{9b}31m",
    "\u{85}",
    "\u{2028}",
    "\u{202e}x\u{2066}",
    "\u{200f}\u{61c}",
];

fn is_bad(character: char) -> bool {
    (character.is_control() && !matches!(character, '\n' | '\t'))
        || "\u{200e}\u{200f}\u{61c}\u{2028}\u{2029}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\
            \u{2068}\u{2069}"
            .contains(character)
}

/// Checks everything that a run has printed and written.
#[track_caller]
fn assert_plain(run: &Run) {
    let failed = run.file(LIST).unwrap_or_default();
    for text in [&run.stdout, &run.stderr, &failed] {
        assert!(!text.contains(is_bad), "{text:?}");
    }
}

#[test]
fn a_line_with_control_characters_is_repeated_byte_by_byte() {
    let pair = Pair::embedded();
    let image = Image::new("linux/amd64").layer(1, 100).build();
    let mut lines: Vec<Vec<u8>> = Vec::new();
    for (number, bad) in BAD.iter().enumerate() {
        lines.push(
            format!("team/late team/late{number} 1 # a remark {bad} \\x1b \\\\").into_bytes(),
        );
        lines.push(format!("team/{bad}x team/y 1").into_bytes());
        lines.push(format!("half a-{bad}line").into_bytes());
    }
    lines.push(b"team/\xe4pp team/a 1 \x1b[31m \x9b".to_vec());
    let list = lines.join(&b'\n');
    let run = pair.mirror("").file("images.txt", &list).args(["--list-format", "mirror"]);
    let run = run.run().exits(1);
    let count = BAD.len();
    let run = run.sums_up(&format!("0 copied, 0 skipped, {} failed", 3 * count + 1));
    let bytes =
        |run: &Run| std::fs::read(run.directory().join(LIST)).expect("there is a failed list");
    let first = bytes(&run);
    let text = String::from_utf8_lossy(&first);
    assert!(!text.contains(is_bad), "{text:?}");
    assert!(
        !first.windows(2).any(|two| two == b" \x9b"),
        "a terminal of one byte a character reads it"
    );
    assert!(!format!("{}{}", run.stdout, run.stderr).contains(is_bad));
    let first_line = text.lines().next().unwrap_or_default();
    let (_, command) = first_line.split_once("repeat the run with: ").expect("a command");
    let again = run.shell(command).exits(1);
    assert_eq!(String::from_utf8_lossy(&bytes(&again)), text, "the entries are the same");
    pair.source.push("team/late", "1", &image);
    let again = again.shell(command).exits(1);
    let again = again.sums_up(&format!("{count} copied, 0 skipped, {} failed", 2 * count + 1));
    for number in 0..count {
        pair.assert_arrived(&format!("team/late{number}"), "1", &image);
    }
    let text = String::from_utf8_lossy(&bytes(&again)).into_owned();
    assert!(!text.contains("a remark"), "{text}");
}

#[test]
fn lines_of_references_with_control_characters_are_repeated_too() {
    let pair = Pair::embedded();
    let list: String = BAD.iter().map(|bad| format!("team/late:1 # a {bad} b\n")).collect();
    let run = pair.mirror(&list).args(["--list-format", "default"]).run().exits(1);
    assert_plain(&run);
    pair.source.push("team/late", "1", &Image::new("linux/amd64").layer(1, 100).build());
    run.repeated(LIST).exits(0);
}

#[test]
fn documents_with_control_characters_fail_alone_and_stay_plain() {
    let pair = Pair::embedded();
    let image = Image::new("linux/amd64").layer(1, 100).build();
    pair.source.push("team/app", "1", &image);
    let (from, to) = (pair.source.address(), pair.destination.address());
    // The rules are in one object, so a bad one must not stop the others.
    for bad in
        ["\\u001b[2J", "\\u007f", "\\u009b", "\\u0085", "\\u2028", "\\u202ex\\u2066", "\\n", "\\r"]
    {
        let list = format!(
            "{{\"{from}/team/app:1\": \"{to}/team/app\", \"{from}/team/{bad}:1\": \"{to}/x\", \
             \"{from}/team/b:1\": \"{to}/y{bad}\", \"{from}/team/c:{bad}\": \"{to}/z\"}}"
        );
        for output in ["text", "json", "yaml"] {
            let run = Longshore::new().mirror().list(&list);
            let run =
                run.args(["--list-format", "image-syncer", "--output", output]).run().exits(1);
            assert_plain(&run);
            let run = run.repeated(LIST).exits(1);
            assert_plain(&run);
        }
        pair.assert_arrived("team/app", "1", &image);
    }
}

#[test]
fn the_answers_of_a_registry_stay_plain() {
    let pair = Pair::embedded();
    for bad in [
        "\\u001b]0;x\\u0007",
        "\\u007f",
        "\\u009b1m",
        "\\u0085",
        "\\u2028",
        "\\u202e",
        "\\r\\n12:00:00 [INFO] x",
    ] {
        let proxy = FaultProxy::before(&pair.source);
        let body = format!(
            "{{\"errors\":[{{\"code\":\"DENIED{bad}\",\"message\":\"no {bad}\",\"detail\":\"{bad}\"}}]}}"
        );
        proxy.rule(Rule::on("*", "*/manifests/*").answers(Answer::status(403).body(body)));
        let tags = format!("{{\"tags\":[\"1\",\"2{bad}\"]}}");
        proxy.rule(Rule::on("*", "*/tags/list*").answers(Answer::status(200).body(tags)));
        let from = proxy.address();
        let list = format!("{from}:\n  images:\n    team/app: []\n    team/one: ['1']\n");
        for output in ["text", "json", "yaml"] {
            let run = Longshore::new().mirror().list(&list).destination(pair.destination.address());
            let run = run.args(["--output", output, "--debug"]).run().exits(1);
            assert_plain(&run);
            let is_forged = |line: &str| line.trim_start().starts_with("12:00:00");
            assert!(!run.stderr.lines().any(is_forged), "{}", run.stderr);
        }
    }
}

#[test]
fn converted_lists_stay_plain() {
    for bad in BAD {
        let list = format!("team/app team/app 1 # {bad}\nteam/b{bad}c team/b 1\nteam/d team/d 1\n");
        let run = Longshore::new().file("list", &list);
        let run =
            run.args(["convert-list", "-i", "list", "--list-format", "mirror", "-o", "-"]).run();
        let run = run.exits(1);
        assert_eq!(run.stdout, "team/app team/app 1\nteam/d team/d 1\n", "{bad:?}");
        assert_plain(&run);
    }
    for bad in ["\\u001b", "\\u202e", "\\u2028", "\\u0085", "\\u007f"] {
        let list = format!(
            "services:\n  a:\n    image: team/app:1\n    platform: \"linux/{bad}x\"\n  b: {{image: team/b:1}}\n"
        );
        let run = Longshore::new().file("compose.yaml", &list);
        let run = run.args(["convert-list", "-i", "compose.yaml", "-o", "-"]).run().exits(1);
        assert_eq!(run.stdout, "# longshore: platforms=all\nteam/b team/b 1\n", "{bad}");
        assert_plain(&run);
    }
}

#[test]
fn the_command_of_a_path_with_control_characters_works() {
    let pair = Pair::embedded();
    let run =
        pair.mirror("team/late team/late 1\n").args(["-o", "a\u{1b}[31m \u{202e}'b\u{9b}.txt"]);
    let run = run.run().exits(1);
    assert!(!format!("{}{}", run.stdout, run.stderr).contains(is_bad), "{}", run.stdout);
    let name = "a\u{1b}[31m \u{202e}'b\u{9b}.txt";
    assert!(run.file(name).is_some_and(|text| !text.contains(is_bad)));
    pair.source.push("team/late", "1", &Image::new("linux/amd64").layer(1, 100).build());
    let run = run.repeated(name).exits(0);
    assert_eq!(run.file(name), None, "the command named the same file");
}

#[test]
fn a_mistyped_command_line_stays_plain() {
    for bad in BAD {
        for arguments in [
            vec![format!("mir{bad}ror")],
            vec!["mirror".to_owned(), format!("--fi{bad}le")],
            vec!["tags".to_owned(), "a/b".to_owned(), format!("c{bad}d")],
        ] {
            let run = Longshore::new().args(&arguments).run().exits(2);
            assert!(!run.stderr.contains(is_bad), "{arguments:?}: {}", run.stderr);
        }
    }
}
