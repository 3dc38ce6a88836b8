//! The room for findings: in an entry, and in all that a run keeps for its report.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::job::Finding;

/// The most findings kept per entry: a damaged repository has millions.
pub(super) const FINDINGS: usize = 1000;
/// The most findings and children of lists that a run keeps. Then each entry keeps only one finding.
const RUN: usize = 20_000;

/// The findings of an entry, of which the first are kept.
#[derive(Debug, Default)]
pub(super) struct Findings {
    kept: Vec<Finding>,
    /// Findings that were dropped.
    more: usize,
}

impl Findings {
    /// Adds a finding.
    pub(super) fn push(&mut self, finding: Finding) {
        if self.kept.len() < FINDINGS {
            self.kept.push(finding);
        } else {
            self.more += 1;
        }
    }

    /// Adds findings.
    pub(super) fn extend(&mut self, findings: impl IntoIterator<Item = Finding>) {
        findings.into_iter().for_each(|finding| self.push(finding));
    }

    /// Adds `findings` before the others.
    pub(super) fn prepend(&mut self, findings: Vec<Finding>) {
        self.kept.splice(0..0, findings);
    }

    /// Whether there are none.
    pub(super) const fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Those that are kept.
    #[cfg(test)]
    pub(super) fn kept(&self) -> &[Finding] {
        &self.kept
    }

    /// Counts `more` findings that were dropped elsewhere.
    pub(super) const fn drop_more(&mut self, more: usize) {
        self.more += more;
    }

    /// The findings, and one that says how many are missing.
    pub(super) fn into_vec(mut self) -> Vec<Finding> {
        if self.more > 0 {
            self.kept.push(more(self.more));
        }
        self.kept
    }
}

fn more(count: usize) -> Finding {
    let text = match count {
        1 => "1 more finding is not listed".to_owned(),
        more => format!("{more} more findings are not listed"),
    };
    Finding::said("manifest", text)
}

/// What is left of the room of a run.
#[derive(Debug)]
pub(super) struct Room(AtomicUsize);

impl Default for Room {
    fn default() -> Self {
        Self(AtomicUsize::new(RUN))
    }
}

impl Room {
    /// Takes room for `count` findings or children. Returns false if there is too little.
    pub(super) fn takes(&self, count: usize) -> bool {
        let left = |left: usize| left.checked_sub(count);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left).is_ok()
    }

    /// Drops all `findings` but the first if there is no room for them.
    pub(super) fn fit(&self, findings: &mut Vec<Finding>) {
        if findings.len() > 1 && !self.takes(findings.len()) {
            let dropped = findings.len() - 1;
            findings.truncate(1);
            findings.push(more(dropped));
            findings.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{FINDINGS, Findings, RUN, Room};
    use crate::job::Finding;

    fn findings(count: usize) -> Vec<Finding> {
        (0..count).map(|number| Finding::said("blob", number.to_string())).collect()
    }

    #[test]
    fn an_entry_keeps_its_first_findings() {
        for (count, kept) in [(0, 0), (1, 1), (FINDINGS, FINDINGS), (FINDINGS + 5, FINDINGS + 1)] {
            let mut all = Findings::default();
            all.extend(findings(count));
            assert_eq!(all.into_vec().len(), kept, "{count}");
        }
        let mut all = Findings::default();
        all.extend(findings(FINDINGS + 5));
        all.drop_more(2);
        assert_eq!(all.into_vec().pop().unwrap().text, "7 more findings are not listed");
    }

    #[test]
    fn a_run_keeps_so_many_findings() {
        let room = Room::default();
        let kept = |count: usize| {
            let mut all = findings(count);
            room.fit(&mut all);
            all.len()
        };
        assert_eq!((0..RUN / 100).filter(|_| kept(100) == 100).count(), RUN / 100);
        assert_eq!(kept(100), 2, "the first, and that there are more");
        assert_eq!((kept(1), kept(0)), (1, 0), "one needs no room");
        assert!(!room.takes(1));
    }
}
