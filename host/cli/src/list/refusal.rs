//! Explains why no format reads a text.

use longshore_engine::list::{ListText, Severity};
use longshore_engine::plan::{around, masked};
use longshore_oci::Digest;
use longshore_plugin_host::{Plugin, PluginHost};

use super::contract::{Parsed, of_parsed};

/// The number of lines to show.
const LINES: usize = 3;
/// The formats explain the beginning of a longer text: that many bytes at most.
const EXPLAINED: usize = 1024 * 1024;

/// The first lines of a text, and the reason of each format.
#[derive(Debug)]
pub(crate) struct Refusal {
    lines: Vec<(u32, String)>,
    /// The reason of each format that was asked.
    asked: Vec<(String, String)>,
    /// The formats that were not asked, and the words that the text lacks.
    unasked: Vec<(&'static str, &'static [&'static str])>,
}

impl Refusal {
    /// Asks `plugins`, none of which knows the text, for their reasons.
    pub(super) async fn of(text: &ListText, plugins: &[Plugin]) -> Self {
        let mut asked = Vec::with_capacity(plugins.len());
        let explained = Explained::of(text);
        for plugin in plugins {
            let reason = match plugin.parse(&text.name, explained.text).await {
                Ok(parsed) => explained.reason(&of_parsed(parsed), plugin.list_facts().lines),
                Err(error) => error.to_string(),
            };
            asked.push((plugin.name().to_owned(), reason));
        }
        let is_asked = |name: &str| asked.iter().any(|(asked, _)| asked == name);
        let unasked = PluginHost::built_in_formats()
            .filter(|format| {
                !is_asked(format.name) && format.probe_words.iter().any(|word| is_word(word))
            })
            .map(|format| (format.name, format.probe_words))
            .collect();
        Self { lines: first_lines(explained.text), asked, unasked }
    }

    /// Returns advice for what people write in a list that no format has.
    pub(crate) fn advice(&self) -> Option<&'static str> {
        let words = || self.lines.iter().flat_map(|(_, line)| line.split_whitespace());
        if words().any(|word| word.starts_with("http://")) {
            return Some(
                "write references without a scheme, as registry.example.com/team/app; --tls-verify=false allows \
                 plain HTTP",
            );
        }
        if words().any(|word| word.contains("://")) {
            return Some("write references without a scheme, as registry.example.com/team/app");
        }
        if words().any(|word| word.split('=').next() == Some("--platform")) {
            return Some(
                "name platforms in a comment above a line of three columns, as # longshore: \
                 platforms=linux/arm64, or give one reference a line behind --platform=linux/arm64",
            );
        }
        let all = |is: fn(&str) -> bool| {
            !self.lines.is_empty() && self.lines.iter().all(|(_, line)| is(line))
        };
        if all(has_digest) {
            return Some(
                "the second column is the digest of the image: join both with @, as `sed 's/[[:space:]]*sha256:/@sha256:/'` \
                 prints it",
            );
        }
        if all(has_sources) {
            return Some(
                "the second column names the charts and clusters that need an image, as in Rancher's \
                 rancher-images-sources.txt: give rancher-images.txt, or the first column only, as `cut -d' ' -f1` \
                 prints it",
            );
        }
        let is_separated = |mark: char| {
            let mut lines = self.lines.iter().map(|(_, line)| line.trim_start());
            lines.all(|line| line.split(mark).count() == 3 && !line.contains(' '))
        };
        [',', ';', '|'].into_iter().any(is_separated).then_some("separate columns with blanks")
    }

    /// Returns the explanation in lines; `list` is the list's name.
    pub(crate) fn told_of(&self, list: &str) -> Vec<String> {
        let lines = self.lines.iter().map(|(number, line)| format!("{list}:{number}: {line}"));
        let asked = self.asked.iter().map(|(format, why)| format!("not {format}: {why}"));
        let lacks = self.unasked.iter().map(|(format, words)| format!("{format} ({})", or(words)));
        let lacks: Vec<String> = lacks.collect();
        let unasked = (!lacks.is_empty())
            .then(|| format!("it lacks the words of other formats: {}", lacks.join(", ")));
        lines.chain(asked).chain(unasked).collect()
    }
}

/// Says whether a line is an image and its digest, as in Rancher's `rancher-images-digests-linux-amd64.txt`.
fn has_digest(line: &str) -> bool {
    let mut words = line.split_whitespace().skip(1);
    let is_digest = words.next().is_some_and(|word| word.parse::<Digest>().is_ok());
    is_digest && words.next().is_none()
}

/// Says whether a line is one of Rancher's `rancher-images-sources.txt`: an image with its tag, and the names of what
/// needs it, separated with commas.
fn has_sources(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    let &[image, sources] = words.as_slice() else { return false };
    let has_tag = image.rsplit('/').next().is_some_and(|name| name.contains(':'));
    let is_name = |source: &str| {
        let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || b"._:+-".contains(&byte);
        source.starts_with(|first: char| first.is_ascii_alphabetic())
            && source.bytes().all(is_of_name)
    };
    has_tag && sources.split(',').all(is_name)
}

/// Says whether a probe word is more than punctuation.
fn is_word(word: &str) -> bool {
    word.contains(char::is_alphanumeric)
}

/// The part of a text that the formats explain.
struct Explained<'a> {
    text: &'a str,
    /// The last line, if the text goes on after it. An error there may come from the cut.
    cut_at: Option<u32>,
}

