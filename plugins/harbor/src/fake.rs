//! A fake Harbor for tests. It returns prepared responses in order and records the requests.

use std::collections::VecDeque;

use crate::api::{Request, Response, SendError, Transport};

/// A prepared response.
pub(crate) type Answer = Result<Response, SendError>;

/// The prepared responses and the recorded requests.
pub(crate) struct Fake {
    answers: VecDeque<Answer>,
    asked: Vec<Request>,
}

impl Fake {
    /// Creates a fake with these responses. An additional request fails the test.
    pub(crate) fn new(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self { answers: answers.into_iter().collect(), asked: Vec::new() }
    }

    /// Returns the transport for the code under test.
    pub(crate) fn send(&mut self) -> impl Transport {
        |request: &Request| {
            self.asked.push(request.clone());
            self.answers.pop_front().unwrap_or_else(|| panic!("unexpected request {request:?}"))
        }
    }

    /// Returns the recorded requests. Fails the test if a response is left over.
    pub(crate) fn asked(self) -> Vec<Request> {
        assert!(self.answers.is_empty(), "not asked for: {:?}", self.answers);
        self.asked
    }
}

/// Creates a response without `Retry-After`.
pub(crate) fn answer(status: u16, body: &str) -> Answer {
    Ok(Response { status, retry_after: None, body: body.into() })
}

/// Creates Harbor's error document.
pub(crate) fn harbor_error(code: &str, message: &str) -> String {
    serde_json::json!({"errors": [{"code": code, "message": message}]}).to_string()
}
