//! A Harbor for tests: it gives prepared answers in order and remembers what it was asked.

use std::collections::VecDeque;

use crate::api::{Request, Response, SendError, Transport};

/// One prepared answer.
pub(crate) type Answer = Result<Response, SendError>;

/// Prepared answers, and what was asked so far.
pub(crate) struct Fake {
    answers: VecDeque<Answer>,
    asked: Vec<Request>,
}

impl Fake {
    /// Will give these answers; one request more is a failed test.
    pub(crate) fn new(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self { answers: answers.into_iter().collect(), asked: Vec::new() }
    }

    /// What the logic sends with.
    pub(crate) fn send(&mut self) -> impl Transport {
        |request: &Request| {
            self.asked.push(request.clone());
            self.answers.pop_front().unwrap_or_else(|| panic!("unexpected request {request:?}"))
        }
    }

    /// What was asked; answers that nobody asked for are a failed test.
    pub(crate) fn asked(self) -> Vec<Request> {
        assert!(self.answers.is_empty(), "not asked for: {:?}", self.answers);
        self.asked
    }
}

/// An answer without `Retry-After`.
pub(crate) fn answer(status: u16, body: &str) -> Answer {
    Ok(Response { status, retry_after: None, body: body.into() })
}

/// Harbor's error document.
pub(crate) fn harbor_error(code: &str, message: &str) -> String {
    serde_json::json!({"errors": [{"code": code, "message": message}]}).to_string()
}