impl<'a> Explained<'a> {
    fn of(text: &'a ListText) -> Self {
        let part = text.start(EXPLAINED);
        let lines = || u32::try_from(part.lines().count()).unwrap_or(u32::MAX);
        let cut_at = (part.len() < text.text.len()).then(lines);
        Self { text: part, cut_at }
    }

    /// Returns the first remark on a text in a format, which is an error if there is one. A warning beside
    /// entries is no reason against a format.
    fn reason(&self, parsed: &Parsed, has_lines: bool) -> String {
        // A document is broken where it was cut.
        let end = self.cut_at.filter(|_| !has_lines);
        let remarks =
            || parsed.diagnostics.iter().filter(|found| end.is_none_or(|end| found.line < end));
        let errors = || remarks().filter(|found| found.severity == Severity::Error);
        let warning = || remarks().next().filter(|_| parsed.entries.is_empty());
        let Some(first) = errors().next().or_else(warning) else {
            return "it does not look like a list in this format".to_owned();
        };
        let place = match (first.line, first.column) {
            (0, _) => String::new(),
            (line, 0) => format!("line {line}: "),
            (line, column) => format!("line {line}, column {column}: "),
        };
        let more = match (errors().count(), self.cut_at) {
            (0 | 1, _) => String::new(),
            (count, None) => format!(" ({count} errors)"),
            (count, Some(line)) => format!(" ({count} errors up to line {line})"),
        };
        format!("{place}{}{more}", first.message)
    }
}

/// Returns the first lines that are neither empty nor comments, without the secrets in them. They keep their
/// indentation, which YAML depends on.
fn first_lines(text: &str) -> Vec<(u32, String)> {
    let masked = masked(text);
    let lines = (1..).zip(masked.lines().map(str::trim_end));
    let counting = lines.filter(|(_, line)| {
        let text = line.trim_start();
        !text.is_empty() && !text.starts_with('#') && !text.starts_with("//")
    });
    counting.map(|(number, line)| (number, around(line, 1))).take(LINES).collect()
}

fn or(words: &[&str]) -> String {
    let quoted: Vec<String> =
        words.iter().map(|word| format!("`{}`", word.escape_default())).collect();
    quoted.join(" or ")
}

#[cfg(test)]
mod tests {
    use super::{EXPLAINED, Explained, LINES, Refusal, first_lines};
    use crate::list::contract::Parsed;
    use longshore_engine::list::{Diagnostic, Entry, ListText, Selection, Severity};

    #[test]
    fn the_first_lines_are_cut_and_comments_do_not_count() {
        let long = "ä".repeat(1000);
        let text = format!("# a\n\n  {long}\n// b\nc\n{}", "d\n".repeat(LINES));
        let found = first_lines(&text);
        assert_eq!(found[0].0, 3);
        assert!(found[0].1.ends_with("ä…") && found[0].1.chars().count() < 200, "{found:?}");
        assert_eq!(found[1..], [(5, "c".to_owned()), (6, "d".to_owned())]);
        assert_eq!(first_lines("#\n"), []);
        assert_eq!(first_lines("a:\n  # b\n  - b \n")[1], (3, "  - b".to_owned()));
    }

    #[test]
    fn secrets_in_the_first_lines_are_hidden() {
        for (text, shown) in [
            ("password: hunter2\n", "password: ***"),
            ("- {user: jo, pass: hunter2}\n", "- {user: jo, pass: ***}"),
            ("API_TOKEN=hunter2\n", "API_TOKEN=***"),
            ("{\"auth\": {\"a.io\": \"hunter2\"}}\n", "{\"auth\": ***}"),
            ("r.io/auth/app:1 a/b 1\n", "r.io/auth/app:1 a/b 1"),
        ] {
            assert_eq!(first_lines(text), [(1, shown.to_owned())]);
        }
    }

