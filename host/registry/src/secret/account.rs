//! User names and passwords in texts that are shown, such as `https://jo:PASSWORD@host`.

use std::borrow::Cow;

use longshore_oci::Registry;

/// Characters that end the part of a text that may be a URL or `user:password@host`.
const ENDS: [char; 12] = [' ', '\t', '\n', '\r', '"', '\'', '`', '<', '>', '=', ',', '\\'];

/// Writes `***` for user names and passwords before a host, with or without a scheme.
///
/// An `@` before a digest or after a path is part of a reference and stays.
pub(super) fn without_accounts(text: &str) -> Cow<'_, str> {
    if !text.contains('@') {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(ENDS).unwrap_or(rest.len());
        let (word, behind) = rest.split_at(end);
        match account(word) {
            Some((start, at)) => {
                shown.push_str(&word[..start]);
                shown.push_str("***");
                shown.push_str(&word[at..]);
            }
            None => shown.push_str(word),
        }
        let next = behind.chars().next().map_or(0, char::len_utf8);
        shown.push_str(&behind[..next]);
        rest = &behind[next..];
    }
    Cow::Owned(shown)
}

/// The start of the account in a word, and the position of the `@` behind it.
fn account(word: &str) -> Option<(usize, usize)> {
    if let Some(scheme) = word.find("://") {
        let start = scheme + "://".len();
        let authority = &word[start..];
        // A password may hold the characters that end an authority: then the last `@` counts, unless a
        // path comes first.
        let end = authority.find(['/', '?', '#']).unwrap_or(authority.len());
        let is_cut = authority[..end].contains(':') && !ends_in_port(&authority[..end]);
        let searched = if is_cut { authority } else { &authority[..end] };
        return searched.rfind('@').map(|at| (start, start + at));
    }
    let at = word.rfind('@')?;
    let (before, host) = (&word[..at], &word[at + 1..]);
    let registry = host.split('/').next().unwrap_or(host);
    let is_host = Registry::looks_like_one(registry) && !is_digest(host);
    let Some(colon) = before.find(':') else {
        // A token alone. A mail address has neither a port nor a path.
        let has_more = ends_in_port(registry) || host.contains('/');
        let is_scp = registry.contains(':') && !ends_in_port(registry);
        let is_token = at > 0 && !before.contains('/') && is_host && has_more && !is_scp;
        return is_token.then_some((0, at));
    };
    // `host/name:tag@…` and `name:tag@sha256:…` are references, `pkg:docker/name@1.0` is a purl.
    let is_account =
        colon > 0 && !before[..colon].contains('/') && !before.starts_with("pkg:") && is_host;
    is_account.then_some((0, at))
}

/// Whether an authority ends in `:PORT`.
fn ends_in_port(authority: &str) -> bool {
    let port = authority.rsplit_once(':').map(|(_, port)| port);
    port.is_some_and(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Whether a text starts as a digest does: `ALGORITHM:HEX`.
fn is_digest(text: &str) -> bool {
    let Some((algorithm, hex)) = text.split_once(':') else { return text.starts_with("sha") };
    algorithm.starts_with("sha") || hex.len() >= 32 && hex.bytes().all(|c| c.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::without_accounts;

    #[test]
    fn accounts_are_not_shown() {
        for (text, shown) in [
            ("https://jo:pa55@r.test/a", "https://***@r.test/a"),
            ("https://jo@r.test", "https://***@r.test"),
            ("https://jo:p@55@r.test:5000/a:1", "https://***@r.test:5000/a:1"),
            ("https://jo:pa/55#x@r.test", "https://***@r.test"),
            ("jo:pa55@r.test", "***@r.test"),
            ("jo:pa55@r.test:5000/a/b:1", "***@r.test:5000/a/b:1"),
            ("jo:pa/55@r.test", "***@r.test"),
            ("jo:pa55@[::1]:5000", "***@[::1]:5000"),
            ("use -s \"jo:pa55@r.test\" as a registry", "use -s \"***@r.test\" as a registry"),
            ("--source=jo:pa55@r.test", "--source=***@r.test"),
            ("a,jo:pa55@r.test,b", "a,***@r.test,b"),
            ("t0k3n@r.test:5000", "***@r.test:5000"),
            ("t0k3n@r.test/team/app:1", "***@r.test/team/app:1"),
            ("t0k3n@127.0.0.1:5000/path", "***@127.0.0.1:5000/path"),
            ("oci://jo:pa55@r.test and jo:pa55@s.test", "oci://***@r.test and ***@s.test"),
        ] {
            assert_eq!(without_accounts(text), shown, "{text}");
        }
    }

    #[test]
    fn references_stay_as_they_are() {
        let digest = format!("sha256:{}", "a".repeat(64));
        for text in [
            "alpine",
            "team/app:1",
            &format!("alpine:3@{digest}"),
            &format!("r.test:5000/team/app:1@{digest}"),
            &format!("r.test:5000/team/app@{digest}"),
            &format!("https://r.test:5000/v2/app@{digest}"),
            "alpine:3@sha256:abc",
            "pkg:docker/cassandra@latest",
            "pkg:docker/cassandra@1.0",
            "a:b@c",
            "https://r.test/@scope/app",
            "https://r.test:5000/@scope/app",
            "mail jo@r.test",
            "git@r.test:team/app",
            ":@x",
            "größe:1@",
        ] {
            assert_eq!(without_accounts(text), text);
        }
        assert!(matches!(without_accounts("no sign"), Cow::Borrowed(_)));
    }
}
