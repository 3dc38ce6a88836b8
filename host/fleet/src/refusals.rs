//! What a server refused, and which errors were logged: a repeated request repeats its error.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a repeated error is not logged again.
const QUIET: Duration = Duration::from_secs(30);
/// The most texts that are kept.
const MOST: usize = 256;
/// The ends of subjects that nothing depends on: a run goes on without them.
const OPTIONAL: [&str; 5] = [
    ".progress\"",
    ".pauses\"",
    "longshore.workers\"",
    "longshore.runs\"",
    "$JS.API.STREAM.NAMES\"",
];

/// The refused permissions, and the errors that were logged. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Refusals(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// The last refusal of a request that matters.
    latest: Option<(Instant, String)>,
    told: HashMap<String, Instant>,
}

impl State {
    /// Whether a text was not logged for a while; it counts as logged from now on.
    fn is_news(&mut self, text: &str) -> bool {
        self.told.retain(|_, at| at.elapsed() < QUIET);
        if self.told.len() >= MOST {
            return false;
        }
        self.told.insert(text.to_owned(), Instant::now()).is_none()
    }
}

impl Refusals {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the server's text about a permission that the user lacks. Returns whether it is news.
    pub(crate) fn add(&self, text: &str) -> bool {
        let mut state = self.state();
        if !OPTIONAL.iter().any(|optional| text.contains(optional)) {
            state.latest = Some((Instant::now(), text.to_owned()));
        }
        state.is_news(text)
    }

    /// The last refusal of a request that matters, unless it is older than `age`.
    pub(crate) fn latest(&self, age: Duration) -> Option<String> {
        let state = self.state();
        let (at, text) = state.latest.as_ref()?;
        (at.elapsed() < age).then(|| text.clone())
    }

    /// Whether a text was not logged for a while; it counts as logged from now on.
    pub(crate) fn is_news(&self, text: &str) -> bool {
        self.state().is_news(text)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{MOST, Refusals};

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn only_refusals_that_matter_are_the_cause_of_an_error() {
        let refusals = Refusals::default();
        for subject in ["longshore.a.progress", "longshore.a.pauses", "longshore.workers"] {
            assert!(refusals.add(&format!("Permissions Violation for Publish to \"{subject}\"")));
        }
        assert_eq!(refusals.latest(LONG), None);
        let text = "Permissions Violation for Publish to \"longshore.a.jobs\"";
        assert!(refusals.add(text) && !refusals.add(text), "it is told once");
        assert_eq!(refusals.latest(LONG).as_deref(), Some(text));
        assert_eq!(refusals.latest(Duration::ZERO), None, "it was of another request");
    }

    #[test]
    fn what_was_told_is_bounded() {
        let refusals = Refusals::default();
        let told = (0..MOST * 2).filter(|number| refusals.is_news(&number.to_string()));
        assert_eq!(told.count(), MOST);
    }
}