    #[test]
    fn habits_of_other_tools_have_advice() {
        for (text, advice) in [
            ("http://r.io/a a 1\n", Some("without a scheme")),
            ("a https://r.io/a 1\n", Some("without a scheme")),
            ("docker://r.io/a:1\n", Some("without a scheme")),
            ("--platform=linux/arm64 a a 1\n", Some("platforms=linux/arm64")),
            ("a a 1 --platform linux/arm64\n", Some("platforms=linux/arm64")),
            ("a,b,1\nc,d,2\n", Some("with blanks")),
            ("a|b|1\n", Some("with blanks")),
            (
                "rancher/fleet:v0.9.0 fleet-105:chart:0.9.0,core\n",
                Some("rancher-images-sources.txt"),
            ),
            ("rancher/fleet:v0.9.0 core,rke2All\nrancher/a:1 system\n", Some("first column only")),
            (
                "docker.io/a/b:1 \
                 sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n",
                Some("join both with @"),
            ),
            (
                "docker.io/a/b:1 rke2All,rancher-vsphere-cpi:1.9.0+up1.9.0\n",
                Some("rancher-images.txt"),
            ),
            ("rancher/fleet:v0.9.0 core\nrancher/fleet r.io/fleet\n", None),
            ("rancher/fleet:v0.9.0 r.io/fleet:1\n", None),
            ("rancher/fleet core\n", None),
            ("These images, please\n", None),
        ] {
            let refusal =
                Refusal { lines: first_lines(text), asked: Vec::new(), unasked: Vec::new() };
            match (refusal.advice(), advice) {
                (Some(found), Some(part)) => assert!(found.contains(part), "{text}{found}"),
                (found, part) => assert_eq!(found, part, "{text}"),
            }
        }
    }

    #[test]
    fn an_error_explains_more_than_a_warning() {
        let remark = |severity, line, column, message: &str| Diagnostic {
            severity,
            line,
            column,
            message: message.to_owned(),
        };
        let warning = remark(Severity::Warning, 1, 2, "odd");
        let error = remark(Severity::Error, 3, 0, "bad");
        for (diagnostics, expected) in [
            (vec![], "it does not look like a list in this format"),
            (vec![warning.clone()], "line 1, column 2: odd"),
            (vec![warning.clone(), error.clone()], "line 3: bad"),
            (vec![error.clone(), warning, error], "line 3: bad (2 errors)"),
            (vec![remark(Severity::Error, 0, 0, "all")], "all"),
        ] {
            let text = ListText::new("l", b"a\n".to_vec());
            let parsed = Parsed { diagnostics, ..Parsed::default() };
            assert_eq!(Explained::of(&text).reason(&parsed, false), expected);
        }
    }

    #[test]
    fn a_warning_beside_entries_is_no_reason() {
        let entry = Entry {
            source: "a".to_owned(),
            repositories: None,
            select: Selection::All,
            destination: None,
            destination_tag: None,
            platforms: Vec::new(),
            line: 1,
            attributes: Vec::new(),
        };
        let remark =
            |severity| Diagnostic { severity, line: 1, column: 2, message: "odd".to_owned() };
        for (severity, expected) in [
            (Severity::Warning, "it does not look like a list in this format"),
            (Severity::Error, "line 1, column 2: odd"),
        ] {
            let parsed = Parsed {
                entries: vec![entry.clone()],
                diagnostics: vec![remark(severity)],
                ..Parsed::default()
            };
            let text = ListText::new("l", b"a\n".to_vec());
            assert_eq!(Explained::of(&text).reason(&parsed, false), expected);
        }
    }

    #[test]
    fn a_long_text_is_explained_by_its_beginning() {
        let error = |line, message: &str| Diagnostic {
            severity: Severity::Error,
            line,
            column: 2,
            message: message.to_owned(),
        };
        let line = "x".repeat(99);
        let text = ListText::new("l", format!("{line}\n").repeat(20_000).into_bytes());
        let explained = Explained::of(&text);
        let last = u32::try_from(EXPLAINED / 100).unwrap();
        assert_eq!((explained.text.len(), explained.cut_at), (EXPLAINED / 100 * 100, Some(last)));
        for (errors, has_lines, expected) in [
            (vec![], false, "it does not look like a list in this format".to_owned()),
            (vec![error(last, "cut off")], true, format!("line {last}, column 2: cut off")),
            (
                vec![error(last, "cut off")],
                false,
                "it does not look like a list in this format".to_owned(),
            ),
            (
                vec![error(3, "bad"), error(last, "cut off")],
                false,
                "line 3, column 2: bad".to_owned(),
            ),
            (
                vec![error(3, "bad"), error(4, "bad"), error(last, "bad")],
                true,
                format!("line 3, column 2: bad (3 errors up to line {last})"),
            ),
        ] {
            let parsed = Parsed { diagnostics: errors, ..Parsed::default() };
            assert_eq!(explained.reason(&parsed, has_lines), expected);
        }
    }
}
