//! The closing text of each command's help: notes, exit codes and, at the end, examples. The manual pages
//! print the same parts as sections.

use clap::Command;

const EXAMPLES: &str = "Examples:";
const EXIT_CODES: &str = "Exit codes: ";

/// The parts of the text after a command's flags.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Closing {
    /// Lines of prose; an indented line is an example of its own.
    pub(crate) notes: Vec<String>,
    /// Each exit code and what it means.
    pub(crate) exit_codes: Vec<(String, String)>,
    /// Command lines.
    pub(crate) examples: Vec<String>,
}

impl Closing {
    /// Reads the parts of a command's help, in whatever order they are written.
    pub(crate) fn of(command: &Command) -> Self {
        let text = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let mut closing = Self::default();
        let mut is_example = false;
        for line in text.lines() {
            match (line, line.strip_prefix(EXIT_CODES)) {
                (EXAMPLES, _) => is_example = true,
                ("", _) => is_example = false,
                (_, Some(codes)) => closing.exit_codes = exit_codes(codes),
                _ if is_example => closing.examples.push(line.trim().to_owned()),
                _ => closing.notes.push(line.to_owned()),
            }
        }
        closing
    }

    /// Returns the text, which ends with the examples; `None` if there is nothing to say.
    pub(crate) fn text(&self) -> Option<String> {
        let mut blocks = self.notes.clone();
        let codes = self.exit_codes.iter().map(|(code, what)| format!("{code} {what}"));
        let codes = codes.collect::<Vec<_>>().join(", ");
        if !codes.is_empty() {
            blocks.push(format!("{EXIT_CODES}{codes}."));
        }
        let mut text = blocks.join("\n");
        if !self.examples.is_empty() {
            let gap = if text.is_empty() { "" } else { "\n\n" };
            text.push_str(&format!("{gap}{EXAMPLES}\n  {}", self.examples.join("\n  ")));
        }
        (!text.is_empty()).then_some(text)
    }
}

/// Splits `0 all are copied, 1 some failed (a, b), 2 …`.
fn exit_codes(text: &str) -> Vec<(String, String)> {
    let mut codes: Vec<(String, String)> = Vec::new();
    for word in text.trim_end_matches('.').split(' ') {
        let may_start = codes.last().is_none_or(|(_, what)| what.ends_with(','));
        let is_code = word.len() <= 3 && word.bytes().all(|byte| byte.is_ascii_digit());
        match codes.last_mut() {
            Some((_, what)) if !(may_start && is_code) => {
                if !what.is_empty() {
                    what.push(' ');
                }
                what.push_str(word);
            }
            _ => {
                if let Some((_, what)) = codes.last_mut() {
                    what.pop();
                }
                codes.push((word.to_owned(), String::new()));
            }
        }
    }
    codes
}

#[cfg(test)]
mod tests {
    use clap::Command;

    use super::Closing;

    #[test]
    fn parts_are_read_in_any_order_and_written_with_the_examples_last() {
        let text = "Examples:\n  a b\n  c\n\nOne fact.\n  an example\nExit codes: 0 all, 1 some (x, y), 130 no.";
        let closing = Closing::of(&Command::new("x").after_help(text));
        assert_eq!(closing.examples, ["a b", "c"]);
        assert_eq!(closing.notes, ["One fact.", "  an example"]);
        let codes = [("0", "all"), ("1", "some (x, y)"), ("130", "no")];
        assert_eq!(
            closing.exit_codes,
            codes.map(|(code, what)| (code.to_owned(), what.to_owned()))
        );
        let expected = "One fact.\n  an example\nExit codes: 0 all, 1 some (x, y), 130 no.\n\nExamples:\n  a b\n  c";
        assert_eq!(closing.text().as_deref(), Some(expected));
        assert_eq!(Closing::default().text(), None);
    }
}
