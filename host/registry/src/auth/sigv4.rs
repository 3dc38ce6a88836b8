//! AWS Signature Version 4, with which requests to the APIs of AWS authenticate.
//!
//! AWS's own crate brings a runtime of its own types for a hundred lines of hashing. The tests have AWS's
//! published vectors.

use std::time::SystemTime;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use jiff::Timestamp;
use reqwest::header::{AUTHORIZATION, HOST, HeaderMap, HeaderName, HeaderValue};
use url::Url;

use crate::secret::known::remember;
use crate::{Cause, Secret};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");

/// The keys of an AWS account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsKeys {
    /// The name of the key, such as `AKIA…`.
    pub access_key_id: String,
    /// The key.
    pub secret_access_key: Secret,
    /// The token of a temporary key.
    pub session_token: Option<Secret>,
}

/// The place that a signature is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsScope {
    /// The region, such as `eu-west-1`.
    pub region: String,
    /// The service, such as `ecr`.
    pub service: String,
}

/// Adds the headers that sign a request at the time `now`. All headers are signed.
pub(crate) fn sign(
    headers: &mut HeaderMap,
    (method, url, body): (&str, &Url, &[u8]),
    keys: &AwsKeys,
    scope: &AwsScope,
    now: SystemTime,
) -> Result<(), Cause> {
    let bad =
        || Cause::Credential("the AWS credential has characters that no header allows".into());
    let time = Timestamp::try_from(now).map_err(|_| bad())?;
    let date = time.strftime("%Y%m%d").to_string();
    let time = time.strftime("%Y%m%dT%H%M%SZ").to_string();
    headers.insert(DATE, HeaderValue::try_from(&time).map_err(|_| bad())?);
    if let Some(token) = &keys.session_token {
        remember(token.expose());
        let mut value = HeaderValue::try_from(token.expose()).map_err(|_| bad())?;
        value.set_sensitive(true);
        headers.insert(TOKEN, value);
    }
    remember(keys.secret_access_key.expose());
    let (canonical, signed) = canonical_request(headers, (method, url, body));
    let region = format!("{date}/{}/{}/aws4_request", scope.region, scope.service);
    let text = format!("{ALGORITHM}\n{time}\n{region}\n{}", hash(canonical.as_bytes()));
    let first = format!("AWS4{}", keys.secret_access_key.expose());
    let mut key = hmac_of(first.as_bytes(), &date);
    for part in [&scope.region, &scope.service, "aws4_request"] {
        key = hmac_of(&key, part);
    }
    let signature = hex(&hmac_of(&key, &text));
    // A server that repeats the request must not show a signature that is still valid.
    remember(&signature);
    let value = format!(
        "{ALGORITHM} Credential={}/{region}, SignedHeaders={signed}, Signature={signature}",
        keys.access_key_id
    );
    let mut value = HeaderValue::try_from(value).map_err(|_| bad())?;
    value.set_sensitive(true);
    headers.insert(AUTHORIZATION, value);
    Ok(())
}

/// Returns the canonical request and the names of the signed headers.
fn canonical_request(
    headers: &HeaderMap,
    (method, url, body): (&str, &Url, &[u8]),
) -> (String, String) {
    let mut signed: Vec<(&str, String)> = headers
        .iter()
        .map(|(name, value)| {
            (name.as_str(), in_one_line(&String::from_utf8_lossy(value.as_bytes())))
        })
        .collect();
    if !headers.contains_key(HOST) {
        let host = url.host_str().unwrap_or_default();
        let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
        signed.push((HOST.as_str(), format!("{host}{port}")));
    }
    signed.sort();
    let names: Vec<&str> = signed.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");
    let lines: String = signed.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    // The path of the URL is escaped once, and every service but S3 wants it escaped twice.
    let path: Vec<String> = url.path().split('/').map(|part| part.replace('%', "%25")).collect();
    let mut query: Vec<(&str, &str)> = url
        .query()
        .into_iter()
        .flat_map(|query| query.split('&'))
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .collect();
    query.sort_unstable();
    let query: Vec<String> =
        query.into_iter().map(|(key, value)| format!("{key}={value}")).collect();
    let request = format!(
        "{method}\n{}\n{}\n{lines}\n{names}\n{}",
        path.join("/"),
        query.join("&"),
        hash(body)
    );
    (request, names)
}

