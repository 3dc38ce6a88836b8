//! References in texts: the files of a `ConfigMap`, scripts and annotations.

use longshore_plugin_sdk::diagnostic::Place;

use crate::finding::Found;
use crate::flags::{self, Source, is_name, references};
use crate::likeness::{Likeness, is_certain};
use crate::name::words as words_of;
use crate::rule::Rule;
use crate::setting::{At, Setting};

/// Begins of lines that are comments.
const COMMENTS: [&str; 6] = ["#", "//", ";", "/*", "* ", "<!--"];

/// The most parts of JSON that are looked for in a text.
const MOST_PARTS: usize = 64;

/// Reports whether the text of `key` may hold an image, so that parsing it is worth the time.
pub(crate) fn may_hold(text: &str, key: &str) -> bool {
    let has =
        |word: &[u8]| text.as_bytes().windows(word.len()).any(|at| at.eq_ignore_ascii_case(word));
    text.contains([':', '@', '='])
        && (has(b"image") || has(b"repo") || text.contains('/') || lists_images(key))
}

/// Reports whether the name of a text says that its lines are images, as in `rancher-images.txt`.
fn lists_images(key: &str) -> bool {
    words_of(key).iter().any(|word| word.ends_with("image") || word.ends_with("images"))
}

/// Returns the reference of a line that has nothing else, with its version and without a path: `nginx:1.27`.
/// Elsewhere such a word may be a host and a port.
fn only(line: &str) -> Option<&str> {
    let line = line.strip_prefix("- ").unwrap_or(line);
    let line = line.strip_prefix("docker pull ").unwrap_or(line);
    let word = line.trim().trim_end_matches(',').trim_matches(['"', '\'']);
    (!word.contains('/') && Likeness::of(word) == Likeness::Versioned).then_some(word)
}

/// Finds the references of a text by its lines: settings such as `image = "team/app:1"`, flags of
/// programs, and words that name a registry and a version. Comments say nothing.
pub(crate) fn find(text: &str, place: Place, key: &str, found: &mut Found) {
    let what = format!("the text of `{key}`");
    let source = Source { place: &what, trusted: false, rule: Rule::Text };
    let mut settings = Vec::new();
    let lists_images = lists_images(key);
    // The flag whose value follows, perhaps on the next line.
    let mut flag = "";
    for line in text.lines().map(str::trim) {
        if COMMENTS.iter().any(|comment| line.starts_with(comment)) {
            continue;
        }
        if is_section(line) {
            // Settings of two sections may have the same names.
            flags::find(&std::mem::take(&mut settings), source, found);
        }
        if let Some(word) = only(line).filter(|_| lists_images) {
            found.doubtful(place, Rule::Text, word, format!("it is a line of {what}"));
            continue;
        }
        let inline = inline(line).filter_map(assignment);
        settings.extend(inline.map(|(name, value)| Setting::of(name, value, place, At::Here)));
        match assignment(line) {
            Some((name, value)) => settings.push(Setting::of(name, value, place, At::Here)),
            None => {
                let words = flags::words(line.trim_end_matches('\\'), &mut flag);
                settings.extend(words.into_iter().map(|(name, value)| Setting {
                    name,
                    value,
                    place,
                    whole: false,
                    at: At::Here,
                }));
            }
        }
    }
    flags::find(&settings, source, found);
}

/// Names the words of a text for people that look like references: of an annotation or a description.
pub(crate) fn words(text: &str, place: Place, rule: Rule, key: &str, found: &mut Found) {
    for word in references(text).map(|word| word.text).filter(|word| is_certain(word)) {
        let why = format!("it stands in the text of `{key}`");
        found.doubtful(place, rule, word, why);
    }
}

fn is_section(line: &str) -> bool {
    line.starts_with('[') && line.ends_with(']')
}

/// Returns the parts of a table in one line, as TOML and HOCON have it: `x = { a = 1, b = 2 }` and `x { a = 1 }`.
fn inline(line: &str) -> impl Iterator<Item = &str> {
    let table = line.split_once('{').and_then(|(_, rest)| Some(rest.rsplit_once('}')?.0));
    let table = table.filter(|table| table.contains('='));
    table.into_iter().flat_map(|table| table.split([',', ';', '{', '}'])).map(str::trim)
}

