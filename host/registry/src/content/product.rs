//! Recognises the product behind a registry by its name and its answer to `GET /v2/`, without a credential.

use longshore_store::Operation;
use reqwest::header::{HeaderMap, HeaderName, SERVER, WWW_AUTHENTICATE};

use crate::error::Failed as _;
use crate::{Client, RegistryError};

/// A product that was recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Product {
    /// The name of the repository type for it.
    pub name: &'static str,
    /// What gave it away.
    pub sign: &'static str,
}

const HARBOR: Product =
    Product { name: "harbor", sign: "its token service is Harbor's (/service/token)" };
const ECR_HOST: Product = Product { name: "ecr", sign: "its host is one of Amazon ECR" };
const ECR: Product = Product { name: "ecr", sign: "it asks for the password of ecr.amazonaws.com" };
const QUAY: Product = Product { name: "quay", sign: "its token service is Quay's (/v2/auth)" };
const GITLAB: Product =
    Product { name: "gitlab", sign: "its token service is GitLab's (/jwt/auth)" };
const GITEA: Product = Product { name: "gitea", sign: "its token service is Gitea's (/v2/token)" };
const ARTIFACTORY: Product =
    Product { name: "artifactory", sign: "its token service is Artifactory's (/api/docker/…)" };
const ARTIFACTORY_HEADER: Product =
    Product { name: "artifactory", sign: "it names itself (X-JFrog-Version)" };
const NEXUS: Product = Product { name: "nexus", sign: "it asks for the password of a Nexus" };
const NEXUS_HEADER: Product = Product { name: "nexus", sign: "it names itself (Server)" };

impl Client {
    /// Recognises the product behind the registry. Returns `None` if nothing gives it away.
    ///
    /// # Errors
    /// If the registry does not answer.
    pub async fn product(&self) -> Result<Option<Product>, RegistryError> {
        if let Some(product) = of_host(self.registry.host()) {
            return Ok(Some(product));
        }
        let operation = Operation::new("recognise the registry", &self.registry);
        let answer = self.ping(None).await.map_err(|cause| operation.failed(cause))?;
        Ok(of_answer(answer.headers()))
    }
}

/// Recognises a service by its host.
fn of_host(host: &str) -> Option<Product> {
    let labels: Vec<&str> = host.split('.').collect();
    match labels[..] {
        [account, "dkr", "ecr" | "ecr-fips", _, "amazonaws", ..]
        | [account, "dkr-ecr", _, "on", "aws"]
            if account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            Some(ECR_HOST)
        }
        ["quay", "io"] => Some(Product { name: "quay", sign: "it is quay.io" }),
        ["registry", "gitlab", "com"] => {
            Some(Product { name: "gitlab", sign: "it is gitlab.com's" })
        }
        _ => None,
    }
}

/// Recognises a product by its challenge, or by a header with its name.
fn of_answer(headers: &HeaderMap) -> Option<Product> {
    let mut challenges = headers.get_all(WWW_AUTHENTICATE).iter();
    challenges.find_map(|value| of_challenge(value.to_str().ok()?)).or_else(|| of_header(headers))
}

/// Recognises a product by its challenge. Realm and service must both be the product's own.
fn of_challenge(challenge: &str) -> Option<Product> {
    let parameter = |name: &str| {
        let (_, rest) = challenge.split_once(&format!("{name}=\""))?;
        rest.split('"').next()
    };
    let realm = parameter("realm")?;
    if realm == "Sonatype Nexus Repository Manager" {
        return Some(NEXUS);
    }
    let service = parameter("service")?;
    let (path, is_token) = (path_of(realm)?, challenge.starts_with("Bearer "));
    match (is_token, path, service) {
        (true, "/service/token", "harbor-registry") => Some(HARBOR),
        (true, "/v2/auth", service) if host_of(realm) == Some(service) => Some(QUAY),
        (true, "/jwt/auth", "container_registry") => Some(GITLAB),
        (true, path, "container_registry") if path.ends_with("/v2/token") => Some(GITEA),
        (true, path, service)
            if path.contains("/api/docker/")
                && path.ends_with("/v2/token")
                && host_of(realm) == Some(service) =>
        {
            Some(ARTIFACTORY)
        }
        (false, _, "ecr.amazonaws.com") => Some(ECR),
        _ => None,
    }
}

/// Recognises a product by a header that holds its name and version.
fn of_header(headers: &HeaderMap) -> Option<Product> {
    let starts = |name: HeaderName, start: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.is_some_and(|value| value.starts_with(start))
    };
    if starts(HeaderName::from_static("x-jfrog-version"), "Artifactory/") {
        return Some(ARTIFACTORY_HEADER);
    }
    starts(SERVER, "Nexus/3").then_some(NEXUS_HEADER)
}