fn in_one_line(value: &str) -> String {
    value.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

fn hmac_of(key: &[u8], text: &str) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::sign(&key, text.as_bytes()).as_ref().to_vec()
}

fn hash(bytes: &[u8]) -> String {
    hex(digest(&SHA256, bytes).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName};
    use url::Url;

    use super::{AwsKeys, AwsScope, sign};
    use crate::Secret;

    /// 2015-08-30T12:36:00Z, the time of the published vectors.
    const NOW: Duration = Duration::from_secs(1_440_938_160);

    /// Signs a request with the published key. Returns the signed headers and the signature.
    fn signed(
        method: &str,
        url: &str,
        headers: &[(&'static str, &str)],
        body: &str,
        service: &str,
        token: Option<&str>,
    ) -> (String, String) {
        let mut map = HeaderMap::new();
        for &(name, value) in headers {
            map.insert(HeaderName::from_static(name), value.parse().unwrap());
        }
        let keys = AwsKeys {
            access_key_id: "AKIDEXAMPLE".to_owned(),
            secret_access_key: Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
            session_token: token.map(Secret::new),
        };
        let scope = AwsScope { region: "us-east-1".to_owned(), service: service.to_owned() };
        let url = Url::parse(url).unwrap();
        let now = SystemTime::UNIX_EPOCH + NOW;
        sign(&mut map, (method, &url, body.as_bytes()), &keys, &scope, now).unwrap();
        let value = map[AUTHORIZATION].to_str().unwrap().to_owned();
        assert!(map[AUTHORIZATION].is_sensitive());
        let start = format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/{service}/aws4_request, \
             SignedHeaders="
        );
        let rest = value.strip_prefix(&start).unwrap_or_else(|| panic!("{value}"));
        let (names, signature) = rest.split_once(", Signature=").unwrap();
        (names.to_owned(), signature.to_owned())
    }

    #[test]
    fn the_published_vectors_are_signed_as_published() {
        let vanilla = |method, url| signed(method, url, &[], "", "service", None);
        for (method, url, signature) in [
            // get-vanilla
            (
                "GET",
                "https://example.amazonaws.com/",
                "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            ),
            // get-vanilla-query-order-key-case
            (
                "GET",
                "https://example.amazonaws.com/?Param2=value2&Param1=value1",
                "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            ),
            // post-vanilla
            (
                "POST",
                "https://example.amazonaws.com/",
                "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            ),
        ] {
            let expected = ("host;x-amz-date".to_owned(), signature.to_owned());
            assert_eq!(vanilla(method, url), expected, "{method} {url}");
        }
        // The example of the documentation, with a header of its own.
        let form = [("content-type", "application/x-www-form-urlencoded; charset=utf-8")];
        let url = "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08";
        assert_eq!(
            signed("GET", url, &form, "", "iam", None),
            (
                "content-type;host;x-amz-date".to_owned(),
                "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7".to_owned()
            )
        );
    }

    #[test]
    fn body_header_token_and_path_change_the_signature() {
        let of = |body: &str, target: &str, token: Option<&str>, path: &str| {
            let url = format!("https://example.amazonaws.com{path}");
            signed("POST", &url, &[("x-amz-target", target)], body, "ecr", token)
        };
        let plain = of("{}", "A.B", None, "/");
        assert_eq!(plain.0, "host;x-amz-date;x-amz-target");
        let with_token = of("{}", "A.B", Some("token"), "/");
        assert_eq!(with_token.0, "host;x-amz-date;x-amz-security-token;x-amz-target");
        let others = [
            with_token.1,
            of("{ }", "A.B", None, "/").1,
            of("{}", "A.C", None, "/").1,
            of("{}", "A.B", None, "/%20").1,
        ];
        for other in others {
            assert_ne!(plain.1, other);
        }
        assert_eq!(of("{}", "A.B", None, "/"), plain, "the same request has the same signature");
    }
}