/// Splits `name = value`, `name: value`, `"name": "value",`, `export NAME=value` and `<name>value</name>`.
fn assignment(line: &str) -> Option<(&str, &str)> {
    if let Some((name, rest)) = line.strip_prefix('<').and_then(|rest| rest.split_once('>')) {
        let end = rest.find("</")?;
        return is_name(name).then_some((name, &rest[..end]));
    }
    let line = line.trim_start_matches("- ").trim_start_matches("export ").trim();
    let end = line.find(['=', ':'])?;
    let name = line[..end].trim().trim_matches(['"', '\'']);
    if name.starts_with('-') || !is_name(name) {
        return None;
    }
    let value = line[end + 1..].trim_start_matches('=').trim().trim_end_matches([',', ';']);
    // `host:80` and `quay.io/a:1` are no settings.
    let has_blank =
        line[end + 1..].starts_with([' ', '=', '"', '\'']) || line[..=end].ends_with('=');
    let quote = value.chars().next().filter(|first| matches!(first, '"' | '\''));
    let value =
        quote.and_then(|quote| value[1..].split_once(quote)).map_or(value, |(inner, _)| inner);
    has_blank.then_some((name, value.trim()))
}

/// Returns the parts of a text that are objects or lists in JSON, such as those in a program. They do
/// not overlap.
pub(crate) fn json(text: &str) -> Vec<&str> {
    let bytes = text.as_bytes();
    let mut parts = Vec::new();
    let (mut at, mut tried) = (0, 0);
    while let Some(start) = bytes[at..].iter().position(|byte| matches!(byte, b'{' | b'[')) {
        let start = at + start;
        at = start + 1;
        let next = bytes[at..].iter().find(|byte| !byte.is_ascii_whitespace());
        if !matches!(next, Some(b'"' | b'\'' | b'{' | b'[')) {
            continue;
        }
        tried += 1;
        if tried > MOST_PARTS {
            break;
        }
        if let Some(end) = closing(&bytes[start..]) {
            parts.push(&text[start..start + end]);
            at = start + end;
        }
    }
    parts
}

/// Returns the end of the object or list that the bytes start with.
fn closing(bytes: &[u8]) -> Option<usize> {
    let mut open = Vec::new();
    let mut quote = None;
    let mut is_escaped = false;
    for (at, byte) in bytes.iter().enumerate() {
        match (quote, byte) {
            _ if is_escaped => is_escaped = false,
            (Some(_), b'\\') => is_escaped = true,
            (Some(mark), _) if mark == byte => quote = None,
            (Some(_), _) => {}
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b'{') => open.push(b'}'),
            (None, b'[') => open.push(b']'),
            (None, b'}' | b']') => {
                if open.pop() != Some(*byte) {
                    return None;
                }
                if open.is_empty() {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{assignment, inline, json};

    #[test]
    fn settings_of_every_kind_of_file_are_split() {
        for (line, expected) in [
            ("image = \"a/b:1\"", Some(("image", "a/b:1"))),
            ("image: a/b:1", Some(("image", "a/b:1"))),
            ("- image: 'a/b:1' # why", Some(("image", "a/b:1"))),
            ("\"image\": \"a/b:1\",", Some(("image", "a/b:1"))),
            ("\"image\":\"a/b:1\"", Some(("image", "a/b:1"))),
            ("export JOB_IMAGE=a/b:1", Some(("JOB_IMAGE", "a/b:1"))),
            ("c.Spawner.image = 'a/b:1';", Some(("c.Spawner.image", "a/b:1"))),
            ("x := \"a/b:1\"", Some(("x", "a/b:1"))),
            ("<image>a/b:1</image>", Some(("image", "a/b:1"))),
            ("<image>", None),
            ("db.host:80", None),
            ("quay.io/a:1", None),
            ("--image=a", None),
            ("run a=b", None),
            ("", None),
        ] {
            assert_eq!(assignment(line), expected, "{line}");
        }
    }

    #[test]
    fn tables_in_one_line_are_split() {
        for (line, expected) in [
            ("x = { image = \"a/b:1\", pull = true }", &["image = \"a/b:1\"", "pull = true"][..]),
            ("docker { image = a/b:1 }", &["image = a/b:1"]),
            ("a { b { image = c:1 } }", &["b", "image = c:1", ""]),
            ("if (x) { y(); }", &[]),
            ("{{ .Image }}", &[]),
            ("x = {", &[]),
        ] {
            assert_eq!(inline(line).collect::<Vec<_>>(), expected, "{line}");
        }
    }

    #[test]
    fn json_is_cut_out_of_programs() {
        for (text, expected) in [
            (
                "x = loads('''{\"a\": [1, \"}\"]}''') + [\"b\"]",
                &["{\"a\": [1, \"}\"]}", "[\"b\"]"][..],
            ),
            ("{\"a\": \"\\\"}\"} [ ]", &["{\"a\": \"\\\"}\"}"]),
            ("{\"open\": [}", &[]),
            ("if (x) { y[0] = 1 }", &[]),
            ("{ {{ .x }} }", &["{ {{ .x }} }"]),
        ] {
            assert_eq!(json(text), expected, "{text}");
        }
    }

    #[test]
    fn open_brackets_take_time_in_proportion() {
        assert_eq!(json(&"[\"".repeat(200_000)), [""; 0]);
    }
}
