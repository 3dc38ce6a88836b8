//! User names and passwords in texts that are shown, such as `https://jo:PASSWORD@host`.

use std::borrow::Cow;

use super::Registry;

/// Characters that end the part of a text that may be a URL or `user:password@host`.
const ENDS: [char; 12] = [' ', '\t', '\n', '\r', '"', '\'', '`', '<', '>', '=', ',', '\\'];

/// Writes `***` for user names and passwords before a host, with or without a scheme.
///
/// An `@` before a digest or after a path is part of a reference and stays.
pub fn without_accounts(text: &str) -> Cow<'_, str> {
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

/// Says whether a text has a user name or a password before a host.
pub fn has_account(text: &str) -> bool {
    text.contains('@') && text.split(ENDS).any(|word| account(word).is_some())
}

/// The start of the account in a word, and the position of the `@` after it.
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
    let digest = word.rfind('@').filter(|at| is_digest(&word[at + 1..]));
    let name = &word[..digest.unwrap_or(word.len())];
    let at = name.rfind('@')?;
    let (before, host) = (&name[..at], &name[at + 1..]);
    let registry = host.split('/').next().unwrap_or(host);
    let is_host = Registry::looks_like_one(registry) && !is_digest(host) && !is_version(registry);
    let Some(colon) = before.find(':') else {
        // A token alone. A mail address has neither a port nor a path.
        let has_more = ends_in_port(registry) || host.contains('/');
        let is_scp = registry.contains(':') && !ends_in_port(registry);
        let is_token = at > 0 && !before.contains('/') && is_host && has_more && !is_scp;
        return is_token.then_some((0, at));
    };
    // `host/name:tag@…` and `name:tag@sha256:…` are references, `pkg:docker/name@1.0` is a purl, and
    // `longshore:plugin/log@0.1.0` is a name of WIT.
    let is_account =
        colon > 0 && !before[..colon].contains('/') && !before.starts_with("pkg:") && is_host;
    is_account.then_some((0, at))
}

/// Whether an authority ends in `:PORT`.
fn ends_in_port(authority: &str) -> bool {
    let port = authority.rsplit_once(':').map(|(_, port)| port);
    port.is_some_and(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Whether a text starts as a digest does: `ALGORITHM:ENCODED` (OCI image specification, descriptor). A
/// message may cut it, or go on after it. No port is as long as a digest.
fn is_digest(text: &str) -> bool {
    let (algorithm, behind) = text.split_once(':').unwrap_or((text, ""));
    let is_sha = algorithm
        .strip_prefix("sha")
        .is_some_and(|size| !size.is_empty() && size.bytes().all(|byte| byte.is_ascii_digit()));
    let is_encoded = |byte: u8| byte.is_ascii_alphanumeric() || b"=_-".contains(&byte);
    is_sha || behind.bytes().take_while(|&byte| is_encoded(byte)).count() >= 32
}

/// Whether a text is a version of three numbers, as `0.1.0` or `0.2.0-rc.1#function`. An IPv4 address has
/// four, and a host name does not end in a number. A sentence may end after the version.
fn is_version(text: &str) -> bool {
    let text = text.split('#').next().unwrap_or(text);
    let text = text.trim_end_matches(['.', ':', ';', '!', '?', ')', ']', '}']);
    let (numbers, rest) = text.split_at(text.find(['-', '+']).unwrap_or(text.len()));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Vec<&str> = numbers.split('.').collect();
    parts.len() == 3
        && parts.into_iter().all(is_number)
        && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".+-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::{has_account, without_accounts};

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
            ("jo:pa55@a.io/app@sha256:00", "***@a.io/app@sha256:00"),
            ("jo:pa55@a.io/app:1@sha512:0f", "***@a.io/app:1@sha512:0f"),
            ("t0k3n@a.io/app@sha256:00", "***@a.io/app@sha256:00"),
            ("oci://jo:pa55@r.test and jo:pa55@s.test", "oci://***@r.test and ***@s.test"),
            ("jo:pa55@127.0.0.1", "***@127.0.0.1"),
            ("jo:pa55@10.1.2.3/app:1", "***@10.1.2.3/app:1"),
            ("jo:pa55@1.2.3:5000", "***@1.2.3:5000"),
            ("jo:pa55@1.2.3.test", "***@1.2.3.test"),
            ("jo:pa55@share.test", "***@share.test"),
            ("jo:pa55@sharepoint.test:5000/a", "***@sharepoint.test:5000/a"),
            ("jo:pa55@sha256.test:443", "***@sha256.test:443"),
            ("https://jo:pa55@1.2.3/a", "https://***@1.2.3/a"),
            ("t0k3n@shadow.test/app", "***@shadow.test/app"),
        ] {
            assert_eq!(without_accounts(text), shown, "{text}");
            assert!(has_account(text), "{text}");
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
            "alpine:3@sha256",
            &format!("alpine:3@{digest}: not found"),
            &format!("alpine:3@{digest}→r.test/alpine:3"),
            &format!("alpine:3@blake3:{}: not found", "a".repeat(64)),
            &format!("alpine:3@sha256+b64u:{}", "Zz_-".repeat(11)),
            "longshore:plugin/log@0.1.0",
            "longshore:plugin@0.1.0",
            "`wasi:http/types@0.2.6`, (wasi:io/poll@0.2.0) and wasi:cli/run@0.2.0.",
            "no import wasi:http/types@0.2.0: refused",
            "wasi:http/types@0.3.0-rc-2025-09-16#[method]fields.get",
            "my-team:odd-name/a-b@10.20.30+build.7",
            "lodash@4.17.21/index.js",
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
            assert!(!has_account(text), "{text}");
        }
        assert!(matches!(without_accounts("no sign"), Cow::Borrowed(_)));
    }
}
