//! Tells lists of lines from other texts.
//!
//! A word of prose, YAML or a script is often a valid reference. So a line that fits is not enough:
//! a text is a list of lines if most of its lines are references, or nearly, and if it does not
//! start as a document of another kind.

use crate::line::{Field, Line, lines};
use crate::list::Confidence;
use crate::reference::looks_like_reference;

/// Most fields of a line that may be a malformed entry.
const MOST_FIELDS: usize = 5;

/// So many lines that could be entries of another kind, or malformed, weigh as much as one other line.
const MOST_NEAR: usize = 8;

/// The first words of a Dockerfile.
const DOCKERFILE: [&str; 3] = ["FROM", "ARG", "RUN"];

/// The programs whose `pull` takes a reference.
const PROGRAMS: [&str; 6] = ["docker", "podman", "nerdctl", "crictl", "buildah", "ctr"];

/// Derives a confidence from the lines that fit a format, and from what the other lines look like.
/// Comments do not count.
pub fn confidence(head: &str, fits: impl Fn(&Line<'_>) -> bool) -> Confidence {
    if starts_as_document(head) {
        return Confidence::No;
    }
    let (mut marked, mut plain, mut near, mut others) = (0_usize, 0_usize, 0_usize, 0_usize);
    for line in lines(head).filter(|line| !line.is_comment()) {
        let count = match (fits(&line), line.text.contains(is_mark)) {
            (true, true) => &mut marked,
            // A word of a sentence fits too.
            (true, false) => &mut plain,
            (false, _) if may_be_entry(&line) => &mut near,
            (false, _) => &mut others,
        };
        *count += 1;
    }
    match (marked + plain, near, others) {
        (0, ..) => Confidence::No,
        (_, 0, 0) => Confidence::Certain,
        _ if others + near / MOST_NEAR > marked + plain / 2 => Confidence::No,
        _ => Confidence::Maybe,
    }
}

/// Reports whether a character is common in references and rare in words of a sentence.
const fn is_mark(character: char) -> bool {
    matches!(character, '/' | ':' | '@' | '0'..='9')
}

/// Returns the fields of a line up to a remark. A remark starts with `#` or `//` after a blank.
#[must_use]
pub fn fields_before_remark<'a>(line: &Line<'a>) -> Vec<Field<'a>> {
    let is_remark = |field: &Field<'_>| field.text.starts_with('#') || field.text.starts_with("//");
    line.fields().take_while(|field| !is_remark(field)).collect()
}

/// Returns the number of fields before the reference of a line that was picked out of a manifest, such as
/// `- image: nginx`; 0 if there is no key `image`.
#[must_use]
pub fn image_key(fields: &[Field<'_>]) -> usize {
    let at = usize::from(fields.first().is_some_and(|field| field.text == "-"));
    if fields.get(at).is_some_and(|field| field.text == "image:") { at + 1 } else { 0 }
}

/// Returns the number of fields of a command that pulls an image, such as `sudo docker pull`; 0 if
/// the fields do not start with one.
#[must_use]
pub fn pull_command(fields: &[Field<'_>]) -> usize {
    let is = |at: usize, words: &[&str]| fields.get(at).is_some_and(|f| words.contains(&f.text));
    let mut at = usize::from(is(0, &["$"]));
    at += usize::from(is(at, &["sudo"]));
    if !is(at, &PROGRAMS) {
        return 0;
    }
    at += 1;
    at += usize::from(is(at, &["image", "images", "i"]));
    if is(at, &["pull"]) { at + 1 } else { 0 }
}

/// Reports whether a word looks like a reference and not like a word of a sentence or a key.
#[must_use]
pub fn is_word_of_entry(text: &str) -> bool {
    looks_like_reference(text) && !text.ends_with(['.', ':', '!', '?', '/', '\\'])
}

/// Reports whether a line of another line format, or a malformed entry, could look like this.
fn may_be_entry(line: &Line<'_>) -> bool {
    let fields = fields_before_remark(line);
    let start = match fields.first() {
        Some(first) if first.text == "-" || first.text == "*" => 1,
        _ => pull_command(&fields),
    };
    let words = &fields[start..];
    let is_plain = words.iter().all(|word| is_word_of_entry(word.text));
    if is_plain && matches!(words.len(), 1 | 3) {
        return true;
    }
    // A word that only a reference has: a path, a tag or a digest.
    let is_marked = |word: &Field<'_>| {
        let text = word.text.trim_end_matches([':', '.']);
        text.contains(['/', '@']) || text.split_once(':').is_some_and(|(_, tag)| !tag.is_empty())
    };
    let is_part = |word: &Field<'_>| {
        let text = word.text;
        !text.ends_with(':') && !text.contains(['"', '\'', '{', '}', '(', ')', '<', '>', ',', ';'])
    };
    words.len() <= MOST_FIELDS && words.iter().all(is_part) && words.iter().any(is_marked)
}

