//! When the registry lies, and how.

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

use super::answer::Answer;
use super::request::Seen;

type Answering = Box<dyn Fn(&Seen) -> Option<Answer> + Send + Sync>;
type Altering = Box<dyn Fn(Answer) -> Answer + Send + Sync>;

pub(super) enum Lie {
    /// This, without asking the registry behind; `None` leaves it to the next rule.
    Instead(Answering),
    /// What the registry behind says, altered.
    Altered(Altering),
    /// Hang up after so many bytes of the request's body, with an answer or without.
    HangUp(usize, Option<Answer>),
}

/// One lie: a method and path, the occurrences that it holds for, and what is said then.
pub(crate) struct Rule {
    method: String,
    pattern: String,
    occurrences: RangeInclusive<usize>,
    met: usize,
    pub(super) lie: Arc<Lie>,
}

impl Rule {
    /// A rule for requests with this method (`*` for any) whose path fits the pattern, in which `*`
    /// stands for any text; a pattern with a `?` is held against path and query.
    pub(crate) fn on(method: &str, pattern: &str) -> Self {
        Self {
            method: method.to_owned(),
            pattern: pattern.to_owned(),
            occurrences: 1..=usize::MAX,
            met: 0,
            lie: Arc::new(Lie::Altered(Box::new(|answer| answer))),
        }
    }

    /// It holds for the first so many of these requests only.
    pub(crate) fn first(self, count: usize) -> Self {
        self.occurring(1..=count)
    }

    /// It holds for these occurrences only, counted from 1.
    pub(crate) fn occurring(mut self, occurrences: RangeInclusive<usize>) -> Self {
        self.occurrences = occurrences;
        self
    }

    /// Answers so, without asking the registry behind.
    pub(crate) fn answers(self, answer: Answer) -> Self {
        self.answers_by(move |_| Some(answer.clone()))
    }

    /// Answers what the function makes of the request; `None` leaves it to the next rule.
    pub(crate) fn answers_by(
        mut self,
        answer: impl Fn(&Seen) -> Option<Answer> + Send + Sync + 'static,
    ) -> Self {
        self.lie = Arc::new(Lie::Instead(Box::new(answer)));
        self
    }

    /// Asks the registry behind, and alters what it says.
    pub(crate) fn alters(
        mut self,
        alter: impl Fn(Answer) -> Answer + Send + Sync + 'static,
    ) -> Self {
        self.lie = Arc::new(Lie::Altered(Box::new(alter)));
        self
    }

    /// Reads so many bytes of the request's body and hangs up; the registry behind hears nothing.
    pub(crate) fn hangs_up_after(mut self, bytes: usize) -> Self {
        self.lie = Arc::new(Lie::HangUp(bytes, None));
        self
    }

    /// Reads so many bytes of the request's body, answers, and hangs up.
    pub(crate) fn refuses_after(mut self, bytes: usize, answer: Answer) -> Self {
        self.lie = Arc::new(Lie::HangUp(bytes, Some(answer)));
        self
    }

    /// Does the rule hold for this request? It counts the ones that fit.
    pub(super) fn holds(&mut self, seen: &Seen) -> bool {
        if !seen.is(&self.method, &self.pattern) {
            return false;
        }
        self.met += 1;
        self.occurrences.contains(&self.met)
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {:?}", self.method, self.pattern, self.occurrences)
    }
}
