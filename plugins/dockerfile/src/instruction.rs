//! Splits a Dockerfile into instructions and their words: continued lines, comments between them,
//! here-documents and parser directives.

use longshore_plugin_sdk::diagnostic::{Diagnostic, Place};

/// The instructions of Dockerfiles.
pub(crate) const KNOWN: [&str; 18] = [
    "FROM",
    "ARG",
    "RUN",
    "CMD",
    "LABEL",
    "MAINTAINER",
    "EXPOSE",
    "ENV",
    "ADD",
    "COPY",
    "ENTRYPOINT",
    "VOLUME",
    "USER",
    "WORKDIR",
    "ONBUILD",
    "STOPSIGNAL",
    "HEALTHCHECK",
    "SHELL",
];

/// The instructions that may have here-documents.
const WITH_DOCUMENTS: [&str; 3] = ["RUN", "COPY", "ADD"];

/// A run of characters without blanks. Quotes and escapes are kept.
#[derive(Clone, Debug)]
pub(crate) struct Word {
    pub(crate) text: String,
    pub(crate) place: Place,
}

/// An instruction: its name and its arguments.
#[derive(Clone, Debug)]
pub(crate) struct Instruction {
    pub(crate) words: Vec<Word>,
}

/// A Dockerfile in its parts.
#[derive(Debug)]
pub(crate) struct Text {
    /// The image of `# syntax=`.
    pub(crate) syntax: Option<Word>,
    /// The escape character: a backslash, or a backtick with `# escape=`.
    pub(crate) escape: char,
    pub(crate) instructions: Vec<Instruction>,
    pub(crate) diagnostics: Vec<Diagnostic>,
}

impl Instruction {
    /// Reports whether this is the instruction, in any case.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.words.first().is_some_and(|word| word.text.eq_ignore_ascii_case(name))
    }

    pub(crate) fn place(&self) -> Place {
        self.words.first().map_or(Place { line: 0, column: 0 }, |word| word.place)
    }

    /// Returns the arguments: all words but the name.
    pub(crate) fn arguments(&self) -> &[Word] {
        self.words.get(1..).unwrap_or_default()
    }

    /// Returns the instruction behind `ONBUILD`.
    pub(crate) fn inner(&self) -> Option<Self> {
        (self.is("ONBUILD") && self.words.len() > 1)
            .then(|| Self { words: self.words[1..].to_vec() })
    }
}

/// Splits a Dockerfile.
pub(crate) fn read(text: &str) -> Text {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines: Vec<&str> = text.lines().collect();
    let mut read =
        Text { syntax: None, escape: '\\', instructions: Vec::new(), diagnostics: Vec::new() };
    let mut at = directives(&lines, &mut read);
    while at < lines.len() {
        if is_skipped(lines[at]) {
            at += 1;
            continue;
        }
        let mut pieces = Vec::new();
        loop {
            let (content, continues) = continued(lines[at], read.escape);
            let number = line_number(at);
            let places = (1..).map(|column| Place { line: number, column });
            pieces.extend(content.chars().zip(places));
            at += 1;
            while continues && at < lines.len() && is_skipped(lines[at]) {
                at += 1;
            }
            if !continues || at >= lines.len() {
                break;
            }
        }
        let instruction = Instruction { words: words(&pieces, read.escape) };
        at = skip_documents(&instruction, &lines, at, &mut read.diagnostics);
        read.instructions.push(instruction);
    }
    read
}

/// Reads the directives at the top, such as `# escape=`. Returns the first other line.
fn directives(lines: &[&str], read: &mut Text) -> usize {
    for (at, line) in lines.iter().enumerate() {
        let pair = line.trim().strip_prefix('#').and_then(|text| text.split_once('='));
        let Some((key, value)) = pair else { return at };
        let value = value.trim();
        match key.trim().to_ascii_lowercase().as_str() {
            "escape" if value == "`" || value == "\\" => {
                read.escape = if value == "`" { '`' } else { '\\' };
            }
            "syntax" => {
                // Anything behind the reference is for the frontend.
                let image = value.split_whitespace().next().unwrap_or_default();
                let before = line.find(image).unwrap_or(0);
                let column = line[..before].chars().count() + 1;
                let column = u32::try_from(column).unwrap_or(u32::MAX);
                let place = Place { line: line_number(at), column };
                read.syntax = Some(Word { text: image.to_owned(), place });
            }
            "check" => {}
            _ => return at,
        }
    }
    lines.len()
}

fn line_number(at: usize) -> u32 {
    u32::try_from(at + 1).unwrap_or(u32::MAX)
}

/// Reports whether a line is blank or a comment, which may stand between continued lines too.
fn is_skipped(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || line.starts_with('#')
}

/// Returns the line without the escape character at its end, and whether it had one.
fn continued(line: &str, escape: char) -> (&str, bool) {
    match line.trim_end_matches([' ', '\t']).strip_suffix(escape) {
        // Two of them are one escaped character.
        Some(content) if !content.ends_with(escape) => (content, true),
        _ => (line, false),
    }
}

/// Splits characters at blanks outside of quotes.
fn words(pieces: &[(char, Place)], escape: char) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let mut quote: Option<char> = None;
    let (mut inside, mut escaped) = (false, false);
    for &(character, place) in pieces {
        if character.is_whitespace() && quote.is_none() && !escaped {
            inside = false;
            continue;
        }
        if !inside {
            words.push(Word { text: String::new(), place });
            inside = true;
        }
        if let Some(word) = words.last_mut() {
            word.text.push(character);
        }
        if escaped {
            escaped = false;
        } else if character == escape && quote != Some('\'') {
            escaped = true;
        } else if quote == Some(character) {
            quote = None;
        } else if quote.is_none() && matches!(character, '"' | '\'') {
            quote = Some(character);
        }
    }
    words
}

/// Skips the here-documents of an instruction. Returns the line behind them.
fn skip_documents(
    instruction: &Instruction,
    lines: &[&str],
    mut at: usize,
    diagnostics: &mut Vec<Diagnostic>,
) -> usize {
    let inner = instruction.inner();
    let instruction = inner.as_ref().unwrap_or(instruction);
    if !WITH_DOCUMENTS.iter().any(|name| instruction.is(name)) {
        return at;
    }
    for word in instruction.arguments() {
        let Some((name, strips_tabs)) = document(&word.text) else { continue };
        let is_end = |line: &&str| {
            let line = if strips_tabs { line.trim_start_matches('\t') } else { line };
            line == name
        };
        match lines[at..].iter().position(is_end) {
            Some(length) => at += length + 1,
            None => {
                let message = format!("the here-document `{name}` has no end");
                diagnostics.push(Diagnostic::error(word.place, message));
                return lines.len();
            }
        }
    }
    at
}

/// Returns the name of a here-document, `<<NAME` or `<<-"NAME"`, and whether it strips tabs.
fn document(word: &str) -> Option<(&str, bool)> {
    let word = word.trim_start_matches(|first: char| first.is_ascii_digit()).strip_prefix("<<")?;
    let (word, strips_tabs) = match word.strip_prefix('-') {
        Some(word) => (word, true),
        None => (word, false),
    };
    let name = word.trim_matches(['"', '\'']);
    (!name.is_empty() && !name.contains('<')).then_some((name, strips_tabs))
}
