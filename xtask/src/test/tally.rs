//! Counts from the summary lines that libtest prints for each test binary.

use std::fmt;

/// The number of tests by result.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Tests that ran and passed.
    pub(crate) passed: usize,
    /// Tests that failed.
    pub(crate) failed: usize,
    /// Tests that did not run: ignored ones, and ones with a missing dependency.
    pub(crate) skipped: usize,
}

impl Tally {
    /// Adds the counts of `test result: ok. 3 passed; 0 failed; 1 ignored; …`. Ignores other lines.
    pub(crate) fn read(&mut self, line: &str) {
        let Some((_, counts)) = line.split_once("test result: ") else {
            return;
        };
        let words: Vec<&str> = counts.split_whitespace().collect();
        for pair in words.windows(2) {
            let Ok(count) = pair[0].parse::<usize>() else {
                continue;
            };
            match pair[1].trim_end_matches(';') {
                "passed" => self.passed += count,
                "failed" => self.failed += count,
                "ignored" => self.skipped += count,
                _ => {}
            }
        }
    }

    /// Moves one test from passed to skipped: libtest counts a test that skips itself as passed.
    pub(crate) fn skip_one(&mut self) {
        self.passed = self.passed.saturating_sub(1);
        self.skipped += 1;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { passed, failed, skipped } = self;
        write!(formatter, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}

#[cfg(test)]
mod tests {
    use super::Tally;

    #[test]
    fn summaries_add_up_with_and_without_colour() {
        let mut tally = Tally::default();
        tally.read("running 3 tests");
        tally.read("test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 9 filtered out");
        tally.read(
            "test result: \u{1b}[31mFAILED\u{1b}[m. 4 passed; 2 failed; 0 ignored; 0 measured",
        );
        tally.skip_one();
        assert_eq!(tally.to_string(), "6 passed, 2 failed, 2 skipped");
    }
}
