//! Keys of an instance's role, from its metadata service (version 2, which wants a token of its own).

use reqwest::Method;
use url::Url;

use super::local::{check, read, send};
use super::{Found, Surroundings};
use crate::secret::known::remember;

const ENDPOINT: &str = "AWS_EC2_METADATA_SERVICE_ENDPOINT";
const USUAL: &str = "http://169.254.169.254";
const USUAL_IPV6: &str = "http://[fd00:ec2::254]";
const ROLES: &str = "latest/meta-data/iam/security-credentials/";
/// The life of the token, in seconds.
const LIFE: &str = "21600";

/// Fetches the keys of the role. Returns `None` if no service answers, or if the instance has no role.
pub(super) async fn fetch(surroundings: &Surroundings) -> Result<Option<Found>, String> {
    let Some(base) = service(surroundings)? else { return Ok(None) };
    let url = |path: &str| base.join(path).map_err(|_| format!("{path} is not a path"));
    let asked = url("latest/api/token")?;
    let headers = [("x-aws-ec2-metadata-token-ttl-seconds", LIFE)];
    // Most machines have no such service.
    let token = match send(Method::PUT, &asked, &headers).await {
        Ok(answer) if answer.status.is_success() => answer.text,
        Ok(_) | Err(_) => return Ok(None),
    };
    remember(token.trim());
    let headers = [("x-aws-ec2-metadata-token", token.trim())];
    let failed = |why: String| format!("no keys of the instance's role: {why}");
    let roles = send(Method::GET, &url(ROLES)?, &headers).await.map_err(failed)?;
    let role = match roles.text.lines().next().map(str::trim) {
        Some(role) if roles.status.is_success() && !role.is_empty() => role.to_owned(),
        _ if matches!(roles.status.as_u16(), 200 | 404) => return Ok(None),
        _ => return Err(failed(format!("the list of roles answered {}", roles.status.as_u16()))),
    };
    if role.contains(['/', '?', '#', '\\']) {
        return Err(failed("its name is not valid".to_owned()));
    }
    let keys = url(&format!("{ROLES}{role}"))?;
    let answer = send(Method::GET, &keys, &headers).await.map_err(failed)?;
    if !answer.status.is_success() {
        return Err(failed(format!("{keys} answered {}", answer.status.as_u16())));
    }
    read(&answer.text).map(Some).map_err(failed)
}

/// Returns the address of the service, unless it must not be asked.
fn service(surroundings: &Surroundings) -> Result<Option<Url>, String> {
    let disabled = surroundings.variable("AWS_EC2_METADATA_DISABLED");
    if disabled.is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return Ok(None);
    }
    let mode = surroundings.variable(&format!("{ENDPOINT}_MODE"));
    let usual = match mode {
        Some(mode) if mode.eq_ignore_ascii_case("ipv6") => USUAL_IPV6,
        _ => USUAL,
    };
    let text = surroundings.variable(ENDPOINT).unwrap_or_else(|| usual.to_owned());
    let url = Url::parse(&format!("{}/", text.trim_end_matches('/')))
        .map_err(|_| format!("{ENDPOINT} is not a URL"))?;
    check(&url).map_err(|why| format!("{ENDPOINT} {why}"))?;
    Ok(Some(url))
}

#[cfg(test)]
mod tests {
    use super::super::tests::surroundings;
    use super::{ENDPOINT, service};

    #[test]
    fn the_service_is_link_local_or_where_the_variable_says() {
        let of = |variables: &[(&str, &str)]| {
            service(&surroundings(variables, None)).map(|url| url.map(|url| url.to_string()))
        };
        assert_eq!(of(&[]), Ok(Some("http://169.254.169.254/".into())));
        let mode = [("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv6")];
        assert_eq!(of(&mode), Ok(Some("http://[fd00:ec2::254]/".into())));
        assert_eq!(of(&[(ENDPOINT, "http://127.0.0.1:9")]), Ok(Some("http://127.0.0.1:9/".into())));
        for disabled in ["true", "True"] {
            assert_eq!(of(&[("AWS_EC2_METADATA_DISABLED", disabled)]), Ok(None));
        }
        assert!(of(&[("AWS_EC2_METADATA_DISABLED", "false")]).is_ok_and(|url| url.is_some()));
        for bad in ["http://metadata.test", "https://127.0.0.1", "127.0.0.1"] {
            assert!(of(&[(ENDPOINT, bad)]).is_err(), "{bad}");
        }
    }
}
