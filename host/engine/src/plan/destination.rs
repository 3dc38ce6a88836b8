//! Parses the stores that flags name.

use longshore_oci::{LayoutsName, Registry, StoreName};

use super::PlanError;

/// Parses the store that `flag` names: `-s`, `-d` or an environment variable.
///
/// # Errors
/// If `value` is neither `host[:port]` nor `oci:DIR`.
pub fn parse_store_flag(flag: &'static str, value: &str) -> Result<StoreName, PlanError> {
    if let Some(layouts) = LayoutsName::parse(value).filter(|_| !value.starts_with("oci://")) {
        return Ok(StoreName::Layouts(layouts));
    }
    parse_registry_flag(flag, value).map(StoreName::Registry)
}

/// Parses the registry that `flag` names. For a scheme or a path, the hint tells what to write
/// instead.
///
/// # Errors
/// If `value` is not `host[:port]`.
pub fn parse_registry_flag(flag: &'static str, value: &str) -> Result<Registry, PlanError> {
    let refused = |why: &str, hint: String| PlanError::Registry {
        flag,
        value: value.to_owned(),
        why: why.to_owned(),
        hint,
    };
    let write =
        if flag.starts_with('-') { format!("write {flag} ") } else { format!("write {flag}=") };
    if LayoutsName::parse(value).is_some() && !value.starts_with("oci://") {
        let why = "image lists cannot name a folder of image layouts";
        return Err(refused(why, format!("{write}host or host:port")));
    }
    if value == "oci:" {
        return Err(refused(
            "it does not name a folder",
            format!("{write}oci:DIR, or a registry without a scheme"),
        ));
    }
    if let Some((scheme, rest)) = value.split_once("://") {
        let host = rest.split('/').next().unwrap_or(rest);
        let insecure =
            if scheme == "http" { " (plain HTTP is allowed by --tls-verify=false)" } else { "" };
        return Err(refused("it has a scheme", format!("{write}{host}{insecure}")));
    }
    if let Some((host, path)) = value.split_once('/') {
        let path = path.trim_end_matches('/');
        let hint = match (flag, path) {
            (_, "") => format!("{write}{host}"),
            ("-s", _) => format!("{write}{host}; the path belongs into the list"),
            ("-d", _) => {
                format!("{write}{host} --rewrite prefix --plugin-config prefix.prefix={path}")
            }
            _ => format!(
                "{write}{host} and give --rewrite prefix --plugin-config prefix.prefix={path}"
            ),
        };
        return Err(refused("it has a path", hint));
    }
    let registry = value.parse().map_err(|error: longshore_oci::ReferenceError| {
        refused(&error.to_string(), format!("{write}host or {}host:port", &write["write ".len()..]))
    })?;
    if !Registry::looks_like_one(value) {
        let why = "a word without a dot or a port is not a registry in a reference";
        let hint = format!("{write}host:port or the registry's full name");
        return Err(refused(why, hint));
    }
    Ok(registry)
}

#[cfg(test)]
mod tests {
    use super::parse_registry_flag;

    #[test]
    fn the_hint_says_what_to_write() {
        let hint = |flag, value| parse_registry_flag(flag, value).unwrap_err().hint().unwrap();
        assert_eq!(hint("-d", "https://a.io/b"), "write -d a.io");
        assert!(hint("-d", "http://a.io").contains("--tls-verify=false"));
        assert_eq!(
            hint("-d", "a.io/team/x"),
            "write -d a.io --rewrite prefix --plugin-config prefix.prefix=team/x"
        );
        assert_eq!(hint("-s", "a.io/"), "write -s a.io");
        assert_eq!(hint("-d", "a b"), "write -d host or -d host:port");
        assert_eq!(hint("DOCKER_REGISTRY", "https://a.io"), "write DOCKER_REGISTRY=a.io");
        assert_eq!(parse_registry_flag("-d", "a.io:5000").unwrap().as_str(), "a.io:5000");
    }
}
