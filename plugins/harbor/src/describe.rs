//! Detects a Harbor and its capabilities.

use crate::Failure;
use crate::answer::{failed, refused};
use crate::api::{Method, PING, Request, Transport};

/// Checks that the host is a Harbor v2. The request needs no credential.
///
/// # Errors
///
/// Fails if the host is not a Harbor, or if it cannot be reached.
pub fn describe(registry: &str, mut send: impl Transport) -> Result<(), Failure> {
    let request =
        Request { method: Method::Get, path: PING, project: None, query: None, body: None };
    let response = send(&request).map_err(failed)?;
    match response.status {
        200 if response.body.trim_ascii() == b"Pong" => Ok(()),
        200 => Err(no_harbor(registry, "answered, but not with `Pong`")),
        301 | 302 | 303 | 307 | 308 => {
            Err(no_harbor(registry, "redirected, so --harbor-https may name the wrong scheme"))
        }
        400..=499 if !matches!(response.status, 408 | 429) => {
            Err(no_harbor(registry, &format!("answered {}", response.status)))
        }
        _ => Err(refused("GET /api/v2.0/ping", &response)),
    }
}

fn no_harbor(registry: &str, answer: &str) -> Failure {
    Failure::Other {
        code: "harbor/no-harbor",
        message: format!("found no Harbor v2 at {registry}: GET /api/v2.0/ping {answer}"),
    }
}

#[cfg(test)]
mod tests {
    use super::describe;
    use crate::Failure;
    use crate::api::{Method, PING, SendError};
    use crate::fake::{Fake, answer};

    #[test]
    fn a_pong_is_a_harbor() {
        for body in ["Pong", "Pong\n"] {
            let mut harbor = Fake::new([answer(200, body)]);
            assert_eq!(describe("r.io", harbor.send()), Ok(()));
            let asked = harbor.asked();
            assert_eq!((asked[0].method, asked[0].path), (Method::Get, PING));
        }
    }

    #[test]
    fn other_responses_are_not_a_harbor_and_are_named() {
        for (status, body) in [
            (200, "<html>"),
            (200, ""),
            (401, ""),
            (403, ""),
            (404, "404 page not found"),
            (308, ""),
        ] {
            let mut harbor = Fake::new([answer(status, body)]);
            let failure = describe("r.io:5000", harbor.send()).expect_err("no harbor");
            let Failure::Other { code, message } = failure else {
                panic!("{status}: {failure:?}");
            };
            assert_eq!(code, "harbor/no-harbor");
            assert!(message.contains("no Harbor v2 at r.io:5000"), "{message}");
        }
    }

    #[test]
    fn trouble_is_no_verdict() {
        let mut busy = Fake::new([answer(503, "")]);
        assert_eq!(describe("r", busy.send()), Err(Failure::Transient(None)));
        let mut gone = Fake::new([Err(SendError::Unreachable("connection refused".into()))]);
        assert!(matches!(
            describe("r", gone.send()),
            Err(Failure::Other { code: "harbor/unreachable", message }) if message.contains("connection refused")
        ));
    }
}
