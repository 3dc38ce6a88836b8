//! The purl qualifier `repository_url`.

/// Returns the registry and path of a `repository_url`, without scheme and outer slashes.
///
/// # Errors
/// Fails if the URL does not name a registry or repository.
pub(crate) fn repository(url: &str) -> Result<&str, String> {
    let scheme_less = url.split_once("://").map_or(url, |(_, rest)| rest);
    let repository = scheme_less.trim_matches('/');
    if repository.is_empty() || repository.contains(['@', '?', '#']) {
        return Err(format!("its repository_url `{url}` is not a registry or repository"));
    }
    Ok(match repository {
        // The purl specification defines this registry as the default for the type `docker`.
        "hub.docker.com" | "registry.hub.docker.com" => "docker.io",
        other => other,
    })
}