fn path_of(realm: &str) -> Option<&str> {
    let (_, rest) = realm.split_once("://")?;
    Some(rest.find('/').map_or("/", |at| &rest[at..]))
}

fn host_of(realm: &str) -> Option<&str> {
    realm.split_once("://")?.1.split('/').next()
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderMap, HeaderValue, WWW_AUTHENTICATE};

    use super::{of_answer, of_host};

    fn named(challenge: &str) -> Option<&'static str> {
        let mut headers = HeaderMap::new();
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_str(challenge).unwrap());
        of_answer(&headers).map(|product| product.name)
    }

    #[test]
    fn a_challenge_gives_the_product_away() {
        for (challenge, name) in [
            (r#"Bearer realm="https://h.test/service/token",service="harbor-registry""#, "harbor"),
            (r#"Bearer realm="https://q.test/v2/auth",service="q.test""#, "quay"),
            (
                r#"Bearer realm="https://g.test/jwt/auth",service="container_registry",scope="*""#,
                "gitlab",
            ),
            (r#"Basic realm="https://1.dkr.ecr.test/",service="ecr.amazonaws.com""#, "ecr"),
            (
                r#"Bearer realm="https://t.test/v2/token",service="container_registry",scope="*""#,
                "gitea",
            ),
            (r#"Bearer realm="http://t.test:3000/v2/token",service="container_registry""#, "gitea"),
            (
                r#"Bearer realm="https://a.test/artifactory/api/docker/null/v2/token",service="a.test""#,
                "artifactory",
            ),
            (
                r#"Bearer realm="https://x.a.test:443/artifactory/api/docker/x/v2/token",service="x.a.test:443""#,
                "artifactory",
            ),
            (r#"BASIC realm="Sonatype Nexus Repository Manager""#, "nexus"),
        ] {
            assert_eq!(named(challenge), Some(name), "{challenge}");
        }
    }

    #[test]
    fn half_a_sign_is_none() {
        for challenge in [
            r#"Bearer realm="https://h.test/service/token",service="other""#,
            r#"Bearer realm="https://h.test/token",service="harbor-registry""#,
            r#"Bearer realm="https://q.test/v2/auth",service="other.test""#,
            r#"Bearer realm="https://g.test/v2/token",service="other",scope="*""#,
            r#"Bearer realm="https://g.test/token",service="container_registry",scope="*""#,
            r#"Basic realm="https://g.test/v2/token",service="container_registry""#,
            r#"Bearer realm="https://a.test/api/docker/null/v2/token",service="other.test""#,
            r#"Bearer realm="https://a.test/docker/null/v2/token",service="a.test""#,
            r#"Basic realm="Artifactory Realm""#,
            r#"Basic realm="Sonatype""#,
            r#"Bearer realm="https://n.test/v2/token",service="https://n.test/v2/token""#,
            r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io""#,
            r#"Basic realm="Registry Realm""#,
            r#"Basic realm="https://h.test/service/token",service="harbor-registry""#,
            "Bearer",
            "",
        ] {
            assert_eq!(named(challenge), None, "{challenge}");
        }
        assert!(of_answer(&HeaderMap::new()).is_none());
    }

    #[test]
    fn a_header_with_its_name_gives_a_product_away() {
        for (name, value, expected) in [
            ("x-jfrog-version", "Artifactory/7.104.6 80406900", Some("artifactory")),
            ("server", "Nexus/3.80.0-06 (COMMUNITY)", Some("nexus")),
            ("server", "Nexus/3.18.1-01 (OSS)", Some("nexus")),
            ("x-jfrog-version", "7.1", None),
            ("server", "nginx", None),
            ("server", "Nexus/2.15.1-02", None),
            ("server", "My Nexus/3", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_static(value));
            let found = of_answer(&headers).map(|product| product.name);
            assert_eq!(found, expected, "{name}: {value}");
            // What the challenge says counts more.
            let harbor = r#"Bearer realm="https://h.test/service/token",service="harbor-registry""#;
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(harbor));
            assert_eq!(of_answer(&headers).map(|product| product.name), Some("harbor"));
        }
    }

    #[test]
    fn services_are_known_by_their_hosts() {
        let name = |host: &str| of_host(host).map(|product| product.name);
        for host in [
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com",
            "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn",
            "123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com",
            "123456789012.dkr-ecr.eu-west-1.on.aws",
        ] {
            assert_eq!(name(host), Some("ecr"), "{host}");
        }
        assert_eq!(name("quay.io"), Some("quay"));
        assert_eq!(name("registry.gitlab.com"), Some("gitlab"));
        for host in ["1.dkr.ecr.eu-west-1.amazonaws.com", "quay.io.test", "public.ecr.aws", "a"] {
            assert_eq!(name(host), None, "{host}");
        }
    }
}
