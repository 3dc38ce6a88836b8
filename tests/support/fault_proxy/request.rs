//! A recorded request.

/// A request from a client.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// The method.
    pub(crate) method: String,
    /// The target host: from the request line of a proxy request, else from the `Host` header.
    pub(crate) host: String,
    /// The path.
    pub(crate) path: String,
    /// The text after the `?`.
    pub(crate) query: String,
    /// Headers with lower-case names.
    pub(crate) headers: Vec<(String, String)>,
    /// The part of the body that was read.
    pub(crate) body: Vec<u8>,
    /// Number of the connection.
    pub(crate) connection: usize,
}

impl Seen {
    /// Returns the value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Returns the `Authorization` header.
    pub(crate) fn authorization(&self) -> Option<&str> {
        self.header("authorization")
    }

    /// Returns the values of a query parameter. Decodes only the escapes that scopes use.
    pub(crate) fn parameters(&self, name: &str) -> Vec<String> {
        parameters(&self.query, name)
    }

    /// Returns the values of a form field in the body.
    pub(crate) fn fields(&self, name: &str) -> Vec<String> {
        parameters(&String::from_utf8_lossy(&self.body), name)
    }

    /// Returns path and query.
    pub(super) fn target(&self) -> String {
        let separator = if self.query.is_empty() { "" } else { "?" };
        format!("{}{separator}{}", self.path, self.query)
    }

    /// Reports whether the request has this method and matches the pattern; see `Rule::on`.
    pub(crate) fn is(&self, method: &str, pattern: &str) -> bool {
        let text = if pattern.contains('?') { self.target() } else { self.path.clone() };
        (method == "*" || method == self.method) && fits(pattern, &text)
    }

    /// Returns the kind of the request, such as `GET blob`.
    pub(super) fn kind(&self) -> String {
        let what = if self.path.contains("/blobs/uploads/") {
            match self.parameters("from").first() {
                // A mount from the repository itself only checks whether the blob exists.
                Some(from) if self.path == format!("/v2/{from}/blobs/uploads/") => "probe",
                Some(_) => "mount",
                None => "upload",
            }
        } else if self.path.contains("/blobs/") {
            "blob"
        } else if self.path.contains("/manifests/sha256:") {
            "manifest by digest"
        } else if self.path.contains("/manifests/") {
            "manifest by tag"
        } else {
            self.path.as_str()
        };
        format!("{} {what}", self.method)
    }
}

fn parameters(text: &str, name: &str) -> Vec<String> {
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    let values = pairs.filter(|(key, _)| *key == name).map(|(_, value)| value);
    let unescaped = |value: &str| {
        value.replace('+', " ").replace("%3A", ":").replace("%2F", "/").replace("%2C", ",")
    };
    values.map(unescaped).collect()
}

fn fits(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|text| {
            let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            rest.is_empty() || ends.into_iter().any(|at| fits(rest, &text[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn a_star_is_any_text() {
        assert!(fits("*/blobs/*", "/v2/a/blobs/sha256:1"));
        assert!(!fits("*/blobs/*", "/v2/a/manifests/1"));
        assert!(fits("/v2/a/*?mount=*", "/v2/a/b?mount=x"));
        assert!(!fits("/v2/a", "/v2/a/b"));
    }
}
