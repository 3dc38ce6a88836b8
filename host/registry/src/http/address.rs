//! Parts of URLs.

use url::Url;

/// `host[:port]` of a URL, for messages and comparisons.
pub(crate) fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// A URL without a user name and a password, which other clients would send.
pub(crate) fn without_account(mut url: Url) -> Option<Url> {
    url.set_username("").ok()?;
    url.set_password(None).ok()?;
    Some(url)
}

/// Formats a URL for logs: without userinfo, and with allow-listed query keys only.
pub(crate) fn safe(url: &Url) -> String {
    let mut text = format!("{}://{}{}", url.scheme(), host_of(url), url.path());
    let mut separator = '?';
    for (key, value) in url.query_pairs() {
        if matches!(&*key, "digest" | "mount" | "from" | "n" | "last" | "artifactType") {
            text.push(separator);
            text.push_str(&format!("{key}={value}"));
            separator = '&';
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::safe;

    #[test]
    fn shown_urls_hold_no_secret() {
        let url = Url::parse(
            "https://u:p@h:1/v2/a/blobs/uploads/?_state=secret&digest=sha256:1&X-Amz-Signature=s",
        )
        .unwrap();
        assert_eq!(safe(&url), "https://h:1/v2/a/blobs/uploads/?digest=sha256:1");
    }
}