/// Reports whether the first line that counts starts a mapping in YAML, JSON, XML or another text
/// with a structure.
fn starts_as_document(head: &str) -> bool {
    let mut counting = lines(head).filter(|line| {
        !line.is_comment() && line.trimmed() != "---" && !line.text.starts_with('%')
    });
    let Some(first) = counting.next() else { return false };
    let text = first.trimmed();
    let mut words = first.fields().skip_while(|field| field.text == "-");
    let Some(key) = words.next() else { return false };
    // An IPv6 address in brackets is a registry.
    if text.starts_with(['{', '<']) || (text.starts_with('[') && !looks_like_reference(key.text)) {
        return true;
    }
    if DOCKERFILE.contains(&key.text) && words.clone().next().is_some() {
        return true;
    }
    if key.text == "image:" {
        // Lines that were picked out of manifests are a list, and one line may be all of a document.
        let (mut others, mut are_images) = (0_usize, true);
        for line in counting {
            others += 1;
            are_images &= image_key(&fields_before_remark(&line)) > 0;
        }
        return others == 0 || !are_images;
    }
    if !is_key(key.text) {
        return key.text.starts_with(['"', '\'']) && text.contains("\": ");
    }
    // `name:` alone may also be a reference without its tag.
    words.next().is_some() || counting.next().is_none_or(|next| is_below(&next, &first))
}

/// Reports whether a word is a key of a mapping: it ends with a colon.
fn is_key(word: &str) -> bool {
    word.len() > 1 && word.ends_with(':')
}

/// Reports whether a line continues the mapping that a key alone in its line starts.
fn is_below(line: &Line<'_>, key: &Line<'_>) -> bool {
    let indent =
        |line: &Line<'_>| line.text.len() - line.text.trim_start_matches([' ', '\t']).len();
    let first = line.fields().next().map_or("", |field| field.text);
    indent(line) > indent(key) || first == "-" || is_key(first)
}

#[cfg(test)]
mod tests {
    use super::{confidence, is_word_of_entry, pull_command, starts_as_document};
    use crate::line::Line;
    use crate::list::Confidence;

    /// Probes with a format of one word a line.
    fn probe(text: &str) -> Confidence {
        confidence(text, |line| line.fields().count() == 1 && is_word_of_entry(line.trimmed()))
    }

    #[test]
    fn most_lines_must_fit() {
        for (text, expected) in [
            ("nginx\n", Confidence::Certain),
            ("nginx\nteam/app team/other\n", Confidence::Maybe),
            ("nginx\na:1 b 1\na/b c 1 surplus\n", Confidence::Maybe),
            ("nginx\na b c\n", Confidence::Maybe),
            ("nginx\nThese images are needed for tests.\n", Confidence::No),
            ("nginx\nredis\nThese images are needed for tests.\n", Confidence::Maybe),
            ("r.io/nginx\nThese images are needed for tests.\n", Confidence::Maybe),
            ("Some images are needed,\nand others are\nnice.\nOptional\n", Confidence::No),
            (
                "FROM golang:1.22\nWORKDIR /src\nRUN make all && \\\n  make install\nbuild\n",
                Confidence::No,
            ),
            ("The set of\nwords\nis not a list of images\nbut it is a text\n", Confidence::No),
            ("set -eu\nexport A=1\nif true; then\n  run\nfi\nexit 0\n", Confidence::No),
            ("a b c\n", Confidence::No),
            ("# nginx\n", Confidence::No),
        ] {
            assert_eq!(probe(text), expected, "{text:?}");
        }
    }

    #[test]
    fn documents_of_another_kind_are_not_lists() {
        for document in [
            "images:\n- nginx\n",
            "images:\n  - nginx\n",
            "image: nginx\n",
            "image: nginx\nreplicas: 2\n",
            "image: nginx\nimage:\n  tag: 1\n",
            "---\nkind: Pod\n",
            "%YAML 1.2\n---\na:\n  b\n",
            "- name: a\n  image: b\n",
            "- - a: b\n",
            "{\"a\": 1}\n",
            "{{- if .Values.a }}\n",
            "[\"nginx\"]\n",
            "[section]\nnginx\n",
            "\"images\": [\n",
            "<bom>\n",
            "nginx:1.25: r.io/m/nginx\n",
            "name:\nother:\n",
            "name:\n",
            "FROM golang:1.22\nCOPY a b\n",
            "ARG VERSION=1\n",
        ] {
            assert!(starts_as_document(document), "{document:?}");
        }
        for list in [
            "nginx:\nredis:7\n",
            "# c\n[::1]:5000/a/b [::1]:5000/a/b 1\n",
            "- nginx\n",
            "---\n- nginx\n",
            "a b 1\n",
            "image: nginx\nimage: redis:7\n",
            "  image: nginx # c\n\n      - image: redis:7\n---\nimage: \"a/b\"\n",
            "- image: nginx\n- image: redis:7\n",
        ] {
            assert!(!starts_as_document(list), "{list:?}");
        }
    }

    #[test]
    fn commands_that_pull_are_known() {
        for (text, fields) in [
            ("docker pull nginx", 2),
            ("$ sudo docker pull nginx", 4),
            ("podman image pull nginx", 3),
            ("ctr images pull nginx", 3),
            ("docker push nginx", 0),
            ("docker", 0),
            ("nginx pull a", 0),
        ] {
            let found: Vec<_> = Line { number: 1, text }.fields().collect();
            assert_eq!(pull_command(&found), fields, "{text}");
        }
    }
}
