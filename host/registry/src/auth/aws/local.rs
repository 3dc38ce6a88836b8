//! Requests to services on the machine itself, which give keys to every client that reaches them: only
//! addresses of this machine or link are asked, without a proxy, and with a short patience.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use url::{Host, Url};

use super::Found;
use crate::Secret;
use crate::auth::sigv4::AwsKeys;
use crate::http::body::read_bounded;

const CONNECT: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(2);
/// The most bytes of an answer.
const LIMIT: u64 = 64 * 1024;

/// The answer of a service.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) text: String,
}

/// Checks that a URL leads to this machine or its link, where AWS has its services.
///
/// # Errors
/// Returns what is wrong, as a fragment that fits after the name of a variable.
pub(super) fn check(url: &Url) -> Result<(), String> {
    if url.scheme() != "http" {
        return Err("is not an http:// address".to_owned());
    }
    let is_near = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback() || address.is_link_local(),
        // AWS has its services at fd00:ec2::/32 too.
        Some(Host::Ipv6(address)) => {
            address.is_loopback() || address.segments()[..2] == [0xfd00, 0x0ec2]
        }
        None => false,
    };
    if is_near { Ok(()) } else { Err("leads to another machine".to_owned()) }
}

/// Sends a request. Its headers are not shown.
///
/// # Errors
/// Returns why there is no answer.
pub(super) async fn send(
    method: Method,
    url: &Url,
    headers: &[(&'static str, &str)],
) -> Result<Answer, String> {
    let mut map = HeaderMap::new();
    for &(name, value) in headers {
        let mut value = HeaderValue::try_from(value)
            .map_err(|_| format!("the value for {name} has characters that no header allows"))?;
        value.set_sensitive(true);
        map.insert(HeaderName::from_static(name), value);
    }
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT)
        .timeout(PATIENCE)
        .no_proxy()
        .build()
        .map_err(|error| error.to_string())?;
    let sent = client.request(method, url.clone()).headers(map).send().await;
    let response = sent.map_err(|error| match error.is_timeout() {
        true => format!("{url} did not answer in time"),
        false => format!("{url} cannot be reached"),
    })?;
    let status = response.status();
    let body = read_bounded(response, LIMIT).await.map_err(|cause| cause.to_string())?;
    Ok(Answer { status, text: String::from_utf8_lossy(&body).into_owned() })
}

/// The document of a role.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Document {
    code: Option<String>,
    message: Option<String>,
    access_key_id: Option<String>,
    secret_access_key: Option<String>,
    token: Option<String>,
    expiration: Option<String>,
}

/// Reads the keys in a document.
///
/// # Errors
/// Returns why there are none. No part of the keys is shown.
pub(super) fn read(text: &str) -> Result<Found, String> {
    let document: Document = serde_json::from_str(text)
        .map_err(|_| "the answer is not a document of keys".to_owned())?;
    if let Some(code) = document.code.filter(|code| code != "Success") {
        let message = document.message.map_or_else(String::new, |message| format!(": {message}"));
        return Err(format!("the service says {code}{message}"));
    }
    match (document.access_key_id, document.secret_access_key) {
        (Some(access_key_id), Some(key)) => {
            let keys = AwsKeys {
                access_key_id,
                secret_access_key: Secret::new(key),
                session_token: document.token.map(Secret::new),
            };
            Ok((keys, document.expiration.as_deref().and_then(end)))
        }
        _ => Err("the answer has no keys".to_owned()),
    }
}

/// Reads a time such as `2026-02-25T06:03:31Z`.
pub(super) fn end(text: &str) -> Option<SystemTime> {
    text.parse::<Timestamp>().ok().map(SystemTime::from)
}

/// Whether an address is that of the services of containers.
pub(super) fn is_container_service(address: IpAddr) -> bool {
    let known: [IpAddr; 3] = [
        IpAddr::from([169, 254, 170, 2]),
        IpAddr::from([169, 254, 170, 23]),
        IpAddr::from([0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x23]),
    ];
    address.is_loopback() || known.contains(&address)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use url::Url;

    use super::{check, read};

    #[test]
    fn only_this_machine_and_its_link_are_asked() {
        for (url, good) in [
            ("http://169.254.169.254/latest", true),
            ("http://127.0.0.1:1338", true),
            ("http://localhost:1338", true),
            ("http://[::1]:80/a", true),
            ("http://[fd00:ec2::254]", true),
            ("http://10.0.0.1", false),
            ("http://metadata.test", false),
            ("http://localhost.test", false),
            ("http://[fd00:ec3::254]", false),
            ("http://169.253.169.254", false),
            ("https://169.254.169.254", false),
            ("file:///etc/passwd", false),
        ] {
            assert_eq!(check(&Url::parse(url).unwrap()).is_ok(), good, "{url}");
        }
    }

    #[test]
    fn a_document_gives_keys_and_their_end() {
        let text = r#"{"Code":"Success","LastUpdated":"x","AccessKeyId":"ASIA1","SecretAccessKey":"k",
            "Token":"t","Expiration":"2026-02-25T06:03:31Z"}"#;
        let (keys, ends) = read(text).unwrap();
        assert_eq!(keys.access_key_id, "ASIA1");
        assert_eq!(keys.session_token.map(|token| token.expose().to_owned()), Some("t".into()));
        assert_eq!(ends, Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1_771_999_411)));
        assert_eq!(read(r#"{"AccessKeyId":"A","SecretAccessKey":"k"}"#).unwrap().1, None);
        for (text, part) in [
            ("<html>s3cret", "not a document"),
            (r#"{"AccessKeyId":"A"}"#, "no keys"),
            (
                r#"{"Code":"Failed","Message":"no role","SecretAccessKey":"s3cret"}"#,
                "Failed: no role",
            ),
        ] {
            let error = read(text).expect_err(text);
            assert!(error.contains(part) && !error.contains("s3cret"), "{error}");
        }
    }
}
