//! Rules: which requests get a fault, and which one.

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

use super::answer::Answer;
use super::request::Seen;

type Answering = Box<dyn Fn(&Seen) -> Option<Answer> + Send + Sync>;
type Altering = Box<dyn Fn(Answer) -> Answer + Send + Sync>;

pub(super) enum Fault {
    /// Responds without asking the upstream. `None` continues with the next rule.
    Instead(Answering),
    /// Alters the upstream's response.
    Altered(Altering),
    /// Closes the connection after this many bytes of the request body, with an optional response.
    HangUp(usize, Option<Answer>),
}

/// A rule: method, path, the matching occurrences, and the fault.
pub(crate) struct Rule {
    method: String,
    pattern: String,
    occurrences: RangeInclusive<usize>,
    met: usize,
    pub(super) fault: Arc<Fault>,
}

impl Rule {
    /// Creates a rule for requests with this method (`*` for any) and a path that matches the
    /// pattern. `*` in the pattern matches any text. A pattern with a `?` is matched against path
    /// and query.
    pub(crate) fn on(method: &str, pattern: &str) -> Self {
        Self {
            method: method.to_owned(),
            pattern: pattern.to_owned(),
            occurrences: 1..=usize::MAX,
            met: 0,
            fault: Arc::new(Fault::Altered(Box::new(|answer| answer))),
        }
    }

    /// Limits the rule to the first `count` matching requests.
    pub(crate) fn first(self, count: usize) -> Self {
        self.occurring(1..=count)
    }

    /// Limits the rule to these occurrences, counted from 1.
    pub(crate) fn occurring(mut self, occurrences: RangeInclusive<usize>) -> Self {
        self.occurrences = occurrences;
        self
    }

    /// Sends this response without asking the upstream.
    pub(crate) fn answers(self, answer: Answer) -> Self {
        self.answers_by(move |_| Some(answer.clone()))
    }

    /// Sends the response that the function returns. `None` continues with the next rule.
    pub(crate) fn answers_by(
        mut self,
        answer: impl Fn(&Seen) -> Option<Answer> + Send + Sync + 'static,
    ) -> Self {
        self.fault = Arc::new(Fault::Instead(Box::new(answer)));
        self
    }

    /// Asks the upstream and alters its response.
    pub(crate) fn alters(
        mut self,
        alter: impl Fn(Answer) -> Answer + Send + Sync + 'static,
    ) -> Self {
        self.fault = Arc::new(Fault::Altered(Box::new(alter)));
        self
    }

    /// Reads this many bytes of the request body and closes the connection. The upstream gets
    /// nothing.
    pub(crate) fn hangs_up_after(mut self, bytes: usize) -> Self {
        self.fault = Arc::new(Fault::HangUp(bytes, None));
        self
    }

    /// Reads this many bytes of the request body, responds, and closes the connection.
    pub(crate) fn refuses_after(mut self, bytes: usize, answer: Answer) -> Self {
        self.fault = Arc::new(Fault::HangUp(bytes, Some(answer)));
        self
    }

    /// Reports whether the rule applies to this request, and counts matches.
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
