//! The command that mends what `mirror-validate` found.

use crate::report::totals::Verdicts;

/// The commands that mirror the failed list of a validation again, from the cheapest to the most thorough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MendCommands {
    /// Mirrors what differs.
    pub(crate) again: String,
    /// Also looks for lost content, which a tag alone does not show.
    pub(crate) thoroughly: String,
    /// Also reads all content, because some of it is corrupt.
    pub(crate) deeply: String,
}

impl MendCommands {
    /// Returns the cheapest command that mends all entries; `None` if no entry has a verdict.
    pub(crate) fn of(&self, found: Verdicts) -> Option<&str> {
        match found {
            found if found.wrong_bytes > 0 => Some(&self.deeply),
            found if found.broken > 0 => Some(&self.thoroughly),
            found if found.sum() > 0 => Some(&self.again),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{MendCommands, Verdicts};

    #[test]
    fn the_worst_finding_chooses_the_one_command() {
        let [again, thoroughly, deeply] = ["a", "t", "d"].map(str::to_owned);
        let commands = MendCommands { again, thoroughly, deeply };
        let none = Verdicts::default();
        for (found, expected) in [
            (none, None),
            (Verdicts { missing: 1, ..none }, Some("a")),
            (Verdicts { moved_on: 2, altered: 1, ..none }, Some("a")),
            (Verdicts { missing: 1, broken: 1, ..none }, Some("t")),
            (Verdicts { altered: 1, broken: 2, wrong_bytes: 1, ..none }, Some("d")),
        ] {
            assert_eq!(commands.of(found), expected, "{found:?}");
        }
    }
}
