//! Sends requests to the API of a product, and translates its common answers.

use crate::PluginError;
use crate::host::{self, Request, RequestError, Response};

/// The most characters of a product's message that are quoted.
const MAX_QUOTED: usize = 300;

/// A product with an API.
#[derive(Clone, Copy, Debug)]
pub struct Product {
    /// Its name, for messages.
    pub name: &'static str,
    /// The name of the plugin, before its codes.
    pub code: &'static str,
    /// Finds the message in the body of an error.
    pub words: fn(&[u8]) -> Option<String>,
}

impl Product {
    /// Sends a request to an endpoint.
    ///
    /// # Errors
    /// Fails if the host sends no request, or no answer comes.
    pub fn send(&self, endpoint: &str, request: &Request) -> Result<Response, PluginError> {
        host::send(endpoint, request).map_err(|error| {
            let (code, message) = match error {
                RequestError::Denied(why) => ("denied", why),
                RequestError::Exhausted(why) => ("exhausted", why),
                RequestError::Unreachable(why) => {
                    ("unreachable", format!("the API of {} did not answer: {why}", self.name))
                }
                RequestError::Other(coded) => ("request-failed", coded.message),
            };
            PluginError::other(format!("{}/{code}", self.code), message)
        })
    }

    /// Translates a status that has no special meaning for the request. `right` is what the request needs.
    #[must_use]
    pub fn refused(&self, request: &Request, response: &Response, right: &str) -> PluginError {
        let method = request.method.name();
        let asked = format!("{method} /{}", request.path.join("/"));
        let message = format!("{} answered {} to {asked}", self.name, response.status);
        match response.status {
            401 => PluginError::Unauthorized(self.quoting(
                format!("{message}: the credential is missing, wrong or has ended"),
                response,
            )),
            403 => PluginError::Unauthorized(
                self.quoting(format!("{message}: the account lacks {right}"), response),
            ),
            408 | 429 | 500..=599 => PluginError::Transient(response.retry_after()),
            _ => self.other("unexpected-answer", &message, response),
        }
    }

    /// Creates a failure with a code of this product.
    #[must_use]
    pub fn other(&self, code: &str, message: &str, response: &Response) -> PluginError {
        let message = self.quoting(message.to_owned(), response);
        PluginError::other(format!("{}/{code}", self.code), message)
    }

    /// Appends the product's own message, if there is one.
    fn quoting(&self, mut message: String, response: &Response) -> String {
        let said = (self.words)(&response.body).unwrap_or_default();
        let said: String = said
            .trim()
            .chars()
            .take(MAX_QUOTED)
            .map(|character| if character.is_control() { ' ' } else { character })
            .collect();
        if !said.is_empty() {
            message.push_str(&format!(" ({} says: {said})", self.name));
        }
        message
    }
}

#[cfg(test)]
mod tests {
    use super::Product;
    use crate::PluginError;
    use crate::host::{Method, Request, RequestError};
    use crate::mock::{MockHost, answer};

    const PRODUCT: Product = Product {
        name: "Depot",
        code: "depot",
        words: |body| String::from_utf8(body.to_vec()).ok(),
    };

    fn refused(status: u16, body: &str) -> PluginError {
        let request = Request::new(Method::Post, ["api", "things"]);
        let answer = answer(status).body(body).with_header("retry-after", "9");
        PRODUCT.refused(&request, &answer, "things:create")
    }

    #[test]
    fn common_answers_name_request_right_and_words() {
        let PluginError::Unauthorized(message) = refused(403, "no\nway") else { panic!("403") };
        assert_eq!(
            message,
            "Depot answered 403 to POST /api/things: the account lacks things:create (Depot says: no way)"
        );
        assert!(
            matches!(refused(401, ""), PluginError::Unauthorized(why) if !why.contains("says"))
        );
        for status in [408, 429, 500, 503, 599] {
            assert_eq!(refused(status, ""), PluginError::Transient(Some(9)));
        }
        for status in [302, 400, 404, 409, 600] {
            let PluginError::Other(coded) = refused(status, &"x".repeat(1000)) else {
                panic!("{status}")
            };
            assert_eq!(coded.code, "depot/unexpected-answer");
            assert!(coded.message.len() < 400, "{}", coded.message);
        }
    }

    #[test]
    fn a_request_without_an_answer_keeps_its_reason() {
        for (error, code) in [
            (RequestError::Denied("why".into()), "depot/denied"),
            (RequestError::Exhausted("why".into()), "depot/exhausted"),
            (RequestError::Unreachable("why".into()), "depot/unreachable"),
        ] {
            let host = MockHost::new().failure("GET api /a", error);
            let request = Request::new(Method::Get, ["a"]);
            let (result, _) = host.run(|| PRODUCT.send("api", &request));
            let Err(PluginError::Other(coded)) = result else { panic!("{result:?}") };
            assert!(coded.code == code && coded.message.contains("why"), "{coded:?}");
        }
    }
}
