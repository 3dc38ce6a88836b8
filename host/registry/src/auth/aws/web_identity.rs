//! Keys of a role that a web identity may take: `AssumeRoleWithWebIdentity` of STS, as in pods of EKS and in CI.

use bytes::Bytes;
use longshore_files::read_regular;
use longshore_oci::Registry;
use url::Url;
use url::form_urlencoded::Serializer;

use super::local::{check, end};
use super::{Found, Surroundings, profile};
use crate::auth::sigv4::AwsKeys;
use crate::endpoint::{EndpointAuth, EndpointRequest, EndpointScheme};
use crate::secret::known::remember;
use crate::{Registries, Secret};

const TOKEN_FILE: &str = "AWS_WEB_IDENTITY_TOKEN_FILE";
const ROLE: &str = "AWS_ROLE_ARN";
const SESSION: &str = "AWS_ROLE_SESSION_NAME";
const ENDPOINT: &str = "AWS_ENDPOINT_URL_STS";
/// The most bytes of a token, and of an answer.
const LIMIT: u64 = 64 * 1024;

/// Takes the role, if the variables name it and a token.
pub(super) async fn fetch(
    surroundings: &Surroundings,
    registries: &Registries,
) -> Result<Option<Found>, String> {
    let (Some(path), Some(role)) = (surroundings.variable(TOKEN_FILE), surroundings.variable(ROLE))
    else {
        return Ok(None);
    };
    let bytes = read_regular(path.as_ref(), LIMIT)
        .map_err(|error| format!("cannot read {path} ({TOKEN_FILE}): {error}"))?;
    let token = String::from_utf8(bytes).map_err(|_| format!("{path} is not UTF-8"))?;
    let token = token.trim();
    remember(token);
    let session = surroundings.variable(SESSION).unwrap_or_else(|| "longshore".to_owned());
    let form = Serializer::new(String::new())
        .append_pair("Action", "AssumeRoleWithWebIdentity")
        .append_pair("Version", "2011-06-15")
        .append_pair("RoleArn", &role)
        .append_pair("RoleSessionName", &session)
        .append_pair("WebIdentityToken", token)
        .finish();
    let (scheme, host) = service(surroundings)?;
    let request = EndpointRequest {
        scheme,
        method: "POST",
        path_and_query: "/".to_owned(),
        headers: vec![("content-type".into(), "application/x-www-form-urlencoded".into())],
        body: Some(Bytes::from(form)),
        body_limit: LIMIT,
        auth: EndpointAuth::None,
        brings_credential: true,
    };
    let failed = |why: String| format!("no keys of the role {role}: {why}");
    let client = registries.client(&host);
    let response =
        client.send_endpoint(request).await.map_err(|error| failed(error.to_string()))?;
    let text = String::from_utf8_lossy(&response.body);
    if !(200..300).contains(&response.status) {
        let said = element(&text, "Message").map_or_else(String::new, |said| format!(" ({said})"));
        return Err(failed(format!("{host} answered {}{said}", response.status)));
    }
    read(&text).map(Some).ok_or_else(|| failed("the answer has no keys".to_owned()))
}

/// Returns scheme and host of STS: that of the region, or of all.
fn service(surroundings: &Surroundings) -> Result<(EndpointScheme, Registry), String> {
    let parsed = |host: &str| {
        host.parse::<Registry>().map_err(|error| format!("{host:?} is not a host: {error}"))
    };
    if let Some(text) = surroundings.variable(ENDPOINT) {
        let url = Url::parse(&text).map_err(|_| format!("{ENDPOINT} is not a URL"))?;
        let authority = url.authority();
        return match url.scheme() {
            "https" => Ok((EndpointScheme::Https, parsed(authority)?)),
            // The token would cross the network in the clear.
            _ => {
                check(&url).map_err(|why| format!("{ENDPOINT} {why}"))?;
                Ok((EndpointScheme::Http, parsed(authority)?))
            }
        };
    }
    let region = surroundings
        .variable("AWS_REGION")
        .or_else(|| surroundings.variable("AWS_DEFAULT_REGION"))
        .or_else(|| profile::region(surroundings, None));
    let host = match region {
        Some(region) if region.starts_with("cn-") => format!("sts.{region}.amazonaws.com.cn"),
        Some(region) => format!("sts.{region}.amazonaws.com"),
        None => "sts.amazonaws.com".to_owned(),
    };
    Ok((EndpointScheme::Https, parsed(&host)?))
}

/// Reads the keys in an answer of STS.
fn read(text: &str) -> Option<Found> {
    let text = element(text, "Credentials")?;
    let keys = AwsKeys {
        access_key_id: element(text, "AccessKeyId")?.to_owned(),
        secret_access_key: Secret::new(element(text, "SecretAccessKey")?),
        session_token: Some(Secret::new(element(text, "SessionToken")?)),
    };
    Some((keys, element(text, "Expiration").and_then(end)))
}

/// Returns the content of the first element with this name. STS writes plain XML without attributes there.
fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    let (content, _) = rest.split_once(&format!("</{name}>"))?;
    Some(content.trim())
}

#[cfg(test)]
mod tests {
    use super::super::tests::surroundings;
    use super::{ENDPOINT, read, service};
    use crate::endpoint::EndpointScheme;

    #[test]
    fn sts_is_that_of_the_region() {
        let of = |variables: &[(&str, &str)]| {
            service(&surroundings(variables, None)).map(|(scheme, host)| (scheme, host.to_string()))
        };
        let https = |host: &str| Ok((EndpointScheme::Https, host.to_owned()));
        assert_eq!(of(&[]), https("sts.amazonaws.com"));
        assert_eq!(of(&[("AWS_REGION", "eu-west-1")]), https("sts.eu-west-1.amazonaws.com"));
        let cn = [("AWS_DEFAULT_REGION", "cn-north-1")];
        assert_eq!(of(&cn), https("sts.cn-north-1.amazonaws.com.cn"));
        assert_eq!(of(&[(ENDPOINT, "https://sts.test:8443")]), https("sts.test:8443"));
        let http = Ok((EndpointScheme::Http, "127.0.0.1:9".to_owned()));
        assert_eq!(of(&[(ENDPOINT, "http://127.0.0.1:9")]), http);
        for bad in ["http://sts.test", "sts.test", "ftp://127.0.0.1"] {
            assert!(of(&[(ENDPOINT, bad)]).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_answer_of_sts_is_read() {
        let answer = "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>\n\
            <SessionToken>t+/=</SessionToken><SecretAccessKey> k </SecretAccessKey>\
            <Expiration>2026-02-25T06:03:31Z</Expiration><AccessKeyId>ASIA1</AccessKeyId></Credentials>\
            </AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>";
        let (keys, ends) = read(answer).expect("keys");
        assert_eq!((keys.access_key_id.as_str(), keys.secret_access_key.expose()), ("ASIA1", "k"));
        assert!(ends.is_some());
        assert!(read("<Credentials></Credentials>").is_none() && read("").is_none());
    }
}
