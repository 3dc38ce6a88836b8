//! Keys of a container's role: a task of ECS, or a pod of EKS.

use longshore_files::read_regular;
use reqwest::Method;
use url::{Host, Url};

use super::local::{check, is_container_service, read, send};
use super::{Found, Surroundings};
use crate::secret::known::remember;

const SERVICE: &str = "http://169.254.170.2";
const RELATIVE: &str = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
const FULL: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
const TOKEN: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN";
const TOKEN_FILE: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";
/// The most bytes of a token.
const TOKEN_LIMIT: u64 = 64 * 1024;

/// Fetches the keys of the role, if the variables name its service.
pub(super) async fn fetch(surroundings: &Surroundings) -> Result<Option<Found>, String> {
    let Some(url) = service(surroundings)? else { return Ok(None) };
    let token = token(surroundings)?;
    if let Some(token) = &token {
        remember(token);
    }
    let headers: Vec<(&'static str, &str)> =
        token.as_deref().map(|token| ("authorization", token)).into_iter().collect();
    let failed = |why: String| format!("no keys of the container's role: {why}");
    let answer = send(Method::GET, &url, &headers).await.map_err(failed)?;
    if !answer.status.is_success() {
        return Err(failed(format!("{url} answered {}", answer.status.as_u16())));
    }
    read(&answer.text).map(Some).map_err(failed)
}

/// Returns the address of the service.
fn service(surroundings: &Surroundings) -> Result<Option<Url>, String> {
    if let Some(path) = surroundings.variable(RELATIVE) {
        let url = path.starts_with('/').then(|| Url::parse(&format!("{SERVICE}{path}")).ok());
        return match url.flatten() {
            Some(url) => Ok(Some(url)),
            None => Err(format!("{RELATIVE} is not a path")),
        };
    }
    let Some(text) = surroundings.variable(FULL) else { return Ok(None) };
    let url = Url::parse(&text).map_err(|_| format!("{FULL} is not a URL"))?;
    check(&url).map_err(|why| format!("{FULL} {why}"))?;
    let is_known = match url.host() {
        Some(Host::Ipv4(address)) => is_container_service(address.into()),
        Some(Host::Ipv6(address)) => is_container_service(address.into()),
        _ => true,
    };
    if is_known {
        return Ok(Some(url));
    }
    Err(format!("{FULL} leads to an address that is not a service for containers"))
}

fn token(surroundings: &Surroundings) -> Result<Option<String>, String> {
    let Some(path) = surroundings.variable(TOKEN_FILE) else {
        return Ok(surroundings.variable(TOKEN));
    };
    let bytes = read_regular(path.as_ref(), TOKEN_LIMIT)
        .map_err(|error| format!("cannot read {path} ({TOKEN_FILE}): {error}"))?;
    let text = String::from_utf8(bytes).map_err(|_| format!("{path} is not UTF-8"))?;
    Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
}

#[cfg(test)]
mod tests {
    use super::super::tests::surroundings;
    use super::{FULL, RELATIVE, TOKEN, TOKEN_FILE, service, token};

    fn url(variables: &[(&str, &str)]) -> Result<Option<String>, String> {
        service(&surroundings(variables, None)).map(|url| url.map(|url| url.to_string()))
    }

    #[test]
    fn the_service_is_where_the_variables_say() {
        assert_eq!(url(&[]), Ok(None));
        let expected = Ok(Some("http://169.254.170.2/v2/credentials/1".to_owned()));
        assert_eq!(url(&[(RELATIVE, "/v2/credentials/1")]), expected);
        assert_eq!(url(&[(RELATIVE, "/v2/credentials/1"), (FULL, "http://127.0.0.1/")]), expected);
        for good in [
            "http://127.0.0.1:8080/keys",
            "http://localhost/keys",
            "http://169.254.170.2/keys",
            "http://169.254.170.23/v1/credentials",
            "http://[fd00:ec2::23]/v1/credentials",
        ] {
            assert_eq!(url(&[(FULL, good)]), Ok(Some(good.to_owned())));
        }
        for bad in [
            "http://169.254.169.254/keys",
            "http://[fd00:ec2::254]/keys",
            "http://10.0.0.1/keys",
            "http://keys.test/",
            "https://127.0.0.1/keys",
            "keys",
        ] {
            assert!(url(&[(FULL, bad)]).is_err(), "{bad}");
        }
        for bad in ["keys", "@evil.test/", ".evil.test/"] {
            assert!(url(&[(RELATIVE, bad)]).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_token_may_be_in_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, "from-file\n").unwrap();
        let path = path.to_str().unwrap();
        let of = |variables: &[(&str, &str)]| token(&surroundings(variables, None));
        assert_eq!(of(&[]), Ok(None));
        assert_eq!(of(&[(TOKEN, "t")]), Ok(Some("t".into())));
        assert_eq!(of(&[(TOKEN, "t"), (TOKEN_FILE, path)]), Ok(Some("from-file".into())));
        assert!(of(&[(TOKEN_FILE, "/nowhere/token")]).is_err());
    }
}
